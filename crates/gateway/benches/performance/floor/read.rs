//! Reads: of a row by its key, and of a credential as the API hands it out.

use std::{fs, sync::Mutex};

use actix_web::{
    HttpRequest, HttpResponse,
    error::{ErrorInternalServerError, ErrorUnauthorized},
    http::header::AUTHORIZATION,
    web,
};
use anyhow::Context as _;
use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use keyway_domain::{
    Clock as _, SecretString,
    api_token::ApiToken,
    clock::SystemClock,
    ids::GrantId,
    sealed::{Place, Sealed},
};
use keyway_vault::{KeyRing, digest};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_postgres::{Client, NoTls, Statement};
use uuid::Uuid;

use super::{
    Arguments, CONNECTIONS, Floor,
    schema::{api_tokens, credentials, own_grants},
};

const ROW: &str = "SELECT properties, sealed_secrets FROM floor.grants WHERE id = $1";

/// Connections of tokio-postgres itself, with the statement prepared; and the keys.
pub(super) struct Reader {
    idle: Mutex<Vec<(Client, Statement)>>,
    free: Semaphore,
    ring: KeyRing,
}

impl Reader {
    pub(super) async fn open(arguments: &Arguments) -> anyhow::Result<Self> {
        let mut idle = Vec::new();
        for _ in 0..CONNECTIONS {
            let (client, connection) = tokio_postgres::connect(&arguments.database, NoTls).await?;
            tokio::spawn(connection);
            let statement = client.prepare(ROW).await?;
            idle.push((client, statement));
        }
        let text = SecretString::new(fs::read_to_string(&arguments.keyring)?);
        Ok(Self {
            free: Semaphore::new(idle.len()),
            idle: Mutex::new(idle),
            ring: KeyRing::parse(&text).context("the key ring")?,
        })
    }

    async fn row(&self, id: Uuid) -> anyhow::Result<(Value, Vec<u8>)> {
        let _free = self.free.acquire().await?;
        let take = || self.idle.lock().ok()?.pop();
        let (client, statement) = take().context("a connection")?;
        let row = client.query_one(&statement, &[&id]).await;
        if let Ok(mut idle) = self.idle.lock() {
            idle.push((client, statement));
        }
        let row = row?;
        Ok((row.get(0), row.get(1)))
    }
}

/// One prepared SELECT by tokio-postgres, and nothing else.
pub(super) async fn row(
    floor: web::Data<Floor>,
    number: web::Path<u64>,
) -> actix_web::Result<HttpResponse> {
    let id = Uuid::from_u128(u128::from(*number));
    let (properties, secrets) = floor
        .reader
        .row(id)
        .await
        .map_err(ErrorInternalServerError)?;
    let secrets = String::from_utf8(secrets).map_err(ErrorInternalServerError)?;
    Ok(HttpResponse::Ok().json(json!({"properties": properties, "access_token": secrets})))
}

type Found = (
    Uuid,
    String,
    Uuid,
    String,
    Value,
    Vec<u8>,
    Option<String>,
    Option<String>,
    Option<DateTime<Utc>>,
);

/// Token and credential in one query by diesel, then opened.
pub(super) async fn opened(
    floor: web::Data<Floor>,
    request: HttpRequest,
    id: web::Path<Uuid>,
) -> actix_web::Result<HttpResponse> {
    let presented = request.headers().get(AUTHORIZATION);
    let token = presented
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .and_then(ApiToken::parse)
        .ok_or_else(|| ErrorUnauthorized("token"))?;
    let digest = digest::unkeyed(&token).as_bytes().to_vec();
    let now = SystemClock.now();
    let found: Found = api_tokens::table
        .inner_join(credentials::table.on(credentials::account_id.eq(api_tokens::account_id)))
        .inner_join(own_grants::table.on(own_grants::id.eq(credentials::grant_id)))
        .filter(api_tokens::token_digest.eq(digest))
        .filter(
            api_tokens::expires_at
                .is_null()
                .or(api_tokens::expires_at.gt(now)),
        )
        .filter(credentials::id.eq(*id))
        .select((
            api_tokens::account_id,
            api_tokens::scope,
            own_grants::id,
            credentials::health_status,
            own_grants::properties,
            own_grants::sealed_secrets,
            own_grants::token_type,
            own_grants::scope,
            own_grants::expires_at,
        ))
        .first(&mut floor.pool.get().await.map_err(ErrorInternalServerError)?)
        .await
        .map_err(ErrorUnauthorized)?;
    let (account, _, grant, _, properties, sealed, token_type, scope, expires_at) = found;
    let place = Place::grant_secrets(GrantId::from(grant), account.into());
    let opened = floor.reader.ring.open(&place, &Sealed::from_bytes(sealed));
    let opened = opened.map_err(ErrorInternalServerError)?;
    let secrets: Value = serde_json::from_str(opened.expose()).map_err(ErrorInternalServerError)?;
    Ok(HttpResponse::Ok().json(json!({
        "access_token": secrets.get("access_token"),
        "token_type": token_type,
        "expires_at": expires_at,
        "scope": scope,
        "properties": properties,
    })))
}
