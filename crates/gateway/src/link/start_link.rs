//! `GET /link/oauth2/start/{token}`: a one-time link that the client backend made.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use chrono::{DateTime, Utc};
use keyway_domain::{opaque::StartToken, redirect_uri::RedirectUri, sealed::Place};
use keyway_store::StartLink;

use crate::{
    App,
    error::Fault,
    hosted,
    link::{
        begin::{self, Proven, Wishes},
        redirect::{Client, End},
    },
};

/// Start a flow by a one-time link.
///
/// Send the end user's browser here: once, within five minutes.
#[utoipa::path(
    get, path = "/link/oauth2/start/{token}", operation_id = "startFlowByLink", tag = "Flow",
    params(("token" = String, Path, description = "Of `POST /v1/credentials/start-auth`.")),
    responses(
        (status = 200, description = "A form that asks for what is missing.", body = String, content_type = "text/html; charset=utf-8"),
        (status = 302, description = "To the provider; or with `error`, to your redirect URI.", headers(("Location" = String, description = "Where to."))),
        (status = 400, description = "A page: the link is used, or older than five minutes.", body = String, content_type = "text/html; charset=utf-8"),
        (status = 500, description = "A page: our fault.", body = String, content_type = "text/html; charset=utf-8"),
        (status = 503, description = "A page: briefly unavailable.", body = String, content_type = "text/html; charset=utf-8"),
    )
)]
pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    token: web::Path<String>,
) -> HttpResponse {
    let now = app.now();
    match start(&app, &token, now).await {
        Ok(Some(response)) => response,
        Ok(None) => hosted::error(
            StatusCode::BAD_REQUEST,
            "This link has been used already, or is older than five minutes.",
            &hosted::reference(&request),
            "start link unknown, expired or used",
        ),
        Err(fault) => hosted::fault(&request, &fault),
    }
}

async fn start(app: &App, token: &str, now: DateTime<Utc>) -> Result<Option<HttpResponse>, Fault> {
    let Some(token) = StartToken::parse(token) else {
        return Ok(None);
    };
    let Some(link) = app
        .store
        .take_start_link(app.ring.digest(&token), now)
        .await?
    else {
        return Ok(None);
    };
    // The app or the redirect URI may have been removed since the link was made.
    let Some(target) = app.store.find_link_target(link.oauth_app_id).await? else {
        return Ok(None);
    };
    let Some(redirect_uri) =
        RedirectUri::prove(&link.redirect_uri, &target.provider, &target.redirect_uris)
    else {
        return Ok(None);
    };
    let wishes = wishes(app, link)?;
    let state = wishes.state.clone();
    let provider = app
        .catalogue
        .find(target.account_id, &target.provider)
        .await?;
    match begin::plan(provider, &target, wishes) {
        Ok(plan) => {
            let target = &target;
            begin::begin(
                app,
                Proven {
                    target,
                    redirect_uri: Some(redirect_uri),
                    link_session: None,
                },
                plan,
                now,
            )
            .await
            .map(Some)
        }
        Err(refused) => {
            let end = End::Client(Client {
                redirect_uri: &redirect_uri,
                state: state.as_deref(),
                issuer: None,
            });
            Ok(Some(begin::refuse(end, &refused)))
        }
    }
}

fn wishes(app: &App, link: StartLink) -> Result<Wishes, Fault> {
    let place = Place::start_link_state(link.id, link.account_id);
    let state = link
        .sealed_state
        .map(|sealed| app.ring.open(&place, &sealed))
        .transpose()?;
    Ok(Wishes {
        state: state.map(|state| state.expose().clone()),
        scope: link.scopes.map(|scopes| scopes.to_string()),
        variables: link.variables.into_iter().collect(),
        ..Wishes::default()
    })
}
