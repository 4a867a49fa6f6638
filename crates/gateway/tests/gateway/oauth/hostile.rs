//! Tokens that nobody honest would send: refused by their form, before anything is computed.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde_json::json;

use crate::oauth::{
    client::{Client, answer, assert_refused, form, refreshing},
    proof::Key,
};

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn raw(header: &str, claims: &str) -> String {
    let [header, claims] =
        [header, claims].map(|part| Base64UrlUnpadded::encode_string(part.as_bytes()));
    format!("{header}.{claims}.AAAA")
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_tokens_are_refused_as_assertion_proof_and_access_token() {
    let key = Key::generate();
    let settings = json!({
        "token_endpoint_auth_methods": ["private_key_jwt"], "jwks": {"keys": [key.jwk]},
    });
    let client = Client::with("linear", settings).await;
    let id = client.id();
    let claims = format!("{{\"iss\":\"{id}\",\"sub\":\"{id}\",\"exp\":9999999999,\"jti\":\"a\"}}");
    let es256 = r#"{"alg":"ES256"}"#;
    let deep = format!(
        "{{\"sub\":\"{id}\",\"a\":{}{}}}",
        "[".repeat(2000),
        "]".repeat(2000)
    );
    let twice = format!("{{\"sub\":\"{id}\",\"sub\":\"{id}\"}}");
    let exponent = json!({
        "alg": "RS256", "typ": "dpop+jwt",
        "jwk": {"kty": "RSA", "n": "_".repeat(342), "e": "_".repeat(342)},
    });
    let mut private = key.jwk.clone();
    private["d"] = "AAAA".into();
    let private = json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": private});
    let cases = [
        raw(r#"{"alg":"none"}"#, &claims),
        raw(r#"{"alg":"HS256"}"#, &claims),
        raw(r#"{"alg":"ES256","typ":"secevent+jwt"}"#, &claims),
        raw(r#"{"alg":"ES256","crit":["exp"],"exp":1}"#, &claims),
        raw(r#"{"alg":"ES256","b64":false,"crit":["b64"]}"#, &claims),
        raw(&private.to_string(), &claims),
        raw(&exponent.to_string(), &claims),
        raw(es256, &deep),
        raw(es256, &twice),
        raw(r#"{"alg":"ES256","alg":"ES256"}"#, &claims),
        raw(r#"{"alg":"ES256","kid":"../../../etc/passwd"}"#, &claims),
        raw(es256, "{\"exp\":1e999999}"),
        "A".repeat(60_000),
        "..".into(),
    ];
    for case in &cases {
        let mut revoke = form(&[("token", "x"), ("client_assertion_type", TYPE)]);
        revoke.insert("client_assertion".into(), case.clone());
        let refused = answer(client.post("/oauth/revoke", &revoke)).await;
        assert_refused(&refused, 401, "invalid_client", "client_assertion");
        client.gateway.clock.advance(chrono::TimeDelta::minutes(2));
    }
    client
        .set(json!({"token_endpoint_auth_methods": ["none"]}))
        .await;
    for case in cases.iter().filter(|case| case.len() < 20_000) {
        let mut refresh = refreshing("x");
        refresh.insert("client_id".into(), id.clone());
        let refused = answer(client.post("/oauth/token", &refresh).header("dpop", case)).await;
        assert_refused(&refused, 400, "invalid_dpop_proof", "DPoP proof");
        let url = format!("{}/userinfo", client.gateway.base);
        let request = client.gateway.request("GET", &url);
        let refused = answer(request.header("authorization", format!("Bearer {case}"))).await;
        assert_eq!(refused.status, 401);
    }
    // A megabyte is no form that is read.
    let mut huge = form(&[("token", "x"), ("client_assertion_type", TYPE)]);
    huge.insert("client_assertion".into(), "A".repeat(1 << 20));
    let huge = answer(client.post("/oauth/revoke", &huge)).await;
    assert_refused(&huge, 413, "invalid_request", "64 kB");
}
