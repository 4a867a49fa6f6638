//! `/link/session/{token}`: the hosted page that a client backend asked for.
//!
//! The token is 256 bits that the client backend gave to one end user; whoever has it may use it, as
//! with any link of that kind. To look changes nothing, so previewers may. What begins a flow is the
//! form, and the form must come from the page: else another site could post the address of its *own*
//! session in the end user's browser, and a provider that remembers a consent would connect the end
//! user's account to the attacker's session without a word. The page says who asks, and for whom.

use std::{collections::BTreeMap, sync::Arc};

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use chrono::{DateTime, Utc};
use keyway_domain::{
    authorization_session::{Failure, RefusedStart, Step},
    ids::AuthorizationSessionId,
    oauth_error::ErrorCode,
    opaque::{LinkSessionToken, OpaqueToken as _},
    redirect_uri::RedirectUri,
    sealed::Place,
};
use keyway_providers::Provider;
use keyway_store::{LinkSession, LinkSessionApp, LinkSessionStatus, LinkTarget};
use keyway_web::{origin, page};

use crate::{
    App,
    error::Fault,
    hosted::{
        self,
        session::{Offer, OfferPage},
    },
    link::{
        begin::{self, FromSession, Proven, Refused, Wishes},
        parameters::Parameters,
        redirect::{Client, End},
    },
};

/// A session that nothing can be connected with. Unknown and malformed tokens look alike.
enum Closed {
    Unknown,
    Expired(String),
    Used(Box<LinkSession>),
    /// What it offered was removed since.
    Empty(String),
}

impl Closed {
    fn show(&self) -> HttpResponse {
        let (status, title, message, detail) = match self {
            Self::Unknown => (
                StatusCode::NOT_FOUND,
                "This link does not work",
                "There is no such link, or it is gone. Go back to where you got it, and ask for a new one."
                    .to_owned(),
                "link session unknown",
            ),
            Self::Expired(account) => (
                StatusCode::GONE,
                "This link has expired",
                format!("Ask {account} for a new one."),
                "link session expired",
            ),
            Self::Used(session) => (
                StatusCode::GONE,
                "This link has been used",
                format!(
                    "It is good for one connection, and that is made. If you need another, ask {} for a new link.",
                    session.account_name
                ),
                "link session used",
            ),
            Self::Empty(account) => (
                StatusCode::GONE,
                "This link does not work any more",
                format!("What it was to connect is not offered any more. Ask {account} for a new link."),
                "link session offers nothing any more",
            ),
        };
        hosted::session::closed(status, title, &message, detail)
    }
}

/// An open session with what it offers.
struct Open {
    session: LinkSession,
    token: LinkSessionToken,
    /// Never empty.
    offers: Vec<(LinkSessionApp, Arc<Provider>)>,
}

/// What is asked for, by whom, for whom.
pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    token: web::Path<String>,
) -> HttpResponse {
    match find(&app, &token, app.now()).await {
        Ok(Ok(open)) => offer(&open),
        Ok(Err(closed)) => closed.show(),
        Err(fault) => hosted::fault(&request, &fault),
    }
}

/// The end user goes on: the flow begins.
pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    token: web::Path<String>,
    body: web::Bytes,
) -> HttpResponse {
    if let Err(foreign) = origin::check(&app.public_url, &request) {
        let title = "Nothing was connected";
        let message = "This was not sent from the link's own page. Open the link once more, and continue there.";
        return hosted::session::closed(StatusCode::FORBIDDEN, title, message, foreign.to_string());
    }
    let now = app.now();
    let answer = match find(&app, &token, now).await {
        Ok(Ok(open)) => start(&app, open, &Parameters::parse(&body), now).await,
        Ok(Err(closed)) => Ok(closed.show()),
        Err(fault) => Err(fault),
    };
    answer.unwrap_or_else(|fault| hosted::fault(&request, &fault))
}

/// Where a flow ends that no client waits for. It can be loaded again.
pub(crate) async fn done(
    app: web::Data<App>,
    request: HttpRequest,
    token: web::Path<String>,
) -> HttpResponse {
    match find(&app, &token, app.now()).await {
        Ok(Ok(_)) => page::see_other(&format!("/link/session/{token}")),
        Ok(Err(closed)) => match connected(&app, &closed).await {
            Ok(page) => page.unwrap_or_else(|| closed.show()),
            Err(fault) => hosted::fault(&request, &fault),
        },
        Err(fault) => hosted::fault(&request, &fault),
    }
}

async fn find(app: &App, token: &str, now: DateTime<Utc>) -> Result<Result<Open, Closed>, Fault> {
    let Some(token) = LinkSessionToken::parse(token) else {
        return Ok(Err(Closed::Unknown));
    };
    let found = app.store.find_link_session(app.ring.digest(&token)).await?;
    let Some(session) = found else {
        return Ok(Err(Closed::Unknown));
    };
    match session.status(now) {
        LinkSessionStatus::Used => return Ok(Err(Closed::Used(Box::new(session)))),
        LinkSessionStatus::Expired => return Ok(Err(Closed::Expired(session.account_name))),
        LinkSessionStatus::Open => {}
    }
    let mut offers = Vec::new();
    for offered in &session.apps {
        let provider = app.catalogue.find(session.account_id, &offered.provider);
        if let Some(provider) = provider.await? {
            offers.push((offered.clone(), provider));
        }
    }
    if offers.is_empty() {
        return Ok(Err(Closed::Empty(session.account_name)));
    }
    Ok(Ok(Open {
        session,
        token,
        offers,
    }))
}

fn offer(open: &Open) -> HttpResponse {
    let of_provider = |provider: &Provider| {
        let alike = |(_, known): &&(LinkSessionApp, Arc<Provider>)| known.slug == provider.slug;
        open.offers.iter().filter(alike).count()
    };
    let offers: Vec<Offer<'_>> = open
        .offers
        .iter()
        .map(|(app, provider)| Offer {
            app: app.id.to_string(),
            provider: &provider.definition.name,
            name: (of_provider(provider) > 1).then_some(app.name.as_str()),
        })
        .collect();
    let credential = open.session.credential.as_ref();
    let label = credential.and_then(|credential| credential.label.as_deref());
    let title = match offers.as_slice() {
        [one] if credential.is_some() => format!("Reconnect {}", label.unwrap_or(one.provider)),
        [one] => format!("Connect {}", one.provider),
        _ => "Choose what to connect".to_owned(),
    };
    hosted::session::offer(&OfferPage {
        token: open.token.secret().expose(),
        title: &title,
        account: &open.session.account_name,
        end_user: &open.session.end_user,
        reconnects: label,
        offers: &offers,
    })
}

/// The page of a connection that was made here; a client that waited tells its end user itself.
async fn connected(app: &App, closed: &Closed) -> Result<Option<HttpResponse>, Fault> {
    let Closed::Used(session) = closed else {
        return Ok(None);
    };
    let Some(credential) = &session.credential else {
        return Ok(None);
    };
    if session.redirect_uri.is_some() {
        return Ok(None);
    }
    let found = app.catalogue.find(session.account_id, &credential.provider);
    let page = found.await?.map(|provider| {
        hosted::session::connected(
            &session.account_name,
            &provider.definition.name,
            credential.label.as_deref(),
        )
    });
    Ok(page)
}

async fn start(
    app: &App,
    open: Open,
    parameters: &Parameters,
    now: DateTime<Utc>,
) -> Result<HttpResponse, Fault> {
    let Open {
        session,
        token,
        offers,
    } = open;
    let chosen = parameters.first("app");
    let chosen = offers
        .into_iter()
        .find(|(offered, _)| Some(offered.id.to_string().as_str()) == chosen);
    let Some((offered, provider)) = chosen else {
        // Nothing was chosen, or what is not offered any more: choose again.
        let path = format!("/link/session/{}", token.secret().expose());
        return Ok(page::see_other(&path));
    };
    let Some(target) = app.store.find_link_target(offered.id).await? else {
        return Ok(Closed::Empty(session.account_name).show());
    };
    let redirect_uri = match &session.redirect_uri {
        None => None,
        Some(received) => {
            let proven = RedirectUri::prove(received, &target.provider, &target.redirect_uris);
            let Some(proven) = proven else {
                // It was removed since the session was made.
                let refused = Refused::new(
                    ErrorCode::InvalidRequest,
                    "The link leads to an address that is not registered.",
                );
                keep_refusal(app, &session, &target, &refused, now).await?;
                return Ok(Closed::Empty(session.account_name).show());
            };
            Some(proven)
        }
    };
    let wishes = wishes(app, &session, &provider)?;
    let state = wishes.state.clone();
    let provider = app
        .catalogue
        .find(target.account_id, &target.provider)
        .await?;
    match begin::plan(provider, &target, wishes) {
        Ok(plan) => {
            let proven = Proven {
                target: &target,
                redirect_uri,
                link_session: Some(FromSession {
                    id: session.id,
                    token: &token,
                }),
            };
            begin::begin(app, proven, plan, now).await
        }
        Err(refused) => {
            let flow = keep_refusal(app, &session, &target, &refused, now).await?;
            let end = match &redirect_uri {
                Some(redirect_uri) => End::Client(Client {
                    redirect_uri,
                    state: state.as_deref(),
                    issuer: None,
                }),
                None => End::Page {
                    token: token.secret().expose(),
                    flow,
                },
            };
            Ok(begin::refuse(end, &refused))
        }
    }
}

/// What the client backend asked for, as far as it concerns this provider.
fn wishes(app: &App, session: &LinkSession, provider: &Provider) -> Result<Wishes, Fault> {
    let place = Place::link_session_state(session.id, session.account_id);
    let state = session
        .sealed_state
        .as_ref()
        .map(|sealed| app.ring.open(&place, sealed))
        .transpose()?;
    // Who reconnects a shop need not type its name again.
    let known = session.credential.iter().flat_map(|known| &known.variables);
    let given: BTreeMap<&str, &String> = known
        .chain(&session.variables)
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    let own = provider.definition.end_users_variables();
    let variables =
        own.filter_map(|(name, _)| Some((name.to_owned(), (*given.get(name)?).clone())));
    Ok(Wishes {
        state: state.map(|state| state.expose().clone()),
        scope: session.scopes.as_ref().map(ToString::to_string),
        variables: variables.collect(),
        ..Wishes::default()
    })
}

/// Keeps the attempt for the flow log and answers its reference.
async fn keep_refusal(
    app: &App,
    session: &LinkSession,
    target: &LinkTarget,
    refused: &Refused,
    now: DateTime<Utc>,
) -> Result<AuthorizationSessionId, Fault> {
    let id = AuthorizationSessionId::generate(now, app.random.as_ref());
    let start = RefusedStart {
        id,
        account_id: target.account_id,
        oauth_app_id: target.oauth_app_id,
        provider: target.provider.clone(),
        link_session_id: Some(session.id),
        failure: Failure {
            step: Step::Start,
            error: refused.code,
            description: refused.description.clone(),
            detail: refused.detail.clone(),
        },
        created_at: now,
    };
    app.store.insert_refused_start(&start).await?;
    Ok(id)
}
