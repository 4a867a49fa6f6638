//! Starts Postgres, says where it is, stops it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    DevDbError, Options,
    account::Account,
    address,
    data_dir::DataDir,
    error::cannot,
    keeper::{self, Keeper},
    log, postmaster,
    scratch::{Scratch, sweep},
};

/// Where throwaway data and sockets with too long a path go.
const TMP: &str = "/tmp";
const TMP_PREFIX: &str = "keyway-devdb-";
/// Long enough for recovery after a crash.
const START_LIMIT: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(5);
/// Fast shutdown, then immediate (the next start recovers), then none of Postgres's choice.
const STOP_STEPS: [(Signal, Duration); 3] = [
    (Signal::SIGINT, Duration::from_secs(15)),
    (Signal::SIGQUIT, Duration::from_secs(5)),
    (Signal::SIGKILL, Duration::from_secs(5)),
];

/// A running Postgres of our own. Dropping it stops it.
///
/// Its superuser is `keyway`. A fresh one holds the database `postgres` and no other of use.
#[derive(Debug)]
pub struct Cluster {
    child: Child,
    _keeper: Keeper,
    socket_dir: PathBuf,
    log: PathBuf,
    data: DataDir,
    _scratch: Vec<Scratch>,
}

impl Cluster {
    /// Starts Postgres on the data directory, made first if need be, and waits until it accepts
    /// connections. Blocks; may be called from any thread.
    ///
    /// # Errors
    /// [`DevDbError::Root`] if we are root and cannot be anybody else; [`DevDbError::Foreign`],
    /// [`DevDbError::Version`] or [`DevDbError::Running`] if the data directory cannot be used;
    /// [`DevDbError::Init`], [`DevDbError::Start`] or [`DevDbError::Io`] if something fails.
    pub fn start(options: &Options) -> Result<Self, DevDbError> {
        sweep(Path::new(TMP), TMP_PREFIX);
        let account = Account::probe()?;
        let mut scratch = Vec::new();
        let wanted = match &options.data_dir {
            Some(dir) => dir.clone(),
            None => new_scratch(&account, &mut scratch)?.join("data"),
        };
        let data = DataDir::open(&wanted, &options.binaries, &account, options.durable)?;
        let socket_dir = match address::fitting(&data.path().join("socket")) {
            Some(dir) => dir,
            None => new_scratch(&account, &mut scratch)?.join("socket"),
        };
        account.make_private(&socket_dir)?;
        let log = data.path().join("postgres.log");
        let mut command = postgres(options, &account, data.path(), &socket_dir);
        log_to(&log, &mut command).map_err(cannot("write", &log))?;
        let spawned = keeper::spawn(command);
        let (child, keeper) = spawned.map_err(cannot("start Postgres on", data.path()))?;
        let mut cluster = Self {
            child,
            _keeper: keeper,
            socket_dir,
            log,
            data,
            _scratch: scratch,
        };
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    /// The connection URL of a database, which need not exist yet. It holds no secret.
    pub fn url(&self, database: &str) -> String {
        address::url(&self.socket_dir, database)
    }

    /// The directory of the socket: what `psql -h` takes.
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// Postgres's log since the start. That of the run before lies beside it, as `.old`.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Stops Postgres: open connections are cut, what was committed is kept. Takes at most 25
    /// seconds, and far less than one as a rule.
    ///
    /// # Errors
    /// [`DevDbError::Stuck`] if it outlives SIGKILL, [`DevDbError::Io`] if it cannot be signalled.
    pub fn stop(mut self) -> Result<(), DevDbError> {
        self.shut_down()
    }

    fn wait_until_ready(&mut self) -> Result<(), DevDbError> {
        let pid = pid_of(&self.child);
        let deadline = Instant::now() + START_LIMIT;
        while !postmaster::is_ready(self.data.path(), pid) {
            if let Some(status) = self.exited()? {
                return Err(self.not_started(format!("it ended with {status}")));
            }
            if Instant::now() > deadline {
                return Err(self.not_started(format!("not ready after {START_LIMIT:?}")));
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    fn shut_down(&mut self) -> Result<(), DevDbError> {
        for (signal, limit) in STOP_STEPS {
            // Before any signal: a process that was reaped has left its id to others.
            if self.exited()?.is_some() {
                return Ok(());
            }
            let told = kill(pid_of(&self.child), signal).map_err(io::Error::from);
            told.map_err(cannot("stop", &self.log))?;
            let deadline = Instant::now() + limit;
            while self.exited()?.is_none() && Instant::now() < deadline {
                thread::sleep(POLL);
            }
        }
        match self.exited()? {
            Some(_) => Ok(()),
            None => Err(DevDbError::Stuck(self.child.id())),
        }
    }

    fn exited(&mut self) -> Result<Option<ExitStatus>, DevDbError> {
        self.child
            .try_wait()
            .map_err(cannot("watch the Postgres of", self.data.path()))
    }

    fn not_started(&self, reason: String) -> DevDbError {
        DevDbError::Start {
            reason,
            log: self.log.clone(),
            tail: log::last_lines(&self.log, 20),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.shut_down();
        let _ = fs::remove_dir_all(&self.socket_dir);
    }
}

fn postgres(options: &Options, account: &Account, data_dir: &Path, socket_dir: &Path) -> Command {
    let mut command = account.command(&options.binaries.program("postgres"));
    command.arg("-D").arg(data_dir);
    for (name, value) in options.all_settings(&socket_dir.to_string_lossy()) {
        command.arg("-c").arg(format!("{name}={value}"));
    }
    command
}

fn log_to(log: &Path, command: &mut Command) -> io::Result<()> {
    let file = log::fresh(log)?;
    command.stdout(file.try_clone()?).stderr(file);
    Ok(())
}

fn pid_of(child: &Child) -> Pid {
    // A process id is positive and fits: the kernel's own type is i32.
    Pid::from_raw(child.id().cast_signed())
}

fn new_scratch(account: &Account, kept: &mut Vec<Scratch>) -> Result<PathBuf, DevDbError> {
    let tmp = Path::new(TMP);
    let scratch = Scratch::create(tmp, TMP_PREFIX).map_err(cannot("write to", tmp))?;
    account.admit(scratch.path())?;
    let path = scratch.path().to_owned();
    kept.push(scratch);
    Ok(path)
}
