//! `POST /oauth/token` (RFC 6749 section 3.2).

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App,
    oauth::{
        answer::Answer,
        client_auth::{self, Client},
        code_grant,
        dpop::{self, BadProof, Expected},
        error::{OauthError, OauthProblem},
        form, refresh_grant, token_exchange,
    },
};

/// A grant, and the client's proof.
#[derive(ToSchema)]
#[expect(dead_code, reason = "what the document says; each grant reads its own")]
pub(crate) struct TokenForm {
    /// `authorization_code`, `refresh_token` or
    /// `urn:ietf:params:oauth:grant-type:token-exchange`.
    #[schema(example = "authorization_code")]
    grant_type: String,
    /// The Keyway id of the OAuth app; may be left out beside `Authorization: Basic`.
    client_id: Option<Uuid>,
    /// The provider's client secret of the app, or one of `/v1/oauth-apps/{id}/client-secrets`.
    client_secret: Option<String>,
    /// `private_key_jwt` (RFC 7523).
    client_assertion: Option<String>,
    /// That of RFC 7523.
    client_assertion_type: Option<String>,
    /// From your redirect URI.
    code: Option<String>,
    /// The one of the authorization request.
    redirect_uri: Option<String>,
    /// If there was a `code_challenge`.
    code_verifier: Option<String>,
    /// The newest one.
    refresh_token: Option<String>,
    /// No more than was granted.
    scope: Option<String>,
    /// A token that stands for an end user (RFC 8693).
    subject_token: Option<String>,
    /// What that is.
    subject_token_type: Option<String>,
}

/// Exchange a code, a refresh token, or a token of an end user.
///
/// RFC 6749 sections 4.1.3 and 6, RFC 8693. A `DPoP` header binds what is issued to a key (RFC 9449).
#[utoipa::path(
    post, path = "/oauth/token", operation_id = "exchangeGrant", tag = "OAuth",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "Tokens. A refresh token is good once: keep the one of the newest answer.", body = Answer),
        (status = 400, description = "`invalid_request`, `invalid_grant`, `unsupported_grant_type`, `invalid_scope`, `invalid_target`, `invalid_dpop_proof`; or `use_dpop_nonce`, with the nonce in `DPoP-Nonce`.", body = OauthProblem),
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
    match grant(&app, &request, payload).await {
        Ok(response) => response,
        Err(error) => error.respond(),
    }
}

async fn grant(
    app: &web::Data<App>,
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<HttpResponse, OauthError> {
    let now = app.now();
    let form = form::read(request, payload).await?;
    let endpoint = app.public_url.join("/oauth/token");
    // The client first, then its key: what is refused by then has spent nothing.
    let client = client_auth::authenticate(app, request, &form, &endpoint, now).await?;
    if form
        .one("resource")?
        .is_some_and(|resource| resource != app.public_url.as_str())
    {
        return Err(OauthError::Refused {
            code: keyway_domain::oauth_error::ErrorCode::InvalidTarget,
            description: "There is no such resource.".into(),
        });
    }
    let key = proven_key(app, request, &client, now).await?;
    if key.is_none() && client.app.settings.dpop_bound_access_tokens {
        return Err(OauthError::InvalidProof(
            "This client must prove its key: there is no DPoP header.",
        ));
    }
    match form::required(&form, "grant_type")? {
        "authorization_code" => code_grant::redeem(app, &client, &form, key, now).await,
        "refresh_token" => refresh_grant::refresh(app, &client, &form, key, now).await,
        token_exchange::GRANT_TYPE => {
            token_exchange::exchange(app, &client, &form, key.as_deref(), now).await
        }
        other => Err(OauthError::UnsupportedGrantType(
            other.chars().take(80).collect(),
        )),
    }
}

/// The thumbprint of the key that the client proves, if it proves one. A public client must hold
/// our nonce (RFC 9449 section 8): it alone could have its proofs made long before.
pub(super) async fn proven_key(
    app: &App,
    request: &HttpRequest,
    client: &Client,
    now: DateTime<Utc>,
) -> Result<Option<String>, OauthError> {
    let expected = Expected {
        nonce: client.is_public(),
        access_token: None,
    };
    let proven = dpop::prove(app, request, &expected, now).await;
    proven.map_err(|bad| match bad {
        BadProof::Invalid(why) => OauthError::InvalidProof(why),
        BadProof::Nonce { nonce, detail } => OauthError::UseNonce { nonce, detail },
        BadProof::Fault(fault) => OauthError::Fault(fault),
    })
}
