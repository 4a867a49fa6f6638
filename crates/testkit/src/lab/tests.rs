//! The lab holds its clients to what the vendors' pages say.

use std::sync::Arc;

use base64ct::{Base64, Encoding as _};
use chrono::TimeDelta;
use keyway_domain::{clock::Clock, pkce::CodeVerifier};
use serde_json::Value;

use super::{
    desk::{App, Desk},
    fault::Faults,
    message::{Parameters, Reply, Request, encode},
    server::{Shared, State},
    vendors,
};
use crate::clock::ManualClock;

/// The vendors, without a network.
struct Bench {
    shared: Shared,
    clock: Arc<ManualClock>,
}

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CALLBACK: &str = "https://keyway.example/callback";

impl Bench {
    /// A client of `provider`.
    fn of(provider: &str) -> Self {
        let clock = Arc::new(ManualClock::default());
        let app = App {
            provider: provider.to_owned(),
            client_id: "id".to_owned(),
            client_secret: "secret".to_owned(),
            redirect_uri: CALLBACK.to_owned(),
        };
        let state = State {
            desk: Desk {
                apps: vec![app],
                ..Desk::default()
            },
            faults: Faults::default(),
            calls: super::CallLog::default(),
            vendors: vendors::all(),
            strays: Vec::new(),
            refusals: std::collections::BTreeSet::new(),
        };
        let shared = Shared::new(state, Arc::<ManualClock>::clone(&clock));
        Self { shared, clock }
    }

    fn wait(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }

    fn send(&self, method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let rest = url.strip_prefix("https://").expect("https");
        let (host, target) = rest.split_once('/').expect("a path");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let request = Request {
            method: method.to_owned(),
            host: host.to_owned(),
            path: format!("/{path}"),
            query: query.to_owned(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: body.into(),
        };
        self.shared.serve(&request).0
    }

    /// Opens an authorization URL with the usual parameters and these.
    fn authorize(&self, url: &str, more: &[(&str, &str)]) -> Reply {
        let challenge = CodeVerifier::parse(VERIFIER).expect("verifier").challenge();
        let usual = [
            ("client_id", "id"),
            ("redirect_uri", CALLBACK),
            ("response_type", "code"),
            ("state", "state"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        let query = form(&usual, more);
        self.send("GET", &format!("{url}?{query}"), &[], "")
    }

    /// A code, from that.
    fn code(&self, url: &str, more: &[(&str, &str)]) -> String {
        let callback = parameters(&self.authorize(url, more));
        callback.get("code").expect("a code").to_owned()
    }

    /// Redeems a code with the usual parameters and these: status and answer.
    fn redeem(&self, url: &str, code: &str, more: &[(&str, &str)]) -> (u16, Value) {
        let usual = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
            ("client_id", "id"),
            ("client_secret", "secret"),
        ];
        self.post(url, &form(&usual, more))
    }

    fn refresh(&self, url: &str, token: &str) -> (u16, Value) {
        let usual = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", "id"),
            ("client_secret", "secret"),
        ];
        self.post(url, &form(&usual, &[]))
    }

    fn post(&self, url: &str, body: &str) -> (u16, Value) {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("accept", "application/json"),
        ];
        read(&self.send("POST", url, &headers, body))
    }

    fn is_live(&self, token: &str) -> bool {
        let desk = &self.shared.state().desk;
        let found = desk.access.get(token).or_else(|| desk.refresh.get(token));
        found.is_some_and(|token| token.is_live(self.clock.now()))
    }
}

/// Pairs as a form; a later one replaces an earlier one, and an empty one removes it.
fn form(usual: &[(&str, &str)], more: &[(&str, &str)]) -> String {
    let changed = |name: &str| more.iter().any(|(other, _)| *other == name);
    let pairs: Vec<(String, String)> = usual
        .iter()
        .filter(|(name, _)| !changed(name))
        .chain(more)
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    encode(&pairs)
}

fn read(reply: &Reply) -> (u16, Value) {
    let body = serde_json::from_slice(&reply.body).unwrap_or_default();
    (reply.status, body)
}

/// The parameters of a redirect to the callback.
fn parameters(reply: &Reply) -> Parameters {
    let (_, location) = reply.headers.first().expect("a location");
    let query = location.strip_prefix(CALLBACK).expect("our callback");
    Parameters::decode(query.trim_start_matches('?').as_bytes())
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer.get(name).and_then(Value::as_str).unwrap_or_default()
}

const LINEAR: &str = "https://linear.app/oauth/authorize";
const LINEAR_TOKEN: &str = "https://api.linear.app/oauth/token";
const AIRTABLE: &str = "https://airtable.com/oauth2/v1/authorize";
const AIRTABLE_TOKEN: &str = "https://airtable.com/oauth2/v1/token";

fn linear() -> (Bench, String) {
    let bench = Bench::of("linear");
    let code = bench.code(LINEAR, &[("scope", "read")]);
    (bench, code)
}

#[test]
fn a_code_is_good_once() {
    let (bench, code) = linear();
    assert_eq!(bench.redeem(LINEAR_TOKEN, &code, &[]).0, 200);
    let (status, again) = bench.redeem(LINEAR_TOKEN, &code, &[]);
    assert_eq!((status, text(&again, "error")), (400, "invalid_grant"));
}

#[test]
fn a_code_that_comes_again_ends_its_tokens() {
    let (bench, code) = linear();
    let (_, tokens) = bench.redeem(LINEAR_TOKEN, &code, &[]);
    bench.redeem(LINEAR_TOKEN, &code, &[]);
    assert!(!bench.is_live(text(&tokens, "access_token")));
}

#[test]
fn a_code_that_comes_again_is_noted() {
    let (bench, code) = linear();
    bench.redeem(LINEAR_TOKEN, &code, &[]);
    bench.redeem(LINEAR_TOKEN, &code, &[]);
    let state = bench.shared.state();
    let repeated: Vec<bool> = state.calls.of("linear").map(|call| call.repeated).collect();
    assert_eq!(repeated, [false, false, true]);
}

#[test]
fn a_code_ends() {
    let (bench, code) = linear();
    bench.wait(601);
    assert_eq!(bench.redeem(LINEAR_TOKEN, &code, &[]).0, 400);
}

#[test]
fn each_demand_on_the_exchange_is_made() {
    let other = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    for (name, value, error) in [
        ("code_verifier", "", "invalid_grant"),
        ("code_verifier", other, "invalid_grant"),
        ("redirect_uri", "", "invalid_grant"),
        ("redirect_uri", "https://evil.example", "invalid_grant"),
        ("grant_type", "", "unsupported_grant_type"),
        ("client_secret", "", "invalid_client"),
        ("client_secret", "wrong", "invalid_client"),
        ("client_id", "other", "invalid_client"),
        ("code", "other", "invalid_grant"),
    ] {
        let (bench, code) = linear();
        let (_, answer) = bench.redeem(LINEAR_TOKEN, &code, &[(name, value)]);
        assert_eq!(text(&answer, "error"), error, "{name}={value}");
    }
}

#[test]
fn a_repeated_parameter_is_refused() {
    let (bench, code) = linear();
    let body = format!("grant_type=authorization_code&code={code}&code={code}");
    let (_, answer) = bench.post(LINEAR_TOKEN, &body);
    assert_eq!(text(&answer, "error"), "invalid_request");
}

#[test]
fn two_proofs_at_once_are_refused() {
    let bench = Bench::of("slack");
    let pair = format!("Basic {}", Base64::encode_string(b"id:secret"));
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("authorization", pair.as_str()),
    ];
    let body = "client_id=id&client_secret=secret&code=c";
    let url = "https://slack.com/api/oauth.v2.access";
    let (status, answer) = read(&bench.send("POST", url, &headers, body));
    assert_eq!((status, text(&answer, "error")), (200, "bad_client_secret"));
}

#[test]
fn the_browser_is_sent_to_a_registered_callback_alone() {
    for (name, value) in [
        ("redirect_uri", "https://evil.example"),
        ("redirect_uri", "https://keyway.example/callback/"),
        ("redirect_uri", ""),
        ("client_id", "other"),
        ("client_id", ""),
    ] {
        let bench = Bench::of("linear");
        let reply = bench.authorize(LINEAR, &[("scope", "read"), (name, value)]);
        assert_eq!(reply.status, 400, "{name}={value}");
    }
}

#[test]
fn each_demand_on_the_authorization_request_is_made() {
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("state", "", "invalid_request"),
        ("scope", "", "invalid_scope"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("nonce", "airtable-knows-no-nonce", "invalid_request"),
    ] {
        let bench = Bench::of("airtable");
        let more = [("scope", "schema.bases:read"), (name, value)];
        let more = if name == "scope" { &more[1..] } else { &more };
        let callback = parameters(&bench.authorize(AIRTABLE, more));
        assert_eq!(callback.get("error"), Some(error), "{name}={value}");
    }
}

#[test]
fn a_single_use_refresh_token_is_good_once() {
    let (bench, code) = linear();
    let (_, first) = bench.redeem(LINEAR_TOKEN, &code, &[]);
    let old = text(&first, "refresh_token");
    let (status, second) = bench.refresh(LINEAR_TOKEN, old);
    assert_eq!((status, bench.refresh(LINEAR_TOKEN, old).0), (200, 400));
    assert!(bench.is_live(text(&second, "refresh_token")));
}

#[test]
fn a_refresh_token_that_comes_again_is_noted() {
    let (bench, code) = linear();
    let (_, first) = bench.redeem(LINEAR_TOKEN, &code, &[]);
    let old = text(&first, "refresh_token");
    bench.refresh(LINEAR_TOKEN, old);
    bench.refresh(LINEAR_TOKEN, old);
    let state = bench.shared.state();
    assert!(state.calls.of("linear").last().expect("a call").repeated);
}

#[test]
fn at_airtable_it_ends_the_grant() {
    let bench = Bench::of("airtable");
    let code = bench.code(AIRTABLE, &[("scope", "schema.bases:read")]);
    let pair = format!("Basic {}", Base64::encode_string(b"id:secret"));
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("authorization", pair.as_str()),
    ];
    let post = |body: &str| read(&bench.send("POST", AIRTABLE_TOKEN, &headers, body));
    let (_, first) = post(&format!(
        "grant_type=authorization_code&code={code}&redirect_uri={CALLBACK}&code_verifier={VERIFIER}"
    ));
    let refresh = format!(
        "grant_type=refresh_token&refresh_token={}",
        text(&first, "refresh_token")
    );
    let (_, second) = post(&refresh);
    post(&refresh);
    assert!(!bench.is_live(text(&second, "access_token")));
}

#[test]
fn access_tokens_end() {
    let (bench, code) = linear();
    let (_, tokens) = bench.redeem(LINEAR_TOKEN, &code, &[]);
    bench.wait(86_399);
    assert!(!bench.is_live(text(&tokens, "access_token")));
}

const GOOGLE: &str = "https://accounts.google.com/o/oauth2/v2/auth";
const GOOGLE_TOKEN: &str = "https://oauth2.googleapis.com/token";

#[test]
fn google_issues_a_refresh_token_for_offline_access_and_consent() {
    for (access_type, prompt, issued) in [
        ("offline", "consent", true),
        ("offline", "", false),
        ("", "consent", false),
    ] {
        let bench = Bench::of("google");
        let more = [
            ("scope", "openid"),
            ("access_type", access_type),
            ("prompt", prompt),
        ];
        let code = bench.code(GOOGLE, &more);
        let (_, tokens) = bench.redeem(GOOGLE_TOKEN, &code, &[]);
        let there = tokens.get("refresh_token").is_some();
        assert_eq!(there, issued, "{access_type} {prompt}");
    }
}

#[test]
fn google_does_not_repeat_the_refresh_token() {
    let bench = Bench::of("google");
    let more = [
        ("scope", "openid"),
        ("access_type", "offline"),
        ("prompt", "consent"),
    ];
    let code = bench.code(GOOGLE, &more);
    let (_, first) = bench.redeem(GOOGLE_TOKEN, &code, &[]);
    let (status, second) = bench.refresh(GOOGLE_TOKEN, text(&first, "refresh_token"));
    assert_eq!((status, second.get("refresh_token")), (200, None));
}

const SHOPIFY: &str = "https://acme.myshopify.com/admin/oauth/authorize";
const SHOPIFY_TOKEN: &str = "https://acme.myshopify.com/admin/oauth/access_token";

#[test]
fn shopify_issues_tokens_that_end_to_those_who_ask() {
    for (expiring, ends) in [("1", true), ("", false)] {
        let bench = Bench::of("shopify");
        let code = bench.code(SHOPIFY, &[("scope", "read_products")]);
        let (_, tokens) = bench.redeem(SHOPIFY_TOKEN, &code, &[("expiring", expiring)]);
        assert_eq!(tokens.get("expires_in").is_some(), ends, "{expiring}");
    }
}

#[test]
fn github_answers_by_form_unless_told() {
    let bench = Bench::of("github");
    let url = "https://github.com/login/oauth/authorize";
    let code = bench.code(url, &[("scope", "repo")]);
    let body = format!("client_id=id&client_secret=secret&code={code}&code_verifier={VERIFIER}");
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let url = "https://github.com/login/oauth/access_token";
    let reply = bench.send("POST", url, &headers, &body);
    let answer = Parameters::decode(&reply.body);
    assert_eq!(answer.get("token_type"), Some("bearer"));
}

#[test]
fn a_vendor_that_does_not_refresh_refuses_to() {
    let bench = Bench::of("github");
    let url = "https://github.com/login/oauth/access_token";
    let (_, answer) = bench.refresh(url, "any");
    assert_eq!(text(&answer, "error"), "unsupported_grant_type");
}

#[test]
fn quickbooks_wants_basic() {
    let bench = Bench::of("quickbooks");
    let url = "https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer";
    let (status, answer) = bench.redeem(url, "code", &[]);
    assert_eq!((status, text(&answer, "error")), (401, "invalid_client"));
}

#[test]
fn unknown_places_are_noted() {
    let bench = Bench::of("linear");
    bench.send("GET", "https://linear.example/oauth", &[], "");
    let strays = bench.shared.state().strays.clone();
    assert_eq!(strays, ["GET linear.example/oauth"]);
}
