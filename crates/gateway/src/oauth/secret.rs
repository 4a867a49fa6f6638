//! Client secrets: the provider's of the app, or one that Keyway made for it.

use std::net::IpAddr;

use actix_web::HttpRequest;
use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{SecretString, ids::OauthAppId, opaque::ClientSecret, pem, sealed::Place};
use keyway_store::OauthApp;
use keyway_vault::digest::equal;
use uuid::Uuid;

use crate::{App, error::Fault, link::start::parse_id};

/// Why a client is not believed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Disbelief {
    /// Unknown, or wrong: for the log, which alone is told.
    Wrong(&'static str),
    /// Too many wrong ones.
    SlowDown(TimeDelta),
}

/// Which secrets count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accepted {
    /// The provider's secret of the app alone.
    Providers,
    /// That, or one that Keyway made.
    Both,
}

/// Who guesses: an app's name, from an address.
pub(crate) struct Guess {
    client: (OauthAppId, Option<IpAddr>),
    address: Option<IpAddr>,
}

impl Guess {
    pub(crate) fn of(app: &App, request: &HttpRequest, client: Option<OauthAppId>) -> Self {
        let address = app.client_ip(request);
        Self {
            client: (client.unwrap_or(Uuid::nil().into()), address),
            address,
        }
    }

    /// Refuses whoever guessed wrong too often (RFC 6749 section 2.3.1).
    ///
    /// # Errors
    /// [`Disbelief::SlowDown`].
    pub(crate) fn allowed(&self, app: &App, now: DateTime<Utc>) -> Result<(), Disbelief> {
        let waits = [
            app.guesses.by_client.wait(&self.client, now),
            app.guesses.by_address.wait(&self.address, now),
        ];
        match waits.into_iter().flatten().max() {
            Some(wait) => Err(Disbelief::SlowDown(wait)),
            None => Ok(()),
        }
    }

    /// Counts a wrong one.
    pub(crate) fn failed(self, app: &App, now: DateTime<Utc>) {
        app.guesses.by_client.failed(self.client, now);
        app.guesses.by_address.failed(self.address, now);
    }
}

/// The app that this secret proves: compared in the same time whether the app exists or not
/// (RFC 6749 section 2.3; RFC 9700 section 4.14 on guessing).
///
/// `presented` holds the secret in each reading that it may have.
pub(crate) async fn prove(
    app: &App,
    request: &HttpRequest,
    client_id: &str,
    presented: &[SecretString],
    accepted: Accepted,
    now: DateTime<Utc>,
) -> Result<Result<OauthApp, Disbelief>, Fault> {
    let id = parse_id(client_id);
    let guess = Guess::of(app, request, id);
    if let Err(wait) = guess.allowed(app, now) {
        return Ok(Err(wait));
    }
    let found = match id {
        Some(id) => app.store.find_oauth_app_of_client(id).await?,
        None => None,
    };
    let (place, sealed) = match &found {
        Some(found) => (
            Place::oauth_app_client_secret(found.id, found.account_id),
            &found.sealed_client_secret,
        ),
        None => (app.decoy.place, &app.decoy.sealed),
    };
    let expected = app.ring.open(&place, sealed)?;
    // A key in PEM is the same key, however its lines break.
    let expected = pem::canonical(&expected);
    let mut right = false;
    for secret in presented {
        right |= equal(&pem::canonical(secret), &expected);
    }
    if !right && accepted == Accepted::Both {
        // Looked up for an unknown app too, which has none.
        let id = id.unwrap_or(Uuid::nil().into());
        right = is_issued(app, id, presented).await?;
    }
    match found {
        Some(found) if right => Ok(Ok(found)),
        found => {
            guess.failed(app, now);
            Ok(Err(Disbelief::Wrong(if found.is_some() {
                "client_secret wrong"
            } else {
                "client_id unknown"
            })))
        }
    }
}

async fn is_issued(app: &App, id: OauthAppId, presented: &[SecretString]) -> Result<bool, Fault> {
    for secret in presented {
        if let Some(secret) = ClientSecret::parse(secret.expose())
            && app
                .store
                .is_client_secret(id, keyway_vault::digest::unkeyed(&secret))
                .await?
        {
            return Ok(true);
        }
    }
    Ok(false)
}
