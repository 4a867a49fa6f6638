//! Sends what waits for the accounts' webhook endpoints.

use std::time::Duration;

use actix_web::web;
use chrono::{DateTime, Utc};
use futures_util::{FutureExt as _, StreamExt as _};
use keyway_domain::{
    sealed::{Place, Sealed},
    webhook::{WebhookSecret, WebhookUrl, next_attempt},
};
use keyway_providers::webhook::{Delivery, Receipt};
use keyway_store::{Channel, ClaimedDelivery, DeliveryOutcome, StoreError};
use keyway_vault::webhook_signature::signature;
use tokio::task::JoinSet;

use crate::{App, error::Fault, metrics};

/// Deliveries that one gateway has under way.
const AT_ONCE: usize = 128;
/// Between two looks when nothing is announced: retries come due in silence.
const PAUSE: Duration = Duration::from_secs(2);

/// Sends deliveries until the gateway stops; those under way end first. Several gateways share the
/// work. No connection to the database is held while an endpoint answers.
pub async fn run(app: web::Data<App>) {
    let mut news = app.store.listen(Channel::Webhooks);
    let mut under_way = JoinSet::new();
    while !app.stop.is_cancelled() {
        match claim(&app, AT_ONCE - under_way.len()).await {
            Ok(claimed) => {
                for delivery in claimed {
                    let app = app.clone();
                    under_way.spawn(async move { send(&app, delivery).await });
                }
            }
            Err(error) => tracing::warn!(%error, "deliveries could not be claimed"),
        }
        tokio::select! {
            () = app.stop.cancelled() => {}
            // However many there are, one look is enough.
            _ = news.next() => while news.next().now_or_never().is_some() {},
            // One less is under way, and perhaps the next of its subject may go.
            Some(_) = under_way.join_next() => while under_way.try_join_next().is_some() {},
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
    while under_way.join_next().await.is_some() {}
}

/// Sends what is due now, and waits for the answers; how many there were.
///
/// # Errors
/// [`StoreError`] if nothing could be claimed.
pub async fn once(app: &App) -> Result<usize, StoreError> {
    let claimed = claim(app, AT_ONCE).await?;
    let count = claimed.len();
    futures_util::future::join_all(claimed.into_iter().map(|delivery| send(app, delivery))).await;
    Ok(count)
}

async fn claim(app: &App, free: usize) -> Result<Vec<ClaimedDelivery>, StoreError> {
    match u32::try_from(free) {
        Ok(0) | Err(_) => Ok(Vec::new()),
        Ok(free) => app.store.claim_webhook_deliveries(free, app.now()).await,
    }
}

/// One attempt, from signature to outcome. An outcome that cannot be written down is as if there had
/// been none: the delivery is sent again when its lease ends.
async fn send(app: &App, claimed: ClaimedDelivery) {
    let (delivery_id, endpoint_id) = (claimed.id, claimed.endpoint_id);
    let answer = match sign(app, &claimed, app.now()) {
        Ok(signed) => app.http.deliver(signed).await.map_err(|no| no.to_string()),
        Err(error) => {
            tracing::error!(%delivery_id, %endpoint_id, %error, "delivery could not be signed");
            Err("Keyway could not sign the delivery.".to_owned())
        }
    };
    let now = app.now();
    let outcome = outcome(app, &claimed, answer, now);
    metrics::delivery_ended(word(&outcome));
    let written = app
        .store
        .finish_webhook_delivery(claimed.id, claimed.lease, &outcome, now)
        .await;
    match written {
        Ok(true) => log(&claimed, &outcome),
        Ok(false) => {
            tracing::warn!(%delivery_id, %endpoint_id, "delivery took longer than its lease");
        }
        Err(error) => {
            tracing::warn!(%delivery_id, %endpoint_id, %error, "outcome of a delivery not written");
        }
    }
}

fn sign(app: &App, claimed: &ClaimedDelivery, now: DateTime<Utc>) -> Result<Delivery, Fault> {
    let place = Place::webhook_secret(claimed.endpoint_id, claimed.account_id);
    let open = |sealed: &Sealed| -> Result<WebhookSecret, Fault> {
        let text = app.ring.open(&place, sealed)?;
        WebhookSecret::parse(text).ok_or(Fault::Unreadable("webhook secret"))
    };
    let mut secrets = vec![open(&claimed.sealed_secret)?];
    if let Some(previous) = &claimed.sealed_previous_secret {
        secrets.push(open(previous)?);
    }
    let url = WebhookUrl::parse(&claimed.url).map_err(|_| Fault::Unreadable("webhook URL"))?;
    let body = serde_json::to_vec(&claimed.event.payload())
        .map_err(|_| Fault::Unreadable("webhook payload"))?;
    Ok(Delivery {
        url,
        id: claimed.event.id.to_string(),
        timestamp: now.timestamp(),
        signature: signature(&secrets, claimed.event.id, now, &body),
        body,
    })
}

/// What an answer means: 2xx is a receipt, 410 a farewell, and everything else, a redirect too, a
/// failure.
fn outcome(
    app: &App,
    claimed: &ClaimedDelivery,
    answer: Result<Receipt, String>,
    now: DateTime<Utc>,
) -> DeliveryOutcome {
    let (status, error, asked) = match answer {
        Ok(Receipt {
            status: status @ 200..=299,
            ..
        }) => return DeliveryOutcome::Delivered { status },
        Ok(Receipt { status: 410, .. }) => {
            let error = "The endpoint answered 410 Gone, and was disabled.".into();
            return DeliveryOutcome::Gone { error };
        }
        Ok(receipt) => (
            Some(receipt.status),
            refusal(receipt.status),
            receipt.retry_after,
        ),
        Err(error) => (None, error, None),
    };
    let event_at = claimed.event.created_at;
    match next_attempt(claimed.attempts, event_at, asked, now, app.random.as_ref()) {
        Some(next_attempt_at) => DeliveryOutcome::Failed {
            status,
            error,
            next_attempt_at,
        },
        None => DeliveryOutcome::Dead { status, error },
    }
}

fn refusal(status: u16) -> String {
    if (300..400).contains(&status) {
        format!("The endpoint answered {status}; redirects are not followed.")
    } else {
        format!("The endpoint answered {status}.")
    }
}

fn word(outcome: &DeliveryOutcome) -> &'static str {
    match outcome {
        DeliveryOutcome::Delivered { .. } => "delivered",
        DeliveryOutcome::Failed { .. } => "failed",
        DeliveryOutcome::Dead { .. } => "dead",
        DeliveryOutcome::Gone { .. } => "gone",
    }
}

fn log(claimed: &ClaimedDelivery, outcome: &DeliveryOutcome) {
    let (delivery_id, endpoint_id, attempts) = (claimed.id, claimed.endpoint_id, claimed.attempts);
    match outcome {
        DeliveryOutcome::Delivered { status } => {
            tracing::debug!(%delivery_id, %endpoint_id, attempts, status, "delivered");
        }
        DeliveryOutcome::Failed { error, .. } => {
            tracing::info!(%delivery_id, %endpoint_id, attempts, error, "delivery failed");
        }
        DeliveryOutcome::Dead { error, .. } => {
            tracing::warn!(%delivery_id, %endpoint_id, attempts, error, "delivery given up");
        }
        DeliveryOutcome::Gone { error } => {
            tracing::warn!(%delivery_id, %endpoint_id, attempts, error, "webhook endpoint disabled");
        }
    }
}
