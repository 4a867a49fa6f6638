//! What a gateway takes when it does nothing, and how soon it is there.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use crate::{
    process::{Cpu, Process},
    sample::Spread,
    wire::{self, Connection},
    world::World,
};

/// Keep-alive connections that wait for a next request.
pub(crate) const IDLE_CONNECTIONS: usize = 1000;

/// What was measured. Sizes in megabytes, time in seconds.
#[derive(Debug)]
pub(crate) struct Footprint {
    pub(crate) binary: f64,
    pub(crate) cold_start: Option<Spread>,
    pub(crate) cold_start_empty: Option<Spread>,
    pub(crate) idle_memory: Option<f64>,
    pub(crate) crowded_memory: Option<f64>,
    /// Share of one core.
    pub(crate) idle_cpu: Option<f64>,
}

/// Measures fresh gateways, before there is any load.
pub(crate) async fn measure(
    world: &World,
    upstream: SocketAddr,
    quick: bool,
) -> anyhow::Result<Footprint> {
    let (starts, empty_starts, idle) = if quick { (3, 1, 2) } else { (15, 5, 10) };
    let bytes = world.program("keyway-gateway").metadata()?.len();
    let mut cold = Vec::new();
    for _ in 0..starts {
        let started = Instant::now();
        world
            .gateway(&world.own.url, upstream, &[])?
            .ready("/health/ready")
            .await?;
        cold.push(started.elapsed().as_secs_f64());
    }
    let mut cold_empty = Vec::new();
    for number in 0..empty_starts {
        cold_empty.push(
            start_on_nothing(world, upstream, number)
                .await?
                .as_secs_f64(),
        );
    }
    let mut process = world.gateway(&world.own.url, upstream, &[])?;
    process.ready("/health/ready").await?;
    let idle_memory = process.memory();
    let idle_cpu = idle_cpu(&process, Duration::from_secs(idle)).await;
    let crowded_memory = crowded_memory(&process).await?;
    Ok(Footprint {
        binary: f64::from(u32::try_from(bytes)?) / 1e6,
        cold_start: Spread::of(cold),
        cold_start_empty: Spread::of(cold_empty),
        idle_memory,
        crowded_memory,
        idle_cpu,
    })
}

/// From an empty database to a gateway that is ready, as an operator does it: migrate, then start.
async fn start_on_nothing(
    world: &World,
    upstream: SocketAddr,
    number: usize,
) -> anyhow::Result<Duration> {
    let name = format!("empty_{number}");
    keyway_store::create_database(&world.cluster.url("postgres"), &name).await?;
    let database = world.cluster.url(&name);
    let started = Instant::now();
    world.migrate(&database).await?;
    world
        .gateway(&database, upstream, &[])?
        .ready("/health/ready")
        .await?;
    Ok(started.elapsed())
}

async fn idle_cpu(process: &Process, time: Duration) -> Option<f64> {
    // The first sweep is no idling.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = process.cpu();
    tokio::time::sleep(time).await;
    let Cpu(spent) = process.cpu().since(before);
    Some(spent?.div_duration_f64(time))
}

async fn crowded_memory(process: &Process) -> anyhow::Result<Option<f64>> {
    let request = wire::get("/health/live", "");
    let mut connections = Vec::new();
    for _ in 0..IDLE_CONNECTIONS {
        let mut connection = Connection::open(process.address).await?;
        connection.send(&request).await?.expect(200)?;
        connections.push(connection);
    }
    Ok(process.memory())
}
