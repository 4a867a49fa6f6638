//! Load: closed loops, whose clients send when they have their answer, and an open one, whose
//! requests come when they come.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use tokio::{
    sync::{Mutex, mpsc},
    task::JoinSet,
};

use crate::{
    sample::{Latency, Sample},
    wire::Connection,
};

/// What one client does, over and over.
pub(crate) trait Scenario: Send + Sync + 'static {
    /// Does it once; `None` when there is nothing left to do.
    fn once(
        &self,
        connection: &mut Connection,
    ) -> impl Future<Output = anyhow::Result<Option<Lap>>> + Send;
}

/// How long it took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lap {
    pub(crate) whole: Duration,
    /// The callback in it, if it was a flow.
    pub(crate) callback: Option<Duration>,
}

impl Lap {
    pub(crate) fn since(started: Instant) -> Self {
        Self {
            whole: started.elapsed(),
            callback: None,
        }
    }
}

/// Lets that many clients at it, until the time is over or nothing is left; the number of
/// operations, and the sample without its costs.
pub(crate) async fn closed(
    address: SocketAddr,
    clients: usize,
    limit: Duration,
    scenario: Arc<impl Scenario>,
) -> anyhow::Result<(usize, Sample)> {
    let mut connections = Vec::new();
    for _ in 0..clients {
        connections.push(Connection::open(address).await?);
    }
    let started = Instant::now();
    let deadline = started + limit;
    let mut tasks = JoinSet::new();
    for mut connection in connections {
        let scenario = Arc::clone(&scenario);
        tasks.spawn(async move {
            let mut laps = Vec::new();
            while Instant::now() < deadline {
                match scenario.once(&mut connection).await? {
                    Some(lap) => laps.push(lap),
                    None => break,
                }
            }
            anyhow::Ok(laps)
        });
    }
    let mut laps = Vec::new();
    while let Some(done) = tasks.join_next().await {
        laps.extend(done??);
    }
    let elapsed = started.elapsed();
    let callbacks: Vec<Duration> = laps.iter().filter_map(|lap| lap.callback).collect();
    let whole: Vec<Duration> = laps.iter().map(|lap| lap.whole).collect();
    let mut sample = Sample::new(whole, elapsed);
    sample.callback = (!callbacks.is_empty()).then(|| Latency::of(callbacks));
    Ok((laps.len(), sample))
}

/// Sends that many requests, at that many a second, over up to 64 connections. A latency counts
/// from the moment at which its request was due, so a server that stalls cannot hide it.
pub(crate) async fn open(
    address: SocketAddr,
    per_second: u32,
    requests: u32,
    scenario: Arc<impl Scenario>,
) -> anyhow::Result<Latency> {
    let (due, wanted) = mpsc::unbounded_channel::<Instant>();
    let wanted = Arc::new(Mutex::new(wanted));
    let mut tasks = JoinSet::new();
    for _ in 0..64 {
        let mut connection = Connection::open(address).await?;
        let (scenario, wanted) = (Arc::clone(&scenario), Arc::clone(&wanted));
        tasks.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let next = wanted.lock().await.recv().await;
                let Some(due) = next else {
                    return anyhow::Ok(latencies);
                };
                scenario
                    .once(&mut connection)
                    .await?
                    .context("too few operations prepared")?;
                latencies.push(due.elapsed());
            }
        });
    }
    // A thread of its own: the runtime's timers are good to a millisecond only.
    let clock = std::thread::spawn(move || {
        let started = Instant::now();
        for number in 0..requests {
            let at = started + Duration::from_secs(1) * number / per_second;
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            if due.send(at).is_err() {
                return;
            }
        }
    });
    let mut latencies = Vec::new();
    while let Some(done) = tasks.join_next().await {
        latencies.extend(done??);
    }
    clock.join().ok().context("the clock stopped")?;
    Ok(Latency::of(latencies))
}
