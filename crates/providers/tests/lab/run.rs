//! One provider, from its start to its end.

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, Utc};
use keyway_domain::{
    authorization_session::ProviderState, ids::AuthorizationSessionId, opaque::OpaqueToken as _,
    pkce::CodeVerifier, random::OsRandom, scope::Scopes, secret::SecretString,
};
use keyway_providers::{
    Provider,
    authorize::AuthorizationRequest,
    callback::CallbackParameters,
    completion::{Completed, Completion, Entry, Granted},
    definition::Auth,
    http::HttpClient,
    variables::SetBy,
};
use keyway_testkit::{
    clock::ManualClock,
    witness::{Description, Expected, Witness},
};

use crate::expected::{
    self, CLIENT_ID, CLIENT_SECRET, CODE, NONCE, NOW, Words, endpoint, exchange, redirect_uri,
};

/// The witness, and a client that reaches it alone.
pub(crate) struct Desk {
    pub(crate) witness: Witness,
    pub(crate) http: HttpClient,
    /// For whoever signs with one, in PEM.
    private_key: String,
}

pub(crate) type Steps = Vec<(&'static str, Vec<String>)>;

pub(crate) fn now() -> DateTime<Utc> {
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

/// A provider, by what its vendor documents.
pub(crate) struct Flow<'a> {
    pub(crate) desk: &'a Desk,
    pub(crate) provider: &'a Provider,
    pub(crate) of: &'a Description,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) secret: SecretString,
}

impl Flow<'_> {
    pub(crate) fn words(&self, generation: u8) -> Words {
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
            proof_key: None,
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
            proof_key: None,
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
            proof_key: None,
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
    pub(crate) fn minting(&self, words: &Words) -> Option<Expected> {
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
                let granted =
                    self.provider
                        .choose(&pending, &chosen, CLIENT_ID, &self.variables, None);
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
}
