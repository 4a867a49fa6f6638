//! The list of credentials, at sizes that differ by orders of magnitude.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use crate::{
    installation::Installation, load, sample::Latency, scenario::backend::Read, seed, world::World,
};

/// The page of a list, and what is asked for.
pub(crate) const QUERIES: [(&str, &str); 4] = [
    ("first page of 50", "?limit=50"),
    (
        "by metadata, 1 of 1000",
        "?limit=50&metadata=%7B%22team%22%3A7%7D",
    ),
    ("by end user", "?end_user_id=user-7"),
    ("by health", "?limit=50&health.status=warn"),
];

/// What a list took.
#[derive(Debug)]
pub(crate) struct List {
    /// How many credentials there were.
    pub(crate) size: usize,
    /// Of each query.
    pub(crate) latencies: Vec<Latency>,
}

/// Rows that look as if connected: one of a thousand has this team, one in a hundred is unwell.
const FILL: &str = "
    WITH seed AS (
        SELECT n, gen_random_uuid() AS grant_id,
               (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n), 3, '0')
                || '8' || substr(md5(n::text), 1, 15))::uuid AS id
        FROM generate_series($3::bigint, $4::bigint) n
    ), granted AS (
        INSERT INTO grants (id, account_id, oauth_app_id, provider, kind, external_id, external_label, properties,
                            secret_names, sealed_secrets, variables, created_at)
        SELECT grant_id, $1, $2, 'bench', 'bench_oauth2', 'list-' || n, 'Account', '{\"account_id\": \"account\"}',
               '[\"access_token\"]', sha256(int8send(n)), '{}', now()
        FROM seed
    )
    INSERT INTO credentials (id, account_id, oauth_app_id, provider, kind, external_id, grant_id, metadata, end_user_id,
                             health_status, health_at, created_at, updated_at)
    SELECT id, $1, $2, 'bench', 'bench_oauth2', 'list-' || n, grant_id, jsonb_build_object('team', n % 1000),
           'user-' || n, CASE WHEN n % 100 = 0 THEN 'warn' ELSE 'ok' END, now(), now(), now()
    FROM seed";

/// Measures one client's requests at each of these sizes, on a database of its own.
pub(crate) async fn measure(
    world: &World,
    upstream: SocketAddr,
    sizes: &[usize],
    each: Duration,
) -> anyhow::Result<Vec<List>> {
    let installation = world.beside("lists").await?;
    let token = seed::api_token(&installation).await?;
    let mut gateway = world.gateway(&installation.url, upstream, &[])?;
    gateway.ready("/health/ready").await?;
    let (mut lists, mut filled) = (Vec::new(), 0);
    for &size in sizes {
        fill(&installation, filled, size).await?;
        filled = size;
        let mut latencies = Vec::new();
        for (name, query) in QUERIES {
            let read = Arc::new(Read::list(query, &token));
            let (_, sample) = load::closed(gateway.address, 1, each, read).await?;
            eprintln!("{size} credentials, {name}: p50 {:.2?}", sample.latency.p50);
            latencies.push(sample.latency);
        }
        lists.push(List { size, latencies });
    }
    Ok(lists)
}

async fn fill(of: &Installation, from: usize, to: usize) -> anyhow::Result<()> {
    let (account, app) = (of.account.uuid(), of.app.uuid());
    let mut first = from + 1;
    while first <= to {
        let last = (first + 49_999).min(to);
        let (low, high) = (i64::try_from(first)?, i64::try_from(last)?);
        of.client
            .execute(FILL, &[&account, &app, &low, &high])
            .await?;
        first = last + 1;
    }
    Ok(of
        .client
        .batch_execute("VACUUM ANALYZE credentials, grants")
        .await?)
}
