//! Connections: two pools, TLS, and the time that the database tells.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use diesel::{ConnectionError, result::Error::BrokenTransactionManager};
use diesel_async::{
    AsyncPgConnection, RunQueryDsl,
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig, PoolableConnection as _, RecyclingMethod,
        bb8::{Pool, PooledConnection, RunError},
    },
};
use futures_util::{FutureExt as _, future::ready};
use keyway_domain::{Clock as _, Random, clock::SystemClock};
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::Handle;
use tokio_postgres::{
    NoTls,
    config::{Host, SslMode},
    error::DbError,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{DatabaseClock, StoreError};

/// How to reach the database.
#[derive(Clone)]
pub struct StoreOptions {
    /// `postgres://…`. TLS is verified; it is demanded unless the server is on this machine or
    /// the URL says `sslmode=disable`.
    pub url: String,
    /// Shown in `pg_stat_activity`.
    pub application_name: &'static str,
    /// Connections for reads: few, they are quick.
    pub read_connections: u32,
    /// Connections for writes: many, they wait for the disk.
    pub write_connections: u32,
    /// How long to wait for a connection; [`StoreOptions::WAIT`] but in tests.
    pub wait: Duration,
}

impl StoreOptions {
    /// To get a connection. A caller who waits longer is better told to come back.
    pub const WAIT: Duration = Duration::from_secs(3);
}

impl std::fmt::Debug for StoreOptions {
    /// Without the URL, which holds a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreOptions")
            .field("application_name", &self.application_name)
            .finish_non_exhaustive()
    }
}

/// All that Keyway keeps.
#[derive(Clone)]
pub struct Store {
    reads: Pool<AsyncPgConnection>,
    writes: Pool<AsyncPgConnection>,
    clock: DatabaseClock,
    failure: LastFailure,
    /// For connections that are none of the pools'.
    pub(crate) target: Arc<Target>,
    pub(crate) random: Arc<dyn Random>,
}

/// Why no connection could be made the last time, for whoever waits for one in vain: the pool
/// itself only knows that time is up.
#[derive(Clone, Default)]
struct LastFailure(Arc<Mutex<Option<String>>>);

impl LastFailure {
    fn note(&self, failure: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    fn explain(&self, error: &RunError) -> StoreError {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let why = match (error, noted.as_ref()) {
            (RunError::User(error), _) => error.to_string(),
            (RunError::TimedOut, Some(failure)) => failure.clone(),
            (RunError::TimedOut, None) => "no connection became free in time".into(),
        };
        StoreError::Unavailable(why)
    }
}

pub(crate) type Connection<'a> = PooledConnection<'a, AsyncPgConnection>;

/// A connection's life, so that a failover or a changed password is noticed.
const LIFETIME: Duration = Duration::from_mins(30);

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store")
    }
}

impl Store {
    /// Pools for the database. Connections are made as they are needed, by the runtime that calls
    /// this: a connection made on a web worker would stall whenever that worker is busy.
    ///
    /// # Errors
    /// [`StoreError::Url`] if the URL cannot be used at all.
    pub async fn open(options: StoreOptions, random: Arc<dyn Random>) -> Result<Self, StoreError> {
        let mut target = Target::parse(&options.url, options.application_name)?;
        target.config.connect_timeout(options.wait);
        let target = Arc::new(target);
        let (clock, failure) = (DatabaseClock::default(), LastFailure::default());
        let pool = |size: u32| {
            let manager = manager(Arc::clone(&target), clock.clone(), failure.clone());
            Pool::builder()
                .max_size(size.max(1))
                .connection_timeout(options.wait)
                .max_lifetime(Some(LIFETIME))
                .build(manager)
        };
        Ok(Self {
            reads: pool(options.read_connections)
                .await
                .map_err(|error| StoreError::Unavailable(error.to_string()))?,
            writes: pool(options.write_connections)
                .await
                .map_err(|error| StoreError::Unavailable(error.to_string()))?,
            clock,
            failure,
            target,
            random,
        })
    }

    /// The clock that codes and leases are judged by.
    pub fn clock(&self) -> DatabaseClock {
        self.clock.clone()
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn ping(&self) -> Result<(), StoreError> {
        diesel::sql_query("SELECT 1")
            .execute(&mut self.read().await?)
            .await?;
        Ok(())
    }

    pub(crate) async fn read(&self) -> Result<Connection<'_>, StoreError> {
        let connection = self.reads.get().await;
        connection.map_err(|error| self.failure.explain(&error))
    }

    pub(crate) async fn write(&self) -> Result<Connection<'_>, StoreError> {
        let connection = self.writes.get().await;
        connection.map_err(|error| self.failure.explain(&error))
    }
}

fn manager(
    target: Arc<Target>,
    clock: DatabaseClock,
    failure: LastFailure,
) -> AsyncDieselConnectionManager<AsyncPgConnection> {
    let runtime = Handle::current();
    let mut config = ManagerConfig::default();
    // A look at what is known of the connection, and no question to the database: one that was cut
    // while it was idle, as all are when the database restarts, is replaced before anybody gets it.
    config.recycling_method =
        RecyclingMethod::CustomFunction(Box::new(|connection: &mut AsyncPgConnection| {
            let broken = connection.is_broken();
            ready(if broken {
                Err(BrokenTransactionManager)
            } else {
                Ok(())
            })
            .boxed()
        }));
    config.custom_setup = Box::new(move |_| {
        let (target, clock, failure) = (Arc::clone(&target), clock.clone(), failure.clone());
        let connecting = runtime.spawn(async move {
            let connected = connect(&target, &clock).await;
            failure.note(connected.as_ref().err().map(ToString::to_string));
            connected
        });
        async { connecting.await.unwrap_or_else(|error| Err(bad(&error))) }.boxed()
    });
    AsyncDieselConnectionManager::new_with_config("", config)
}

async fn connect(
    target: &Target,
    clock: &DatabaseClock,
) -> Result<AsyncPgConnection, ConnectionError> {
    let mut connection = target.connect().await?;
    measure(&mut connection, clock).await?;
    Ok(connection)
}

async fn measure(
    connection: &mut AsyncPgConnection,
    clock: &DatabaseClock,
) -> Result<(), ConnectionError> {
    let reading = diesel::dsl::sql::<diesel::sql_types::Timestamptz>("SELECT clock_timestamp()");
    let before = SystemClock.now();
    let database: DateTime<Utc> = reading
        .get_result(connection)
        .await
        .map_err(ConnectionError::CouldntSetupConfiguration)?;
    clock.measured(before, database, SystemClock.now());
    Ok(())
}

/// A parsed database URL.
pub(crate) struct Target {
    config: tokio_postgres::Config,
    tls: Option<MakeRustlsConnect>,
}

impl Target {
    pub(crate) fn parse(url: &str, application_name: &str) -> Result<Self, StoreError> {
        // The driver's own error may quote the URL, and with it the password.
        let unreadable =
            || StoreError::Url("it does not read as postgres://user:password@host/database".into());
        // The driver reads `host=… sslmode=…` too; what we ask of TLS is read from URLs only.
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(unreadable());
        }
        let (url, mode) = ssl_mode(url);
        let mut config: tokio_postgres::Config = url.parse().map_err(|_| unreadable())?;
        let local = config.get_hosts().iter().all(is_local)
            && config
                .get_hostaddrs()
                .iter()
                .all(std::net::IpAddr::is_loopback);
        let tls = match mode.as_deref() {
            Some("disable") => None,
            None | Some("prefer" | "allow") if local => None,
            None | Some("prefer" | "allow" | "require" | "verify-ca" | "verify-full") => {
                Some(tls()?)
            }
            Some(_) => {
                return Err(StoreError::Url(
                    "sslmode is disable, require or verify-full".into(),
                ));
            }
        };
        config
            .ssl_mode(if tls.is_some() {
                SslMode::Require
            } else {
                SslMode::Disable
            })
            .application_name(application_name)
            .connect_timeout(StoreOptions::WAIT);
        if config.get_options().is_none() {
            config.options("-c statement_timeout=5s -c idle_in_transaction_session_timeout=10s");
        }
        Ok(Self { config, tls })
    }

    pub(crate) async fn connect(&self) -> Result<AsyncPgConnection, ConnectionError> {
        match &self.tls {
            None => {
                let (client, connection) = self
                    .config
                    .connect(NoTls)
                    .await
                    .map_err(|error| bad(&error))?;
                AsyncPgConnection::try_from_client_and_connection(client, connection).await
            }
            Some(tls) => {
                let (client, connection) = self
                    .config
                    .connect(tls.clone())
                    .await
                    .map_err(|error| bad(&error))?;
                AsyncPgConnection::try_from_client_and_connection(client, connection).await
            }
        }
    }
}

/// The URL without `sslmode`, of which the driver knows three spellings only, and its value.
fn ssl_mode(url: &str) -> (String, Option<String>) {
    let Some((base, query)) = url.split_once('?') else {
        return (url.to_owned(), None);
    };
    let (modes, others): (Vec<&str>, Vec<&str>) = query
        .split('&')
        .partition(|pair| pair.starts_with("sslmode="));
    let mode = modes
        .last()
        .and_then(|pair| pair.strip_prefix("sslmode="))
        .map(str::to_owned);
    let rest = if others.is_empty() {
        String::new()
    } else {
        format!("?{}", others.join("&"))
    };
    (format!("{base}{rest}"), mode)
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }
    }
}

fn tls() -> Result<MakeRustlsConnect, StoreError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .map_err(|error| StoreError::Url(error.to_string()))?
    .with_root_certificates(roots)
    .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// The driver's own text says only that there was an error; its sources say which.
fn bad(error: &dyn std::error::Error) -> ConnectionError {
    let mut reasons = vec![error.to_string()];
    let mut next = error.source();
    while let Some(source) = next {
        // Of what the server says the message alone: details and hints are lines of their own.
        let reason = source
            .downcast_ref::<DbError>()
            .map_or_else(|| source.to_string(), |said| said.message().to_owned());
        reasons.push(reason);
        next = source.source();
    }
    ConnectionError::BadConnection(reasons.join(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demands_tls(url: &str) -> bool {
        Target::parse(url, "test").expect("url").tls.is_some()
    }

    #[test]
    fn tls_is_demanded_of_other_machines() {
        assert!(demands_tls("postgres://u:p@db.example.com/k"));
        assert!(demands_tls(
            "postgres://u:p@db.example.com/k?sslmode=verify-full"
        ));
        assert!(demands_tls("postgres://u:p@localhost/k?sslmode=require"));
        assert!(!demands_tls(
            "postgres://u:p@db.example.com/k?sslmode=disable"
        ));
        assert!(!demands_tls("postgres://u:p@localhost/k"));
        assert!(!demands_tls("postgres://u@%2Ftmp%2Fsocket/k?port=5433"));
    }

    #[test]
    fn a_statement_has_five_seconds_unless_the_url_says_otherwise() {
        let options = |url: &str| {
            let target = Target::parse(url, "test").expect("url");
            target.config.get_options().expect("options").to_owned()
        };
        assert!(options("postgres://u@localhost/k").contains("statement_timeout=5s"));
        let own = "postgres://u@localhost/k?options=-c%20statement_timeout%3D1s";
        assert_eq!(options(own), "-c statement_timeout=1s");
    }

    #[test]
    fn a_bad_url_is_refused_without_quoting_it() {
        for bad in [
            "postgres://user:canary@[/k",
            "canary",
            "host=localhost password=canary sslmode=require",
            "postgres://u:canary@h/k?sslmode=maybe",
        ] {
            let error = Target::parse(bad, "test")
                .err()
                .expect("refused")
                .to_string();
            assert!(!error.contains("canary"), "{error}");
        }
    }
}
