//! A code for a credential (RFC 6749 section 4.1.3).

use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use keyway_domain::{
    authorization_code::AuthorizationCode, ids::RefreshFamilyId, pkce::CodeVerifier,
};
use keyway_store::{NewFamily, OauthRedemption};

use crate::{
    App,
    lifecycle::fresh::Opened,
    link::parameters::Parameters,
    oauth::{
        answer::{self, Granted, Issued},
        client_auth::Client,
        error::OauthError,
        form,
    },
};

/// Redeems a code for the client that proved itself, and its key if it proved one.
///
/// # Errors
/// [`OauthError`].
pub(super) async fn redeem(
    app: &web::Data<App>,
    client: &Client,
    form: &Parameters,
    key: Option<String>,
    now: DateTime<Utc>,
) -> Result<HttpResponse, OauthError> {
    let code = form::required(form, "code")?;
    let redirect_uri = form::required(form, "redirect_uri")?;
    let challenge = match form.one("code_verifier")? {
        None => None,
        Some(text) => {
            let verifier = CodeVerifier::parse(text)
                .ok_or(OauthError::InvalidGrant("code_verifier is not of RFC 7636"))?;
            Some(verifier.challenge())
        }
    };
    let bound = client.bound_certificate()?;
    let code =
        AuthorizationCode::parse(code).ok_or(OauthError::InvalidGrant("code is none of ours"))?;
    let digest = app.ring.digest(&code);
    let issued = Issued::new(app, client, now);
    let settings = &client.app.settings;
    let lifetime = settings.refresh_token_lifetime;
    let redemption = OauthRedemption {
        code: digest,
        app: client.app.id,
        challenge: challenge.as_ref(),
        redirect_uri,
        dpop_jkt: key.as_deref(),
        family: NewFamily {
            id: RefreshFamilyId::generate(now, app.random.as_ref()),
            // A client that proves itself is bound by that (RFC 9449 section 5).
            dpop_jkt: key.as_deref().filter(|_| client.is_public()),
            expires_at: lifetime.map(|seconds| now + answer::seconds(seconds)),
            token: issued.stored.clone(),
        },
    };
    let Some(redeemed) = app.store.redeem_oauth_code(&redemption, now).await? else {
        let why = app
            .store
            .explain_code_refusal(digest, client.app.id, challenge.as_ref(), now)
            .await?;
        return Err(OauthError::InvalidGrant(why.as_str()));
    };
    let found = app
        .store
        .find_stored_credential(redeemed.account_id, redeemed.credential_id)
        .await?
        .ok_or(OauthError::InvalidGrant("the credential is gone"))?;
    let granted = Granted {
        family: redemption.family.id,
        opened: Opened::of(app, found)?,
        refresh_token: issued.token,
        openid: redeemed.request.openid,
        nonce: redeemed.request.nonce.as_deref(),
        key: key.as_deref(),
        certificate: bound,
    };
    answer::respond(app, client, &granted, now).await
}
