//! Processes that are measured, by what Linux says of them.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use crate::wire::{self, Connection};

/// Clock ticks a second in `/proc`, which Linux fixes for user space.
const TICKS: u32 = 100;

/// Processor time; `None` where there is no `/proc`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu(pub(crate) Option<Duration>);

impl Cpu {
    /// What was spent since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self(
            self.0
                .zip(earlier.0)
                .map(|(now, then)| now.saturating_sub(then)),
        )
    }
}

/// A running program; killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts a program that will listen on `address`; what it logs goes to a file.
    pub(crate) fn start(
        command: &mut Command,
        address: SocketAddr,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let log = File::options().create(true).append(true).open(log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| command.get_program().display().to_string())?;
        Ok(Self { child, address })
    }

    /// Waits until a GET of `path` answers 200.
    pub(crate) async fn ready(&mut self, path: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        let request = wire::get(path, "");
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}; see its log");
            }
            if let Ok(mut connection) = Connection::open(self.address).await
                && let Ok(answer) = connection.send(&request).await
                && answer.status == 200
            {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        bail!("not ready in 30 seconds; see its log")
    }

    pub(crate) fn cpu(&self) -> Cpu {
        Cpu(own_cpu(self.child.id()))
    }

    /// Resident memory in megabytes.
    pub(crate) fn memory(&self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u32 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(f64::from(kib) * 1024.0 / 1e6)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a process, its children and those that ended have spent: for Postgres, which is many.
pub(crate) fn family_cpu(parent: u32) -> Cpu {
    let live = || {
        let mut sum = own_cpu(parent)? + ended_children_cpu(parent)?;
        for entry in fs::read_dir("/proc").ok()?.flatten() {
            let Some(id) = entry.file_name().to_str().and_then(|id| id.parse().ok()) else {
                continue;
            };
            if stat(id, 1) == Some(u64::from(parent)) {
                sum += own_cpu(id).unwrap_or_default() + ended_children_cpu(id).unwrap_or_default();
            }
        }
        Some(sum)
    };
    Cpu(live())
}

fn own_cpu(id: u32) -> Option<Duration> {
    Some(ticks(stat(id, 11)? + stat(id, 12)?))
}

fn ended_children_cpu(id: u32) -> Option<Duration> {
    Some(ticks(stat(id, 13)? + stat(id, 14)?))
}

fn ticks(number: u64) -> Duration {
    Duration::from_secs(number) / TICKS
}

/// A field of `/proc/<id>/stat`, counted from the one after the name.
fn stat(id: u32, field: usize) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name may hold spaces and brackets; nothing after it does.
    let (_, fields) = text.rsplit_once(") ")?;
    fields.split(' ').nth(field)?.parse().ok()
}

/// A port that was free a moment ago.
pub(crate) fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}
