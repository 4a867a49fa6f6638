//! A server that expects one request after the other, and says where what came differs.

mod description;
mod server;

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use actix_web::dev::ServerHandle;
use keyway_domain::{clock::Clock, random::OsRandom};
use keyway_providers::{
    address::{AddressGuard, AllowedAddress},
    http::{CALL_TIMEOUT, HttpClient, HttpOptions},
};

pub use self::description::{Description, Endpoint, Exchange, all};
use crate::lab::{LabLookup, tls::Authority};

/// A request that is to come, and its answer.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// The method.
    pub method: String,
    /// Scheme, host and path.
    pub url: String,
    /// All of the query.
    pub query: BTreeMap<String, String>,
    /// `Authorization`: as it is, or only its scheme if it ends with a space.
    pub authorization: Option<String>,
    /// Further headers that must be there.
    pub headers: BTreeMap<String, String>,
    /// The content type, without parameters; empty for no body.
    pub content_type: String,
    /// All of the body: the parameters of a form, or the members of an object.
    pub body: BTreeMap<String, String>,
    /// The answer, as JSON.
    pub answer: String,
}

#[derive(Debug, Default)]
struct Script {
    expected: VecDeque<Expected>,
    problems: Vec<String>,
}

/// The server, behind every name there is. It stops when it is dropped.
#[derive(Debug)]
pub struct Witness {
    script: Arc<Mutex<Script>>,
    authority: Arc<Authority>,
    address: SocketAddr,
    server: ServerHandle,
}

impl Witness {
    /// A witness on a free port of 127.0.0.1.
    pub async fn start() -> Self {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("bound");
        let script = Arc::new(Mutex::new(Script::default()));
        let authority = Arc::new(Authority::new());
        let server = server::start(Arc::clone(&script), authority.server_config(), listener).await;
        Self {
            script,
            authority,
            address,
            server,
        }
    }

    /// A client that finds the witness behind every name, and trusts it.
    pub fn http_client(&self, clock: Arc<dyn Clock>) -> HttpClient {
        let here = self.address.ip().to_string();
        let allowed: AllowedAddress = here.parse().expect("an address");
        HttpClient::new(HttpOptions {
            guard: AddressGuard::new(vec![allowed]),
            lookup: Arc::new(LabLookup(self.address)),
            additional_roots: vec![self.authority.root()],
            call_timeout: CALL_TIMEOUT,
            clock,
            random: Arc::new(OsRandom),
        })
        .expect("a client")
    }

    /// The requests that are to come next, in place of any that did not.
    pub fn expect(&self, requests: impl IntoIterator<Item = Expected>) {
        let mut script = self.script.lock().expect("lock");
        script.expected = requests.into_iter().collect();
        script.problems.clear();
    }

    /// What was wrong since; requests that did not come among it.
    pub fn problems(&self) -> Vec<String> {
        let mut script = self.script.lock().expect("lock");
        let mut problems = std::mem::take(&mut script.problems);
        let missing = script.expected.drain(..);
        problems.extend(missing.map(|request| format!("no {} {}", request.method, request.url)));
        problems
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        drop(self.server.stop(false));
    }
}
