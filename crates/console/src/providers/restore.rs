//! `POST /providers/{slug}/restore`: an older version becomes the newest.

use actix_web::{HttpRequest, HttpResponse, web};
use keyway_web::page;
use serde::Deserialize;

use super::{fields, own, slug};
use crate::{
    App,
    csrf::Submitted,
    error::{PageError, answer},
};

#[derive(Debug, Deserialize)]
pub(crate) struct Form {
    version: i32,
}

pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    submitted: Submitted<Form>,
) -> HttpResponse {
    answer(&request, restore(&app, &request, &submitted).await)
}

async fn restore(
    app: &App,
    request: &HttpRequest,
    submitted: &Submitted<Form>,
) -> Result<HttpResponse, PageError> {
    let Submitted { session, form } = submitted;
    let slug = slug(request)?;
    let versions = own(app, session, &slug).await?;
    let newest = versions.first().ok_or(PageError::NotFound)?.version;
    let older = versions.iter().find(|saved| saved.version == form.version);
    let older = older.ok_or(PageError::NotFound)?;
    // What an older release of Keyway took may be refused now.
    let note = Some(format!("Version {} restored", older.version));
    let done = if fields::lint(&slug, &older.text).is_empty() {
        if fields::save(app, session, &slug, newest, &older.text, note).await? {
            "provider-restored"
        } else {
            "provider-overtaken"
        }
    } else {
        "provider-outdated"
    };
    Ok(page::see_other(&format!("/providers/{slug}?done={done}")))
}
