//! Erases what has ended, and revokes what nobody redeemed.

use std::time::Duration;

use actix_web::web;
use keyway_domain::{credential::GrantSecrets, sealed::Place};
use keyway_store::{StoreError, Unredeemed};

use crate::{App, error::Fault};

/// Between two sweeps when there is nothing to do.
const PAUSE: Duration = Duration::from_secs(30);

/// Sweeps until the gateway stops. Several gateways share the work.
pub async fn run(app: web::Data<App>) {
    loop {
        match once(&app).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => tracing::warn!(%error, "sweep failed"),
        }
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

/// One batch of everything; how much there was.
///
/// # Errors
/// [`StoreError`].
pub async fn once(app: &App) -> Result<usize, StoreError> {
    let now = app.now();
    let erased = app.store.sweep(now).await?;
    let outlived = app.store.sweep_outlived(now).await?;
    let unredeemed = app.store.take_unredeemed_grants(now).await?;
    for grant in &unredeemed {
        let grant_id = grant.grant_id;
        match revoke(app, grant).await {
            Ok(true) => {
                tracing::info!(%grant_id, provider = %grant.provider, "unredeemed grant revoked and erased");
            }
            Ok(false) => {
                tracing::info!(%grant_id, provider = %grant.provider, "unredeemed grant erased");
            }
            Err(error) => {
                tracing::warn!(%grant_id, provider = %grant.provider, %error, "unredeemed grant erased, not revoked");
            }
        }
    }
    let outlived = outlived.events + outlived.idempotency_keys + outlived.webhook_secrets;
    Ok(erased.session_secrets + erased.flows + erased.others + outlived + unredeemed.len())
}

/// Ends the grant at the provider, where there is a way and nothing else hangs on it; best effort.
async fn revoke(app: &App, grant: &Unredeemed) -> Result<bool, RevokeError> {
    if grant.is_connected {
        return Ok(false);
    }
    let Some(provider) = app.catalogue.find(&grant.provider) else {
        return Ok(false);
    };
    let place = Place::grant_secrets(grant.grant_id, grant.account_id);
    let opened = app
        .ring
        .open(&place, &grant.sealed_secrets)
        .map_err(Fault::from)?;
    let secrets: GrantSecrets =
        serde_json::from_str(opened.expose()).map_err(|_| Fault::Unreadable("grant"))?;
    let place = Place::oauth_app_client_secret(grant.oauth_app_id, grant.account_id);
    let client_secret = app
        .ring
        .open(&place, &grant.sealed_client_secret)
        .map_err(Fault::from)?;
    let revoked = provider
        .revoke(
            &app.http,
            &grant.client_id,
            &client_secret,
            &grant.variables,
            &grant.public,
            &secrets,
        )
        .await?;
    Ok(revoked)
}

#[derive(Debug, thiserror::Error)]
enum RevokeError {
    #[error(transparent)]
    Fault(#[from] Fault),
    #[error(transparent)]
    Provider(#[from] keyway_providers::ProviderError),
}
