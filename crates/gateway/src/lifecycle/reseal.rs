//! Seals anew what the console sealed.
//!
//! The console seals with public keys, and to open that takes far longer than to open what the ring
//! sealed (docs/decisions/0008).

use keyway_domain::sealed::Place;
use keyway_store::{SealedClientSecret, StoreError};
use keyway_vault::Sealer;

use crate::{App, error::Fault};

/// One batch; how many were sealed anew.
///
/// # Errors
/// [`StoreError`].
pub async fn once(app: &App) -> Result<usize, StoreError> {
    let mut resealed = 0;
    for known in app.store.list_client_secrets_marked(&Sealer::MARK).await? {
        match reseal(app, &known).await {
            Ok(true) => resealed += 1,
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(oauth_app_id = %known.oauth_app_id, %error, "client secret not resealed");
            }
        }
    }
    Ok(resealed)
}

async fn reseal(app: &App, known: &SealedClientSecret) -> Result<bool, Fault> {
    let place = Place::oauth_app_client_secret(known.oauth_app_id, known.account_id);
    let secret = app.ring.open(&place, &known.sealed)?;
    let sealed = app.seal(&place, &secret)?;
    Ok(app.store.reseal_client_secret(known, &sealed).await?)
}
