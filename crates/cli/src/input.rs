//! What a person typed: secrets from standard input or from the keyboard, never from the command
//! line, which others see.

use std::io::{IsTerminal as _, Read as _};

use anyhow::{Context as _, bail};
use keyway_domain::{SecretString, oauth_app};

/// Reads a secret. `from_stdin` takes all of standard input but the end of its line; otherwise
/// somebody must be there to type it.
pub(crate) fn secret(what: &str, flag: &str, from_stdin: bool) -> anyhow::Result<SecretString> {
    let mut text = if from_stdin {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .with_context(|| format!("cannot read the {what}"))?;
        text
    } else if std::io::stdin().is_terminal() {
        rpassword::prompt_password(format!("{what}: "))?
    } else {
        bail!("give the {what} on standard input with {flag}");
    };
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    if text.trim().is_empty() {
        bail!("the {what} is empty");
    }
    Ok(SecretString::new(text))
}

/// A provider's client secret.
pub(crate) fn client_secret(from_stdin: bool) -> anyhow::Result<SecretString> {
    let typed = secret("client secret", "--client-secret-stdin", from_stdin)?;
    Ok(oauth_app::client_secret(&typed)?)
}
