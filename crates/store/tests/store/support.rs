//! A database with a tenant in it, and what the tests put there.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{
    Random,
    account::Email,
    audit::Actor,
    authorization_code::{self, AuthorizationCode, IssuedCode, Redeemed},
    authorization_session::{NewSession, ProviderState},
    credential::{CredentialKind, ExternalAccount, NewGrant},
    ids::{
        AccountId, AdminId, AuthorizationCodeId, AuthorizationSessionId, CredentialId, GrantId,
        OauthAppId, RedirectUriId,
    },
    opaque::Digest,
    provider::ProviderSlug,
    random::OsRandom,
    redirect_uri::{RedirectUri, RedirectUriTemplate},
    scope::{ScopeSource, Scopes},
    sealed::Sealed,
};
use keyway_store::{
    LeasedRefresh, NewAccount, NewAdmin, NewCompletion, NewOauthApp, RegisteredUri, Store,
    StoreOptions, StoredCredential,
};
use keyway_testkit::database::TestDatabase;
use serde_json::{Map, Value, json};
use tokio::{sync::Barrier, task::JoinSet};
use tokio_postgres::SimpleQueryMessage;

/// How many tasks race.
pub const CROWD: usize = 64;

/// A moment that all tests begin at.
pub fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).expect("a moment")
}

pub fn seconds(count: i64) -> TimeDelta {
    TimeDelta::seconds(count)
}

/// The smallest step of Postgres's clock: what tells `>` from `>=`.
pub fn instant() -> TimeDelta {
    TimeDelta::microseconds(1)
}

pub fn random() -> &'static dyn Random {
    &OsRandom
}

/// A digest that is nobody else's.
pub fn digest<T>() -> Digest<T> {
    Digest::from_bytes(random().bytes())
}

/// A ciphertext; the store does not look into it.
pub fn sealed(text: &str) -> Sealed {
    Sealed::from_bytes(text.as_bytes().to_vec())
}

pub fn slug(text: &str) -> ProviderSlug {
    ProviderSlug::parse(text).expect("a slug")
}

pub fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// A database, two stores on it as two gateways have them, and a tenant with an app.
pub struct World {
    pub database: TestDatabase,
    pub store: Store,
    pub other_store: Store,
    pub account: AccountId,
    pub app: OauthAppId,
}

/// A flow whose browser is at the provider.
#[derive(Debug, Clone, Copy)]
pub struct Started {
    pub id: AuthorizationSessionId,
    pub state: Digest<ProviderState>,
}

/// A flow whose code was issued.
#[derive(Debug, Clone, Copy)]
pub struct Issued {
    pub session: AuthorizationSessionId,
    pub grant: GrantId,
    pub id: AuthorizationCodeId,
    pub code: Digest<AuthorizationCode>,
}

impl World {
    pub async fn new() -> Self {
        let database = TestDatabase::new().await;
        let options = StoreOptions {
            read_connections: 2,
            write_connections: 8,
            ..options(&patient(database.url()))
        };
        let (store, other_store) = (open(options.clone()).await, open(options).await);
        let account = add_account(&store, "acme").await;
        let app = add_app(&store, account, "client").await;
        Self {
            database,
            store,
            other_store,
            account,
            app,
        }
    }

    pub async fn account(&self, slug: &str) -> AccountId {
        add_account(&self.store, slug).await
    }

    pub async fn app_of(&self, account: AccountId, client_id: &str) -> OauthAppId {
        add_app(&self.store, account, client_id).await
    }

    /// A flow of the tenant's app, started now.
    pub fn session(&self) -> NewSession {
        World::session_of(self.account, self.app)
    }

    pub fn session_of(account: AccountId, app: OauthAppId) -> NewSession {
        NewSession {
            id: AuthorizationSessionId::generate(now(), random()),
            account_id: account,
            oauth_app_id: app,
            provider: slug("linear"),
            redirect_uri: Some(RedirectUri::from_stored("https://client.example/cb".into())),
            link_session_id: None,
            state_digest: Some(digest()),
            sealed_secrets: sealed("secrets"),
            challenge: None,
            scopes: Scopes::parse("read write").expect("scopes"),
            scope_source: ScopeSource::Catalogue,
            variables: values(&[("shop", "acme.example")]),
            created_at: now(),
        }
    }

    /// Stores a flow.
    pub async fn start(&self, new: &NewSession) -> Started {
        self.store
            .insert_authorization_session(new)
            .await
            .expect("stored");
        Started {
            id: new.id,
            state: new.state_digest.unwrap_or_else(digest),
        }
    }

    pub async fn started(&self) -> Started {
        self.start(&self.session()).await
    }

    /// A flow that waits for variables.
    pub async fn unanswered(&self) -> AuthorizationSessionId {
        let waiting = NewSession {
            state_digest: None,
            ..self.session()
        };
        self.start(&waiting).await.id
    }

    /// A flow that the callback has claimed.
    pub async fn claimed(&self) -> AuthorizationSessionId {
        let started = self.started().await;
        self.claim(started).await;
        started.id
    }

    pub async fn claim(&self, started: Started) {
        let claimed = self
            .store
            .claim_authorization_session(started.id, started.state, &slug("linear"), now())
            .await
            .expect("an answer");
        assert!(claimed.is_some(), "claimed");
    }

    /// A flow of the tenant's app, up to its code.
    pub async fn issued(&self, external: &str) -> Issued {
        self.issue(&self.session(), external).await
    }

    pub async fn issue(&self, new: &NewSession, external: &str) -> Issued {
        let started = self.start(new).await;
        self.claim(started).await;
        let completion = completion(started.id, external);
        let completed = self
            .store
            .complete_authorization(&completion, now())
            .await
            .expect("an answer");
        assert!(completed, "completed");
        Issued {
            session: started.id,
            grant: completion.grant.id,
            id: completion.code.id,
            code: completion.code.digest,
        }
    }

    /// A whole flow, up to the credential.
    pub async fn connected(&self, external: &str) -> Redeemed {
        let issued = self.issued(external).await;
        self.redeem(issued).await.expect("redeemed")
    }

    pub async fn redeem(&self, issued: Issued) -> Option<Redeemed> {
        self.store
            .redeem_authorization_code(issued.code, self.app, None, now())
            .await
            .expect("an answer")
    }

    /// A credential of the tenant, with its tokens.
    pub async fn stored(&self, id: CredentialId) -> StoredCredential {
        let found = self.store.find_stored_credential(self.account, id).await;
        found.expect("an answer").expect("a credential")
    }

    /// A whole flow, up to a credential whose refresh is due now.
    pub async fn due(&self, external: &str) -> StoredCredential {
        let redeemed = self.connected(external).await;
        let due = format!(
            "UPDATE grants SET refresh_at = '{}' WHERE id = '{}'",
            now(),
            redeemed.grant_id
        );
        self.sql(&due).await;
        self.stored(redeemed.credential_id).await
    }

    /// The lease of a credential, now.
    pub async fn lease(&self, seen: &StoredCredential) -> LeasedRefresh {
        let leased = self.store.lease_refresh(seen, false, now()).await;
        leased.expect("an answer").expect("a lease")
    }

    /// The first column of what the database itself says.
    pub async fn sql(&self, query: &str) -> Vec<String> {
        let client = self.database.client().await;
        let rows = client
            .simple_query(query)
            .await
            .unwrap_or_else(|error| panic!("{query}: {error:?}"));
        rows.iter()
            .filter_map(|row| match row {
                SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("NULL").to_owned()),
                _ => None,
            })
            .collect()
    }

    pub async fn count(&self, what: &str) -> usize {
        let rows = self.sql(&format!("SELECT count(*) FROM {what}")).await;
        rows[0].parse().expect("a number")
    }

    /// The details of all events of this kind that are on record for the tenant.
    pub async fn audited(&self, action: &str) -> Vec<Value> {
        let events = self.store.list_audit_actions(self.account, 1000).await;
        events
            .expect("events")
            .into_iter()
            .filter(|(known, _)| known == action)
            .map(|(_, detail)| detail)
            .collect()
    }

    /// Lets 64 tasks go at the same moment, half of them on the other store.
    pub async fn race<T, F>(&self, task: impl Fn(usize, Store) -> F) -> Vec<T>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send + 'static,
    {
        let start = Arc::new(Barrier::new(CROWD));
        let mut tasks = JoinSet::new();
        for number in 0..CROWD {
            let store = if number % 2 == 0 {
                &self.store
            } else {
                &self.other_store
            };
            let (start, racing) = (Arc::clone(&start), task(number, store.clone()));
            tasks.spawn(async move {
                start.wait().await;
                racing.await
            });
        }
        tasks.join_all().await
    }

    /// Waits until so many statements of this database wait for another's lock.
    pub async fn until_blocked(&self, count: usize) {
        let blocked =
            "pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let reached = async { while self.count(blocked).await != count {} };
        tokio::time::timeout(Duration::from_secs(10), reached)
            .await
            .unwrap_or_else(|_| panic!("not {count} statements that wait"));
    }
}

/// What a callback brings to the store.
pub fn completion(session: AuthorizationSessionId, external: &str) -> NewCompletion {
    let mut public = Map::new();
    public.insert("scope".into(), json!("read"));
    NewCompletion {
        session_id: session,
        grant: NewGrant {
            id: GrantId::generate(now(), random()),
            kind: CredentialKind("linear_oauth2".into()),
            external: ExternalAccount {
                id: external.to_owned(),
                label: Some(format!("Label of {external}")),
            },
            public,
            secret_names: vec!["access_token".into()],
            sealed_secrets: sealed("tokens"),
            expires_at: Some(now() + seconds(3600)),
            refresh_expires_at: None,
            token_type: None,
            scopes: None,
            refresh_at: None,
        },
        code: IssuedCode {
            id: AuthorizationCodeId::generate(now(), random()),
            digest: digest(),
            redirect_uri: RedirectUri::from_stored("https://client.example/cb".into()),
            challenge: None,
            sealed_state: Some(sealed("state")),
            oauth: None,
            expires_at: now() + authorization_code::LIFETIME,
        },
    }
}

pub fn new_account(slug: &str) -> NewAccount {
    NewAccount {
        id: AccountId::generate(now(), random()),
        slug: slug.to_owned(),
        name: format!("Name of {slug}"),
        created_at: now(),
    }
}

pub fn new_admin(email: &str) -> NewAdmin {
    NewAdmin {
        id: AdminId::generate(now(), random()),
        email: Email::parse(email).expect("an address"),
        password_hash: "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$x".into(),
        created_at: now(),
    }
}

pub fn new_app(account: AccountId, client_id: &str) -> NewOauthApp {
    NewOauthApp {
        id: OauthAppId::generate(now(), random()),
        account_id: account,
        provider: slug("linear"),
        name: format!("App {client_id}"),
        client_id: client_id.to_owned(),
        sealed_client_secret: sealed("client secret"),
        scopes: Some(Scopes::parse("read").expect("scopes")),
        created_at: now(),
        variables: std::collections::BTreeMap::new(),
        metadata: serde_json::Map::new(),
    }
}

pub fn new_uri(uri: &str) -> RegisteredUri {
    RegisteredUri {
        id: RedirectUriId::generate(now(), random()),
        uri: RedirectUriTemplate::parse(uri).expect("a redirect URI"),
        created_at: now(),
    }
}

pub async fn add_account(store: &Store, slug: &str) -> AccountId {
    let admin = new_admin(&format!("admin@{slug}.test"));
    store
        .insert_admin(&new_account(slug), &admin, Actor::Operator)
        .await
        .expect("stored")
        .account
        .id
}

pub async fn add_app(store: &Store, account: AccountId, client_id: &str) -> OauthAppId {
    let new = new_app(account, client_id);
    store
        .insert_oauth_app(&new, Actor::Operator)
        .await
        .expect("stored");
    new.id
}

/// How a store of these tests is opened; change what a test is about.
pub fn options(url: &str) -> StoreOptions {
    StoreOptions {
        url: url.to_owned(),
        application_name: "keyway-test",
        read_connections: 1,
        write_connections: 2,
        // A busy machine is no failure.
        wait: Duration::from_secs(20),
    }
}

pub async fn open(options: StoreOptions) -> Store {
    Store::open(options, Arc::new(OsRandom))
        .await
        .expect("a store")
}

/// The URL, with as much time for a statement as a test may hold it up on a busy machine.
pub fn patient(url: &str) -> String {
    with_parameter(url, "options=-c%20statement_timeout%3D60s")
}

/// The URL with one more parameter.
pub fn with_parameter(url: &str, parameter: &str) -> String {
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}{parameter}")
}
