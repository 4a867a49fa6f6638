//! Work in the background.

pub(crate) mod back_off;
pub(crate) mod fresh;
pub mod jobs;
pub(crate) mod refresh;
pub mod refresher;
pub mod reseal;
pub mod revoke;
pub mod sweep;
pub mod used_tokens;
pub(crate) mod verify;
pub mod webhooks;

use std::time::Duration;

use actix_web::web;
use keyway_store::StoreError;
use keyway_web::config::RefreshLimits;

use crate::App;

/// Between two looks for what nobody waits for.
const LONG_PAUSE: Duration = Duration::from_secs(30);
/// Between two looks for what somebody may wait for.
const SHORT_PAUSE: Duration = Duration::from_secs(5);

/// All of it, until the gateway stops. Several gateways share the work.
pub async fn run(app: web::Data<App>, limits: RefreshLimits) {
    tokio::join!(
        repeat(&app, "sweep", LONG_PAUSE, sweep::once),
        repeat(&app, "reseal", LONG_PAUSE, reseal::once),
        repeat(&app, "revoke", SHORT_PAUSE, revoke::once),
        refresher::run(app.clone(), limits),
        jobs::run(app.clone()),
        used_tokens::run(app.clone()),
        webhooks::run(app.clone()),
    );
}

/// Batch after batch as long as there is something to do, then with pauses.
async fn repeat(
    app: &App,
    work: &'static str,
    pause: Duration,
    batch: impl AsyncFn(&App) -> Result<usize, StoreError>,
) {
    while !app.stop.is_cancelled() {
        match batch(app).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => tracing::warn!(%error, work, "work in the background failed"),
        }
        tokio::select! {
            () = app.stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}
