//! From a stored credential to one whose token is good: refreshed here, or by whoever was first.

use std::time::{Duration, Instant};

use actix_web::web;
use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{
    credential::GrantSecrets,
    freshness,
    health::{Health, HealthStatus},
};
use keyway_providers::{ProviderError, refusal::RefreshFailure};
use keyway_store::{StoreError, StoredCredential};

use crate::{
    App,
    error::Fault,
    grant,
    lifecycle::refresh::{self, Outcome},
};

/// How long to wait for a refresh that somebody else does: longer than a call to a provider takes.
const WAIT: Duration = Duration::from_secs(12);
/// Between two looks at what somebody else does, at first and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(15), Duration::from_millis(250));

/// What became of a token that nothing can renew.
pub(crate) const ENDED: &str = "The access token has ended, and there is nothing to renew it with. The end user must reconnect.";

/// A credential with its secrets open.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) credential: StoredCredential,
    pub(crate) secrets: GrantSecrets,
}

/// Why there is no good token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unserved {
    #[error("the credential is gone")]
    Gone,
    #[error("the credential must be reconnected: {}", .0.notes.join(" "))]
    Reconnect(Health),
    #[error("the credential cannot be refreshed")]
    NotRefreshable(Health),
    #[error("{error}")]
    Failed {
        error: ProviderError,
        retry_after: Option<TimeDelta>,
    },
    #[error("the provider failed a moment ago, and is asked again in {} seconds", .0.num_seconds())]
    BackingOff(TimeDelta),
    #[error("somebody else refreshes it, and takes long")]
    Busy,
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<StoreError> for Unserved {
    fn from(error: StoreError) -> Self {
        Self::Fault(error.into())
    }
}

/// How much somebody wants a refresh.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    /// Even before the time to try again.
    pub(crate) forced: bool,
    /// Waits while somebody else refreshes.
    pub(crate) patient: bool,
}

impl Opened {
    /// Opens the secrets.
    ///
    /// # Errors
    /// [`Fault`] if they do not open.
    pub(crate) fn of(app: &App, credential: StoredCredential) -> Result<Self, Fault> {
        let row = (credential.grant_id, credential.account_id);
        let sealed = &credential.sealed_secrets;
        let secrets = grant::open(app, row, &credential.external_id, sealed)?;
        Ok(Self {
            credential,
            secrets,
        })
    }

    fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        self.secrets.access_token.is_some() && freshness::is_fresh(self.credential.expires_at, now)
    }

    fn is_valid(&self, now: DateTime<Utc>) -> bool {
        self.secrets.access_token.is_some() && freshness::is_valid(self.credential.expires_at, now)
    }

    /// Whether there is something to refresh with, and a way.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(crate) async fn is_refreshable(&self, app: &App) -> Result<bool, StoreError> {
        let (account, slug) = (self.credential.account_id, &self.credential.provider);
        let provider = app.catalogue.find(account, slug).await?;
        Ok(provider.is_some_and(|provider| provider.is_renewable(&self.secrets)))
    }
}

/// The credential with a token that is good for a minute at least, refreshed if need be; or, if
/// none is to be had for now, with one that is still good.
///
/// `newer` asks for newer tokens than these, fresh or not.
///
/// # Errors
/// [`Unserved`].
pub(crate) async fn serve(
    app: &web::Data<App>,
    credential: StoredCredential,
    newer: bool,
) -> Result<Opened, Unserved> {
    check_alive(&credential)?;
    let now = app.now();
    let opened = Opened::of(app, credential)?;
    if opened.is_fresh(now) && !newer {
        return Ok(opened);
    }
    if !opened.is_refreshable(app).await? {
        return if opened.is_valid(now) {
            Ok(opened)
        } else {
            Err(condemn(app, &opened.credential, now).await?)
        };
    }
    let demand = Demand {
        forced: false,
        // Whoever has a good token in hand need not wait.
        patient: newer || !opened.is_valid(now),
    };
    match renew(app, &opened.credential, demand).await {
        Err(
            error @ (Unserved::Failed { .. }
            | Unserved::BackingOff(_)
            | Unserved::Busy
            | Unserved::Fault(_)),
        ) if opened.is_valid(app.now()) => {
            tracing::debug!(%error, credential = %opened.credential.id, "the token that is still good is served");
            Ok(opened)
        }
        renewed => renewed,
    }
}

/// The credential with new tokens, even if those that it has are fresh, and even if the provider
/// failed a moment ago.
///
/// # Errors
/// [`Unserved`].
pub(crate) async fn insist(
    app: &web::Data<App>,
    credential: StoredCredential,
) -> Result<Opened, Unserved> {
    check_alive(&credential)?;
    let opened = Opened::of(app, credential)?;
    if !opened.is_refreshable(app).await? {
        return Err(Unserved::NotRefreshable(opened.credential.health));
    }
    let demand = Demand {
        forced: true,
        patient: true,
    };
    renew(app, &opened.credential, demand).await
}

/// The credential with newer tokens than these: refreshed here, or by whoever was first.
///
/// # Errors
/// [`Unserved`].
pub(crate) async fn renew(
    app: &web::Data<App>,
    seen: &StoredCredential,
    demand: Demand,
) -> Result<Opened, Unserved> {
    let started = Instant::now();
    let Demand {
        mut forced,
        patient,
    } = demand;
    let mut here = seen.clone();
    let mut pause = PAUSES.0;
    loop {
        let now = app.now();
        if here.leased_until.is_none_or(|until| until <= now) {
            if let Some(wait) = here.retry_at.map(|at| at - now)
                && wait > TimeDelta::zero()
                && !forced
            {
                return Err(Unserved::BackingOff(wait));
            }
            if let Some(lease) = app.store.lease_refresh(&here, forced, now).await? {
                let outcome = refresh::refresh_now(app, lease).await?;
                return concluded(app, seen, outcome).await;
            }
            // Whoever was first does what was insisted on.
            forced = false;
        } else if !patient {
            return Err(Unserved::Busy);
        }
        if started.elapsed() > WAIT {
            return Err(Unserved::Busy);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
        here = again(app, seen).await?;
        if here.sealed_secrets != seen.sealed_secrets {
            return Ok(Opened::of(app, here)?);
        }
    }
}

async fn concluded(
    app: &App,
    seen: &StoredCredential,
    outcome: Outcome,
) -> Result<Opened, Unserved> {
    let here = again(app, seen).await?;
    match outcome {
        Outcome::Refreshed | Outcome::Superseded => Ok(Opened::of(app, here)?),
        Outcome::Failed(error) => {
            let wait = here.retry_at.map(|at| at - app.now());
            let retry_after = match error.refresh_failure() {
                RefreshFailure::Misconfigured => None,
                _ => wait.filter(|wait| *wait > TimeDelta::zero()),
            };
            Err(Unserved::Failed { error, retry_after })
        }
    }
}

/// The credential as it is now, if it is still to be refreshed.
async fn again(app: &App, seen: &StoredCredential) -> Result<StoredCredential, Unserved> {
    let found = app
        .store
        .find_stored_credential(seen.account_id, seen.id)
        .await?;
    let found = found.ok_or(Unserved::Gone)?;
    check_alive(&found)?;
    Ok(found)
}

fn check_alive(credential: &StoredCredential) -> Result<(), Unserved> {
    match credential.health.status {
        HealthStatus::Ok | HealthStatus::Warn => Ok(()),
        HealthStatus::Error => Err(Unserved::Reconnect(credential.health.clone())),
    }
}

/// Keeps that a token ended which nothing can renew.
async fn condemn(
    app: &App,
    credential: &StoredCredential,
    now: DateTime<Utc>,
) -> Result<Unserved, Unserved> {
    let health = Health {
        status: HealthStatus::Error,
        notes: vec![ENDED.into()],
        time: now,
    };
    app.store
        .note_health(credential, health.status, &health.notes, now)
        .await?;
    Ok(Unserved::Reconnect(health))
}
