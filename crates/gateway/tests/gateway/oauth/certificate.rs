//! Client certificates behind the operator's edge (RFC 8705).

use keyway_vault::certificate::Certificate;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use reqwest::RequestBuilder;
use serde_json::json;

use crate::{
    oauth::client::{Client, Form, answer, assert_refused, form, text},
    support::EDGE_KEY,
};

fn certificate(name: &str) -> String {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::OrganizationName, "Acme");
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().expect("a key");
    params.self_signed(&key).expect("a certificate").pem()
}

fn encoded(pem: &str) -> String {
    url::form_urlencoded::byte_serialize(pem.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

fn thumbprint(pem: &str) -> String {
    Certificate::parse(pem)
        .expect("a certificate")
        .thumbprint()
        .to_owned()
}

fn at_edge(request: RequestBuilder, pem: &str, verdict: &str) -> RequestBuilder {
    request
        .header("keyway-edge-key", EDGE_KEY)
        .header("client-certificate", encoded(pem))
        .header("client-certificate-ca-verified", verdict)
}

fn named(client: &Client, mut form: Form) -> Form {
    form.insert("client_id".into(), client.id());
    form
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verified_certificate_proves_its_subject() {
    let settings = json!({
        "token_endpoint_auth_methods": ["tls_client_auth"],
        "tls_client_auth_subject_dn": "CN=client,O=Acme",
    });
    let client = Client::with("linear", settings).await;
    let (own, other) = (certificate("client"), certificate("other"));
    let code = client.code(&[]).await;
    let form = named(&client, client.redemption(&code));
    let send = |pem: &str, verdict: &str| {
        answer(at_edge(client.post("/oauth/token", &form), pem, verdict))
    };
    assert_refused(
        &send(&other, "SUCCESS").await,
        401,
        "invalid_client",
        "another's",
    );
    assert_refused(
        &send(&own, "FAILED:self signed").await,
        401,
        "invalid_client",
        "another's",
    );
    assert_refused(
        &send(&own, "success").await,
        401,
        "invalid_client",
        "no proof",
    );
    let good = send(&own, "SUCCESS").await;
    assert_eq!(good.status, 200, "{good:?} {}", good.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_of_its_own_proves_itself_and_binds_its_tokens() {
    let (own, other) = (certificate("client"), certificate("client"));
    let settings = json!({
        "token_endpoint_auth_methods": ["self_signed_tls_client_auth"],
        "tls_client_certificate_thumbprints": [thumbprint(&own)],
        "tls_client_certificate_bound_access_tokens": true,
    });
    let client = Client::with("snyk", settings).await;
    let code = client.code(&[]).await;
    let form = named(&client, client.redemption(&code));
    let stolen = answer(at_edge(
        client.post("/oauth/token", &form),
        &other,
        "FAILED",
    ))
    .await;
    assert_refused(&stolen, 401, "invalid_client", "another's");
    let body = answer(at_edge(client.post("/oauth/token", &form), &own, "FAILED")).await;
    assert_eq!(body.status, 200, "{body:?} {}", body.log());
    let body = body.json();
    assert_eq!(body["token_type"], "Bearer");
    let bearer = format!("Bearer {}", text(&body, "access_token"));
    let url = format!("{}/userinfo", client.gateway.base);
    let get = || {
        client
            .gateway
            .request("GET", &url)
            .header("authorization", &bearer)
    };
    assert_eq!(answer(at_edge(get(), &own, "FAILED")).await.status, 200);
    for request in [
        get(),
        at_edge(get(), &other, "FAILED"),
        at_edge(get(), &other, "SUCCESS"),
    ] {
        let refused = answer(request).await;
        assert_eq!(refused.status, 401);
        assert!(refused.log().contains("another certificate"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_without_the_edges_key_are_ignored_and_logged() {
    let own = certificate("client");
    let settings = json!({
        "token_endpoint_auth_methods": ["self_signed_tls_client_auth"],
        "tls_client_certificate_thumbprints": [thumbprint(&own)],
    });
    let client = Client::with("linear", settings).await;
    let form = named(&client, form(&[("token", "x")]));
    let post = || client.post("/oauth/revoke", &form);
    let bare = |request: RequestBuilder| {
        request
            .header("client-certificate", encoded(&own))
            .header("client-certificate-ca-verified", "FAILED")
    };
    let unlike = |request: RequestBuilder, key: &str| bare(request).header("keyway-edge-key", key);
    for (request, why) in [
        (bare(post()), "missing or doubled"),
        (unlike(post(), "wrong"), "wrong"),
        (unlike(post(), ""), "wrong"),
        (unlike(unlike(post(), EDGE_KEY), "wrong"), "doubled"),
        (
            at_edge(post(), &own, "FAILED").header("Client-Certificate", encoded(&own)),
            "doubled",
        ),
        (
            at_edge(post(), &own, "FAILED").header("CLIENT-CERTIFICATE-CA-VERIFIED", "SUCCESS"),
            "doubled",
        ),
        (at_edge(post(), "x", "FAILED"), "none"),
        (
            post()
                .header("keyway-edge-key", EDGE_KEY)
                .header("client_certificate", encoded(&own)),
            "",
        ),
    ] {
        let refused = answer(request).await;
        assert_refused(&refused, 401, "invalid_client", "no proof");
        assert!(refused.log().contains(why), "{why}: {}", refused.log());
        assert!(
            why.is_empty() || refused.log().contains("are ignored"),
            "{}",
            refused.log()
        );
    }
    assert_eq!(answer(at_edge(post(), &own, "FAILED")).await.status, 200);
}
