//! What client backends do with credentials.

use std::{
    sync::atomic::{AtomicI64, AtomicUsize, Ordering},
    time::Instant,
};

use keyway_domain::ids::{CredentialId, OauthAppId};
use serde_json::json;

use super::JSON;
use crate::{
    load::{Lap, Scenario},
    seed::TOKEN,
    wire::{self, Connection},
};

/// Between two requests of a list, so that neighbours in time are none in the table.
const STRIDE: usize = 7919;

/// Reads one of many, each time another.
pub(crate) struct Read {
    requests: Vec<Vec<u8>>,
    next: AtomicUsize,
}

impl Read {
    fn new(requests: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self {
            requests: requests.into_iter().collect(),
            next: AtomicUsize::new(0),
        }
    }

    /// `GET /v1/credentials/{id}/token`.
    pub(crate) fn tokens(credentials: &[CredentialId], token: &str) -> Self {
        let bearer = bearer(token);
        let of = |id: &CredentialId| wire::get(&format!("/v1/credentials/{id}/token"), &bearer);
        Self::new(credentials.iter().map(of))
    }

    /// The floor's read of the same credentials, with the same token.
    pub(crate) fn opened(credentials: &[CredentialId], token: &str) -> Self {
        let bearer = bearer(token);
        let of = |id: &CredentialId| wire::get(&format!("/open/{id}"), &bearer);
        Self::new(credentials.iter().map(of))
    }

    /// The floor's read of its rows from 1 on.
    pub(crate) fn rows(number: usize) -> Self {
        Self::new((1..=number).map(|row| wire::get(&format!("/read/{row}"), "")))
    }

    /// One page of a list.
    pub(crate) fn list(query: &str, token: &str) -> Self {
        Self::new([wire::get(
            &format!("/v1/credentials{query}"),
            &bearer(token),
        )])
    }
}

impl Scenario for Read {
    async fn once(&self, connection: &mut Connection) -> anyhow::Result<Option<Lap>> {
        let index = self.next.fetch_add(STRIDE, Ordering::Relaxed) % self.requests.len().max(1);
        let Some(request) = self.requests.get(index) else {
            return Ok(None);
        };
        let started = Instant::now();
        connection.send(request).await?.expect(200)?;
        Ok(Some(Lap::since(started)))
    }
}

/// Imports accounts, each a new one.
pub(crate) struct Import {
    path: &'static str,
    bearer: String,
    app: OauthAppId,
    next: AtomicI64,
}

impl Import {
    /// `POST /v1/credentials`, with accounts that no other has.
    pub(crate) fn keyway(app: OauthAppId, token: &str, first: i64) -> Self {
        Self::new("/v1/credentials", app, token, first)
    }

    /// The floor's.
    pub(crate) fn floor(app: OauthAppId, token: &str, first: i64) -> Self {
        Self::new("/import", app, token, first)
    }

    fn new(path: &'static str, app: OauthAppId, token: &str, first: i64) -> Self {
        Self {
            path,
            bearer: bearer(token),
            app,
            next: AtomicI64::new(first),
        }
    }
}

impl Scenario for Import {
    async fn once(&self, connection: &mut Connection) -> anyhow::Result<Option<Lap>> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let body = json!({
            "oauth_app_id": self.app,
            "properties": {
                "kind": "bench_oauth2",
                "access_token": "t".repeat(TOKEN),
                "refresh_token": "r".repeat(43),
                "expires_at": "2100-01-01T00:00:00Z",
                "scope": "read",
                "account_id": format!("imported-{number}"),
                "account_name": "Account",
            },
        });
        let request = wire::post_as(self.path, JSON, &self.bearer, &body.to_string());
        let started = Instant::now();
        connection.send(&request).await?.expect(201)?;
        Ok(Some(Lap::since(started)))
    }
}

fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}
