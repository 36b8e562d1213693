//! `/v1/stores`: event data stores.

use axum::Json;
use axum::extract::State;

use crate::error::Problem;
use crate::state::ServerState;
use crate::wire::{ProblemDetails, StoreItem};

/// Every event data store with the number of its events.
#[utoipa::path(get, path = "/v1/stores", tag = "stores", responses(
    (status = 200, description = "the stores", body = Vec<StoreItem>),
    (status = 503, description = "the directory cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn list(State(state): State<ServerState>) -> Result<Json<Vec<StoreItem>>, Problem> {
    let snapshot = state
        .snapshot()
        .await
        .map_err(|error| Problem::of_open(&error))?;
    let stores = snapshot.stores().iter();
    Ok(Json(
        stores
            .map(|store| StoreItem::new(store, snapshot.event_count(store.id)))
            .collect(),
    ))
}
