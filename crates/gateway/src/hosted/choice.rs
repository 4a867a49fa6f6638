//! Which of several accounts behind one grant is meant.

use actix_web::{HttpResponse, http::StatusCode};
use askama::Template;
use keyway_domain::ids::AuthorizationSessionId;
use keyway_providers::choice::Account;

use crate::hosted::show;

#[derive(Template)]
#[template(path = "hosted/choice.html")]
struct ChoicePage<'a> {
    flow: String,
    provider: &'a str,
    accounts: &'a [Account],
}

/// The accounts to choose from.
pub(crate) fn page(
    flow: AuthorizationSessionId,
    provider: &str,
    accounts: &[Account],
) -> HttpResponse {
    let page = ChoicePage {
        flow: flow.to_string(),
        provider,
        accounts,
    };
    show(StatusCode::OK, &page)
}
