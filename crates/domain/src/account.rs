//! Accounts and the admins who sign in for them.

use crate::ids::{AccountId, AdminId};

/// A tenant of Keyway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Short name for commands, such as `acme`.
    pub slug: String,
    /// Name for people.
    pub name: String,
}

/// A person who signs in to the console.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Their id.
    pub id: AdminId,
    /// The account that they administer.
    pub account: Account,
    /// E-mail address, in lower case.
    pub email: String,
}

/// An e-mail address in the one form that is stored and compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

/// A value of a form that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAccount {
    /// Not an e-mail address.
    #[error("enter an e-mail address, such as you@example.com")]
    Email,
    /// An account name without a letter or digit, or too long.
    #[error("an account name has 1 to 100 characters, a letter or digit among them")]
    Name,
    /// Too short a password.
    #[error("a password has at least 12 characters")]
    PasswordTooShort,
    /// A password so long that hashing it would be a burden.
    #[error("a password has at most 512 characters")]
    PasswordTooLong,
}

impl Email {
    /// Reads an address; case does not matter.
    ///
    /// # Errors
    /// [`InvalidAccount::Email`].
    pub fn parse(text: &str) -> Result<Self, InvalidAccount> {
        let text = text.trim().to_lowercase();
        let plain = |c: char| !c.is_whitespace() && !c.is_control();
        match text.split_once('@') {
            Some((local, domain))
                if !local.is_empty()
                    && !domain.is_empty()
                    && !domain.contains('@')
                    && text.len() <= 254
                    && text.chars().all(plain) =>
            {
                Ok(Self(text))
            }
            _ => Err(InvalidAccount::Email),
        }
    }

    /// The address in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The slug of an account name: "Acme Inc." is `acme-inc`.
///
/// # Errors
/// [`InvalidAccount::Name`] if nothing is left, or the name is too long.
pub fn slug(name: &str) -> Result<String, InvalidAccount> {
    let words: Vec<String> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let slug = words.join("-");
    if slug.is_empty() || name.chars().count() > 100 {
        return Err(InvalidAccount::Name);
    }
    Ok(slug)
}

/// Checks a new password's length (NIST SP 800-63B section 5.1.1: length, not composition).
///
/// # Errors
/// [`InvalidAccount::PasswordTooShort`] or [`InvalidAccount::PasswordTooLong`].
pub fn check_new_password(password: &str) -> Result<(), InvalidAccount> {
    match password.chars().count() {
        0..12 => Err(InvalidAccount::PasswordTooShort),
        12..=512 => Ok(()),
        _ => Err(InvalidAccount::PasswordTooLong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emails_have_one_form() {
        assert_eq!(
            Email::parse(" A@Acme.Test ").expect("good").as_str(),
            "a@acme.test"
        );
        for bad in ["", "a", "@b", "a@", "a@b@c", "a b@c"] {
            assert_eq!(Email::parse(bad), Err(InvalidAccount::Email), "{bad:?}");
        }
    }

    #[test]
    fn slugs_keep_letters_and_digits() {
        assert_eq!(slug("Acme"), Ok("acme".into()));
        assert_eq!(slug(" Acme, Inc. 2 "), Ok("acme-inc-2".into()));
        assert_eq!(slug("\u{4e2d}"), Err(InvalidAccount::Name));
    }
}
