//! `POST /oauth/introspect` (RFC 7662).

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use keyway_domain::opaque::RefreshToken;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App,
    oauth::{
        access_token, answer,
        client_auth::{self, Client},
        error::{OauthError, OauthProblem},
        form,
        revoke::OwnToken,
    },
};

/// What is known of a token.
#[derive(ToSchema)]
#[expect(dead_code, reason = "what the document says; `introspect` makes it")]
pub(crate) struct Introspection {
    /// `false`: nothing else is told, not even why.
    active: bool,
    iss: Option<String>,
    client_id: Option<Uuid>,
    /// The credential behind it.
    sub: Option<Uuid>,
    exp: Option<i64>,
    iat: Option<i64>,
    scope: Option<String>,
    token_type: Option<String>,
    /// What it is bound to: `jkt` (RFC 9449), `x5t#S256` (RFC 8705).
    cnf: Option<std::collections::BTreeMap<String, String>>,
}

/// Look at a token.
///
/// RFC 7662. Only your own tokens are active; a public client is told nothing.
#[utoipa::path(
    post, path = "/oauth/introspect", operation_id = "introspectToken", tag = "OAuth",
    request_body(content = OwnToken, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Whether it is good.", body = Introspection),
        (status = 400, description = "`invalid_request`: malformed, missing or repeated.", body = OauthProblem),
        (status = 401, description = "`invalid_client`: the client is unknown, or its proof is missing or wrong.", body = OauthProblem),
        (status = 413, description = "`invalid_request`: the body is larger than 64 kB.", body = OauthProblem),
        (status = 429, description = "`slow_down`: too many wrong proofs.", body = OauthProblem, headers(("Retry-After" = u64, description = "Seconds to wait."))),
        (status = 500, description = "`server_error`: our fault.", body = OauthProblem),
        (status = 503, description = "`temporarily_unavailable`: try again in a moment.", body = OauthProblem),
    )
)]
pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    payload: web::Payload,
) -> HttpResponse {
    match introspect(&app, &request, payload).await {
        Ok(body) => HttpResponse::Ok()
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .json(body),
        Err(error) => error.respond(),
    }
}

async fn introspect(
    app: &App,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<Value, OauthError> {
    let now = app.now();
    let form = form::read(request, payload).await?;
    let endpoint = app.public_url.join("/oauth/introspect");
    let client = client_auth::authenticate(app, request, &form, &endpoint, now).await?;
    if client.is_public() {
        // Anybody could ask in its name (RFC 7662 section 2.1).
        return Err(OauthError::InvalidClient {
            detail: "a public client asks about a token",
            basic: false,
        });
    }
    let token = form::required(&form, "token")?;
    let found = match RefreshToken::parse(token) {
        Some(token) => refresh_token(app, &client, &token).await?,
        None => own_token(app, &client, token).await?,
    };
    Ok(match found {
        Some(mut members) => {
            members.insert("active".into(), true.into());
            members.insert("iss".into(), app.public_url.as_str().into());
            members.insert("client_id".into(), client.app.id.uuid().to_string().into());
            Value::Object(members)
        }
        // Nothing else: not even why (section 2.2).
        None => json!({"active": false}),
    })
}

async fn refresh_token(
    app: &App,
    client: &Client,
    token: &RefreshToken,
) -> Result<Option<Map<String, Value>>, OauthError> {
    let now = app.now();
    let leeway = answer::seconds(client.app.settings.refresh_token_leeway);
    let digest = app.ring.digest(token);
    let found = app.store.find_refresh_token(digest, leeway, now).await?;
    let good = found.filter(|found| found.is_good && found.oauth_app_id() == client.app.id);
    Ok(good.map(|found| {
        let mut members = Map::new();
        members.insert("sub".into(), json!(found.credential_id().uuid()));
        members.insert("iat".into(), found.created_at.timestamp().into());
        members.insert("exp".into(), found.expires_at.timestamp().into());
        if let Some(jkt) = &found.dpop_jkt {
            members.insert("cnf".into(), json!({"jkt": jkt}));
        }
        members
    }))
}

async fn own_token(
    app: &App,
    client: &Client,
    token: &str,
) -> Result<Option<Map<String, Value>>, OauthError> {
    let now = app.now();
    let keys = app.signing_keys.current(app, now).await?;
    let Ok(token) = access_token::verify(app, &keys, token, now) else {
        return Ok(None);
    };
    if token.client != client.app.id {
        return Ok(None);
    }
    let found = app
        .store
        .find_credential_of_family(token.family, token.client, token.credential)
        .await?;
    Ok(found.map(|_| {
        let mut members = Map::new();
        members.insert("sub".into(), json!(token.credential.uuid()));
        members.insert("iat".into(), token.issued_at.into());
        members.insert("exp".into(), token.expires_at.into());
        let kind = if token.key.is_some() {
            "DPoP"
        } else {
            "Bearer"
        };
        members.insert("token_type".into(), kind.into());
        members.extend(token.scope.map(|scope| ("scope".to_owned(), scope.into())));
        let mut cnf = Map::new();
        cnf.extend(token.key.map(|jkt| ("jkt".to_owned(), jkt.into())));
        cnf.extend(
            token
                .certificate
                .map(|x5t| ("x5t#S256".to_owned(), x5t.into())),
        );
        if !cnf.is_empty() {
            members.insert("cnf".into(), Value::Object(cnf));
        }
        members
    }))
}
