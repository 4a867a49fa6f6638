//! TLS to the database, with an authority of our own.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown},
    path::Path,
};

use keyway_devdb::{Binaries, Cluster, Options};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::{gateway::free_address, support::Shell};

/// A Postgres that speaks TLS on 127.0.0.1, with a certificate of `authority.pem` in the directory.
async fn server(shell: &Shell) -> (Cluster, u16) {
    let port = free_address().port();
    let path = std::env::var_os("PATH");
    let binaries = Binaries::find(None, path.as_deref()).expect("Postgres");
    let settings = [
        ("listen_addresses", "127.0.0.1".to_owned()),
        ("port", port.to_string()),
    ];
    let options = Options {
        settings: settings
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
        ..Options::throwaway(binaries)
    };
    let cluster = Cluster::start(&options).expect("a Postgres");
    let data = cluster.log().parent().expect("the data directory");
    let authority = certify(data, "127.0.0.1");
    shell.directory.write("authority.pem", 0o644, &authority);
    // By its socket, which needs no TLS.
    let connected = tokio_postgres::Config::new()
        .host_path(cluster.socket_dir())
        .port(port)
        .user("keyway")
        .dbname("postgres")
        .connect(tokio_postgres::NoTls)
        .await;
    let (client, connection) = connected.expect("a connection");
    tokio::spawn(connection);
    for statement in ["ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()"] {
        client.batch_execute(statement).await.expect("done");
    }
    let on = async {
        while client
            .query_one("SHOW ssl", &[])
            .await
            .expect("a row")
            .get::<_, &str>(0)
            != "on"
        {}
    };
    let limit = std::time::Duration::from_secs(20);
    tokio::time::timeout(limit, on).await.expect("TLS is on");
    (cluster, port)
}

/// Puts a certificate for the host where Postgres looks for it; the authority that signed it.
fn certify(data: &Path, host: &str) -> String {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, key).expect("a certificate");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new([host.to_owned()]).expect("a host");
    let certificate = params.signed_by(&key, &authority).expect("a certificate");
    let owner = fs::metadata(data).expect("the data directory");
    for (name, text) in [
        ("server.crt", certificate.pem()),
        ("server.key", key.serialize_pem()),
    ] {
        let path = data.join(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("private");
        chown(&path, Some(owner.uid()), Some(owner.gid())).expect("Postgres's own");
    }
    authority.pem()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_believed_if_its_authority_is_trusted_and_it_is_the_one_that_was_named() {
    let mut shell = Shell::new();
    let (cluster, port) = server(&shell).await;
    let at =
        |host: &str| format!("postgres://keyway:canary@{host}:{port}/postgres?sslmode=verify-full");

    shell.set("KEYWAY_DATABASE_URL", &at("127.0.0.1"));
    let ran = shell.keyway(&["migrate"]).await;
    ran.refused("error performing TLS handshake: invalid peer certificate: UnknownIssuer");

    let authority = shell.directory.path("authority.pem");
    shell.set("SSL_CERT_FILE", &authority.display().to_string());
    shell.keyway(&["migrate"]).await.succeeded();

    shell.set("KEYWAY_DATABASE_URL", &at("localhost"));
    let ran = shell
        .keyway(&["oauth-apps", "list", "--account", "acme"])
        .await;
    ran.refused("error performing TLS handshake: invalid peer certificate");
    let stopping = tokio::task::spawn_blocking(move || cluster.stop());
    stopping.await.expect("a thread").expect("stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_offers_no_tls_is_refused_where_it_is_demanded() {
    let database = keyway_testkit::database::TestDatabase::empty().await;
    let url = format!("{}?sslmode=require", database.url());
    let shell = Shell::new().with("KEYWAY_DATABASE_URL", &url);
    let ran = shell.keyway(&["migrate"]).await;
    ran.refused("error performing TLS handshake: server does not support TLS");
}
