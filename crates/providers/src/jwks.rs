//! A provider's public keys (RFC 7517), fetched when they are needed and no more often than that.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use serde_json::Value;
use url::Url;

use crate::{
    error::ProviderError,
    http::{Answer, HttpClient, Outgoing},
    request,
};

/// Keys that a provider withdrew are trusted no longer than this.
const MAX_AGE: TimeDelta = TimeDelta::hours(1);
/// A token with an unknown key, or a provider that is down, makes us ask no more often.
const MIN_INTERVAL: TimeDelta = TimeDelta::seconds(10);
/// As many keys of a provider are looked at.
const MAX_KEYS: usize = 100;
/// As many providers' keys are remembered.
const MAX_SETS: usize = 1024;

/// The keys of all providers, by their URLs.
#[derive(Default)]
pub(crate) struct KeySets(Mutex<HashMap<String, Arc<tokio::sync::Mutex<KeySet>>>>);

/// The keys at one URL, as far as they are known.
#[derive(Default)]
struct KeySet {
    keys: Vec<Jwk>,
    fetched_at: Option<DateTime<Utc>>,
    asked_at: Option<DateTime<Utc>>,
}

impl KeySet {
    fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        self.fetched_at.is_some_and(|at| now - at < MAX_AGE)
    }

    /// Whether the provider was asked a moment ago.
    fn is_resting(&self, now: DateTime<Utc>) -> bool {
        self.asked_at.is_some_and(|at| now - at < MIN_INTERVAL)
    }

    fn signing(&self, key_id: Option<&str>) -> Vec<Jwk> {
        let signs = |key: &&Jwk| {
            let other =
                matches!(&key.common.public_key_use, Some(of) if *of != PublicKeyUse::Signature);
            let named = key_id.is_none() || key.common.key_id.as_deref() == key_id;
            named && !other
        };
        self.keys.iter().filter(signs).cloned().collect()
    }
}

impl KeySets {
    /// The keys at this URL that sign, by the name that a token gives, or all where it gives none.
    ///
    /// Whoever needs keys that another is just fetching waits for those. An unknown name makes us
    /// ask once more, if that was not done a moment ago: keys are rotated.
    ///
    /// # Errors
    /// [`ProviderError`] if the keys cannot be had. No key of that name is no error.
    pub(crate) async fn signing(
        &self,
        http: &HttpClient,
        url: &Url,
        key_id: Option<&str>,
    ) -> Result<Vec<Jwk>, ProviderError> {
        let set = self.at(url);
        let mut set = set.lock().await;
        let now = http.now();
        if set.is_fresh(now) {
            let known = set.signing(key_id);
            if !known.is_empty() || set.is_resting(now) {
                return Ok(known);
            }
        } else if set.is_resting(now) {
            return Err(ProviderError::Unreachable(
                "its keys could not be fetched a moment ago".into(),
            ));
        }
        set.asked_at = Some(now);
        set.keys = fetch(http, url).await?;
        set.fetched_at = Some(now);
        Ok(set.signing(key_id))
    }

    fn at(&self, url: &Url) -> Arc<tokio::sync::Mutex<KeySet>> {
        let mut sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sets.len() >= MAX_SETS && !sets.contains_key(url.as_str()) {
            sets.clear();
        }
        Arc::clone(sets.entry(url.to_string()).or_default())
    }
}

async fn fetch(http: &HttpClient, url: &Url) -> Result<Vec<Jwk>, ProviderError> {
    let answer = http
        .send(Outgoing {
            method: reqwest::Method::GET,
            url: url.clone(),
            headers: request::json_headers(),
            body: None,
            certificate: None,
        })
        .await?;
    read(&answer)
}

/// The keys of an answer that can be understood (RFC 7517 section 5: others are ignored).
fn read(answer: &Answer) -> Result<Vec<Jwk>, ProviderError> {
    if answer.status != 200 {
        return Err(ProviderError::Status {
            status: answer.status,
            excerpt: "where its keys should be".into(),
            retry_after: answer.retry_after,
        });
    }
    let whole: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let keys = whole.get("keys").and_then(Value::as_array);
    let keys = keys.ok_or_else(|| ProviderError::Malformed("no set of keys".into()))?;
    let keys = keys.iter().take(MAX_KEYS);
    Ok(keys
        .filter_map(|key| serde_json::from_value(key.clone()).ok())
        .collect())
}
