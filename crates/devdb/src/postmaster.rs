//! The Postgres that serves a data directory, as its files and the kernel show it.

use std::{fs, path::Path};

use nix::{errno::Errno, sys::signal::kill, unistd::Pid};

/// By this name a Postgres of ours is told from one that somebody started by hand.
pub(crate) const CLUSTER_NAME: &str = "keyway-devdb";

/// Whether [`inhabitant`] sees every process of Postgres, or the postmaster only.
pub(crate) const SEES_ALL: bool = cfg!(target_os = "linux");

/// The postmaster of this directory, if there is one.
pub(crate) fn running(data_dir: &Path) -> Option<Pid> {
    let pid = noted_pid(data_dir)?;
    if SEES_ALL {
        lives_in(pid, data_dir).then_some(pid)
    } else {
        (kill(pid, None) != Err(Errno::ESRCH)).then_some(pid)
    }
}

/// Whether the postmaster of that process id accepts connections. This is how `pg_ctl` knows it, too.
pub(crate) fn is_ready(data_dir: &Path, pid: Pid) -> bool {
    let Ok(text) = fs::read_to_string(data_dir.join("postmaster.pid")) else {
        return false;
    };
    let line = |number| text.lines().nth(number).map(str::trim);
    line(0) == Some(&pid.to_string()) && line(7) == Some("ready")
}

/// Whether it was us who started the Postgres of this directory.
pub(crate) fn is_ours(data_dir: &Path) -> bool {
    fs::read_to_string(data_dir.join("postmaster.opts"))
        .is_ok_and(|options| options.contains(&format!("cluster_name={CLUSTER_NAME}")))
}

/// A process of Postgres that works in `data_dir`, be it the postmaster or a backend that has
/// outlived it for a moment.
///
/// A process id in a file proves nothing: after a crash of the machine it may be anybody's.
pub(crate) fn inhabitant(data_dir: &Path) -> Option<Pid> {
    if !SEES_ALL {
        return running(data_dir);
    }
    fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .map(Pid::from_raw)
        .find(|&pid| lives_in(pid, data_dir))
}

/// The process id in `postmaster.pid`.
fn noted_pid(data_dir: &Path) -> Option<Pid> {
    let text = fs::read_to_string(data_dir.join("postmaster.pid")).ok()?;
    text.lines().next()?.trim().parse().ok().map(Pid::from_raw)
}

fn lives_in(pid: Pid, data_dir: &Path) -> bool {
    let read = |what| fs::read_to_string(format!("/proc/{pid}/{what}")).unwrap_or_default();
    if read("comm").trim() != "postgres" {
        return false;
    }
    match fs::read_link(format!("/proc/{pid}/cwd")) {
        Ok(directory) => directory == data_dir,
        // Dead and not yet reaped (then it has no command line), or another user's and we may not
        // look (then we believe the file).
        Err(_) => !read("cmdline").is_empty() && noted_pid(data_dir) == Some(pid),
    }
}
