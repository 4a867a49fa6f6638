//! The keys that Keyway signs with: published before they sign, and for as long as anything that they
//! signed is good.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{Random, ids::SigningKeyId, sealed::Place};
use keyway_store::StoredSigningKey;
use keyway_vault::{
    KeyRing,
    jws::PublicKey,
    signing::{PrivateKey, SigningAlgorithm},
};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::{App, error::Fault};

/// How long what was read is taken to be all: a key that signs later than this is known by then.
const CACHED: TimeDelta = TimeDelta::seconds(60);
/// How long before it signs a new key is published: clients keep a key set for five minutes, and some
/// for longer.
pub const PUBLISHED_BEFORE: TimeDelta = TimeDelta::hours(1);
/// How long a key is published after another one signs in its stead: longer than any token is good.
const PUBLISHED_AFTER: TimeDelta = TimeDelta::hours(1);

/// The keys as they were read last.
#[derive(Debug, Default)]
pub(crate) struct SigningKeys(Mutex<Option<(DateTime<Utc>, Arc<Keys>)>>);

/// Keys, oldest first.
#[derive(Debug)]
pub(crate) struct Keys(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: String,
    algorithm: SigningAlgorithm,
    private: PrivateKey,
    public: PublicKey,
    signs_from: DateTime<Utc>,
}

impl SigningKeys {
    /// The keys; the first are made here, if nobody has made any.
    ///
    /// # Errors
    /// [`Fault`].
    pub(crate) async fn current(&self, app: &App, now: DateTime<Utc>) -> Result<Arc<Keys>, Fault> {
        // Held while it is read, so that one request reads for all.
        let mut known = self.0.lock().await;
        if let Some((read_at, keys)) = &*known
            && (*read_at..*read_at + CACHED).contains(&now)
        {
            return Ok(Arc::clone(keys));
        }
        let mut stored = app.store.list_signing_keys().await?;
        if SigningAlgorithm::ALL
            .iter()
            .any(|wanted| !stored.iter().any(|key| key.algorithm == wanted.as_str()))
        {
            let mut made = Vec::new();
            for algorithm in SigningAlgorithm::ALL {
                made.push(make(&app.ring, app.random.as_ref(), algorithm, now, now).await?);
            }
            app.store.insert_signing_keys(&made, true).await?;
            stored = app.store.list_signing_keys().await?;
        }
        let keys = Arc::new(Keys::open(&app.ring, &stored)?);
        *known = Some((now, Arc::clone(&keys)));
        Ok(keys)
    }
}

/// A fresh key that signs from then on.
///
/// # Errors
/// [`Fault`].
pub async fn make(
    ring: &KeyRing,
    random: &dyn Random,
    algorithm: SigningAlgorithm,
    now: DateTime<Utc>,
    signs_from: DateTime<Utc>,
) -> Result<StoredSigningKey, Fault> {
    let id = SigningKeyId::generate(now, random);
    // An RSA key takes its time.
    let key = tokio::task::spawn_blocking(move || PrivateKey::generate(algorithm)).await??;
    Ok(StoredSigningKey {
        id,
        algorithm: algorithm.as_str().to_owned(),
        public_jwk: key.public_jwk().clone(),
        sealed_private_key: ring.seal(&Place::signing_key(id), key.to_secret(), random)?,
        created_at: now,
        signs_from,
    })
}

impl Keys {
    fn open(ring: &KeyRing, stored: &[StoredSigningKey]) -> Result<Self, Fault> {
        let of_stored = |stored: &StoredSigningKey| {
            let algorithm = SigningAlgorithm::parse(&stored.algorithm)
                .ok_or(Fault::Unreadable("signing key"))?;
            let place = Place::signing_key(stored.id);
            let private = PrivateKey::from_secret(
                algorithm,
                &ring.open(&place, &stored.sealed_private_key)?,
            )?;
            // Of the private half, which is sealed: the public one beside it could be another's.
            let public = PublicKey::parse(private.public_jwk())
                .map_err(|_| Fault::Unreadable("signing key"))?;
            Ok(Key {
                id: stored.id.to_string(),
                algorithm,
                private,
                public,
                signs_from: stored.signs_from,
            })
        };
        stored
            .iter()
            .map(of_stored)
            .collect::<Result<_, Fault>>()
            .map(Self)
    }

    /// Signs with the newest key that is due.
    ///
    /// # Errors
    /// [`Fault::Signing`].
    pub(crate) fn sign(
        &self,
        algorithm: SigningAlgorithm,
        typ: &str,
        claims: &Value,
        now: DateTime<Utc>,
    ) -> Result<String, Fault> {
        let due = |key: &&Key| key.algorithm == algorithm && key.signs_from <= now;
        let key = self.0.iter().rev().find(due);
        let key = key.ok_or(Fault::Unreadable("signing key"))?;
        Ok(key.private.sign(typ, Some(&key.id), claims)?)
    }

    /// The public key of that id, as long as it is published.
    pub(crate) fn find(&self, id: &str, now: DateTime<Utc>) -> Option<&PublicKey> {
        let mut published = self.published(now);
        published.find(|key| key.id == id).map(|key| &key.public)
    }

    /// The key set (RFC 7517 section 5).
    pub(crate) fn public_set(&self, now: DateTime<Utc>) -> Value {
        let of_key = |key: &Key| {
            let mut jwk = key.private.public_jwk().clone();
            if let Some(members) = jwk.as_object_mut() {
                members.insert("kid".into(), key.id.as_str().into());
                members.insert("alg".into(), key.algorithm.as_str().into());
                members.insert("use".into(), "sig".into());
            }
            jwk
        };
        json!({"keys": self.published(now).map(of_key).collect::<Vec<_>>()})
    }

    fn published(&self, now: DateTime<Utc>) -> impl Iterator<Item = &Key> {
        self.0.iter().enumerate().filter_map(move |(number, key)| {
            let newer = self.0.iter().skip(number + 1);
            let replaced = newer
                .filter(|newer| newer.algorithm == key.algorithm)
                .any(|newer| newer.signs_from + PUBLISHED_AFTER <= now);
            (!replaced).then_some(key)
        })
    }
}
