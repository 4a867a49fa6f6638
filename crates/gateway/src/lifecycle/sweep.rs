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
    let outlived = app.store.sweep_outlived(now).await?;
    let unredeemed = app.store.end_unredeemed_grants(now).await?;
    let tokens = app.store.sweep_refresh_tokens(now).await?;
    let pushed = app.store.sweep_pushed_requests(now).await?;
    let proofs = app.store.sweep_proofs(now).await?;
    let oauth = tokens + pushed + proofs;
    let outlived = outlived.events + outlived.idempotency_keys + outlived.webhook_secrets;
    Ok(erased.session_secrets + erased.flows + erased.others + outlived + unredeemed + oauth)
}
