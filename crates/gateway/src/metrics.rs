//! `GET /metrics`, on a listener of its own.

use std::time::Duration;

use actix_web::{HttpResponse, http::header, web};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

/// Between two rounds of [`upkeep`].
const PAUSE: Duration = Duration::from_secs(5);

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
        "keyway_refreshes_total",
        "Refreshes that ended, by provider and outcome."
    );
    metrics::describe_histogram!(
        "keyway_refresh_duration_seconds",
        "Time from the lease of a refresh to its end."
    );
    metrics::describe_counter!(
        "keyway_revocations_total",
        "Requests to providers to end a grant, by provider and outcome."
    );
    metrics::describe_counter!(
        "keyway_webhook_deliveries_total",
        "Attempts at webhook deliveries, by outcome."
    );
    Some(handle)
}

/// Sorts what was sampled into the histograms, until `stop`. Every request leaves a sample behind,
/// and where nobody scrapes, nothing else takes them away.
pub async fn upkeep(handle: PrometheusHandle, stop: CancellationToken) {
    let pause = || stop.run_until_cancelled(tokio::time::sleep(PAUSE));
    while pause().await.is_some() {
        handle.run_upkeep();
    }
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

/// Counts a refresh that ended.
pub(crate) fn refresh_ended(provider: &str, outcome: &'static str, elapsed: Duration) {
    metrics::counter!("keyway_refreshes_total", "provider" => provider.to_owned(), "outcome" => outcome).increment(1);
    metrics::histogram!("keyway_refresh_duration_seconds", "provider" => provider.to_owned())
        .record(elapsed.as_secs_f64());
}

/// Counts a provider that was asked to end a grant.
pub(crate) fn revocation_ended(provider: &str, outcome: &'static str) {
    metrics::counter!("keyway_revocations_total", "provider" => provider.to_owned(), "outcome" => outcome).increment(1);
}

/// Counts an attempt at a webhook delivery.
pub(crate) fn delivery_ended(outcome: &'static str) {
    metrics::counter!("keyway_webhook_deliveries_total", "outcome" => outcome).increment(1);
}
