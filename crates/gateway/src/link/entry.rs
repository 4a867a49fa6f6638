//! Keys that the end user entered: checked by a call to the provider, where one is known, and then
//! the end of the flow like any other.

use std::{collections::BTreeMap, sync::Arc};

use actix_web::web;
use keyway_domain::{
    SecretString, authorization_session::ProviderState, ids::AuthorizationSessionId,
};
use keyway_providers::{
    Provider, ProviderError,
    callback::CallbackParameters,
    completion::{Completed, Entry},
};

use crate::{
    App,
    error::Fault,
    link::{callback, complete, redirect::Destination},
};

/// What was entered, all of it checked for its form.
pub(crate) struct Entered {
    pub(crate) id: AuthorizationSessionId,
    pub(crate) provider: Arc<Provider>,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) secrets: BTreeMap<String, SecretString>,
    pub(crate) proof_key: Option<SecretString>,
}

/// What came of it.
pub(crate) enum Attempt {
    /// The flow is over.
    Ended(Destination),
    /// The provider does not take it: a sentence for the form, which stays open.
    NotTaken(String),
    /// The flow is not open any more.
    Gone,
}

/// Asks the provider, and ends the flow if it agrees. The flow is claimed only then, so that whoever
/// mistyped a key types it again.
pub(crate) async fn attempt(app: web::Data<App>, entered: Entered) -> Result<Attempt, Fault> {
    let task = app.tasks.spawn({
        let app = app.clone();
        async move { run(&app, &entered).await }
    });
    task.await?
}

async fn run(app: &App, entered: &Entered) -> Result<Attempt, Fault> {
    let Entered {
        id,
        provider,
        variables,
        secrets,
        proof_key,
    } = entered;
    let entry = Entry {
        variables,
        secrets,
        proof_key: proof_key.as_ref(),
        now: app.now(),
    };
    let completed = match provider.enter(&app.http, &entry).await {
        Ok(completed) => completed,
        Err((_, error)) => return Ok(Attempt::NotTaken(sentence(provider, &error))),
    };
    let now = app.now();
    let state = ProviderState::generate(*id, app.random.as_ref());
    let digest = app.ring.digest(&state);
    if !app
        .store
        .answer_session(*id, variables, digest, now)
        .await?
    {
        return Ok(Attempt::Gone);
    }
    let claimed = app
        .store
        .claim_authorization_session(*id, digest, &provider.slug, now)
        .await?;
    let Some(claimed) = claimed else {
        return Ok(Attempt::Gone);
    };
    let flow = callback::open(app, claimed, CallbackParameters::none()).await?;
    let destination = match completed {
        Completed::Granted(granted) => complete::finish(app, &flow, *granted).await?,
        Completed::Choose(accounts, pending) => {
            complete::ask(app, &flow, accounts, *pending).await?
        }
    };
    Ok(Attempt::Ended(destination))
}

/// What the end user reads. The provider's own words may quote the key, so they stay out.
fn sentence(provider: &Provider, error: &ProviderError) -> String {
    let name = &provider.definition.name;
    match error {
        ProviderError::Refused { status, .. } | ProviderError::Status { status, .. }
            if *status < 500 && *status != 429 =>
        {
            format!("{name} does not accept this. Check what you entered, and try again.")
        }
        ProviderError::Unusable(_) => {
            "This cannot be used. Check what you entered, and try again.".to_owned()
        }
        ProviderError::Malformed(_) => {
            format!("{name} answered in a way that we do not understand. Check what you entered.")
        }
        _ => format!("{name} cannot be reached right now. Try again in a moment."),
    }
}
