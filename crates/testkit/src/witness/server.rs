//! The listener, and the comparison.

use std::{
    collections::BTreeMap,
    net::TcpListener,
    sync::{Arc, Mutex},
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    dev::ServerHandle,
    http::header::{AUTHORIZATION, CONTENT_TYPE},
    web,
};
use base64ct::{Base64UrlUnpadded, Encoding as _};
use rustls::ServerConfig;
use serde_json::Value;

use crate::server;

use super::{Expected, Script};

async fn handle(
    script: web::Data<Mutex<Script>>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    let mut script = script.lock().expect("lock");
    let Some(expected) = script.expected.pop_front() else {
        let stray = format!("unexpected {} {}", request.method(), request.path());
        script.problems.push(stray);
        return HttpResponse::BadRequest().body("unexpected");
    };
    let differences = compare(&expected, &request, &body);
    let is_good = differences.is_empty();
    script.problems.extend(differences);
    drop(script);
    if is_good {
        HttpResponse::Ok()
            .content_type("application/json")
            .body(expected.answer)
    } else {
        HttpResponse::BadRequest().body("not as documented")
    }
}

fn compare(expected: &Expected, request: &HttpRequest, body: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut same = |what: &str, expected: &str, came: &str| {
        if expected != came {
            found.push(format!("{what}: {came:?} instead of {expected:?}"));
        }
    };
    let header = |name: &str| {
        let value = request.headers().get(name);
        value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    same("method", &expected.method, request.method().as_str());
    let host = request.connection_info().host().to_owned();
    same(
        "url",
        &expected.url,
        &format!("https://{host}{}", request.path()),
    );
    let query = pairs(request.query_string().as_bytes());
    same("query", &shown(&expected.query), &shown(&query));
    let authorization = header(AUTHORIZATION.as_str()).unwrap_or_default();
    match expected.authorization.as_deref() {
        Some(scheme) if scheme.ends_with(' ') => {
            same(
                "authorization",
                scheme,
                authorization.get(..scheme.len()).unwrap_or_default(),
            );
        }
        whole => same("authorization", whole.unwrap_or_default(), &authorization),
    }
    for (name, value) in &expected.headers {
        same(name, value, &header(name).unwrap_or_default());
    }
    let kind = header(CONTENT_TYPE.as_str()).unwrap_or_default();
    same("content type", &expected.content_type, &kind);
    let members = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(members)) => members
            .into_iter()
            .map(|(name, value)| (name, value.as_str().unwrap_or_default().to_owned()))
            .collect(),
        _ => pairs(body),
    };
    same("body", &shown(&expected.body), &shown(&read(members)));
    found
}

/// Shows what an assertion says in place of it, as no two are alike: its claims without those that
/// pass with time, and its life.
fn read(mut members: BTreeMap<String, String>) -> BTreeMap<String, String> {
    if let Some(assertion) = members.get_mut("assertion") {
        let part = assertion.split('.').nth(1).unwrap_or_default();
        let claims = Base64UrlUnpadded::decode_vec(part).unwrap_or_default();
        let mut claims: Value = serde_json::from_slice(&claims).unwrap_or_default();
        if let Some(all) = claims.as_object_mut() {
            let mut moment = |name: &str| all.remove(name).and_then(|at| at.as_i64());
            let (from, to) = (moment("iat"), moment("exp"));
            all.remove("jti");
            let life = to.zip(from).map(|(to, from)| to - from);
            all.insert("life".into(), life.into());
        }
        *assertion = claims.to_string();
    }
    members
}

fn pairs(encoded: &[u8]) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(encoded).into_owned().collect()
}

fn shown(pairs: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

pub(super) async fn start(
    script: Arc<Mutex<Script>>,
    config: ServerConfig,
    listener: TcpListener,
) -> ServerHandle {
    let data = web::Data::from(script);
    server::start(move || {
        let app = move || {
            App::new()
                .app_data(data.clone())
                .default_service(web::to(handle))
        };
        let server = HttpServer::new(app)
            .workers(1)
            .keep_alive(Duration::from_secs(75))
            .disable_signals()
            .listen_rustls_0_23(listener, config)?;
        Ok(server.run())
    })
    .await
}
