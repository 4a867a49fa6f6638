//! The rows, and the rounds in which they are measured one after the other: neighbours in time, so
//! that their ratio says something on a machine that has other things to do.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context as _;
use keyway_domain::ids::CredentialId;

use crate::{
    load::{self, Scenario},
    machine,
    peer::Peer,
    pgbench::{self, Limit, Script},
    process::{Cpu, Process},
    refreshes::{self, Refreshes},
    row::{CLIENTS, Row},
    sample::{Latency, Sample},
    scenario::{
        Flow, Get, Once,
        backend::{Import, Read},
    },
    seed,
    world::World,
};

/// Rows that are read, on each side.
pub(crate) const READS: usize = 10_000;

/// The services that are measured.
pub(crate) struct Services {
    pub(crate) gateway: Process,
    pub(crate) floor: Process,
    pub(crate) peer: Option<Peer>,
    pub(crate) refreshes: Refreshes,
    /// Where the provider is.
    pub(crate) upstream: SocketAddr,
    pub(crate) backend: Backend,
}

/// What a client backend holds.
pub(crate) struct Backend {
    pub(crate) credentials: Vec<CredentialId>,
    pub(crate) token: String,
}

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Results {
    /// By row and number of clients, a sample a round.
    pub(crate) samples: BTreeMap<(Row, usize), Vec<Sample>>,
    /// At 500 exchanges a second: the time of an fsync in the same seconds, and the latencies.
    pub(crate) steady: Vec<(Duration, Latency)>,
    /// At 2000 reads a second.
    pub(crate) steady_reads: Vec<Latency>,
    /// The gateway's memory in megabytes after each round.
    pub(crate) memory: Vec<f64>,
}

/// How long and how often.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) seconds: u64,
    pub(crate) rows: Vec<Row>,
}

/// Runs rounds.
pub(crate) struct Runner<'a> {
    world: &'a World,
    services: &'a Services,
    plan: &'a Plan,
    /// Operations per second, as last seen: for how many codes a row is given.
    rates: BTreeMap<(Row, usize), f64>,
    next_number: i64,
}

impl<'a> Runner<'a> {
    pub(crate) fn new(world: &'a World, services: &'a Services, plan: &'a Plan) -> Self {
        Self {
            world,
            services,
            plan,
            rates: BTreeMap::new(),
            // Above all that the flows' own ids could be.
            next_number: 1 << 40,
        }
    }

    /// A short round that counts for nothing, then all that count.
    pub(crate) async fn run(mut self) -> anyhow::Result<Results> {
        seed::codes(self.world, 5000).await?;
        let first = self.numbers(5000);
        seed::floor_codes(self.world, first, 5000).await?;
        seed::floor_codes(self.world, 1, READS).await?;
        seed::settle(self.world).await?;
        self.world.own.client.batch_execute("ANALYZE").await?;
        let mut ignored = Results::default();
        self.round(0, &mut ignored).await?;
        let mut results = Results::default();
        for round in 1..=self.plan.rounds {
            self.round(round, &mut results).await?;
        }
        Ok(results)
    }

    /// Round 0 warms up: half a second a row at most.
    async fn round(&mut self, number: usize, results: &mut Results) -> anyhow::Result<()> {
        let mut rows = self.plan.rows.clone();
        // There and back, so that a machine that gets busier is unfair to each side in turn.
        if number % 2 == 1 {
            rows.reverse();
        }
        for clients in CLIENTS {
            for &row in &rows {
                if row == Row::PeerExchange && self.services.peer.is_none() {
                    continue;
                }
                let sample = self.measure(row, clients, number == 0).await?;
                eprintln!(
                    "round {number}/{}: {:2} clients  {:42} {:>9.0}/s  p99 {:>8.2?}",
                    self.plan.rounds,
                    clients,
                    row.name().trim_matches('*'),
                    sample.rate,
                    sample.latency.p99,
                );
                self.rates.insert((row, clients), sample.rate);
                results
                    .samples
                    .entry((row, clients))
                    .or_default()
                    .push(sample);
            }
        }
        if number > 0 && self.plan.rows.contains(&Row::Exchange) {
            results.steady.push(self.steady().await?);
        }
        if number > 0 && self.plan.rows.contains(&Row::Read) {
            results.steady_reads.push(self.steady_reads().await?);
        }
        results.memory.extend(self.services.gateway.memory());
        Ok(())
    }

    async fn measure(&mut self, row: Row, clients: usize, warming: bool) -> anyhow::Result<Sample> {
        let operations = self.operations(row, clients, warming);
        let prepared = self.prepare(row, operations, clients).await?;
        let app = || match row {
            Row::Exchange | Row::Start | Row::Flow | Row::Read | Row::Import => {
                self.services.gateway.cpu()
            }
            Row::Bare
            | Row::FloorExchange
            | Row::FloorStart
            | Row::FloorFlow
            | Row::FloorRead
            | Row::FloorOpen
            | Row::FloorImport
            | Row::FloorRefresh => self.services.floor.cpu(),
            Row::PeerExchange => self.peer_cpu(),
            _ => Cpu(None),
        };
        let (app_before, postgres_before) = (app(), self.world.postgres_cpu());
        let limit = if warming {
            Duration::from_millis(500)
        } else {
            Duration::from_secs(self.plan.seconds)
        };
        let (number, sample) = self
            .run_row(row, clients, limit, operations, prepared)
            .await?;
        let app = app().since(app_before);
        let postgres = self.world.postgres_cpu().since(postgres_before);
        if row == Row::Flow {
            seed::settle(self.world).await?;
        }
        // A gateway of its own did the refreshes, and has told what it cost.
        if row == Row::Refresh {
            return Ok(sample);
        }
        Ok(sample.with_cpu(number, app, postgres))
    }

    /// How many operations a row is given: what it does in the time, as far as that is known.
    fn operations(&self, row: Row, clients: usize, warming: bool) -> usize {
        if warming || !row.redeems() {
            return 1024;
        }
        let seconds = u32::try_from(self.plan.seconds).unwrap_or(u32::MAX);
        let rate = self.rates.get(&(row, clients)).copied().unwrap_or(2000.0);
        let wanted = Duration::from_secs_f64(rate * f64::from(seconds));
        let most = if row == Row::Refresh || row == Row::FloorRefresh {
            refreshes::CREDENTIALS
        } else {
            60_000
        };
        usize::try_from(wanted.as_secs())
            .unwrap_or(1024)
            .clamp(64, most)
    }

    async fn prepare(
        &mut self,
        row: Row,
        operations: usize,
        clients: usize,
    ) -> anyhow::Result<Prepared> {
        Ok(match row {
            Row::PgbenchRedeemInTwo
            | Row::PgbenchRedeemInOne
            | Row::FloorExchange
            | Row::FloorRefresh => {
                // Each client of pgbench does as many as the others.
                let number = operations.div_ceil(clients) * clients;
                let first = self.numbers(number);
                seed::floor_codes(self.world, first, number).await?;
                Prepared::Numbers(first)
            }
            Row::PgbenchStart | Row::Import | Row::FloorImport => {
                Prepared::Numbers(self.numbers(1 << 30))
            }
            Row::Exchange => Prepared::Codes(seed::codes(self.world, operations).await?),
            Row::PeerExchange => Prepared::Codes(self.peer()?.codes(operations).await?),
            _ => Prepared::Nothing,
        })
    }

    async fn run_row(
        &self,
        row: Row,
        clients: usize,
        limit: Duration,
        operations: usize,
        prepared: Prepared,
    ) -> anyhow::Result<(usize, Sample)> {
        let world = self.world;
        let (gateway, floor) = (self.services.gateway.address, self.services.floor.address);
        // What uses up its codes ends with them, however long that takes.
        let patient = limit * 20;
        let each = operations.div_ceil(clients);
        match (row, prepared) {
            (Row::PgbenchRedeemInTwo, Prepared::Numbers(first)) => {
                pgbench::run(
                    world,
                    Script::RedeemInTwo,
                    clients,
                    Limit::Each(each),
                    first,
                    each,
                )
                .await
            }
            (Row::PgbenchRedeemInOne, Prepared::Numbers(first)) => {
                pgbench::run(
                    world,
                    Script::RedeemInOne,
                    clients,
                    Limit::Each(each),
                    first,
                    each,
                )
                .await
            }
            (Row::PgbenchStart, Prepared::Numbers(first)) => {
                // Of one second, a busy machine may need all to connect.
                let limit = Limit::Seconds(limit.as_secs().max(2));
                pgbench::run(world, Script::Start, clients, limit, first, 1 << 24).await
            }
            (Row::FloorExchange, Prepared::Numbers(first)) => {
                let exchange = Once::floor_exchange(world, first, operations);
                closed(floor, clients, patient, exchange).await
            }
            (Row::Exchange, Prepared::Codes(codes)) => {
                closed(gateway, clients, patient, Once::exchange(world, &codes)).await
            }
            (Row::PeerExchange, Prepared::Codes(codes)) => {
                let peer = self.peer()?.address();
                closed(peer, clients, patient, Once::peer_exchange(&codes)).await
            }
            (Row::PgbenchRead, _) => {
                let limit = Limit::Seconds(limit.as_secs().max(2));
                pgbench::run(world, Script::Read, clients, limit, 0, READS).await
            }
            (Row::FloorRead, _) => closed(floor, clients, limit, Read::rows(READS)).await,
            (Row::FloorOpen, _) => {
                let Backend { credentials, token } = &self.services.backend;
                closed(floor, clients, limit, Read::opened(credentials, token)).await
            }
            (Row::Read, _) => closed(gateway, clients, limit, self.reads()).await,
            (Row::Import, Prepared::Numbers(first)) => {
                let token = &self.services.backend.token;
                let import = Import::keyway(world.own.app, token, first);
                closed(gateway, clients, limit, import).await
            }
            (Row::FloorImport, Prepared::Numbers(first)) => {
                let token = &self.services.backend.token;
                let import = Import::floor(world.own.app, token, first);
                closed(floor, clients, limit, import).await
            }
            (Row::FloorRefresh, Prepared::Numbers(first)) => {
                let floor = &self.services.floor;
                refreshes::floor(world, floor, clients, first, each * clients).await
            }
            (Row::Refresh, _) => {
                let upstream = self.services.upstream;
                let refreshes = &self.services.refreshes;
                refreshes.keyway(world, upstream, clients, operations).await
            }
            (Row::Bare, _) => closed(floor, clients, limit, Get::new("/bare", 200)).await,
            (Row::FloorStart, _) => closed(floor, clients, limit, Get::new("/start", 302)).await,
            (Row::Start, _) => closed(gateway, clients, limit, Get::start(world)).await,
            (Row::FloorFlow, _) => closed(floor, clients, limit, Flow::floor()).await,
            (Row::Flow, _) => closed(gateway, clients, limit, Flow::keyway(world)).await,
            (row, _) => anyhow::bail!("{row:?} was not prepared"),
        }
    }

    /// Exchanges at 500 a second, and what an fsync takes just before and after.
    async fn steady(&self) -> anyhow::Result<(Duration, Latency)> {
        let requests = u32::try_from(self.plan.seconds * 2)? * 500;
        let codes = seed::codes(self.world, usize::try_from(requests)?).await?;
        let file = self.world.file("fsync");
        let before = machine::fsync(&file)?;
        let exchange = Arc::new(Once::exchange(self.world, &codes));
        let latency = load::open(self.services.gateway.address, 500, requests, exchange).await?;
        let after = machine::fsync(&file)?;
        Ok(((before + after) / 2, latency))
    }

    fn reads(&self) -> Read {
        let Backend { credentials, token } = &self.services.backend;
        Read::tokens(credentials, token)
    }

    /// Reads at 2000 a second.
    async fn steady_reads(&self) -> anyhow::Result<Latency> {
        let requests = u32::try_from(self.plan.seconds * 2)? * 2000;
        let address = self.services.gateway.address;
        load::open(address, 2000, requests, Arc::new(self.reads())).await
    }

    fn numbers(&mut self, number: usize) -> i64 {
        let first = self.next_number;
        self.next_number += i64::try_from(number).unwrap_or(i64::MAX / 2);
        first
    }

    fn peer(&self) -> anyhow::Result<&Peer> {
        self.services.peer.as_ref().context("no peer")
    }

    fn peer_cpu(&self) -> Cpu {
        let peer = self.services.peer.as_ref();
        peer.map_or(Cpu(None), Peer::cpu)
    }
}

/// What a row uses up.
enum Prepared {
    Nothing,
    /// The floors' codes, from this number on.
    Numbers(i64),
    Codes(Vec<String>),
}

async fn closed(
    address: SocketAddr,
    clients: usize,
    limit: Duration,
    scenario: impl Scenario,
) -> anyhow::Result<(usize, Sample)> {
    load::closed(address, clients, limit, Arc::new(scenario)).await
}
