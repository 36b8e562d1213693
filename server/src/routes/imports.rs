//! `GET /v1/imports`: what each import brought, left out and could not take.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use tarn_store::Snapshot;
use tarn_store::kv::db::KvError;

use crate::error::Problem;
use crate::lines::{self, give_all};
use crate::params::{Params, Segment};
use crate::state::{ServerState, blocking};
use crate::wire::{Conflict, Import, ImportedFile, ProblemDetails, Reject};

/// Every import, the newest first.
#[utoipa::path(get, path = "/v1/imports", tag = "imports", operation_id = "listImports",
    responses((status = 200, description = "the imports", body = Vec<Import>)))]
pub async fn list(
    State(state): State<ServerState>,
    params: Params,
) -> Result<Json<Vec<Import>>, Problem> {
    params.only(&[])?;
    let snapshot = snapshot(&state).await?;
    let imports = blocking(move || Import::list(&snapshot)).await;
    imports.map(Json).map_err(unreadable)
}

/// One import.
#[utoipa::path(get, path = "/v1/imports/{id}", tag = "imports", operation_id = "getImport",
    params(("id" = u64, Path, description = "its number", example = 1)),
    responses(
    (status = 200, description = "the import", body = Import),
    (status = 404, description = "there is no such import", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn show(
    State(state): State<ServerState>,
    Segment(id): Segment,
    params: Params,
) -> Result<Json<Import>, Problem> {
    params.only(&[])?;
    let id = number(&id)?;
    let snapshot = snapshot(&state).await?;
    find(snapshot, id).await.map(Json)
}

/// The files that an import was through with, a line each.
#[utoipa::path(get, path = "/v1/imports/{id}/files", tag = "imports", operation_id = "listImportedFiles",
    params(("id" = String, Path, description = "the number of an import, or `all`", example = "1")),
    responses(
    (status = 200, description = "the files", body = ImportedFile, content_type = "application/x-ndjson"),
    (status = 404, description = "there is no such import", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn files(
    State(state): State<ServerState>,
    Segment(id): Segment,
    params: Params,
) -> Result<Response, Problem> {
    let (snapshot, import) = of_import(&state, &id, &params).await?;
    let items = move |give: &mut dyn FnMut(ImportedFile) -> _| {
        let files = snapshot.each_import_file(import);
        give_all(files.map(|file| file.map(ImportedFile::of)), give)
    };
    lines::answer(items, unreadable).await
}

/// What an import could not take, a line each.
#[utoipa::path(get, path = "/v1/imports/{id}/rejects", tag = "imports", operation_id = "listRejects",
    params(("id" = String, Path, description = "the number of an import, or `all`", example = "all")),
    responses(
    (status = 200, description = "the rejects", body = Reject, content_type = "application/x-ndjson"),
    (status = 404, description = "there is no such import", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn rejects(
    State(state): State<ServerState>,
    Segment(id): Segment,
    params: Params,
) -> Result<Response, Problem> {
    let (snapshot, import) = of_import(&state, &id, &params).await?;
    let items = move |give: &mut dyn FnMut(Reject) -> _| {
        let rejects = snapshot.each_reject(import);
        give_all(rejects.map(|reject| reject.map(Reject::of)), give)
    };
    lines::answer(items, unreadable).await
}

/// Events that were stored although another has their time, account and eventID, a line
/// each.
#[utoipa::path(get, path = "/v1/imports/{id}/conflicts", tag = "imports", operation_id = "listConflicts",
    params(("id" = String, Path, description = "the number of an import, or `all`", example = "all")),
    responses(
    (status = 200, description = "the conflicts", body = Conflict, content_type = "application/x-ndjson"),
    (status = 404, description = "there is no such import", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn conflicts(
    State(state): State<ServerState>,
    Segment(id): Segment,
    params: Params,
) -> Result<Response, Problem> {
    let (snapshot, import) = of_import(&state, &id, &params).await?;
    let items = move |give: &mut dyn FnMut(Conflict) -> _| {
        let conflicts = snapshot.each_conflict(import);
        give_all(conflicts.map(|conflict| conflict.map(Conflict::of)), give)
    };
    lines::answer(items, unreadable).await
}

/// What a request for a list is about: one import, or none for all.
async fn of_import(
    state: &ServerState,
    id: &str,
    params: &Params,
) -> Result<(Arc<Snapshot>, Option<u64>), Problem> {
    params.only(&[])?;
    let snapshot = snapshot(state).await?;
    if id == "all" {
        return Ok((snapshot, None));
    }
    let import = find(Arc::clone(&snapshot), number(id)?).await?;
    Ok((snapshot, Some(import.import)))
}

async fn find(snapshot: Arc<Snapshot>, id: u64) -> Result<Import, Problem> {
    let found = blocking(move || Import::find(&snapshot, id)).await;
    found
        .map_err(unreadable)?
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "no-such-import", Import::missing(id)))
}

fn number(id: &str) -> Result<u64, Problem> {
    id.parse().map_err(|_| {
        Problem::bad_request(format!("{id:?} is no number of an import"))
            .hint("GET /v1/imports lists them")
    })
}

async fn snapshot(state: &ServerState) -> Result<Arc<Snapshot>, Problem> {
    let snapshot = state.snapshot().await;
    snapshot.map_err(|error| Problem::of_open(&error))
}

fn unreadable(error: KvError) -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "data-directory",
        error.to_string(),
    )
}
