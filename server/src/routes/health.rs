//! Whether the server is there, and whether it can answer.

use axum::extract::State;
use axum::http::{StatusCode, Uri};

use crate::error::Problem;
use crate::state::ServerState;
use crate::wire::ProblemDetails;

/// The process runs.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, description = "it runs", body = String, content_type = "text/plain")))]
pub async fn alive() -> &'static str {
    "ok\n"
}

/// The directory can be read.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, description = "queries are answered", body = String, content_type = "text/plain"),
    (status = 503, description = "the directory cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn ready(State(state): State<ServerState>) -> Result<&'static str, Problem> {
    match state.snapshot().await {
        Ok(_) => Ok("ready\n"),
        Err(error) => Err(Problem::of_open(&error)),
    }
}

/// Any other path.
pub async fn nowhere(uri: Uri) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no-such-route",
        format!("there is nothing at {}", uri.path()),
    )
}
