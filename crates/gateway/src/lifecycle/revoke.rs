//! Ends grants at their providers: those of deleted credentials and removed apps, and those that
//! nobody redeemed. A grant is erased once its provider was asked; until then it is in a queue that
//! all gateways share, and one that dies leaves its claims to the others.

use actix_web::web;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use keyway_domain::{
    SecretString,
    audit::Actor,
    credential::GrantSecrets,
    ids::{AccountId, CredentialId, GrantId},
    oauth_error::ErrorCode,
    revocation::{EndReason, Revocation, RevocationOutcome},
    sealed::Place,
};
use keyway_providers::ProviderError;
use keyway_store::{ClaimedRevocation, Deletion, FinishedRevocation, RevocationTarget, StoreError};

use crate::{App, error::Fault, metrics};

/// How many grants are taken at once, each asked for at the same time.
const BATCH: i64 = 16;
/// After so many attempts a grant is erased, whatever its provider says.
const MAX_ATTEMPTS: i32 = 5;
/// What a credential says of itself whose grant was ended at an admin's request.
const REVOKED_NOTE: &str =
    "The grant was revoked at the provider at your request. Connect the account again.";

/// One batch of what is due; how much there was.
///
/// # Errors
/// [`StoreError`].
pub async fn once(app: &App) -> Result<usize, StoreError> {
    let claims = app.store.claim_revocations(BATCH, app.now()).await?;
    let attempts = join_all(claims.iter().map(|claim| attempt(app, claim))).await;
    for attempted in attempts {
        attempted?;
    }
    Ok(claims.len())
}

/// What became of a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deleted {
    /// Gone. The provider was asked at once, unless a refresh was under way or another gateway came
    /// first: then the queue does it.
    Deleted(Option<Revocation>),
    /// The account has no such credential.
    Unknown,
    /// It is not at the revision that the caller expected.
    Changed,
}

/// Deletes a credential and asks its provider, once, to end the grant; what fails is tried again in
/// the background. The work goes on if the caller goes away.
///
/// # Errors
/// [`StoreError`]; the credential is there still.
pub async fn delete_credential(
    app: &web::Data<App>,
    account: AccountId,
    id: CredentialId,
    expected: Option<i64>,
    actor: Actor,
) -> Result<Deleted, StoreError> {
    let working = app.clone();
    let work = async move {
        let store = &working.store;
        let deletion = store
            .delete_credential(account, id, expected, actor, working.now())
            .await?;
        Ok(match deletion {
            Deletion::Unknown => Deleted::Unknown,
            Deletion::Changed => Deleted::Changed,
            Deletion::Deleted(grant) => Deleted::Deleted(now(&working, grant).await),
        })
    };
    let ended = app.tasks.spawn(work).await;
    ended.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
}

/// What became of an admin's wish to end a credential's grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoked {
    /// The provider was asked.
    Asked(Revocation),
    /// The account has no such credential, or it is being refreshed just now.
    Unavailable,
}

/// Asks the provider to end a credential's grant. The credential stays, in health `error`, if the
/// provider did; nothing changes if it did not. The work goes on if the caller goes away.
///
/// # Errors
/// [`StoreError`].
pub async fn revoke_credential(
    app: &web::Data<App>,
    account: AccountId,
    id: CredentialId,
    actor: Actor,
) -> Result<Revoked, StoreError> {
    let working = app.clone();
    let work = async move { revoke_leased(&working, account, id, actor).await };
    let ended = app.tasks.spawn(work).await;
    ended.unwrap_or_else(|error| Err(StoreError::Unavailable(error.to_string())))
}

async fn revoke_leased(
    app: &App,
    account: AccountId,
    id: CredentialId,
    actor: Actor,
) -> Result<Revoked, StoreError> {
    let Some((lease, target)) = app.store.lease_revocation(account, id, app.now()).await? else {
        return Ok(Revoked::Unavailable);
    };
    let (revocation, _) = ask(app, &target).await;
    metrics::revocation_ended(target.provider.as_str(), revocation.outcome.as_str());
    if revocation.outcome == RevocationOutcome::Revoked {
        let leased = (lease, target.grant_id);
        app.store
            .mark_revoked(id, leased, REVOKED_NOTE, actor, app.now())
            .await?;
    } else {
        app.store.release_lease(target.grant_id, lease).await?;
    }
    Ok(Revoked::Asked(revocation))
}

/// The first attempt at a grant that was ended just now. Whatever goes wrong, the queue has it.
async fn now(app: &App, grant: GrantId) -> Option<Revocation> {
    let attempted = async {
        match app.store.claim_revocation(grant, app.now()).await? {
            Some(claim) => attempt(app, &claim).await,
            None => Ok(None),
        }
    };
    attempted.await.unwrap_or_else(|error| {
        tracing::warn!(%grant, %error, "revocation left to the queue");
        None
    })
}

/// Asks, and writes down what came of it; none if somebody else has the claim meanwhile.
async fn attempt(app: &App, claim: &ClaimedRevocation) -> Result<Option<Revocation>, StoreError> {
    let (revocation, is_transient) = if claim.is_superseded {
        (outcome(RevocationOutcome::Superseded, None), false)
    } else if claim.attempt > MAX_ATTEMPTS {
        let why = "no gateway lived long enough to ask".to_owned();
        (outcome(RevocationOutcome::Failed, Some(why)), false)
    } else {
        ask(app, &claim.target).await
    };
    let now = app.now();
    let finished = FinishedRevocation {
        again_at: is_transient
            .then(|| next_attempt(claim.attempt, now))
            .flatten(),
        revocation,
    };
    let is_ours = app.store.finish_revocation(claim, &finished, now).await?;
    if !is_ours {
        return Ok(None);
    }
    let revocation = finished.revocation;
    metrics::revocation_ended(claim.target.provider.as_str(), revocation.outcome.as_str());
    log(claim, &revocation, finished.again_at);
    Ok(Some(revocation))
}

/// When to ask again after so many attempts: a provider may be down for some hours.
fn next_attempt(attempts: i32, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let wait = match attempts {
        1 => TimeDelta::minutes(1),
        2 => TimeDelta::minutes(5),
        3 => TimeDelta::minutes(30),
        4 => TimeDelta::hours(3),
        _ => return None,
    };
    Some(now + wait)
}

/// What the provider makes of it, and whether asking again may help.
async fn ask(app: &App, target: &RevocationTarget) -> (Revocation, bool) {
    let found = app
        .catalogue
        .find(target.account_id, &target.provider)
        .await;
    let found = match found {
        Ok(found) => found,
        Err(error) => {
            tracing::warn!(grant_id = %target.grant_id, %error, "provider not found out");
            let why = "the database was away".to_owned();
            return (outcome(RevocationOutcome::Failed, Some(why)), true);
        }
    };
    let Some(provider) = found else {
        let why = "the provider is not in the catalogue".to_owned();
        return (outcome(RevocationOutcome::Unsupported, Some(why)), false);
    };
    let (client_secret, secrets) = match open(app, target) {
        Ok(opened) => opened,
        Err(fault) => {
            tracing::error!(grant_id = %target.grant_id, error = %fault, "grant cannot be opened");
            let why = "its tokens cannot be opened".to_owned();
            return (outcome(RevocationOutcome::Failed, Some(why)), true);
        }
    };
    let asked = provider.revoke(
        &app.http,
        &target.client_id,
        &client_secret,
        &target.variables,
        &target.public,
        &secrets,
    );
    match asked.await {
        Ok(true) => (outcome(RevocationOutcome::Revoked, None), false),
        Ok(false) => (outcome(RevocationOutcome::Unsupported, None), false),
        Err(error) => {
            let why = Some(error.to_string());
            (
                outcome(RevocationOutcome::Failed, why),
                is_transient(&error),
            )
        }
    }
}

fn open(app: &App, target: &RevocationTarget) -> Result<(SecretString, GrantSecrets), Fault> {
    let place = Place::grant_secrets(target.grant_id, target.account_id);
    let opened = app.ring.open(&place, &target.sealed_secrets)?;
    let secrets: GrantSecrets =
        serde_json::from_str(opened.expose()).map_err(|_| Fault::Unreadable("grant"))?;
    if secrets.external_id != target.external_id {
        return Err(Fault::Unreadable("grant of another external account"));
    }
    let place = Place::oauth_app_client_secret(target.oauth_app_id, target.account_id);
    let client_secret = app.ring.open(&place, &target.sealed_client_secret)?;
    Ok((client_secret, secrets))
}

fn is_transient(error: &ProviderError) -> bool {
    error.code() == ErrorCode::TemporarilyUnavailable
}

fn outcome(outcome: RevocationOutcome, detail: Option<String>) -> Revocation {
    Revocation { outcome, detail }
}

fn log(claim: &ClaimedRevocation, revocation: &Revocation, again_at: Option<DateTime<Utc>>) {
    let ClaimedRevocation {
        target,
        reason,
        attempt,
        ..
    } = claim;
    let (grant_id, provider) = (target.grant_id, &target.provider);
    let (reason, outcome) = (EndReason::as_str(*reason), revocation.outcome.as_str());
    match &revocation.detail {
        None => tracing::info!(%grant_id, %provider, reason, outcome, "grant ended and erased"),
        Some(detail) => tracing::warn!(
            %grant_id, %provider, reason, outcome, attempt, detail,
            again_at = again_at.map(tracing::field::display), "grant not ended"
        ),
    }
}
