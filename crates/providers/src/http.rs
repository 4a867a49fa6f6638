//! The one HTTP client: guarded, bounded, and without a will of its own.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use keyway_domain::{Random, SecretString, clock::Clock};
use reqwest::{
    dns::{Addrs, Name, Resolve, Resolving},
    header::{CONTENT_TYPE, DATE, HeaderMap, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE},
};
use rustls::pki_types::CertificateDer;
use url::{Host, Url};

use crate::{
    address::AddressGuard,
    dpop::{self, Nonces},
    error::ProviderError,
    identities::Identities,
    jwks::KeySets,
    oauth1::Once,
    tls::{Maker, roots},
};

/// To connect.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// For a whole call, body included.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Of an answer's body, after decompression.
const MAX_BODY: usize = 1024 * 1024;
/// Shorter than servers keep idle connections: the usual least is 5 seconds. A request that crosses
/// with the server's goodbye gets no answer, and it is never sent again.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(3);
/// Nobody waits longer, whatever a provider says.
const MAX_RETRY_AFTER: TimeDelta = TimeDelta::days(1);

/// Looks up the addresses of a name. Passed in, so that tests can answer for any host.
pub trait Lookup: Send + Sync {
    /// The addresses of `host`; a port of 0 means the URL's.
    fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>>;
}

/// The machine's own resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) })
    }
}

/// What a client is made with.
pub struct HttpOptions {
    /// Exemptions from the address guard.
    pub guard: AddressGuard,
    /// How names are looked up.
    pub lookup: Arc<dyn Lookup>,
    /// Certificate authorities to trust besides the machine's.
    pub additional_roots: Vec<CertificateDer<'static>>,
    /// For a whole call; [`CALL_TIMEOUT`] outside tests.
    pub call_timeout: Duration,
    /// What signed requests are dated by.
    pub clock: Arc<dyn Clock>,
    /// What signed requests are told apart by.
    pub random: Arc<dyn Random>,
}

/// The client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client could not be made: {0}")]
pub struct HttpError(pub(crate) String);

/// The client for all calls to providers.
///
/// 3 seconds to connect, 10 for a call, 1 MiB of answer, no redirects, no cookies, no proxy from
/// the environment, and no connection to an address that the guard refuses. A request that was
/// sent is never sent again: a token request is not idempotent.
#[derive(Clone)]
pub struct HttpClient {
    pub(crate) client: reqwest::Client,
    /// The same, for apps that prove themselves by a certificate: one each.
    identities: Arc<Identities>,
    /// The same, with bodies as they are: nothing is unpacked on the way through.
    streaming: reqwest::Client,
    pub(crate) guard: Arc<AddressGuard>,
    pub(crate) resolver: GuardedResolver,
    pub(crate) call_timeout: Duration,
    pub(crate) nonces: Arc<Nonces>,
    pub(crate) keys: Arc<KeySets>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// A request to send.
pub(crate) struct Outgoing {
    pub(crate) method: reqwest::Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
    /// A certificate and its key, in PEM, that the connection is made with (RFC 8705).
    pub(crate) certificate: Option<SecretString>,
}

/// An answer, read to its end. It may hold tokens, so its `Debug` shows none of the body.
#[derive(Default)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`, in lower case.
    pub content_type: String,
    /// `Retry-After` (RFC 9110 section 10.2.3), at most a day.
    pub retry_after: Option<TimeDelta>,
    /// `DPoP-Nonce` (RFC 9449 section 8).
    pub dpop_nonce: Option<String>,
    /// `WWW-Authenticate`.
    pub challenge: String,
    /// The body.
    pub body: Vec<u8>,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Answer({}, {} bytes)", self.status, self.body.len())
    }
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HttpClient")
    }
}

impl HttpClient {
    /// A client with these options.
    ///
    /// # Errors
    /// [`HttpError`] if no certificate authority can be found.
    pub fn new(options: HttpOptions) -> Result<Self, HttpError> {
        let guard = Arc::new(options.guard);
        let resolver = GuardedResolver {
            guard: Arc::clone(&guard),
            lookup: options.lookup,
        };
        let maker = Maker::new(roots(options.additional_roots)?, resolver.clone());
        let failed = |error: reqwest::Error| HttpError(error.to_string());
        let plain = maker.tls()?.with_no_client_auth();
        Ok(Self {
            client: maker.builder(plain.clone()).build().map_err(failed)?,
            streaming: maker.builder(plain).no_gzip().build().map_err(failed)?,
            identities: Arc::new(Identities::new(maker)),
            guard,
            resolver,
            call_timeout: options.call_timeout,
            nonces: Arc::default(),
            keys: Arc::default(),
            clock: options.clock,
            random: options.random,
        })
    }

    /// What makes a signature good for one request alone.
    pub(crate) fn once(&self) -> Once {
        Once {
            nonce: self.random.token().expose().clone(),
            at: self.clock.now(),
        }
    }

    /// The present moment.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// What several requests make together takes no longer than one may.
    pub(crate) async fn within_a_call<T>(
        &self,
        work: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        tokio::time::timeout(self.call_timeout, work)
            .await
            .unwrap_or(Err(ProviderError::Timeout(self.call_timeout.as_secs())))
    }

    /// Sends a request once and reads the answer, whatever its status.
    pub(crate) async fn send(&self, request: Outgoing) -> Result<Answer, ProviderError> {
        self.check_literal(&request.url)?;
        let client = match &request.certificate {
            None => self.client.clone(),
            Some(certificate) => self.identities.client(certificate)?,
        };
        let mut builder = client
            .request(request.method, request.url)
            .headers(request.headers);
        if let Some(body) = request.body {
            builder = builder.body(body);
        }
        let call = async {
            let response = builder.send().await.map_err(unreachable)?;
            read(response).await
        };
        self.within_a_call(call).await
    }

    /// A request whose body and answer may be of any size and take any time: whoever sends it
    /// watches over both.
    pub(crate) fn streaming_request(
        &self,
        method: reqwest::Method,
        url: Url,
    ) -> Result<reqwest::RequestBuilder, ProviderError> {
        self.check_literal(&url)?;
        Ok(self.streaming.request(method, url))
    }

    /// How long a streamed call may stand still.
    pub(crate) fn patience(&self) -> Duration {
        self.call_timeout * 3
    }

    /// The resolver never sees a host that is an address already.
    pub(crate) fn check_literal(&self, url: &Url) -> Result<(), ProviderError> {
        let address: IpAddr = match url.host() {
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(ProviderError::Unusable("a URL without a host".into())),
        };
        let port = url.port_or_known_default().unwrap_or_default();
        if self.guard.admits_literal(address, port) {
            Ok(())
        } else {
            Err(ProviderError::Unreachable(format!(
                "{address} is not a public address; KEYWAY_OUTBOUND_ALLOW can exempt it"
            )))
        }
    }
}

async fn read(mut response: reqwest::Response) -> Result<Answer, ProviderError> {
    let status = response.status().as_u16();
    let content_type = text(response.headers(), CONTENT_TYPE)
        .unwrap_or_default()
        .to_ascii_lowercase();
    let retry_after = retry_after(response.headers());
    let dpop_nonce = nonce(response.headers());
    let challenge = challenge(response.headers());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(ProviderError::TooLarge(MAX_BODY));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer {
        status,
        content_type,
        retry_after,
        dpop_nonce,
        challenge,
        body,
    })
}

/// The nonce that a server wants to see in the next proof (RFC 9449 section 8).
pub(crate) fn nonce(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(dpop::NONCE)?.to_str().ok()?;
    Some(value.to_owned())
}

/// What a server says of how to authorize.
pub(crate) fn challenge(headers: &HeaderMap) -> String {
    let all = headers.get_all(WWW_AUTHENTICATE).iter();
    let texts: Vec<&str> = all.filter_map(|value| value.to_str().ok()).collect();
    texts.join(", ")
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Seconds, or a date: as much later than the answer's own `Date`, so that clocks need not agree.
fn retry_after(headers: &HeaderMap) -> Option<TimeDelta> {
    let asked = text(headers, RETRY_AFTER)?.trim();
    let wait = match asked.parse::<u32>() {
        Ok(seconds) => TimeDelta::seconds(seconds.into()),
        Err(_) if !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_digit()) => {
            MAX_RETRY_AFTER
        }
        Err(_) => {
            let until = DateTime::parse_from_rfc2822(asked).ok()?;
            until - DateTime::parse_from_rfc2822(text(headers, DATE)?).ok()?
        }
    };
    Some(wait.clamp(TimeDelta::zero(), MAX_RETRY_AFTER))
}

/// The innermost cause, which names the fault; the outer ones quote the URL.
pub(crate) fn unreachable(error: reqwest::Error) -> ProviderError {
    if error.is_timeout() && error.is_connect() {
        return ProviderError::Unreachable(format!(
            "no connection within {} seconds",
            CONNECT_TIMEOUT.as_secs()
        ));
    }
    let was_sent = !error.is_connect() && !error.is_builder();
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if was_sent {
        ProviderError::Broken(cause.to_string())
    } else {
        ProviderError::Unreachable(cause.to_string())
    }
}

/// Drops the addresses that the guard refuses; a name that has no other does not resolve.
#[derive(Clone)]
pub(crate) struct GuardedResolver {
    guard: Arc<AddressGuard>,
    pub(crate) lookup: Arc<dyn Lookup>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = Arc::clone(&self.guard);
        let lookup = self.lookup.lookup(name.as_str().to_owned());
        Box::pin(async move {
            let found = lookup.await?;
            let admitted: Vec<SocketAddr> = found
                .iter()
                .copied()
                .filter(|address| guard.admits_resolved(address.ip()))
                .collect();
            match (admitted.is_empty(), found.first()) {
                (true, Some(refused)) => Err(not_public(refused.ip()).into()),
                (true, None) => Err("the name has no address".into()),
                (false, _) => {
                    let addresses: Addrs = Box::new(admitted.into_iter());
                    Ok(addresses)
                }
            }
        })
    }
}

/// Why a name is not connected to.
pub(crate) fn not_public(address: IpAddr) -> String {
    format!(
        "the name resolves to {address}, which is not a public address; KEYWAY_OUTBOUND_ALLOW can exempt it"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(headers: &[(&str, &str)]) -> Option<TimeDelta> {
        let named = headers.iter().map(|(name, value)| {
            let name: HeaderName = name.parse().expect("a name");
            (name, value.parse().expect("a value"))
        });
        retry_after(&named.collect())
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(wait(&[("retry-after", "120")]), Some(TimeDelta::minutes(2)));
        let date = ("retry-after", "Fri, 15 Jan 2027 08:02:00 GMT");
        let from = ("date", "Fri, 15 Jan 2027 08:00:00 GMT");
        assert_eq!(wait(&[date, from]), Some(TimeDelta::minutes(2)));
        assert_eq!(wait(&[date]), None, "later than what?");
        let past = ("date", "Fri, 15 Jan 2027 09:00:00 GMT");
        assert_eq!(wait(&[date, past]), Some(TimeDelta::zero()));
    }

    #[test]
    fn retry_after_is_at_most_a_day() {
        for far in ["86401", "4294967296", "99999999999999999999999"] {
            assert_eq!(wait(&[("retry-after", far)]), Some(TimeDelta::days(1)));
        }
        for none in ["", "soon", "-1", "1.5"] {
            assert_eq!(wait(&[("retry-after", none)]), None, "{none}");
        }
        assert_eq!(wait(&[]), None);
    }
}
