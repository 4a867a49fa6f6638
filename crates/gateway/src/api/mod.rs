//! The management API.

mod bearer;
mod body;
mod credentials;
mod deleted;
pub(crate) mod error;
mod events;
mod idempotency;
mod link_sessions;
mod oauth_apps;
mod openapi;
mod page;
mod path;
mod problems;
mod providers;
mod proxy;
mod redirect_uris;
mod reference;
mod revision;
mod start_auth;
mod unserved;
mod webhooks;

use actix_web::{
    HttpResponse, Resource, Route,
    dev::{AppService, HttpServiceFactory},
    guard,
    http::{Method, header},
    web::{self, ServiceConfig},
};

use crate::api::error::{ApiError, ErrorBody};

/// Routes of the API.
pub(crate) fn routes(config: &mut ServiceConfig) {
    for path in paths() {
        config.service(path);
    }
    config
        .route("/openapi.json", web::get().to(openapi::get))
        .route("/reference", web::get().to(reference::get))
        .configure(proxy::routes);
    config.service(web::scope("/v1").default_service(web::to(async || {
        Err::<HttpResponse, _>(ApiError::NotFound("resource"))
    })));
}

/// Every path of the API but the proxy's, which takes any method.
fn paths() -> Vec<Path> {
    [apps(), credentials(), link_sessions(), webhooks()]
        .into_iter()
        .flatten()
        .collect()
}

/// What an account sets up.
fn apps() -> Vec<Path> {
    vec![
        resource("/v1/providers", &[Method::GET]).route(web::get().to(providers::list)),
        resource("/v1/providers/{slug}", &[Method::GET]).route(web::get().to(providers::find)),
        resource("/v1/oauth-apps", &[Method::GET, Method::POST])
            .route(web::get().to(oauth_apps::list::get))
            .route(web::post().to(oauth_apps::create::post)),
        resource(
            "/v1/oauth-apps/{id}",
            &[Method::GET, Method::PATCH, Method::DELETE],
        )
        .route(web::get().to(oauth_apps::find::get))
        .route(web::patch().to(oauth_apps::change::patch))
        .route(web::delete().to(oauth_apps::delete::delete)),
        resource(
            "/v1/oauth-apps/{id}/client-secrets",
            &[Method::GET, Method::POST],
        )
        .route(web::get().to(oauth_apps::secrets::list))
        .route(web::post().to(oauth_apps::secrets::create)),
        resource(
            "/v1/oauth-apps/{id}/client-secrets/{secret_id}",
            &[Method::DELETE],
        )
        .route(web::delete().to(oauth_apps::secrets::delete)),
        resource("/v1/redirect-uris", &[Method::GET, Method::POST])
            .route(web::get().to(redirect_uris::list))
            .route(web::post().to(redirect_uris::create)),
        resource("/v1/redirect-uris/{id}", &[Method::DELETE])
            .route(web::delete().to(redirect_uris::delete)),
    ]
}

/// What providers granted.
fn credentials() -> Vec<Path> {
    vec![
        resource("/v1/credentials/start-auth", &[Method::POST])
            .route(web::post().to(start_auth::post)),
        resource("/v1/credentials/export", &[Method::GET])
            .route(web::get().to(credentials::export::get)),
        resource("/v1/credentials", &[Method::GET, Method::POST])
            .route(web::get().to(credentials::list::get))
            .route(web::post().to(credentials::import::post)),
        resource(
            "/v1/credentials/{id}",
            &[Method::GET, Method::PATCH, Method::DELETE],
        )
        .route(web::get().to(credentials::find::get))
        .route(web::patch().to(credentials::change::patch))
        .route(web::delete().to(credentials::delete::delete)),
        resource("/v1/credentials/{id}/token", &[Method::GET])
            .route(web::get().to(credentials::token::get)),
        resource("/v1/credentials/{id}/refresh", &[Method::POST])
            .route(web::post().to(credentials::refresh::post)),
        resource("/v1/credentials/{id}/report-unauthorized", &[Method::POST])
            .route(web::post().to(credentials::report_unauthorized::post)),
    ]
}

/// Pages on which end users connect accounts.
fn link_sessions() -> Vec<Path> {
    vec![
        resource("/v1/link-sessions", &[Method::POST])
            .route(web::post().to(link_sessions::create::post)),
        resource("/v1/link-sessions/{id}", &[Method::GET])
            .route(web::get().to(link_sessions::find::get)),
    ]
}

/// What happened, and who is told.
fn webhooks() -> Vec<Path> {
    vec![
        resource("/v1/webhooks", &[Method::GET, Method::POST])
            .route(web::get().to(webhooks::list::get))
            .route(web::post().to(webhooks::create::post)),
        resource(
            "/v1/webhooks/{id}",
            &[Method::GET, Method::PATCH, Method::DELETE],
        )
        .route(web::get().to(webhooks::find::get))
        .route(web::patch().to(webhooks::change::patch))
        .route(web::delete().to(webhooks::delete::delete)),
        resource("/v1/webhooks/{id}/rotate-secret", &[Method::POST])
            .route(web::post().to(webhooks::rotate_secret::post)),
        resource("/v1/webhooks/{id}/deliveries", &[Method::GET])
            .route(web::get().to(webhooks::deliveries::list)),
        resource(
            "/v1/webhooks/{id}/deliveries/{delivery_id}/retry",
            &[Method::POST],
        )
        .route(web::post().to(webhooks::deliveries::retry)),
        resource("/v1/events", &[Method::GET]).route(web::get().to(events::list)),
        resource("/v1/events/{id}", &[Method::GET]).route(web::get().to(events::get)),
    ]
}

/// A path of the API, and the methods that it takes.
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the document is compared with them")
)]
pub(crate) struct Path {
    template: &'static str,
    methods: &'static [Method],
    resource: Resource,
}

impl Path {
    /// What one of its methods does.
    fn route(self, route: Route) -> Self {
        Self {
            resource: self.resource.route(route),
            ..self
        }
    }
}

impl HttpServiceFactory for Path {
    fn register(self, config: &mut AppService) {
        self.resource.register(config);
    }
}

/// A path of the API. Another method than it takes is told which there are (RFC 9110 section
/// 15.5.6).
fn resource(template: &'static str, methods: &'static [Method]) -> Path {
    let other = web::route().guard(guard::fn_guard(|_| true));
    let resource = web::resource(template).default_service(other.to(async move || {
        let names: Vec<&str> = methods.iter().map(Method::as_str).collect();
        HttpResponse::MethodNotAllowed()
            .insert_header((header::ALLOW, names.join(", ")))
            .json(ErrorBody::new("This method is not known here."))
    }));
    Path {
        template,
        methods,
        resource,
    }
}
