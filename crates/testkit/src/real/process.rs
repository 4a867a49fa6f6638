//! A server as a process of its own.

use std::process::Stdio;

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

/// Starts a server, which ends with its standard input, and reads the URL that it says first.
pub(super) async fn start(program: &str, arguments: &[&str]) -> (Child, String) {
    let mut process = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("what it runs with: script/setup test");
    let output = process.stdout.take().expect("piped");
    let mut lines = BufReader::new(output).lines();
    let url = loop {
        let line = lines.next_line().await.expect("readable");
        let line = line.expect("its packages: script/setup test");
        // It has warnings of its own to say.
        if line.starts_with("http://127.0.0.1:") || line.starts_with("https://127.0.0.1:") {
            break line;
        }
    };
    // Nobody reads on, but it must not find the pipe closed.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (process, url)
}
