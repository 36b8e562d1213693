//! `GET /v1/stores`.

use axum::Json;
use axum::extract::State;

use crate::error::Problem;
use crate::state::ServerState;
use crate::wire::StoreItem;

/// Every event data store with the number of its events.
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
