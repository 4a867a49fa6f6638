//! The machine, without its name.

use std::{
    fs::{self, File},
    io::{Seek as _, Write as _},
    path::Path,
    time::{Duration, Instant},
};

/// What a reader needs to know of the machine.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    cores: usize,
    /// In GiB; `None` where there is no `/proc`.
    memory: Option<u64>,
    /// Name and version of the distribution.
    system: Option<String>,
}

impl Machine {
    pub(crate) fn look() -> Self {
        let memory = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix("MemTotal:"))?;
            let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
            Some(kib.div_ceil(1024 * 1024))
        });
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory,
            system: system(),
        }
    }
}

/// `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"`.
fn system() -> Option<String> {
    let text = fs::read_to_string("/etc/os-release").ok()?;
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(name.trim_matches('"').to_owned())
}

impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} cores", self.cores)?;
        if let Some(memory) = self.memory {
            write!(f, ", {memory} GiB")?;
        }
        match &self.system {
            Some(system) => write!(f, ", {system}"),
            None => Ok(()),
        }
    }
}

/// The load average of the last minute.
pub(crate) fn load_average() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_owned()
}

/// What a commit waits for: the mean time to write 8 KiB to a file that is there and have the disk
/// acknowledge it.
pub(crate) fn fsync(path: &Path) -> anyhow::Result<Duration> {
    const WRITES: u32 = 100;
    let mut file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    let page = [0x5a; 8192];
    file.write_all(&page)?;
    file.sync_all()?;
    let started = Instant::now();
    for _ in 0..WRITES {
        file.rewind()?;
        file.write_all(&page)?;
        file.sync_data()?;
    }
    Ok(started.elapsed() / WRITES)
}
