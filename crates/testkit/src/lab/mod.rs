//! The provider lab: a server that behaves as each provider's documentation says.
//!
//! It serves any host over TLS with certificates of its own, so the shipped definitions run against
//! it unmodified, through [`Lab::http_client`]. For gateways that run as processes of their own it
//! also listens without TLS, where [`Lab::definition_toml`] describes a provider that is the lab's
//! alone. What the vendors do is written from their documentation and knows nothing of the
//! definitions: where the two disagree, a test fails.
#![expect(
    clippy::indexing_slicing,
    reason = "an index into a JSON object adds what is missing"
)]

mod browser;
mod calls;
mod desk;
mod fault;
mod flow;
mod message;
mod server;
pub(crate) mod tls;
mod vendor;
mod vendors;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::SocketAddr,
    sync::{Arc, MutexGuard},
    time::Duration,
};

use actix_web::dev::ServerHandle;
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use keyway_domain::clock::{Clock, SystemClock};
use keyway_providers::{
    address::{AddressGuard, AllowedAddress},
    http::{CALL_TIMEOUT, HttpClient, HttpOptions, Lookup},
};
use rustls::pki_types::CertificateDer;
use serde_json::Value;

use self::{
    browser::Browser,
    calls::CallLog,
    desk::Desk,
    fault::Faults,
    flow::Decision,
    server::{Shared, State},
    tls::Authority,
};
pub use self::{
    browser::{Callback, ErrorPage},
    calls::{Call, Endpoint},
    desk::{Account, App},
    fault::Fault,
    vendors::neutral::Neutral,
};

/// A token that a provider issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedToken {
    /// The token.
    pub token: String,
    /// When it ends by itself.
    pub ends: Option<DateTime<Utc>>,
    /// Whether it is still good.
    pub live: bool,
}

/// A running lab. It stops when it is dropped.
#[derive(Debug)]
pub struct Lab {
    shared: Arc<Shared>,
    authority: Arc<Authority>,
    secure: SocketAddr,
    plain: SocketAddr,
    browser: Browser,
    server: ServerHandle,
}

impl Lab {
    /// A lab on free ports of 127.0.0.1, by the machine's clock.
    pub async fn start() -> Self {
        Self::start_at(Arc::new(SystemClock)).await
    }

    /// A lab whose vendors live by `clock`: it dates what they sign, and ends codes and tokens.
    pub async fn start_at(clock: Arc<dyn Clock>) -> Self {
        let listen = || std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let (secure, plain) = (listen(), listen());
        let address = |listener: &std::net::TcpListener| listener.local_addr().expect("bound");
        let (secure_at, plain_at) = (address(&secure), address(&plain));
        let state = State {
            desk: Desk::default(),
            faults: Faults::default(),
            calls: CallLog::default(),
            vendors: vendors::all(),
            strays: Vec::new(),
            refusals: BTreeSet::new(),
        };
        let shared = Arc::new(Shared::new(state, clock));
        let authority = Arc::new(Authority::new());
        let server = server::start(Arc::clone(&shared), &authority, secure, plain).await;
        Self {
            shared,
            browser: Browser::new(secure_at, authority.root()),
            authority,
            secure: secure_at,
            plain: plain_at,
            server,
        }
    }

    /// Whether the lab plays this provider.
    pub fn plays(&self, provider: &str) -> bool {
        let state = self.state();
        state.vendors.iter().any(|vendor| vendor.slug() == provider)
    }

    /// Registers a client. The same client may be registered again with another redirect URI.
    pub fn register(&self, app: App) {
        self.state().desk.apps.push(app);
    }

    /// Signs somebody else in at a provider.
    pub fn sign_in(&self, provider: &str, account: Account) {
        let accounts = &mut self.state().desk.accounts;
        accounts.insert(provider.to_owned(), account);
    }

    /// Turns on what a provider's admin can turn on: `token_rotation` or `enterprise_install` at
    /// `slack`.
    pub fn turn_on(&self, provider: &str, switch: &str) {
        let switches = &mut self.state().desk.switches;
        switches.insert((provider.to_owned(), switch.to_owned()));
    }

    /// Opens an authorization URL as the end user's browser would, and agrees.
    ///
    /// # Errors
    /// [`ErrorPage`] if the vendor shows a page instead of sending the browser back.
    pub async fn approve(&self, authorize_url: &str) -> Result<Callback, ErrorPage> {
        self.browser.open(authorize_url, Decision::Approve).await
    }

    /// Opens an authorization URL as the end user's browser would, and refuses.
    ///
    /// # Errors
    /// [`ErrorPage`] if the vendor shows a page instead of sending the browser back.
    pub async fn deny(&self, authorize_url: &str) -> Result<Callback, ErrorPage> {
        self.browser.open(authorize_url, Decision::Deny).await
    }

    /// The next authorization request at a provider is refused by the end user, whichever browser
    /// brings it.
    pub fn refuse_next(&self, provider: &str) {
        self.state().refusals.insert(provider.to_owned());
    }

    /// The next call of an endpoint fails.
    pub fn fail_once(&self, provider: &str, endpoint: Endpoint, fault: Fault) {
        self.state().faults.arm(provider, endpoint, fault, true);
    }

    /// Every call of an endpoint fails, until [`Lab::clear`].
    pub fn fail(&self, provider: &str, endpoint: Endpoint, fault: Fault) {
        self.state().faults.arm(provider, endpoint, fault, false);
    }

    /// Nothing of a provider fails any more.
    pub fn clear(&self, provider: &str) {
        self.state().faults.clear(provider);
    }

    /// The calls of an endpoint so far, in order.
    pub fn calls(&self, provider: &str, endpoint: Endpoint) -> Vec<Call> {
        let state = self.state();
        let of = state.calls.of(provider);
        of.filter(|call| call.endpoint == endpoint)
            .cloned()
            .collect()
    }

    /// The calls that presented a code or refresh token which had been presented before.
    pub fn repeated(&self, provider: &str) -> Vec<Call> {
        let state = self.state();
        let of = state.calls.of(provider);
        of.filter(|call| call.repeated).cloned().collect()
    }

    /// Requests that reached no provider, as `METHOD host/path`.
    pub fn strays(&self) -> Vec<String> {
        self.state().strays.clone()
    }

    /// The access tokens that a provider issued, in no order.
    pub fn access_tokens(&self, provider: &str) -> Vec<IssuedToken> {
        let state = self.state();
        self.issued(&state, &state.desk.access, provider)
    }

    /// The refresh tokens that a provider issued, in no order.
    pub fn refresh_tokens(&self, provider: &str) -> Vec<IssuedToken> {
        let state = self.state();
        self.issued(&state, &state.desk.refresh, provider)
    }

    /// Whether an access or refresh token is still good.
    pub fn is_live(&self, token: &str) -> bool {
        let now = self.shared.clock().now();
        let desk = &self.state().desk;
        let found = desk.access.get(token).or_else(|| desk.refresh.get(token));
        found.is_some_and(|token| token.is_live(now))
    }

    /// Issues tokens to a registered client as if an end user had agreed and the code had been
    /// redeemed: the token endpoint's answer. A quick way to many connections.
    pub fn issue(&self, provider: &str, client_id: &str, account: Account) -> Value {
        let now = self.shared.clock().now();
        let state = &mut *self.state();
        let mut of = state.vendors.iter();
        let vendor = of.find(|vendor| vendor.slug() == provider);
        let vendor = Arc::clone(vendor.expect("a provider of the lab"));
        let desk = &mut state.desk;
        let app = desk.app(provider, client_id).expect("a client").clone();
        flow::issue_unasked(&*vendor, app, account, desk, now)
    }

    /// Ends every token of a provider, as when the end user removes the app there.
    pub fn end_all(&self, provider: &str) {
        let desk = &mut self.state().desk;
        let of = desk.grants.iter().enumerate();
        let ended: Vec<usize> = of
            .filter(|(_, grant)| grant.app.provider == provider)
            .map(|(index, _)| index)
            .collect();
        for grant in ended {
            desk.end_grant(grant);
        }
    }

    /// A client that finds the lab behind every name, trusts it, and reaches nothing else.
    pub fn http_client(&self) -> HttpClient {
        self.http_client_within(CALL_TIMEOUT)
    }

    /// [`Lab::http_client`] with a shorter time for a call.
    pub fn http_client_within(&self, call_timeout: Duration) -> HttpClient {
        let lab = self.secure.ip().to_string();
        let allowed: AllowedAddress = lab.parse().expect("an address");
        let options = HttpOptions {
            guard: AddressGuard::new(vec![allowed]),
            lookup: Arc::new(LabLookup(self.secure)),
            additional_roots: vec![self.root_certificate()],
            call_timeout,
            clock: self.shared.shared_clock(),
            random: Arc::new(keyway_domain::random::OsRandom),
        };
        HttpClient::new(options).expect("a client")
    }

    /// Where the lab listens with TLS.
    pub fn address(&self) -> SocketAddr {
        self.secure
    }

    /// The certificate authority behind the lab's certificates.
    pub fn root_certificate(&self) -> CertificateDer<'static> {
        self.authority.root()
    }

    /// A certificate of this host by that authority, its key, and the authority's own, in PEM.
    pub fn certify(&self, host: &str) -> (String, String, String) {
        let (certificate, key) = self.authority.certify(host);
        (certificate, key, self.authority.pem())
    }

    /// Where the lab listens without TLS.
    pub fn plain_url(&self) -> String {
        format!("http://{}", self.plain)
    }

    /// What `KEYWAY_OUTBOUND_ALLOW` must hold for a gateway to reach the lab without TLS.
    pub fn outbound_allow(&self) -> String {
        self.plain.to_string()
    }

    /// A definition of a provider of the lab's own, for a file `<slug>.toml` in
    /// `KEYWAY_PROVIDERS_DIR`.
    pub fn definition_toml(&self, slug: &str) -> String {
        self.definition_toml_of(slug, Neutral::default())
    }

    /// [`Lab::definition_toml`] of a provider with other habits. Asked again for the same slug,
    /// it changes that provider's habits.
    pub fn definition_toml_of(&self, slug: &str, habits: Neutral) -> String {
        let vendor = vendors::neutral::Vendor::new(slug, &self.plain_url(), habits);
        let definition = vendor.definition();
        let vendors = &mut self.state().vendors;
        vendors.retain(|known| known.slug() != slug);
        vendors.push(Arc::new(vendor));
        definition
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }

    fn issued(
        &self,
        state: &State,
        tokens: &BTreeMap<String, desk::Token>,
        provider: &str,
    ) -> Vec<IssuedToken> {
        let now = self.shared.clock().now();
        let of = |token: &desk::Token| state.desk.grant(token.grant).app.provider == provider;
        tokens
            .iter()
            .filter(|(_, token)| of(token))
            .map(|(text, token)| IssuedToken {
                token: text.clone(),
                ends: token.ends,
                live: token.is_live(now),
            })
            .collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // The command is sent at once; nobody needs to wait for its end.
        drop(self.server.stop(false));
    }
}

/// Every name leads to the lab.
pub(crate) struct LabLookup(pub(crate) SocketAddr);

impl Lookup for LabLookup {
    fn lookup(&self, _host: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        Box::pin(std::future::ready(Ok(vec![self.0])))
    }
}
