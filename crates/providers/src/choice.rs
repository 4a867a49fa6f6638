//! One grant, several accounts: Atlassian's sites, Xero's organisations.

use serde_json::Value;

use crate::{
    definition::Choice,
    error::ProviderError,
    facts::Facts,
    source::{at, text},
};

/// An account behind a grant.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Account {
    /// The provider's own id.
    pub id: String,
    /// A name for people.
    pub label: String,
}

/// The accounts to choose from, as the provider lists them; no id twice.
pub(crate) fn accounts(rule: &Choice, facts: &Facts<'_>) -> Result<Vec<Account>, ProviderError> {
    let mut accounts: Vec<Account> = Vec::new();
    for item in items(rule, facts)? {
        let Some(id) = at(&item, &rule.id).and_then(text) else {
            continue;
        };
        let label = at(&item, &rule.label).and_then(text);
        if accounts.iter().all(|known| known.id != id) {
            let label = label.unwrap_or_else(|| id.clone());
            accounts.push(Account { id, label });
        }
    }
    Ok(accounts)
}

/// The only account there is, for those whom nobody can ask.
pub(crate) fn only(rule: &Choice, facts: &Facts<'_>) -> Result<Value, ProviderError> {
    match accounts(rule, facts)?.as_slice() {
        [only] => find(rule, facts, &only.id),
        several => Err(ProviderError::Malformed(format!(
            "it opens {} accounts, and one is wanted",
            several.len()
        ))),
    }
}

/// The whole of the account with this id.
pub(crate) fn find(rule: &Choice, facts: &Facts<'_>, id: &str) -> Result<Value, ProviderError> {
    let has_id = |item: &Value| at(item, &rule.id).and_then(text).as_deref() == Some(id);
    let found = items(rule, facts)?.into_iter().find(has_id);
    found.ok_or_else(|| ProviderError::Malformed("the chosen account is none of these".into()))
}

fn items(rule: &Choice, facts: &Facts<'_>) -> Result<Vec<Value>, ProviderError> {
    let list = facts.find(&rule.from);
    let Some(Value::Array(mut items)) = list else {
        let why = format!("{} is no list", rule.from);
        return Err(ProviderError::Malformed(why));
    };
    if let Some(only) = &rule.only
        && let Ok(expected) = only.equals.fill(|name| facts.name(name))
    {
        items.retain(|item| at(item, &only.path).and_then(text).as_ref() == Some(&expected));
    }
    Ok(items)
}
