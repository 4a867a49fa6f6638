//! What every handler holds.

use std::{net::IpAddr, sync::Arc};

use actix_web::HttpRequest;
use chrono::{DateTime, TimeDelta, Utc};
use ipnet::IpNet;
use keyway_catalogue::Providers;
use keyway_domain::{
    Clock, Random,
    ids::OauthAppId,
    provider::ProviderSlug,
    redirect_uri::{RedirectUri, RedirectUriTemplate},
};
use keyway_providers::Catalogue;
use keyway_store::Store;
use keyway_vault::{PasswordHasher, Sealer};
use keyway_web::{
    client_ip::client_ip, config::BaseUrl, health::Readiness, throttle::FailureThrottle,
};
use tokio_util::sync::CancellationToken;

/// The console's parts. Made once, before the workers.
#[derive(Debug)]
pub struct App {
    /// All that is kept.
    pub store: Store,
    /// Seals and cannot open.
    pub sealer: Sealer,
    /// The providers of all accounts.
    pub catalogue: Providers,
    /// Passwords of admins.
    pub passwords: PasswordHasher,
    /// The time, as the database tells it.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Where admins reach us.
    pub console_url: BaseUrl,
    /// Where browsers and providers reach the gateway.
    pub public_url: BaseUrl,
    /// The operator's own proxies.
    pub trusted_proxies: Vec<IpNet>,
    /// Cancelled when the console is to stop.
    pub stop: CancellationToken,
    pub(crate) guesses: Guesses,
}

/// What an [`App`] is made of.
#[derive(Debug)]
pub struct Parts {
    /// All that is kept.
    pub store: Store,
    /// Seals and cannot open.
    pub sealer: Sealer,
    /// The providers.
    pub catalogue: Catalogue,
    /// Passwords of admins.
    pub passwords: PasswordHasher,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Where admins reach us.
    pub console_url: BaseUrl,
    /// Where browsers and providers reach the gateway.
    pub public_url: BaseUrl,
    /// The operator's own proxies.
    pub trusted_proxies: Vec<IpNet>,
}

/// Failed guesses at passwords.
#[derive(Debug)]
pub(crate) struct Guesses {
    pub(crate) by_email: FailureThrottle<String>,
    pub(crate) by_address: FailureThrottle<Option<IpAddr>>,
}

impl App {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        Self {
            catalogue: Providers::new(parts.catalogue, parts.store.clone()),
            store: parts.store,
            sealer: parts.sealer,
            passwords: parts.passwords,
            clock: parts.clock,
            random: parts.random,
            console_url: parts.console_url,
            public_url: parts.public_url,
            trusted_proxies: parts.trusted_proxies,
            stop: CancellationToken::new(),
            guesses: Guesses {
                by_email: FailureThrottle::new(10, TimeDelta::minutes(5)),
                by_address: FailureThrottle::new(50, TimeDelta::minutes(5)),
            },
        }
    }

    /// The present moment. Read once per request.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The gateway's callback at a provider: what the admin registers there.
    pub fn callback_url(&self, provider: &ProviderSlug) -> String {
        self.public_url
            .join(&format!("/link/oauth2/callback/{provider}"))
    }

    /// Where the gateway shows the public keys of an app.
    pub fn jwks_url(&self, app: OauthAppId) -> String {
        self.public_url.join(&format!("/link/oauth2/jwks/{app}"))
    }

    /// Where a flow of this app begins that ends at this redirect URI.
    pub fn start_link(&self, app: OauthAppId, redirect_uri: &RedirectUri) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.append_pair("client_id", &app.to_string());
        query.append_pair("redirect_uri", redirect_uri.as_str());
        self.public_url
            .join(&format!("/link/oauth2/start?{}", query.finish()))
    }

    pub(crate) fn client_ip(&self, request: &HttpRequest) -> Option<IpAddr> {
        client_ip(request, &self.trusted_proxies)
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
        // A console without its public keys does not start.
        readiness.check("public_keys", Ok(()));
        readiness
    }
}

/// The first of the account's redirect URIs, as it is for this provider.
pub(crate) fn first_expansion<'a>(
    registered: impl IntoIterator<Item = &'a RedirectUriTemplate>,
    provider: &ProviderSlug,
) -> Option<RedirectUri> {
    registered
        .into_iter()
        .next()
        .map(|template| template.expand(provider))
}
