//! `/providers/new`: a provider of one's own, by form.

use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use askama::Template;
use keyway_providers::definition::CATEGORIES;
use keyway_web::page;

use super::{
    compose::{Form, field_of},
    fields::{self, Problems},
};
use crate::{
    App,
    csrf::Submitted,
    error::{PageError, answer, show},
    frame::Frame,
    session::Session,
};

/// A choice, as it is sent and as people read it.
type Words = &'static [(&'static str, &'static str)];

const AUTHENTICATIONS: Words = &[
    ("basic", "In the Authorization header (basic)"),
    ("post", "In the body (post)"),
    ("none", "No secret (PKCE alone)"),
    (
        "private_key_jwt",
        "Signed with a private key (private_key_jwt)",
    ),
];
const PKCE: Words = &[
    ("supported", "It takes PKCE"),
    ("required", "It demands PKCE"),
    ("none", "It does not, or nobody knows"),
];
const SEPARATORS: Words = &[("space", "A space"), ("comma", "A comma")];
const REFRESHES: Words = &[
    ("renewed", "Yes; the answer may bring another refresh token"),
    ("single_use", "Yes; each refresh token is good once"),
    ("static", "Yes; the refresh token stays"),
    ("none", "No"),
];

#[derive(Template)]
#[template(path = "console/providers/new.html")]
struct NewPage<'a> {
    frame: Frame<'a>,
    typed: &'a Form,
    problems: Problems,
    /// What the fields made, if it was refused.
    text: Option<String>,
}

impl NewPage<'_> {
    /// What is wrong with a field.
    fn wrong(&self, field: &str) -> Option<String> {
        let findings = self.problems.findings.iter();
        let of_field: Vec<&str> = findings
            .filter(|finding| field_of(finding) == Some(field))
            .map(|finding| {
                let words = finding.reason.split_once(": ");
                words.map_or(finding.reason.as_str(), |(_, words)| words)
            })
            .collect();
        (!of_field.is_empty()).then(|| of_field.join("; "))
    }

    /// Whether this is the choice that was made.
    fn is_same(choice: &str, made: &str) -> bool {
        choice == made
    }

    fn choices(field: &str) -> Words {
        match field {
            "client_authentication" => AUTHENTICATIONS,
            "pkce" => PKCE,
            "separator" => SEPARATORS,
            _ => REFRESHES,
        }
    }

    fn chosen(&self, field: &str) -> &str {
        match field {
            "client_authentication" => &self.typed.client_authentication,
            "pkce" => &self.typed.pkce,
            "separator" => &self.typed.separator,
            _ => &self.typed.refresh,
        }
    }
}

pub(crate) async fn get(request: HttpRequest, session: Session) -> HttpResponse {
    let page = NewPage {
        frame: Frame::new(&session, &request),
        typed: &Form::fresh(),
        problems: Problems::default(),
        text: None,
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
    let text = typed.compose(app.now().date_naive());
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
    let page = NewPage {
        frame: Frame::new(session, request),
        typed,
        problems,
        text: Some(text),
    };
    show(StatusCode::UNPROCESSABLE_ENTITY, &page)
}
