//! The fields of an app's forms, and what may stand in them.

use keyway_domain::{SecretString, scope::Scopes};
use keyway_providers::Definition;

/// What is wrong with each field.
#[derive(Debug, Default)]
pub(super) struct Problems {
    pub(super) name: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<String>,
    pub(super) scopes: Option<String>,
}

const MAX_SECRET: usize = 4000;

/// A name for people.
pub(crate) fn name(typed: &str) -> Result<String, String> {
    let name = typed.trim();
    if name.chars().any(char::is_control) {
        return Err("no control characters".into());
    }
    match name.chars().count() {
        0 => Err("enter a name".into()),
        1..=100 => Ok(name.to_owned()),
        _ => Err("at most 100 characters".into()),
    }
}

/// A provider's client id. What came along with a copy, such as a line end, is cut off.
pub(super) fn client_id(typed: &str) -> Result<String, String> {
    let id = typed.trim();
    if id.chars().any(char::is_whitespace) || id.chars().any(char::is_control) {
        return Err("a client ID has no spaces; was more than the ID pasted?".into());
    }
    match id.chars().count() {
        0 => Err("enter the client ID that the provider shows".into()),
        1..=500 => Ok(id.to_owned()),
        _ => Err("at most 500 characters".into()),
    }
}

/// A provider's client secret. Only asterisks are the mask of a page that hides the real one.
pub(super) fn client_secret(typed: &SecretString) -> Result<SecretString, String> {
    let secret = typed.expose().trim();
    if secret.is_empty() {
        return Err("enter the client secret that the provider shows".into());
    }
    if secret.chars().all(|c| c == '*' || c == '\u{2022}') {
        return Err(
            "this is the mask and not the secret: reveal it at the provider, then copy it".into(),
        );
    }
    if secret.len() > MAX_SECRET || secret.contains('\0') {
        return Err("this does not look like a client secret".into());
    }
    Ok(SecretString::from(secret))
}

/// Scopes to ask for; none means the catalogue's default. They may be pasted as the provider's
/// documentation lists them: a line each, and with commas where the provider joins them so.
pub(super) fn scopes(
    typed: &str,
    definition: Option<&Definition>,
) -> Result<Option<Scopes>, String> {
    let commas =
        definition.is_some_and(|definition| definition.authorize.scope_separator.contains(','));
    let parts = typed.split(|c: char| c.is_whitespace() || (commas && c == ','));
    let scopes = Scopes::from_list(parts).map_err(|error| error.to_string())?;
    if scopes.to_string().len() > MAX_SCOPES {
        return Err("at most 4,000 characters".into());
    }
    Ok((!scopes.is_empty()).then_some(scopes))
}

const MAX_SCOPES: usize = 4000;

#[cfg(test)]
mod tests {
    use super::*;
    use keyway_domain::provider::ProviderSlug;
    use keyway_providers::Catalogue;

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
        let huge = "a".repeat(4001);
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
        let catalogue = Catalogue::shipped().expect("catalogue");
        let definition = |slug: &str| {
            let slug = ProviderSlug::parse(slug).expect("slug");
            &catalogue.find(&slug).expect("provider").definition
        };
        let read = |typed: &str, slug: &str| {
            let scopes = scopes(typed, Some(definition(slug))).expect("scopes");
            scopes.map(|scopes| scopes.to_string())
        };
        assert_eq!(read(" \n", "linear"), None);
        assert_eq!(read("read,write", "linear"), Some("read write".into()));
        assert_eq!(
            read("api\nopenid api", "salesforce"),
            Some("api openid".into())
        );
        assert_eq!(read("a,b", "salesforce"), Some("a,b".into()));
        assert!(scopes("a\"b", None).is_err());
        assert!(scopes(&"a".repeat(4001), None).is_err());
    }
}
