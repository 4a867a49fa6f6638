//! The management API.

mod bearer;
mod body;
mod credential_refresh;
mod credential_token;
mod error;
mod events;
mod idempotency;
mod link_sessions;
mod page;
mod proxy;
mod report_unauthorized;
mod revision;
mod start_auth;
mod unserved;
mod webhook_deliveries;
mod webhooks;

use actix_web::{
    HttpResponse, Resource, guard,
    http::{Method, header},
    web::{self, ServiceConfig},
};

use crate::api::error::ApiError;

/// Routes of the API.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .service(
            resource("/v1/credentials/start-auth", &[Method::POST])
                .route(web::post().to(start_auth::post)),
        )
        .service(
            resource("/v1/credentials/{id}/token", &[Method::GET])
                .route(web::get().to(credential_token::get)),
        )
        .service(
            resource("/v1/credentials/{id}/refresh", &[Method::POST])
                .route(web::post().to(credential_refresh::post)),
        )
        .service(
            resource("/v1/credentials/{id}/report-unauthorized", &[Method::POST])
                .route(web::post().to(report_unauthorized::post)),
        )
        .configure(webhooks::routes)
        .configure(webhook_deliveries::routes)
        .configure(events::routes)
        .service(
            resource("/v1/link-sessions", &[Method::POST])
                .route(web::post().to(link_sessions::post)),
        )
        .service(
            resource("/v1/link-sessions/{id}", &[Method::GET])
                .route(web::get().to(link_sessions::get)),
        )
        .configure(proxy::routes)
        .service(web::scope("/v1").default_service(web::to(async || {
            Err::<HttpResponse, _>(ApiError::NotFound("resource"))
        })));
}

/// A path of the API. Another method than it takes is told which there are (RFC 9110 section
/// 15.5.6).
fn resource(path: &str, methods: &'static [Method]) -> Resource {
    web::resource(path).default_service(web::route().guard(guard::fn_guard(|_| true)).to(
        async move || {
            let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
            HttpResponse::MethodNotAllowed()
                .insert_header((header::ALLOW, names.join(", ")))
                .json(serde_json::json!({"summary": "This method is not known here."}))
        },
    ))
}
