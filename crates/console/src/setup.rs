//! `/setup/{token}`: the first admin, by a link that works once.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use keyway_domain::{
    Clock, Random, SecretString,
    account::{Email, check_new_password, slug},
    ids::{AccountId, AdminId},
    opaque::{Digest, OpaqueToken as _, SetupToken},
};
use keyway_store::{FirstAdmin, NewAccount, NewAdmin, Store, StoreError};
use keyway_vault::digest;
use keyway_web::{config::BaseUrl, log::with_detail, page};
use serde::Deserialize;

use crate::{
    App,
    csrf::{Posted, Visitor},
    error::{PageError, answer, show},
    session,
};

/// How long the link is good for.
const LIFETIME: TimeDelta = TimeDelta::hours(24);

/// A fresh one-time link to the set-up, if nobody can sign in yet. It replaces the one before.
///
/// # Errors
/// [`StoreError`].
pub async fn setup_link(
    store: &Store,
    random: &dyn Random,
    clock: &dyn Clock,
    console_url: &BaseUrl,
) -> Result<Option<SecretString>, StoreError> {
    if store.has_admins().await? {
        return Ok(None);
    }
    let token = SetupToken::generate(random);
    let now = clock.now();
    store
        .replace_setup_link(digest::unkeyed(&token), now, now + LIFETIME)
        .await?;
    let path = format!("/setup/{}", token.secret().expose());
    Ok(Some(SecretString::new(console_url.join(&path))))
}

#[derive(Debug, Deserialize)]
pub(crate) struct Form {
    account: String,
    email: String,
    password: SecretString,
    repeated: SecretString,
}

/// What is wrong with each field.
#[derive(Debug, Default)]
struct Problems {
    account: Option<String>,
    email: Option<String>,
    password: Option<String>,
    repeated: Option<String>,
}

#[derive(Template)]
#[template(path = "console/setup.html")]
struct SetupPage<'a> {
    path: &'a str,
    csrf: String,
    account: &'a str,
    email: &'a str,
    problem: Option<&'a str>,
    problems: Problems,
}

#[derive(Template)]
#[template(path = "console/setup_gone.html")]
struct GonePage;

struct Checked {
    slug: String,
    name: String,
    email: Email,
}

/// Looking spends nothing: link previews and virus scanners look too.
pub(crate) async fn get(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    answer(&request, ask(&app, &request).await)
}

async fn ask(app: &App, request: &HttpRequest) -> Result<HttpResponse, PageError> {
    match open_link(app, request, app.now()).await? {
        Some(_) => form(
            app,
            request,
            StatusCode::OK,
            None,
            None,
            Problems::default(),
        ),
        None => gone(),
    }
}

pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    posted: Posted<Form>,
) -> HttpResponse {
    answer(&request, set_up(&app, &request, posted).await)
}

async fn set_up(
    app: &App,
    request: &HttpRequest,
    posted: Posted<Form>,
) -> Result<HttpResponse, PageError> {
    let now = app.now();
    let Some(digest) = open_link(app, request, now).await? else {
        return gone();
    };
    let typed = match posted {
        Posted::Ours(typed) => typed,
        Posted::Stale(typed) => {
            let why = "This page was open for too long. Enter the password again.";
            let none = Problems::default();
            let status = StatusCode::FORBIDDEN;
            let response = form(app, request, status, Some(&typed), Some(why), none)?;
            return Ok(with_detail(response, "form token missing or wrong"));
        }
    };
    let checked = match check(&typed) {
        Ok(checked) => checked,
        Err(problems) => {
            let status = StatusCode::UNPROCESSABLE_ENTITY;
            return form(app, request, status, Some(&typed), None, problems);
        }
    };
    let random = app.random.as_ref();
    let account = NewAccount {
        id: AccountId::generate(now, random),
        slug: checked.slug,
        name: checked.name,
        created_at: now,
    };
    let admin = NewAdmin {
        id: AdminId::generate(now, random),
        email: checked.email,
        password_hash: app.passwords.hash(typed.password, random).await?,
        created_at: now,
    };
    match app
        .store
        .create_first_admin(digest, &account, &admin)
        .await?
    {
        FirstAdmin::Created(admin) => {
            let cookie = session::begin(app, request, &admin, now).await?;
            let mut response = page::see_other("/?done=set-up");
            // A cookie made of our own constants and base64url always encodes.
            let _ = response.add_cookie(&cookie);
            Ok(response)
        }
        FirstAdmin::Refused => gone(),
    }
}

/// The link of this request, if it still opens anything.
async fn open_link(
    app: &App,
    request: &HttpRequest,
    now: DateTime<Utc>,
) -> Result<Option<Digest<SetupToken>>, PageError> {
    let Some(token) = SetupToken::parse(request.match_info().query("token")) else {
        return Ok(None);
    };
    let digest = digest::unkeyed(&token);
    let open = app.store.is_setup_link_open(digest, now).await?;
    Ok(open.then_some(digest))
}

fn check(typed: &Form) -> Result<Checked, Problems> {
    let name = typed.account.trim().to_owned();
    let slug = slug(&name).map_err(|error| error.to_string());
    let name_is_plain = !name.chars().any(char::is_control);
    let email = Email::parse(&typed.email).map_err(|error| error.to_string());
    let password = check_new_password(typed.password.expose()).map_err(|error| error.to_string());
    let same = digest::equal(&typed.password, &typed.repeated);
    match (slug, email, password, same) {
        (Ok(slug), Ok(email), Ok(()), true) if name_is_plain => Ok(Checked { slug, name, email }),
        (slug, email, password, _) => Err(Problems {
            account: slug
                .err()
                .or_else(|| (!name_is_plain).then(|| "no control characters".into())),
            email: email.err(),
            repeated: (password.is_ok() && !same).then(|| "the two passwords differ".into()),
            password: password.err(),
        }),
    }
}

fn form(
    app: &App,
    request: &HttpRequest,
    status: StatusCode,
    typed: Option<&Form>,
    problem: Option<&str>,
    problems: Problems,
) -> Result<HttpResponse, PageError> {
    let visitor = Visitor::welcome(app, request);
    let page = SetupPage {
        path: request.path(),
        csrf: visitor.csrf(),
        account: typed.map_or("", |typed| &typed.account),
        email: typed.map_or("", |typed| &typed.email),
        problem,
        problems,
    };
    let mut response = show(status, &page)?;
    // As above.
    let _ = response.add_cookie(&visitor.cookie(app));
    Ok(response)
}

/// One answer for a link that is unknown, expired or spent.
fn gone() -> Result<HttpResponse, PageError> {
    let response = show(StatusCode::GONE, &GonePage)?;
    Ok(with_detail(response, "set-up link not open"))
}
