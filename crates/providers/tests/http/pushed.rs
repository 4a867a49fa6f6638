//! Pushed authorization requests (RFC 9126): what the provider gets, and what the browser does.

use std::collections::BTreeMap;

use keyway_domain::{
    SecretString, authorization_session::ProviderState, ids::AuthorizationSessionId,
    opaque::OpaqueToken as _, pkce::CodeVerifier, random::OsRandom, scope::Scopes,
};
use keyway_providers::{
    Provider, ProviderError, authorize::AuthorizationRequest, definition::Pkce, dpop::ProofKey,
};
use url::Url;

use crate::origin::{Does, Origin, answer, client, provider};

/// A provider that wants requests pushed.
fn pushing(origin: &Origin) -> Provider {
    let mut provider = Provider::clone(&provider("https://origin.example/token", ""));
    let authorize = provider.definition.authorize.as_mut().expect("there");
    let par = format!("{}/par", origin.url());
    authorize.par = Some(par.try_into().expect("a template"));
    let url = "https://origin.example/authorize?tenant=a".to_owned();
    authorize.url = url.try_into().expect("a template");
    authorize.pkce = Pkce::Required;
    provider
}

struct Flow {
    state: ProviderState,
    verifier: CodeVerifier,
    key: Option<SecretString>,
}

impl Flow {
    fn of(provider: &Provider) -> Self {
        let session = AuthorizationSessionId::generate(chrono::DateTime::UNIX_EPOCH, &OsRandom);
        Self {
            state: ProviderState::generate(session, &OsRandom),
            verifier: CodeVerifier::generate(&OsRandom),
            key: provider.definition.new_proof_key(&OsRandom).expect("a key"),
        }
    }

    async fn push(&self, provider: &Provider) -> Result<Url, ProviderError> {
        let request = AuthorizationRequest {
            client_id: "client-id",
            redirect_uri: "https://keyway.example/callback",
            state: &self.state,
            challenge: &self.verifier.challenge(),
            nonce: None,
            scopes: &Scopes::parse("read").expect("scopes"),
            variables: &BTreeMap::new(),
            proof_key: self.key.as_ref(),
        };
        let http = client(&["127.0.0.1"]);
        let secret = SecretString::from("client-secret");
        provider.authorization(&http, &request, &secret).await
    }
}

fn created(body: &str) -> Does {
    let headers = ["content-type: application/json"];
    Does::Answer(answer("201 Created", &headers, body.as_bytes()))
}

const REFERENCE: &str = r#"{"request_uri": "urn:example:a b", "expires_in": 60}"#;

#[tokio::test]
async fn the_browser_carries_a_reference_alone() {
    let origin = Origin::start(vec![created(REFERENCE)]).await;
    let provider = pushing(&origin);
    let flow = Flow::of(&provider);
    let url = flow.push(&provider).await.expect("a URL");
    assert_eq!(
        url.as_str(),
        "https://origin.example/authorize?client_id=client-id&request_uri=urn%3Aexample%3Aa+b"
    );
    let seen = origin.seen().remove(0);
    assert_eq!(seen.target(), "/par");
    let sent = |name: &str| seen.parameter(name).unwrap_or_default();
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "client-id"),
        ("client_secret", "client-secret"),
        ("redirect_uri", "https://keyway.example/callback"),
        ("scope", "read"),
        ("tenant", "a"),
        ("code_challenge_method", "S256"),
        ("code_challenge", flow.verifier.challenge().as_str()),
        ("state", flow.state.secret().expose()),
        ("dpop_jkt", ""),
    ] {
        assert_eq!(sent(name), value, "{name}");
    }
    assert_eq!(seen.header("dpop"), None);
}

#[tokio::test]
async fn the_request_names_the_key_that_tokens_are_to_be_bound_to() {
    let origin = Origin::start(vec![created(REFERENCE)]).await;
    let mut provider = pushing(&origin);
    provider.definition.token.as_mut().expect("there").dpop = true;
    let flow = Flow::of(&provider);
    flow.push(&provider).await.expect("a URL");
    let key = ProofKey::read(flow.key.as_ref().expect("a key")).expect("a key");
    let seen = origin.seen().remove(0);
    assert_eq!(
        seen.parameter("dpop_jkt").as_deref(),
        Some(key.thumbprint())
    );
    assert!(seen.header("dpop").is_some());
    // And so it does where nothing is pushed.
    provider.definition.authorize.as_mut().expect("there").par = None;
    let url = flow.push(&provider).await.expect("a URL");
    let named = url.query_pairs().find(|(name, _)| name == "dpop_jkt");
    assert_eq!(named.expect("named").1, key.thumbprint());
}

#[tokio::test]
async fn an_assertion_there_is_for_the_token_endpoint() {
    let origin = Origin::start(vec![created(REFERENCE)]).await;
    let mut provider = pushing(&origin);
    let token = provider.definition.token.as_mut().expect("there");
    token.client_authentication =
        keyway_providers::definition::ClientAuthentication::ClientSecretJwt;
    token.dpop = true;
    Flow::of(&provider).push(&provider).await.expect("a URL");
    let seen = origin.seen().remove(0);
    let assertion = seen.parameter("client_assertion").expect("an assertion");
    let assertion = crate::dpop::claims_of(&assertion);
    assert_eq!(assertion["aud"], "https://origin.example/token");
    // Some servers remember both as one.
    assert_ne!(assertion["jti"], crate::dpop::claims(&seen)["jti"]);
}

#[tokio::test]
async fn what_is_no_reference_ends_the_flow() {
    let long = format!(r#"{{"request_uri": "urn:{}"}}"#, "x".repeat(2048));
    for body in ["{}", r#"{"request_uri": ""}"#, "[]", "no", &long] {
        let origin = Origin::start(vec![created(body)]).await;
        let provider = pushing(&origin);
        let error = Flow::of(&provider).push(&provider).await;
        let error = error.expect_err("no reference");
        assert!(
            matches!(error, ProviderError::Malformed(_)),
            "{body}: {error}"
        );
    }
}

#[tokio::test]
async fn a_refusal_is_told_without_the_secrets() {
    let flow = Flow::of(&provider("https://origin.example/token", ""));
    let state = flow.state.secret().expose();
    let body =
        format!(r#"{{"error": "invalid_client", "error_description": "client-secret {state}"}}"#);
    let refusing = Origin::start(vec![Does::Answer(answer(
        "401 Unauthorized",
        &["content-type: application/json"],
        body.as_bytes(),
    ))])
    .await;
    let error = flow.push(&pushing(&refusing)).await.expect_err("refused");
    assert_eq!(
        error.to_string(),
        "the provider answered 401 invalid_client: [redacted] [redacted]"
    );
}
