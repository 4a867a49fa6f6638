//! Finds the Postgres that is installed.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use crate::DevDbError;

/// The programs that a cluster needs. Debian's `postgresql-client` alone has none of them.
const NEEDED: [&str; 3] = ["initdb", "postgres", "pg_ctl"];

/// A directory of Postgres's server programs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    dir: PathBuf,
    major: u32,
}

impl Binaries {
    /// Looks for Postgres: in `explicit` (what `KEYWAY_PG_BIN` says) and then nowhere else;
    /// without it in each directory of `path` (what `PATH` says), then where Debian, Homebrew and
    /// Postgres.app install it, the newest version first.
    ///
    /// # Errors
    /// [`DevDbError::NoBinaries`] if there is none, [`DevDbError::NotBinaries`] if `explicit` holds
    /// none, [`DevDbError::Unusable`] if what was found does not run.
    pub fn find(explicit: Option<&Path>, path: Option<&OsStr>) -> Result<Self, DevDbError> {
        let dir = match explicit {
            Some(dir) => home(dir).ok_or_else(|| DevDbError::NotBinaries(dir.to_owned()))?,
            None => search(path, Path::new("/")).ok_or(DevDbError::NoBinaries)?,
        };
        let major = ask_version(&dir.join("postgres"))?;
        Ok(Self { dir, major })
    }

    /// The major version, such as 17.
    pub fn major(&self) -> u32 {
        self.major
    }

    /// Where one of the programs lies. Only `initdb`, `postgres` and `pg_ctl` are sure to exist.
    pub fn program(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

fn search(path: Option<&OsStr>, root: &Path) -> Option<PathBuf> {
    path.into_iter()
        .flat_map(std::env::split_paths)
        .chain(usual_places(root))
        .find_map(|dir| home(&dir))
}

/// The directory where the programs of `dir` really lie, if it has all of them.
///
/// Postgres finds its share files relative to the program that was called, so a link such as
/// `/usr/local/bin/initdb` must be followed first.
fn home(dir: &Path) -> Option<PathBuf> {
    let initdb = dir.join("initdb").canonicalize().ok()?;
    let real = initdb.parent()?;
    (has_all(dir) && has_all(real)).then(|| real.to_owned())
}

fn has_all(dir: &Path) -> bool {
    NEEDED.iter().all(|name| is_program(&dir.join(name)))
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// Where packages put Postgres, below `root`.
fn usual_places(root: &Path) -> Vec<PathBuf> {
    [
        ("usr/lib/postgresql", ""),
        ("opt/homebrew/opt", "postgresql@"),
        ("usr/local/opt", "postgresql@"),
        ("Applications/Postgres.app/Contents/Versions", ""),
    ]
    .iter()
    .flat_map(|(parent, prefix)| newest_first(&root.join(parent), prefix))
    .map(|version| version.join("bin"))
    .collect()
}

/// The entries of `parent` that are `prefix` and a number, the largest first.
fn newest_first(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let major = entry.file_name().to_str()?.strip_prefix(prefix)?.parse();
            Some((major.ok()?, entry.path()))
        })
        .collect();
    found.sort_unstable_by(|left, right| right.cmp(left));
    found.into_iter().map(|(_, path)| path).collect()
}

fn ask_version(postgres: &Path) -> Result<u32, DevDbError> {
    let unusable = |reason: String| DevDbError::Unusable {
        postgres: postgres.to_owned(),
        reason,
    };
    let output = Command::new(postgres)
        .arg("--version")
        .output()
        .map_err(|error| unusable(error.to_string()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    major_of(&text).ok_or_else(|| unusable(format!("{text:?}, {}", output.status)))
}

/// Reads `postgres (PostgreSQL) 17.2 (Debian 17.2-1)` or `… 18beta1`.
fn major_of(text: &str) -> Option<u32> {
    let version = text.strip_prefix("postgres (PostgreSQL) ")?;
    let end = version.find(|c: char| !c.is_ascii_digit())?;
    version.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::scratch::Scratch;

    fn install(dir: &Path) {
        fs::create_dir_all(dir).expect("dir");
        for name in NEEDED {
            fs::write(dir.join(name), "").expect("file");
            fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o755)).expect("mode");
        }
    }

    fn root() -> Scratch {
        Scratch::create(Path::new("/tmp"), "keyway-test-").expect("scratch")
    }

    #[test]
    fn the_newest_of_the_usual_places_is_found() {
        let root = root();
        assert_eq!(search(None, root.path()), None);
        let brew = root.path().join("opt/homebrew/opt/postgresql@16/bin");
        install(&brew);
        assert_eq!(search(None, root.path()), Some(brew));
        let debian = root.path().join("usr/lib/postgresql");
        install(&debian.join("9/bin"));
        install(&debian.join("15/bin"));
        fs::create_dir_all(debian.join("17/bin")).expect("clients only");
        assert_eq!(search(None, root.path()), Some(debian.join("15/bin")));
    }

    #[test]
    fn path_goes_first_and_links_are_followed() {
        let root = root();
        let (real, bin) = (root.path().join("real"), root.path().join("bin"));
        install(&root.path().join("usr/lib/postgresql/15/bin"));
        install(&real);
        fs::create_dir(&bin).expect("dir");
        for name in NEEDED {
            symlink(real.join(name), bin.join(name)).expect("link");
        }
        let path = std::env::join_paths([root.path().join("none"), bin.clone()]).expect("path");
        assert_eq!(search(Some(&path), root.path()), Some(real.clone()));
        fs::remove_file(bin.join("pg_ctl")).expect("remove");
        assert_ne!(search(Some(&path), root.path()), Some(real));
    }

    #[test]
    fn a_named_directory_without_postgres_is_an_error() {
        let error = Binaries::find(Some(Path::new("/nowhere")), None).expect_err("none");
        assert!(error.to_string().contains("/nowhere"), "{error}");
    }

    #[test]
    fn versions_are_read() {
        assert_eq!(
            major_of("postgres (PostgreSQL) 15.20 (Debian 15.20-0)\n"),
            Some(15)
        );
        assert_eq!(major_of("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major_of("psql 15\n"), None);
    }

    #[test]
    fn without_postgres_the_error_says_what_to_type() {
        let text = DevDbError::NoBinaries.to_string();
        assert!(text.contains("install") && text.contains("KEYWAY_DATABASE_URL"));
    }
}
