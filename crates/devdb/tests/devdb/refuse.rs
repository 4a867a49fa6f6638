//! Data directories that must not be touched, and failures that must explain themselves.

use std::{fs, process::Command};

use keyway_devdb::{Cluster, DevDbError};

use crate::support::{Dir, Holder, as_nobody, binaries, holder, options, postmaster};

#[test]
fn what_belongs_to_others_is_left_alone() {
    let dir = Dir::new();
    let data = dir.join("data");
    fs::create_dir(&data).expect("directory");
    fs::write(data.join("novel.txt"), "Call me Ishmael.").expect("file");
    let error = Cluster::start(&options(&data)).expect_err("refused");
    assert!(matches!(error, DevDbError::Foreign(_)), "{error}");
    assert!(error.to_string().contains(&data.display().to_string()));
    assert_eq!(fs::read_dir(&data).expect("directory").count(), 1);
}

#[test]
fn another_versions_data_is_left_alone() {
    let dir = Dir::new();
    let data = dir.join("data");
    fs::create_dir(&data).expect("directory");
    fs::write(data.join("PG_VERSION"), "9.6\n").expect("file");
    let error = Cluster::start(&options(&data)).expect_err("refused");
    assert!(matches!(error, DevDbError::Version { .. }), "{error}");
    let text = error.to_string();
    let found = format!("Postgres {}", binaries().major());
    assert!(
        text.contains("Postgres 9.6") && text.contains(&found),
        "{text}"
    );
}

#[test]
fn one_directory_has_one_cluster() {
    let dir = Dir::new();
    let data = dir.join("data");
    let mut other = Holder::begin(holder(), &data);
    other.outcome().expect("started");
    let error = Cluster::start(&options(&data)).expect_err("refused");
    let pid = postmaster(&data);
    assert!(error.to_string().contains(&format!("pid {pid}")), "{error}");
    other.finish();
    let _held = Cluster::start(&options(&data)).expect("start");
    let again = Cluster::start(&options(&data)).expect_err("held by this process");
    assert!(matches!(again, DevDbError::Running { pid: Some(_), .. }));
}

#[test]
fn two_first_starts_at_once_make_one_cluster() {
    let dir = Dir::new();
    let data = dir.join("data");
    let mut holders = [(); 4].map(|()| Holder::begin(holder(), &data));
    let outcomes: Vec<_> = holders.iter_mut().map(Holder::outcome).collect();
    let started = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(started, 1, "{outcomes:?}");
    let in_use = |error: &String| error.contains("already in use");
    assert!(
        outcomes
            .iter()
            .filter_map(|outcome| outcome.as_ref().err())
            .all(in_use)
    );
    holders.into_iter().for_each(Holder::finish);
    assert_eq!(dir.names(), ["data"]);
}

#[test]
fn a_postgres_that_was_started_by_hand_is_left_alone() {
    let dir = Dir::new();
    if nix::unistd::geteuid().is_root() {
        // Root cannot start one by hand. Whoever can runs this test.
        let mut again = as_nobody(&dir);
        again.args([
            "--exact",
            "refuse::a_postgres_that_was_started_by_hand_is_left_alone",
        ]);
        let output = again.output().expect("tests");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("1 passed"), "{said}");
        return;
    }
    let data = dir.join("data");
    Cluster::start(&options(&data))
        .expect("start")
        .stop()
        .expect("stop");
    let by_hand = |arguments: &[&str]| {
        let status = Command::new(binaries().program("pg_ctl"))
            .args(["-w", "-l", "/dev/null", "-D"])
            .arg(&data)
            .args(arguments)
            .status();
        assert!(status.expect("pg_ctl").success());
    };
    by_hand(&[
        "-o",
        "-c listen_addresses= -c unix_socket_directories=/tmp",
        "start",
    ]);
    let error = Cluster::start(&options(&data)).expect_err("refused");
    let running = postmaster(&data).to_string();
    by_hand(&["stop"]);
    assert!(error.to_string().contains(&running), "{error}");
}

#[test]
fn a_failed_start_shows_the_log() {
    let dir = Dir::new();
    let data = dir.join("data");
    let mut bad = options(&data);
    bad.settings.push(("no_such_setting".into(), "1".into()));
    let error = Cluster::start(&bad).expect_err("refused").to_string();
    assert!(error.contains("no_such_setting"), "{error}");
    assert!(error.contains(&data.join("postgres.log").display().to_string()));
    Cluster::start(&options(&data)).expect("the directory is well");
}

#[test]
fn a_failed_initdb_says_why() {
    let dir = Dir::new();
    fs::write(dir.join("file"), "").expect("file");
    let error = Cluster::start(&options(&dir.join("file/data"))).expect_err("refused");
    assert!(matches!(error, DevDbError::Io { .. }), "{error}");
}
