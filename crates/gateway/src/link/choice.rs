//! `/link/oauth2/choice/{flow}`: one grant, several accounts.

use actix_web::{HttpRequest, HttpResponse, cookie::SameSite, http::StatusCode, web};
use keyway_domain::{
    SecretString, authorization_session::Step, ids::AuthorizationSessionId, sealed::Place,
};
use keyway_providers::{callback::CallbackParameters, choice::Account, completion::Pending};
use keyway_store::WaitingChoice;
use keyway_web::cookie;
use serde::{Deserialize, Serialize};

use crate::{
    App,
    error::Fault,
    hosted,
    link::{
        callback::{self, fail, failure},
        complete, cookie_name, own_flow,
        parameters::Parameters,
        redirect::{self, Destination},
    },
};

/// What waits, sealed.
#[derive(Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub(crate) accounts: Vec<Account>,
    pub(crate) pending: Pending,
}

/// The accounts to choose from. It can be loaded again.
pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    flow: web::Path<String>,
) -> HttpResponse {
    let id = match own_flow(&app, &request, &flow) {
        Ok(id) => id,
        Err(detail) => return gone(&request, detail),
    };
    let shown = async {
        match find(&app, id).await? {
            Some((found, waiting)) => page(&app, id, &found, &waiting.accounts).await.map(Some),
            None => Ok(None),
        }
    };
    match shown.await {
        Ok(Some(response)) => response,
        Ok(None) => gone(&request, "flow does not wait for a choice"),
        Err(fault) => hosted::fault(&request, &fault),
    }
}

/// The end user chose.
pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    flow: web::Path<String>,
    body: web::Bytes,
) -> HttpResponse {
    let id = match own_flow(&app, &request, &flow) {
        Ok(id) => id,
        Err(detail) => return gone(&request, detail),
    };
    let parameters = Parameters::parse(&body);
    match answer(&app, id, parameters.first("account").unwrap_or_default()).await {
        Ok(Some(Answer::Ended(destination))) => {
            let removal = cookie::removal(&app.public_url, &cookie_name(id), SameSite::Lax);
            redirect::with_cookie(destination.respond(), &removal)
        }
        Ok(Some(Answer::Again(response))) => response,
        Ok(None) => gone(&request, "flow does not wait for a choice"),
        Err(fault) => hosted::fault(&request, &fault),
    }
}

enum Answer {
    Ended(Destination),
    Again(HttpResponse),
}

async fn answer(
    app: &web::Data<App>,
    id: AuthorizationSessionId,
    chosen: &str,
) -> Result<Option<Answer>, Fault> {
    let Some((found, waiting)) = find(app, id).await? else {
        return Ok(None);
    };
    if !waiting.accounts.iter().any(|account| account.id == chosen) {
        return Ok(Some(Answer::Again(
            page(app, id, &found, &waiting.accounts).await?,
        )));
    }
    // In a task of its own: what is taken here is nowhere else, and a browser that hangs up drops
    // this handler.
    let task = app.tasks.spawn({
        let app = app.clone();
        let chosen = chosen.to_owned();
        async move { take(&app, id, &waiting.pending, &chosen).await }
    });
    Ok(task.await??.map(Answer::Ended))
}

/// Takes the choice, once, and ends the flow with it.
async fn take(
    app: &App,
    id: AuthorizationSessionId,
    pending: &Pending,
    chosen: &str,
) -> Result<Option<Destination>, Fault> {
    let Some(claimed) = app.store.take_choice(id, app.now()).await? else {
        return Ok(None);
    };
    let flow = callback::open(app, claimed, CallbackParameters::none()).await?;
    let variables = &flow.claimed.variables;
    let client_id = &flow.claimed.client_id;
    let proof_key = flow.secrets.proof_key.as_deref().map(SecretString::from);
    let provider = &flow.provider;
    let granted = provider.choose(pending, chosen, client_id, variables, proof_key.as_ref());
    let destination = match granted {
        Ok(granted) => complete::finish(app, &flow, granted).await?,
        Err(error) => {
            let words = error.to_string();
            let failure = failure(Step::Identity, error.code(), error.public(), words);
            fail(app, &flow, failure, "failed", app.now()).await?
        }
    };
    Ok(Some(destination))
}

async fn find(
    app: &App,
    id: AuthorizationSessionId,
) -> Result<Option<(WaitingChoice, Waiting)>, Fault> {
    let Some(found) = app.store.find_choice(id, app.now()).await? else {
        return Ok(None);
    };
    let place = Place::session_choice(id, found.account_id);
    let text = app.ring.open(&place, &found.sealed)?;
    let waiting = serde_json::from_str(text.expose());
    let waiting = waiting.map_err(|_| Fault::Unreadable("choice"))?;
    Ok(Some((found, waiting)))
}

async fn page(
    app: &App,
    id: AuthorizationSessionId,
    found: &WaitingChoice,
    accounts: &[Account],
) -> Result<HttpResponse, Fault> {
    let provider = app
        .catalogue
        .find(found.account_id, &found.provider)
        .await?;
    let name = provider
        .as_ref()
        .map_or(found.provider.as_str(), |provider| {
            &provider.definition.name
        });
    Ok(hosted::choice::page(id, name, accounts))
}

fn gone(request: &HttpRequest, detail: &str) -> HttpResponse {
    let message = "This choice has expired. Go back to where you started and try again.";
    let reference = hosted::reference(request);
    hosted::error(StatusCode::BAD_REQUEST, message, &reference, detail)
}
