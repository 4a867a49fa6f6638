//! When API tokens were last used: remembered here, written once a minute. No request waits for it.

use std::{
    collections::HashSet,
    mem,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use actix_web::web;
use keyway_domain::ids::ApiTokenId;
use keyway_store::StoreError;

use crate::App;

/// Between two writes.
const PAUSE: Duration = Duration::from_mins(1);

/// The tokens that were used since they were last written down.
#[derive(Debug, Default)]
pub(crate) struct UsedTokens(Mutex<HashSet<ApiTokenId>>);

impl UsedTokens {
    /// This token was used just now.
    pub(crate) fn note(&self, id: ApiTokenId) {
        self.lock().insert(id);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<ApiTokenId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes until the gateway stops, and then once more.
pub async fn run(app: web::Data<App>) {
    loop {
        tokio::select! {
            () = app.stop.cancelled() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
        if let Err(error) = once(&app).await {
            tracing::warn!(%error, "the use of API tokens was not noted");
        }
        if app.stop.is_cancelled() {
            return;
        }
    }
}

/// Writes down which tokens were used since the last time.
///
/// # Errors
/// [`StoreError`]; the tokens are written down the next time.
pub async fn once(app: &App) -> Result<(), StoreError> {
    let used: Vec<ApiTokenId> = mem::take(&mut *app.used_tokens.lock())
        .into_iter()
        .collect();
    if used.is_empty() {
        return Ok(());
    }
    let noted = app.store.note_api_tokens_used(&used, app.now()).await;
    if noted.is_err() {
        app.used_tokens.lock().extend(used);
    }
    noted
}
