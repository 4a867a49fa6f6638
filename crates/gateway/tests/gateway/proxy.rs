//! Calls of providers' APIs through the gateway.

use std::time::Duration;

use keyway_domain::{Clock as _, ids::CredentialId, random::OsRandom};
use keyway_testkit::lab::Endpoint;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::{
    backend::api_token,
    support::{Answer, Gateway},
    upstream::Upstream,
};

pub(crate) struct World {
    pub(crate) gateway: Gateway,
    pub(crate) upstream: Upstream,
    token: String,
    pub(crate) id: CredentialId,
    pub(crate) access_token: String,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::within(Duration::from_secs(10)).await
    }

    async fn within(call_timeout: Duration) -> Self {
        let upstream = Upstream::start();
        let gateway = Gateway::start_with(call_timeout, |lab| {
            vec![("up", upstream.definition(&lab.definition_toml("up")))]
        })
        .await;
        let app = gateway.register("up").await;
        let id = gateway.credential(&app, &[]).await;
        Self {
            token: api_token(&gateway, gateway.account, "proxy").await,
            access_token: gateway.lab.access_tokens("up").remove(0).token,
            upstream,
            gateway,
            id,
        }
    }

    fn url(&self, path: &str) -> String {
        format!(
            "{}/v1/proxy/credential/{}/{path}",
            self.gateway.base, self.id
        )
    }

    pub(crate) fn call(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.gateway
            .request(method, &self.url(path))
            .bearer_auth(&self.token)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        Answer::of(self.call("GET", path).send().await.expect("an answer")).await
    }

    /// Sends a path byte for byte, past any client's tidiness: status and body.
    async fn raw(&self, path: &str) -> (u16, String) {
        let target = format!("/v1/proxy/credential/{}/{path}", self.id);
        let answer = self.raw_to(&target, "x").await;
        let status = answer.split(' ').nth(1).and_then(|text| text.parse().ok());
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        (status.unwrap_or(0), body.to_owned())
    }

    /// Head and body of the answer to a request for this target and host.
    async fn raw_to(&self, target: &str, host: &str) -> String {
        let address = self.gateway.base.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.expect("connected");
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
            self.token
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("an answer");
        String::from_utf8_lossy(&answer).into_owned()
    }
}

fn header<'a>(echoed: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = echoed["headers"].as_array().expect("headers");
    let of = headers.iter().filter(|pair| pair[0] == name);
    of.map(|pair| pair[1].as_str().expect("text")).collect()
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, summary: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.json(), json!({"summary": summary}));
}

#[tokio::test(flavor = "multi_thread")]
async fn any_verb_goes_with_the_credentials_authorization() {
    let world = World::new().await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"] {
        let call = world
            .call(method, "users/7?a=b%20c&a=d")
            .header("X-Own", "1");
        let answer = Answer::of(call.send().await.expect("an answer")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let echoed = answer.json();
        assert_eq!(echoed["method"], method);
        assert_eq!(echoed["target"], "/base/users/7?a=b%20c&a=d");
        let bearer = format!("Bearer {}", world.access_token);
        assert_eq!(header(&echoed, "authorization"), [bearer]);
        assert_eq!(header(&echoed, "x-own"), ["1"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_for_the_provider_stays_here() {
    let world = World::new().await;
    let call = world
        .call("POST", "x")
        .header("Host", "evil.example")
        .header("Cookie", "canary=1")
        .header("Proxy-Authorization", "canary")
        .header("X-Forwarded-For", "canary")
        .header("X-Forwarded-Host", "canary")
        .header("Forwarded", "for=canary")
        .header("Keyway-Edge-Key", "canary")
        .header("Connection", "X-Mine")
        .header("X-Mine", "canary")
        .header("TE", "trailers")
        .header("Upgrade", "canary")
        .body("hello");
    let answer = Answer::of(call.send().await.expect("an answer")).await;
    let echoed = answer.json();
    assert!(!answer.body.contains("canary"), "{echoed}");
    assert!(!answer.body.contains(&world.token));
    let address = world.upstream.base_url();
    let host = address
        .trim_start_matches("http://")
        .trim_end_matches("/base");
    assert_eq!(header(&echoed, "host"), [host]);
    for gone in ["connection", "te", "upgrade", "transfer-encoding"] {
        assert!(header(&echoed, gone).is_empty(), "{gone}");
    }
    assert_eq!(header(&echoed, "content-length"), ["5"]);
    assert_eq!(echoed["length"], 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_definitions_headers_give_way_to_the_callers() {
    let world = World::new().await;
    assert_eq!(header(&world.get("x").await.json(), "x-version"), ["1"]);
    let call = world.call("GET", "x").header("X-Version", "2");
    let answer = Answer::of(call.send().await.expect("an answer")).await;
    assert_eq!(header(&answer.json(), "x-version"), ["2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_comes_as_it_is_without_the_providers_cookies() {
    let world = World::new().await;
    let answer = world.get("busy").await;
    assert_eq!((answer.status, answer.body.as_str()), (429, "slow down"));
    assert_eq!(answer.header("retry-after"), Some("17"));
    assert_eq!(answer.header("x-own"), Some("2"));
    assert_eq!(answer.header("content-length"), Some("9"));
    for gone in ["set-cookie", "alt-svc"] {
        assert_eq!(answer.header(gone), None, "{gone}");
    }
    let refused = world.get("unauthorized").await;
    assert_eq!(
        (refused.status, refused.body.as_str()),
        (401, "who are you")
    );
    let packed = format!("/v1/proxy/credential/{}/packed", world.id);
    let packed = world.raw_to(&packed, "x").await;
    assert!(packed.contains("content-encoding: gzip"), "{packed}");
    assert!(packed.contains("not to be unpacked"), "{packed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_the_length_and_no_body() {
    let world = World::new().await;
    let answer = Answer::of(world.call("HEAD", "busy").send().await.expect("an answer")).await;
    assert_eq!((answer.status, answer.body.as_str()), (429, ""));
    assert_eq!(answer.header("content-length"), Some("9"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_handed_on_and_not_followed() {
    let world = World::new().await;
    let answer = world.get("redirect").await;
    assert_eq!(answer.status, 302);
    assert_eq!(answer.header("location"), Some("http://evil.example/x"));
    assert_eq!(world.upstream.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_paths_never_leave_the_base() {
    let world = World::new().await;
    for path in [
        "/evil.example/",
        "//evil.example/",
        "..",
        "../x",
        "a/../../x",
        "./x",
        "%2e%2e/x",
        "%2E%2E/x",
        ".%2e/x",
        "%2e./x",
        "..%2fx",
        "..%5cx",
        "\\evil.example",
        "\\\\evil.example\\x",
        "%5c%5cevil.example",
        "%252e%252e/x",
        "..;/x",
        "..%3b/x",
        "a%0d%0aHost:%20evil.example",
        "a%0aX-Evil:1",
        "a%00b",
        "a%zz",
        "a%",
        "{a}",
        "a|b",
        "a^b",
        "%25252e%25252e/x",
    ] {
        let (status, body) = world.raw(path).await;
        assert_eq!(status, 400, "{path:?} {body}");
    }
    assert_eq!(world.upstream.requests(), 0, "none of them went anywhere");
    for path in [
        "http://evil.example/",
        "https://evil.example:443/..a",
        "@evil.example/",
        "user:pass@evil.example/",
        ":80@evil.example",
        "a%2Fb",
        "x?next=//evil.example/../..&b=%0d%0a",
        "a//b",
    ] {
        let (status, body) = world.raw(path).await;
        assert_eq!(status, 200, "{path:?} {body}");
        let target = format!("\"target\":\"/base/{path}\"");
        assert!(body.contains(&target), "{path:?} {body}");
    }
    let (status, _) = world.raw("x#evil HTTP/1.1\r\nX: ").await;
    assert!(
        status == 400 || status == 200,
        "a fragment is refused or dropped"
    );
    let (_, body) = world.raw("x\r\nHost: evil.example\r\nX: ").await;
    assert!(!body.contains("\"host\",\"evil"), "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absolute_request_target_is_nothing_special() {
    let world = World::new().await;
    let target = format!("http://evil.example/v1/proxy/credential/{}/x", world.id);
    let answer = world.raw_to(&target, "evil.example").await;
    assert!(answer.contains("\"target\":\"/base/x\""), "{answer}");
    assert!(!answer.contains("evil.example"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_streamed_both_ways() {
    let world = World::new().await;
    let size = 5 * 1024 * 1024 + 17;
    let answer = world.get(&format!("bytes/{size}")).await;
    assert_eq!(answer.body.len(), size);
    let answer = world.call("POST", "x").body(vec![b'y'; size]);
    let echoed = Answer::of(answer.send().await.expect("an answer"))
        .await
        .json();
    assert_eq!(echoed["length"], size);
    assert_eq!(header(&echoed, "content-length"), [size.to_string()]);
    let parts = (0..100).map(|_| Ok::<_, std::io::Error>(vec![b'z'; 1000]));
    let chunked = reqwest::Body::wrap_stream(futures_util::stream::iter(parts));
    let answer = world.call("PUT", "x").body(chunked);
    let echoed = Answer::of(answer.send().await.expect("an answer"))
        .await
        .json();
    assert_eq!(echoed["length"], 100_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_breaks_off_is_no_whole_upload() {
    let world = World::new().await;
    let address = world.gateway.base.trim_start_matches("http://");
    for framing in ["Transfer-Encoding: chunked", "Content-Length: 1000000"] {
        let mut stream = TcpStream::connect(address).await.expect("connected");
        let head = format!(
            "POST /v1/proxy/credential/{}/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n{framing}\r\n\r\n5\r\nhello\r\n",
            world.id, world.token
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        stream.shutdown().await.expect("gone");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.starts_with("HTTP/1.1 200"), "{framing}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_answer_costs_a_504() {
    let world = World::within(Duration::from_millis(300)).await;
    let answer = world.get("slow").await;
    assert_refused(&answer, 504, "The provider did not answer in time.");
    assert!(answer.log().contains("did not answer within"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_stalls_breaks_off() {
    let world = World::within(Duration::from_millis(300)).await;
    let mut answer = world.call("GET", "stall").send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let first = answer.chunk().await.expect("a part");
    assert_eq!(first.as_deref(), Some(&b"first"[..]));
    assert!(answer.chunk().await.is_err(), "never taken for the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_breaks_off_before_its_answer_costs_a_502() {
    let world = World::new().await;
    let answer = world.get("reset").await;
    assert_refused(&answer, 502, "The provider did not complete its answer.");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_whoever_may_gets_through() {
    let world = World::new().await;
    let gateway = &world.gateway;
    let reader = api_token(
        gateway,
        gateway.account,
        "credentials:read,credentials:token",
    )
    .await;
    let stranger = api_token(gateway, gateway.other_account().await, "proxy").await;
    let unknown = CredentialId::generate(gateway.clock.now(), &OsRandom);
    let ask = async |url: &str, token: &str| {
        let sent = gateway.request("GET", url).bearer_auth(token).send().await;
        Answer::of(sent.expect("an answer")).await
    };
    let url = world.url("x");
    let answer = ask(&url, &reader).await;
    assert_refused(&answer, 403, "This API token lacks the scope proxy.");
    for (url, token) in [
        (url.as_str(), &stranger),
        (
            &url.replace(&world.id.to_string(), &unknown.to_string()),
            &world.token,
        ),
        (
            &url.replace(&world.id.to_string(), "nonsense"),
            &world.token,
        ),
    ] {
        let answer = ask(url, token).await;
        assert_refused(&answer, 404, "There is no such credential.");
    }
    assert_eq!(gateway.get(&url).await.status, 401);
    assert_eq!(world.upstream.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_credential_is_a_conflict() {
    let world = World::new().await;
    world
        .gateway
        .sql("UPDATE credentials SET health_status = 'error'")
        .await;
    let answer = world.get("x").await;
    assert_eq!(answer.status, 409, "{answer:?}");
    assert_eq!(answer.json()["summary"], "The end user must reconnect.");
    assert_eq!(answer.json()["health"]["status"], "error");
    assert_eq!(world.upstream.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_leads_elsewhere_is_a_conflict() {
    let gateway = Gateway::start().await;
    let token = api_token(&gateway, gateway.account, "proxy").await;
    let app = gateway.register("salesforce").await;
    let id = gateway.credential(&app, &[]).await;
    let url = format!("{}/v1/proxy/credential/{id}/services/data", gateway.base);
    let ask = async || {
        let sent = gateway
            .request("GET", &url)
            .bearer_auth(&token)
            .send()
            .await;
        Answer::of(sent.expect("an answer")).await
    };
    assert_eq!(ask().await.status, 404, "of the lab, which has no such API");
    let stray = "GET acme.my.salesforce.com/services/data".to_owned();
    assert_eq!(gateway.lab.strays(), [stray]);
    gateway
        .sql("UPDATE grants SET properties = jsonb_set(properties, '{instance_url}', '\"https://evil.example\"')")
        .await;
    let answer = ask().await;
    assert_refused(&answer, 409, "The provider is not set up correctly.");
    assert_eq!(gateway.lab.strays().len(), 1);
}

/// Each shipped definition, against the lab's own idea of where the API is and how it is called.
#[tokio::test(flavor = "multi_thread")]
async fn shipped_apis_are_reached_in_their_providers_way() {
    let gateway = Gateway::start().await;
    let token = api_token(&gateway, gateway.account, "proxy").await;
    for (provider, method, path, target) in [
        ("linear", "POST", "graphql", "api.linear.app/graphql"),
        (
            "airtable",
            "GET",
            "meta/whoami",
            "api.airtable.com/v0/meta/whoami",
        ),
        ("stripe", "GET", "v1/account", "api.stripe.com/v1/account"),
        ("github", "GET", "user", "api.github.com/user"),
        (
            "quickbooks",
            "GET",
            "v3/company/1/companyinfo/1",
            "quickbooks.api.intuit.com/v3/company/1/companyinfo/1",
        ),
        (
            "snyk",
            "GET",
            "rest/orgs?version=2024-10-15",
            "api.snyk.io/rest/orgs",
        ),
    ] {
        let app = gateway.register(provider).await;
        let id = gateway.credential(&app, &[]).await;
        let before = gateway.lab.calls(provider, Endpoint::Identity).len();
        let url = format!("{}/v1/proxy/credential/{id}/{path}", gateway.base);
        let sent = gateway
            .request(method, &url)
            .bearer_auth(&token)
            .send()
            .await;
        let answer = Answer::of(sent.expect("an answer")).await;
        let calls = gateway.lab.calls(provider, Endpoint::Identity);
        assert_eq!(
            calls.len(),
            before + 1,
            "{provider}: {answer:?} {}",
            answer.log()
        );
        let call = calls.last().expect("a call");
        assert_eq!(format!("{}{}", call.host, call.path), target);
        let bearer = call
            .headers
            .iter()
            .find(|(name, _)| name == "authorization");
        let (_, bearer) = bearer.expect("authorization");
        let live = gateway.lab.access_tokens(provider);
        assert!(
            live.iter()
                .any(|token| *bearer == format!("Bearer {}", token.token)),
            "{provider}"
        );
    }
}
