//! As whom Postgres runs, and how it learns that we died.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder},
    io,
    os::unix::{
        fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, lchown},
        process::CommandExt as _,
    },
    path::Path,
    process::{self, Command, Stdio},
};

use nix::unistd::{Gid, Uid, User, getegid, geteuid};

use crate::{DevDbError, error::cannot};

/// Runs programs the way that works here: as whom, and leashed or not.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    identity: Identity,
    leashed: bool,
}

#[derive(Debug, Clone)]
enum Identity {
    /// As ourselves: an ordinary user.
    Own,
    /// We are root, and look like user 1000 inside a user namespace. Files stay root's.
    Namespace,
    /// We are root, and drop to this ordinary user for good.
    Dropped { uid: Uid, gid: Gid },
}

/// Ends at once if the parent died before its death could be reported, else becomes the program.
const GUARD: &str = r#"[ "$PPID" -eq "$0" ] && exec "$@""#;

impl Account {
    /// Tries out what works here, the best way first.
    pub(crate) fn probe() -> Result<Self, DevDbError> {
        candidates()
            .into_iter()
            .find(Self::works)
            .ok_or(DevDbError::Root)
    }

    /// A command for `program`, in a process group of its own: Ctrl-C in a terminal goes to the
    /// group in front, and Postgres must not stop before those who use it.
    ///
    /// If leashed, the program gets SIGINT when the thread that spawned it ends.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut words = self.wrappers();
        words.push(program.into());
        let mut command = Command::new(words.remove(0));
        command
            .args(words)
            // One that Postgres may enter, whoever it is.
            .current_dir("/")
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .process_group(0);
        command
    }

    /// Lets the program into a directory of ours without letting it, or others, list it.
    pub(crate) fn admit(&self, dir: &Path) -> Result<(), DevDbError> {
        match self.identity {
            Identity::Own | Identity::Namespace => Ok(()),
            Identity::Dropped { .. } => fs::set_permissions(dir, fs::Permissions::from_mode(0o711))
                .map_err(cannot("open to Postgres the directory", dir)),
        }
    }

    /// Gives a directory and all in it to the program, if it is somebody else's.
    ///
    /// A data directory changes hands when a container with namespaces gives way to one without.
    pub(crate) fn hand_over(&self, dir: &Path) -> Result<(), DevDbError> {
        let (uid, gid) = match self.identity {
            Identity::Own => return Ok(()),
            Identity::Namespace => (geteuid(), getegid()),
            Identity::Dropped { uid, gid } => (uid, gid),
        };
        let owner = fs::metadata(dir).map_err(cannot("read", dir))?.uid();
        if owner == uid.as_raw() {
            return Ok(());
        }
        give(dir, uid, gid).map_err(cannot("change the owner of", dir))
    }

    /// Makes a directory that only the program can enter (and root), in place of what was there.
    pub(crate) fn make_private(&self, dir: &Path) -> Result<(), DevDbError> {
        match fs::remove_dir_all(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            removed => removed.map_err(cannot("remove", dir))?,
        }
        let made = DirBuilder::new().mode(0o700).create(dir);
        made.map_err(cannot("make", dir))?;
        self.hand_over(dir)
    }

    fn works(&self) -> bool {
        self.command(Path::new("true"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// What stands before the program on the command line. Each of them execs the next, so the
    /// process id stays the same.
    fn wrappers(&self) -> Vec<OsString> {
        let mut words: Vec<String> = Vec::new();
        let mut add = |more: &[&str]| words.extend(more.iter().map(|&word| word.to_owned()));
        if let Identity::Namespace = self.identity {
            add(&[
                "unshare",
                "--user",
                "--map-user=1000",
                "--map-group=1000",
                "--",
            ]);
        }
        if let Identity::Dropped { uid, gid } = self.identity {
            let (uid, gid) = (format!("--reuid={uid}"), format!("--regid={gid}"));
            add(&["setpriv", &uid, &gid, "--clear-groups", "--"]);
        }
        if self.leashed {
            // The last to change anything: the kernel forgets the signal when credentials change.
            add(&["setpriv", "--pdeathsig=INT", "--"]);
            add(&["sh", "-c", GUARD, &process::id().to_string()]);
        }
        words.into_iter().map(OsString::from).collect()
    }
}

fn candidates() -> Vec<Account> {
    let identities = if geteuid().is_root() {
        std::iter::once(Identity::Namespace)
            .chain(["postgres", "nobody"].into_iter().filter_map(dropped))
            .collect()
    } else {
        vec![Identity::Own]
    };
    let with = |leashed| {
        move |identity: &Identity| Account {
            identity: identity.clone(),
            leashed,
        }
    };
    // A leash is for Linux. Elsewhere, or with a small setpriv (busybox), the next start cleans up.
    let leashed = identities.iter().map(with(true));
    let loose = identities.iter().map(with(false));
    leashed
        .filter(|_| cfg!(target_os = "linux"))
        .chain(loose)
        .collect()
}

fn dropped(name: &str) -> Option<Identity> {
    let user = User::from_name(name).ok()??;
    (!user.uid.is_root()).then_some(Identity::Dropped {
        uid: user.uid,
        gid: user.gid,
    })
}

/// `chown -R`, following no link.
fn give(path: &Path, uid: Uid, gid: Gid) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            give(&entry?.path(), uid, gid)?;
        }
    }
    lchown(path, Some(uid.as_raw()), Some(gid.as_raw()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_runs_as_somebody_else_than_root() {
        let account = Account::probe().expect("account");
        let output = account.command(Path::new("id")).arg("-u").output();
        let id = String::from_utf8(output.expect("output").stdout).expect("text");
        assert_ne!(id.trim(), "0");
    }

    #[test]
    fn a_leashed_program_does_not_begin_when_its_parent_is_gone() {
        // `$0` is another process than the parent: what the guard sees when it was too late.
        let status = Command::new("sh").args(["-c", GUARD, "1", "true"]).status();
        assert!(!status.expect("status").success());
    }
}
