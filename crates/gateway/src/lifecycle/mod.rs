//! Work in the background.

pub mod reseal;
pub mod sweep;

use std::time::Duration;

use actix_web::web;
use keyway_store::StoreError;

use crate::App;

/// Between two looks when there is nothing to do.
const PAUSE: Duration = Duration::from_secs(30);

/// All of it, until the gateway stops. Several gateways share the work.
pub async fn run(app: web::Data<App>) {
    tokio::join!(
        repeat(&app, "sweep", sweep::once),
        repeat(&app, "reseal", reseal::once),
    );
}

/// Batch after batch as long as there is something to do, then with pauses.
async fn repeat(
    app: &App,
    work: &'static str,
    batch: impl AsyncFn(&App) -> Result<usize, StoreError>,
) {
    loop {
        match batch(app).await {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => tracing::warn!(%error, work, "work in the background failed"),
        }
        tokio::select! {
            () = app.stop.cancelled() => return,
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}
