//! The way in: a Unix socket, and the URL that leads to it.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

/// Only names the socket's file. The default, so that it need not stand in the URL.
pub(crate) const PORT: &str = "5432";
/// Bytes in the path of a socket: 107 on Linux, 103 on macOS.
const SOCKET_PATH_LIMIT: usize = 103;

/// The directory, if a socket in it can be addressed and its path written into a setting.
pub(crate) fn fitting(dir: &Path) -> Option<PathBuf> {
    let text = dir.to_str()?;
    let length = text.len() + "/.s.PGSQL.".len() + PORT.len();
    (length <= SOCKET_PATH_LIMIT && !text.contains('"')).then(|| dir.to_owned())
}

/// The URL of a database, in the form that libpq and tokio-postgres read alike.
pub(crate) fn url(socket_dir: &Path, database: &str) -> String {
    let host = percent_encode(&socket_dir.to_string_lossy());
    format!("postgres://keyway@{host}/{}", percent_encode(database))
}

/// Escapes all but what RFC 3986 section 2.3 calls unreserved.
fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::Host;

    use super::*;

    #[test]
    fn a_url_leads_to_socket_and_database() {
        let url = url(Path::new("/tmp/a b/söcket"), "kw test?");
        let config: tokio_postgres::Config = url.parse().expect("config");
        assert_eq!(config.get_hosts(), [Host::Unix("/tmp/a b/söcket".into())]);
        assert_eq!(config.get_dbname(), Some("kw test?"));
        assert_eq!(config.get_user(), Some("keyway"));
    }

    #[test]
    fn a_socket_goes_elsewhere_where_it_would_not_fit() {
        let dir = |length: usize| PathBuf::from(format!("/{}", "x".repeat(length - 1)));
        assert!(fitting(&dir(89)).is_some());
        assert!(fitting(&dir(90)).is_none());
        assert!(fitting(Path::new("/tmp/\"")).is_none());
    }
}
