#![doc = include_str!("../README.md")]

mod api_tokens;
mod credentials;
mod csrf;
mod error;
mod flow_log;
mod frame;
mod moment;
mod notice;
mod oauth_apps;
mod overview;
mod paging;
mod path;
mod providers;
mod redirect_uris;
mod session;
mod setup;
mod sign_in;
mod sign_out;
pub mod startup;
pub mod state;
mod webhooks;

use actix_web::{
    HttpRequest, HttpResponse, Resource, guard,
    web::{self, ServiceConfig},
};
use keyway_web::{assets, health};

pub use setup::setup_link;
pub use state::App;

use crate::error::PageError;

/// A page's form is never larger.
const MAX_FORM: usize = 64 * 1024;

/// The routes of the console: the same in `main` and in every test.
pub fn routes(app: web::Data<App>) -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    move |config| {
        config
            .app_data(app.clone())
            .app_data(web::PayloadConfig::new(MAX_FORM))
            .configure(assets::routes)
            .configure(pages)
            .route("/health/live", web::get().to(async || health::live()))
            .route("/health/ready", web::get().to(ready))
            .default_service(web::to(async |request: HttpRequest| {
                PageError::NotFound.respond(&request)
            }));
    }
}

fn pages(config: &mut ServiceConfig) {
    config
        .service(page("/").route(visit().to(overview::get)))
        .service(
            page("/setup/{token}")
                .route(visit().to(setup::get))
                .route(web::post().to(setup::post)),
        )
        .service(
            page("/sign-in")
                .route(visit().to(sign_in::get))
                .route(web::post().to(sign_in::post)),
        )
        .service(page("/sign-out").route(web::post().to(sign_out::post)))
        .configure(oauth_apps::routes)
        .configure(providers::routes)
        .configure(redirect_uris::routes)
        .configure(credentials::routes)
        .configure(api_tokens::routes)
        .configure(webhooks::routes)
        .service(page("/flow-log").route(visit().to(flow_log::list::get)))
        .service(page("/flow-log/{id}").route(visit().to(flow_log::show::get)));
}

/// A page: another method than it takes gets a page too.
fn page(path: &str) -> Resource {
    web::resource(path).default_service(web::to(async |request: HttpRequest| {
        PageError::MethodNotAllowed.respond(&request)
    }))
}

/// GET, and HEAD, which asks for the same without the body (RFC 9110 section 9.3.2).
fn visit() -> actix_web::Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

async fn ready(app: web::Data<App>) -> HttpResponse {
    app.readiness().await.respond()
}
