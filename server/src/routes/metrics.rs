//! `GET /metrics`: what the server counts, for Prometheus.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::state::{ServerState, blocking};

/// OpenMetrics, which Prometheus asks for.
const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the server counts: events, queries, imports, splits, memory.
#[utoipa::path(get, path = "/metrics", tag = "health", operation_id = "metrics", responses(
    (status = 200, description = "the metrics in OpenMetrics' text format", body = String, content_type = "application/openmetrics-text"),
))]
pub async fn metrics(State(state): State<ServerState>) -> Response {
    let text = blocking(move || {
        // A directory that cannot be read is told by /readyz.
        let snapshot = state.snapshot_now().ok();
        let metrics = state.metrics();
        let done = state.session().done();
        metrics.ingest.set_now(done, snapshot.as_deref());
        metrics.process.set_now();
        metrics.queries.set_now(state.jobs());
        metrics.encode()
    })
    .await;
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
}
