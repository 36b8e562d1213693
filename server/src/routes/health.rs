//! Whether the server is there, and whether it can answer.

use axum::extract::State;
use axum::http::{StatusCode, Uri};

use crate::error::Problem;
use crate::state::ServerState;

/// `GET /healthz`: the process runs.
pub async fn alive() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the directory can be read.
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
