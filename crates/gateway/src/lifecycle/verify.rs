//! Whether a token that nothing can renew is still good: the provider's own answer.

use keyway_domain::{
    freshness,
    health::{Health, HealthStatus},
    sealed::Place,
};
use keyway_providers::{ProviderError, verify::Verification};

use crate::{
    App,
    error::Fault,
    lifecycle::fresh::{ENDED, Opened, Unserved},
};

/// Asks the provider, keeps what it says, and says it. Not twice in ten seconds: what is known is
/// said again then.
///
/// # Errors
/// [`Unserved::Gone`] if the credential is gone meanwhile, or [`Unserved::Fault`].
pub(crate) async fn verify(app: &App, opened: &Opened) -> Result<Health, Unserved> {
    let credential = &opened.credential;
    let now = app.now();
    if app.verifications.admit(credential.id, now).is_err() {
        return Ok(credential.health.clone());
    }
    let (status, note) = if freshness::is_valid(credential.expires_at, now) {
        verdict(ask(app, opened).await?)
    } else {
        (HealthStatus::Error, Some(ENDED.to_owned()))
    };
    let notes: Vec<String> = note.into_iter().collect();
    app.store
        .note_health(credential, status, &notes, app.now())
        .await?;
    let found = app
        .store
        .find_stored_credential(credential.account_id, credential.id)
        .await?;
    Ok(found.ok_or(Unserved::Gone)?.health)
}

async fn ask(app: &App, opened: &Opened) -> Result<Result<bool, ProviderError>, Unserved> {
    let credential = &opened.credential;
    let provider = app
        .catalogue
        .find(credential.account_id, &credential.provider);
    let provider = provider
        .await?
        .ok_or(Fault::Unreadable("provider outside the catalogue"))?;
    let oauth_app = app
        .store
        .find_oauth_app(credential.account_id, credential.oauth_app_id)
        .await?
        .ok_or(Unserved::Gone)?;
    let place = Place::oauth_app_client_secret(oauth_app.id, oauth_app.account_id);
    let opening = app.ring.open(&place, &oauth_app.sealed_client_secret);
    let client_secret = opening.map_err(Fault::from)?;
    let verification = Verification {
        client_id: &oauth_app.client_id,
        client_secret: &client_secret,
        variables: &credential.variables,
        public: &credential.public,
        secrets: &opened.secrets,
    };
    Ok(provider.verify(&app.http, &verification).await)
}

fn verdict(asked: Result<bool, ProviderError>) -> (HealthStatus, Option<String>) {
    match asked {
        Ok(true) => (HealthStatus::Ok, None),
        Ok(false) => (
            HealthStatus::Warn,
            Some("The provider was reported to refuse the access token, and has no call by which Keyway could check.".into()),
        ),
        Err(error) if error.condemns_token() => (
            HealthStatus::Error,
            Some(format!("The provider takes the access token no longer: {error}. The end user must reconnect.")),
        ),
        Err(error) => (
            HealthStatus::Warn,
            Some(format!("The access token could not be verified: {error}.")),
        ),
    }
}
