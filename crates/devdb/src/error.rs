//! What can go wrong, in sentences that say the way out.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Why there is no private Postgres. Each message is a sentence to show, with the way out.
#[derive(Debug, thiserror::Error)]
pub enum DevDbError {
    /// No Postgres on this machine.
    #[error(
        "no Postgres was found on this machine: install it with `{}`, \
         or set KEYWAY_DATABASE_URL to a database that you have",
        install_command()
    )]
    NoBinaries,
    /// The directory that was named holds no Postgres.
    #[error(
        "{} does not hold initdb, postgres and pg_ctl: set KEYWAY_PG_BIN to the directory that does \
         (such as /usr/lib/postgresql/17/bin), or leave it unset",
        .0.display()
    )]
    NotBinaries(PathBuf),
    /// The binaries are there and do not run.
    #[error("{} does not tell its version: {reason}", postgres.display())]
    Unusable {
        /// The program that was asked.
        postgres: PathBuf,
        /// What came instead.
        reason: String,
    },
    /// Root, and no way to be somebody else.
    #[error(
        "Postgres refuses to run as root, and here neither a user namespace (unshare) nor dropping \
         to the user postgres or nobody (setpriv) works: run as an ordinary user, \
         or set KEYWAY_DATABASE_URL to a database that you have"
    )]
    Root,
    /// The data directory belongs to something else.
    #[error(
        "{} is not empty and holds no Postgres database: choose another directory, or remove it",
        .0.display()
    )]
    Foreign(PathBuf),
    /// The data directory was made by another major version.
    #[error(
        "{} was made by Postgres {made} and cannot be read by Postgres {found}, which was found: \
         set KEYWAY_PG_BIN to the directory of Postgres {made}'s initdb, \
         or remove the directory to start afresh without its data",
        data_dir.display()
    )]
    Version {
        /// The directory.
        data_dir: PathBuf,
        /// What its `PG_VERSION` says.
        made: String,
        /// Major version of the binaries.
        found: u32,
    },
    /// Another process serves the data directory.
    #[error(
        "{} is already in use by {}: stop that first, or choose another directory",
        data_dir.display(), process(*pid)
    )]
    Running {
        /// The directory.
        data_dir: PathBuf,
        /// Its Postgres, if it has come that far.
        pid: Option<i32>,
    },
    /// `initdb` failed.
    #[error("initdb could not make {}:\n{output}", data_dir.display())]
    Init {
        /// The directory.
        data_dir: PathBuf,
        /// What it said.
        output: String,
    },
    /// Postgres ended, or did not accept connections in time.
    #[error("Postgres did not start ({reason}). The last lines of {}:\n{tail}", log.display())]
    Start {
        /// What was seen of it from outside.
        reason: String,
        /// Its log.
        log: PathBuf,
        /// The end of that log.
        tail: String,
    },
    /// Postgres outlived even SIGKILL.
    #[error("Postgres (pid {0}) does not stop, not even when killed")]
    Stuck(u32),
    /// The system refused something.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// A verb.
        action: &'static str,
        /// What it was to be done to.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

/// The system's refusal, with what was tried. To be used in `map_err`.
pub(crate) fn cannot(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DevDbError {
    move |source| DevDbError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

fn install_command() -> &'static str {
    if cfg!(target_os = "macos") {
        "brew install postgresql@17"
    } else {
        "apt-get install -y postgresql"
    }
}

fn process(pid: Option<i32>) -> String {
    pid.map_or_else(
        || "a process that is just starting it".to_owned(),
        |pid| format!("Postgres with pid {pid}, perhaps another `keyway dev`"),
    )
}
