//! What the tests share: a directory each, `psql`, a deadline, and a process to kill.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use keyway_devdb::{Binaries, Cluster, Options};

/// A directory of one test, which everybody may enter and write to.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("/tmp/kwtest-{}-{number}", std::process::id());
        let dir = PathBuf::from(name);
        fs::create_dir(&dir).expect("a new directory");
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).expect("mode");
        Self(dir.canonicalize().expect("path"))
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Names of all that lies in it.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("directory");
        entries
            .map(|entry| {
                entry
                    .expect("entry")
                    .file_name()
                    .into_string()
                    .expect("text")
            })
            .collect()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn binaries() -> Binaries {
    let path = std::env::var_os("PATH");
    Binaries::find(None, path.as_deref()).expect("Postgres on this machine")
}

/// Quick to make, and kept where the test wants it.
pub(crate) fn options(data_dir: &Path) -> Options {
    Options {
        data_dir: Some(data_dir.to_owned()),
        ..Options::throwaway(binaries())
    }
}

/// Runs SQL by `psql` and answers what it prints.
pub(crate) fn sql(cluster: &Cluster, text: &str) -> String {
    sql_at(&cluster.url("postgres"), text)
}

pub(crate) fn sql_at(url: &str, text: &str) -> String {
    let output = Command::new(binaries().program("psql"))
        .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-c", text, url])
        .output()
        .expect("psql");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}: {said}");
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .to_owned()
}

/// The process id in `postmaster.pid`.
pub(crate) fn postmaster(data_dir: &Path) -> u32 {
    let text = fs::read_to_string(data_dir.join("postmaster.pid")).expect("postmaster.pid");
    text.lines().next().expect("line").parse().expect("number")
}

pub(crate) fn signal(name: &str, pid: u32) -> bool {
    let status = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .stderr(Stdio::null())
        .status();
    status.expect("kill").success()
}

/// Whether a process runs. One that is dead and waits for its parent does not.
pub(crate) fn is_alive(pid: u32) -> bool {
    let output = Command::new("ps")
        .args(["-o", "stat=", "-p", &pid.to_string()])
        .output();
    let state = String::from_utf8(output.expect("ps").stdout).expect("text");
    !state.trim().is_empty() && !state.starts_with('Z')
}

/// Waits until it is so, ten seconds at most.
pub(crate) fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !so() {
        assert!(Instant::now() < deadline, "{what}: not within 10 seconds");
        thread::sleep(Duration::from_millis(2));
    }
}

/// This very program again, to run [`holder`](crate::death::holder) in a process of its own.
pub(crate) fn holder() -> Command {
    let mut command = Command::new(std::env::current_exe().expect("program"));
    command.args(HOLDER);
    command
}

/// The arguments by which this program becomes a holder.
pub(crate) const HOLDER: [&str; 3] = ["--exact", "death::holder", "--nocapture"];

/// This very program again as an ordinary user, if we are root.
pub(crate) fn as_nobody(dir: &Dir) -> Command {
    // The build directory may lie where only root may look.
    let program = dir.join("tests");
    fs::copy(std::env::current_exe().expect("program"), &program).expect("copy");
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
        .arg(program)
        .current_dir("/tmp");
    command
}

/// A process that holds a cluster until it is let go, or killed.
pub(crate) struct Holder {
    process: Child,
    output: BufReader<ChildStdout>,
}

impl Holder {
    /// Has `command` start a cluster on `data_dir`.
    pub(crate) fn begin(mut command: Command, data_dir: &Path) -> Self {
        let mut process = command
            .env("KEYWAY_TEST_DATA_DIR", data_dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("process");
        let output = BufReader::new(process.stdout.take().expect("pipe"));
        Self { process, output }
    }

    /// What came of it: the URL, or the error.
    pub(crate) fn outcome(&mut self) -> Result<String, String> {
        let mut seen = String::new();
        loop {
            let start = seen.len();
            let read = self.output.read_line(&mut seen).expect("output");
            assert_ne!(read, 0, "no outcome in {seen:?}");
            let line = seen.get(start..).unwrap_or_default().trim();
            if let Some((_, url)) = line.split_once("started ") {
                return Ok(url.to_owned());
            }
            if let Some((_, error)) = line.split_once("refused ") {
                return Err(error.to_owned());
            }
        }
    }

    /// Lets it stop its cluster and end.
    pub(crate) fn finish(mut self) {
        drop(self.process.stdin.take());
        assert!(self.process.wait().expect("end").success());
    }

    /// Kills it in a way that leaves it no last word.
    pub(crate) fn kill(mut self) {
        self.process.kill().expect("kill");
        self.process.wait().expect("end");
    }
}
