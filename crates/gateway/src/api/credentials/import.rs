//! `POST /v1/credentials`.

use std::collections::BTreeMap;

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use keyway_domain::{api_token::ApiScope, audit::Actor, credential, ids::OauthAppId};
use keyway_store::FoundApiToken;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App,
    api::{
        bearer, body,
        credentials::{EndUser, Shown, WHAT},
        error::{ApiError, ErrorBody},
        idempotency::{self, IdempotencyKey, Reply},
    },
    transfer::import::{ImportError, Importer, Incoming},
};

/// A credential that a provider granted elsewhere.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCredential {
    /// The app with the client that the tokens were granted to.
    oauth_app_id: Uuid,
    /// `kind`, and what the kind has, in clear: what the code exchange and the export answer. What
    /// each kind has is in the catalogue.
    #[schema(value_type = Object, example = json!({"kind": "linear_oauth2", "access_token": "…", "refresh_token": "…"}))]
    properties: Map<String, Value>,
    /// A name; absent: that which it has stays.
    #[schema(min_length = 1, max_length = 200)]
    name: Option<String>,
    /// What you keep with it, at most 16 kB; absent: what it has stays.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    /// Whose it is on your side; absent: whose it was.
    #[serde(default, deserialize_with = "body::object")]
    #[schema(value_type = Option<EndUser>)]
    end_user: Option<credential::EndUser>,
}

/// Import a credential.
///
/// Another import of the same external account to the same app renews its
/// credential, which keeps its id.
#[utoipa::path(
    post, path = "/v1/credentials", operation_id = "importCredential", tag = "Credentials",
    security(("api_token" = ["credentials:write"])),
    params(IdempotencyKey),
    request_body = NewCredential,
    responses(
        (status = 200, description = "The credential of this external account is renewed.", body = Shown, headers(("ETag" = String, description = "Its revision."))),
        (status = 201, description = "It is imported.", body = Shown, headers(("ETag" = String, description = "Its revision."))),
        (status = 409, description = "A request with this `Idempotency-Key` is still under way.", body = ErrorBody),
        (status = 422, description = "Some fields are not valid: those of the properties are named `properties.NAME`.", body = ErrorBody),
    )
)]
pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, ApiError> {
    let now = app.now();
    let token = bearer::authorize(&app, &request, ApiScope::CREDENTIALS_WRITE, now).await?;
    let body = body::read(&request, payload).await?;
    let account = token.account_id;
    idempotency::once(&app, &request, account, &body, now, async || {
        import(&app, &token, body::parse(&body)?, now).await
    })
    .await
}

async fn import(
    app: &App,
    token: &FoundApiToken,
    read: NewCredential,
    now: DateTime<Utc>,
) -> Result<Reply, ApiError> {
    let client = OauthAppId::from(read.oauth_app_id);
    let incoming = Incoming {
        name: read.name,
        properties: read.properties,
        metadata: read.metadata,
        end_user: read.end_user,
    };
    let desk = Importer {
        store: &app.store,
        ring: &app.ring,
        catalogue: &app.catalogue,
        random: app.random.as_ref(),
    };
    let actor = Actor::ApiToken(token.id);
    let account = token.account_id;
    let imported = desk
        .import(account, client, incoming, actor, now)
        .await
        .map_err(refusal)?;
    let found = app.store.find_credential(account, imported.id).await?;
    let found = found.ok_or(ApiError::NotFound(WHAT))?;
    let revision = found.revision;
    let shown = Shown::read(app, found).await?;
    let reply = if imported.is_new {
        Reply::created(&shown)
    } else {
        Reply::ok(&shown)
    };
    Ok(reply?.of_revision(revision))
}

fn refusal(error: ImportError) -> ApiError {
    match error {
        // The API takes properties alone, and asks no provider.
        ImportError::NoApp | ImportError::NoProvider | ImportError::Provider(_) => {
            ApiError::field("oauth_app_id", error.to_string())
        }
        ImportError::Invalid(problems) => {
            let mut gathered = BTreeMap::<String, Vec<String>>::new();
            for (field, why) in problems {
                gathered.entry(field).or_default().push(why);
            }
            ApiError::Invalid(gathered)
        }
        ImportError::Fault(fault) => fault.into(),
    }
}
