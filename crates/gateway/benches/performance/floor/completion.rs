//! The statement that ends a flow.

use chrono::{DateTime, Utc};
use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types,
};
use keyway_domain::{
    Clock as _, Random,
    clock::SystemClock,
    ids::{AuthorizationCodeId, GrantId},
    random::OsRandom,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Arguments;

/// Grant and code in one statement, prepared once per connection.
pub(super) struct Completion {
    ids: [Uuid; 5],
    digest: Vec<u8>,
    external_id: String,
    properties: Value,
    secrets: Vec<u8>,
    now: DateTime<Utc>,
}

impl Completion {
    pub(super) fn new(
        arguments: &Arguments,
        app: Option<Uuid>,
        session: Uuid,
        code: &str,
        tokens: &Value,
    ) -> Self {
        let (now, random): (_, &dyn Random) = (SystemClock.now(), &OsRandom);
        let grant = GrantId::generate(now, random).uuid();
        let id = AuthorizationCodeId::generate(now, random).uuid();
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let account = tokens.get("account");
        Self {
            ids: [
                arguments.account,
                app.unwrap_or_default(),
                session,
                grant,
                id,
            ],
            digest: Sha256::digest(code.as_bytes()).to_vec(),
            external_id: text(account.and_then(|account| account.get("id"))).unwrap_or_default(),
            properties: json!({"scope": tokens.get("scope")}),
            secrets: text(tokens.get("access_token"))
                .unwrap_or_default()
                .into_bytes(),
            now,
        }
    }
}

impl QueryId for Completion {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for Completion {
    type SqlType = sql_types::Uuid;
}

impl QueryFragment<Pg> for Completion {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let [account, app, session, grant, code] = &self.ids;
        out.push_sql(
            "WITH granted AS (INSERT INTO floor.grants (account_id, oauth_app_id, id, provider, kind, external_id,
                 properties, secret_names, sealed_secrets, variables, created_at) VALUES (",
        );
        for id in [account, app, grant] {
            out.push_bind_param::<sql_types::Uuid, _>(id)?;
            out.push_sql(", ");
        }
        out.push_sql("'bench', 'bench_oauth2', ");
        out.push_bind_param::<sql_types::Text, _>(&self.external_id)?;
        out.push_sql(", ");
        out.push_bind_param::<sql_types::Jsonb, _>(&self.properties)?;
        out.push_sql(", '[]', ");
        out.push_bind_param::<sql_types::Binary, _>(&self.secrets)?;
        out.push_sql(", '{}', ");
        out.push_bind_param::<sql_types::Timestamptz, _>(&self.now)?;
        out.push_sql(
            ")) INSERT INTO floor.authorization_codes (account_id, oauth_app_id, session_id, grant_id, id,
                 code_digest, created_at, expires_at) VALUES (",
        );
        for id in [account, app, session, grant, code] {
            out.push_bind_param::<sql_types::Uuid, _>(id)?;
            out.push_sql(", ");
        }
        out.push_bind_param::<sql_types::Binary, _>(&self.digest)?;
        out.push_sql(", ");
        out.push_bind_param::<sql_types::Timestamptz, _>(&self.now)?;
        out.push_sql(", ");
        out.push_bind_param::<sql_types::Timestamptz, _>(&self.now)?;
        out.push_sql(" + interval '60 seconds') RETURNING id");
        Ok(())
    }
}
