//! A data directory: made whole or not at all, never shared, never of another version.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    Binaries, DevDbError,
    account::Account,
    error::cannot,
    postmaster,
    scratch::{Lock, Scratch, sweep, try_lock},
};

/// How long a Postgres without owner may take to stop.
const ORPHAN_LIMIT: Duration = Duration::from_secs(15);

/// A data directory that is ours alone, with no Postgres on it.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    _lock: Lock,
}

impl DataDir {
    /// Makes the directory if it is missing or empty, and takes it into possession.
    pub(crate) fn open(
        path: &Path,
        binaries: &Binaries,
        account: &Account,
        durable: bool,
    ) -> Result<Self, DevDbError> {
        let path = resolve(path)?;
        if is_vacant(&path)? {
            init(&path, binaries, account, durable)?;
        }
        // Leftovers of those who were interrupted. An initdb of theirs may still be running and
        // writing; then the next start sweeps.
        sweep(beside(&path), &new_prefix(&path));
        check_version(&path, binaries)?;
        let lock = try_lock(&path).map_err(cannot("lock", &path))?;
        let lock = lock.ok_or_else(|| in_use(&path, None))?;
        evict(&path)?;
        account.hand_over(&path)?;
        Ok(Self { path, _lock: lock })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The absolute path without links, its parent made if need be.
///
/// Postgres gets another working directory than ours, and the kernel names processes' directories
/// without links.
fn resolve(path: &Path) -> Result<PathBuf, DevDbError> {
    let path = std::path::absolute(path).map_err(cannot("find", path))?;
    if path.exists() {
        return path.canonicalize().map_err(cannot("find", &path));
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(DevDbError::Foreign(path));
    };
    fs::create_dir_all(parent).map_err(cannot("make", parent))?;
    let parent = parent.canonicalize().map_err(cannot("find", parent))?;
    Ok(parent.join(name))
}

fn is_vacant(path: &Path) -> Result<bool, DevDbError> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(cannot("read", path)(error)),
    }
}

/// Runs `initdb` on a directory beside, and gives that its name when it is complete: whatever
/// interrupts this, there is a whole database afterwards or none.
fn init(
    path: &Path,
    binaries: &Binaries,
    account: &Account,
    durable: bool,
) -> Result<(), DevDbError> {
    let parent = beside(path);
    let scratch = Scratch::create(parent, &new_prefix(path)).map_err(cannot("write to", parent))?;
    account.admit(scratch.path())?;
    let new = scratch.path().join("data");
    account.make_private(&new)?;
    run_initdb(&new, path, binaries, account, durable)?;
    match fs::rename(&new, path) {
        // Another process was faster; its database is as good as ours.
        Err(_) if path.join("PG_VERSION").exists() => Ok(()),
        renamed => renamed.map_err(cannot("make", path)),
    }
}

fn beside(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

/// How the names of half-made data directories begin.
fn new_prefix(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    format!(".{}.new-", name.to_string_lossy())
}

fn run_initdb(
    dir: &Path,
    meant: &Path,
    binaries: &Binaries,
    account: &Account,
    durable: bool,
) -> Result<(), DevDbError> {
    let program = binaries.program("initdb");
    let output = account
        .command(&program)
        .arg("-D")
        .arg(dir)
        .args(["--username=keyway", "--auth=trust"])
        .args(["--encoding=UTF8", "--locale=C", "--data-checksums"])
        .args((!durable).then_some("--no-sync"))
        .output()
        .map_err(cannot("run", &program))?;
    if output.status.success() {
        return Ok(());
    }
    Err(DevDbError::Init {
        data_dir: meant.to_owned(),
        output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

fn check_version(path: &Path, binaries: &Binaries) -> Result<(), DevDbError> {
    let file = path.join("PG_VERSION");
    let made = match fs::read_to_string(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(DevDbError::Foreign(path.to_owned()));
        }
        read => read.map_err(cannot("read", &file))?,
    };
    if made.trim() == binaries.major().to_string() {
        return Ok(());
    }
    Err(DevDbError::Version {
        data_dir: path.to_owned(),
        made: made.trim().to_owned(),
        found: binaries.major(),
    })
}

/// Stops a Postgres whose owner is gone, and clears away what a crash left.
///
/// We hold the lock, so if it was started by us, nobody is there to stop it: the kernel's signal is
/// on its way, or this system has none. One that a person started by hand is left alone.
fn evict(path: &Path) -> Result<(), DevDbError> {
    let ours = postmaster::is_ours(path);
    let deadline = Instant::now() + ORPHAN_LIMIT;
    let mut told = false;
    while let Some(inhabitant) = postmaster::inhabitant(path) {
        if !ours || Instant::now() > deadline {
            return Err(in_use(path, Some(inhabitant)));
        }
        if !told && let Some(postmaster) = postmaster::running(path) {
            told = kill(postmaster, Signal::SIGINT).is_ok();
        }
        thread::sleep(Duration::from_millis(10));
    }
    remove_stale_pid(path)
}

/// Postgres would not start if the id in `postmaster.pid` has come again as another process's, or
/// if its old process still waits for its parent to take note of its end; and if the new Postgres
/// got that very id, we would read it as ready too soon.
fn remove_stale_pid(path: &Path) -> Result<(), DevDbError> {
    if !postmaster::SEES_ALL {
        // Postgres knows better: it looks at the shared memory that the file names.
        return Ok(());
    }
    let file = path.join("postmaster.pid");
    match fs::remove_file(&file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(cannot("remove", &file)),
    }
}

fn in_use(path: &Path, by: Option<Pid>) -> DevDbError {
    DevDbError::Running {
        data_dir: path.to_owned(),
        pid: postmaster::running(path).or(by).map(Pid::as_raw),
    }
}
