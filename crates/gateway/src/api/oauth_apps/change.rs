//! `PATCH /v1/oauth-apps/{id}`.

use actix_web::{HttpRequest, HttpResponse, web};
use keyway_domain::{
    SecretString, api_token::ApiScope, audit::Actor, client_settings::ClientSettings,
    ids::OauthAppId, metadata, oauth_app, sealed::Place,
};
use keyway_store::OauthAppChange;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    App,
    api::{
        bearer, body,
        error::{ApiError, ErrorBody},
        idempotency::Reply,
        oauth_apps::{
            Shown, WHAT,
            create::scopes,
            settings::{self, OauthAppSettings},
        },
        path,
        problems::Problems,
        revision::{self, IfMatch},
    },
    error::Fault,
};

/// What to change; what is absent stays. Provider and client id cannot change: credentials hang on
/// them.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OauthAppChange)]
pub(crate) struct Change {
    /// Name for people.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// The provider's new client secret.
    #[schema(value_type = Option<String>, write_only, min_length = 1, max_length = 16000)]
    client_secret: Option<SecretString>,
    /// Scopes to ask for; `null`: the catalogue's default.
    #[serde(default, deserialize_with = "body::nullable")]
    #[schema(value_type = Option<Vec<String>>)]
    #[expect(clippy::option_option, reason = "absent, null, or there")]
    scopes: Option<Option<Vec<String>>>,
    /// In place of what was there; at most 16 kB.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    /// In place of what was there.
    #[serde(default, deserialize_with = "body::object")]
    #[schema(value_type = Option<OauthAppSettings>)]
    settings: Option<ClientSettings>,
}

/// Change an OAuth app.
#[utoipa::path(
    patch, path = "/v1/oauth-apps/{id}", operation_id = "changeOauthApp", tag = "OAuth apps",
    security(("api_token" = ["oauth_apps:write"])),
    params(("id" = Uuid, Path, description = "Its id."), IfMatch),
    request_body = Change,
    responses(
        (status = 200, description = "As it is now.", body = Shown, headers(("ETag" = String, description = "Its revision."))),
        (status = 404, description = "There is no such OAuth app.", body = ErrorBody),
        (status = 412, description = "It was changed since: its revision is not that of `If-Match`.", body = ErrorBody),
        (status = 422, description = "Some fields are not valid.", body = ErrorBody),
    )
)]
pub(crate) async fn patch(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::OAUTH_APPS_WRITE, now).await?;
    let id: OauthAppId = path::id(&request, WHAT)?;
    let read: Change = body::parse(&body::read(&request, payload).await?)?;
    let (mut change, secret) = check(read)?;
    change.revision = revision::expected(&request)?;
    if let Some(secret) = secret {
        let place = Place::oauth_app_client_secret(id, token.account_id);
        change.sealed_client_secret = Some(app.seal(&place, &secret).map_err(Fault::from)?);
    }
    let actor = Actor::ApiToken(token.id);
    let changed = app
        .store
        .update_oauth_app(token.account_id, id, &change, actor, now)
        .await?;
    match changed {
        Some(found) => Ok(Reply::ok(&Shown::of(&found))?
            .of_revision(found.revision)
            .respond()),
        None if app
            .store
            .find_oauth_app(token.account_id, id)
            .await?
            .is_some() =>
        {
            Err(ApiError::PreconditionFailed)
        }
        None => Err(ApiError::NotFound(WHAT)),
    }
}

fn check(read: Change) -> Result<(OauthAppChange, Option<SecretString>), ApiError> {
    let mut problems = Problems::default();
    let name = read.name.as_deref().map(oauth_app::name).transpose();
    let name = problems.take("name", name).flatten();
    let secret = read.client_secret.as_ref().map(oauth_app::client_secret);
    let secret = problems.take("client_secret", secret.transpose()).flatten();
    let scopes = read.scopes.map(|list| scopes(list.as_deref())).transpose();
    let scopes = problems.take("scopes", scopes).flatten();
    if let Some(metadata) = &read.metadata {
        problems.take("metadata", metadata::check(metadata));
    }
    if let Some(settings) = &read.settings {
        settings::check(&mut problems, settings);
    }
    let change = OauthAppChange {
        name,
        scopes,
        metadata: read.metadata,
        settings: read.settings,
        ..OauthAppChange::default()
    };
    problems.settle(Some((change, secret)))
}
