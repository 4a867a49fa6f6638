//! Private directories that do not outlive their owner for long.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use nix::unistd::geteuid;

/// A directory of mode 0700, locked while it is in use, removed when dropped.
///
/// The lock is how others know that it is in use: the kernel lets go of it when the owner dies,
/// however that happens, and it does not mind that process ids come again.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    _lock: Lock,
}

/// A lock on a directory, held by one process at a time.
#[derive(Debug)]
pub(crate) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing would not do: a child that another thread is just starting has the file open too.
        let _ = self.0.unlock();
    }
}

/// Tells apart what one process makes.
static NEXT: AtomicU32 = AtomicU32::new(0);

impl Scratch {
    /// Makes one in `parent`, its name beginning with `prefix`.
    pub(crate) fn create(parent: &Path, prefix: &str) -> io::Result<Self> {
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("{prefix}{}-{number}", process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made?,
            }
            // A sweep may have come between making and locking. Then the name is gone.
            if let Some(lock) = lock_new(&path)? {
                return Ok(Self { path, _lock: lock });
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What resists is left to the next sweep. After a rename nothing is there to remove.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes the directories in `parent` of that prefix whose owner is gone.
///
/// Only our own: under `/tmp` everybody may give a directory any name.
pub(crate) fn sweep(parent: &Path, prefix: &str) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let named = entry.file_name().to_string_lossy().starts_with(prefix);
        let ours = entry
            .metadata()
            .is_ok_and(|meta| meta.is_dir() && meta.uid() == geteuid().as_raw());
        if named && ours {
            remove_if_stale(&entry.path());
        }
    }
}

fn remove_if_stale(path: &Path) {
    if let Ok(Some(_lock)) = try_lock(path) {
        let _ = fs::remove_dir_all(path);
    }
}

/// Locks the directory that was just made; `None` if a sweep took it away first.
fn lock_new(path: &Path) -> io::Result<Option<Lock>> {
    let dir = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    dir.lock()?;
    let lock = Lock(dir);
    let same = match (fs::metadata(path), lock.0.metadata()) {
        (Ok(now), Ok(then)) => (now.dev(), now.ino()) == (then.dev(), then.ino()),
        _ => false,
    };
    Ok(same.then_some(lock))
}

/// Locks an existing directory for as long as the answer is kept; `None` if somebody else has it.
pub(crate) fn try_lock(path: &Path) -> io::Result<Option<Lock>> {
    let dir = File::open(path)?;
    match dir.try_lock() {
        Ok(()) => Ok(Some(Lock(dir))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_takes_only_what_nobody_holds() {
        let parent = Scratch::create(Path::new("/tmp"), "keyway-test-").expect("parent");
        let held = Scratch::create(parent.path(), "a-").expect("held");
        let stale = parent.path().join("a-stale");
        let other = parent.path().join("b-other");
        fs::create_dir_all(stale.join("deep")).expect("stale");
        fs::create_dir(&other).expect("other");
        sweep(parent.path(), "a-");
        assert!(held.path().exists() && other.exists() && !stale.exists());
        let path = held.path().to_owned();
        drop(held);
        assert!(!path.exists());
    }

    #[test]
    fn a_lock_is_had_by_one() {
        let dir = Scratch::create(Path::new("/tmp"), "keyway-test-").expect("dir");
        assert!(try_lock(dir.path()).expect("lock").is_none());
        let inner = dir.path().join("inner");
        fs::create_dir(&inner).expect("inner");
        let first = try_lock(&inner).expect("lock");
        assert!(first.is_some() && try_lock(&inner).expect("lock").is_none());
        drop(first);
        assert!(try_lock(&inner).expect("lock").is_some());
    }
}
