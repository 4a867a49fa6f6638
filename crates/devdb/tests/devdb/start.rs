//! Start, stop, and start again.

use std::{
    fs,
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::PathBuf,
    process::{Command, Stdio},
};

use keyway_devdb::{Cluster, Options};

use crate::support::{Dir, binaries, eventually, is_alive, options, postmaster, sql, sql_at};

#[test]
fn data_survives_a_restart() {
    let dir = Dir::new();
    let data = dir.join("not/yet/there");
    let cluster = Cluster::start(&options(&data)).expect("first start");
    sql(&cluster, "CREATE DATABASE \"kw test?\"");
    sql(&cluster, "CREATE TABLE kept AS SELECT 'ä' AS word");
    cluster.stop().expect("stop");
    let cluster = Cluster::start(&options(&data)).expect("second start");
    assert_eq!(sql(&cluster, "TABLE kept"), "ä");
    let url = cluster.url("kw test?");
    assert_eq!(sql_at(&url, "SELECT current_database()"), "kw test?");
}

#[test]
fn an_empty_directory_is_taken() {
    let dir = Dir::new();
    let data = dir.join("data");
    fs::create_dir(&data).expect("directory");
    Cluster::start(&options(&data))
        .expect("start")
        .stop()
        .expect("stop");
    assert_eq!(dir.names(), ["data"]);
}

#[test]
fn stop_leaves_neither_process_nor_socket() {
    let dir = Dir::new();
    let data = dir.join("data");
    let cluster = Cluster::start(&options(&data)).expect("start");
    let postgres = postmaster(&data);
    let socket_dir = cluster.socket_dir().to_owned();
    assert!(is_alive(postgres) && socket_dir.starts_with(&data));
    drop(cluster);
    assert!(!is_alive(postgres) && !socket_dir.exists());
    assert!(!data.join("postmaster.pid").exists());
}

#[test]
fn stop_does_not_wait_for_clients() {
    let dir = Dir::new();
    let cluster = Cluster::start(&options(&dir.join("data"))).expect("start");
    let mut client = Command::new(binaries().program("psql"))
        .args(["-Xqc", "SELECT pg_sleep(600)", &cluster.url("postgres")])
        .stderr(Stdio::null())
        .spawn()
        .expect("psql");
    let asleep = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    eventually("the client sleeps", || sql(&cluster, asleep) == "1");
    cluster.stop().expect("stop");
    assert!(!client.wait().expect("end").success());
}

#[test]
fn ctrl_c_in_a_terminal_does_not_reach_postgres() {
    let dir = Dir::new();
    let data = dir.join("data");
    let _cluster = Cluster::start(&options(&data)).expect("start");
    let postgres = postmaster(&data).to_string();
    let output = Command::new("ps")
        .args(["-o", "pgid=", "-p", &postgres])
        .output();
    let group = String::from_utf8(output.expect("ps").stdout).expect("text");
    assert_eq!(group.trim(), postgres, "a group of its own");
}

#[test]
fn the_only_way_in_is_a_private_socket() {
    let dir = Dir::new();
    let cluster = Cluster::start(&options(&dir.join("data"))).expect("start");
    assert_eq!(sql(&cluster, "SHOW listen_addresses"), "");
    let mode = fs::metadata(cluster.socket_dir())
        .expect("directory")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    let socket = fs::metadata(cluster.socket_dir().join(".s.PGSQL.5432")).expect("socket");
    assert!(socket.file_type().is_socket());
}

#[test]
fn data_with_a_deep_path_has_its_socket_elsewhere() {
    let dir = Dir::new();
    let data = dir.join(&format!("{}/{}", "deep".repeat(20), "down".repeat(20)));
    let cluster = Cluster::start(&options(&data)).expect("start");
    assert_eq!(sql(&cluster, "SELECT 1"), "1");
    let socket_dir = cluster.socket_dir().to_owned();
    assert!(socket_dir.starts_with("/tmp") && !socket_dir.starts_with(&data));
    let mode = fs::metadata(&socket_dir)
        .expect("directory")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
    cluster.stop().expect("stop");
    assert!(!socket_dir.parent().expect("scratch").exists());
}

#[test]
fn throwaway_data_is_thrown_away() {
    let cluster = Cluster::start(&Options::throwaway(binaries())).expect("start");
    for setting in ["fsync", "full_page_writes", "synchronous_commit"] {
        assert_eq!(sql(&cluster, &format!("SHOW {setting}")), "off");
    }
    let data = PathBuf::from(sql(&cluster, "SHOW data_directory"));
    assert!(data.exists());
    drop(cluster);
    assert!(!data.parent().expect("scratch").exists());
}

#[test]
fn durable_data_is_as_safe_as_postgres_makes_it() {
    let dir = Dir::new();
    let options = Options {
        max_connections: 33,
        settings: vec![("work_mem".into(), "5MB".into())],
        ..Options::durable(binaries(), dir.join("data"))
    };
    let cluster = Cluster::start(&options).expect("start");
    for setting in [
        "fsync",
        "full_page_writes",
        "synchronous_commit",
        "data_checksums",
    ] {
        assert_eq!(sql(&cluster, &format!("SHOW {setting}")), "on");
    }
    assert_eq!(sql(&cluster, "SHOW server_encoding"), "UTF8");
    assert_eq!(sql(&cluster, "SHOW max_connections"), "33");
    assert_eq!(sql(&cluster, "SHOW work_mem"), "5MB");
    let collate = "SELECT datcollate FROM pg_database WHERE datname = 'template1'";
    assert_eq!(sql(&cluster, collate), "C");
}
