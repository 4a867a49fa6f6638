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

use std::future::ready;

use actix_web::{
    HttpResponse, Resource, guard,
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
        .service(only(Method::POST, "/oauth/par").route(web::post().to(par::post)))
        .service(only(Method::POST, "/oauth/token").route(web::post().to(token::post)))
        .service(only(Method::POST, "/oauth/revoke").route(web::post().to(revoke::post)))
        .service(only(Method::POST, "/oauth/introspect").route(web::post().to(introspect::post)))
        .service(
            web::resource("/userinfo")
                .route(web::get().to(userinfo::get))
                .route(web::post().to(userinfo::post)),
        )
        .service(
            only(Method::GET, "/.well-known/oauth-authorization-server")
                .route(web::get().to(metadata::get)),
        )
        .service(
            only(Method::GET, "/.well-known/openid-configuration")
                .route(web::get().to(metadata::get)),
        )
        .service(only(Method::GET, "/.well-known/jwks.json").route(web::get().to(metadata::keys)));
}

/// An endpoint that takes one method alone; another is told which (RFC 9110 section 15.5.6).
fn only(method: Method, path: &str) -> Resource {
    let other = move || {
        let response = HttpResponse::MethodNotAllowed()
            .insert_header((header::ALLOW, method.as_str()))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .finish();
        ready(response)
    };
    web::resource(path).default_service(web::route().to(other))
}
