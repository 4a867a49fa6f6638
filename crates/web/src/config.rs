//! Configuration: `KEYWAY_*` in the environment, or the same keys in a TOML file; environment wins.

mod base_url;
mod keys;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use ipnet::IpNet;
use keyway_domain::SecretString;

pub use base_url::BaseUrl;
pub use keys::{KEYS, Key};

/// Configuration that cannot be used: a sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A key that nobody reads is a typing error.
    #[error("{0} is no setting of Keyway; see `keyway config reference`")]
    Unknown(String),
    /// A key that this program needs.
    #[error("{0} is not set: {1}")]
    Missing(String, &'static str),
    /// A value of another form.
    #[error("{0}: {1}")]
    Invalid(String, String),
    /// A file that cannot be read.
    #[error("{0}: {1}")]
    File(String, String),
}

/// The settings of an installation, as texts; the getters check.
#[derive(Clone, Default)]
pub struct Settings(BTreeMap<&'static str, String>);

impl std::fmt::Debug for Settings {
    /// Names only: a database URL holds a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl Settings {
    /// Reads the process's environment, and the file if one is named.
    ///
    /// # Errors
    /// [`ConfigError`] names the key or the file.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment"
    )]
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let text = file
            .map(|path| {
                std::fs::read_to_string(path).map_err(|error| {
                    ConfigError::File(path.display().to_string(), error.to_string())
                })
            })
            .transpose()?;
        Self::read(std::env::vars(), text.as_deref())
    }

    /// Reads these variables and the text of a file.
    ///
    /// # Errors
    /// [`ConfigError`] names the key.
    pub fn read(
        environment: impl IntoIterator<Item = (String, String)>,
        file: Option<&str>,
    ) -> Result<Self, ConfigError> {
        let mut settings = Self::default();
        if let Some(text) = file {
            let table: toml::Table = toml::from_str(text).map_err(|error| {
                ConfigError::File("configuration file".into(), error.message().to_owned())
            })?;
            for (name, value) in table {
                settings.set(&name, written_out(&name, &value)?)?;
            }
        }
        for (name, value) in environment {
            if name.starts_with("KEYWAY_") {
                settings.set(&name, value)?;
            }
        }
        Ok(settings)
    }

    /// Sets a key; an empty value counts as not set.
    ///
    /// # Errors
    /// [`ConfigError::Unknown`].
    pub fn set(&mut self, name: &str, value: String) -> Result<(), ConfigError> {
        let plain = name.strip_prefix("KEYWAY_").map(str::to_ascii_lowercase);
        let plain = plain.as_deref().unwrap_or(name);
        let key = KEYS
            .iter()
            .find(|key| key.name == plain)
            .ok_or_else(|| ConfigError::Unknown(name.to_owned()))?;
        if value.is_empty() {
            self.0.remove(key.name);
        } else {
            self.0.insert(key.name, value);
        }
        Ok(())
    }

    /// Sets a key that nothing has set yet.
    ///
    /// # Errors
    /// [`ConfigError::Unknown`].
    pub fn set_default(&mut self, name: &str, value: impl Into<String>) -> Result<(), ConfigError> {
        if self.is_set(name) {
            Ok(())
        } else {
            self.set(name, value.into())
        }
    }

    /// Whether a key was given.
    pub fn is_set(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The database URL, from its key or its file.
    ///
    /// # Errors
    /// [`ConfigError::Missing`] or [`ConfigError::File`].
    pub fn database_url(&self) -> Result<SecretString, ConfigError> {
        self.secret("database_url", "database_url_file")?
            .ok_or_else(|| {
                missing(
                    "database_url",
                    "name the Postgres to use, as postgres://user:password@host/database",
                )
            })
    }

    /// Most connections that this process opens.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`].
    pub fn database_connections(&self) -> Result<u32, ConfigError> {
        let number: u32 = self.parsed("database_connections", "a number of at least 2")?;
        if number < 2 {
            return Err(invalid("database_connections", "a number of at least 2"));
        }
        Ok(number)
    }

    /// Where the gateway is reached, without a slash at its end.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`].
    pub fn public_url(&self) -> Result<BaseUrl, ConfigError> {
        BaseUrl::parse(self.text("public_url")).map_err(|why| invalid("public_url", why))
    }

    /// Where the console is reached, without a slash at its end.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`].
    pub fn console_url(&self) -> Result<BaseUrl, ConfigError> {
        BaseUrl::parse(self.text("console_url")).map_err(|why| invalid("console_url", why))
    }

    /// Address of the gateway.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`].
    pub fn listen(&self) -> Result<SocketAddr, ConfigError> {
        self.parsed("listen", "an address and port, such as 127.0.0.1:8080")
    }

    /// Address of the console.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`].
    pub fn console_listen(&self) -> Result<SocketAddr, ConfigError> {
        self.parsed(
            "console_listen",
            "an address and port, such as 127.0.0.1:8081",
        )
    }

    /// Address of the metrics; none if they are off.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`].
    pub fn metrics_listen(&self) -> Result<Option<SocketAddr>, ConfigError> {
        if self.text("metrics_listen") == "off" {
            return Ok(None);
        }
        self.parsed(
            "metrics_listen",
            "an address and port, such as 127.0.0.1:9464, or off",
        )
        .map(Some)
    }

    /// Bounds of the background refreshes.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`].
    pub fn refresh_limits(&self) -> Result<RefreshLimits, ConfigError> {
        let number = |name, most: u32| {
            let form = format!("a number from 1 to {most}");
            let number: u32 = self.parsed(name, &form)?;
            if (1..=most).contains(&number) {
                Ok(number)
            } else {
                Err(invalid(name, form))
            }
        };
        Ok(RefreshLimits {
            concurrency: number("refresh_concurrency", 1000)?,
            rate: number("refresh_rate", 10_000)?,
        })
    }

    /// The key ring's file.
    ///
    /// # Errors
    /// [`ConfigError::Missing`].
    pub fn keyring_file(&self) -> Result<PathBuf, ConfigError> {
        self.path("keyring_file")
            .ok_or_else(|| missing("keyring_file", "make one with `keyway keys generate`"))
    }

    /// The public keys' file.
    ///
    /// # Errors
    /// [`ConfigError::Missing`].
    pub fn public_keys_file(&self) -> Result<PathBuf, ConfigError> {
        self.path("public_keys_file")
            .ok_or_else(|| missing("public_keys_file", "make one with `keyway keys generate`"))
    }

    /// Directory of additional definitions.
    pub fn providers_dir(&self) -> Option<PathBuf> {
        self.path("providers_dir")
    }

    /// Directory of the Postgres programs, for `keyway dev`.
    pub fn pg_bin(&self) -> Option<PathBuf> {
        self.path("pg_bin")
    }

    /// A comma-separated list, each part read as `T`.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`].
    pub fn outbound_allow<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
    ) -> Result<Vec<T>, ConfigError> {
        self.list("outbound_allow")
    }

    /// What the operator's TLS edge proves its client-certificate headers with, if there is one.
    ///
    /// # Errors
    /// [`ConfigError`] if the file cannot be read, or the key is too short to be a secret.
    pub fn edge_key(&self) -> Result<Option<SecretString>, ConfigError> {
        let key = self.secret("edge_key", "edge_key_file")?;
        if key.as_ref().is_some_and(|key| key.expose().len() < 16) {
            return Err(invalid("edge_key", "at least 16 characters"));
        }
        Ok(key)
    }

    /// Networks of the operator's own proxies.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`].
    pub fn trusted_proxies(&self) -> Result<Vec<IpNet>, ConfigError> {
        let parts: Vec<String> = self.list("trusted_proxies")?;
        parts
            .iter()
            .map(|part| {
                let address = part.parse::<std::net::IpAddr>().map(IpNet::from);
                address.or_else(|_| part.parse()).map_err(|_| {
                    invalid(
                        "trusted_proxies",
                        "addresses or networks, such as 10.0.0.0/8",
                    )
                })
            })
            .collect()
    }

    /// The tracing filter.
    pub fn log(&self) -> &str {
        self.text("log")
    }

    /// Whether to log in JSON.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`].
    pub fn log_as_json(&self) -> Result<bool, ConfigError> {
        match self.text("log_format") {
            "text" => Ok(false),
            "json" => Ok(true),
            _ => Err(invalid("log_format", "text or json")),
        }
    }

    /// The keys with their values for people: secrets masked, defaults marked.
    pub fn shown(&self) -> impl Iterator<Item = (String, String)> {
        KEYS.iter().map(|key| {
            let secret = matches!(key.name, "database_url" | "edge_key");
            let value = match self.0.get(key.name) {
                Some(_) if secret => "[redacted]".to_owned(),
                Some(value) => value.clone(),
                None => key.default.to_owned(),
            };
            (environment_name(key.name), value)
        })
    }

    fn text(&self, name: &str) -> &str {
        let default = || {
            KEYS.iter()
                .find(|key| key.name == name)
                .map_or("", |key| key.default)
        };
        self.0.get(name).map_or_else(default, String::as_str)
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        let text = self.text(name);
        (!text.is_empty()).then(|| PathBuf::from(text))
    }

    fn parsed<T: std::str::FromStr>(&self, name: &str, form: &str) -> Result<T, ConfigError> {
        self.text(name).parse().map_err(|_| invalid(name, form))
    }

    fn list<T: std::str::FromStr<Err: std::fmt::Display>>(
        &self,
        name: &str,
    ) -> Result<Vec<T>, ConfigError> {
        let parts = self
            .text(name)
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty());
        parts
            .map(|part| {
                part.parse()
                    .map_err(|error: T::Err| invalid(name, error.to_string()))
            })
            .collect()
    }

    fn secret(
        &self,
        name: &'static str,
        file: &'static str,
    ) -> Result<Option<SecretString>, ConfigError> {
        if let Some(value) = self.0.get(name) {
            return Ok(Some(SecretString::from(value.as_str())));
        }
        self.path(file)
            .map(|path| {
                let text = std::fs::read_to_string(&path).map_err(|error| {
                    ConfigError::File(path.display().to_string(), error.to_string())
                })?;
                Ok(SecretString::from(text.trim()))
            })
            .transpose()
    }
}

/// Bounds of the background refreshes, for each provider and gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshLimits {
    /// At a time.
    pub concurrency: u32,
    /// Started in a second.
    pub rate: u32,
}

/// The name of a key in the environment.
pub fn environment_name(name: &str) -> String {
    format!("KEYWAY_{}", name.to_ascii_uppercase())
}

fn written_out(name: &str, value: &toml::Value) -> Result<String, ConfigError> {
    match value {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Boolean(flag) => Ok(flag.to_string()),
        toml::Value::Array(items) => {
            let items: Result<Vec<String>, _> =
                items.iter().map(|item| written_out(name, item)).collect();
            Ok(items?.join(","))
        }
        _ => Err(ConfigError::Invalid(
            name.to_owned(),
            "a text, a number or a list of texts".into(),
        )),
    }
}

fn missing(name: &str, why: &'static str) -> ConfigError {
    ConfigError::Missing(environment_name(name), why)
}

fn invalid(name: &str, why: impl Into<String>) -> ConfigError {
    ConfigError::Invalid(environment_name(name), why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn environment_wins_over_the_file() {
        let file = "listen = \"127.0.0.1:1\"\nKEYWAY_PUBLIC_URL = \"https://a.example\"\noutbound_allow = [\"10.0.0.1\", \"10.0.0.2\"]";
        let settings = Settings::read(
            env(&[("KEYWAY_LISTEN", "127.0.0.1:2"), ("PATH", "/bin")]),
            Some(file),
        )
        .expect("good");
        assert_eq!(settings.listen().expect("address").port(), 2);
        assert_eq!(
            settings.public_url().expect("url").as_str(),
            "https://a.example"
        );
        assert_eq!(
            settings.outbound_allow::<String>().expect("list"),
            ["10.0.0.1", "10.0.0.2"]
        );
    }

    #[test]
    fn unknown_keys_are_named() {
        let error = Settings::read(env(&[("KEYWAY_LISTN", "x")]), None).expect_err("refused");
        assert_eq!(error, ConfigError::Unknown("KEYWAY_LISTN".into()));
        let error = Settings::read([], Some("listn = \"x\"")).expect_err("refused");
        assert_eq!(error, ConfigError::Unknown("listn".into()));
    }

    #[test]
    fn secrets_are_never_shown() {
        let settings = Settings::read(
            env(&[("KEYWAY_DATABASE_URL", "postgres://u:canary@h/d")]),
            None,
        )
        .expect("good");
        let shown = format!(
            "{settings:?} {:?} {:?}",
            settings.shown().collect::<Vec<_>>(),
            settings.database_url()
        );
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn a_base_url_is_an_origin_over_https_or_on_loopback() {
        for good in [
            "https://a.example",
            "https://a.example/",
            "http://127.0.0.1:8080",
            "http://localhost:1",
            "http://[::1]:1",
        ] {
            assert!(BaseUrl::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://a.example",
            "https://a.example/path",
            "https://a.example/?q",
            "https://u@a.example",
            "a.example",
            "ftp://127.0.0.1",
        ] {
            assert!(BaseUrl::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(
            BaseUrl::parse("https://a.example/").map(|url| url.join("/x")),
            Ok("https://a.example/x".into())
        );
    }
}
