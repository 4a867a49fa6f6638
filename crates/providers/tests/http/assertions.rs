//! Clients that prove themselves by what they sign (RFC 7523), and the keys that providers check it
//! with.

use std::{collections::BTreeMap, sync::Arc};

use jsonwebtoken::{DecodingKey, Validation, decode_header};
use keyway_domain::SecretString;
use keyway_providers::{
    Provider,
    definition::{ClientAssertion, ClientAuthentication, SigningAlgorithm},
};
use rcgen::{KeyPair, RsaKeySize, SignatureAlgorithm};
use serde_json::Value;

use crate::origin::{Does, Origin, client, provider, redeem_with, tokens};

fn asserting(origin: &Origin, rule: ClientAssertion) -> Provider {
    let provider = provider(&format!("{}/token", origin.url()), "");
    let mut provider = Provider::clone(&provider);
    let token = provider.definition.token.as_mut().expect("there");
    token.client_authentication = ClientAuthentication::PrivateKeyJwt;
    token.client_assertion = rule;
    provider
}

fn pem(algorithm: &'static SignatureAlgorithm) -> SecretString {
    let pair = KeyPair::generate_for(algorithm).expect("a key");
    pair.serialize_pem().into()
}

/// The assertion that was sent, checked with the app's public keys: its header and claims.
async fn sent(rule: ClientAssertion, key: &SecretString) -> (jsonwebtoken::Header, Value, String) {
    let origin = Origin::start(vec![Does::Answer(tokens())]).await;
    let provider = asserting(&origin, rule);
    let http = client(&["127.0.0.1"]);
    redeem_with(&provider, &http, key).await.expect("tokens");
    let seen = origin.seen().remove(0);
    assert_eq!(seen.parameter("client_secret"), None);
    let assertion = seen.parameter("client_assertion").expect("an assertion");
    let header = decode_header(&assertion).expect("a header");
    let set = provider.public_keys(key, &BTreeMap::new()).expect("keys");
    let set = set.expect("a set");
    let shown = serde_json::to_value(&set.keys).expect("JSON");
    let member = |name: &str| shown.pointer(&format!("/0/{name}"));
    for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
        assert_eq!(member(private), None, "{private} is shown");
    }
    let algorithm = Value::String(format!("{:?}", header.alg));
    assert_eq!(member("alg"), Some(&algorithm));
    assert_eq!(member("use"), Some(&Value::String("sig".into())));
    let named = set
        .find(header.kid.as_deref().expect("a kid"))
        .expect("there");
    let mut rules = Validation::new(header.alg);
    rules.validate_aud = false;
    let verifying = DecodingKey::from_jwk(named).expect("a key");
    let read = jsonwebtoken::decode::<Value>(&assertion, &verifying, &rules);
    (header, read.expect("signed").claims, origin.url())
}

#[tokio::test]
async fn every_kind_of_key_signs() {
    let rsa = KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, RsaKeySize::_2048);
    let rsa = SecretString::new(rsa.expect("a key").serialize_pem());
    for (key, rule, algorithm) in [
        (pem(&rcgen::PKCS_ECDSA_P256_SHA256), None, "ES256"),
        (pem(&rcgen::PKCS_ECDSA_P384_SHA384), None, "ES384"),
        (pem(&rcgen::PKCS_ED25519), None, "EdDSA"),
        (rsa.clone(), None, "RS256"),
        (rsa, Some(SigningAlgorithm::PS256), "PS256"),
    ] {
        let rule = ClientAssertion {
            algorithm: rule,
            ..ClientAssertion::default()
        };
        let (header, claims, url) = sent(rule, &key).await;
        assert_eq!(format!("{:?}", header.alg), algorithm);
        assert_eq!(claims["aud"], format!("{url}/token"));
        assert_eq!(
            (&claims["iss"], &claims["sub"]),
            (&"client-id".into(), &"client-id".into())
        );
        // A field of one line takes the line breaks away, and a shell's variable writes them out.
        for breaks in ["", "\\n"] {
            let flat = SecretString::new(key.expose().replace('\n', breaks));
            sent(ClientAssertion::default(), &flat).await;
        }
    }
}

#[tokio::test]
async fn the_definition_names_audience_and_key() {
    let template = |text: &str| text.to_owned().try_into().expect("a template");
    let rule = ClientAssertion {
        audience: Some(template("https://issuer.example")),
        key_id: Some(template("theirs")),
        algorithm: None,
    };
    let (header, claims, _) = sent(rule, &pem(&rcgen::PKCS_ECDSA_P256_SHA256)).await;
    assert_eq!(claims["aud"], "https://issuer.example");
    assert_eq!(header.kid.as_deref(), Some("theirs"));
}

#[tokio::test]
async fn what_is_no_private_key_is_never_published() {
    let origin = Origin::start(vec![Does::Answer(tokens())]).await;
    let provider = asserting(&origin, ClientAssertion::default());
    let none = BTreeMap::new();
    for secret in [
        "client-secret",
        "-----BEGIN PRIVATE KEY-----AAAA-----END PRIVATE KEY-----",
    ] {
        assert!(
            provider.public_keys(&secret.into(), &none).is_err(),
            "{secret}"
        );
    }
    let mut shared = provider.clone();
    let token = shared.definition.token.as_mut().expect("there");
    token.client_authentication = ClientAuthentication::ClientSecretJwt;
    let shared = Arc::new(shared);
    let keys = shared
        .public_keys(&"client-secret".into(), &none)
        .expect("none");
    assert_eq!(keys, None, "a shared secret has no public half");
}
