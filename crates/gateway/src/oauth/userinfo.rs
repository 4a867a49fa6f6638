//! `GET` and `POST /userinfo`: what is known of the connected account (OpenID Connect Core section 5.3).

use actix_web::{HttpRequest, HttpResponse, http::header, web};
use serde_json::json;

use crate::{
    App,
    oauth::resource::{self, Denied, Scheme},
};

/// Tell the holder of an access token of Keyway's own whose it is.
pub(crate) async fn get(app: web::Data<App>, request: HttpRequest) -> HttpResponse {
    match claims(&app, &request).await {
        Ok(response) => response,
        Err(denied) => denied.respond(),
    }
}

async fn claims(app: &App, request: &HttpRequest) -> Result<HttpResponse, Denied> {
    let token = resource::presented(request).ok_or(Denied::Token {
        scheme: Scheme::Bearer,
        detail: "access token missing, or none of ours",
    })?;
    let credential = resource::credential(app, request, token, app.now()).await?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(json!({
            "sub": credential.id.uuid(),
            "provider": credential.provider.as_str(),
            "kind": credential.kind.0,
            "external_id": credential.external_id,
        })))
}
