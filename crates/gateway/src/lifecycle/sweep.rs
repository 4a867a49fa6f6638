//! Erases what has ended, and hands over what nobody redeemed to be revoked.

use std::time::Duration;

use actix_web::web;
use keyway_store::StoreError;

use crate::App;

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
    let unredeemed = app.store.end_unredeemed_grants(now).await?;
    Ok(erased.session_secrets + erased.flows + erased.others + unredeemed)
}
