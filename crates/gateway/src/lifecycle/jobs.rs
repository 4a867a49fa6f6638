//! What admins ask for in the console, which opens no secret and calls no provider: done here, by
//! whichever gateway takes it first.

use std::{sync::Arc, time::Duration};

use actix_web::web;
use futures_util::StreamExt as _;
use keyway_domain::{
    audit::Actor,
    job::{JobKind, JobOutcome},
    revocation::RevocationOutcome,
};
use keyway_store::{Channel, StoreError, TakenJob};
use tokio::sync::Semaphore;

use crate::{
    App,
    lifecycle::{
        fresh::{self, Unserved},
        revoke::{self, Deleted, Revoked},
    },
};

/// Between two looks when nobody calls.
const PAUSE: Duration = Duration::from_secs(5);
/// How many jobs one gateway does at the same time: one that hangs at its provider holds up none.
const AT_ONCE: usize = 8;

/// What became of a job.
type Ended = (JobOutcome, Option<String>);

/// Takes jobs until the gateway stops. Those that it has taken end first.
pub async fn run(app: web::Data<App>) {
    let mut calls = app.store.listen(Channel::Jobs);
    let places = Arc::new(Semaphore::new(AT_ONCE));
    while !app.stop.is_cancelled() {
        take_all(&app, &places).await;
        tokio::select! {
            () = app.stop.cancelled() => return,
            _ = calls.next() => {}
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

/// Takes what there is, each job into a task of its own.
async fn take_all(app: &web::Data<App>, places: &Arc<Semaphore>) {
    while !app.stop.is_cancelled() {
        let place = tokio::select! {
            () = app.stop.cancelled() => return,
            place = Arc::clone(places).acquire_owned() => place,
        };
        let job = match app.store.take_job(app.now()).await {
            Ok(Some(job)) => job,
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "no job could be taken");
                return;
            }
        };
        let working = app.clone();
        app.tasks.spawn(async move {
            end(&working, &job).await;
            drop(place);
        });
    }
}

/// Takes one job and does it; whether there was one.
///
/// # Errors
/// [`StoreError`] if none could be taken.
pub async fn once(app: &web::Data<App>) -> Result<bool, StoreError> {
    let Some(job) = app.store.take_job(app.now()).await? else {
        return Ok(false);
    };
    end(app, &job).await;
    Ok(true)
}

/// Does a job, and writes down what became of it. What the database prevents is taken up again by
/// somebody else when the lease ends.
async fn end(app: &web::Data<App>, job: &TakenJob) {
    let TakenJob {
        id,
        kind,
        credential_id,
        ..
    } = job;
    let kind = kind.as_str();
    let ended = async {
        let (outcome, detail) = perform(app, job).await?;
        app.store
            .finish_job(job, outcome, detail.as_deref(), app.now())
            .await?;
        Ok::<_, StoreError>(outcome)
    };
    match ended.await {
        Ok(outcome) => {
            tracing::info!(job = %id, kind, credential = %credential_id, outcome = outcome.as_str(), "job ended");
        }
        Err(error) => {
            tracing::warn!(job = %id, kind, credential = %credential_id, %error, "job left to the next gateway");
        }
    }
}

async fn perform(app: &web::Data<App>, job: &TakenJob) -> Result<Ended, StoreError> {
    let actor = Actor::Admin(job.admin_id);
    let (account, credential) = (job.account_id, job.credential_id);
    match job.kind {
        JobKind::Refresh => refresh(app, job).await,
        JobKind::Revoke => {
            let revoked = revoke::revoke_credential(app, account, credential, actor).await?;
            Ok(after_revoking(revoked))
        }
        JobKind::Delete => {
            let deleted = revoke::delete_credential(app, account, credential, None, actor).await?;
            Ok(after_deleting(&deleted))
        }
    }
}

async fn refresh(app: &web::Data<App>, job: &TakenJob) -> Result<Ended, StoreError> {
    let found = app
        .store
        .find_stored_credential(job.account_id, job.credential_id)
        .await?;
    let Some(credential) = found else {
        return Ok(failed(Unserved::Gone.public()));
    };
    Ok(match fresh::insist(app, credential).await {
        Ok(_) => (JobOutcome::Done, None),
        Err(Unserved::Fault(crate::error::Fault::Store(error))) => return Err(error),
        Err(unserved) => {
            tracing::info!(job = %job.id, reason = %unserved, "refresh failed");
            failed(unserved.public())
        }
    })
}

fn after_revoking(revoked: Revoked) -> Ended {
    let asked = match revoked {
        Revoked::Unavailable => {
            return failed("The credential is gone, or is being refreshed. Try again in a moment.");
        }
        Revoked::Asked(revocation) => revocation,
    };
    match asked.outcome {
        RevocationOutcome::Revoked => (JobOutcome::Done, None),
        RevocationOutcome::Unsupported => failed(
            "The provider has no way to end a grant from here. Its own settings may have one.",
        ),
        RevocationOutcome::Superseded | RevocationOutcome::Failed => {
            let why = asked.detail.map(|detail| format!(": {detail}"));
            let why = why.unwrap_or_default();
            failed(&format!("The provider did not end the grant{why}."))
        }
    }
}

/// The credential is gone in any case; how its provider took it, an event tells.
fn after_deleting(deleted: &Deleted) -> Ended {
    match deleted {
        // It was there when it was asked for: somebody else deleted it since.
        Deleted::Deleted(_) | Deleted::Unknown => (JobOutcome::Done, None),
        Deleted::Changed => failed("The credential was changed meanwhile. Ask again."),
    }
}

fn failed(why: &str) -> Ended {
    (JobOutcome::Failed, Some(why.to_owned()))
}
