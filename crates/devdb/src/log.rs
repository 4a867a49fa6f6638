//! Postgres's log.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

/// An empty log, the one before kept beside it.
pub(crate) fn fresh(log: &Path) -> io::Result<File> {
    match fs::rename(log, log.with_extension("log.old")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(0o600)
        .open(log)
}

/// The end of it, to be shown when Postgres does not start.
pub(crate) fn last_lines(log: &Path, count: usize) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let skipped = lines.len().saturating_sub(count);
    lines
        .into_iter()
        .skip(skipped)
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn the_end_of_a_log_is_shown_and_the_log_before_is_kept() {
        let dir = Scratch::create(Path::new("/tmp"), "keyway-test-").expect("dir");
        let log = dir.path().join("postgres.log");
        fs::write(&log, "one\ntwo\nthree\n").expect("log");
        assert_eq!(last_lines(&log, 2), "two\nthree");
        drop(fresh(&log).expect("fresh"));
        assert_eq!(last_lines(&log, 2), "");
        assert_eq!(last_lines(&dir.path().join("postgres.log.old"), 1), "three");
        assert_eq!(last_lines(Path::new("/nowhere"), 2), "");
    }
}
