//! The same statements by pgbench, over the same socket: what this Postgres can do.

use std::{
    fs,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use tokio::process::Command;

use crate::{sample::Sample, world::World};

/// Redeems a code, then reads the grant: two round trips.
const REDEEM_IN_TWO: &str = r"\set i :i + 1
\set n :first + :client_id * :each + :i
UPDATE floor.authorization_codes SET redeemed_at = now() WHERE code_digest = sha256(int8send(:n)) AND oauth_app_id = :app AND redeemed_at IS NULL AND expires_at > now() RETURNING grant_id \gset
SELECT properties, sealed_secrets FROM floor.grants WHERE id = :grant_id;
";

/// The same in one statement.
const REDEEM_IN_ONE: &str = r"\set i :i + 1
\set n :first + :client_id * :each + :i
WITH code AS (UPDATE floor.authorization_codes SET redeemed_at = now() WHERE code_digest = sha256(int8send(:n)) AND oauth_app_id = :app AND redeemed_at IS NULL AND expires_at > now() RETURNING grant_id) SELECT g.properties, g.sealed_secrets FROM code JOIN floor.grants g ON g.id = code.grant_id;
";

/// Inserts a flow, with ids that ascend as Keyway's do.
const START: &str = r"\set i :i + 1
\set n :first + :client_id * :each + :i
INSERT INTO floor.authorization_sessions (id, account_id, oauth_app_id, provider, redirect_uri, state_digest, sealed_secrets, code_challenge, scope, scope_source, variables, created_at, expires_at) VALUES (lpad(to_hex(:n::bigint), 32, '0')::uuid, :account, :app, 'bench', 'https://client.example/callback/bench', sha256(int8send(:n)), decode(repeat('5a', 180), 'hex'), NULL, 'read', 'catalogue', '{}', now(), now() + interval '10 minutes');
";

/// Reads what every other floor reads.
const READ: &str = r"\set n random(1, :each)
SELECT properties, sealed_secrets FROM floor.grants WHERE id = lpad(to_hex(:n::bigint), 32, '0')::uuid;
";

/// A script.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Script {
    RedeemInTwo,
    RedeemInOne,
    Start,
    Read,
}

/// How long it runs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Limit {
    /// Full seconds; pgbench takes no others.
    Seconds(u64),
    /// Transactions of each client.
    Each(usize),
}

/// Runs a script with numbers from `first` on, the clients `each` apart; the number of operations,
/// and the sample without its costs.
pub(crate) async fn run(
    world: &World,
    script: Script,
    clients: usize,
    limit: Limit,
    first: i64,
    each: usize,
) -> anyhow::Result<(usize, Sample)> {
    let text = match script {
        Script::RedeemInTwo => REDEEM_IN_TWO,
        Script::RedeemInOne => REDEEM_IN_ONE,
        Script::Start => START,
        Script::Read => READ,
    };
    let file = world.file("script.sql");
    fs::write(&file, text)?;
    let log = world.file("pgbench-log");
    let mut command = Command::new(program(world));
    match limit {
        Limit::Seconds(seconds) => command.args(["-T", &seconds.to_string()]),
        Limit::Each(number) => command.args(["-t", &number.to_string()]),
    };
    command
        .args(["-n", "-M", "prepared", "-l", "-j", "1"])
        .args(["-c", &clients.to_string()])
        .arg("-f")
        .arg(&file)
        .arg(format!("--log-prefix={}", log.display()))
        .args(["-D", "i=-1"])
        .args(["-D", &format!("first={first}")])
        .args(["-D", &format!("each={each}")])
        .args(["-D", &format!("account={}", world.own.account)])
        .args(["-D", &format!("app={}", world.own.app)])
        .arg(&world.own.url)
        .stdin(Stdio::null());
    let started = Instant::now();
    let output = command.output().await.context("pgbench")?;
    let elapsed = started.elapsed();
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        bail!("pgbench: {text}{}", String::from_utf8_lossy(&output.stderr));
    }
    let latencies = read_logs(world)?;
    let number = latencies.len();
    let mut sample = Sample::new(latencies, elapsed);
    sample.rate = rate(&text).context("pgbench told no rate")?;
    Ok((number, sample))
}

fn program(world: &World) -> PathBuf {
    let beside = world.binaries.program("pgbench");
    if beside.exists() {
        beside
    } else {
        "pgbench".into()
    }
}

/// `tps = 5731.2 (without initial connection time)`.
fn rate(output: &str) -> Option<f64> {
    let line = output
        .lines()
        .find_map(|line| line.strip_prefix("tps = "))?;
    line.split(' ').next()?.parse().ok()
}

/// The third field of each line of the logs: microseconds. The logs are removed.
fn read_logs(world: &World) -> anyhow::Result<Vec<Duration>> {
    let mut latencies = Vec::new();
    for entry in fs::read_dir(world.file(""))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with("pgbench-log") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let micros = text.lines().filter_map(|line| line.split(' ').nth(2));
        latencies.extend(
            micros
                .filter_map(|text| text.parse().ok())
                .map(Duration::from_micros),
        );
        fs::remove_file(&path)?;
    }
    Ok(latencies)
}
