//! `GET /oauth-apps/{id}`.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_providers::Provider;
use keyway_store::OauthApp;

use crate::{
    App,
    error::{PageError, answer, show},
    frame::Frame,
    moment::Moment,
    oauth_apps::find,
    session::Session,
};

/// As many start links are shown; the others differ in nothing but the redirect URI.
const START_LINKS: usize = 3;

#[derive(Template)]
#[template(path = "console/oauth_apps/show.html")]
struct ShowPage<'a> {
    frame: Frame<'a>,
    app: &'a OauthApp,
    provider_name: String,
    /// None if its definition is gone from the catalogue.
    provider: Option<&'a Provider>,
    callback_url: String,
    /// Where the provider finds the app's public keys, where it has some.
    jwks_url: Option<String>,
    token_url: String,
    start_links: Vec<StartLink>,
    created: Moment,
    updated: Moment,
}

struct StartLink {
    redirect_uri: String,
    url: String,
}

pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    answer(&request, detail(&app, &request, &session).await)
}

async fn detail(
    app: &App,
    request: &HttpRequest,
    session: &Session,
) -> Result<HttpResponse, PageError> {
    let now = app.now();
    let found = find(app, session, request).await?;
    let registered = app.store.list_redirect_uris(session.account()).await?;
    let start_links = registered
        .iter()
        .take(START_LINKS)
        .map(|registered| {
            let redirect_uri = registered.uri.expand(&found.provider);
            StartLink {
                url: app.start_link(found.id, &redirect_uri),
                redirect_uri: redirect_uri.as_str().to_owned(),
            }
        })
        .collect();
    let provider = session.providers.find(&found.provider).map(AsRef::as_ref);
    let has_keys = provider.is_some_and(|provider| provider.definition.has_keys());
    let page = ShowPage {
        frame: Frame::new(session, request),
        provider_name: session.providers.name(found.provider.as_str()),
        provider,
        jwks_url: has_keys.then(|| app.jwks_url(found.id)),
        callback_url: app.callback_url(&found.provider),
        token_url: app.public_url.join("/link/oauth2/token"),
        start_links,
        created: Moment::new(found.created_at, now),
        updated: Moment::new(found.updated_at, now),
        app: &found,
    };
    show(StatusCode::OK, &page)
}
