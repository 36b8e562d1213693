//! `GET /v1/coverage`: whose events are there, and what is missing.

use axum::Json;
use axum::extract::State;
use tarn_query::coverage::{self, Coverage};
use tarn_query::{Priority, QueryRequest};

use crate::answer;
use crate::error::Problem;
use crate::params::Params;
use crate::scope;
use crate::state::ServerState;
use crate::wire::{CoverageRow, ProblemDetails};

/// What is there, by account and region, or by day: events, gaps, delays and rejects.
#[utoipa::path(get, path = "/v1/coverage", tag = "events", operation_id = "getCoverage",
    params(
        ("store" = Option<String>, Query, description = "name, UUID or ARN of the event data store", example = "default"),
        ("since" = Option<String>, Query, description = "only events since: `7d`, a time, or milliseconds since 1970"),
        ("until" = Option<String>, Query, description = "only events before"),
        ("account" = Option<Vec<String>>, Query, description = "only events of this account: an id, a name or an organizational unit; repeatable"),
        ("days" = Option<bool>, Query, description = "a row for each day"),
    ),
    responses(
    (status = 200, description = "a row for each account and region, or for each of their days", body = Vec<CoverageRow>),
    (status = 404, description = "there is no such store", body = ProblemDetails, content_type = "application/problem+json"),
    (status = 408, description = "it took too long, or waited too long for its turn", body = ProblemDetails, content_type = "application/problem+json"),
    (status = 429, description = "too many queries wait", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn get(
    State(state): State<ServerState>,
    params: Params,
) -> Result<Json<Vec<CoverageRow>>, Problem> {
    params.only(&["store", "since", "until", "account", "days"])?;
    let by_day = params.flag("days")?;
    let settings = state.settings();
    let now_ms = (settings.clock)();
    let (store, snapshot) = scope::of_store(&state, params.one("store")?).await?;
    let time = scope::of_times(&params, now_ms, settings.zone)?;
    let accounts = scope::of_accounts(&state, params.all("account")).await?;
    let request = QueryRequest {
        timeout: Some(settings.timeout_max),
        ..coverage::request(&store, time, accounts, now_ms)
    };
    let turn = answer::turn(&state, &request).await?;
    let found = Coverage::of(state.engine(), &snapshot, &request, Priority::Attended).await;
    turn.end(found.as_ref().map(|_| ()));
    let found = found.map_err(|error| Problem::of_query(&error, &request.text))?;
    Ok(Json(CoverageRow::all(&found, by_day)))
}
