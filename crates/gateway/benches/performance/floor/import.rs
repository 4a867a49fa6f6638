//! An import: the body as JSON, and one statement that makes or renews the credential.

use actix_web::{HttpResponse, error::ErrorInternalServerError, web};
use chrono::{DateTime, Utc};
use diesel::{
    QueryResult,
    pg::Pg,
    query_builder::{AstPass, Query, QueryFragment, QueryId},
    sql_types,
};
use diesel_async::RunQueryDsl as _;
use keyway_domain::{
    Clock as _, Random,
    clock::SystemClock,
    ids::{CredentialId, GrantId},
    random::OsRandom,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Floor;

#[derive(Deserialize)]
pub(super) struct Body {
    oauth_app_id: Uuid,
    properties: Map<String, Value>,
}

/// Grant and credential in one statement, prepared once per connection.
struct Statement {
    ids: [Uuid; 4],
    external_id: String,
    secrets: Vec<u8>,
    properties: Value,
    now: DateTime<Utc>,
}

impl QueryId for Statement {
    type QueryId = Self;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl Query for Statement {
    type SqlType = sql_types::Uuid;
}

impl QueryFragment<Pg> for Statement {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let [account, app, grant, credential] = &self.ids;
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
            ")) INSERT INTO floor.credentials (account_id, oauth_app_id, grant_id, id, provider, kind, external_id,
                 health_at, created_at, updated_at) VALUES (",
        );
        for id in [account, app, grant, credential] {
            out.push_bind_param::<sql_types::Uuid, _>(id)?;
            out.push_sql(", ");
        }
        out.push_sql("'bench', 'bench_oauth2', ");
        out.push_bind_param::<sql_types::Text, _>(&self.external_id)?;
        for _ in 0..3 {
            out.push_sql(", ");
            out.push_bind_param::<sql_types::Timestamptz, _>(&self.now)?;
        }
        out.push_sql(
            ") ON CONFLICT (oauth_app_id, kind, external_id) DO UPDATE SET grant_id = excluded.grant_id,
                 updated_at = excluded.updated_at RETURNING id",
        );
        Ok(())
    }
}

pub(super) async fn import(
    floor: web::Data<Floor>,
    body: web::Json<Body>,
) -> actix_web::Result<HttpResponse> {
    let (now, random): (_, &dyn Random) = (SystemClock.now(), &OsRandom);
    let text = |name: &str| body.properties.get(name).and_then(Value::as_str);
    let statement = Statement {
        ids: [
            floor.arguments.account,
            body.oauth_app_id,
            GrantId::generate(now, random).uuid(),
            CredentialId::generate(now, random).uuid(),
        ],
        external_id: text("account_id").unwrap_or_default().to_owned(),
        secrets: text("access_token").unwrap_or_default().into(),
        properties: json!({"scope": text("scope")}),
        now,
    };
    let id: Uuid = statement
        .get_result(&mut floor.pool.get().await.map_err(ErrorInternalServerError)?)
        .await
        .map_err(ErrorInternalServerError)?;
    Ok(HttpResponse::Created().json(json!({"id": id, "properties": body.properties})))
}
