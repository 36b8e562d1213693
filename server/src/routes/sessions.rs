//! `/v1/sessions/{id}`: who made some calls, where they came from, and what followed.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tarn_query::incident::{self, SessionError};
use tarn_query::{Priority, QueryRequest};

use crate::answer;
use crate::error::Problem;
use crate::params::{Params, Segment};
use crate::scope;
use crate::state::ServerState;
use crate::wire::{ProblemDetails, Session};

/// The session of an access key, an ARN, a principal id or an event: its calls in order,
/// and the chain of who gave the credentials. An ARN and `role/session` hold slashes: send
/// them as `%2F`.
#[utoipa::path(get, path = "/v1/sessions/{id}", tag = "sessions", operation_id = "getSession",
    params(
        ("id" = String, Path, description = "an access key id, an ARN, `role/session`, a principal id, or an eventID", example = "AKIAIOSFODNN7EXAMPLE"),
        ("store" = Option<String>, Query, description = "the event data store: name, UUID or ARN", example = "default"),
        ("since" = Option<String>, Query, description = "only calls since: `7d`, or a time", example = "30d"),
        ("until" = Option<String>, Query, description = "only calls before"),
        ("account" = Option<Vec<String>>, Query, description = "only events of these accounts, the chain's among them: ids, names, organizational units"),
        ("limit" = Option<usize>, Query, description = "calls that are told, 1000 unless it says otherwise and 10000 at most", example = 1000),
    ),
    responses(
    (status = 200, description = "the session", body = Session),
    (status = 404, description = "no event is of it, or there is no such store", body = ProblemDetails, content_type = "application/problem+json"),
    (status = 408, description = "it took too long, or waited too long for its turn", body = ProblemDetails, content_type = "application/problem+json"),
    (status = 429, description = "too many queries wait", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "4XX", description = "the request is wrong", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "5XX", description = "the directory cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn show(
    State(state): State<ServerState>,
    Segment(id): Segment,
    params: Params,
) -> Result<Json<Session>, Problem> {
    params.only(&["store", "since", "until", "account", "limit"])?;
    let (store, snapshot) = scope::of_store(&state, params.one("store")?).await?;
    let request = request(&state, &store, &id, &params).await?;
    let turn = answer::turn(&state, &request).await?;
    let priority = Priority::Attended;
    let found = incident::session(state.engine(), &snapshot, &id, &request, priority).await;
    match found {
        Ok(session) => {
            turn.end(Ok(()));
            Ok(Json(Session::of(session)))
        }
        Err(SessionError::Query(error)) => {
            turn.end(Err(&error));
            Err(Problem::of_query(&error, ""))
        }
        Err(error) => {
            turn.end(Ok(()));
            let problem = Problem::new(StatusCode::NOT_FOUND, "no-such-session", error.to_string());
            Err(problem.hint(incident::WHAT_IS_TAKEN))
        }
    }
}

async fn request(
    state: &ServerState,
    store: &str,
    id: &str,
    params: &Params,
) -> Result<QueryRequest, Problem> {
    let settings = state.settings();
    let now_ms = (settings.clock)();
    let limit = params.number::<usize>("limit")?;
    if limit.is_some_and(|limit| limit > incident::CALLS_MAX) {
        let detail = format!("limit: {} calls are told at most", incident::CALLS_MAX);
        return Err(Problem::bad_request(detail).hint("ask for the others by since and until"));
    }
    Ok(QueryRequest {
        time: scope::of_times(params, now_ms, settings.zone)?,
        scope: scope::of_accounts(state, params.all("account")).await?,
        limit: Some(limit.unwrap_or(incident::CALLS_MAX_DEFAULT)),
        timeout: Some(settings.timeout_max),
        zone: settings.zone,
        ..incident::request(store, id, now_ms)
    })
}
