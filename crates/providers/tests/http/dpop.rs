//! Proofs and their nonces (RFC 9449), with servers that want too much.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use keyway_domain::{
    SecretString, credential::GrantSecrets, provider::ProviderSlug, random::OsRandom,
};
use keyway_providers::{
    Catalogue, Provider, ProviderError,
    completion::{Completed, Entry},
    http::SystemLookup,
    proxy::{ProxyAccess, ProxyBody, ProxyRequest},
    refresh::RefreshRequest,
    verify::Verification,
};
use serde_json::{Map, Value};

use crate::origin::{
    Does, Origin, Seen, answer, client, client_within, fails, json, provider, redeem,
};

const LOOPBACK: &[&str] = &["127.0.0.1"];

/// A provider with proofs, whose API is `api`.
fn bound(origin: &Origin, api: &str) -> Arc<Provider> {
    let token = format!("{}/token", origin.url());
    let api = format!("api = {{ base_url = \"{api}\" }}");
    let definition = provider(&token, &api);
    let mut provider = Provider::clone(&definition);
    let token = provider.definition.token.as_mut().expect("an endpoint");
    token.dpop = true;
    Arc::new(provider)
}

fn tokens(kind: &str) -> Does {
    let body = r#"{"access_token": "access-token", "id": "account", "token_type": ""#;
    Does::Answer(json(&format!("{body}{kind}\"}}")))
}

fn refusal(status: &str, nonce: &str, error: &str) -> Does {
    let nonce = format!("DPoP-Nonce: {nonce}");
    let challenge = format!("WWW-Authenticate: DPoP error=\"{error}\"");
    let body = format!("{{\"error\": \"{error}\"}}");
    Does::Answer(answer(status, &[&nonce, &challenge], body.as_bytes()))
}

/// What the proof of a request says.
pub(crate) fn claims(seen: &Seen) -> Value {
    claims_of(seen.header("dpop").expect("a proof"))
}

/// What a JWT says.
pub(crate) fn claims_of(token: &str) -> Value {
    let claims = token.split('.').nth(1).expect("claims");
    let claims = Base64UrlUnpadded::decode_vec(claims).expect("base64url");
    serde_json::from_slice(&claims).expect("JSON")
}

#[tokio::test]
async fn a_refused_request_is_made_once_more_with_the_nonce() {
    let script = vec![
        refusal("400 Bad Request", "n-1", "use_dpop_nonce"),
        tokens("DPoP"),
    ];
    let origin = Origin::start(script).await;
    let provider = bound(&origin, "https://api.example");
    let granted = redeem(&provider, &client(LOOPBACK)).await.expect("tokens");
    let seen = origin.seen();
    assert_eq!(seen.len(), 2);
    let codes: Vec<_> = seen.iter().map(|seen| seen.parameter("code")).collect();
    assert_eq!(
        codes,
        [Some("the-code".to_owned()), Some("the-code".to_owned())]
    );
    let [first, second] = [claims(&seen[0]), claims(&seen[1])];
    assert_eq!(first.get("nonce"), None);
    assert_eq!(second["nonce"], "n-1");
    assert_ne!(first["jti"], second["jti"]);
    assert_eq!(second["htm"], "POST");
    assert_eq!(second["htu"], format!("{}/token", origin.url()));
    assert!(granted.secrets().proof_key.is_some());
}

#[tokio::test]
async fn no_request_is_made_a_third_time() {
    let script = vec![
        refusal("400 Bad Request", "n-1", "use_dpop_nonce"),
        refusal("400 Bad Request", "n-2", "use_dpop_nonce"),
    ];
    let origin = Origin::start(script).await;
    let provider = bound(&origin, "https://api.example");
    let error = fails(&provider, &client(LOOPBACK)).await;
    assert!(error.to_string().contains("use_dpop_nonce"), "{error}");
    assert_eq!(origin.requests(), 2);
}

#[tokio::test]
async fn a_code_that_may_be_spent_is_not_presented_again() {
    let origin = Origin::start(vec![refusal("400 Bad Request", "n-1", "invalid_grant")]).await;
    let provider = bound(&origin, "https://api.example");
    fails(&provider, &client(LOOPBACK)).await;
    assert_eq!(origin.requests(), 1);
}

#[tokio::test]
async fn both_requests_have_the_time_of_one() {
    let slow = |bytes: Does| match bytes {
        Does::Answer(bytes) => Does::Drip(bytes, Duration::from_millis(4)),
        other => other,
    };
    let script = vec![
        slow(refusal("400 Bad Request", "n-1", "use_dpop_nonce")),
        slow(tokens("DPoP")),
    ];
    let origin = Origin::start(script).await;
    let provider = bound(&origin, "https://api.example");
    let http = client_within(LOOPBACK, Arc::new(SystemLookup), Duration::from_secs(1));
    assert_eq!(fails(&provider, &http).await, ProviderError::Timeout(1));
    assert_eq!(origin.requests(), 2);
}

#[tokio::test]
async fn a_token_that_is_bound_to_nothing_is_refused() {
    for kind in ["Bearer", "bearer", ""] {
        let origin = Origin::start(vec![tokens(kind)]).await;
        let provider = bound(&origin, "https://api.example");
        let error = fails(&provider, &client(LOOPBACK)).await;
        assert!(
            matches!(error, ProviderError::Untrusted(_)),
            "{kind}: {error}"
        );
    }
}

/// Calls the API of a provider, through the proxy, with these bodies.
async fn call(
    provider: &Provider,
    http: &keyway_providers::http::HttpClient,
    body: ProxyBody,
) -> u16 {
    let key = provider.definition.new_proof_key(&OsRandom).expect("made");
    let secrets = GrantSecrets {
        external_id: String::new(),
        access_token: Some("access-token".into()),
        refresh_token: None,
        proof_key: key.map(|key| key.expose().clone()),
        properties: BTreeMap::new(),
    };
    let access = ProxyAccess {
        secrets: &secrets,
        variables: &BTreeMap::new(),
        public: &Map::new(),
    };
    let call = ProxyRequest {
        method: "POST",
        path: "things",
        query: Some("a=b"),
        headers: &[("content-length".into(), b"4".to_vec())],
        body,
    };
    provider
        .proxy(http, &access, call)
        .await
        .expect("answered")
        .status
}

#[tokio::test]
async fn a_call_is_made_once_more_with_the_nonce_of_the_resource_server() {
    let good = Does::Answer(answer("200 OK", &["DPoP-Nonce: r-2"], b"ok"));
    let script = vec![
        refusal("401 Unauthorized", "r-1", "use_dpop_nonce"),
        good.clone(),
        good,
    ];
    let resource = Origin::start(script).await;
    let authorization = Origin::start(vec![
        refusal("400 Bad Request", "a-1", "use_dpop_nonce"),
        tokens("DPoP"),
    ])
    .await;
    let provider = bound(&authorization, &resource.url());
    let http = client(LOOPBACK);
    redeem(&provider, &http).await.expect("tokens");
    for _ in 0..2 {
        let body = ProxyBody::Whole(bytes::Bytes::from_static(b"body"));
        assert_eq!(call(&provider, &http, body).await, 200);
    }
    let seen = resource.seen();
    let nonces: Vec<Value> = seen
        .iter()
        .map(|seen| claims(seen)["nonce"].clone())
        .collect();
    // The nonce of the authorization server is not for the resource server to see.
    assert_eq!(nonces, [Value::Null, "r-1".into(), "r-2".into()]);
    for request in &seen {
        assert_eq!(request.header("authorization"), Some("DPoP access-token"));
        assert_eq!(request.body, "body");
        assert_eq!(claims(request)["htu"], format!("{}/things", resource.url()));
        // SHA-256 of `access-token`.
        assert_eq!(
            claims(request)["ath"],
            "Pxa-1wifRlPl7yG_0oJNfzqq7MelmOfonFgOFgapzFI"
        );
    }
}

#[tokio::test]
async fn a_body_that_has_gone_by_is_not_sent_again() {
    let script = vec![refusal("401 Unauthorized", "r-1", "use_dpop_nonce")];
    let resource = Origin::start(script).await;
    let provider = bound(&resource, &resource.url());
    let http = client(LOOPBACK);
    let parts = futures_util::stream::iter([Ok(bytes::Bytes::from_static(b"body"))]);
    let body = ProxyBody::Stream(Box::pin(parts));
    assert_eq!(call(&provider, &http, body).await, 401);
    assert_eq!(resource.requests(), 1);
}

/// Everything that presents the token proves possession of its key: whose it is, whether it is good,
/// and its end.
#[tokio::test]
async fn each_call_with_the_token_is_proven() {
    let resource = Origin::start(vec![Does::Answer(json("{}"))]).await;
    let authorization = Origin::start(vec![tokens("DPoP")]).await;
    let token = format!("{}/token", authorization.url());
    let url = resource.url();
    let more = format!(
        "identity = [{{ name = \"me\", request = {{ url = \"{url}/me\" }} }}]\nrevoke = {{ method = \"DELETE\", url = \"{url}/me?token=1\" }}"
    );
    let mut provider = Provider::clone(&provider(&token, &more));
    provider.definition.token.as_mut().expect("there").dpop = true;
    let http = client(LOOPBACK);
    let granted = redeem(&provider, &http).await.expect("tokens");
    let secrets = granted.secrets();
    let (none, secret) = (BTreeMap::new(), SecretString::from("client-secret"));
    let verification = Verification {
        client_id: "client-id",
        client_secret: &secret,
        variables: &none,
        public: &granted.properties.public,
        secrets: &secrets,
    };
    assert_eq!(provider.verify(&http, &verification).await, Ok(true));
    let public = &granted.properties.public;
    let revoking = provider.revoke(&http, "client-id", &secret, &none, public, &secrets);
    assert_eq!(revoking.await, Ok(true));
    let seen = resource.seen();
    assert_eq!(seen.len(), 3);
    for (request, method) in seen.iter().zip(["GET", "GET", "DELETE"]) {
        assert_eq!(request.header("authorization"), Some("DPoP access-token"));
        let claims = claims(request);
        assert_eq!(claims["htm"], method);
        assert_eq!(claims["htu"], format!("{url}/me"));
        assert!(claims["ath"].is_string());
    }
}

#[tokio::test]
async fn a_token_that_is_minted_is_bound_too() {
    let script = vec![
        refusal("400 Bad Request", "n-1", "use_dpop_nonce"),
        tokens("DPoP"),
        tokens("DPoP"),
        tokens("Bearer"),
    ];
    let origin = Origin::start(script).await;
    let definition = format!(
        r#"
        name = "Minted"
        category = "testing"
        documentation = "https://example.com/docs"
        checked = "2026-11-27"
        certainty = "single"
        auth = "client_credentials"
        token = {{ url = "{}/token", dpop = true }}
        [variables.client_id]
        label = "Client ID"
        pattern = '.+'
        [variables.client_secret]
        label = "Client secret"
        secret = true
        "#,
        origin.url()
    );
    let mut catalogue = Catalogue::default();
    catalogue.add("minted", &definition).expect("a definition");
    let slug = ProviderSlug::parse("minted").expect("a slug");
    let provider = catalogue.find(&slug).expect("added");
    let http = client(LOOPBACK);
    let key = provider.definition.new_proof_key(&OsRandom).expect("made");
    let variables = BTreeMap::from([("client_id".to_owned(), "id".to_owned())]);
    let secrets = BTreeMap::from([("client_secret".to_owned(), SecretString::from("secret"))]);
    let now = chrono::DateTime::UNIX_EPOCH;
    let entry = Entry {
        variables: &variables,
        secrets: &secrets,
        proof_key: key.as_ref(),
        now,
    };
    let completed = provider.enter(&http, &entry).await.expect("minted");
    let Completed::Granted(granted) = completed else {
        panic!("nothing is to be chosen");
    };
    let secrets = granted.secrets();
    let request = RefreshRequest {
        client_id: "",
        client_secret: &SecretString::from(""),
        redirect_uri: "",
        variables: &variables,
        public: &granted.properties.public,
        secrets: &secrets,
        token_type: None,
        scopes: None,
        refresh_expires_at: None,
        now,
    };
    let again = provider.refresh(&http, &request).await.expect("minted");
    assert_eq!(again.secrets.proof_key, secrets.proof_key);
    let error = provider
        .refresh(&http, &request)
        .await
        .expect_err("unbound");
    assert!(matches!(error, ProviderError::Untrusted(_)), "{error}");
    assert_eq!(origin.requests(), 4);
    let nonce = &claims(&origin.seen()[2])["nonce"];
    assert_eq!(nonce, "n-1");
}
