//! A provider's API that tells what reached it.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt::System, web};
use futures_util::{StreamExt as _, stream};
use serde_json::json;

const CHUNK: usize = 64 * 1024;

/// A running API. Its base URL has the path `/base`; it counts all requests, wherever they go.
pub(crate) struct Upstream {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Upstream {
    /// Starts it on a thread of its own, for as long as the tests run.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::new(AtomicUsize::new(0));
        let counter = web::Data::from(Arc::clone(&requests));
        std::thread::spawn(move || {
            System::new().block_on(async move {
                let app = move || {
                    App::new()
                        .app_data(counter.clone())
                        .default_service(web::to(handle))
                };
                let server = HttpServer::new(app)
                    .workers(1)
                    .disable_signals()
                    .listen(listener)
                    .expect("a listener");
                server.run().await.expect("served");
            });
        });
        Self { address, requests }
    }

    /// Where calls go.
    pub(crate) fn base_url(&self) -> String {
        format!("http://{}/base", self.address)
    }

    /// How many requests came.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// The definition of a provider of the lab's, with this API.
    pub(crate) fn definition(&self, of_the_lab: &str) -> String {
        let (before, api) = of_the_lab.split_once("[api]\n").expect("an API");
        let (_, after) = api.split_once('\n').expect("a line");
        let version = r#"headers = { X-Version = "1" }"#;
        format!(
            "{before}[api]\nbase_url = \"{}\"\n{version}\n{after}",
            self.base_url()
        )
    }
}

async fn handle(
    request: HttpRequest,
    mut payload: web::Payload,
    requests: web::Data<AtomicUsize>,
) -> HttpResponse {
    requests.fetch_add(1, Ordering::SeqCst);
    match request.path() {
        "/base/redirect" => HttpResponse::Found()
            .insert_header(("Location", "http://evil.example/x"))
            .finish(),
        "/base/busy" => HttpResponse::TooManyRequests()
            .insert_header(("Retry-After", "17"))
            .insert_header(("Set-Cookie", "session=canary"))
            .insert_header(("Alt-Svc", "h3=\":443\""))
            .insert_header(("X-Own", "2"))
            .body("slow down"),
        "/base/pushed" => {
            HttpResponse::Created().json(json!({"request_uri": "urn:example:1", "expires_in": 60}))
        }
        "/base/unauthorized" => HttpResponse::Unauthorized().body("who are you"),
        "/base/packed" => HttpResponse::Ok()
            .insert_header(("Content-Encoding", "gzip"))
            .body(&b"\x1f\x8bnot to be unpacked"[..]),
        "/base/slow" => {
            actix_web::rt::time::sleep(Duration::from_mins(1)).await;
            HttpResponse::Ok().finish()
        }
        "/base/stall" => {
            let first = stream::iter([Ok::<_, io::Error>(web::Bytes::from_static(b"first"))]);
            HttpResponse::Ok().streaming(first.chain(stream::pending()))
        }
        "/base/reset" => {
            let failed = Err::<web::Bytes, _>(io::Error::other("reset on demand"));
            HttpResponse::Ok().streaming(stream::iter([failed]))
        }
        path => {
            if let Some(size) = path.strip_prefix("/base/bytes/") {
                return bytes(size.parse().expect("a number"));
            }
            if let Some(refused) = path.strip_prefix("/base/refuses/")
                && is_bearer(&request, refused)
            {
                return HttpResponse::Unauthorized().body("who are you");
            }
            let mut length = 0;
            while let Some(part) = payload.next().await {
                let Ok(part) = part else {
                    return HttpResponse::BadRequest().finish();
                };
                length += part.len();
            }
            echo(&request, length)
        }
    }
}

fn is_bearer(request: &HttpRequest, token: &str) -> bool {
    let value = request.headers().get("authorization");
    value.is_some_and(|value| value.as_bytes() == format!("Bearer {token}").as_bytes())
}

/// All that came.
fn echo(request: &HttpRequest, length: usize) -> HttpResponse {
    let headers: Vec<(String, String)> = request
        .headers()
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.to_string(), value.into_owned())
        })
        .collect();
    HttpResponse::Ok().json(json!({
        "method": request.method().as_str(),
        "target": request.uri().to_string(),
        "headers": headers,
        "length": length,
    }))
}

/// So many bytes, without telling how many.
fn bytes(size: usize) -> HttpResponse {
    let chunk = web::Bytes::from(vec![b'x'; CHUNK]);
    let last = web::Bytes::from(vec![b'x'; size % CHUNK]);
    let chunks = std::iter::repeat_n(chunk, size / CHUNK).chain([last]);
    HttpResponse::Ok().streaming(stream::iter(chunks.map(Ok::<_, io::Error>)))
}
