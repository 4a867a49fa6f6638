//! Background refreshes: so many credentials are due at once, and the time is taken until none is.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    installation::Installation,
    process::Process,
    sample::{Sample, count},
    seed,
    wire::{self, Connection},
    world::World,
};

/// Credentials that there are.
pub(crate) const CREDENTIALS: usize = 20_000;
/// Patience for one measurement.
const PATIENCE: Duration = Duration::from_mins(2);

const DUE: &str = "
    UPDATE grants SET refresh_at = now()
    WHERE id IN (SELECT grant_id FROM credentials ORDER BY id LIMIT $1)";
/// No count: it would cost more than the refreshes do.
const LEFT: &str = "
    SELECT count(*) FROM (SELECT FROM grants WHERE provider = 'bench' AND refresh_at <= now() LIMIT 1) due";
const DONE: &str = "
    SELECT count(*), coalesce(extract(epoch FROM max(refreshed_at) - min(refreshed_at)), 0)::float8
    FROM grants WHERE refreshed_at >= $1::text::timestamptz";
const FLOOR_DUE: &str = "UPDATE floor.grants SET refresh_at = now() WHERE id = ANY ($1)";

/// An installation of its own: the gateway that serves the other rows must not help.
pub(crate) struct Refreshes {
    installation: Installation,
}

impl Refreshes {
    /// Connects all the accounts.
    pub(crate) async fn new(world: &World) -> anyhow::Result<Self> {
        let installation = world.beside("refreshes").await?;
        seed::credentials(&installation, &world.ring, CREDENTIALS).await?;
        Ok(Self { installation })
    }

    /// Lets a fresh gateway refresh `number` of them, `at_a_time`.
    pub(crate) async fn keyway(
        &self,
        world: &World,
        upstream: SocketAddr,
        at_a_time: usize,
        number: usize,
    ) -> anyhow::Result<(usize, Sample)> {
        let concurrency = at_a_time.to_string();
        let settings = [
            ("KEYWAY_REFRESH_CONCURRENCY", concurrency.as_str()),
            ("KEYWAY_REFRESH_RATE", "10000"),
        ];
        let mut gateway = world.gateway(&self.installation.url, upstream, &settings)?;
        gateway.ready("/health/ready").await?;
        let (app, postgres) = (gateway.cpu(), world.postgres_cpu());
        let client = &self.installation.client;
        let began = client.query_one("SELECT now()::text", &[]).await?;
        let began: String = began.get(0);
        client.execute(DUE, &[&i64::try_from(number)?]).await?;
        self.until_none_is_due().await?;
        let row = client.query_one(DONE, &[&began]).await?;
        let (done, seconds): (i64, f64) = (row.get(0), row.get(1));
        let done = usize::try_from(done)?;
        ensure!(done == number, "{done} of {number} were refreshed");
        let sample = sample(done, seconds).with_cpu(
            done,
            gateway.cpu().since(app),
            world.postgres_cpu().since(postgres),
        );
        Ok((done, sample))
    }

    async fn until_none_is_due(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let row = self.installation.client.query_one(LEFT, &[]).await?;
            if row.get::<_, i64>(0) == 0 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        anyhow::bail!("refreshes did not end in {PATIENCE:?}")
    }
}

/// Lets the floor refresh its rows from `first` on.
pub(crate) async fn floor(
    world: &World,
    floor: &Process,
    at_a_time: usize,
    first: i64,
    number: usize,
) -> anyhow::Result<(usize, Sample)> {
    let ids = (first..)
        .take(number)
        .filter_map(|n| u128::try_from(n).ok());
    let ids: Vec<Uuid> = ids.map(Uuid::from_u128).collect();
    world.own.client.execute(FLOOR_DUE, &[&ids]).await?;
    let mut connection = Connection::open(floor.address).await?;
    let request = wire::post(&format!("/refresh/{at_a_time}"), "text/plain", "");
    let answer = connection.send(&request).await?;
    answer.expect(200)?;
    let told: Value = serde_json::from_slice(answer.body)?;
    let done = told.get("number").and_then(Value::as_u64);
    let done = usize::try_from(done.context("a number")?)?;
    ensure!(done == number, "{done} of {number} were refreshed");
    let seconds = told.get("seconds").and_then(Value::as_f64);
    Ok((done, sample(done, seconds.context("a time")?)))
}

/// Rates only: of one refresh nobody took the time.
fn sample(number: usize, seconds: f64) -> Sample {
    Sample {
        rate: count(number) / seconds.max(0.001),
        ..Sample::default()
    }
}
