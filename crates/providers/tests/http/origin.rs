//! A server that says what it is told, and a flow that calls it.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::DateTime;
use keyway_domain::{
    clock::{Clock, SystemClock},
    provider::ProviderSlug,
    random::OsRandom,
    secret::SecretString,
};
use keyway_providers::{
    Catalogue, Provider, ProviderError,
    address::AddressGuard,
    callback::CallbackParameters,
    completion::{Completed, Completion, Granted, Stage},
    http::{CALL_TIMEOUT, HttpClient, HttpOptions, Lookup, SystemLookup},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// What an origin does with a request.
#[derive(Debug, Clone)]
pub(crate) enum Does {
    /// Answers, and keeps the connection.
    Answer(Vec<u8>),
    /// Answers a byte at a time.
    Drip(Vec<u8>, Duration),
    /// Closes the connection.
    Close,
}

/// A server on a port of its own. It does what it is told for the first request, the second, …;
/// the last stands for all that follow.
pub(crate) struct Origin {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// A request, as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    head: String,
    pub(crate) body: String,
}

impl Seen {
    /// What it asked for.
    pub(crate) fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    /// The value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut pairs = self.head.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = pairs.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(value.trim())
    }

    /// A parameter of its body.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(self.body.as_bytes());
        let (_, value) = pairs.find(|(known, _)| known == name)?;
        Some(value.into_owned())
    }
}

impl Origin {
    pub(crate) async fn start(script: Vec<Does>) -> Self {
        let anywhere = ([127, 0, 0, 1], 0).into();
        Self::start_at(anywhere, script).await.expect("a port")
    }

    pub(crate) async fn start_at(address: SocketAddr, script: Vec<Does>) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let origin = Self {
            address: listener.local_addr()?,
            connections: Arc::default(),
            requests: Arc::default(),
            seen: Arc::default(),
        };
        let connections = Arc::clone(&origin.connections);
        let (requests, seen) = (Arc::clone(&origin.requests), Arc::clone(&origin.seen));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let (requests, seen) = (Arc::clone(&requests), Arc::clone(&seen));
                tokio::spawn(serve(stream, script.clone(), requests, seen));
            }
        });
        Ok(origin)
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// What the requests asked for, in order.
    pub(crate) fn targets(&self) -> Vec<String> {
        let seen = self.seen();
        seen.iter().map(|seen| seen.target().to_owned()).collect()
    }

    /// The requests, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("lock").clone()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

async fn serve(
    mut stream: TcpStream,
    script: Vec<Does>,
    requests: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Seen>>>,
) {
    while let Ok(request) = read_request(&mut stream).await {
        seen.lock().expect("lock").push(request);
        let number = requests.fetch_add(1, Ordering::SeqCst);
        let does = script.get(number).or(script.last());
        match does.expect("a script") {
            Does::Close => return,
            Does::Answer(answer) => {
                if stream.write_all(answer).await.is_err() {
                    return;
                }
            }
            Does::Drip(answer, pause) => {
                for byte in answer {
                    tokio::time::sleep(*pause).await;
                    if stream.write_all(&[*byte]).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// Reads a request to the end of its body.
async fn read_request(stream: &mut TcpStream) -> io::Result<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let lower = head.to_ascii_lowercase();
    let length = lower
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .and_then(|length| length.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await?;
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Seen { head, body })
}

/// An HTTP answer with these headers and this body.
pub(crate) fn answer(status: &str, headers: &[&str], body: &[u8]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
    for header in headers {
        answer.push_str(header);
        answer.push_str("\r\n");
    }
    answer.push_str("\r\n");
    let mut answer = answer.into_bytes();
    answer.extend_from_slice(body);
    answer
}

/// An answer of JSON.
pub(crate) fn json(body: &str) -> Vec<u8> {
    answer(
        "200 OK",
        &["content-type: application/json"],
        body.as_bytes(),
    )
}

/// Tokens, as most answers have them.
pub(crate) fn tokens() -> Vec<u8> {
    json(r#"{"access_token": "access-token", "id": "account"}"#)
}

/// A provider whose token endpoint is `token_url`.
pub(crate) fn provider(token_url: &str, more: &str) -> Arc<Provider> {
    let mut catalogue = Catalogue::default();
    let definition = definition(token_url, more);
    catalogue.add("origin", &definition).expect("a definition");
    let slug = ProviderSlug::parse("origin").expect("slug");
    Arc::clone(catalogue.find(&slug).expect("added"))
}

fn definition(token_url: &str, more: &str) -> String {
    format!(
        r#"
        name = "Origin"
        category = "testing"
        documentation = "https://example.com/docs"
        checked = "2026-11-21"
        certainty = "single"
        {more}
        [authorize]
        url = "https://origin.example/authorize"
        pkce = "none"
        [token]
        url = "{token_url}"
        client_authentication = "post"
        [credential]
        kind = "origin_oauth2"
        external_id = ["token.id"]
        [credential.properties]
        id = {{ from = ["token.id"] }}
        access_token = {{ from = ["granted.access_token"], secret = true }}
        "#
    )
}

/// A client that may reach these addresses besides the public ones.
pub(crate) fn client(allowed: &[&str]) -> HttpClient {
    client_with(allowed, Arc::new(SystemLookup))
}

/// A client with these names.
pub(crate) fn client_with(allowed: &[&str], lookup: Arc<dyn Lookup>) -> HttpClient {
    client_within(allowed, lookup, CALL_TIMEOUT)
}

/// A client with this much time for a call.
pub(crate) fn client_within(
    allowed: &[&str],
    lookup: Arc<dyn Lookup>,
    call_timeout: Duration,
) -> HttpClient {
    client_of(allowed, lookup, call_timeout, Arc::new(SystemClock))
}

/// A client that lives by this clock.
pub(crate) fn client_at(
    allowed: &[&str],
    lookup: Arc<dyn Lookup>,
    clock: Arc<dyn Clock>,
) -> HttpClient {
    client_of(allowed, lookup, CALL_TIMEOUT, clock)
}

fn client_of(
    allowed: &[&str],
    lookup: Arc<dyn Lookup>,
    call_timeout: Duration,
    clock: Arc<dyn Clock>,
) -> HttpClient {
    let allowed = allowed.iter().map(|text| text.parse().expect("an address"));
    let options = HttpOptions {
        guard: AddressGuard::new(allowed.collect()),
        lookup,
        additional_roots: Vec::new(),
        call_timeout,
        clock,
        random: Arc::new(OsRandom),
    };
    HttpClient::new(options).expect("a client")
}

/// Redeems a code.
pub(crate) async fn redeem(
    provider: &Provider,
    http: &HttpClient,
) -> Result<Granted, (Stage, ProviderError)> {
    redeem_with(provider, http, &SecretString::from("client-secret")).await
}

/// Redeems a code as a client with this secret.
pub(crate) async fn redeem_with(
    provider: &Provider,
    http: &HttpClient,
    secret: &SecretString,
) -> Result<Granted, (Stage, ProviderError)> {
    let proof_key = provider.definition.new_proof_key(&OsRandom).expect("a key");
    let parameters = CallbackParameters::parse(b"").expect("none");
    let variables = BTreeMap::new();
    let completion = Completion {
        client_id: "client-id",
        client_secret: secret,
        redirect_uri: "https://keyway.example/callback",
        code_verifier: None,
        nonce: None,
        variables: &variables,
        callback: &parameters,
        proof_key: proof_key.as_ref(),
        now: DateTime::from_timestamp(1_800_000_000, 0).expect("moment"),
    };
    let code = SecretString::from("the-code");
    match provider.complete(http, &code, &completion).await? {
        Completed::Granted(granted) => Ok(*granted),
        Completed::Choose(accounts, _) => panic!("one of {accounts:?} is to be chosen"),
    }
}

/// How redeeming a code fails.
pub(crate) async fn fails(provider: &Provider, http: &HttpClient) -> ProviderError {
    redeem(provider, http).await.expect_err("a failure").1
}
