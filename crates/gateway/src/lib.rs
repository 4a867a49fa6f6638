#![doc = include_str!("../README.md")]

mod api;
mod error;
mod grant;
mod hosted;
pub mod lifecycle;
mod link;
pub mod metrics;
pub mod oauth;
pub mod startup;
pub mod state;
pub mod transfer;

use actix_web::{HttpResponse, web};
use keyway_web::{assets, health};

pub use error::Fault;
pub use state::App;

/// The routes of the gateway: the same in `main` and in every test.
pub fn routes(app: web::Data<App>) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    move |config| {
        config
            .app_data(app.clone())
            .configure(assets::routes)
            .configure(link::routes)
            .configure(oauth::routes)
            .configure(api::routes)
            .route("/health/live", web::get().to(async || health::live()))
            .route("/health/ready", web::get().to(ready))
            .default_service(web::to(hosted::not_found));
    }
}

async fn ready(app: web::Data<App>) -> HttpResponse {
    app.readiness().await.respond()
}
