//! `POST /v1/oauth-apps`.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use keyway_domain::{
    SecretString,
    api_token::ApiScope,
    audit::Actor,
    ids::OauthAppId,
    metadata,
    oauth_app::{self, InvalidField},
    provider::ProviderSlug,
    scope::Scopes,
    sealed::Place,
};
use keyway_providers::Provider;
use keyway_store::{Conflict, FoundApiToken, NewOauthApp, StoreError};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    App,
    api::{
        bearer, body,
        error::{ApiError, ErrorBody},
        idempotency::{self, IdempotencyKey, Reply},
        oauth_apps::{Shown, WHAT},
        problems::Problems,
    },
    error::Fault,
};

/// A client that was made at a provider.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOauthAppBody {
    /// Slug of the provider.
    #[schema(pattern = "^[a-z0-9][a-z0-9_-]{0,63}$", example = "linear")]
    provider: String,
    /// The provider's client id. Left out where the end user enters a key, and there is no client at
    /// the provider: Keyway makes one.
    #[schema(min_length = 1, max_length = 500)]
    client_id: Option<String>,
    /// The provider's client secret, or the private key that its client proves itself with. Left
    /// out together with `client_id`.
    #[schema(value_type = Option<String>, write_only, min_length = 1, max_length = 16000)]
    client_secret: Option<SecretString>,
    /// Name for people.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Scopes to ask for; none: the catalogue's default.
    scopes: Option<Vec<String>>,
    /// The provider's variables that are yours to set, such as the host of a product that you host
    /// yourself.
    variables: Option<BTreeMap<String, String>>,
    /// What you keep with it; at most 16 kB.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
}

/// Register an OAuth app.
///
/// It is your client at a provider: make it there first, with the provider's `callback_url`.
#[utoipa::path(
    post, path = "/v1/oauth-apps", operation_id = "createOauthApp", tag = "OAuth apps",
    security(("api_token" = ["oauth_apps:write"])),
    params(IdempotencyKey),
    request_body = NewOauthAppBody,
    responses(
        (status = 201, description = "It is registered.", body = Shown, headers(("ETag" = String, description = "Its revision."))),
        (status = 409, description = "A request with this `Idempotency-Key` is still under way.", body = ErrorBody),
        (status = 422, description = "Some fields are not valid, or this client of the provider is registered already.", body = ErrorBody),
    )
)]
pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::OAUTH_APPS_WRITE, now).await?;
    let body = body::read(&request, payload).await?;
    let account = token.account_id;
    idempotency::once(&app, &request, account, &body, now, async || {
        register(&app, &token, body::parse(&body)?, now).await
    })
    .await
}

async fn register(
    app: &App,
    token: &FoundApiToken,
    read: NewOauthAppBody,
    now: DateTime<Utc>,
) -> Result<Reply, ApiError> {
    let provider = match ProviderSlug::parse(&read.provider) {
        Ok(slug) => app.catalogue.find(token.account_id, &slug).await?,
        Err(_) => None,
    };
    let checked = check(app, provider.as_deref(), read)?;
    let id = OauthAppId::generate(now, app.random.as_ref());
    let place = Place::oauth_app_client_secret(id, token.account_id);
    let new = NewOauthApp {
        id,
        account_id: token.account_id,
        provider: checked.provider,
        name: checked.name,
        client_id: checked.client_id,
        sealed_client_secret: app
            .seal(&place, &checked.client_secret)
            .map_err(Fault::from)?,
        scopes: checked.scopes,
        variables: checked.variables,
        metadata: checked.metadata,
        created_at: now,
    };
    match app
        .store
        .insert_oauth_app(&new, Actor::ApiToken(token.id))
        .await
    {
        Ok(()) => {}
        Err(StoreError::Conflict(Conflict::Exists)) => {
            let why = "this client of the provider is registered already";
            return Err(ApiError::field("client_id", why));
        }
        Err(error) => return Err(error.into()),
    }
    let found = app.store.find_oauth_app(token.account_id, id).await?;
    let found = found.ok_or(ApiError::NotFound(WHAT))?;
    let mut shown = Shown::of(&found);
    if checked.is_own {
        shown
            .client_secret
            .clone_from(checked.client_secret.expose());
    }
    Ok(Reply::created(&shown)?.of_revision(found.revision))
}

struct Checked {
    provider: ProviderSlug,
    name: String,
    client_id: String,
    client_secret: SecretString,
    scopes: Option<Scopes>,
    variables: BTreeMap<String, String>,
    metadata: Map<String, Value>,
    /// Keyway made the client: its secret is shown this once.
    is_own: bool,
}

fn check(
    app: &App,
    definition: Option<&Provider>,
    read: NewOauthAppBody,
) -> Result<Checked, ApiError> {
    let mut problems = Problems::default();
    let provider = definition
        .map(|known| known.slug.clone())
        .ok_or("there is no such provider; GET /v1/providers lists all");
    let provider = problems.take("provider", provider);
    let is_entered = definition.is_some_and(|known| known.definition.auth.is_entered());
    let is_own = is_entered && read.client_id.is_none() && read.client_secret.is_none();
    let given = match (&provider, is_own) {
        (Some(slug), true) => oauth_app::own_client(slug, app.random.as_ref()),
        _ => (
            read.client_id.unwrap_or_default(),
            read.client_secret.unwrap_or_else(|| SecretString::from("")),
        ),
    };
    let set = read.variables.unwrap_or_default();
    let variables = definition.map_or(Ok(BTreeMap::new()), |known| {
        known.definition.check_admins(&set)
    });
    let variables = problems.take("variables", variables);
    let name = problems.take("name", oauth_app::name(&read.name));
    let client_id = problems.take("client_id", oauth_app::client_id(&given.0));
    let secret = oauth_app::client_secret(&given.1);
    let client_secret = problems.take("client_secret", secret);
    let scopes = problems.take("scopes", scopes(read.scopes.as_deref()));
    let metadata = read.metadata.unwrap_or_default();
    problems.take("metadata", metadata::check(&metadata));
    let made = provider
        .zip(name)
        .zip(client_id)
        .zip(client_secret)
        .zip(scopes)
        .zip(variables);
    problems.settle(made.map(
        |(((((provider, name), client_id), client_secret), scopes), variables)| Checked {
            provider,
            name,
            client_id,
            client_secret,
            scopes,
            variables,
            metadata,
            is_own,
        },
    ))
}

/// Scopes as a list; none or an empty one means the catalogue's default.
pub(super) fn scopes(list: Option<&[String]>) -> Result<Option<Scopes>, InvalidField> {
    oauth_app::listed_scopes(list.unwrap_or_default().iter().map(String::as_str))
}
