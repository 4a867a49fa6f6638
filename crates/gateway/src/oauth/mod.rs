//! The standard OAuth endpoints: one more door to the flow, so that any OAuth library is the SDK.

mod access_token;
mod answer;
mod assertion;
pub(crate) mod authorize;
pub(crate) mod certificate;
mod client_auth;
mod code_grant;
mod dpop;
mod error;
mod form;
pub(crate) mod introspect;
pub(crate) mod metadata;
pub(crate) mod par;
mod refresh_grant;
pub(crate) mod resource;
pub(crate) mod revoke;
pub(crate) mod secret;
pub mod signing_keys;
pub(crate) mod token;
mod token_exchange;
pub(crate) mod userinfo;

use actix_web::{
    HttpResponse, guard,
    http::{Method, header},
    web,
};

use crate::link::{is_visit, nothing, too_early};

pub(crate) use signing_keys::SigningKeys;

/// Routes of the endpoints.
pub(crate) fn routes(config: &mut web::ServiceConfig) {
    for path in ["/oauth/authorize", "/authorize"] {
        config.service(
            web::resource(path)
                .route(
                    web::get()
                        .guard(guard::fn_guard(is_visit))
                        .to(authorize::get),
                )
                .route(web::get().to(async || too_early()))
                .route(web::head().to(async || nothing())),
        );
    }
    config
        .service(posted("/oauth/par").route(web::post().to(par::post)))
        .service(posted("/oauth/token").route(web::post().to(token::post)))
        .service(posted("/oauth/revoke").route(web::post().to(revoke::post)))
        .service(posted("/oauth/introspect").route(web::post().to(introspect::post)))
        .service(
            web::resource("/userinfo")
                .route(web::get().to(userinfo::get))
                .route(web::post().to(userinfo::get)),
        )
        .route(
            "/.well-known/oauth-authorization-server",
            web::get().to(metadata::get),
        )
        .route(
            "/.well-known/openid-configuration",
            web::get().to(metadata::get),
        )
        .route("/.well-known/jwks.json", web::get().to(metadata::keys));
}

/// An endpoint that takes POST alone (RFC 9110 section 15.5.6).
fn posted(path: &str) -> actix_web::Resource {
    web::resource(path).default_service(web::route().to(async || {
        HttpResponse::MethodNotAllowed()
            .insert_header((header::ALLOW, Method::POST.as_str()))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .finish()
    }))
}
