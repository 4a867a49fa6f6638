//! `/providers/new/text`: a provider of one's own, as TOML.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_web::page;
use serde::Deserialize;

use super::fields::{self, Problems};
use crate::{
    App,
    csrf::Submitted,
    error::{PageError, answer, show},
    frame::Frame,
    session::Session,
};

/// What stands in an empty form.
const START: &str = r#"name = "Acme"
category = "other"
documentation = "https://developer.acme.example/oauth"
checked = "2026-01-01"
certainty = "single"
authorize = { url = "https://acme.example/oauth/authorize", pkce = "supported", default_scopes = ["read"] }
token = { url = "https://acme.example/oauth/token", client_authentication = "basic" }
refresh = { rotation = "renewed" }
identity = [{ name = "me", request = { url = "https://api.acme.example/me" } }]
credential = { external_id = ["identity.me.id"], external_label = ["identity.me.name"] }
"#;

#[derive(Debug, Deserialize)]
pub(crate) struct Form {
    slug: String,
    text: String,
    /// `1`: the text comes from the other form, and is not yet to be saved.
    #[serde(default)]
    draft: String,
}

#[derive(Template)]
#[template(path = "console/providers/text.html")]
struct TextPage<'a> {
    frame: Frame<'a>,
    slug: &'a str,
    text: &'a str,
    problems: Problems,
}

pub(crate) async fn get(request: HttpRequest, session: Session) -> HttpResponse {
    let page = TextPage {
        frame: Frame::new(&session, &request),
        slug: "",
        text: START,
        problems: Problems::default(),
    };
    answer(&request, show(StatusCode::OK, &page))
}

pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    submitted: Submitted<Form>,
) -> HttpResponse {
    answer(&request, save(&app, &request, &submitted).await)
}

async fn save(
    app: &App,
    request: &HttpRequest,
    submitted: &Submitted<Form>,
) -> Result<HttpResponse, PageError> {
    let Submitted {
        session,
        form: typed,
    } = submitted;
    let text = fields::plain(&typed.text);
    let form = |status, problems| {
        let page = TextPage {
            frame: Frame::new(session, request),
            slug: &typed.slug,
            text: &text,
            problems,
        };
        show(status, &page)
    };
    if typed.draft == "1" {
        return form(StatusCode::OK, Problems::default());
    }
    let mut problems = Problems::default();
    let slug = fields::new_slug(app, &typed.slug);
    match &slug {
        Ok(slug) => problems.findings = fields::lint(slug, &text),
        Err(why) => problems.slug = Some(why.clone()),
    }
    if let (Ok(slug), true) = (slug, problems.is_empty()) {
        if fields::save(app, session, &slug, 0, &text, None).await? {
            return Ok(page::see_other(&format!(
                "/providers/{slug}?done=provider-saved"
            )));
        }
        problems.slug = Some(format!("the account has a provider {slug} already"));
    }
    form(StatusCode::UNPROCESSABLE_ENTITY, problems)
}
