//! A client of the OAuth endpoints of two gateways, with a secret and a key.

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
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use url::Url;

use crate::fleet::{Fleet, PROVIDER, Process, Returning, redirect_uri};

/// How many callers race.
pub(crate) const CALLERS: usize = 64;

pub(crate) type Form = BTreeMap<String, String>;

/// Two gateways, and a client of theirs with a key.
pub(crate) struct World {
    pub(crate) fleet: Fleet,
    gateways: [Process; 2],
    verifier: CodeVerifier,
    key: EncodingKey,
    jwk: Value,
    /// PKCS #8 in base64.
    pub(crate) private_key: String,
}

/// What came back: the status and the error, if it was one.
pub(crate) type Outcome = (u16, Option<String>);

impl World {
    pub(crate) async fn new(habits: Neutral) -> Self {
        let fleet = Fleet::new().await;
        fleet.define(&fleet.lab.definition_toml_of(PROVIDER, habits));
        let gateways = [fleet.start().await, fleet.start_another().await];
        let key = PrivateKey::generate(SigningAlgorithm::Es256).expect("a key");
        let der = Base64::decode_vec(key.to_secret().expose()).expect("PKCS #8");
        let world = Self {
            jwk: key.public_jwk().clone(),
            key: EncodingKey::from_ec_der(&der),
            private_key: key.to_secret().expose().clone(),
            fleet,
            gateways,
            verifier: CodeVerifier::generate(&OsRandom),
        };
        world
            .set(&[
                "client_secret_post",
                "client_secret_basic",
                "private_key_jwt",
            ])
            .await;
        world
    }

    /// The ways in which the client may prove itself from now on.
    pub(crate) async fn set(&self, methods: &[&str]) {
        let settings = json!({
            "token_endpoint_auth_methods": methods,
            "jwks": {"keys": [self.jwk]},
        });
        let change = OauthAppChange {
            settings: Some(serde_json::from_value(settings).expect("settings")),
            ..OauthAppChange::default()
        };
        let (account, app, now) = (self.fleet.account, self.fleet.app, SystemClock.now());
        let store = &self.fleet.store;
        let changed = store.update_oauth_app(account, app, &change, Actor::Operator, now);
        changed.await.expect("an answer").expect("an app");
    }

    /// The gateway of a caller, and what it is called by everybody.
    pub(crate) fn at(&self, caller: usize) -> &Process {
        self.gateways.get(caller % 2).expect("a gateway")
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let [header, claims] = [header, claims]
            .map(|part| Base64UrlUnpadded::encode_string(part.to_string().as_bytes()));
        let signed = format!("{header}.{claims}");
        let signature = jsonwebtoken::crypto::sign(signed.as_bytes(), &self.key, Algorithm::ES256);
        format!("{signed}.{}", signature.expect("signed"))
    }

    pub(crate) fn proof(&self, path: &str) -> String {
        let claims = json!({
            "htm": "POST", "htu": format!("{}{path}", self.fleet.public_url()),
            "iat": SystemClock.now().timestamp(), "jti": jti(),
        });
        self.sign(
            &json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk}),
            &claims,
        )
    }

    pub(crate) fn request(&self) -> Form {
        form(&[
            ("response_type", "code"),
            ("client_id", &self.fleet.app.to_string()),
            ("redirect_uri", &redirect_uri()),
            ("code_challenge", self.verifier.challenge().as_str()),
            ("code_challenge_method", "S256"),
            ("scope", "openid"),
        ])
    }

    pub(crate) fn proven(&self, mut form: Form) -> Form {
        form.insert("client_id".into(), self.fleet.app.to_string());
        form.insert(
            "client_secret".into(),
            self.fleet.client_secret().to_owned(),
        );
        form
    }

    /// Starts a flow at a gateway; the browser comes back from the provider.
    pub(crate) async fn begin(
        &self,
        gateway: &Process,
        parameters: &Form,
    ) -> Result<Returning, u16> {
        let url = format!("http://{}/oauth/authorize", gateway.address);
        let url = Url::parse_with_params(&url, parameters).expect("a URL");
        self.follow(&url).await
    }

    /// Follows an authorization URL to the provider and back.
    pub(crate) async fn follow(&self, url: &Url) -> Result<Returning, u16> {
        let answer = self
            .fleet
            .http
            .get(url.clone())
            .send()
            .await
            .expect("an answer");
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

    /// Where the browser comes out that comes back from the provider.
    pub(crate) async fn arrive(&self, returning: &Returning) -> Url {
        let request = self.fleet.http.get(&returning.callback);
        let answer = request.header(COOKIE, &returning.cookie).send().await;
        let answer = answer.expect("an answer");
        let location = answer.headers().get(LOCATION).expect("a redirect");
        Url::parse(location.to_str().expect("text")).expect("a URL")
    }

    pub(crate) async fn code(&self) -> String {
        let returning = self
            .begin(self.at(0), &self.request())
            .await
            .expect("a flow");
        let came = self.fleet.come_back(self.at(1), &returning).await;
        came.expect("a redirect").expect("a code")
    }

    pub(crate) fn redemption(&self, code: &str) -> Form {
        self.proven(form(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &redirect_uri()),
            ("code_verifier", self.verifier.secret().expose()),
        ]))
    }

    pub(crate) async fn post(
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
    pub(crate) async fn race(&self, path: &str, form: &Form, proof: Option<&str>) -> Vec<Outcome> {
        let callers = (0..CALLERS).map(async |caller| {
            let (status, body) = self.post(caller, path, form, proof).await;
            let error = body.get("error").and_then(Value::as_str);
            (status, error.map(str::to_owned))
        });
        join_all(callers).await
    }

    pub(crate) async fn connect(&self) -> Value {
        let code = self.code().await;
        let (status, body) = self
            .post(0, "/oauth/token", &self.redemption(&code), None)
            .await;
        assert_eq!(status, 200, "{body}");
        body
    }

    pub(crate) fn refreshing(&self, body: &Value) -> Form {
        let token = body.get("refresh_token").and_then(Value::as_str);
        let token = token.unwrap_or_else(|| panic!("no refresh token: {body}"));
        self.proven(form(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
        ]))
    }
}

pub(crate) fn form(pairs: &[(&str, &str)]) -> Form {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

pub(crate) fn jti() -> String {
    let random: &dyn Random = &OsRandom;
    random.token().expose().clone()
}
