//! The listeners, and how requests reach the vendors.

use std::{
    collections::BTreeSet,
    io,
    net::TcpListener,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer, dev::ServerHandle, http::StatusCode,
    rt::time::sleep, web,
};
use futures_util::stream;
use keyway_domain::clock::Clock;
use serde_json::json;

use crate::server;

use super::{
    calls::{CallLog, Endpoint},
    desk::Desk,
    fault::{Fault, Faults},
    flow::{self, Decision},
    message::{Reply, Request},
    tls::Authority,
    vendor::{Problem, Vendor},
};

/// The header by which the lab's browser says what the end user does.
pub(crate) const DECISION: &str = "x-lab-decision";

/// All that the lab knows.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) desk: Desk,
    pub(crate) faults: Faults,
    pub(crate) calls: CallLog,
    pub(crate) vendors: Vec<Arc<dyn Vendor>>,
    /// Requests that reached no provider: method, host and path.
    pub(crate) strays: Vec<String>,
    /// Providers whose next end user refuses.
    pub(crate) refusals: BTreeSet<String>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
}

impl Shared {
    pub(crate) fn new(state: State, clock: Arc<dyn Clock>) -> Self {
        Self {
            state: Mutex::new(state),
            clock,
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("lock")
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(crate) fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The vendor's answer, and the fault to commit with it.
    pub(crate) fn serve(&self, request: &Request) -> (Reply, Option<Fault>) {
        let state = &mut *self.state();
        let reached = state.vendors.iter().find_map(|vendor| {
            let endpoint = vendor.endpoint(&request.host, &request.path)?;
            Some((Arc::clone(vendor), endpoint))
        });
        let Some((vendor, endpoint)) = reached else {
            let stray = format!("{} {}{}", request.method, request.host, request.path);
            state.strays.push(stray);
            return (Reply::text(404, "no such endpoint"), None);
        };
        let endpoint = precise(endpoint, request);
        let now = self.clock.now();
        state.calls.add(vendor.slug(), endpoint, request, now);
        let fault = state.faults.take(vendor.slug(), endpoint);
        if let Some(reply) = fault
            .as_ref()
            .and_then(|fault| instead(&*vendor, endpoint, fault))
        {
            return (reply, fault);
        }
        if let Some(Fault::Echo(status)) = fault {
            return (echo(status, request), fault);
        }
        let desk = &mut state.desk;
        let reply = match endpoint {
            Endpoint::Authorize => {
                let refused = state.refusals.remove(vendor.slug());
                let decision = decision(request, refused);
                flow::authorize(&*vendor, request, decision, desk, now)
            }
            Endpoint::Token | Endpoint::Refresh => flow::token(&*vendor, request, desk, now),
            Endpoint::Identity => vendor.identity(request, desk, now),
            Endpoint::Revoke => vendor.revoke(request, desk, now),
        };
        (reply, fault)
    }
}

/// The token endpoint serves two purposes.
fn precise(endpoint: Endpoint, request: &Request) -> Endpoint {
    let grant_type = request.body_parameters();
    match (endpoint, grant_type.get("grant_type")) {
        (Endpoint::Token, Some("refresh_token")) => Endpoint::Refresh,
        _ => endpoint,
    }
}

fn decision(request: &Request, refused: bool) -> Decision {
    if refused || request.header(DECISION) == Some("deny") {
        Decision::Deny
    } else {
        Decision::Approve
    }
}

/// The answer of a vendor that does nothing; none if it serves the request first.
fn instead(vendor: &dyn Vendor, endpoint: Endpoint, fault: &Fault) -> Option<Reply> {
    match fault {
        Fault::Slow(_) | Fault::Drip(_) | Fault::Truncated | Fault::Reset | Fault::Echo(_) => None,
        Fault::Status(status) => Some(vendor.failure(endpoint, *status)),
        Fault::RetryAfter(status, wait, date) => {
            let mut reply = vendor.failure(endpoint, *status);
            reply.headers.push(("retry-after", (*wait).into()));
            let date = date.map(|date| ("date", date.to_owned()));
            reply.headers.extend(date);
            Some(reply)
        }
        Fault::Garbage => Some(Reply::html(200, "We will be back soon")),
        Fault::Huge(_) => Some(Reply::empty(200)),
        Fault::Redirect(url) => Some(Reply::redirect(302, url.clone())),
        Fault::Answer(status, kind, body) => Some(Reply::typed(*status, kind, body.clone())),
        Fault::OkWithError => Some(match endpoint {
            Endpoint::Authorize => vendor.page(&Problem::Client).at(200),
            Endpoint::Identity => vendor.stranger().at(200),
            Endpoint::Token => refusal(vendor, &Problem::CodeUsed),
            Endpoint::Refresh => refusal(vendor, &Problem::RefreshToken),
            Endpoint::Revoke => refusal(vendor, &Problem::Token),
        }),
    }
}

fn echo(status: u16, request: &Request) -> Reply {
    let words = format!(
        "{} {} {} {}",
        String::from_utf8_lossy(&request.body),
        request.header("authorization").unwrap_or_default(),
        request.path,
        request.query,
    );
    let body = json!({"error": "invalid_request", "error_description": words});
    Reply::json(status, &body)
}

fn refusal(vendor: &dyn Vendor, problem: &Problem) -> Reply {
    let (_, words) = vendor.refusal(problem);
    Reply::json(200, &words)
}

async fn handle(request: HttpRequest, body: web::Bytes, shared: web::Data<Shared>) -> HttpResponse {
    let (reply, fault) = shared.serve(&read(&request, &body));
    match fault {
        Some(Fault::Slow(delay)) => {
            sleep(delay).await;
            whole(reply)
        }
        Some(Fault::Drip(pause)) => dripping(reply, pause),
        Some(Fault::Truncated) => {
            let half = reply.body.len() / 2;
            let body = reply.body.get(..half).unwrap_or_default().to_vec();
            whole(Reply { body, ..reply })
        }
        Some(Fault::Huge(size)) => huge(size),
        Some(Fault::Reset) => {
            // The connection goes down before the head is written.
            let failed = Err::<web::Bytes, _>(io::Error::other("reset on demand"));
            HttpResponse::Ok().streaming(stream::iter([failed]))
        }
        _ => whole(reply),
    }
}

fn read(request: &HttpRequest, body: &[u8]) -> Request {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str().to_owned(), text(value.as_bytes())))
        .collect();
    let host = request.connection_info().host().to_owned();
    let bare = host
        .rsplit_once(':')
        .map_or(host.as_str(), |(bare, _)| bare);
    Request {
        method: request.method().to_string(),
        host: bare.to_owned(),
        path: request.path().to_owned(),
        query: request.query_string().to_owned(),
        headers,
        body: body.to_vec(),
    }
}

fn head(reply: &Reply) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::build(StatusCode::from_u16(reply.status).expect("status"));
    for (name, value) in &reply.headers {
        response.insert_header((*name, value.as_str()));
    }
    response
}

fn whole(reply: Reply) -> HttpResponse {
    head(&reply).body(reply.body)
}

fn dripping(reply: Reply, pause: Duration) -> HttpResponse {
    let mut response = head(&reply);
    let bytes = stream::unfold(reply.body.into_iter(), move |mut rest| async move {
        let byte = rest.next()?;
        sleep(pause).await;
        Some((Ok::<_, io::Error>(web::Bytes::from(vec![byte])), rest))
    });
    response.streaming(Box::pin(bytes))
}

/// A JSON text that has no end in sight.
fn huge(size: usize) -> HttpResponse {
    const CHUNK: usize = 64 * 1024;
    let start = web::Bytes::from_static(br#"{"access_token":""#);
    let chunk = web::Bytes::from(vec![b'a'; CHUNK]);
    let chunks = std::iter::once(start).chain(std::iter::repeat_n(chunk, size.div_ceil(CHUNK)));
    HttpResponse::Ok()
        .content_type("application/json")
        .streaming(stream::iter(chunks.map(Ok::<_, io::Error>)))
}

/// Starts the server.
pub(crate) async fn start(
    shared: Arc<Shared>,
    authority: &Arc<Authority>,
    secure: TcpListener,
    plain: TcpListener,
) -> ServerHandle {
    let config = authority.server_config();
    let data = web::Data::from(shared);
    server::start(move || {
        let app = move || {
            App::new()
                .app_data(data.clone())
                .default_service(web::to(handle))
        };
        let server = HttpServer::new(app)
            .workers(1)
            // As long as most servers on the internet: a lab that is out of breath must not
            // hang up on requests that it has not read yet.
            .keep_alive(Duration::from_secs(75))
            .client_request_timeout(Duration::ZERO)
            .disable_signals()
            .listen(plain)?
            .listen_rustls_0_23(secure, config)?;
        Ok(server.run())
    })
    .await
}
