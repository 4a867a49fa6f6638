//! `GET /metrics`, on a listener of its own.

use actix_web::{HttpResponse, http::header, web};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// Starts counting. Call once, in `main`; `None` if something counts already.
pub fn install() -> Option<PrometheusHandle> {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).ok()?;
    metrics::describe_counter!("keyway_http_requests_total", "Requests answered.");
    metrics::describe_histogram!(
        "keyway_http_request_duration_seconds",
        "Time to answer a request."
    );
    metrics::describe_counter!(
        "keyway_flows_total",
        "Link flows that ended, by provider and outcome."
    );
    metrics::describe_counter!(
        "keyway_revocations_total",
        "Requests to providers to end a grant, by provider and outcome."
    );
    Some(handle)
}

/// The one route of the metrics listener.
pub fn routes(
    handle: PrometheusHandle,
) -> impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static {
    move |config| {
        let handle = handle.clone();
        config.route(
            "/metrics",
            web::get().to(move || {
                let handle = handle.clone();
                async move {
                    HttpResponse::Ok()
                        .insert_header((
                            header::CONTENT_TYPE,
                            "text/plain; version=0.0.4; charset=utf-8",
                        ))
                        .body(handle.render())
                }
            }),
        );
    }
}

/// Counts a flow that ended.
pub(crate) fn flow_ended(provider: &str, outcome: &'static str) {
    metrics::counter!("keyway_flows_total", "provider" => provider.to_owned(), "outcome" => outcome).increment(1);
}

/// Counts a provider that was asked to end a grant.
pub(crate) fn revocation_ended(provider: &str, outcome: &'static str) {
    metrics::counter!("keyway_revocations_total", "provider" => provider.to_owned(), "outcome" => outcome).increment(1);
}
