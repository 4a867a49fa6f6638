//! What may stand in an OAuth app, whoever types it: an admin, an operator, a client backend.

use base64ct::{Base64UrlUnpadded, Encoding as _};

use crate::{
    pem,
    provider::ProviderSlug,
    random::Random,
    scope::{InvalidScope, Scopes},
    secret::SecretString,
};

/// A certificate and its key, in PEM, is the longest.
const MAX_SECRET: usize = 16_000;
const MAX_SCOPES: usize = 4000;

/// Why a value cannot stand in an OAuth app; the sentence to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidField {
    /// The value itself.
    #[error("{0}")]
    Value(&'static str),
    /// A scope.
    #[error(transparent)]
    Scope(#[from] InvalidScope),
}

/// A name for people.
///
/// # Errors
/// [`InvalidField`] unless it has 1 to 100 characters, none of them a control.
pub fn name(typed: &str) -> Result<String, InvalidField> {
    let name = typed.trim();
    if name.chars().any(char::is_control) {
        return Err(InvalidField::Value("no control characters"));
    }
    match name.chars().count() {
        0 => Err(InvalidField::Value("enter a name")),
        1..=100 => Ok(name.to_owned()),
        _ => Err(InvalidField::Value("at most 100 characters")),
    }
}

/// A provider's client id. What came along with a copy, such as a line end, is cut off.
///
/// # Errors
/// [`InvalidField`] unless it has 1 to 500 characters, none of them a space or a control.
pub fn client_id(typed: &str) -> Result<String, InvalidField> {
    let id = typed.trim();
    if id.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(InvalidField::Value(
            "a client ID has no spaces; was more than the ID pasted?",
        ));
    }
    match id.chars().count() {
        0 => Err(InvalidField::Value(
            "enter the client ID that the provider shows",
        )),
        1..=500 => Ok(id.to_owned()),
        _ => Err(InvalidField::Value("at most 500 characters")),
    }
}

/// A provider's client secret. What came along with a copy is cut off; a key in PEM is brought to its
/// one form.
///
/// # Errors
/// [`InvalidField`] if it is empty, a mask, over 16,000 bytes, or holds a NUL.
pub fn client_secret(typed: &SecretString) -> Result<SecretString, InvalidField> {
    let secret = typed.expose().trim();
    if secret.is_empty() {
        return Err(InvalidField::Value(
            "enter the client secret that the provider shows",
        ));
    }
    if is_mask(secret) {
        return Err(InvalidField::Value(
            "this is the mask and not the secret: reveal it at the provider, then copy it",
        ));
    }
    if secret.len() > MAX_SECRET || secret.contains('\0') {
        return Err(InvalidField::Value(
            "this does not look like a client secret",
        ));
    }
    Ok(pem::canonical(&SecretString::from(secret)))
}

/// The id and the secret of an app at a provider that knows no clients, because keys are entered:
/// they prove the client backend to Keyway alone.
pub fn own_client(provider: &ProviderSlug, random: &dyn Random) -> (String, SecretString) {
    let told_apart = Base64UrlUnpadded::encode_string(&random.bytes::<9>());
    (format!("{provider}-{told_apart}"), random.token())
}

/// Whether a text is the mask of a page or an answer that hides the real value.
pub fn is_mask(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c == '*' || c == '\u{2022}' || c.is_whitespace())
}

/// Scopes to ask for; none means the catalogue's default. They may be pasted as the provider's
/// documentation lists them: a line each, and with commas where the provider joins them so.
///
/// # Errors
/// [`InvalidField`] if one is not of RFC 6749 section 3.3, or all together have over 4,000
/// characters.
pub fn scopes(typed: &str, separator: &str) -> Result<Option<Scopes>, InvalidField> {
    let commas = separator.contains(',');
    listed_scopes(typed.split(|c: char| c.is_whitespace() || (commas && c == ',')))
}

/// The same, one by one.
///
/// # Errors
/// As [`scopes`].
pub fn listed_scopes<'a>(
    list: impl IntoIterator<Item = &'a str>,
) -> Result<Option<Scopes>, InvalidField> {
    let scopes = Scopes::from_list(list)?;
    if scopes.to_string().len() > MAX_SCOPES {
        return Err(InvalidField::Value("at most 4,000 characters"));
    }
    Ok((!scopes.is_empty()).then_some(scopes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_along_with_a_copy_is_cut_off() {
        assert_eq!(client_id(" abc\r\n"), Ok("abc".into()));
        assert_eq!(name("  Acme  "), Ok("Acme".into()));
        let secret = client_secret(&"\tsecret \n".into()).expect("good");
        assert_eq!(secret.expose(), "secret");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let long = "a".repeat(501);
        for bad in ["", "  ", "a b", "a\0b", long.as_str()] {
            assert!(client_id(bad).is_err(), "{bad:?}");
        }
        for bad in ["", " ", "a\0", long.as_str()] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
        let huge = "a".repeat(16_001);
        for bad in [
            "",
            " ",
            "*",
            "***********",
            " ** ",
            "\u{2022}\u{2022}",
            "a\0",
            huge.as_str(),
        ] {
            assert!(client_secret(&bad.into()).is_err(), "{bad:?}");
        }
        assert!(client_secret(&"**a**".into()).is_ok());
    }

    #[test]
    fn scopes_are_taken_as_documentation_lists_them() {
        let read = |typed: &str, separator: &str| {
            let scopes = scopes(typed, separator).expect("scopes");
            scopes.map(|scopes| scopes.to_string())
        };
        assert_eq!(read(" \n", ","), None);
        assert_eq!(read("read,write", ","), Some("read write".into()));
        assert_eq!(read("api\nopenid api", " "), Some("api openid".into()));
        assert_eq!(read("a,b", " "), Some("a,b".into()));
        assert!(scopes("a\"b", " ").is_err());
        assert!(scopes(&"a".repeat(16_001), " ").is_err());
    }
}
