//! The sealed half of a grant: opened for use, sealed for its row.

use keyway_domain::{
    SecretString,
    credential::{CredentialKind, GrantSecrets, Properties},
    ids::{AccountId, GrantId},
    sealed::{Place, Sealed},
};
use serde_json::{Map, Value};

use crate::{App, error::Fault};

/// Opens a grant's secrets.
///
/// # Errors
/// [`Fault`] if they do not open, or belong to another external account: somebody edited the
/// database.
pub(crate) fn open(
    app: &App,
    (grant, account): (GrantId, AccountId),
    external_id: &str,
    sealed: &Sealed,
) -> Result<GrantSecrets, Fault> {
    let opened = app
        .ring
        .open(&Place::grant_secrets(grant, account), sealed)?;
    let secrets: GrantSecrets =
        serde_json::from_str(opened.expose()).map_err(|_| Fault::Unreadable("grant"))?;
    if secrets.external_id == external_id {
        Ok(secrets)
    } else {
        Err(Fault::Unreadable("grant of another external account"))
    }
}

/// Seals a grant's secrets for its row.
///
/// # Errors
/// [`Fault::Seal`].
pub(crate) fn seal(
    app: &App,
    (grant, account): (GrantId, AccountId),
    secrets: &GrantSecrets,
) -> Result<Sealed, Fault> {
    let text = serde_json::to_string(secrets).map_err(|_| Fault::Unreadable("grant"))?;
    let place = Place::grant_secrets(grant, account);
    Ok(app.seal(&place, &SecretString::new(text))?)
}

/// All properties of a credential in clear, as whoever may see its secrets gets them.
pub(crate) fn reveal(
    kind: &CredentialKind,
    public: &Map<String, Value>,
    secrets: &GrantSecrets,
) -> Map<String, Value> {
    let mut properties = Properties {
        public: public.clone(),
        ..Properties::default()
    };
    for (name, value) in &secrets.properties {
        properties.secret.insert(name.clone(), value.clone());
    }
    properties.reveal(kind)
}
