//! `/sign-in`: e-mail and password.

use std::net::IpAddr;

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
    web,
};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{
    SecretString,
    account::{Admin, Email},
    audit::{Actor, AuditEvent},
};
use keyway_web::{client_ip::network, log::with_detail, page};
use serde::Deserialize;
use serde_json::json;

use crate::{
    App,
    csrf::{Posted, Visitor},
    error::{PageError, answer, show},
    path, session,
};

#[derive(Debug, Deserialize)]
pub(crate) struct Form {
    email: String,
    password: SecretString,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct SignInPage<'a> {
    csrf: String,
    next: &'a str,
    email: &'a str,
    problem: Option<&'a str>,
}

/// What became of an attempt.
enum Attempt {
    Right(Admin),
    /// Unknown e-mail or wrong password: one answer for both.
    Wrong,
    /// Too many wrong ones; how long to wait.
    Throttled(TimeDelta),
}

pub(crate) async fn get(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    answer(&request, ask(&app, &request).await)
}

async fn ask(app: &App, request: &HttpRequest) -> Result<HttpResponse, PageError> {
    let asked = request.query_string().strip_prefix("next=");
    let next = asked.and_then(path::local).unwrap_or("/");
    if session::find(app, request).await?.is_some() {
        return Ok(page::see_other(next));
    }
    form(app, request, StatusCode::OK, "", next, None)
}

pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    posted: Posted<Form>,
) -> HttpResponse {
    answer(&request, sign_in(&app, &request, posted).await)
}

async fn sign_in(
    app: &App,
    request: &HttpRequest,
    posted: Posted<Form>,
) -> Result<HttpResponse, PageError> {
    let shown = |status, form: &Form, problem: &str| {
        let next = next(form);
        self::form(app, request, status, &form.email, next, Some(problem))
    };
    let form = match posted {
        Posted::Ours(form) => form,
        Posted::Stale(form) => {
            let response = shown(
                StatusCode::FORBIDDEN,
                &form,
                "This page was open for too long. Enter the password again.",
            )?;
            return Ok(with_detail(response, "form token missing or wrong"));
        }
    };
    let now = app.now();
    match attempt(app, request, &form, now).await? {
        Attempt::Right(admin) => {
            let cookie = session::begin(app, request, &admin, now).await?;
            let mut response = page::see_other(next(&form));
            // A cookie made of our own constants and base64url always encodes.
            let _ = response.add_cookie(&cookie);
            Ok(response)
        }
        Attempt::Wrong => {
            let response = shown(
                StatusCode::UNPROCESSABLE_ENTITY,
                &form,
                "E-mail address and password do not match.",
            )?;
            Ok(with_detail(response, "sign-in failed"))
        }
        Attempt::Throttled(wait) => {
            // Rounded up: who comes back at that time is let in.
            let seconds = (wait.num_milliseconds() + 999) / 1000;
            let minutes = (seconds + 59) / 60;
            let plural = if minutes == 1 { "" } else { "s" };
            let problem = format!("Too many attempts. Try again in {minutes} minute{plural}.");
            let mut response = shown(StatusCode::TOO_MANY_REQUESTS, &form, &problem)?;
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            Ok(with_detail(response, "sign-in throttled"))
        }
    }
}

/// The limits count before the password is looked at, so that attempts at the same time do not
/// slip past them; what turns out right is taken back.
async fn attempt(
    app: &App,
    request: &HttpRequest,
    form: &Form,
    now: DateTime<Utc>,
) -> Result<Attempt, PageError> {
    let email = Email::parse(&form.email).ok();
    let address = app.client_ip(request);
    let counted = address.map(network);
    if let Err(wait) = app.guesses.by_address.admit(counted, now) {
        return Ok(Attempt::Throttled(wait));
    }
    if let Some(email) = &email
        && let Err(wait) = app.guesses.by_email.admit(email.as_str().to_owned(), now)
    {
        return Ok(Attempt::Throttled(wait));
    }
    let verified = verify(app, email.as_ref(), form, address, now).await;
    if !matches!(verified, Ok(None)) {
        app.guesses.by_address.forgive(&counted);
    }
    if let Some(email) = &email {
        match verified {
            Ok(Some(_)) => app.guesses.by_email.succeeded(&email.as_str().to_owned()),
            Ok(None) => {}
            Err(_) => app.guesses.by_email.forgive(&email.as_str().to_owned()),
        }
    }
    Ok(verified?.map_or(Attempt::Wrong, Attempt::Right))
}

/// The admin, if this is their password. An unknown address takes as long as a wrong password.
async fn verify(
    app: &App,
    email: Option<&Email>,
    form: &Form,
    address: Option<IpAddr>,
    now: DateTime<Utc>,
) -> Result<Option<Admin>, PageError> {
    let found = match email {
        Some(email) => app.store.find_admin(email).await?,
        None => None,
    };
    let stored = found.as_ref().map(|found| found.password_hash.as_str());
    let right = app.passwords.verify(form.password.clone(), stored).await?;
    let admin = found.map(|found| found.admin);
    if right {
        return Ok(admin);
    }
    // Of an unknown address nothing is kept: people type passwords into the wrong field.
    let event = AuditEvent {
        account_id: admin.as_ref().map(|admin| admin.account.id),
        actor: Actor::System,
        action: "session.sign_in_failed",
        subject: admin.as_ref().map(|admin| admin.id.uuid()),
        detail: json!({"address": address}),
    };
    app.store.insert_audit_event(&event, now).await?;
    Ok(None)
}

fn next(form: &Form) -> &str {
    form.next.as_deref().and_then(path::local).unwrap_or("/")
}

fn form(
    app: &App,
    request: &HttpRequest,
    status: StatusCode,
    email: &str,
    next: &str,
    problem: Option<&str>,
) -> Result<HttpResponse, PageError> {
    let visitor = Visitor::welcome(app, request);
    let page = SignInPage {
        csrf: visitor.csrf(),
        next,
        email,
        problem,
    };
    let mut response = show(status, &page)?;
    // As above.
    let _ = response.add_cookie(&visitor.cookie(app));
    Ok(response)
}
