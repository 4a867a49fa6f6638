//! What a person typed: secrets from standard input or from the keyboard, never from the command
//! line, which others see; and names that may stand in the database.

use std::io::{IsTerminal as _, Read as _};

use anyhow::{Context as _, bail};
use keyway_domain::SecretString;

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

/// A provider's client secret. Only asterisks or bullets are the mask of a page that hides the real
/// one.
pub(crate) fn client_secret(from_stdin: bool) -> anyhow::Result<SecretString> {
    let typed = secret("client secret", "--client-secret-stdin", from_stdin)?;
    let secret = typed.expose().trim();
    if secret.chars().all(|c| c == '*' || c == '\u{2022}') {
        bail!("that is a masked secret, not the secret itself");
    }
    Ok(SecretString::from(secret))
}

/// A name for people.
pub(crate) fn name(typed: &str) -> Result<String, String> {
    plain(typed, 100).ok_or_else(|| "a name has 1 to 100 characters, all of them visible".into())
}

/// A provider's client id. What came along with a copy, such as a line end, is cut off.
pub(crate) fn client_id(typed: &str) -> Result<String, String> {
    plain(typed, 500)
        .filter(|id| !id.contains(char::is_whitespace))
        .ok_or_else(|| "a client id has 1 to 500 characters and no spaces".into())
}

fn plain(typed: &str, longest: usize) -> Option<String> {
    let text = typed.trim();
    let good = (1..=longest).contains(&text.chars().count()) && !text.contains(char::is_control);
    good.then(|| text.to_owned())
}
