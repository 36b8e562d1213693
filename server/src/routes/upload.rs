//! `POST /v1/imports`: files that are sent and imported as one run.

use std::io;
use std::time::Instant;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use tarn_store::Cancel;
use tarn_store::import::{ImportError, ImportProgress, ImportRequest};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::body::BodyReader;
use crate::error::Problem;
use crate::lines::NDJSON;
use crate::multipart::boundary;
use crate::params::Params;
use crate::spool::{Spool, check_name};
use crate::state::{ServerState, blocking};
use crate::wire::{
    FileParts, ImportLine, ImportPosition, ImportSummary, ProblemDetails, RunStatus,
};

/// What a body that is one file is called where it has no name.
const NAME: &str = "upload";
/// Lines on their way to the client.
const LINES_WAITING: usize = 16;

/// Imports the files of the body as one run: the body is one file, or
/// multipart/form-data with many. A part's file name is the file's path as the sender
/// knows it; it is kept, and opened by nobody. A part may have a header
/// `Tarn-Modified-Ns`, the file's time in nanoseconds since 1970: with it a file that
/// has not changed since an earlier import is not read again.
///
/// Answers the summary; with `Accept: application/x-ndjson` lines of progress, and the
/// summary as the last. A client that hangs up cancels the import; what it has
/// published is kept.
#[utoipa::path(post, path = "/v1/imports", tag = "imports", operation_id = "importFiles",
    params(
        ("store" = Option<String>, Query, description = "name, UUID or ARN of the event data store", example = "default"),
        ("name" = Option<String>, Query, description = "the path of a body that is one file"),
        ("path" = Option<Vec<String>>, Query, description = "what the import is told to be of, instead of the files' names; repeatable"),
        ("force" = Option<bool>, Query, description = "read files again that have not changed"),
        ("dryRun" = Option<bool>, Query, description = "read and count, store nothing"),
        ("strict" = Option<bool>, Query, description = "answer 422 when a record was rejected or a file failed; what could be taken is stored"),
    ),
    request_body(description = "a file, or files", content(
        (String = "application/octet-stream"),
        (String = "application/gzip"),
        (Value = "application/json", example = json!({"Records": []})),
        (String = "application/x-ndjson"),
        (String = "text/csv"),
        (FileParts = "multipart/form-data"),
    )),
    responses(
        (status = 200, description = "imported", content(
            (ImportSummary = "application/json"),
            (ImportLine = "application/x-ndjson"),
        )),
        (status = "4XX", description = "nothing was imported, or strict was not met", body = ProblemDetails, content_type = "application/problem+json"),
        (status = "5XX", description = "it could not be written", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub async fn import(
    State(state): State<ServerState>,
    params: Params,
    request: Request,
) -> Result<Response, Problem> {
    let answer = take(&state, &params, request).await;
    if let Err(problem) = &answer {
        let metrics = &state.metrics().ingest;
        metrics.import_ended(match problem.is_of_server() {
            true => "failed",
            false => "refused",
        });
    }
    answer
}

async fn take(state: &ServerState, params: &Params, request: Request) -> Result<Response, Problem> {
    params.only(&["store", "name", "path", "force", "dryRun", "strict"])?;
    let store = params.one("store")?;
    let store = store.unwrap_or_else(|| state.settings().store.clone());
    let name = params.one("name")?.unwrap_or_else(|| NAME.to_owned());
    check_name(&name)?;
    let told_as = params.all("path");
    told_as.iter().try_for_each(|path| check_name(path))?;
    let mut import = ImportRequest {
        store,
        told_as,
        force: params.flag("force")?,
        dry_run: params.flag("dryRun")?,
        ..ImportRequest::default()
    };
    let is_strict = params.flag("strict")?;
    let wants_lines = accepts_lines(request.headers())?;
    check_store(state, &import.store).await?;

    let turn = state.turns().uploads.take().await?;
    let spool = receive(state, name, request).await?;
    import.sent.clone_from(&spool.files);
    let work = Work {
        state: state.clone(),
        import,
        spool,
        turn,
    };
    match wants_lines {
        true => Ok(lines(work)),
        false => {
            let cancel = CancelOnDrop::default();
            let summary = work.run(cancel.0.clone(), |_| {}).await?;
            if is_strict {
                check_strict(&summary)?;
            }
            Ok(Json(summary).into_response())
        }
    }
}

/// Whether progress is asked for.
fn accepts_lines(headers: &HeaderMap) -> Result<bool, Problem> {
    let accept = headers.get(header::ACCEPT);
    let accept = accept
        .and_then(|value| value.to_str().ok())
        .unwrap_or("*/*");
    for range in accept.split(',') {
        let essence = range.split(';').next().unwrap_or("").trim();
        match essence.to_ascii_lowercase().as_str() {
            NDJSON => return Ok(true),
            "*/*" | "application/*" | "application/json" => return Ok(false),
            _ => {}
        }
    }
    Err(Problem::new(
        StatusCode::NOT_ACCEPTABLE,
        "no-such-format",
        format!("{accept:?} is not to be had; application/json and {NDJSON} are"),
    ))
}

/// Refuses before gigabytes are sent what would be refused after them.
async fn check_store(state: &ServerState, reference: &str) -> Result<(), Problem> {
    let snapshot = state
        .snapshot()
        .await
        .map_err(|error| Problem::of_open(&error))?;
    if reference.is_empty() || snapshot.find_store(reference).is_some() {
        return Ok(());
    }
    let names = snapshot.stores().iter().map(|s| s.name.clone());
    // As an import would say it.
    let missing = ImportError::NoSuchStore {
        reference: reference.to_owned(),
        known: names.collect(),
    };
    Err(Problem::new(
        StatusCode::NOT_FOUND,
        "no-such-store",
        missing.to_string(),
    ))
}

/// Keeps the body.
async fn receive(state: &ServerState, name: String, request: Request) -> Result<Spool, Problem> {
    let limits = &state.settings().limits;
    let content_type = request.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let is_multipart = content_type.is_some_and(|text| text.starts_with("multipart/"));
    let boundary = content_type.and_then(boundary);
    if is_multipart && boundary.is_none() {
        return Err(Problem::bad_request(
            "the Content-Type is multipart/form-data and names no boundary",
        ));
    }
    let files_max = limits.import_files;
    let (mut reader, reading) =
        BodyReader::of(request.into_body(), limits.import_bytes, limits.idle_time);
    let tmp = state.session().tmp_folder();
    let keeping = blocking(move || {
        let mut spool = Spool::new(&tmp)?;
        match boundary {
            Some(boundary) => spool.many(&boundary, reader, files_max)?,
            None => spool.one(name, &mut reader)?,
        }
        Ok(spool)
    });
    let (kept, read) = tokio::join!(keeping, reading);
    // Why the body did not come says more than that it did not.
    read?;
    kept
}

/// An import whose files are there.
struct Work {
    state: ServerState,
    import: ImportRequest,
    spool: Spool,
    turn: OwnedSemaphorePermit,
}

impl Work {
    async fn run(
        self,
        cancel: Cancel,
        on_progress: impl Fn(&ImportProgress) + Send + 'static,
    ) -> Result<ImportSummary, Problem> {
        let Self {
            state,
            import,
            spool,
            turn,
        } = self;
        let running = state.turns().imports.take().await?;
        let begun = Instant::now();
        let metrics = state.clone();
        let done = state
            .write(move |session| {
                let done = session.import(&import, &mut |p| on_progress(p), &cancel);
                // They are needed to here, though the client may be gone.
                drop((spool, turn, running));
                done
            })
            .await;
        let summary = done.map_err(|error| Problem::of_session(&error))?;
        let summary = ImportSummary::of(&summary, begun.elapsed().as_secs_f64());
        metrics.metrics().ingest.import_ended(match summary.status {
            RunStatus::Interrupted => "interrupted",
            RunStatus::Failed => "failed",
            RunStatus::Completed | RunStatus::Running => "ok",
        });
        Ok(summary)
    }
}

/// The answer as lines, the last of them the summary.
fn lines(work: Work) -> Response {
    let cancel = CancelOnDrop::default();
    let (give, take) = mpsc::channel::<ImportLine>(LINES_WAITING);
    let progress = give.clone();
    let metrics = work.state.clone();
    let running = work.run(cancel.0.clone(), move |at| {
        // A line that finds no room is followed by a later one.
        let _ = progress.try_send(ImportLine::Progress(ImportPosition::from(at)));
    });
    tokio::spawn(async move {
        let last = match running.await {
            Ok(summary) => ImportLine::Summary(summary),
            Err(problem) => {
                metrics.metrics().ingest.import_ended("failed");
                ImportLine::Problem(problem.details().clone())
            }
        };
        // Whoever has hung up needs no last line.
        let _ = give.send(last).await;
    });
    let lines = futures::stream::unfold((take, cancel), |(mut take, cancel)| async move {
        let line = take.recv().await?;
        let bytes = serde_json::to_vec(&line).map(|mut bytes| {
            bytes.push(b'\n');
            Bytes::from(bytes)
        });
        Some((bytes.map_err(io::Error::other), (take, cancel)))
    });
    let content_type = [(header::CONTENT_TYPE, NDJSON)];
    (content_type, Body::from_stream(lines.boxed())).into_response()
}

fn check_strict(summary: &ImportSummary) -> Result<(), Problem> {
    let (rejected, failed) = (summary.events.rejected, summary.files.failed);
    if rejected == 0 && failed == 0 {
        return Ok(());
    }
    let import = summary.import.map_or("all".to_owned(), |id| id.to_string());
    Err(Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "not-all-taken",
        format!(
            "{rejected} records were rejected and {failed} files failed; {} events are stored",
            summary.events.stored
        ),
    )
    .hint(format!("GET /v1/imports/{import}/rejects tells which")))
}

/// Cancels what is done for a client when it hangs up.
#[derive(Default)]
struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_by_accept() {
        let of = |accept: &str| {
            let headers = [(header::ACCEPT, accept.parse().expect("a header's value"))];
            accepts_lines(&headers.into_iter().collect()).ok()
        };
        assert_eq!(of("application/x-ndjson"), Some(true));
        assert_eq!(of("text/html, application/json;q=0.9"), Some(false));
        assert_eq!(of("*/*"), Some(false));
        assert_eq!(of("text/csv"), None);
        assert_eq!(accepts_lines(&HeaderMap::new()).ok(), Some(false));
    }
}
