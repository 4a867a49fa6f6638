//! The OAuth endpoints of two gateways: what is good once is taken once, and what two clients share at
//! the provider, neither loses.

use std::collections::BTreeMap;

use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use futures_util::future::join_all;
use jsonwebtoken::{Algorithm, EncodingKey};
use keyway_domain::{
    Clock as _, Random, audit::Actor, clock::SystemClock, pkce::CodeVerifier, random::OsRandom,
};
use keyway_store::OauthAppChange;
use keyway_testkit::lab::Neutral;
use keyway_vault::signing::{PrivateKey, SigningAlgorithm};
use reqwest::header::{LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use url::Url;

use crate::fleet::{Fleet, PROVIDER, Process, Returning};

const CALLERS: usize = 64;
const ROUNDS: usize = 20;
/// Refreshes of each of the two clients.
const REFRESHES: usize = 1000;

type Form = BTreeMap<String, String>;

/// Two gateways, and a client of theirs with a key.
struct World {
    fleet: Fleet,
    gateways: [Process; 2],
    verifier: CodeVerifier,
    key: EncodingKey,
    jwk: Value,
}

/// What came back: the status and the error, if it was one.
type Outcome = (u16, Option<String>);

impl World {
    async fn new(habits: Neutral) -> Self {
        let fleet = Fleet::new().await;
        fleet.define(&fleet.lab.definition_toml_of(PROVIDER, habits));
        let gateways = [fleet.start().await, fleet.start_another().await];
        let key = PrivateKey::generate(SigningAlgorithm::Es256).expect("a key");
        let der = Base64::decode_vec(key.to_secret().expose()).expect("PKCS #8");
        let world = Self {
            jwk: key.public_jwk().clone(),
            key: EncodingKey::from_ec_der(&der),
            fleet,
            gateways,
            verifier: CodeVerifier::generate(&OsRandom),
        };
        let settings = json!({
            "token_endpoint_auth_methods": ["client_secret_post", "private_key_jwt"],
            "jwks": {"keys": [world.jwk]},
        });
        let change = OauthAppChange {
            settings: Some(serde_json::from_value(settings).expect("settings")),
            ..OauthAppChange::default()
        };
        let (account, app) = (world.fleet.account, world.fleet.app);
        let store = &world.fleet.store;
        let changed =
            store.update_oauth_app(account, app, &change, Actor::Operator, SystemClock.now());
        changed.await.expect("an answer").expect("an app");
        world
    }

    /// The gateway of a caller, and what it is called by everybody.
    fn at(&self, caller: usize) -> &Process {
        self.gateways.get(caller % 2).expect("a gateway")
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let [header, claims] = [header, claims]
            .map(|part| Base64UrlUnpadded::encode_string(part.to_string().as_bytes()));
        let signed = format!("{header}.{claims}");
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &self.key, Algorithm::ES256);
        format!("{signed}.{}", signature.expect("signed"))
    }

    fn proof(&self, path: &str) -> String {
        let claims = json!({
            "htm": "POST", "htu": format!("{}{path}", self.fleet.public_url()),
            "iat": SystemClock.now().timestamp(), "jti": jti(),
        });
        self.sign(
            &json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk}),
            &claims,
        )
    }

    fn request(&self) -> Form {
        form(&[
            ("response_type", "code"),
            ("client_id", &self.fleet.app.to_string()),
            ("redirect_uri", &self.fleet.redirect_uri()),
            ("code_challenge", self.verifier.challenge().as_str()),
            ("code_challenge_method", "S256"),
            ("scope", "openid"),
        ])
    }

    fn proven(&self, mut form: Form) -> Form {
        form.insert("client_id".into(), self.fleet.app.to_string());
        form.insert(
            "client_secret".into(),
            self.fleet.client_secret().to_owned(),
        );
        form
    }

    /// Starts a flow at a gateway; the browser comes back from the provider.
    async fn begin(&self, gateway: &Process, parameters: &Form) -> Result<Returning, u16> {
        let url = format!("http://{}/oauth/authorize", gateway.address);
        let url = Url::parse_with_params(&url, parameters).expect("a URL");
        let answer = self.fleet.http.get(url).send().await.expect("an answer");
        if answer.status() != 302 {
            return Err(answer.status().as_u16());
        }
        let header = |name| answer.headers().get(name).expect("a header").to_str();
        let cookie = header(SET_COOKIE).expect("text").to_owned();
        let callback = self
            .fleet
            .lab
            .approve(header(LOCATION).expect("text"))
            .await;
        Ok(Returning {
            callback: callback.expect("agreed").url,
            cookie: cookie.split(';').next().expect("a pair").to_owned(),
        })
    }

    async fn code(&self) -> String {
        let returning = self
            .begin(self.at(0), &self.request())
            .await
            .expect("a flow");
        let came = self.fleet.come_back(self.at(1), &returning).await;
        came.expect("a redirect").expect("a code")
    }

    fn redemption(&self, code: &str) -> Form {
        self.proven(form(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.fleet.redirect_uri()),
            ("code_verifier", self.verifier.secret().expose()),
        ]))
    }

    async fn post(
        &self,
        caller: usize,
        path: &str,
        form: &Form,
        proof: Option<&str>,
    ) -> (u16, Value) {
        let url = format!("http://{}{path}", self.at(caller).address);
        let mut request = self.fleet.http.post(url).form(form);
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    /// The same from 64 callers at once, at both gateways.
    async fn race(&self, path: &str, form: &Form, proof: Option<&str>) -> Vec<Outcome> {
        let callers = (0..CALLERS).map(async |caller| {
            let (status, body) = self.post(caller, path, form, proof).await;
            let error = body.get("error").and_then(Value::as_str);
            (status, error.map(str::to_owned))
        });
        join_all(callers).await
    }

    async fn connect(&self) -> Value {
        let code = self.code().await;
        let (status, body) = self
            .post(0, "/oauth/token", &self.redemption(&code), None)
            .await;
        assert_eq!(status, 200, "{body}");
        body
    }

    fn refreshing(&self, body: &Value) -> Form {
        let token = body.get("refresh_token").and_then(Value::as_str);
        let token = token.unwrap_or_else(|| panic!("no refresh token: {body}"));
        self.proven(form(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
        ]))
    }
}

fn form(pairs: &[(&str, &str)]) -> Form {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn jti() -> String {
    let random: &dyn Random = &OsRandom;
    random.token().expose().clone()
}

/// One succeeded; the others were refused like this.
#[track_caller]
fn assert_one(round: usize, outcomes: &[Outcome], status: u16, error: &str) {
    let refused = (status, Some(error.to_owned()));
    let good = outcomes.iter().filter(|(status, _)| *status == 200).count();
    let others = outcomes
        .iter()
        .filter(|outcome| **outcome == refused)
        .count();
    assert_eq!(
        (good, others),
        (1, CALLERS - 1),
        "round {round}: {outcomes:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_a_refresh_token_and_an_assertion_are_taken_once() {
    let world = World::new(Neutral::default()).await;
    let assertion_type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    for round in 0..ROUNDS {
        let redemption = world.redemption(&world.code().await);
        let outcomes = world.race("/oauth/token", &redemption, None).await;
        assert_one(round, &outcomes, 400, "invalid_grant");

        let refreshing = world.refreshing(&world.connect().await);
        let outcomes = world.race("/oauth/token", &refreshing, None).await;
        assert_one(round, &outcomes, 400, "invalid_grant");

        let now = SystemClock.now().timestamp();
        let app = world.fleet.app.to_string();
        let claims = json!({
            "iss": app, "sub": app, "aud": world.fleet.public_url(), "exp": now + 60, "jti": jti(),
        });
        let assertion = world.sign(&json!({"alg": "ES256"}), &claims);
        let revoking = form(&[
            ("token", "x"),
            ("client_assertion_type", assertion_type),
            ("client_assertion", &assertion),
        ]);
        let outcomes = world.race("/oauth/revoke", &revoking, None).await;
        assert_one(round, &outcomes, 401, "invalid_client");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_taken_once() {
    let world = World::new(Neutral::default()).await;
    let mut body = world.connect().await;
    for round in 0..ROUNDS {
        let proof = world.proof("/oauth/token");
        let refreshing = world.refreshing(&body);
        let callers = (0..CALLERS)
            .map(|caller| world.post(caller, "/oauth/token", &refreshing, Some(&proof)));
        let answers = join_all(callers).await;
        let outcomes: Vec<Outcome> = answers
            .iter()
            .map(|(status, body)| {
                let error = body.get("error").and_then(Value::as_str);
                (*status, error.map(str::to_owned))
            })
            .collect();
        assert_one(round, &outcomes, 400, "invalid_dpop_proof");
        // A refused proof spends no refresh token: the family lives on.
        body = answers
            .into_iter()
            .find(|(status, _)| *status == 200)
            .expect("one")
            .1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_request_is_taken_once() {
    let world = World::new(Neutral::default()).await;
    for round in 0..ROUNDS {
        let pushing = world.proven(world.request());
        let (status, body) = world.post(round, "/oauth/par", &pushing, None).await;
        assert_eq!(status, 201, "{body}");
        let uri = body
            .get("request_uri")
            .and_then(Value::as_str)
            .expect("a URI");
        let named = form(&[
            ("client_id", &world.fleet.app.to_string()),
            ("request_uri", uri),
        ]);
        let callers = (0..CALLERS).map(|caller| world.begin(world.at(caller), &named));
        let begun = join_all(callers).await;
        let good = begun.iter().filter(|begun| begun.is_ok()).count();
        let pages = begun
            .iter()
            .filter(|begun| matches!(begun, Err(400)))
            .count();
        assert_eq!((good, pages), (1, CALLERS - 1), "round {round}: {begun:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_of_one_credential_refresh_a_thousand_times_and_lose_nothing() {
    // A token that ends within a minute is renewed at every refresh.
    let habits = Neutral {
        access_life: 45,
        ..Neutral::default()
    };
    let world = World::new(habits).await;
    let clients = [world.connect().await, world.connect().await];
    let ids = clients
        .each_ref()
        .map(|body| body.get("credential_id").cloned());
    assert_eq!(ids[0], ids[1], "one credential");
    let refresh = async |number: usize, mut body: Value| {
        for round in 0..REFRESHES {
            let refreshing = world.refreshing(&body);
            let (status, next) = world
                .post(number + round, "/oauth/token", &refreshing, None)
                .await;
            assert_eq!(status, 200, "client {number}, round {round}: {next}");
            body = next;
        }
        body
    };
    let [first, second] = clients;
    let (first, second) = tokio::join!(refresh(0, first), refresh(1, second));
    for body in [first, second] {
        let (status, body) = world
            .post(0, "/oauth/token", &world.refreshing(&body), None)
            .await;
        assert_eq!(status, 200);
        let token = body
            .get("access_token")
            .and_then(Value::as_str)
            .expect("a token");
        assert!(world.fleet.lab.is_live(token));
    }
    let calls = world
        .fleet
        .lab
        .calls(PROVIDER, keyway_testkit::lab::Endpoint::Refresh);
    assert!(
        calls.len() > REFRESHES / 4,
        "{} refreshes at the provider",
        calls.len()
    );
    assert!(
        world.fleet.lab.repeated(PROVIDER).is_empty(),
        "a token was spent twice"
    );
}
