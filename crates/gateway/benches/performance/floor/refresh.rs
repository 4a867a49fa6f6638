//! A refresh worker: takes what is due in batches, calls the provider, updates row by row.

use std::time::Instant;

use actix_web::{HttpResponse, error::ErrorInternalServerError, web};
use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use tokio_postgres::{Client, NoTls, Statement};
use uuid::Uuid;

use super::Floor;

/// Rows of one claim.
const BATCH: i64 = 256;
const CLAIM: &str = "
    UPDATE floor.grants SET lease_id = gen_random_uuid(), leased_until = now() + interval '30 seconds'
    WHERE id IN (SELECT id FROM floor.grants
                 WHERE provider = 'bench' AND refresh_at <= now() AND lease_id IS NULL
                 ORDER BY refresh_at LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING id";
const UPDATE: &str = "
    UPDATE floor.grants
    SET sealed_secrets = $2, refresh_at = now() + interval '1 hour', refreshed_at = now(), lease_id = NULL, leased_until = NULL
    WHERE id = $1";

/// A connection for each refresh that is under way.
struct Worker {
    connections: Vec<(Client, Statement)>,
    claiming: (Client, Statement),
}

/// Refreshes all that is due, so many at a time; how many that were, and in what time.
pub(super) async fn all_due(
    floor: web::Data<Floor>,
    at_a_time: web::Path<usize>,
) -> actix_web::Result<HttpResponse> {
    let (number, seconds) = run(&floor, *at_a_time)
        .await
        .map_err(ErrorInternalServerError)?;
    Ok(HttpResponse::Ok().json(json!({"number": number, "seconds": seconds})))
}

async fn run(floor: &Floor, at_a_time: usize) -> anyhow::Result<(usize, f64)> {
    let worker = Worker::open(&floor.arguments.database, at_a_time).await?;
    let (started, mut number) = (Instant::now(), 0);
    loop {
        let (client, claim) = &worker.claiming;
        let claimed = client.query(claim, &[&BATCH]).await?;
        if claimed.is_empty() {
            return Ok((number, started.elapsed().as_secs_f64()));
        }
        number += claimed.len();
        let ids: Vec<Uuid> = claimed.iter().map(|row| row.get(0)).collect();
        // Each connection takes its share, one after the other.
        let shares = ids.chunks(ids.len().div_ceil(at_a_time));
        let running = shares
            .zip(&worker.connections)
            .map(|(share, connection)| async move {
                for id in share {
                    refresh(floor, connection, *id).await?;
                }
                anyhow::Ok(())
            });
        stream::iter(running)
            .buffer_unordered(at_a_time)
            .try_collect::<Vec<()>>()
            .await?;
    }
}

async fn refresh(
    floor: &Floor,
    (client, update): &(Client, Statement),
    id: Uuid,
) -> anyhow::Result<()> {
    let form = [("grant_type", "refresh_token"), ("refresh_token", "r")];
    let url = format!("http://{}/token", floor.arguments.upstream);
    let tokens: Value = floor
        .http
        .post(url)
        .form(&form)
        .send()
        .await?
        .json()
        .await?;
    let token = tokens.get("access_token").and_then(Value::as_str);
    let token = token.context("a token")?.as_bytes();
    client.execute(update, &[&id, &token]).await?;
    Ok(())
}

impl Worker {
    async fn open(database: &str, at_a_time: usize) -> anyhow::Result<Self> {
        let mut connections = Vec::new();
        for _ in 0..at_a_time {
            connections.push(open(database, UPDATE).await?);
        }
        Ok(Self {
            connections,
            claiming: open(database, CLAIM).await?,
        })
    }
}

async fn open(database: &str, statement: &str) -> anyhow::Result<(Client, Statement)> {
    let (client, connection) = tokio_postgres::connect(database, NoTls).await?;
    tokio::spawn(connection);
    let statement = client.prepare(statement).await?;
    Ok((client, statement))
}
