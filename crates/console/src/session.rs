//! Who is signed in.

use actix_web::{
    FromRequest, HttpRequest, HttpResponse,
    cookie::{Cookie, SameSite, time::Duration},
    dev::Payload,
    http::{Method, StatusCode},
    web,
};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::LocalBoxFuture;
use keyway_catalogue::AccountProviders;
use keyway_domain::{
    account::Admin,
    audit::{Actor, AuditEvent},
    ids::{AccountId, ConsoleSessionId},
    opaque::{ConsoleSessionToken, OpaqueToken as _},
};
use keyway_vault::digest;
use keyway_web::{cookie, page};
use serde_json::json;

use crate::{
    App, csrf,
    error::{PageError, show},
    path,
};

const COOKIE: &str = "keyway-session";
/// A session ends after a working day,
const LIFE: TimeDelta = TimeDelta::hours(12);
/// and when nobody has used it for two hours.
const IDLE: TimeDelta = TimeDelta::hours(2);

/// A browser in which an admin is signed in. As an extractor: to have one is to be signed in.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) admin: Admin,
    /// The providers of the account, as they are now.
    pub(crate) providers: AccountProviders,
    token: ConsoleSessionToken,
}

impl Session {
    pub(crate) fn account(&self) -> AccountId {
        self.admin.account.id
    }

    pub(crate) fn actor(&self) -> Actor {
        Actor::Admin(self.admin.id)
    }

    /// The token of this session's forms.
    pub(crate) fn csrf(&self) -> String {
        csrf::token(self.token.secret())
    }
}

impl FromRequest for Session {
    type Error = actix_web::Error;
    type Future = LocalBoxFuture<'static, Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let found = async { find(app(&request)?, &request).await };
            match found.await {
                Ok(Some(session)) => Ok(session),
                Ok(None) => Err(PageError::SignedOut.reject(&request)),
                Err(error) => Err(error.reject(&request)),
            }
        })
    }
}

/// The console's parts, for extractors.
pub(crate) fn app(request: &HttpRequest) -> Result<&App, PageError> {
    request
        .app_data::<web::Data<App>>()
        .map(web::Data::get_ref)
        .ok_or_else(|| PageError::Malformed("no console".into()))
}

/// The session of this browser, if it is open.
pub(crate) async fn find(app: &App, request: &HttpRequest) -> Result<Option<Session>, PageError> {
    let Some(token) = read_cookie(app, request) else {
        return Ok(None);
    };
    let digest = digest::unkeyed(&token);
    let admin = app
        .store
        .find_console_session(digest, app.now(), IDLE)
        .await?;
    let Some(admin) = admin else {
        return Ok(None);
    };
    let providers = app.catalogue.of(admin.account.id).await?;
    Ok(Some(Session {
        admin,
        providers,
        token,
    }))
}

/// Signs an admin in: a new token each time, so that a cookie planted before is worth nothing
/// after. What this browser was signed in to ends.
pub(crate) async fn begin(
    app: &App,
    request: &HttpRequest,
    admin: &Admin,
    now: DateTime<Utc>,
) -> Result<Cookie<'static>, PageError> {
    if let Some(older) = read_cookie(app, request) {
        app.store
            .delete_console_session(digest::unkeyed(&older))
            .await?;
    }
    let token = ConsoleSessionToken::generate(app.random.as_ref());
    let id = ConsoleSessionId::generate(now, app.random.as_ref());
    app.store
        .insert_console_session(id, admin.id, digest::unkeyed(&token), now, now + LIFE)
        .await?;
    let event = AuditEvent {
        account_id: Some(admin.account.id),
        actor: Actor::Admin(admin.id),
        action: "session.signed_in",
        subject: Some(id.uuid()),
        detail: json!({"address": app.client_ip(request)}),
    };
    app.store.insert_audit_event(&event, now).await?;
    Ok(cookie::make(
        &app.console_url,
        COOKIE,
        token.secret().expose().clone(),
        SameSite::Strict,
        Duration::seconds(LIFE.num_seconds()),
    ))
}

/// Ends a session, and makes the browser forget it.
pub(crate) async fn end(
    app: &App,
    session: &Session,
    now: DateTime<Utc>,
) -> Result<Cookie<'static>, PageError> {
    app.store
        .delete_console_session(digest::unkeyed(&session.token))
        .await?;
    let event = AuditEvent {
        account_id: Some(session.account()),
        actor: session.actor(),
        action: "session.signed_out",
        subject: None,
        detail: json!({}),
    };
    app.store.insert_audit_event(&event, now).await?;
    Ok(cookie::removal(&app.console_url, COOKIE, SameSite::Strict))
}

#[derive(Template)]
#[template(path = "console/continue.html")]
struct ContinuePage<'a> {
    path: &'a str,
}

/// Asks whoever is not signed in to do so, and to come back here then.
///
/// A link on another site brings no `SameSite=Strict` cookie, whoever is signed in. So the first
/// answer to such a visit is a page that goes on to the same address by itself: then the visit is
/// ours, and the cookie comes along.
pub(crate) fn ask(request: &HttpRequest) -> HttpResponse {
    let here = path::local(request.path());
    let cross_site = request
        .headers()
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site");
    match here {
        Some(path) if cross_site && request.method() == Method::GET => {
            let page = ContinuePage { path };
            show(StatusCode::OK, &page).unwrap_or_else(|error| error.respond(request))
        }
        Some(path) if path != "/" => page::see_other(&format!("/sign-in?next={path}")),
        _ => page::see_other("/sign-in"),
    }
}

fn read_cookie(app: &App, request: &HttpRequest) -> Option<ConsoleSessionToken> {
    let cookie = request.cookie(&cookie::name(&app.console_url, COOKIE))?;
    ConsoleSessionToken::parse(cookie.value())
}
