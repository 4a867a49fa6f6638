//! Processes that die without having stopped their cluster.

use std::{
    io,
    path::{Path, PathBuf},
};

use keyway_devdb::{Cluster, Options};

use crate::support::{
    self, Dir, Holder, binaries, eventually, is_alive, options, postmaster, signal, sql, sql_at,
};

/// A process that holds a cluster stops it when its input ends. With a directory in its environment
/// this test is that process: for itself, and for others to start and to kill.
#[test]
fn holder() {
    match std::env::var_os("KEYWAY_TEST_DATA_DIR").map(PathBuf::from) {
        Some(data_dir) => hold(&data_dir),
        None => a_holder_that_is_let_go_stops_its_cluster(),
    }
}

fn a_holder_that_is_let_go_stops_its_cluster() {
    let dir = Dir::new();
    let data = dir.join("data");
    let mut holder = Holder::begin(support::holder(), &data);
    holder.outcome().expect("started");
    let postgres = postmaster(&data);
    assert!(is_alive(postgres));
    holder.finish();
    assert!(!is_alive(postgres));
    assert!(!data.join("postmaster.pid").exists());
}

fn hold(data_dir: &Path) {
    match Cluster::start(&options(data_dir)) {
        Ok(cluster) => {
            println!("started {}", cluster.url("postgres"));
            let _ = io::stdin().lines().next();
            cluster.stop().expect("stop");
        }
        Err(error) => println!("refused {}", error.to_string().replace('\n', " ")),
    }
}

#[test]
#[cfg(target_os = "linux")]
fn postgres_goes_when_its_parent_is_killed() {
    let dir = Dir::new();
    let data = dir.join("data");
    let mut holder = Holder::begin(support::holder(), &data);
    holder.outcome().expect("started");
    let postgres = postmaster(&data);
    assert!(is_alive(postgres));
    holder.kill();
    eventually("Postgres ends", || !is_alive(postgres));
    // In peace: with a fast shutdown it takes its files away.
    assert!(!data.join("postmaster.pid").exists());
}

#[test]
fn the_next_start_need_not_wait_for_the_last_to_die() {
    let dir = Dir::new();
    let data = dir.join("data");
    let mut holder = Holder::begin(support::holder(), &data);
    let url = holder.outcome().expect("started");
    sql_at(&url, "CREATE TABLE kept AS SELECT 1");
    holder.kill();
    let cluster = Cluster::start(&options(&data)).expect("start");
    assert_eq!(sql(&cluster, "TABLE kept"), "1");
}

#[test]
fn a_socket_directory_left_under_tmp_is_swept() {
    let dir = Dir::new();
    let data = dir.join(&"deep".repeat(30));
    let mut holder = Holder::begin(support::holder(), &data);
    let url = holder.outcome().expect("started");
    let shown = sql_at(&url, "SHOW unix_socket_directories");
    let left = PathBuf::from(shown.trim_matches('"'));
    holder.kill();
    assert!(left.exists());
    let cluster = Cluster::start(&options(&data)).expect("start");
    assert!(!left.exists() && cluster.socket_dir() != left);
}

#[test]
fn a_crash_of_postgres_is_recovered_from() {
    let dir = Dir::new();
    let data = dir.join("data");
    let options = Options::durable(binaries(), &data);
    let cluster = Cluster::start(&options).expect("start");
    sql(&cluster, "CREATE TABLE kept AS SELECT 1");
    assert!(signal("KILL", postmaster(&data)));
    cluster.stop().expect("nothing to stop");
    assert!(data.join("postmaster.pid").exists(), "a stale file");
    let cluster = Cluster::start(&options).expect("start");
    assert_eq!(sql(&cluster, "TABLE kept"), "1");
}

#[test]
#[cfg(target_os = "linux")]
fn a_stale_process_id_that_came_again_is_no_obstacle() {
    let dir = Dir::new();
    let data = dir.join("data");
    Cluster::start(&options(&data))
        .expect("start")
        .stop()
        .expect("stop");
    let ours = std::process::id();
    std::fs::write(data.join("postmaster.pid"), format!("{ours}\n")).expect("stale file");
    Cluster::start(&options(&data)).expect("start");
}

#[test]
fn an_interrupted_first_start_is_made_good() {
    let dir = Dir::new();
    let data = dir.join("data");
    let holder = Holder::begin(support::holder(), &data);
    let half_made = || {
        let mut names = dir.names().into_iter();
        names.any(|name| dir.join(&name).join("data/PG_VERSION").exists())
    };
    eventually("initdb begins", half_made);
    holder.kill();
    assert!(!data.exists());
    let cluster = Cluster::start(&options(&data)).expect("start");
    assert_eq!(sql(&cluster, "SELECT 1"), "1");
    cluster.stop().expect("stop");
    // The initdb of the dead may write on for a moment, against the first sweep.
    eventually("leftovers are swept", || {
        Cluster::start(&options(&data)).expect("start");
        dir.names() == ["data"]
    });
}
