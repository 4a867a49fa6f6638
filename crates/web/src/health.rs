//! `GET /health/live` and `GET /health/ready`.

use actix_web::{HttpResponse, http::header};
use serde_json::{Map, Value, json};

/// The process runs.
pub fn live() -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(json!({"status": "ok"}))
}

/// What must hold for traffic to come here: each check by name, `Ok` or what is wrong.
#[derive(Debug, Default)]
pub struct Readiness(Vec<(&'static str, Result<(), String>)>);

impl Readiness {
    /// Adds a check.
    pub fn check(&mut self, name: &'static str, result: Result<(), String>) {
        self.0.push((name, result));
    }

    /// 200 if all hold, else 503; the body names each.
    pub fn respond(&self) -> HttpResponse {
        let good = self.0.iter().all(|(_, result)| result.is_ok());
        let checks: Map<String, Value> = self
            .0
            .iter()
            .map(|(name, result)| {
                let text = match result {
                    Ok(()) => "ok",
                    Err(why) => why,
                };
                ((*name).to_owned(), Value::from(text))
            })
            .collect();
        let (mut response, status) = if good {
            (HttpResponse::Ok(), "ok")
        } else {
            (HttpResponse::ServiceUnavailable(), "unavailable")
        };
        response
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .json(json!({"status": status, "checks": checks}))
    }
}
