//! Webhook deliveries: the one thing that is sent to addresses which accounts choose.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use keyway_domain::webhook::WebhookUrl;
use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
};

use crate::{
    ProviderError,
    http::{HttpClient, not_public},
};

/// Of an answer's body, so that the connection can be used again. Nobody looks at it.
const MAX_BODY: usize = 4 * 1024;
/// To look up a name before anything is sent there.
const LOOKUP: Duration = Duration::from_secs(3);

/// A delivery, signed already.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Where to.
    pub url: WebhookUrl,
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`.
    pub timestamp: i64,
    /// `webhook-signature`.
    pub signature: String,
    /// JSON, as it was signed.
    pub body: Vec<u8>,
}

/// What an endpoint answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// HTTP status.
    pub status: u16,
    /// How long it asks us to wait (`Retry-After`, RFC 9110 section 10.2.3).
    pub retry_after: Option<TimeDelta>,
}

/// There is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Undelivered {
    /// No connection, or it broke: name, address guard, TCP, TLS.
    #[error("The endpoint could not be reached: {0}.")]
    Unreachable(String),
    /// The whole call took longer than it may.
    #[error("The endpoint did not answer within {0} seconds.")]
    Timeout(u64),
}

impl HttpClient {
    /// Sends a delivery once, and follows no redirect. What the endpoint says besides its status and
    /// `Retry-After` is dropped.
    ///
    /// # Errors
    /// [`Undelivered`] if there is no answer.
    pub async fn deliver(&self, delivery: Delivery) -> Result<Receipt, Undelivered> {
        self.check_literal(delivery.url.url()).map_err(refused)?;
        let request = self
            .client
            .post(delivery.url.url().clone())
            .headers(headers(&delivery))
            .body(delivery.body);
        let call = async {
            let mut response = request
                .send()
                .await
                .map_err(|error| Undelivered::Unreachable(cause(error)))?;
            let receipt = Receipt {
                status: response.status().as_u16(),
                retry_after: retry_after(response.status(), response.headers()),
            };
            let mut read = 0;
            while let Ok(Some(chunk)) = response.chunk().await {
                read += chunk.len();
                if read > MAX_BODY {
                    break;
                }
            }
            Ok(receipt)
        };
        tokio::time::timeout(self.call_timeout, call)
            .await
            .unwrap_or(Err(Undelivered::Timeout(self.call_timeout.as_secs())))
    }

    /// Whether deliveries to this address can be sent at all, as far as can be told now: its host is
    /// no address that the guard refuses, and does not resolve to such alone.
    ///
    /// This is to tell early. What protects is the guard at each connection.
    ///
    /// # Errors
    /// A sentence to show.
    pub async fn check_webhook_url(&self, url: &WebhookUrl) -> Result<(), String> {
        self.check_literal(url.url())
            .map_err(|error| refused(error).to_string())?;
        let Some(url::Host::Domain(name)) = url.url().host() else {
            return Ok(());
        };
        let lookup = self.resolver.lookup.lookup(name.to_owned());
        let Ok(Ok(found)) = tokio::time::timeout(LOOKUP, lookup).await else {
            return Ok(());
        };
        match found.first() {
            Some(first)
                if !found
                    .iter()
                    .any(|address| self.guard.admits_resolved(address.ip())) =>
            {
                let reason = not_public(first.ip());
                Err(Undelivered::Unreachable(reason).to_string())
            }
            _ => Ok(()),
        }
    }
}

fn headers(delivery: &Delivery) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(
        HeaderName::from_static("webhook-timestamp"),
        delivery.timestamp.into(),
    );
    for (name, text) in [
        ("webhook-id", &delivery.id),
        ("webhook-signature", &delivery.signature),
    ] {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers
}

/// Seconds, or a date: as much later than the answer's own `Date`, so that clocks need not agree.
/// It counts with the statuses that it belongs to: 429 (RFC 6585) and 503.
fn retry_after(status: StatusCode, headers: &HeaderMap) -> Option<TimeDelta> {
    if !matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
    ) {
        return None;
    }
    let text = |name| headers.get(name)?.to_str().ok();
    let asked = text(RETRY_AFTER)?.trim();
    if let Ok(seconds) = asked.parse::<u32>() {
        return Some(TimeDelta::seconds(seconds.into()));
    }
    let until = DateTime::parse_from_rfc2822(asked).ok()?;
    let wait = until - DateTime::parse_from_rfc2822(text(DATE)?).ok()?;
    Some(wait.max(TimeDelta::zero()))
}

fn refused(error: ProviderError) -> Undelivered {
    Undelivered::Unreachable(match error {
        ProviderError::Unreachable(why) => why,
        other => other.to_string(),
    })
}

/// The innermost cause, which names the fault; the outer ones quote the URL.
fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(status: u16, headers: &[(&'static str, &'static str)]) -> Option<TimeDelta> {
        let named = headers.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        retry_after(
            StatusCode::from_u16(status).expect("a status"),
            &named.collect(),
        )
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let minute = Some(TimeDelta::minutes(1));
        assert_eq!(wait(429, &[("retry-after", "60")]), minute);
        let date = ("retry-after", "Fri, 15 Jan 2027 08:01:00 GMT");
        let from = ("date", "Fri, 15 Jan 2027 08:00:00 GMT");
        assert_eq!(wait(503, &[date, from]), minute);
        assert_eq!(wait(503, &[date]), None, "later than what?");
        let past = ("date", "Fri, 15 Jan 2027 09:00:00 GMT");
        assert_eq!(wait(503, &[date, past]), Some(TimeDelta::zero()));
        for none in ["", "soon", "-1", "99999999999"] {
            assert_eq!(wait(503, &[("retry-after", none)]), None, "{none}");
        }
        assert_eq!(wait(500, &[("retry-after", "60")]), None);
    }
}
