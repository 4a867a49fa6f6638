//! The directory of `keyway dev`: made on the first run, kept on the next.

use std::{
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use keyway_web::{Settings, config::KEYS};
use serde::{Serialize, de::DeserializeOwned};

use crate::keys;

/// `.keyway/`, readable by its owner alone.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        if path.exists() && !path.is_dir() {
            bail!(
                "{} is not a directory; name another with --directory",
                path.display()
            );
        }
        if !path.exists() {
            let made = fs::DirBuilder::new()
                .mode(0o700)
                .recursive(true)
                .create(path);
            made.with_context(|| format!("cannot make {}", path.display()))?;
        }
        let directory = Self(fs::canonicalize(path)?);
        directory.check_whole()?;
        Ok(directory)
    }

    /// A database without the keys that it was sealed with is of no use, and neither are keys
    /// of which one half is gone.
    fn check_whole(&self) -> anyhow::Result<()> {
        let path = self.0.display();
        let (ring, public) = (self.key_ring(), self.public_keys());
        if self.postgres().join("PG_VERSION").exists() && !ring.exists() {
            bail!(
                "{path} holds a database, but its key ring {} is gone. Put the key ring back, or remove {path} to start anew",
                ring.display()
            );
        }
        if ring.exists() != public.exists() {
            let (there, gone) = if ring.exists() {
                (&ring, &public)
            } else {
                (&public, &ring)
            };
            bail!(
                "{path} is half made: {} is there and {} is not. Put it back, or remove {path} to start anew",
                there.display(),
                gone.display()
            );
        }
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn postgres(&self) -> PathBuf {
        self.0.join("postgres")
    }

    pub(crate) fn settings_path(&self) -> PathBuf {
        self.0.join("keyway.toml")
    }

    fn key_ring(&self) -> PathBuf {
        self.0.join("keyring.toml")
    }

    fn public_keys(&self) -> PathBuf {
        self.0.join("public-keys.toml")
    }

    /// Generates the keys on the first run, and names them in the settings.
    pub(crate) fn keys(&self, settings: &mut Settings) -> anyhow::Result<()> {
        if !self.key_ring().exists() && !settings.is_set("keyring_file") {
            keys::generate(&self.key_ring(), &self.public_keys())?;
        }
        settings.set_default("keyring_file", self.key_ring().display().to_string())?;
        settings.set_default("public_keys_file", self.public_keys().display().to_string())?;
        Ok(())
    }

    /// Writes the sample provider's definition beside whatever definitions you put there.
    pub(crate) fn providers(
        &self,
        settings: &mut Settings,
        provider_url: &str,
    ) -> anyhow::Result<()> {
        let directory = match settings.providers_dir() {
            Some(directory) => directory,
            None => self.0.join("providers"),
        };
        fs::create_dir_all(&directory)?;
        let definition = include_str!("sample.toml").replace("http://127.0.0.1:8082", provider_url);
        fs::write(directory.join("sample.toml"), definition).with_context(|| {
            format!(
                "cannot write the sample provider to {}",
                directory.display()
            )
        })?;
        settings.set("providers_dir", directory.display().to_string())?;
        Ok(())
    }

    /// Writes the settings in effect, so that other commands find this database.
    pub(crate) fn settings_file(&self, settings: &Settings) -> anyhow::Result<()> {
        let mut table = toml::Table::new();
        table.insert(
            "database_url".into(),
            settings.database_url()?.expose().clone().into(),
        );
        for (key, (_, value)) in KEYS.iter().zip(settings.shown()) {
            let kept = [
                "public_url",
                "console_url",
                "listen",
                "console_listen",
                "keyring_file",
                "public_keys_file",
                "providers_dir",
                "outbound_allow",
            ];
            if kept.contains(&key.name) {
                table.insert(key.name.into(), value.into());
            }
        }
        let text = format!("# Written by `keyway dev` at each start.\n{table}");
        self.replace("keyway.toml", &text)
    }

    /// Reads a small file of ours.
    pub(crate) fn read<T: DeserializeOwned>(&self, name: &str) -> anyhow::Result<Option<T>> {
        let path = self.0.join(name);
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path)?;
        let value = toml::from_str(&text).map_err(|error| {
            anyhow::anyhow!(
                "{} does not read: {}; remove it to start anew",
                path.display(),
                error.message()
            )
        })?;
        Ok(Some(value))
    }

    /// Writes a small file of ours.
    pub(crate) fn write<T: Serialize>(&self, name: &str, value: &T) -> anyhow::Result<()> {
        self.replace(name, &toml::to_string(value)?)
    }

    /// Whole or not at all, readable by its owner alone.
    fn replace(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let new = self.0.join(format!("{name}.new"));
        let _ = fs::remove_file(&new);
        keys::write_new(&new, 0o600, text)?;
        fs::rename(&new, self.0.join(name))?;
        Ok(())
    }
}
