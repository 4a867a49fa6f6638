//! `/api-tokens/new`: makes a token. The answer to the form is the only page that ever shows it.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use chrono::TimeDelta;
use keyway_domain::{
    api_token::{ApiScope, ApiToken},
    ids::ApiTokenId,
    opaque::OpaqueToken as _,
};
use keyway_store::NewApiToken;
use keyway_vault::digest;
use serde::Deserialize;

use crate::{
    App,
    api_tokens::scopes::{GROUPS, Group},
    csrf::Submitted,
    error::{PageError, answer, show},
    frame::Frame,
    moment::Moment,
    oauth_apps::fields,
    session::Session,
};

/// How long a token may be good for: value of the field, words, days.
const LIVES: [(&str, &str, Option<i64>); 5] = [
    ("7", "7 days", Some(7)),
    ("30", "30 days", Some(30)),
    ("90", "90 days", Some(90)),
    ("365", "a year", Some(365)),
    ("never", "for ever", None),
];
const USUAL_LIFE: &str = "90";

/// The fields as a browser sends them: each ticked scope is one of the same name.
#[derive(Debug, Deserialize)]
#[serde(from = "Vec<(String, String)>")]
pub(crate) struct Form {
    name: String,
    scopes: Vec<String>,
    life: String,
}

impl From<Vec<(String, String)>> for Form {
    fn from(fields: Vec<(String, String)>) -> Self {
        let mut form = Self {
            name: String::new(),
            scopes: Vec::new(),
            life: String::new(),
        };
        for (name, value) in fields {
            match name.as_str() {
                "name" => form.name = value,
                "scope" => form.scopes.push(value),
                "life" => form.life = value,
                _ => {}
            }
        }
        form
    }
}

/// What is wrong with each field.
#[derive(Debug, Default)]
struct Problems {
    name: Option<String>,
    scopes: Option<String>,
}

#[derive(Template)]
#[template(path = "console/api_tokens/new.html")]
struct NewPage<'a> {
    frame: Frame<'a>,
    groups: &'static [Group],
    lives: &'static [(&'static str, &'static str, Option<i64>)],
    name: &'a str,
    ticked: &'a [String],
    life: &'a str,
    problems: Problems,
}

impl NewPage<'_> {
    fn is_ticked(&self, scope: &str) -> bool {
        self.ticked.iter().any(|ticked| ticked == scope)
    }
}

#[derive(Template)]
#[template(path = "console/api_tokens/made.html")]
struct MadePage<'a> {
    frame: Frame<'a>,
    name: &'a str,
    scopes: Vec<&'static str>,
    ends: Option<Moment>,
    token: &'a str,
    example_url: String,
}

struct Checked {
    name: String,
    scopes: Vec<ApiScope>,
    life: Option<TimeDelta>,
}

pub(crate) async fn get(request: HttpRequest, session: Session) -> HttpResponse {
    answer(&request, form(&request, &session, None))
}

pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    submitted: Submitted<Form>,
) -> HttpResponse {
    answer(&request, make(&app, &request, &submitted).await)
}

async fn make(
    app: &App,
    request: &HttpRequest,
    submitted: &Submitted<Form>,
) -> Result<HttpResponse, PageError> {
    let Submitted {
        session,
        form: typed,
    } = submitted;
    let checked = match check(typed)? {
        Ok(checked) => checked,
        Err(problems) => return form(request, session, Some((typed, problems))),
    };
    let now = app.now();
    let random = app.random.as_ref();
    let token = ApiToken::generate(random);
    let new = NewApiToken {
        id: ApiTokenId::generate(now, random),
        account_id: session.account(),
        name: checked.name,
        digest: digest::unkeyed(&token),
        scopes: checked.scopes,
        created_at: now,
        expires_at: checked.life.map(|life| now + life),
    };
    app.store.insert_api_token(&new, session.actor()).await?;
    let page = MadePage {
        frame: Frame::new(session, request),
        name: &new.name,
        scopes: new.scopes.iter().map(|scope| scope.as_str()).collect(),
        ends: new.expires_at.map(|at| Moment::new(at, now)),
        token: token.secret().expose(),
        example_url: app.public_url.join("/v1/credentials"),
    };
    show(StatusCode::OK, &page)
}

/// The fields, or what is wrong with those that people fill in. The others come from our own page.
fn check(typed: &Form) -> Result<Result<Checked, Problems>, PageError> {
    let scopes = ApiScope::parse_list(&typed.scopes.join(","))
        .map_err(|_| PageError::Malformed("scope".into()))?;
    let (_, _, days) = LIVES
        .iter()
        .find(|(value, ..)| *value == typed.life)
        .ok_or_else(|| PageError::Malformed("life".into()))?;
    let name = fields::name(&typed.name);
    let unticked = scopes
        .is_empty()
        .then(|| "tick at least one: a token without any is of no use".to_owned());
    Ok(match (name, unticked) {
        (Ok(name), None) => Ok(Checked {
            name,
            scopes,
            life: days.map(TimeDelta::days),
        }),
        (name, scopes) => Err(Problems {
            name: name.err(),
            scopes,
        }),
    })
}

/// The form: fresh, or as it was sent, with what is wrong.
fn form(
    request: &HttpRequest,
    session: &Session,
    rejected: Option<(&Form, Problems)>,
) -> Result<HttpResponse, PageError> {
    let status = match rejected {
        Some(_) => StatusCode::UNPROCESSABLE_ENTITY,
        None => StatusCode::OK,
    };
    let (typed, problems) = rejected.unzip();
    let page = NewPage {
        frame: Frame::new(session, request),
        groups: &GROUPS,
        lives: &LIVES,
        name: typed.map_or("", |typed| &typed.name),
        ticked: typed.map_or(&[], |typed| &typed.scopes),
        life: typed.map_or(USUAL_LIFE, |typed| &typed.life),
        problems: problems.unwrap_or_default(),
    };
    show(status, &page)
}
