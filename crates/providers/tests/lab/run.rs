//! One provider, from its start to its end.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{
    authorization_session::ProviderState, credential::GrantSecrets, ids::AuthorizationSessionId,
    opaque::OpaqueToken as _, pkce::CodeVerifier, random::OsRandom, scope::Scopes,
    secret::SecretString,
};
use keyway_providers::{
    Provider,
    authorize::AuthorizationRequest,
    callback::CallbackParameters,
    completion::{Completed, Completion, Entry, Granted},
    definition::Auth,
    http::HttpClient,
    proxy::{ProxyAccess, ProxyBody, ProxyRequest},
    refresh::RefreshRequest,
    variables::SetBy,
};
use keyway_testkit::{
    clock::ManualClock,
    witness::{Description, Expected, Witness},
};
use serde_json::{Map, Value};

use crate::expected::{
    self, CLIENT_ID, CLIENT_SECRET, CODE, NONCE, NOW, Words, endpoint, exchange, redirect_uri,
};

/// The witness, and a client that reaches it alone.
pub(crate) struct Desk {
    witness: Witness,
    http: HttpClient,
    /// For whoever signs with one, in PEM.
    private_key: String,
}

pub(crate) type Steps = Vec<(&'static str, Vec<String>)>;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(NOW, 0).expect("moment")
}

impl Desk {
    pub(crate) async fn open() -> Self {
        let witness = Witness::start().await;
        let http = witness.http_client(Arc::new(ManualClock::at(now())));
        let key =
            rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048);
        Self {
            witness,
            http,
            private_key: key.expect("a key").serialize_pem(),
        }
    }

    /// Every step, with what was wrong in it.
    pub(crate) async fn run(&self, provider: &Provider, of: &Description) -> Steps {
        let mut steps = Steps::new();
        let variables = match variables(provider, of) {
            Ok(variables) => variables,
            Err(problem) => return vec![("variables", vec![problem])],
        };
        let mut flow = Flow {
            desk: self,
            provider,
            of,
            variables,
            secret: SecretString::from(CLIENT_SECRET),
        };
        let granted = if provider.definition.auth.is_entered() {
            flow.enter(&mut steps).await
        } else {
            flow.connect(&mut steps).await
        };
        let Some(granted) = granted else {
            return steps;
        };
        steps.push(("identity", flow.identity(&granted)));
        steps.push(("import", flow.import(&granted)));
        let secrets = granted.secrets();
        let public = granted.properties.public.clone();
        let renewed = flow.refresh(&granted, &secrets, &mut steps).await;
        let (secrets, public, generation) = match renewed {
            Some((secrets, public)) => (secrets, public, 2),
            None => (secrets, public, 1),
        };
        flow.call(&secrets, &public, generation, &mut steps).await;
        flow.revoke(&secrets, &public, generation, &mut steps).await;
        steps
    }
}

fn variables(provider: &Provider, of: &Description) -> Result<BTreeMap<String, String>, String> {
    let pairs = |given: &BTreeMap<String, String>| {
        let pairs = given
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()));
        pairs.collect::<Vec<_>>()
    };
    let definition = &provider.definition;
    let own = pairs(&of.variables);
    let own = own
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let mut all = definition
        .check_variables(own)
        .map_err(|error| error.to_string())?;
    let set = pairs(&of.admin);
    let set = set
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let set = definition
        .check_given(SetBy::Admin, set)
        .map_err(|error| error.to_string())?;
    all.extend(set);
    let missing = definition.missing_variables(&all).next();
    match missing.map(|(name, _)| name.to_owned()) {
        Some(name) => Err(format!("nobody says what {name} is")),
        None => Ok(all),
    }
}

struct Flow<'a> {
    desk: &'a Desk,
    provider: &'a Provider,
    of: &'a Description,
    variables: BTreeMap<String, String>,
    secret: SecretString,
}

impl Flow<'_> {
    fn words(&self, generation: u8) -> Words {
        Words {
            slug: self.provider.slug.to_string(),
            generation,
        }
    }

    fn authorize(
        &self,
        scopes: &Scopes,
        asked: &[String],
        verifier: &CodeVerifier,
    ) -> Result<Vec<String>, String> {
        let id = AuthorizationSessionId::generate(now(), &OsRandom);
        let state = ProviderState::generate(id, &OsRandom);
        let nonce = self.provider.definition.wants_nonce(scopes);
        let redirect = redirect_uri(self.provider.slug.as_str());
        let challenge = verifier.challenge();
        let url = self.provider.authorize_url(&AuthorizationRequest {
            client_id: CLIENT_ID,
            redirect_uri: &redirect,
            state: &state,
            challenge: &challenge,
            nonce: nonce.then_some(NONCE),
            scopes,
            variables: &self.variables,
        });
        let url = url.map_err(|error| error.to_string())?;
        let mut different = vec![("state", state.secret().expose().as_str())];
        if self.of.pkce {
            different.push(("code_challenge", challenge.as_str()));
            different.push(("code_challenge_method", "S256"));
        }
        if nonce {
            different.push(("nonce", NONCE));
        }
        let mut problems = Vec::new();
        let described = self.of.authorize.clone().unwrap_or_default();
        let described = url::Url::parse(&described).map_err(|error| error.to_string())?;
        let mut all = expected::request(self.of, self.provider.slug.as_str(), asked, &different);
        for (name, value) in described.query_pairs().into_owned() {
            all.entry(name).or_insert(value);
        }
        let mut bare = url.clone();
        bare.set_query(None);
        let mut door = described;
        door.set_query(None);
        if bare != door {
            problems.push(format!("{bare} instead of {door}"));
        }
        let came: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        if came != all {
            problems.push(format!("{came:?} instead of {all:?}"));
        }
        Ok(problems)
    }

    async fn connect(&mut self, steps: &mut Steps) -> Option<Granted> {
        let (of, definition) = (self.of, &self.provider.definition);
        let verifier = CodeVerifier::generate(&OsRandom);
        let list = |words: &[String]| Scopes::from_list(words.iter().map(String::as_str));
        let usual = definition.with_mandatory(&definition.default_scopes());
        let joined = |first: &[String]| {
            let mut all: Vec<String> = Vec::new();
            for scope in first.iter().chain(&of.always) {
                if !all.contains(scope) {
                    all.push(scope.clone());
                }
            }
            all
        };
        let started = self.authorize(&usual, &joined(&of.asks), &verifier);
        let mut problems = started.unwrap_or_else(|problem| vec![problem]);
        // Two scopes of somebody's own show what stands between them.
        let two = ["one".to_owned(), "two".to_owned()];
        let own = definition.with_mandatory(&list(&two).expect("scopes"));
        let started = self.authorize(&own, &joined(&two), &verifier);
        problems.extend(started.unwrap_or_else(|problem| vec![problem]));
        let is_good = problems.is_empty();
        steps.push(("start", problems));
        if !is_good {
            return None;
        }
        let with_nonce = definition.wants_nonce(&usual);
        let Some(token) = &of.token else {
            steps.push((
                "exchange",
                vec!["nobody describes the token endpoint".into()],
            ));
            return None;
        };
        let words = self.words(1);
        let mut standard = vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", CODE.to_owned()),
            ("redirect_uri", redirect_uri(self.provider.slug.as_str())),
        ];
        if of.pkce {
            standard.push(("code_verifier", verifier.secret().expose().clone()));
        }
        let answer = expected::tokens(of, token, &words, with_nonce);
        let mut script = vec![endpoint(token, &words, standard, answer)];
        if let Some(longer) = &of.long_lived {
            let answer = expected::tokens(of, longer, &words, false);
            script.push(endpoint(longer, &words, vec![], answer));
        }
        script.extend(of.calls.iter().map(|call| exchange(call, &words)));
        self.desk.witness.expect(script);
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs([("code", CODE), ("state", "state")]);
        query.extend_pairs(&of.callback);
        if let Some(issuer) = &of.issuer {
            query.append_pair("iss", issuer);
        }
        let parameters = CallbackParameters::parse(query.finish().as_bytes()).expect("a query");
        let redirect = redirect_uri(self.provider.slug.as_str());
        let completion = Completion {
            client_id: CLIENT_ID,
            client_secret: &self.secret,
            redirect_uri: &redirect,
            code_verifier: definition.takes_pkce().then(|| verifier.secret()),
            nonce: with_nonce.then_some(NONCE),
            variables: &self.variables,
            callback: &parameters,
            now: now(),
        };
        // Shopify's signature has vectors of its own.
        if self.provider.family.as_str() != "shopify" {
            let trusted =
                self.provider
                    .verify_callback(&parameters, &self.secret, &self.variables, now());
            let problem = trusted.err().map(|error| error.to_string());
            steps.push(("callback", problem.into_iter().collect()));
        }
        let code = SecretString::from(CODE);
        let completed = self
            .provider
            .complete(&self.desk.http, &code, &completion)
            .await;
        self.ended(
            "exchange",
            completed.map_err(|(_, error)| error.to_string()),
            steps,
        )
    }

    async fn enter(&mut self, steps: &mut Steps) -> Option<Granted> {
        let of = self.of;
        let words = self.words(1);
        let given = |name: &str| {
            let secret = of.secrets.get(name)?;
            Some(secret.replace("$private_key", &self.desk.private_key))
        };
        let secrets = match self.provider.definition.check_secrets(given) {
            Ok(secrets) => secrets,
            Err(error) => {
                steps.push(("entry", vec![error.to_string()]));
                return None;
            }
        };
        self.desk.witness.expect(
            self.minting(&words)
                .into_iter()
                .chain(of.calls.iter().map(|call| exchange(call, &words))),
        );
        let entry = Entry {
            variables: &self.variables,
            secrets: &secrets,
            now: now(),
        };
        let completed = self.provider.enter(&self.desk.http, &entry).await;
        self.ended(
            "entry",
            completed.map_err(|(_, error)| error.to_string()),
            steps,
        )
    }

    /// The call that mints a token, where one is.
    fn minting(&self, words: &Words) -> Option<Expected> {
        let token = self.of.token.as_ref()?;
        let grant_type = match self.provider.definition.auth {
            Auth::JwtBearer => "urn:ietf:params:oauth:grant-type:jwt-bearer",
            _ => "client_credentials",
        };
        let standard = vec![("grant_type", grant_type.to_owned())];
        let answer = expected::tokens(self.of, token, words, false);
        Some(endpoint(token, words, standard, answer))
    }

    fn ended(
        &self,
        step: &'static str,
        completed: Result<Completed, String>,
        steps: &mut Steps,
    ) -> Option<Granted> {
        let mut problems = self.desk.witness.problems();
        let granted = match completed {
            Ok(Completed::Granted(granted)) => Some(*granted),
            Ok(Completed::Choose(accounts, pending)) => {
                let chosen = self.of.choose.clone().unwrap_or_default();
                if !accounts.iter().any(|account| account.id == chosen) {
                    problems.push(format!("{chosen:?} is none of {accounts:?}"));
                }
                let granted = self
                    .provider
                    .choose(&pending, &chosen, CLIENT_ID, &self.variables);
                granted
                    .map_err(|error| problems.push(error.to_string()))
                    .ok()
            }
            Err(error) => {
                problems.push(error);
                None
            }
        };
        steps.push((step, problems));
        granted
    }

    /// Whose it is, how long it lives, and what is kept of it.
    fn identity(&self, granted: &Granted) -> Vec<String> {
        let of = self.of;
        let mut problems = Vec::new();
        let mut same = |what: &str, expected: String, came: String| {
            if expected != came {
                problems.push(format!("{what} {came} instead of {expected}"));
            }
        };
        let external = &granted.external;
        match &of.account {
            Some(account) => same("account", account.clone(), external.id.clone()),
            // A digest in base64url.
            None => same(
                "length of the fingerprint",
                "43".into(),
                external.id.len().to_string(),
            ),
        }
        let label = external.label.clone().unwrap_or_default();
        same("label", of.label.clone().unwrap_or_default(), label);
        if let Some(token) = of.long_lived.as_ref().or(of.token.as_ref()) {
            let usual = token.answer.is_empty().then_some(3600);
            let lives = token.lives.or(usual);
            let came = granted
                .tokens
                .expires_at
                .map(|at| (at - now()).num_seconds());
            same("life", format!("{lives:?}"), format!("{came:?}"));
        }
        let token = granted.tokens.access_token.expose();
        let is_minted = self.provider.definition.auth.is_minted();
        if !self.provider.definition.auth.is_entered() || is_minted {
            same("access token", "access-1".into(), token.clone());
        }
        if let Some(text) = &of.properties {
            let expected: Map<String, Value> = serde_json::from_str(text).expect("JSON");
            let all = granted
                .properties
                .reveal(&self.provider.definition.credential.kind);
            for (name, value) in expected {
                let came = all.get(&name).cloned().unwrap_or_default();
                same(&name, value.to_string(), came.to_string());
            }
        }
        problems
    }

    /// What came is exported, and comes in again: the same account, the same tokens.
    fn import(&self, granted: &Granted) -> Vec<String> {
        let kind = &self.provider.definition.credential.kind;
        let all = granted.properties.reveal(kind);
        match self.provider.import(&self.of.admin, &all, now()) {
            Err(faults) => faults.iter().map(|fault| format!("{fault:?}")).collect(),
            Ok(imported) => {
                let mut problems = Vec::new();
                let (id, expected) = (&imported.external.id, &granted.external.id);
                if id != expected {
                    problems.push(format!("account {id} instead of {expected}"));
                }
                let token = granted.tokens.access_token.expose();
                let kept = imported.secrets.access_token.as_ref();
                if kept.is_some_and(|kept| kept != token) {
                    problems.push("another access token".into());
                }
                problems
            }
        }
    }

    async fn refresh(
        &self,
        granted: &Granted,
        secrets: &GrantSecrets,
        steps: &mut Steps,
    ) -> Option<(GrantSecrets, Map<String, Value>)> {
        let of = self.of;
        let is_minted = self.provider.definition.auth.is_minted();
        let is_renewable = self.provider.is_renewable(secrets);
        let documented = of.refresh.is_some() || is_minted;
        if is_renewable != documented {
            let problem = format!("renewable: {is_renewable} instead of {documented}");
            steps.push(("refresh", vec![problem]));
            return None;
        }
        if !documented {
            return None;
        }
        let (old, new) = (self.words(1), self.words(2));
        let script = match &of.refresh {
            Some(refresh) => {
                let standard = vec![
                    ("grant_type", "refresh_token".to_owned()),
                    ("refresh_token", "refresh-1".to_owned()),
                ];
                let answer = expected::tokens(of, refresh, &new, false);
                Some(endpoint(refresh, &old, standard, answer))
            }
            None => self.minting(&new),
        };
        self.desk.witness.expect(script);
        let redirect = redirect_uri(self.provider.slug.as_str());
        let refreshed = self
            .provider
            .refresh(
                &self.desk.http,
                &RefreshRequest {
                    client_id: CLIENT_ID,
                    client_secret: &self.secret,
                    redirect_uri: &redirect,
                    variables: &self.variables,
                    public: &granted.properties.public,
                    secrets,
                    token_type: granted.tokens.token_type.as_deref(),
                    scopes: granted.tokens.scope.as_ref(),
                    refresh_expires_at: granted.tokens.refresh_expires_at,
                    now: now() + TimeDelta::hours(1),
                },
            )
            .await;
        let mut problems = self.desk.witness.problems();
        if self.provider.is_single_use() != of.single_use {
            problems.push(format!(
                "single use: {} instead of {}",
                !of.single_use, of.single_use
            ));
        }
        let lifetime = self
            .provider
            .definition
            .refresh
            .as_ref()
            .and_then(|refresh| refresh.lifetime);
        let days = lifetime.map(|seconds| seconds / 86_400);
        if days != of.refresh_days {
            problems.push(format!("days: {days:?} instead of {:?}", of.refresh_days));
        }
        let renewed = match refreshed {
            Ok(refreshed) => {
                if refreshed.secrets.access_token.as_deref() != Some("access-2") {
                    problems.push("the new access token is not kept".into());
                }
                Some((refreshed.secrets, refreshed.public))
            }
            Err(error) => {
                problems.push(error.to_string());
                None
            }
        };
        steps.push(("refresh", problems));
        renewed
    }

    async fn call(
        &self,
        secrets: &GrantSecrets,
        public: &Map<String, Value>,
        generation: u8,
        steps: &mut Steps,
    ) {
        let Some(api) = &self.of.api else {
            if self.provider.definition.api.is_some() {
                steps.push(("api", vec!["nobody describes an API".into()]));
            }
            return;
        };
        let words = self.words(generation);
        let mut expected = exchange(api, &words);
        expected.url = format!("{}/probe", expected.url.trim_end_matches('/'));
        self.desk.witness.expect([expected]);
        let access = ProxyAccess {
            secrets,
            variables: &self.variables,
            public,
        };
        let request = ProxyRequest {
            method: "GET",
            path: "probe",
            query: None,
            headers: &[],
            body: ProxyBody::Whole(bytes::Bytes::new()),
        };
        let answered = self.provider.proxy(&self.desk.http, &access, request).await;
        let mut problems = self.desk.witness.problems();
        problems.extend(answered.err().map(|error| error.to_string()));
        steps.push(("api", problems));
    }

    async fn revoke(
        &self,
        secrets: &GrantSecrets,
        public: &Map<String, Value>,
        generation: u8,
        steps: &mut Steps,
    ) {
        let words = self.words(generation);
        let script = self
            .of
            .revoke
            .as_ref()
            .map(|revoke| exchange(revoke, &words));
        let documented = script.is_some();
        self.desk.witness.expect(script);
        let revoked = self
            .provider
            .revoke(
                &self.desk.http,
                CLIENT_ID,
                &self.secret,
                &self.variables,
                public,
                secrets,
            )
            .await;
        let mut problems = self.desk.witness.problems();
        match revoked {
            Ok(done) if done == documented => {}
            Ok(done) => problems.push(format!("revoked: {done} instead of {documented}")),
            Err(error) => problems.push(error.to_string()),
        }
        if documented || !problems.is_empty() {
            steps.push(("revocation", problems));
        }
    }
}
