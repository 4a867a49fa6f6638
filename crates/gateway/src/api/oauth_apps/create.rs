//! `POST /v1/oauth-apps`.

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
    /// The provider's client id.
    #[schema(min_length = 1, max_length = 500)]
    client_id: String,
    /// The provider's client secret.
    #[schema(value_type = String, write_only, min_length = 1, max_length = 4000)]
    client_secret: SecretString,
    /// Name for people.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Scopes to ask for; none: the catalogue's default.
    scopes: Option<Vec<String>>,
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
    let checked = check(app, read)?;
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
    Ok(Reply::created(&Shown::of(&found))?.of_revision(found.revision))
}

struct Checked {
    provider: ProviderSlug,
    name: String,
    client_id: String,
    client_secret: SecretString,
    scopes: Option<Scopes>,
    metadata: Map<String, Value>,
}

fn check(app: &App, read: NewOauthAppBody) -> Result<Checked, ApiError> {
    let mut problems = Problems::default();
    let provider = ProviderSlug::parse(&read.provider)
        .ok()
        .filter(|slug| app.catalogue.find(slug).is_some())
        .ok_or("there is no such provider; GET /v1/providers lists all");
    let provider = problems.take("provider", provider);
    let name = problems.take("name", oauth_app::name(&read.name));
    let client_id = problems.take("client_id", oauth_app::client_id(&read.client_id));
    let secret = oauth_app::client_secret(&read.client_secret);
    let client_secret = problems.take("client_secret", secret);
    let scopes = problems.take("scopes", scopes(read.scopes.as_deref()));
    let metadata = read.metadata.unwrap_or_default();
    problems.take("metadata", metadata::check(&metadata));
    let made = (provider, name, client_id, client_secret, scopes);
    problems.settle(match made {
        (Some(provider), Some(name), Some(client_id), Some(client_secret), Some(scopes)) => {
            Some(Checked {
                provider,
                name,
                client_id,
                client_secret,
                scopes,
                metadata,
            })
        }
        _ => None,
    })
}

/// Scopes as a list; none or an empty one means the catalogue's default.
pub(super) fn scopes(list: Option<&[String]>) -> Result<Option<Scopes>, InvalidField> {
    oauth_app::listed_scopes(list.unwrap_or_default().iter().map(String::as_str))
}
