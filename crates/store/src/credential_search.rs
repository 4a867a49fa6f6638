//! Credentials by a part of what people call them.

use diesel::{prelude::*, sql_types};
use diesel_async::RunQueryDsl;
use keyway_domain::{
    credential::Credential,
    health::HealthStatus,
    ids::{AccountId, CredentialId},
};
use uuid::Uuid;

use crate::{
    Store, StoreError,
    credentials::{COLUMNS, Row, credential},
    schema::{credentials, grants, oauth_apps},
    statement::{Bind, Statement, statement},
};

/// How many credentials one search looks at: no account, however large, can hold the database up.
const WINDOW: i64 = 20_000;

/// What to look for.
#[derive(Debug, Clone, Copy)]
pub struct CredentialSearch<'a> {
    /// A part, in any case, of the name, the external account's label or id, or the end user's id.
    pub text: &'a str,
    /// In this state of health.
    pub health: Option<HealthStatus>,
    /// Older than this one: where an earlier search ended.
    pub before: Option<CredentialId>,
    /// So many at most.
    pub limit: i64,
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct FoundCredentials {
    /// Newest first.
    pub credentials: Vec<Credential>,
    /// Where to go on, if the search has not come to the end.
    pub next: Option<CredentialId>,
}

struct SearchCredentials;

impl Statement for SearchCredentials {
    // Looks at a bounded number of rows, and tells the last of them if there may be more.
    const SQL: &'static str = "
        WITH looked AS MATERIALIZED (
            SELECT id, name, external_id, end_user_id, grant_id
            FROM credentials
            WHERE account_id = ?1 AND id < ?2 AND (?3 IS NULL OR health_status = ?3)
            ORDER BY id DESC
            LIMIT ?5
        ), found AS (
            SELECT looked.id
            FROM looked JOIN grants g ON g.id = looked.grant_id
            WHERE name ILIKE ?4 OR looked.external_id ILIKE ?4 OR end_user_id ILIKE ?4 OR external_label ILIKE ?4
            ORDER BY looked.id DESC
            LIMIT ?6
        )
        SELECT ARRAY(SELECT id FROM found ORDER BY id DESC),
               (SELECT id FROM looked ORDER BY id DESC OFFSET ?5 - 1 LIMIT 1)";
    type Row = (
        sql_types::Array<sql_types::Uuid>,
        sql_types::Nullable<sql_types::Uuid>,
    );
}

impl Store {
    /// The account's credentials that a text is found in, newest first. One call looks at 20,000 of
    /// them; `next` goes on.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn search_credentials(
        &self,
        account: AccountId,
        search: CredentialSearch<'_>,
    ) -> Result<FoundCredentials, StoreError> {
        let mut connection = self.read().await?;
        let (mut ids, last_looked): (Vec<Uuid>, Option<Uuid>) =
            statement::<SearchCredentials>(vec![
                Bind::Uuid(account.uuid()),
                Bind::Uuid(search.before.map_or(Uuid::max(), CredentialId::uuid)),
                Bind::MaybeText(search.health.map(|health| health.as_str().to_owned())),
                Bind::Text(pattern(search.text)),
                Bind::BigInt(WINDOW),
                Bind::BigInt(search.limit + 1),
            ])
            .get_result(&mut connection)
            .await?;
        let goes_on = usize::try_from(search.limit).is_ok_and(|limit| ids.len() > limit);
        let next = if goes_on {
            ids.pop();
            ids.last().copied()
        } else {
            last_looked
        };
        let rows: Vec<Row> = credentials::table
            .inner_join(grants::table)
            .inner_join(oauth_apps::table)
            .filter(credentials::id.eq_any(ids))
            .order(credentials::id.desc())
            .select(COLUMNS)
            .load(&mut connection)
            .await?;
        let found: Result<Vec<_>, _> = rows.into_iter().map(credential).collect();
        Ok(FoundCredentials {
            credentials: found?,
            next: next.map(CredentialId::from),
        })
    }
}

/// A pattern for the text as it is, anywhere.
fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_looked_for_as_it_is() {
        assert_eq!(pattern("Acme"), "%Acme%");
        assert_eq!(pattern(r"50%_a\b"), r"%50\%\_a\\b%");
    }
}
