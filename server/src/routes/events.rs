//! `GET /v1/events/{id}`: events by their id, byte for byte as delivered.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tarn_store::ScanError;

use crate::error::Problem;
use crate::params::{Params, Segment};
use crate::scope;
use crate::state::{ServerState, blocking};
use crate::wire::{Event, ProblemDetails};

/// The events that have an eventID, as delivered, with where each came from. Case does not
/// matter.
#[utoipa::path(get, path = "/v1/events/{id}", tag = "events", operation_id = "getEvents",
    params(
        ("id" = String, Path, description = "an eventID", example = "b4ab2b2e-8f5c-4f7e-9a0f-2f6f3c1d7a10"),
        ("store" = Option<String>, Query, description = "name, UUID or ARN of the event data store; all of them unless one is named", example = "default"),
        ("account" = Option<Vec<String>>, Query, description = "only events of this account: an id, a name or an organizational unit; repeatable"),
    ),
    responses(
    (status = 200, description = "the events: several where contents conflict", body = Vec<Event>),
    (status = 404, description = "there is no such event, or no such store", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn get(
    State(state): State<ServerState>,
    Segment(id): Segment,
    params: Params,
) -> Result<Json<Vec<Event>>, Problem> {
    params.only(&["store", "account"])?;
    let store = params.one("store")?;
    let scope = scope::of_accounts(&state, params.all("account")).await?;
    let snapshot = state
        .snapshot()
        .await
        .map_err(|error| Problem::of_open(&error))?;
    let found = blocking(move || {
        let stores = Event::stores(&snapshot, store.as_deref()).ok_or_else(|| {
            let names = snapshot.stores().iter().map(|store| store.name.as_str());
            Problem::no_such_store(store.as_deref().unwrap_or(""), names)
        })?;
        let found = Event::find(&snapshot, &stores, &id, &scope).map_err(unreadable)?;
        match found.is_empty() {
            false => Ok(found),
            true => Err(Problem::new(
                StatusCode::NOT_FOUND,
                Event::MISSING,
                format!("there is no event with the id {id}"),
            )),
        }
    });
    found.await.map(Json)
}

fn unreadable(error: ScanError) -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "scan", error.to_string())
}
