//! What every handler holds.

use std::{net::IpAddr, sync::Arc};

use actix_web::HttpRequest;
use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;
use keyway_catalogue::Providers;
use keyway_domain::{
    Clock, Random, SecretString,
    ids::{AccountId, CredentialId, OauthAppId},
    provider::ProviderSlug,
    sealed::{Place, Sealed},
};
use keyway_providers::{Catalogue, http::HttpClient};
use keyway_store::Store;
use keyway_vault::{KeyRing, SealError};
use keyway_web::{
    client_ip::client_ip, config::BaseUrl, health::Readiness, throttle::FailureThrottle,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::{lifecycle::used_tokens::UsedTokens, oauth::SigningKeys};

/// The gateway's parts. Made once, before the workers.
#[derive(Debug)]
pub struct App {
    /// All that is kept.
    pub store: Store,
    /// The keys that open.
    pub ring: KeyRing,
    /// The providers of all accounts.
    pub catalogue: Providers,
    /// The client for calls to them.
    pub http: HttpClient,
    /// The time, as the database tells it.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Where browsers and providers reach us.
    pub public_url: BaseUrl,
    /// The operator's own proxies.
    pub trusted_proxies: Vec<IpNet>,
    /// Cancelled when the gateway is to stop.
    pub stop: CancellationToken,
    /// Work that must end even if the browser hangs up.
    pub tasks: TaskTracker,
    pub(crate) guesses: Guesses,
    pub(crate) verifications: FailureThrottle<CredentialId>,
    pub(crate) decoy: Decoy,
    pub(crate) used_tokens: UsedTokens,
    pub(crate) edge_key: Option<SecretString>,
    pub(crate) signing_keys: SigningKeys,
}

/// What an [`App`] is made of.
#[derive(Debug)]
pub struct Parts {
    /// All that is kept.
    pub store: Store,
    /// The keys that open.
    pub ring: KeyRing,
    /// The providers.
    pub catalogue: Catalogue,
    /// The client for calls to them.
    pub http: HttpClient,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Where browsers and providers reach us.
    pub public_url: BaseUrl,
    /// The operator's own proxies.
    pub trusted_proxies: Vec<IpNet>,
    /// What the operator's edge proves its client-certificate headers with.
    pub edge_key: Option<SecretString>,
}

/// Failed guesses at client secrets.
#[derive(Debug)]
pub(crate) struct Guesses {
    pub(crate) by_client: FailureThrottle<(OauthAppId, Option<IpAddr>)>,
    pub(crate) by_address: FailureThrottle<Option<IpAddr>>,
}

/// A secret to open where there is no app, so that an unknown client takes as long as a wrong secret.
#[derive(Debug)]
pub(crate) struct Decoy {
    pub(crate) place: Place,
    pub(crate) sealed: Sealed,
}

impl App {
    /// Puts the parts together.
    ///
    /// # Errors
    /// [`SealError`] if the key ring cannot seal.
    pub fn new(parts: Parts) -> Result<Self, SealError> {
        let place = Place::oauth_app_client_secret(
            OauthAppId::from(Uuid::nil()),
            AccountId::from(Uuid::nil()),
        );
        let sealed = parts
            .ring
            .seal(&place, &parts.random.token(), parts.random.as_ref())?;
        Ok(Self {
            catalogue: Providers::new(parts.catalogue, parts.store.clone()),
            store: parts.store,
            ring: parts.ring,
            http: parts.http,
            clock: parts.clock,
            random: parts.random,
            public_url: parts.public_url,
            trusted_proxies: parts.trusted_proxies,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            guesses: Guesses {
                by_client: FailureThrottle::new(20, TimeDelta::minutes(1)),
                by_address: FailureThrottle::new(200, TimeDelta::minutes(1)),
            },
            verifications: FailureThrottle::new(1, TimeDelta::seconds(10)),
            decoy: Decoy { place, sealed },
            used_tokens: UsedTokens::default(),
            edge_key: parts.edge_key,
            signing_keys: SigningKeys::default(),
        })
    }

    /// The present moment. Read once per request.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Our callback at a provider: what the admin registers there.
    pub fn callback_url(&self, provider: &ProviderSlug) -> String {
        self.public_url
            .join(&format!("/link/oauth2/callback/{provider}"))
    }

    pub(crate) fn client_ip(&self, request: &HttpRequest) -> Option<IpAddr> {
        client_ip(request, &self.trusted_proxies)
    }

    pub(crate) fn seal(
        &self,
        place: &Place,
        plaintext: &SecretString,
    ) -> Result<Sealed, SealError> {
        self.ring.seal(place, plaintext, self.random.as_ref())
    }

    /// Whether traffic should come here.
    pub async fn readiness(&self) -> Readiness {
        let mut readiness = Readiness::default();
        if self.stop.is_cancelled() {
            readiness.check("running", Err("stopping".into()));
        }
        // The texts are fixed: what the database says stays in the log.
        let (database, migrated) = match self.store.is_migrated().await {
            Ok(true) => (Ok(()), Ok(())),
            Ok(false) => (Ok(()), Err("run `keyway migrate`".to_owned())),
            Err(error) => {
                tracing::warn!(%error, "not ready");
                (Err("unreachable".to_owned()), Err("unknown".to_owned()))
            }
        };
        readiness.check("database", database);
        readiness.check("migrations", migrated);
        // A gateway without its key ring does not start.
        readiness.check("keyring", Ok(()));
        readiness
    }
}
