//! `/v1/stores`: event data stores are made, changed, deleted and brought back.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tarn_store::EventDataStore;
use tarn_store::owner::{Session, SessionError};

use crate::body::JsonBody;
use crate::error::Problem;
use crate::params::{Params, Segment};
use crate::state::ServerState;
use crate::wire::{NewStore, ProblemDetails, Store, StoreUpdate};

/// Makes an event data store.
#[utoipa::path(post, path = "/v1/stores", tag = "stores", operation_id = "createStore", request_body = NewStore, responses(
    (status = 201, description = "made", body = Store, headers(("location" = String, description = "its path"))),
    (status = 409, description = "there is one of the name", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "4XX", description = "it cannot be made so", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "5XX", description = "it could not be written", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn create(
    State(state): State<ServerState>,
    params: Params,
    JsonBody(new): JsonBody<NewStore>,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let store = change(&state, move |session| session.create_store(new.into())).await?;
    let location = format!("/v1/stores/{}", store.name);
    let headers = [(header::LOCATION, location)];
    Ok((StatusCode::CREATED, headers, Json(store)).into_response())
}

/// Changes an event data store; what it holds stays. A shorter retention deletes what
/// is older for good.
#[utoipa::path(patch, path = "/v1/stores/{store}", tag = "stores", operation_id = "updateStore",
    params(("store" = String, Path, description = "name, UUID or ARN", example = "default")),
    request_body = StoreUpdate, responses(
    (status = 200, description = "changed", body = Store),
    (status = 404, description = "there is no such store", body = ProblemDetails, content_type = "application/problem+json"),
    (status = 409, description = "it is deleted, or there is one of the new name", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "4XX", description = "it cannot be so", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "5XX", description = "it could not be written", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn update(
    State(state): State<ServerState>,
    Segment(reference): Segment,
    params: Params,
    JsonBody(update): JsonBody<StoreUpdate>,
) -> Result<Json<Store>, Problem> {
    params.only(&[])?;
    if update == StoreUpdate::default() {
        return Err(Problem::bad_request("nothing to change is named")
            .hint("name, retentionDays, selectors and terminationProtection can be changed"));
    }
    let work = move |session: &Session| session.update_store(&reference, update.into());
    change(&state, work).await.map(Json)
}

/// Deletes an event data store with its events; it can be restored for seven days.
#[utoipa::path(delete, path = "/v1/stores/{store}", tag = "stores", operation_id = "deleteStore",
    params(("store" = String, Path, description = "name, UUID or ARN", example = "security")),
    responses(
    (status = 200, description = "pending deletion", body = Store),
    (status = 404, description = "there is no such store", body = ProblemDetails, content_type = "application/problem+json"),
    (status = 409, description = "it is protected, or deleted already", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "4XX", description = "the request is wrong", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "5XX", description = "it could not be written", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn delete(
    State(state): State<ServerState>,
    Segment(reference): Segment,
    params: Params,
) -> Result<Json<Store>, Problem> {
    params.only(&[])?;
    let work = move |session: &Session| session.delete_store(&reference);
    change(&state, work).await.map(Json)
}

/// Brings a deleted event data store back.
#[utoipa::path(post, path = "/v1/stores/{store}/restore", tag = "stores", operation_id = "restoreStore",
    params(("store" = String, Path, description = "name, UUID or ARN", example = "security")),
    responses(
    (status = 200, description = "back", body = Store),
    (status = 404, description = "there is no such store", body = ProblemDetails, content_type = "application/problem+json"),
    (status = 409, description = "it is not deleted, or gone", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "4XX", description = "the request is wrong", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "5XX", description = "it could not be written", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn restore(
    State(state): State<ServerState>,
    Segment(reference): Segment,
    params: Params,
) -> Result<Json<Store>, Problem> {
    params.only(&[])?;
    let work = move |session: &Session| session.restore_store(&reference);
    change(&state, work).await.map(Json)
}

async fn change(
    state: &ServerState,
    work: impl FnOnce(&Session) -> Result<EventDataStore, SessionError> + Send + 'static,
) -> Result<Store, Problem> {
    let changed = state.write(work).await;
    let store = changed.map_err(|error| Problem::of_session(&error))?;
    let snapshot = state
        .snapshot()
        .await
        .map_err(|error| Problem::of_open(&error))?;
    Ok(Store::of(&store, snapshot.event_count(store.id)))
}
