//! One refresh, from the lease to what is kept of it. No connection to the database is held while
//! the provider answers.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use actix_web::web;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use keyway_domain::{credential::GrantSecrets, health::HealthStatus, sealed::Place};
use keyway_providers::{
    Provider, ProviderError,
    refresh::{RefreshRequest, Refreshed},
    refusal::RefreshFailure,
};
use keyway_store::{FailedRefresh, LEASE, LeasedRefresh, NewTokens, StoreError};

use crate::{App, error::Fault, grant, lifecycle::back_off, metrics};

/// Between two tries to keep what a provider answered.
const PAUSE: Duration = Duration::from_millis(250);

/// How a refresh ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The new tokens are kept.
    Refreshed,
    /// A newer grant came meanwhile, or the lease was lost: nothing is kept.
    Superseded,
    /// The provider failed, and that is kept.
    Failed(ProviderError),
}

impl Outcome {
    fn word(&self) -> &'static str {
        match self {
            Self::Refreshed => "refreshed",
            Self::Superseded => "superseded",
            Self::Failed(error) => match error.refresh_failure() {
                RefreshFailure::Dead => "dead",
                RefreshFailure::Misconfigured => "misconfigured",
                RefreshFailure::Unanswered => "unanswered",
                RefreshFailure::Later(_) => "later",
            },
        }
    }
}

/// Refreshes in a task of its own: whoever waits may hang up, and the answer is not lost.
///
/// # Errors
/// [`Fault`] if it is ours. The lease is released, or ends.
pub(crate) async fn refresh_now(
    app: &web::Data<App>,
    lease: LeasedRefresh,
) -> Result<Outcome, Fault> {
    let task = app.clone();
    app.tasks
        .spawn(async move { run(&task, &lease).await })
        .await?
}

/// Refreshes, keeps what came of it, and releases the lease.
pub(crate) async fn run(app: &App, lease: &LeasedRefresh) -> Result<Outcome, Fault> {
    let started = Instant::now();
    let outcome = attempt(app, lease, started).await;
    let word = outcome.as_ref().map_or("fault", Outcome::word);
    metrics::refresh_ended(lease.provider.as_str(), word, started.elapsed());
    let (credential, provider) = (lease.credential_id, &lease.provider);
    match &outcome {
        Ok(Outcome::Failed(error)) => {
            tracing::warn!(%credential, %provider, %error, "refresh failed");
        }
        Ok(_) => tracing::debug!(%credential, %provider, outcome = word, "refresh ended"),
        Err(error) => tracing::error!(%credential, %provider, %error, "refresh failed"),
    }
    outcome
}

async fn attempt(app: &App, lease: &LeasedRefresh, started: Instant) -> Result<Outcome, Fault> {
    let asked = ask(app, lease).await;
    let now = app.now();
    let end = match &asked {
        Ok((provider, Ok(refreshed))) => {
            End::Renewed(new_tokens(app, lease, provider, refreshed, now)?)
        }
        Ok((provider, Err(error))) => End::Failed(failed(app, lease, provider, error, now)),
        Err(_) => End::Failed(ours(app, lease, now)),
    };
    let kept = keep(app, lease, &end, now, started).await;
    let (_, answer) = asked?;
    match (kept?, answer) {
        (true, Ok(_)) => Ok(Outcome::Refreshed),
        (false, _) => Ok(Outcome::Superseded),
        (true, Err(error)) => Ok(Outcome::Failed(error)),
    }
}

/// What is to be kept of a refresh.
enum End {
    Renewed(NewTokens),
    Failed(FailedRefresh),
}

type Answer = (Arc<Provider>, Result<Refreshed, ProviderError>);

async fn ask(app: &App, lease: &LeasedRefresh) -> Result<Answer, Fault> {
    let provider = app.catalogue.find(lease.account_id, &lease.provider);
    let provider = provider
        .await?
        .ok_or(Fault::Unreadable("provider outside the catalogue"))?;
    let place = Place::oauth_app_client_secret(lease.oauth_app_id, lease.account_id);
    let client_secret = app.ring.open(&place, &lease.sealed_client_secret)?;
    let secrets = open(app, lease)?;
    let request = RefreshRequest {
        client_id: &lease.client_id,
        client_secret: &client_secret,
        redirect_uri: &app.callback_url(&lease.provider),
        variables: &lease.variables,
        public: &lease.public,
        secrets: &secrets,
        token_type: lease.token_type.as_deref(),
        scopes: lease.scopes.as_ref(),
        refresh_expires_at: lease.refresh_expires_at,
        now: app.now(),
    };
    let refreshed = provider.refresh(&app.http, &request).await;
    Ok((provider, refreshed))
}

fn open(app: &App, lease: &LeasedRefresh) -> Result<GrantSecrets, Fault> {
    let row = (lease.grant_id, lease.account_id);
    grant::open(app, row, &lease.external_id, &lease.sealed_secrets)
}

fn new_tokens(
    app: &App,
    lease: &LeasedRefresh,
    provider: &Provider,
    refreshed: &Refreshed,
    now: DateTime<Utc>,
) -> Result<NewTokens, Fault> {
    let secrets = &refreshed.secrets;
    Ok(NewTokens {
        public: refreshed.public.clone(),
        secret_names: secrets.properties.keys().cloned().collect(),
        sealed_secrets: grant::seal(app, (lease.grant_id, lease.account_id), secrets)?,
        token_type: refreshed.token_type.clone(),
        scopes: refreshed.scopes.clone(),
        expires_at: refreshed.expires_at,
        refresh_expires_at: refreshed.refresh_expires_at,
        refresh_at: provider.refresh_at(
            provider.is_renewable(secrets),
            refreshed.expires_at,
            refreshed.refresh_expires_at,
            now,
            app.random.as_ref(),
        ),
    })
}

/// What a failure of the provider does to the credential.
fn failed(
    app: &App,
    lease: &LeasedRefresh,
    provider: &Provider,
    error: &ProviderError,
    now: DateTime<Utc>,
) -> FailedRefresh {
    let failures = lease.failures.saturating_add(1);
    let random = app.random.as_ref();
    let again = |wait: TimeDelta, note: String| FailedRefresh {
        status: HealthStatus::Warn,
        note,
        retry_at: Some(now + wait),
        is_unanswered: false,
    };
    match error.refresh_failure() {
        RefreshFailure::Dead => FailedRefresh {
            status: HealthStatus::Error,
            note: dead(lease, provider, error),
            retry_at: None,
            is_unanswered: false,
        },
        RefreshFailure::Misconfigured => again(
            back_off::unlikely(failures, random),
            format!(
                "The provider does not take the refresh: {error}. Check the OAuth app's client ID and secret; Keyway tries again by itself."
            ),
        ),
        RefreshFailure::Unanswered => FailedRefresh {
            is_unanswered: true,
            ..again(
                back_off::passing(failures, random),
                format!("A refresh got no answer: {error}. Keyway tries again by itself."),
            )
        },
        RefreshFailure::Later(asked) => again(
            back_off::passing(failures, random).max(asked.unwrap_or_default()),
            format!("A refresh failed: {error}. Keyway tries again by itself."),
        ),
    }
}

fn dead(lease: &LeasedRefresh, provider: &Provider, error: &ProviderError) -> String {
    let lost = lease.unanswered_at.filter(|_| provider.is_single_use());
    match lost {
        Some(at) => format!(
            "The provider's answer to the refresh of {} was lost, and with it the next refresh token. The end user must reconnect.",
            at.to_rfc3339_opts(SecondsFormat::Secs, true)
        ),
        None => format!(
            "The provider takes the refresh token no longer: {error}. The end user must reconnect."
        ),
    }
}

/// What a failure of our own does to the credential.
fn ours(app: &App, lease: &LeasedRefresh, now: DateTime<Utc>) -> FailedRefresh {
    let wait = back_off::unlikely(lease.failures.saturating_add(1), app.random.as_ref());
    FailedRefresh {
        status: HealthStatus::Warn,
        note: "Keyway could not make the request for a refresh: its log says why.".into(),
        retry_at: Some(now + wait),
        is_unanswered: false,
    }
}

/// Writes what came of a refresh, again and again while the lease holds: the database may be away
/// for a moment, and what the provider answered must not be lost to that.
async fn keep(
    app: &App,
    lease: &LeasedRefresh,
    end: &End,
    now: DateTime<Utc>,
    started: Instant,
) -> Result<bool, StoreError> {
    let holds = LEASE.to_std().unwrap_or_default();
    loop {
        let kept = match end {
            End::Renewed(new) => app.store.commit_refresh(lease, new, now).await,
            End::Failed(failed) => app.store.fail_refresh(lease, failed, now).await,
        };
        match kept {
            Err(error) if started.elapsed() + PAUSE < holds => {
                let credential = lease.credential_id;
                tracing::warn!(%credential, %error, "the outcome of a refresh could not be kept, trying again");
                tokio::time::sleep(PAUSE).await;
            }
            kept => return kept,
        }
    }
}
