//! `/v1/stores`: event data stores, as they are.

use axum::Json;
use axum::extract::State;

use crate::error::Problem;
use crate::params::{Params, Segment};
use crate::state::ServerState;
use crate::wire::{ProblemDetails, Store};

/// Every event data store with the number of its events.
#[utoipa::path(get, path = "/v1/stores", tag = "stores", operation_id = "listStores", responses(
    (status = 200, description = "the stores", body = Vec<Store>),
    (status = 503, description = "the directory cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn list(
    State(state): State<ServerState>,
    params: Params,
) -> Result<Json<Vec<Store>>, Problem> {
    params.only(&[])?;
    let snapshot = state
        .snapshot()
        .await
        .map_err(|error| Problem::of_open(&error))?;
    Ok(Json(Store::list(&snapshot)))
}

/// One event data store.
#[utoipa::path(get, path = "/v1/stores/{store}", tag = "stores", operation_id = "getStore",
    params(("store" = String, Path, description = "name, UUID or ARN", example = "default")),
    responses(
    (status = 200, description = "the store", body = Store),
    (status = 404, description = "there is no such store", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn show(
    State(state): State<ServerState>,
    Segment(reference): Segment,
    params: Params,
) -> Result<Json<Store>, Problem> {
    params.only(&[])?;
    let snapshot = state
        .snapshot()
        .await
        .map_err(|error| Problem::of_open(&error))?;
    let Some(store) = snapshot.find_store(&reference) else {
        let names = snapshot.stores().iter().map(|store| store.name.as_str());
        return Err(Problem::no_such_store(&reference, names));
    };
    Ok(Json(Store::of(store, snapshot.event_count(store.id))))
}
