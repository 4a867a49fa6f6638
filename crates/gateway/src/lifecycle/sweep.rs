//! Erases what has ended, and hands over what nobody redeemed to be revoked.

use keyway_store::StoreError;

use crate::App;

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
