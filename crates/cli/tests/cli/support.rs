//! An installation in a directory of its own, and programs that run in it.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use keyway_domain::{Random, SecretString, random::OsRandom};
use keyway_testkit::database::TestDatabase;
use keyway_vault::KeyRing;
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, process::Command};
use tokio_postgres::SimpleQueryMessage;

/// Part of every secret that these tests hand over; no program ever shows it.
pub const CANARY: &str = "canary";
/// A password that is long enough.
pub const PASSWORD: &str = "a long canary password";
/// A provider's client secret.
pub const CLIENT_SECRET: &str = "provider's canary secret";

/// A directory that goes when the test ends.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Self {
        let random: &dyn Random = &OsRandom;
        let token = random.token();
        let name = format!("keyway-cli-test-{}", &token.expose()[..16]);
        let path = std::env::temp_dir().join(name);
        let made = fs::DirBuilder::new().mode(0o755).create(&path);
        made.expect("a directory");
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file with this mode.
    pub fn write(&self, name: &str, mode: u32, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("permissions");
        path.display().to_string()
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("a file")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A directory, and the settings of programs that run in it.
pub struct Shell {
    pub directory: Directory,
    environment: BTreeMap<String, String>,
}

/// What a program did.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Shell {
    pub fn new() -> Self {
        Self {
            directory: Directory::new(),
            environment: BTreeMap::new(),
        }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// `keyway` with these words; nobody is at the keyboard.
    pub async fn keyway(&self, words: &[&str]) -> Ran {
        self.keyway_reads("", words).await
    }

    /// `keyway` with these words, and this text on standard input.
    pub async fn keyway_reads(&self, stdin: &str, words: &[&str]) -> Ran {
        let mut command = self.command(Path::new(env!("CARGO_BIN_EXE_keyway")));
        let mut child = command
            .args(words)
            .stdin(Stdio::piped())
            .spawn()
            .expect("keyway starts");
        let mut input = child.stdin.take().expect("standard input");
        // One that does not read is no failure of these tests.
        let _ = input.write_all(stdin.as_bytes()).await;
        drop(input);
        Ran::of(ended(child).await)
    }

    /// A program in the directory with the settings, and nothing else of our environment.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("RUST_BACKTRACE", "1")
            .envs(&self.environment)
            .current_dir(&self.directory.0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }
}

/// Waits for a program, and not for ever.
pub async fn ended(child: tokio::process::Child) -> Output {
    let limit = Duration::from_mins(1);
    let ended = tokio::time::timeout(limit, child.wait_with_output()).await;
    ended.expect("ends within a minute").expect("an end")
}

impl Ran {
    #[track_caller]
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("text");
        let ran = Self {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        let shown = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!shown.contains(CANARY), "a secret is shown: {ran:?}");
        assert!(!shown.contains("stack backtrace"), "{ran:?}");
        ran
    }

    /// Success, without a word on standard error.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        self
    }

    /// Success, and the result.
    #[track_caller]
    pub fn json(self) -> Value {
        let ran = self.succeeded();
        serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("no JSON: {ran:?}"))
    }

    /// Refused, with one sentence for the operator.
    #[track_caller]
    pub fn refused(self, sentence: &str) {
        assert_eq!((self.code, self.stdout.as_str()), (Some(1), ""), "{self:?}");
        assert!(self.stderr.starts_with("keyway: "), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        assert!(self.stderr.contains(sentence), "{self:?}");
    }

    /// Not understood, with a word on how it is meant.
    #[track_caller]
    pub fn misused(self, sentence: &str) {
        assert_eq!((self.code, self.stdout.as_str()), (Some(2), ""), "{self:?}");
        assert!(self.stderr.contains(sentence), "{self:?}");
        assert!(self.stderr.contains("--help"), "{self:?}");
    }
}

/// The names of an object's members, sorted.
#[track_caller]
pub fn fields(object: &Value) -> Vec<&str> {
    let members = object.as_object().unwrap_or_else(|| panic!("{object}"));
    let mut names: Vec<&str> = members.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

/// The rows of a list.
#[track_caller]
pub fn rows(list: &Value) -> &[Value] {
    list.as_array().unwrap_or_else(|| panic!("{list}"))
}

/// A database at this version, keys for it, and the account "acme".
pub struct Installation {
    pub shell: Shell,
    pub database: TestDatabase,
}

impl Installation {
    pub async fn new() -> Self {
        let database = TestDatabase::new().await;
        let mut shell = Shell::new();
        let ring = KeyRing::generate(&OsRandom).to_toml().expect("a key ring");
        let ring = shell.directory.write("keyring.toml", 0o600, ring.expose());
        shell.set("KEYWAY_KEYRING_FILE", &ring);
        shell.set("KEYWAY_DATABASE_URL", database.url());
        let installation = Self { shell, database };
        let create = [
            "admins",
            "create",
            "--account",
            "Acme",
            "--email",
            "a@acme.test",
            "--password-stdin",
        ];
        installation
            .shell
            .keyway_reads(PASSWORD, &create)
            .await
            .succeeded();
        installation
    }

    pub async fn keyway(&self, words: &[&str]) -> Ran {
        self.shell.keyway(words).await
    }

    pub async fn keyway_reads(&self, stdin: &str, words: &[&str]) -> Ran {
        self.shell.keyway_reads(stdin, words).await
    }

    pub fn ring(&self) -> KeyRing {
        let text = SecretString::new(self.shell.directory.read("keyring.toml"));
        KeyRing::parse(&text).expect("a key ring")
    }

    /// Registers an app of this client id; its Keyway id.
    pub async fn register(&self, provider: &str, client_id: &str) -> String {
        let words = create_app(provider, client_id);
        let app = self.keyway_reads(CLIENT_SECRET, &words).await.json();
        app["id"].as_str().expect("an id").to_owned()
    }

    /// The first column of what the database itself says.
    pub async fn sql(&self, query: &str) -> Vec<String> {
        let client = self.database.client().await;
        let rows = client.simple_query(query).await;
        let rows = rows.unwrap_or_else(|error| panic!("{query}: {error:?}"));
        rows.iter()
            .filter_map(|row| match row {
                SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("NULL").to_owned()),
                _ => None,
            })
            .collect()
    }
}

/// The words that register an app, with its secret on standard input.
pub fn create_app<'a>(provider: &'a str, client_id: &'a str) -> Vec<&'a str> {
    vec![
        "oauth-apps",
        "create",
        "--account",
        "acme",
        "--provider",
        provider,
        "--name",
        "Acme App",
        "--client-id",
        client_id,
        "--client-secret-stdin",
        "--json",
    ]
}

/// Waits for a condition, for at most 20 seconds.
pub async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let reached = async { while !condition().await {} };
    tokio::time::timeout(Duration::from_secs(20), reached)
        .await
        .unwrap_or_else(|_| panic!("{what}: not in 20 seconds"));
}
