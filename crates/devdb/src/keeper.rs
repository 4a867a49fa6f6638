//! The thread that Postgres is tied to.

use std::{
    io,
    process::{Child, Command},
    sync::mpsc::{self, Sender},
    thread,
};

/// A thread that lives as long as the cluster.
///
/// The kernel signals a leashed program when the *thread* that spawned it ends, not the process
/// (prctl(2), `PR_SET_PDEATHSIG`). The caller's may be a pool's or a test's and end any time.
#[derive(Debug)]
pub(crate) struct Keeper {
    _leash: Sender<()>,
}

/// Runs the command from a thread of its own.
pub(crate) fn spawn(mut command: Command) -> io::Result<(Child, Keeper)> {
    let (leash, end_of_leash) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    thread::Builder::new()
        .name("keyway-devdb".to_owned())
        .spawn(move || {
            let _ = tell.send(command.spawn());
            // Nothing is ever sent: this returns when the cluster drops its end.
            let _: Result<(), _> = end_of_leash.recv();
        })?;
    let child = told.recv().map_err(io::Error::other)??;
    Ok((child, Keeper { _leash: leash }))
}
