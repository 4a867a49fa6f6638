//! What a caller may choose.

use std::path::PathBuf;

use crate::Binaries;

/// How a [`Cluster`](crate::Cluster) shall be. Start from [`Options::durable`] or
/// [`Options::throwaway`] and override fields with struct update syntax.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whose Postgres.
    pub binaries: Binaries,
    /// Where the data lives; made if missing or empty. `None`: under `/tmp`, gone with the cluster.
    pub data_dir: Option<PathBuf>,
    /// Whether a commit survives a crash of the machine. `false` is much faster: no fsync, no full
    /// pages, no waiting at commit.
    pub durable: bool,
    /// How many connections may be open at once.
    pub max_connections: u16,
    /// More settings, as of `postgresql.conf`. They win over ours.
    pub settings: Vec<(String, String)>,
}

impl Options {
    /// Data that is kept, as safe as Postgres keeps it by default.
    pub fn durable(binaries: Binaries, data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: Some(data_dir.into()),
            durable: true,
            ..Self::throwaway(binaries)
        }
    }

    /// Data that nobody will miss, for tests.
    pub fn throwaway(binaries: Binaries) -> Self {
        Self {
            binaries,
            data_dir: None,
            durable: false,
            max_connections: 200,
            settings: Vec::new(),
        }
    }

    /// All settings for the command line, a later one winning over an earlier one.
    pub(crate) fn all_settings(&self, socket_dir: &str) -> Vec<(String, String)> {
        let connections = self.max_connections.to_string();
        let ours = [
            ("cluster_name", crate::postmaster::CLUSTER_NAME),
            ("listen_addresses", ""),
            ("port", crate::address::PORT),
            ("unix_socket_directories", &format!("\"{socket_dir}\"")),
            ("unix_socket_permissions", "0700"),
            ("max_connections", &connections),
            ("timezone", "UTC"),
            ("log_timezone", "UTC"),
            ("logging_collector", "off"),
            ("log_destination", "stderr"),
        ];
        let hasty = [
            ("fsync", "off"),
            ("full_page_writes", "off"),
            ("synchronous_commit", "off"),
        ];
        ours.into_iter()
            .chain(hasty.into_iter().filter(|_| !self.durable))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .chain(self.settings.iter().cloned())
            .collect()
    }
}
