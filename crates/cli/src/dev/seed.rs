//! What a first run of `keyway dev` makes: an admin, an app at the sample provider, a redirect URI.

use anyhow::Context as _;
use keyway_domain::{
    Random, SecretString,
    account::{self, Account, Email},
    ids::OauthAppId,
    provider::ProviderSlug,
    random::OsRandom,
    redirect_uri::RedirectUriTemplate,
};
use keyway_web::Settings;
use serde::{Deserialize, Serialize};

use crate::{
    admins,
    context::Context,
    dev::{directory::Directory, sample_provider::Client},
    oauth_apps::{self, NewApp},
    redirect_uris,
};

/// The database inside the private cluster.
pub(crate) const DATABASE: &str = "keyway";
const ACCOUNT: &str = "Dev";
/// Short name of the account.
pub(crate) const ACCOUNT_SLUG: &str = "dev";
const EMAIL: &str = "admin@localhost";
const CLIENT_ID: &str = "sample-client";

/// What `keyway dev` tells on the screen.
pub(crate) struct Seeded {
    pub(crate) admin: Option<DevAdmin>,
    pub(crate) app: SampleApp,
    pub(crate) provider_url: String,
}

/// The admin that a first run makes, kept so that each start can print the sign-in.
#[derive(Serialize, Deserialize)]
pub(crate) struct DevAdmin {
    pub(crate) email: String,
    pub(crate) password: String,
}

/// The sample client's registration, on both sides.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SampleApp {
    pub(crate) oauth_app_id: OauthAppId,
    pub(crate) client_secret: String,
    pub(crate) callback_url: String,
}

impl SampleApp {
    /// What the sample provider knows of it.
    pub(crate) fn provider_client(&self) -> Client {
        Client {
            id: CLIENT_ID.into(),
            secret: SecretString::from(self.client_secret.as_str()),
            redirect_uri: self.callback_url.clone(),
        }
    }
}

/// Makes the database if it is not there.
pub(crate) async fn create_database(maintenance_url: &str) -> anyhow::Result<()> {
    Ok(keyway_store::create_database(maintenance_url, DATABASE).await?)
}

/// Makes what is missing.
pub(crate) async fn seed(
    settings: &Settings,
    directory: &Directory,
    client_url: &str,
) -> anyhow::Result<Seeded> {
    let context = Context::open(settings).await?;
    let admin = admin(&context, directory).await?;
    let account = context.store.find_account(ACCOUNT_SLUG).await?;
    let account =
        account.context("the account of `keyway dev` is gone; remove .keyway to start anew")?;
    let app = app(&context, settings, directory, &account).await?;
    let redirect_uri = RedirectUriTemplate::parse(&format!("{client_url}/callback/:provider"))?;
    let known = context.store.list_redirect_uris(account.id).await?;
    if !known.iter().any(|uri| uri.uri == redirect_uri) {
        redirect_uris::add(&context, &account, redirect_uri).await?;
    }
    let provider_url = client_url_of_provider(settings)?;
    Ok(Seeded {
        admin,
        app,
        provider_url,
    })
}

fn client_url_of_provider(settings: &Settings) -> anyhow::Result<String> {
    let slug = ProviderSlug::parse("sample")?;
    let catalogue = keyway_gateway::startup::read_catalogue(settings)?;
    let provider = catalogue
        .find(&slug)
        .context("the sample provider is missing")?;
    let authorize = provider.definition.authorize.as_ref();
    let origin = authorize
        .and_then(|authorize| authorize.url.literal_origin())
        .context("the sample provider has no address")?;
    Ok(origin.as_str().trim_end_matches('/').to_owned())
}

async fn admin(context: &Context, directory: &Directory) -> anyhow::Result<Option<DevAdmin>> {
    if context.store.has_admins().await? {
        return directory.read("admin.toml");
    }
    let random: &dyn Random = &OsRandom;
    let password: String = random.token().expose().chars().take(20).collect();
    let admin = DevAdmin {
        email: EMAIL.into(),
        password,
    };
    // The file first: an admin whose password nobody knows is of no use.
    directory.write("admin.toml", &admin)?;
    let password = SecretString::from(admin.password.as_str());
    admins::create(context, ACCOUNT, Email::parse(EMAIL)?, password).await?;
    debug_assert_eq!(account::slug(ACCOUNT).as_deref(), Ok(ACCOUNT_SLUG));
    Ok(Some(admin))
}

/// The app whose file and row belong together; a new pair if one of them is gone.
async fn app(
    context: &Context,
    settings: &Settings,
    directory: &Directory,
    account: &Account,
) -> anyhow::Result<SampleApp> {
    let provider = ProviderSlug::parse("sample")?;
    let callback_url = settings
        .public_url()?
        .join(&format!("/link/oauth2/callback/{provider}"));
    let known: Option<SampleApp> = directory.read("sample.toml")?;
    if let Some(mut known) = known
        && context
            .store
            .find_oauth_app(account.id, known.oauth_app_id)
            .await?
            .is_some()
    {
        // The ports may be others than last time.
        known.callback_url = callback_url;
        return Ok(known);
    }
    let random: &dyn Random = &OsRandom;
    let client_secret = random.token();
    let new = NewApp {
        provider,
        name: "Sample client".into(),
        client_id: CLIENT_ID.into(),
        client_secret: client_secret.clone(),
        variables: std::collections::BTreeMap::new(),
        scopes: None,
    };
    let oauth_app_id = oauth_apps::create(context, settings, account, new)
        .await
        .context("the sample app cannot be registered; remove .keyway to start anew")?;
    let app = SampleApp {
        oauth_app_id,
        client_secret: client_secret.expose().clone(),
        callback_url,
    };
    directory.write("sample.toml", &app)?;
    Ok(app)
}
