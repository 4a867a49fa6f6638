//! Who signed an `id_token` (OpenID Connect Core section 3.1.3.7): the provider's keys, and nobody's
//! else.

use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

use chrono::TimeDelta;
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use keyway_domain::{Clock as _, SecretString};
use keyway_providers::{
    Provider, ProviderError,
    callback::CallbackParameters,
    completion::{Completed, Completion, Granted, Stage},
    http::{HttpClient, SystemLookup},
};
use keyway_testkit::clock::ManualClock;
use serde_json::{Value, json};

use crate::origin::{Does, Origin, answer, client_at, json as json_answer, provider};

const ISSUER: &str = "https://origin.example";

/// A key of a provider.
struct Key {
    id: &'static str,
    pem: String,
}

impl Key {
    fn new(id: &'static str) -> Self {
        let pair = rcgen::KeyPair::generate().expect("a key");
        let pem = pair.serialize_pem();
        Self { id, pem }
    }

    fn private(&self) -> EncodingKey {
        EncodingKey::from_ec_pem(self.pem.as_bytes()).expect("a key")
    }

    fn public(&self) -> Value {
        let jwk = Jwk::from_encoding_key(&self.private(), Algorithm::ES256).expect("a key");
        let mut jwk = serde_json::to_value(jwk).expect("JSON");
        let members = jwk.as_object_mut().expect("an object");
        members.insert("kid".into(), json!(self.id));
        jwk
    }

    /// The token endpoint's answer, with an `id_token` that this key signed.
    fn answer(&self) -> Does {
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(self.id.into());
        let token = jsonwebtoken::encode(&header, &claims(), &self.private());
        tokens(&token.expect("signed"))
    }
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": "client-id", "exp": 1_800_000_300, "iat": 1_800_000_000,
        "nonce": "nonce",
    })
}

fn tokens(id_token: &str) -> Does {
    let body = json!({"access_token": "access-token", "id": "account", "id_token": id_token});
    Does::Answer(json_answer(&body.to_string()))
}

fn set(keys: &[Value]) -> Does {
    Does::Answer(json_answer(&json!({ "keys": keys }).to_string()))
}

/// Two keys, made once.
fn keys() -> &'static [Key; 2] {
    static KEYS: OnceLock<[Key; 2]> = OnceLock::new();
    KEYS.get_or_init(|| [Key::new("first"), Key::new("second")])
}

/// A provider that signs, its servers, and a client of it.
struct World {
    tokens: Origin,
    keys: Origin,
    provider: Arc<Provider>,
    http: HttpClient,
    clock: Arc<ManualClock>,
}

impl World {
    async fn new(tokens: Vec<Does>, keys: Vec<Does>) -> Self {
        let tokens = Origin::start(tokens).await;
        let keys = Origin::start(keys).await;
        let more = format!(
            "callback = {{ issuer = \"{ISSUER}\" }}\nid_token = {{ jwks_url = \"{}/jwks\", algorithms = [\"ES256\"] }}",
            keys.url()
        );
        let clock = Arc::new(ManualClock::default());
        Self {
            provider: provider(&format!("{}/token", tokens.url()), &more),
            http: client_at(&["127.0.0.1"], Arc::new(SystemLookup), clock.clone()),
            tokens,
            keys,
            clock,
        }
    }

    async fn redeem(&self) -> Result<Granted, (Stage, ProviderError)> {
        let parameters = CallbackParameters::none();
        let variables = BTreeMap::new();
        let secret = SecretString::from("client-secret");
        let completion = Completion {
            client_id: "client-id",
            client_secret: &secret,
            redirect_uri: "https://keyway.example/callback",
            code_verifier: None,
            nonce: Some("nonce"),
            variables: &variables,
            callback: &parameters,
            proof_key: None,
            // The claims' own moment, however far the clock has gone.
            now: ManualClock::default().now(),
        };
        let code = SecretString::from("the-code");
        let completed = self.provider.complete(&self.http, &code, &completion);
        match completed.await? {
            Completed::Granted(granted) => Ok(*granted),
            Completed::Choose(accounts, _) => panic!("one of {accounts:?} is to be chosen"),
        }
    }

    async fn refusal(&self) -> String {
        self.redeem().await.expect_err("refused").1.to_string()
    }

    fn passes(&self, seconds: i64) {
        self.clock.advance(TimeDelta::seconds(seconds));
    }
}

#[tokio::test]
async fn keys_are_fetched_once_however_many_ask() {
    let [first, _] = keys();
    let world = World::new(vec![first.answer()], vec![set(&[first.public()])]).await;
    for redeemed in join_all((0..20).map(|_| world.redeem())).await {
        redeemed.expect("signed");
    }
    world.passes(3599);
    world.redeem().await.expect("signed");
    assert_eq!(world.keys.requests(), 1);
    world.passes(1);
    world.redeem().await.expect("signed");
    assert_eq!(world.keys.requests(), 2, "an hour later");
}

#[tokio::test]
async fn an_unknown_key_is_asked_for_once() {
    let [first, second] = keys();
    let answers = vec![first.answer(), second.answer()];
    let sets = vec![
        set(&[first.public()]),
        set(&[first.public(), second.public()]),
    ];
    let world = World::new(answers, sets).await;
    world.redeem().await.expect("signed");
    world.passes(10);
    world.redeem().await.expect("signed by the new key");
    assert_eq!(world.keys.requests(), 2);
}

#[tokio::test]
async fn unknown_keys_without_end_make_us_ask_no_more_often() {
    let [first, second] = keys();
    let world = World::new(vec![second.answer()], vec![set(&[first.public()])]).await;
    for _ in 0..5 {
        let why = "id_token: kid is none of this provider's keys";
        assert!(world.refusal().await.contains(why));
    }
    assert_eq!(world.keys.requests(), 1);
    world.passes(10);
    for _ in 0..5 {
        world.refusal().await;
    }
    assert_eq!(world.keys.requests(), 2);
}

#[tokio::test]
async fn without_keys_the_code_is_not_spent() {
    let [first, _] = keys();
    let down = Does::Answer(answer("503 Service Unavailable", &[], b""));
    let no_set = Does::Answer(json_answer("[]"));
    let world = World::new(
        vec![first.answer()],
        vec![down, no_set, set(&[first.public()])],
    )
    .await;
    assert!(world.refusal().await.contains("503"));
    assert!(world.refusal().await.contains("a moment ago"));
    assert_eq!(world.keys.requests(), 1);
    world.passes(10);
    assert!(world.refusal().await.contains("no set of keys"));
    assert_eq!(world.tokens.requests(), 0);
    world.passes(10);
    world.redeem().await.expect("signed");
}

/// Each of these would pass somewhere.
#[tokio::test]
async fn what_the_provider_did_not_sign_is_refused() {
    let [first, second] = keys();
    let encode = |header: &Header, key: &EncodingKey| {
        jsonwebtoken::encode(header, &claims(), key).expect("signed")
    };
    let named = |algorithm| {
        let mut header = Header::new(algorithm);
        header.kid = Some("first".into());
        header
    };
    let x = first.public()["x"].as_str().expect("x").to_owned();
    let none = "eyJhbGciOiJub25lIn0";
    let good = encode(&named(Algorithm::ES256), &first.private());
    let [_, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts");
    };
    let mut critical = named(Algorithm::ES256);
    critical.crit = Some(vec!["exp".into()]);
    for (token, why) in [
        (format!("{none}.{payload}."), "not a signed JWT"),
        (
            encode(
                &named(Algorithm::HS256),
                &EncodingKey::from_secret(x.as_bytes()),
            ),
            "alg is none that this provider signs with",
        ),
        (
            encode(&named(Algorithm::ES256), &second.private()),
            "the signature is wrong",
        ),
        (
            format!(
                "{}.e30.{signature}",
                good.split('.').next().expect("a header")
            ),
            "the signature is wrong",
        ),
        (
            encode(&critical, &first.private()),
            "its header has extensions that are critical",
        ),
    ] {
        let world = World::new(vec![tokens(&token)], vec![set(&[first.public()])]).await;
        let refusal = world.refusal().await;
        assert!(refusal.contains(why), "{refusal}");
    }
}

#[tokio::test]
async fn a_key_is_taken_for_what_it_is() {
    let [first, second] = keys();
    let with = |member: &str, value: Value| {
        let mut key = first.public();
        key[member] = value;
        key
    };
    for (keys, is_good) in [
        (
            vec![json!({"kty": "secret"}), second.public(), first.public()],
            true,
        ),
        (vec![with("use", json!("sig"))], true),
        (vec![with("use", json!("enc"))], false),
        (vec![with("alg", json!("ES384"))], false),
        (vec![with("kid", json!("other"))], false),
    ] {
        let world = World::new(vec![first.answer()], vec![set(&keys)]).await;
        assert_eq!(world.redeem().await.is_ok(), is_good, "{keys:?}");
    }
    // A token that names no key is tried with each.
    let token = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims(), &first.private());
    let keys = vec![second.public(), first.public()];
    let world = World::new(vec![tokens(&token.expect("signed"))], vec![set(&keys)]).await;
    world.redeem().await.expect("signed");
}
