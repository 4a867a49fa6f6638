//! `GET /`: where the account stands, and what comes next.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{
    health::HealthStatus,
    ids::{CredentialId, OauthAppId},
};
use keyway_store::{CredentialFilter, Overview};

use crate::{
    App,
    credentials::{health, title},
    error::{PageError, answer, show},
    flow_log::outcome::{self, Row, Tag},
    frame::Frame,
    moment::Moment,
    session::Session,
    state::first_expansion,
};

const RECENT_FLOWS: i64 = 6;
const START_LINKS: usize = 4;
/// How many credentials in trouble are named, of each kind.
const AILING: u8 = 5;
/// How far back flows are counted.
const SPAN: TimeDelta = TimeDelta::hours(24);

#[derive(Template)]
#[template(path = "console/overview.html")]
struct OverviewPage<'a> {
    frame: Frame<'a>,
    numbers: Overview,
    start_links: Vec<StartLink>,
    flows: Vec<Row>,
    unwell: Vec<Unwell>,
}

/// Credentials in one state of health that somebody should know of.
struct Unwell {
    tag: Tag,
    /// The word for the list's filter.
    word: &'static str,
    credentials: Vec<Ailing>,
    /// There are more than are shown.
    goes_on: bool,
}

/// A credential that does not work, or not for now.
struct Ailing {
    id: CredentialId,
    title: String,
    provider: String,
    note: Option<String>,
    since: Moment,
}

/// A link that begins a flow, ready to be opened.
struct StartLink {
    app: OauthAppId,
    name: String,
    provider: String,
    url: String,
}

impl OverviewPage<'_> {
    /// Whether there is nothing left to do before the first connection, and it was made.
    fn is_set_up(&self) -> bool {
        self.numbers.oauth_apps > 0
            && self.numbers.redirect_uris > 0
            && self.numbers.credentials > 0
    }
}

pub(crate) async fn get(
    app: web::Data<App>,
    request: HttpRequest,
    session: Session,
) -> HttpResponse {
    answer(&request, overview(&app, &request, &session).await)
}

async fn overview(
    app: &App,
    request: &HttpRequest,
    session: &Session,
) -> Result<HttpResponse, PageError> {
    let now = app.now();
    let account = session.account();
    let numbers = app.store.count_overview(account, now - SPAN).await?;
    let flows = app.store.list_flows(account, None, RECENT_FLOWS).await?;
    let page = OverviewPage {
        frame: Frame::new(session, request),
        numbers,
        start_links: start_links(app, session).await?,
        flows: flows
            .into_iter()
            .map(|flow| outcome::row(&session.providers, flow, now))
            .collect(),
        unwell: unwell(app, session, now).await?,
    };
    show(StatusCode::OK, &page)
}

/// What needs attention, the worst first.
async fn unwell(
    app: &App,
    session: &Session,
    now: DateTime<Utc>,
) -> Result<Vec<Unwell>, PageError> {
    let mut unwell = Vec::new();
    for status in [HealthStatus::Error, HealthStatus::Warn] {
        let filter = CredentialFilter {
            health: Some(status),
            ..CredentialFilter::default()
        };
        let limit = i64::from(AILING) + 1;
        let found = app
            .store
            .list_credentials(session.account(), &filter, None, limit)
            .await?;
        if found.is_empty() {
            continue;
        }
        unwell.push(Unwell {
            tag: health::tag(status),
            word: status.as_str(),
            goes_on: found.len() > usize::from(AILING),
            credentials: found
                .iter()
                .take(usize::from(AILING))
                .map(|credential| Ailing {
                    id: credential.id,
                    title: title(credential).to_owned(),
                    provider: session.providers.name(credential.provider.as_str()),
                    note: credential.health.notes.first().cloned(),
                    since: Moment::new(credential.health.time, now),
                })
                .collect(),
        });
    }
    Ok(unwell)
}

/// A link for each of the newest apps, once there is a redirect URI to come back to.
async fn start_links(app: &App, session: &Session) -> Result<Vec<StartLink>, PageError> {
    let registered = app.store.list_redirect_uris(session.account()).await?;
    let apps = app.store.list_oauth_apps(session.account()).await?;
    let links = apps
        .into_iter()
        .rev()
        .take(START_LINKS)
        .filter_map(|found| {
            let uris = registered.iter().map(|registered| &registered.uri);
            let redirect_uri = first_expansion(uris, &found.provider)?;
            Some(StartLink {
                app: found.id,
                provider: session.providers.name(found.provider.as_str()),
                url: app.start_link(found.id, &redirect_uri),
                name: found.name,
            })
        });
    Ok(links.collect())
}
