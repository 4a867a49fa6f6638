//! A gateway for one test.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use actix_web::web;
use keyway_domain::{
    Clock as _, Random, SecretString,
    audit::Actor,
    ids::{AccountId, AdminId, OauthAppId, RedirectUriId},
    provider::ProviderSlug,
    random::OsRandom,
    redirect_uri::RedirectUriTemplate,
    scope::Scopes,
    sealed::Place,
};
use keyway_gateway::{App, routes, state::Parts};
use keyway_providers::Catalogue;
use keyway_store::{NewAccount, NewAdmin, NewOauthApp, RegisteredUri};
use keyway_testkit::{
    clock::ManualClock,
    database::TestDatabase,
    lab::{self, Lab},
    log,
};
use keyway_vault::KeyRing;
use keyway_web::{config::BaseUrl, server::Listening};
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::Value;
use url::Url;

/// Where the client backend of these tests lives.
pub const REDIRECT_URI: &str = "https://client.example/oauth2/callback/:provider";

/// What the edge in front of these gateways proves itself with.
pub const EDGE_KEY: &str = "edge-key-of-these-tests";

/// A running gateway, its database, and the lab behind it.
pub struct Gateway {
    pub app: web::Data<App>,
    pub database: TestDatabase,
    pub clock: Arc<ManualClock>,
    pub lab: Lab,
    pub account: AccountId,
    pub base: String,
    http: reqwest::Client,
}

/// An OAuth app that is registered on both sides.
#[derive(Debug, Clone)]
pub struct TestApp {
    pub id: OauthAppId,
    pub provider: String,
    pub client_id: String,
    pub client_secret: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Answer {
    pub async fn of(response: reqwest::Response) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.text().await.expect("a body"),
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("text"))
    }

    pub fn location(&self) -> Url {
        let location = self
            .header(LOCATION.as_str())
            .unwrap_or_else(|| panic!("no redirect: {self:?}"));
        Url::parse(location).unwrap_or_else(|_| panic!("not a URL: {location}"))
    }

    /// The cookie that it sets, as the browser would send it back.
    pub fn cookie(&self) -> String {
        let cookie = self
            .header(SET_COOKIE.as_str())
            .unwrap_or_else(|| panic!("no cookie: {self:?} {}", self.log()));
        cookie.split(';').next().expect("a pair").to_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// What was logged for the request.
    pub fn log(&self) -> String {
        log::of_request(self.header("x-request-id").expect("an id"))
    }

    /// A page, never a redirect, with this status; and the log says why.
    #[track_caller]
    pub fn assert_page(&self, status: u16, detail: &str) {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header(LOCATION.as_str()), None);
        assert!(
            self.header("content-type")
                .is_some_and(|kind| kind.starts_with("text/html"))
        );
        assert!(self.log().contains(detail), "log: {}", self.log());
    }

    /// A redirect to the client with this error; and the log says why.
    #[track_caller]
    pub fn assert_error_redirect(&self, error: &str, state: Option<&str>, detail: &str) {
        assert_eq!(self.status, 302, "{self:?}");
        let location = self.location();
        let query = query(&location);
        assert_eq!(
            query.get("error").map(String::as_str),
            Some(error),
            "{location}"
        );
        assert!(query.contains_key("error_description"));
        assert!(!query.contains_key("code"));
        assert_eq!(query.get("state").map(String::as_str), state);
        assert!(self.log().contains(detail), "log: {}", self.log());
    }

    /// A JSON error of the token endpoint; and the log says why.
    #[track_caller]
    pub fn assert_token_error(&self, status: u16, error: &str, detail: &str) {
        assert_eq!(self.status, status, "{self:?}");
        let body = self.json();
        assert_eq!(body["error"], error, "{self:?}");
        assert_eq!(body["error_description"], body["summary"]);
        assert!(
            body["summary"]
                .as_str()
                .is_some_and(|summary| !summary.is_empty())
        );
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert!(self.log().contains(detail), "log: {}", self.log());
    }
}

/// The parameters of a URL, each once.
#[track_caller]
pub fn query(url: &Url) -> BTreeMap<String, String> {
    let mut parameters = BTreeMap::new();
    for (name, value) in url.query_pairs() {
        assert!(
            parameters
                .insert(name.to_string(), value.into_owned())
                .is_none(),
            "{name} twice in {url}"
        );
    }
    parameters
}

impl Gateway {
    pub async fn start() -> Self {
        Self::start_within(Duration::from_secs(10)).await
    }

    /// A gateway that gives providers this long.
    pub async fn start_within(call_timeout: Duration) -> Self {
        Self::start_with(call_timeout, |_| Vec::new()).await
    }

    /// A gateway that knows these providers besides, by slug and definition.
    pub async fn start_with(
        call_timeout: Duration,
        providers: impl FnOnce(&Lab) -> Vec<(&'static str, String)>,
    ) -> Self {
        Self::start_at(ManualClock::default(), call_timeout, providers).await
    }

    /// A gateway at some moment: real servers live in the present.
    pub async fn start_at(
        clock: ManualClock,
        call_timeout: Duration,
        providers: impl FnOnce(&Lab) -> Vec<(&'static str, String)>,
    ) -> Self {
        log::keep();
        let clock = Arc::new(clock);
        let lab = Lab::start_at(clock.clone()).await;
        let mut catalogue = Catalogue::shipped().expect("the catalogue");
        for (slug, definition) in providers(&lab) {
            catalogue.add(slug, &definition).expect("a definition");
        }
        let database = TestDatabase::new().await;
        let listening = Listening::bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let base = format!("http://{}", listening.address());
        let app = App::new(Parts {
            store: database.store().await,
            ring: KeyRing::generate(&OsRandom),
            catalogue,
            http: lab.http_client_within(call_timeout),
            clock: clock.clone(),
            random: Arc::new(OsRandom),
            public_url: BaseUrl::parse(&base).expect("a base URL"),
            trusted_proxies: Vec::new(),
            edge_key: Some(SecretString::from(EDGE_KEY)),
        })
        .expect("an app");
        let app = web::Data::new(app);
        tokio::spawn(
            listening
                .run(routes(app.clone()), app.stop.clone())
                .expect("a server"),
        );
        let account = create_account(&app, "Acme", "a@acme.test").await;
        let gateway = Self {
            app,
            database,
            clock,
            lab,
            account,
            base,
            http: browser(),
        };
        gateway.add_redirect_uri(REDIRECT_URI).await;
        gateway
    }

    /// Registers an app at a provider of the lab, and here.
    pub async fn register(&self, provider: &str) -> TestApp {
        self.register_for(self.account, provider, None).await
    }

    pub async fn register_for(
        &self,
        account: AccountId,
        provider: &str,
        scopes: Option<&str>,
    ) -> TestApp {
        let random: &dyn Random = &OsRandom;
        let token = random.token().expose().clone();
        let app = TestApp {
            id: OauthAppId::generate(self.clock.now(), random),
            provider: provider.to_owned(),
            client_id: format!("client-{}", &token[..8]),
            client_secret: format!("secret-{token}"),
        };
        let slug = ProviderSlug::parse(provider).expect("a slug");
        self.lab.register(lab::App {
            provider: provider.to_owned(),
            client_id: app.client_id.clone(),
            client_secret: app.client_secret.clone(),
            redirect_uri: self.app.callback_url(&slug),
        });
        self.store(account, &app, scopes).await;
        app
    }

    /// Registers an app here alone.
    pub async fn store(&self, account: AccountId, app: &TestApp, scopes: Option<&str>) {
        let random: &dyn Random = &OsRandom;
        let slug = ProviderSlug::parse(&app.provider).expect("a slug");
        let place = Place::oauth_app_client_secret(app.id, account);
        let sealed = self
            .app
            .ring
            .seal(
                &place,
                &SecretString::from(app.client_secret.as_str()),
                random,
            )
            .expect("sealed");
        let new = NewOauthApp {
            id: app.id,
            account_id: account,
            provider: slug,
            name: format!("App at {}", app.provider),
            client_id: app.client_id.clone(),
            sealed_client_secret: sealed,
            scopes: scopes.map(|scopes| Scopes::parse(scopes).expect("scopes")),
            created_at: self.clock.now(),
            variables: std::collections::BTreeMap::new(),
            metadata: serde_json::Map::new(),
        };
        self.app
            .store
            .insert_oauth_app(&new, Actor::Operator)
            .await
            .expect("stored");
    }

    pub async fn add_redirect_uri(&self, uri: &str) {
        let new = RegisteredUri {
            id: RedirectUriId::generate(self.clock.now(), &OsRandom),
            uri: RedirectUriTemplate::parse(uri).expect("a redirect URI"),
            created_at: self.clock.now(),
        };
        self.app
            .store
            .insert_redirect_uri(self.account, &new, Actor::Operator)
            .await
            .expect("stored");
    }

    pub async fn other_account(&self) -> AccountId {
        create_account(&self.app, "Other", "o@other.test").await
    }

    /// A start URL with the app's expanded redirect URI, and these parameters.
    pub fn start_url(&self, app: &TestApp, parameters: &[(&str, &str)]) -> String {
        let redirect_uri = REDIRECT_URI.replace(":provider", &app.provider);
        let id = app.id.to_string();
        let mut all = vec![
            ("client_id", id.as_str()),
            ("redirect_uri", redirect_uri.as_str()),
        ];
        all.extend_from_slice(parameters);
        self.url("/link/oauth2/start", &all)
    }

    pub fn url(&self, path: &str, parameters: &[(&str, &str)]) -> String {
        Url::parse_with_params(&format!("{}{path}", self.base), parameters)
            .expect("a URL")
            .into()
    }

    pub async fn get(&self, url: &str) -> Answer {
        Answer::of(self.http.get(url).send().await.expect("an answer")).await
    }

    pub async fn get_with(&self, url: &str, cookie: &str) -> Answer {
        Answer::of(
            self.http
                .get(url)
                .header(COOKIE, cookie)
                .send()
                .await
                .expect("an answer"),
        )
        .await
    }

    /// A request of any kind.
    pub fn request(&self, method: &str, url: &str) -> reqwest::RequestBuilder {
        self.http.request(method.parse().expect("a method"), url)
    }

    /// Starts a flow; the browser is at the provider then.
    pub async fn begin(&self, app: &TestApp, parameters: &[(&str, &str)]) -> Begun {
        let answer = self.get(&self.start_url(app, parameters)).await;
        assert_eq!(answer.status, 302, "{answer:?}");
        Begun {
            authorize_url: answer.location().into(),
            cookie: answer.cookie(),
        }
    }

    /// A whole flow, to the client's redirect URI.
    pub async fn connect(&self, app: &TestApp, parameters: &[(&str, &str)]) -> Answer {
        let begun = self.begin(app, parameters).await;
        let callback = self
            .lab
            .approve(&begun.authorize_url)
            .await
            .expect("the provider agrees");
        self.get_with(&callback.url, &begun.cookie).await
    }

    /// A whole flow, to the code.
    pub async fn code(&self, app: &TestApp, parameters: &[(&str, &str)]) -> String {
        let answer = self.connect(app, parameters).await;
        assert_eq!(answer.status, 302, "{answer:?} {}", answer.log());
        let query = query(&answer.location());
        query
            .get("code")
            .unwrap_or_else(|| panic!("no code: {query:?} {}", answer.log()))
            .clone()
    }

    pub async fn post_token(&self, body: &Value) -> Answer {
        let url = format!("{}/link/oauth2/token", self.base);
        Answer::of(
            self.http
                .post(url)
                .json(body)
                .send()
                .await
                .expect("an answer"),
        )
        .await
    }

    /// The token request that the client backend would make.
    pub async fn redeem(&self, app: &TestApp, code: &str) -> Answer {
        self.post_token(&serde_json::json!({
            "code": code,
            "client_id": app.id,
            "client_secret": app.client_secret,
        }))
        .await
    }

    /// One value from the database, past all our code.
    pub async fn sql(&self, query: &str) -> Vec<String> {
        let client = self.database.client().await;
        let rows = client
            .simple_query(query)
            .await
            .unwrap_or_else(|error| panic!("{query}: {error}"));
        rows.iter()
            .filter_map(|row| match row {
                tokio_postgres::SimpleQueryMessage::Row(row) => {
                    Some(row.get(0).unwrap_or("NULL").to_owned())
                }
                _ => None,
            })
            .collect()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.app.stop.cancel();
    }
}

/// A browser on its way to the provider.
#[derive(Debug)]
pub struct Begun {
    pub authorize_url: String,
    pub cookie: String,
}

impl Begun {
    /// Our state at the provider.
    pub fn state(&self) -> String {
        query(&Url::parse(&self.authorize_url).expect("a URL"))["state"].clone()
    }
}

#[expect(clippy::disallowed_methods, reason = "a browser, not a client of ours")]
pub fn browser() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_mins(1))
        .tls_backend_preconfigured(no_tls())
        .build()
        .expect("a client")
}

/// The browser of these tests speaks to loopback only.
fn no_tls() -> rustls::ClientConfig {
    rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .expect("versions")
    .with_root_certificates(rustls::RootCertStore::empty())
    .with_no_client_auth()
}

async fn create_account(app: &App, name: &str, email: &str) -> AccountId {
    let now = app.now();
    let account = NewAccount {
        id: AccountId::generate(now, &OsRandom),
        slug: keyway_domain::account::slug(name).expect("a slug"),
        name: name.to_owned(),
        created_at: now,
    };
    let admin = NewAdmin {
        id: AdminId::generate(now, &OsRandom),
        email: keyway_domain::account::Email::parse(email).expect("an address"),
        password_hash: "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$x".into(),
        created_at: now,
    };
    app.store
        .insert_admin(&account, &admin, Actor::Operator)
        .await
        .expect("stored")
        .account
        .id
}
