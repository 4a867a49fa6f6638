//! As root and as an ordinary user, by each of the ways.
//!
//! All other tests run as whoever runs them, by the first way that works.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, symlink},
    path::{Path, PathBuf},
};

use nix::unistd::geteuid;

use crate::support::{
    Dir, HOLDER, Holder, as_nobody, eventually, holder, is_alive, postmaster, sql_at,
};

/// Where a program of the `PATH` lies.
fn which(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").expect("PATH");
    let mut dirs = std::env::split_paths(&path);
    dirs.find_map(|dir| dir.join(program).canonicalize().ok())
        .expect("program")
}

/// A `PATH` with nothing but these programs.
fn path_with(dir: &Dir, programs: &[&str]) -> PathBuf {
    let bin = dir.join("bin");
    fs::create_dir(&bin).expect("directory");
    for program in programs {
        symlink(which(program), bin.join(program)).expect("link");
    }
    bin
}

fn owner(path: &Path) -> u32 {
    fs::metadata(path).expect("metadata").uid()
}

/// As whom a process runs, seen from outside of its namespace.
fn user_of(pid: u32) -> u32 {
    owner(Path::new(&format!("/proc/{pid}")))
}

#[test]
fn an_ordinary_user_needs_nothing_special() {
    if !geteuid().is_root() {
        return; // Then every other test is this one.
    }
    let dir = Dir::new();
    let mut command = as_nobody(&dir);
    command.args(HOLDER);
    let data = dir.join("data");
    let mut holder = Holder::begin(command, &data);
    let url = holder.outcome().expect("started");
    assert_eq!(sql_at(&url, "SELECT current_user"), "keyway");
    assert_eq!(owner(&data), 65534);
    let postgres = postmaster(&data);
    assert_eq!(user_of(postgres), 65534);
    holder.kill();
    eventually("Postgres ends", || !is_alive(postgres));
}

#[test]
fn root_drops_to_an_ordinary_user_where_there_are_no_namespaces() {
    if !geteuid().is_root() {
        return;
    }
    let dir = Dir::new();
    let data = dir.join("data");
    // Made in a namespace, if there are any: then the files are root's.
    let mut first = Holder::begin(holder(), &data);
    let url = first.outcome().expect("started");
    sql_at(&url, "CREATE TABLE kept AS SELECT 1");
    first.finish();

    let mut command = holder();
    command.env("PATH", path_with(&dir, &["setpriv", "sh", "true"]));
    let mut dropped = Holder::begin(command, &data);
    let url = dropped.outcome().expect("started");
    assert_eq!(sql_at(&url, "TABLE kept"), "1");
    let postgres = postmaster(&data);
    assert_ne!(user_of(postgres), 0);
    assert_ne!(owner(&data), 0);
    dropped.kill();
    eventually("Postgres ends", || !is_alive(postgres));

    let mut back = Holder::begin(holder(), &data);
    let url = back.outcome().expect("started");
    assert_eq!(sql_at(&url, "TABLE kept"), "1");
    back.finish();
}

#[test]
fn root_without_any_way_is_told_so() {
    if !geteuid().is_root() {
        return;
    }
    let dir = Dir::new();
    let mut command = holder();
    command.env("PATH", path_with(&dir, &["sh", "true"]));
    let mut refused = Holder::begin(command, &dir.join("data"));
    let error = refused.outcome().expect_err("refused");
    assert!(error.contains("refuses to run as root"), "{error}");
    refused.finish();
    assert!(!dir.join("data").exists());
}
