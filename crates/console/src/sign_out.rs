//! `POST /sign-out`.

use actix_web::{HttpRequest, HttpResponse, web};
use keyway_web::page;
use serde::Deserialize;

use crate::{
    App,
    csrf::Submitted,
    error::{PageError, answer},
    session::{self, Session},
};

/// Nothing but the token.
#[derive(Debug, Deserialize)]
pub(crate) struct Form {}

pub(crate) async fn post(
    app: web::Data<App>,
    request: HttpRequest,
    submitted: Submitted<Form>,
) -> HttpResponse {
    answer(&request, sign_out(&app, &submitted.session).await)
}

async fn sign_out(app: &App, session: &Session) -> Result<HttpResponse, PageError> {
    let cookie = session::end(app, session, app.now()).await?;
    let mut response = page::see_other("/sign-in");
    // A cookie made of our own constants always encodes.
    let _ = response.add_cookie(&cookie);
    Ok(response)
}
