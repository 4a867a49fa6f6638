//! The link flow: start, link sessions, variables, callback, token.

pub(crate) mod begin;
pub(crate) mod callback;
mod choice;
mod complete;
mod departure;
pub(crate) mod diagnostics;
mod entry;
pub(crate) mod jwks;
pub(crate) mod parameters;
mod redirect;
mod session;
pub(crate) mod start;
pub(crate) mod start_link;
pub(crate) mod token;
mod variables;

use actix_web::{
    HttpRequest, HttpResponse, guard,
    http::{StatusCode, header},
    web,
};
use keyway_domain::ids::AuthorizationSessionId;

pub(crate) use start::parse_id;

/// Routes of the flow.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/link/oauth2/start")
                .route(web::get().guard(guard::fn_guard(is_visit)).to(start::get))
                .route(web::get().to(async || too_early()))
                .route(web::head().to(async || nothing())),
        )
        .service(
            web::resource("/link/oauth2/start/{token}")
                .route(
                    web::get()
                        .guard(guard::fn_guard(is_visit))
                        .to(start_link::get),
                )
                .route(web::get().to(async || too_early()))
                .route(web::head().to(async || nothing())),
        )
        .service(
            web::resource("/link/session/{token}")
                .route(web::get().guard(guard::fn_guard(is_visit)).to(session::get))
                .route(web::get().to(async || too_early()))
                .route(web::post().to(session::post))
                .route(web::head().to(async || nothing())),
        )
        .service(
            web::resource("/link/session/{token}/done")
                .route(web::get().to(session::done))
                .route(web::head().to(async || nothing())),
        )
        .service(
            web::resource("/link/oauth2/variables/{flow}").route(web::post().to(variables::post)),
        )
        .service(
            web::resource("/link/oauth2/choice/{flow}")
                .route(web::get().to(choice::get))
                .route(web::post().to(choice::post)),
        )
        .service(
            web::resource("/link/oauth2/callback/{provider}")
                .app_data(web::PayloadConfig::new(64 * 1024))
                .route(
                    web::get()
                        .guard(guard::fn_guard(is_visit))
                        .to(callback::get),
                )
                .route(web::get().to(async || too_early()))
                .route(web::post().to(callback::post))
                .route(web::head().to(async || nothing())),
        )
        .service(web::resource("/link/oauth2/jwks/{client_id}").route(web::get().to(jwks::get)))
        .service(web::resource("/link/oauth2/token").route(web::post().to(token::post)));
}

/// Whether a GET is a person's visit rather than a browser's prefetch.
pub(crate) fn is_visit(context: &guard::GuardContext<'_>) -> bool {
    let headers = context.head().headers();
    !["sec-purpose", "purpose", "x-moz"].iter().any(|name| {
        let value = headers.get(*name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| value.contains("prefetch"))
    })
}

/// A prefetch creates and consumes nothing; an error status keeps the browser from using it.
pub(crate) fn too_early() -> HttpResponse {
    // 425 Too Early (RFC 8470 section 5.2).
    HttpResponse::build(StatusCode::from_u16(425).unwrap_or(StatusCode::BAD_REQUEST))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

/// HEAD, as link previewers send it, creates and consumes nothing.
pub(crate) fn nothing() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .finish()
}

/// The cookie of one flow; one each, so that two tabs work.
fn cookie_name(session: AuthorizationSessionId) -> String {
    format!("keyway-flow-{}", session.uuid().simple())
}

/// Whether this browser started the flow.
fn is_bound(app: &crate::App, request: &HttpRequest, session: AuthorizationSessionId) -> bool {
    let name = keyway_web::cookie::name(&app.public_url, &cookie_name(session));
    request.cookie(&name).is_some_and(|cookie| {
        keyway_vault::digest::equal(&cookie.value().into(), &app.ring.flow_binding(session))
    })
}

/// The flow in a path, if this browser started it; or what is wrong, for the log.
fn own_flow(
    app: &crate::App,
    request: &HttpRequest,
    flow: &str,
) -> Result<AuthorizationSessionId, &'static str> {
    let id = flow.parse::<AuthorizationSessionId>();
    let id = id.map_err(|_| "flow is not a UUID")?;
    // The cookie proves the browser, so a foreign site cannot post here for it.
    if is_bound(app, request, id) {
        Ok(id)
    } else {
        Err("flow of another browser")
    }
}
