//! Gateways as processes, on one database, with the lab behind them.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use keyway_domain::{
    Clock as _, Random, SecretString,
    account::Email,
    audit::Actor,
    clock::SystemClock,
    ids::{AccountId, AdminId, OauthAppId, RedirectUriId},
    provider::ProviderSlug,
    random::OsRandom,
    redirect_uri::RedirectUriTemplate,
    sealed::Place,
};
use keyway_store::{NewAccount, NewAdmin, NewOauthApp, RegisteredUri, Store};
use keyway_testkit::{
    database::TestDatabase,
    lab::{self, Lab},
};
use keyway_vault::KeyRing;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use serde_json::{Value, json};
use url::Url;

/// The provider of these tests: the lab's own.
pub(crate) const PROVIDER: &str = "lab";
const REDIRECT_URI: &str = "https://client.example/callback/:provider";

/// What all gateways of a test share.
pub(crate) struct Fleet {
    pub(crate) database: TestDatabase,
    pub(crate) store: Store,
    pub(crate) ring: KeyRing,
    pub(crate) lab: Lab,
    pub(crate) account: AccountId,
    pub(crate) app: OauthAppId,
    pub(crate) http: reqwest::Client,
    client_secret: String,
    public: SocketAddr,
    directory: PathBuf,
}

/// A running gateway; killed when it is dropped.
pub(crate) struct Process {
    pub(crate) address: SocketAddr,
    child: Mutex<Child>,
}

/// A browser on its way back from the provider.
#[derive(Debug, Clone)]
pub(crate) struct Returning {
    pub(crate) callback: String,
    pub(crate) cookie: String,
}

impl Fleet {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::new().await;
        let lab = Lab::start().await;
        let random: &dyn Random = &OsRandom;
        let ring = KeyRing::generate(random);
        let name = random.token().expose().clone();
        let directory = std::env::temp_dir().join(format!("keyway-test-{}", &name[..12]));
        fs::create_dir_all(directory.join("providers")).expect("a directory");
        fs::write(
            directory.join("providers/lab.toml"),
            lab.definition_toml(PROVIDER),
        )
        .expect("written");
        write_private(
            &directory.join("keyring.toml"),
            ring.to_toml().expect("toml").expose(),
        );
        let store = database.store().await;
        let (account, app, client_secret) = seed(&store, &ring).await;
        let public = free_address();
        lab.register(lab::App {
            provider: PROVIDER.into(),
            client_id: "client".into(),
            client_secret: client_secret.clone(),
            redirect_uri: format!("http://{public}/link/oauth2/callback/{PROVIDER}"),
        });
        Self {
            database,
            store,
            ring,
            lab,
            account,
            app,
            http: browser(),
            client_secret,
            public,
            directory,
        }
    }

    /// Another definition of the provider, for the gateways that start from now on.
    pub(crate) fn define(&self, definition: &str) {
        let path = self.directory.join("providers/lab.toml");
        fs::write(path, definition).expect("written");
    }

    /// The issuer of all gateways.
    pub(crate) fn public_url(&self) -> String {
        format!("http://{}", self.public)
    }

    pub(crate) fn client_secret(&self) -> &str {
        &self.client_secret
    }

    /// A gateway at the public address, ready.
    pub(crate) async fn start(&self) -> Process {
        self.start_at(self.public).await
    }

    /// A further gateway, ready.
    pub(crate) async fn start_another(&self) -> Process {
        self.start_at(free_address()).await
    }

    /// A gateway at an address that one had before, ready.
    pub(crate) async fn start_at(&self, address: SocketAddr) -> Process {
        let child = Command::new(env!("CARGO_BIN_EXE_keyway-gateway"))
            .env("KEYWAY_DATABASE_URL", self.database.url())
            .env("KEYWAY_DATABASE_CONNECTIONS", "12")
            .env("KEYWAY_PUBLIC_URL", format!("http://{}", self.public))
            .env("KEYWAY_LISTEN", address.to_string())
            .env("KEYWAY_METRICS_LISTEN", "off")
            .env("KEYWAY_KEYRING_FILE", self.directory.join("keyring.toml"))
            .env("KEYWAY_PROVIDERS_DIR", self.directory.join("providers"))
            .env("KEYWAY_OUTBOUND_ALLOW", "127.0.0.1")
            .env("KEYWAY_LOG", "warn")
            .stdin(Stdio::null())
            .spawn()
            .expect("the gateway starts");
        let process = Process {
            address,
            child: Mutex::new(child),
        };
        self.until_ready(&process).await;
        process
    }

    async fn until_ready(&self, process: &Process) {
        let url = format!("http://{}/health/ready", process.address);
        until("the gateway is ready", async || {
            let answer = self.http.get(&url).send().await;
            answer.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
    }

    /// Starts a flow at a gateway and lets the end user agree.
    pub(crate) async fn returning(&self, gateway: &Process) -> Option<Returning> {
        let start = Url::parse_with_params(
            &format!("http://{}/link/oauth2/start", gateway.address),
            [
                ("client_id", self.app.to_string()),
                ("redirect_uri", redirect_uri()),
                ("state", "s".into()),
            ],
        )
        .expect("a URL");
        let answer = self.http.get(start).send().await.ok()?;
        let location = answer.headers().get(LOCATION)?.to_str().ok()?.to_owned();
        let cookie = answer.headers().get(SET_COOKIE)?.to_str().ok()?;
        let cookie = cookie.split(';').next()?.to_owned();
        let callback = self.lab.approve(&location).await.ok()?;
        Some(Returning {
            callback: callback.url,
            cookie,
        })
    }

    /// Sends the browser back, to this gateway; our code, if there is one.
    pub(crate) async fn come_back(
        &self,
        gateway: &Process,
        returning: &Returning,
    ) -> Result<Option<String>, u16> {
        let url = returning
            .callback
            .replace(&self.public.to_string(), &gateway.address.to_string());
        let sent = self
            .http
            .get(url)
            .header(COOKIE, &returning.cookie)
            .send()
            .await;
        let Ok(answer) = sent else { return Err(0) };
        if answer.status() != 302 {
            return Err(answer.status().as_u16());
        }
        let location = answer.headers()[LOCATION].to_str().expect("text");
        let url = Url::parse(location).expect("a URL");
        Ok(url
            .query_pairs()
            .find(|(name, _)| name == "code")
            .map(|(_, code)| code.into_owned()))
    }

    /// A whole flow at a gateway, to our code.
    pub(crate) async fn code(&self, gateway: &Process) -> String {
        let returning = self.returning(gateway).await.expect("a flow");
        self.come_back(gateway, &returning)
            .await
            .expect("a redirect")
            .expect("a code")
    }

    /// Redeems a code at a gateway: status and body; status 0 if the connection broke.
    pub(crate) async fn redeem(&self, gateway: &Process, code: &str) -> (u16, Value) {
        let url = format!("http://{}/link/oauth2/token", gateway.address);
        let body =
            json!({"code": code, "client_id": self.app, "client_secret": self.client_secret});
        let Ok(answer) = self.http.post(url).json(&body).send().await else {
            return (0, Value::Null);
        };
        let status = answer.status().as_u16();
        match answer.json().await {
            Ok(body) => (status, body),
            Err(_) => (0, Value::Null),
        }
    }
}

/// Where flows of the app end.
pub(crate) fn redirect_uri() -> String {
    REDIRECT_URI.replace(":provider", PROVIDER)
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Process {
    /// SIGKILL.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// SIGTERM; whether it was sent.
    pub(crate) fn terminate(&self) -> bool {
        let id = self.child().id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        sent.is_ok_and(|status| status.success())
    }

    /// How it ended, if it did.
    pub(crate) fn exit_code(&self) -> Option<i32> {
        self.child().try_wait().expect("a child")?.code()
    }

    /// A line of the process's memory, as the kernel counts it: `VmRSS` or its peak, `VmHWM`.
    pub(crate) fn memory_kib(&self, line: &str) -> u64 {
        let status = fs::read_to_string(self.proc("status")).expect("a status");
        let found = status.lines().find(|found| found.starts_with(line));
        let number = found.and_then(|found| found.split_whitespace().nth(1));
        number.expect("a line").parse().expect("a number")
    }

    /// The peak counts from now on.
    pub(crate) fn forget_peak(&self) {
        fs::write(self.proc("clear_refs"), "5").expect("written");
    }

    fn proc(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{file}", self.child().id()))
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let mut child = self.child();
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// Waits for a condition, for at most 20 seconds.
pub(crate) async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    until_within(20, what, condition).await;
}

/// Waits for a condition, for at most so many seconds.
pub(crate) async fn until_within(seconds: u64, what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(seconds);
    while !condition().await {
        assert!(
            tokio::time::Instant::now() < deadline,
            "{what}: not in {seconds} seconds"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address")
}

fn write_private(path: &std::path::Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::write(path, text).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("private");
}

async fn seed(store: &Store, ring: &KeyRing) -> (AccountId, OauthAppId, String) {
    let (now, random): (_, &dyn Random) = (SystemClock.now(), &OsRandom);
    let account = NewAccount {
        id: AccountId::generate(now, random),
        slug: "acme".into(),
        name: "Acme".into(),
        created_at: now,
    };
    let admin = NewAdmin {
        id: AdminId::generate(now, random),
        email: Email::parse("a@acme.test").expect("an address"),
        password_hash: "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$x".into(),
        created_at: now,
    };
    let account = store
        .insert_admin(&account, &admin, Actor::Operator)
        .await
        .expect("stored")
        .account
        .id;
    let app = OauthAppId::generate(now, random);
    let secret = random.token().expose().clone();
    let place = Place::oauth_app_client_secret(app, account);
    let new = NewOauthApp {
        id: app,
        account_id: account,
        provider: ProviderSlug::parse(PROVIDER).expect("a slug"),
        name: "Lab".into(),
        client_id: "client".into(),
        sealed_client_secret: ring
            .seal(&place, &SecretString::from(secret.as_str()), random)
            .expect("sealed"),
        scopes: None,
        created_at: now,
        variables: std::collections::BTreeMap::new(),
        metadata: serde_json::Map::new(),
    };
    store
        .insert_oauth_app(&new, Actor::Operator)
        .await
        .expect("stored");
    let uri = RegisteredUri {
        id: RedirectUriId::generate(now, random),
        uri: RedirectUriTemplate::parse(REDIRECT_URI).expect("a redirect URI"),
        created_at: now,
    };
    store
        .insert_redirect_uri(account, &uri, Actor::Operator)
        .await
        .expect("stored");
    (account, app, secret)
}

#[expect(clippy::disallowed_methods, reason = "a browser, not a client of ours")]
fn browser() -> reqwest::Client {
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .expect("versions")
    .with_root_certificates(rustls::RootCertStore::empty())
    .with_no_client_auth();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .retry(reqwest::retry::never())
        // Less than the gateway keeps idle connections.
        .pool_idle_timeout(Duration::from_secs(3))
        .timeout(Duration::from_secs(30))
        .tls_backend_preconfigured(tls)
        .build()
        .expect("a client")
}
