//! `just bench`: what the gateway does in a second, beside floors that make only its statements, on
//! a Postgres of its own with durable defaults.
//!
//! docs/PERFORMANCE.md says what is measured and why, and holds the tables of a full run.

mod floor;
mod footprint;
mod installation;
mod lists;
mod load;
mod machine;
mod peer;
mod pgbench;
mod process;
mod refreshes;
mod report;
mod rounds;
mod row;
mod sample;
mod scenario;
mod seed;
mod upstream;
mod wire;
mod world;

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use clap::{Parser, Subcommand};
use keyway_domain::{Clock as _, clock::SystemClock};

use crate::{
    machine::Machine,
    peer::Peer,
    refreshes::Refreshes,
    report::Report,
    rounds::{Backend, Plan, READS, Runner, Services},
    row::Row,
    world::World,
};

/// Measures the gateway.
#[derive(Parser)]
struct Arguments {
    /// One short round: to see that everything works, in about a minute.
    #[arg(long)]
    quick: bool,
    /// Writes the tables into this file, between its marks.
    #[arg(long)]
    markdown: Option<PathBuf>,
    /// Rounds that count.
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds that each row gets in a round, at each number of clients.
    #[arg(long)]
    seconds: Option<u64>,
    /// Only these rows: `exchange`, `start`, `flow`, `read`, `import` or `refresh`.
    #[arg(long)]
    only: Vec<String>,
    /// Measures the programs of another build: its directory.
    #[arg(long)]
    programs: Option<PathBuf>,
    /// What `cargo bench` says of itself.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    role: Option<Role>,
}

#[derive(Subcommand)]
enum Role {
    /// Serves the floors.
    #[command(hide = true)]
    Floor(floor::Arguments),
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match arguments.role {
        Some(Role::Floor(floor)) => tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(floor::serve(floor)),
        // One thread for all load, so that it takes no more of the machine than it must.
        None => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(measure(&arguments)),
    }
}

async fn measure(arguments: &Arguments) -> anyhow::Result<()> {
    let plan = plan(arguments)?;
    let (started, load_before) = (Instant::now(), machine::load_average());
    let upstream = upstream::start()?;
    let own = PathBuf::from(env!("CARGO_BIN_EXE_keyway-gateway"));
    let own = own.parent().map(Path::to_path_buf);
    let programs = arguments.programs.as_deref().map(from_root).or(own);
    let world = World::new(programs.context("programs")?).await?;
    world.write_definition(upstream)?;
    seed::floor_app(&world).await?;
    let footprint = footprint::measure(&world, upstream, arguments.quick).await?;
    let services = services(&world, upstream).await?;
    let results = Runner::new(&world, &services, &plan).run().await?;
    let lists = if plan.rows.contains(&Row::Read) {
        let sizes: &[usize] = if arguments.quick {
            &[1, 10_000]
        } else {
            &[1, 100_000, 1_000_000]
        };
        let each = Duration::from_secs(plan.seconds.min(2));
        lists::measure(&world, upstream, sizes, each).await?
    } else {
        Vec::new()
    };
    let heading = vec![
        format!(
            "{}; {}; PostgreSQL {}, fsync and synchronous_commit on.",
            SystemClock.now().format("%Y-%m-%d"),
            Machine::look(),
            world.postgres_version().await?,
        ),
        format!(
            "{} rounds of {} s for each row and number of clients, {} s in all; load average {load_before} before, {} after.",
            plan.rounds,
            plan.seconds,
            started.elapsed().as_secs(),
            machine::load_average(),
        ),
    ];
    let report = Report {
        heading,
        results: &results,
        footprint: &footprint,
        lists: &lists,
    };
    println!("{}", report.tables());
    match &arguments.markdown {
        Some(path) => report.write(&from_root(path)),
        None => Ok(()),
    }
}

/// A path as who typed it means it: cargo runs a bench in the directory of its crate.
fn from_root(path: &Path) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

async fn services(world: &World, upstream: std::net::SocketAddr) -> anyhow::Result<Services> {
    let mut gateway = world.gateway(&world.own.url, upstream, &[])?;
    gateway.ready("/health/ready").await?;
    let mut floor = floor::start(world, upstream)?;
    floor.ready("/bare").await?;
    let peer = Peer::start(world).await?;
    if peer.is_none() {
        eprintln!("oidc-provider is left out: Node.js or its package is not installed");
    }
    Ok(Services {
        gateway,
        floor,
        peer,
        refreshes: Refreshes::new(world).await?,
        upstream,
        backend: Backend {
            credentials: seed::credentials(&world.own, &world.ring, READS).await?,
            token: seed::api_token(&world.own).await?,
        },
    })
}

fn plan(arguments: &Arguments) -> anyhow::Result<Plan> {
    let rows = Row::ALL.into_iter().filter(|row| {
        let group = row.group();
        arguments.only.is_empty() || arguments.only.iter().any(|only| only == group)
    });
    let rows: Vec<Row> = rows.collect();
    if rows.is_empty() {
        bail!("--only takes exchange, start, flow, read, import or refresh");
    }
    Ok(Plan {
        rounds: arguments
            .rounds
            .unwrap_or(if arguments.quick { 1 } else { 4 }),
        seconds: arguments
            .seconds
            .unwrap_or(if arguments.quick { 1 } else { 3 }),
        rows,
    })
}
