//! Credentials from elsewhere.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use keyway_catalogue::Providers;
use keyway_domain::{
    Random, SecretString,
    audit::Actor,
    credential::{self, EndUser, NewGrant},
    ids::{AccountId, GrantId, OauthAppId},
    metadata,
    sealed::Place,
};
use keyway_providers::{Provider, ProviderError, import::Imported};
use keyway_store::{Import, ImportedCredential, OauthApp, Store};
use keyway_vault::KeyRing;
use serde_json::{Map, Value};

use crate::error::Fault;

/// What an import needs.
#[derive(Debug, Clone, Copy)]
pub struct Importer<'a> {
    /// Where it is kept.
    pub store: &'a Store,
    /// What seals it.
    pub ring: &'a KeyRing,
    /// What it is read by.
    pub catalogue: &'a Providers,
    /// For ids.
    pub random: &'a dyn Random,
}

/// A credential, as it comes.
#[derive(Debug, Clone, Default)]
pub struct Incoming {
    /// A name; none leaves what is there.
    pub name: Option<String>,
    /// `kind`, and what the kind has, in clear.
    pub properties: Map<String, Value>,
    /// What the client keeps with it; none leaves what is there.
    pub metadata: Option<Map<String, Value>>,
    /// Whose it is on the client's side; none leaves what is there.
    pub end_user: Option<EndUser>,
}

/// Why a credential is not imported. Nothing is kept then.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The account has no such app.
    #[error("there is no such OAuth app")]
    NoApp,
    /// The app's provider has no definition any more.
    #[error("its provider is not in the catalogue")]
    NoProvider,
    /// Fields that are wrong, each with a sentence. No secret is in them.
    #[error("{}", sentences(.0))]
    Invalid(Vec<(String, String)>),
    /// The provider does not know the tokens.
    #[error("the provider: {0}")]
    Provider(#[from] ProviderError),
    /// A failure that is ours.
    #[error(transparent)]
    Fault(#[from] Fault),
}

fn sentences(problems: &[(String, String)]) -> String {
    let lines = problems
        .iter()
        .map(|(field, why)| format!("{field}: {why}"));
    lines.collect::<Vec<_>>().join("; ")
}

impl Importer<'_> {
    /// Imports a credential, or renews that of the same external account.
    ///
    /// # Errors
    /// [`ImportError`].
    pub async fn import(
        &self,
        account: AccountId,
        app: OauthAppId,
        incoming: Incoming,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<ImportedCredential, ImportError> {
        let (found, provider) = self.find(account, app).await?;
        let imported = check(&provider, &found, &incoming, now).map_err(ImportError::Invalid)?;
        let client = (provider.as_ref(), &found);
        self.keep(client, imported, incoming, actor, now).await
    }

    /// The app, and what its provider is.
    pub(super) async fn find(
        &self,
        account: AccountId,
        app: OauthAppId,
    ) -> Result<(OauthApp, Arc<Provider>), ImportError> {
        let found = self.store.find_oauth_app(account, app).await;
        let found = found.map_err(Fault::from)?.ok_or(ImportError::NoApp)?;
        let provider = self.catalogue.find(account, &found.provider).await;
        let provider = provider.map_err(Fault::from)?;
        Ok((found, provider.ok_or(ImportError::NoProvider)?))
    }

    /// Seals what was read and stores it with what comes along.
    pub(super) async fn keep(
        &self,
        (provider, app): (&Provider, &OauthApp),
        imported: Imported,
        incoming: Incoming,
        actor: Actor,
        now: DateTime<Utc>,
    ) -> Result<ImportedCredential, ImportError> {
        let import = Import {
            account_id: app.account_id,
            oauth_app_id: app.id,
            grant: self.seal(provider, app, &imported, now)?,
            variables: imported.variables,
            name: incoming.name,
            metadata: incoming.metadata,
            end_user: incoming.end_user,
        };
        let kept = self.store.import_credential(&import, actor, now).await;
        kept.map_err(Fault::from)?.ok_or(ImportError::NoApp)
    }

    fn seal(
        &self,
        provider: &Provider,
        app: &OauthApp,
        imported: &Imported,
        now: DateTime<Utc>,
    ) -> Result<NewGrant, Fault> {
        let id = GrantId::generate(now, self.random);
        let text = serde_json::to_string(&imported.secrets);
        let text = SecretString::new(text.map_err(|_| Fault::Unreadable("grant"))?);
        let place = Place::grant_secrets(id, app.account_id);
        let names = imported.properties.secret.names();
        Ok(NewGrant {
            id,
            kind: provider.definition.credential.kind.clone(),
            external: imported.external.clone(),
            public: imported.properties.public.clone(),
            secret_names: names.map(str::to_owned).collect(),
            sealed_secrets: self.ring.seal(&place, &text, self.random)?,
            token_type: imported.token_type.clone(),
            scopes: imported.scopes.clone(),
            expires_at: imported.expires_at,
            refresh_expires_at: imported.refresh_expires_at,
            refresh_at: provider.refresh_at(
                provider.is_renewable(&imported.secrets),
                imported.expires_at,
                imported.refresh_expires_at,
                now,
                self.random,
            ),
        })
    }
}

/// All that is wrong, at once; or what the properties say.
fn check(
    provider: &Provider,
    app: &OauthApp,
    incoming: &Incoming,
    now: DateTime<Utc>,
) -> Result<Imported, Vec<(String, String)>> {
    let mut problems = problems(incoming);
    match provider.import(&app.variables, &incoming.properties, now) {
        Ok(imported) if problems.is_empty() => Ok(imported),
        Ok(_) => Err(problems),
        Err(faults) => {
            problems.extend(faults.into_iter().map(|fault| (fault.field, fault.reason)));
            Err(problems)
        }
    }
}

/// What is wrong with what comes along.
pub(super) fn problems(incoming: &Incoming) -> Vec<(String, String)> {
    let mut problems: Vec<(String, String)> = Vec::new();
    if let Some(Err(why)) = incoming.name.as_deref().map(credential::name) {
        problems.push(("name".into(), why.to_string()));
    }
    if let Some(Err(why)) = incoming.metadata.as_ref().map(metadata::check) {
        problems.push(("metadata".into(), why.to_string()));
    }
    for (field, why) in incoming.end_user.iter().flat_map(EndUser::problems) {
        problems.push((format!("end_user.{field}"), why.to_string()));
    }
    problems
}
