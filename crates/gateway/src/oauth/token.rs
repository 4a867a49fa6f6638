//! `POST /oauth/token` (RFC 6749 section 3.2).

use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};

use crate::{
    App,
    oauth::{
        client_auth::{self, Client},
        code_grant,
        dpop::{self, BadProof, Expected},
        error::OauthError,
        form, refresh_grant, token_exchange,
    },
};

/// Exchange a code, or a refresh token.
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
