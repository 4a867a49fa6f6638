//! A console for one test.

use std::sync::Arc;

use actix_web::web;
use keyway_console::{App, routes, state::Parts};
use keyway_domain::{Clock as _, Random, random::OsRandom};
use keyway_providers::Catalogue;
use keyway_store::Store;
use keyway_testkit::{clock::ManualClock, database::TestDatabase, log};
use keyway_vault::{KeyRing, PasswordHasher};
use keyway_web::{config::BaseUrl, server::Listening};

use crate::browser::{Browser, client};

/// The password of every admin of these tests.
pub const PASSWORD: &str = "correct horse battery staple";

/// A running console, its database, and the gateway's keys, which it does not have.
pub struct Console {
    pub app: web::Data<App>,
    pub database: TestDatabase,
    pub clock: Arc<ManualClock>,
    pub ring: KeyRing,
    pub base: String,
    http: reqwest::Client,
}

/// A provider whose apps prove themselves by a key.
const SIGNING: &str = r#"
name = "Signing"
category = "testing"
documentation = "https://example.com/docs"
checked = "2026-11-27"
certainty = "single"
authorize = { url = "https://signing.example/authorize" }
token = { url = "https://signing.example/token", client_authentication = "private_key_jwt" }
"#;

fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::shipped().expect("the catalogue");
    catalogue.add("signing", SIGNING).expect("a definition");
    catalogue
}

impl Console {
    /// A console on an empty database, over http on loopback.
    pub async fn start() -> Self {
        Self::start_at(None).await
    }

    /// A console that believes to be reached at this URL.
    pub async fn start_at(console_url: Option<&str>) -> Self {
        let database = TestDatabase::new().await;
        Self::start_on(database.store().await, database, console_url)
    }

    fn start_on(store: Store, database: TestDatabase, console_url: Option<&str>) -> Self {
        log::keep();
        let listening = Listening::bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let base = format!("http://{}", listening.address());
        let clock = Arc::new(ManualClock::default());
        let ring = KeyRing::generate(&OsRandom);
        let app = web::Data::new(App::new(Parts {
            store,
            sealer: ring.public_keys().sealer().expect("a sealer"),
            catalogue: catalogue(),
            passwords: PasswordHasher::new(&OsRandom).expect("a hasher"),
            clock: clock.clone(),
            random: Arc::new(OsRandom),
            console_url: BaseUrl::parse(console_url.unwrap_or(&base)).expect("a base URL"),
            public_url: BaseUrl::parse("https://keyway.example").expect("a base URL"),
            trusted_proxies: vec![
                "127.0.0.1"
                    .parse::<std::net::IpAddr>()
                    .expect("ours")
                    .into(),
            ],
        }));
        let server = listening.run(routes(app.clone()), app.stop.clone());
        tokio::spawn(server.expect("a server"));
        Self {
            app,
            database,
            clock,
            ring,
            base,
            http: client(),
        }
    }

    /// A console with another store than its database's.
    pub async fn start_without_database(store: Store) -> Self {
        Self::start_on(store, TestDatabase::new().await, None)
    }

    /// A browser that was never here.
    pub fn browser(&self) -> Browser {
        Browser::new(self.http.clone(), &self.base, self.app.console_url.as_str())
    }

    /// A browser in which this admin is signed in.
    pub async fn signed_in(&self, email: &str) -> Browser {
        let browser = self.browser();
        let answer = browser.sign_in(email, PASSWORD).await;
        assert_eq!(answer.status, 303, "{answer:?}");
        browser
    }

    /// A present moment, as the console sees it.
    pub fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.clock.now()
    }

    /// What the audit log says of an account, by name: this clock stands still, so that nothing is
    /// newer than anything else.
    pub async fn audit(&self, account: keyway_domain::ids::AccountId) -> Vec<String> {
        let events = self.app.store.list_audit_actions(account, 100).await;
        let events = events.expect("the audit log");
        let mut actions: Vec<String> = events.into_iter().map(|(action, _)| action).collect();
        actions.sort();
        actions
    }

    /// All that the database holds, as text: to look for what must not be there.
    pub async fn dump(&self) -> String {
        let client = self.database.client().await;
        let tables = client
            .query(
                "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'",
                &[],
            )
            .await
            .expect("tables");
        let mut dump = String::new();
        for table in tables {
            let table: String = table.get(0);
            let rows = client
                .query(&format!("SELECT t::text FROM {table} t"), &[])
                .await
                .expect("rows");
            for row in rows {
                dump.push_str(row.get::<_, &str>(0));
                dump.push('\n');
            }
        }
        dump
    }
}

/// 256 random bits in base64url.
pub fn token() -> String {
    let random: &dyn Random = &OsRandom;
    random.token().expose().clone()
}
