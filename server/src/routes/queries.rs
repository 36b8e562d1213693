//! `/v1/queries`: queries whose rows are kept, and what became of each.

use std::io;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::value::RawValue;
use tarn_query::job::{JobError, JobRecord, Jobs, Kind, ListRequest, Page};
use tarn_query::results::ResultWriter;
use tarn_query::{Code, Priority, QueryError, time};

use super::query::request;
use crate::accept::Format;
use crate::body::JsonBody;
use crate::chunks::Chunks;
use crate::error::Problem;
use crate::params::{Params, Segment};
use crate::state::{ServerState, blocking};
use crate::wire::{ProblemDetails, QueryBody, QueryDetails, QueryList, QueryState, ResultsPage};

/// Asks for the next page, where rows are no JSON.
const NEXT_PAGE: &str = "tarn-next-page-token";

/// Queries of a page of the list.
const LISTED: usize = 50;
const LISTED_MAX: usize = 1_000;
/// Rows of a page.
const ROWS: usize = 1_000;
const ROWS_MAX: usize = 10_000;

/// Starts a query whose rows are kept: for 7 days, unless the server says otherwise, and
/// across restarts.
///
/// A text that is no query is refused at once.
#[utoipa::path(post, path = "/v1/queries", tag = "queries", operation_id = "startQuery",
    request_body = QueryBody,
    responses(
        (status = 202, description = "it is queued", body = QueryDetails,
            headers(("Location" = String, description = "where its state is"))),
        (status = 429, description = "too many queries wait", body = ProblemDetails, content_type = "application/problem+json"),
        (status = "4XX", description = "the query or the request is wrong", body = ProblemDetails, content_type = "application/problem+json"),
        (status = "5XX", description = "the query cannot be kept", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub async fn start(
    State(state): State<ServerState>,
    params: Params,
    JsonBody(body): JsonBody<QueryBody>,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let request = request(&state, body).await?;
    let snapshot = state
        .snapshot()
        .await
        .map_err(|error| Problem::of_open(&error))?;
    state
        .engine()
        .check(snapshot, &request)
        .map_err(|error| Problem::of_query(&error, &request.text))?;
    let asking = state.clone();
    let started = state.jobs().start(request, move |request| async move {
        // What is published when its turn has come.
        let snapshot = asking
            .snapshot()
            .await
            .map_err(|error| QueryError::new(Code::Scan, error.to_string()))?;
        let engine = asking.engine();
        engine
            .query_among_others(snapshot, &request, Priority::Background)
            .await
    });
    let record = started.await.map_err(|error| {
        if let JobError::Full(_) = error {
            state.metrics().queries.refused(Kind::Job);
        }
        Problem::of_job(&error)
    })?;
    let location = [(header::LOCATION, format!("/v1/queries/{}", record.id))];
    let details = Json(QueryDetails::of(&record));
    Ok((StatusCode::ACCEPTED, location, details).into_response())
}

/// Queries, newest first.
#[utoipa::path(get, path = "/v1/queries", tag = "queries", operation_id = "listQueries",
    params(
        ("status" = Option<QueryState>, Query, description = "only those in this state"),
        ("kind" = Option<String>, Query, description = "`job` (the default), `attended` (those of `POST /v1/query` that run, and the last ones that have ended) or `all`", example = "job"),
        ("since" = Option<String>, Query, description = "only those created since: `7d`, a time, or milliseconds since 1970", example = "7d"),
        ("until" = Option<String>, Query, description = "only those created before"),
        ("limit" = Option<usize>, Query, description = "queries of a page", minimum = 1, maximum = 1000),
        ("pageToken" = Option<String>, Query, description = "`nextPageToken` of the page before"),
    ),
    responses(
        (status = 200, description = "the queries", body = QueryList),
        (status = "4XX", description = "a parameter is wrong", body = ProblemDetails, content_type = "application/problem+json"),
        (status = "5XX", description = "a state cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub async fn list(
    State(state): State<ServerState>,
    params: Params,
) -> Result<Json<QueryList>, Problem> {
    params.only(&["status", "kind", "since", "until", "limit", "pageToken"])?;
    let settings = state.settings();
    let now_ms = (settings.clock)();
    let bound = |name: &str| {
        let text = params.one(name)?;
        let bound = text.map(|text| {
            time::parse_time_bound(&text, now_ms, settings.zone)
                .map_err(|error| Problem::bad_request(format!("{name}: {error}")))
        });
        bound.transpose()
    };
    let kind = match params.one("kind")?.as_deref() {
        None | Some("job") => Some(Kind::Job),
        Some("attended") => Some(Kind::Attended),
        Some("all") => None,
        Some(other) => {
            return Err(Problem::bad_request(format!("there is no kind {other:?}"))
                .hint("there are job, attended and all"));
        }
    };
    let status = params.one("status")?.map(|status| status.parse());
    let request = ListRequest {
        status: status
            .transpose()
            .map_err(|error: String| Problem::bad_request(error))?,
        kind,
        since_ms: bound("since")?,
        until_ms: bound("until")?,
        limit: limit(&params, LISTED, LISTED_MAX)?,
        page_token: params.one("pageToken")?,
    };
    let (records, next) = of_jobs(&state, move |jobs| jobs.list(&request)).await?;
    Ok(Json(QueryList {
        queries: records.iter().map(QueryDetails::listed).collect(),
        next_page_token: next,
    }))
}

/// A query: its state, and what it read so far.
#[utoipa::path(get, path = "/v1/queries/{id}", tag = "queries", operation_id = "describeQuery",
    params(("id" = String, Path, description = "its UUID")),
    responses(
        (status = 200, description = "the query", body = QueryDetails),
        (status = 404, description = "there is no such query, or no longer", body = ProblemDetails, content_type = "application/problem+json"),
        (status = "4XX", description = "the request is wrong", body = ProblemDetails, content_type = "application/problem+json"),
        (status = "5XX", description = "its state cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub async fn show(
    State(state): State<ServerState>,
    Segment(id): Segment,
    params: Params,
) -> Result<Json<QueryDetails>, Problem> {
    params.only(&[])?;
    let record: JobRecord = of_jobs(&state, move |jobs| jobs.get(&id)).await?;
    Ok(Json(QueryDetails::of(&record)))
}

/// Removes a query that has ended, with its rows.
#[utoipa::path(delete, path = "/v1/queries/{id}", tag = "queries", operation_id = "deleteQuery",
    params(("id" = String, Path, description = "its UUID")),
    responses(
        (status = 204, description = "it is gone"),
        (status = 404, description = "there is no such query, or no longer", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "it has not ended", body = ProblemDetails, content_type = "application/problem+json"),
        (status = "4XX", description = "the request is wrong", body = ProblemDetails, content_type = "application/problem+json"),
        (status = "5XX", description = "it cannot be removed", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub async fn delete(
    State(state): State<ServerState>,
    Segment(id): Segment,
    params: Params,
) -> Result<StatusCode, Problem> {
    params.only(&[])?;
    of_jobs(&state, move |jobs| jobs.delete(&id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a query that has not ended.
#[utoipa::path(post, path = "/v1/queries/{id}/cancel", tag = "queries", operation_id = "cancelQuery",
    params(("id" = String, Path, description = "its UUID")),
    responses(
        (status = 200, description = "the query, most likely CANCELLED by now", body = QueryDetails),
        (status = 404, description = "there is no such query, or no longer", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "it has ended already", body = ProblemDetails, content_type = "application/problem+json"),
        (status = "4XX", description = "the request is wrong", body = ProblemDetails, content_type = "application/problem+json"),
        (status = "5XX", description = "its state cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub async fn cancel(
    State(state): State<ServerState>,
    Segment(id): Segment,
    params: Params,
) -> Result<Json<QueryDetails>, Problem> {
    params.only(&[])?;
    let record = state.jobs().cancel(&id).await;
    let record = record.map_err(|error| Problem::of_job(&error))?;
    Ok(Json(QueryDetails::of(&record)))
}

/// The rows of a query that are kept.
///
/// JSON comes in pages. Other forms have all the rows from `pageToken` on, or from the
/// first, unless there is a `limit`; then `Tarn-Next-Page-Token` asks for the next ones.
#[utoipa::path(get, path = "/v1/queries/{id}/results", tag = "queries", operation_id = "queryResults",
    params(
        ("id" = String, Path, description = "the query's UUID"),
        ("limit" = Option<usize>, Query, description = "rows of a page; there may be fewer where they are large", minimum = 1, maximum = 10000),
        ("pageToken" = Option<String>, Query, description = "`nextPageToken` of the page before"),
    ),
    responses(
        (status = 200, description = "rows",
            headers(("Tarn-Next-Page-Token" = String, description = "asks for the next rows; absent where nothing more will come, and in JSON, which says it itself")),
            content(
                (ResultsPage = "application/json", example = json!({"status": "FINISHED", "totalRows": 1, "rows": [{"two": 2}]})),
                (String = "application/x-ndjson", example = json!("{\"two\":2}\n")),
                (String = "text/csv", example = json!("two\n2\n")),
                (Vec<u8> = "application/vnd.apache.arrow.stream"),
            )),
        (status = 404, description = "there is no such query, or no longer", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 409, description = "it has failed or was cancelled, and nothing of it is kept; or all of its rows are asked for, and it runs", body = ProblemDetails, content_type = "application/problem+json"),
        (status = "4XX", description = "a parameter is wrong", body = ProblemDetails, content_type = "application/problem+json"),
        (status = "5XX", description = "the rows cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub async fn results(
    State(state): State<ServerState>,
    Segment(id): Segment,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&["limit", "pageToken"])?;
    let format = Format::accepted(&headers, Format::Json)?;
    let token = params.one("pageToken")?;
    let is_all = format != Format::Json && params.one("limit")?.is_none();
    let rows = limit(&params, ROWS, ROWS_MAX)?;
    let asked = id.clone();
    let page = of_jobs(&state, move |jobs| {
        jobs.page(&asked, token.as_deref(), rows)
    })
    .await?;
    if is_all && !page.record.status.is_over() {
        return Err(Problem::of_job(&JobError::Running {
            status: page.record.status,
        })
        .hint("while it runs, ask for pages: JSON, or a limit"));
    }
    if format == Format::Json {
        return json_page(&page).map(IntoResponse::into_response);
    }
    let content_type = (header::CONTENT_TYPE, value(format.content_type()));
    if !is_all {
        let next = page.next.clone();
        let body = Rest::new(format, &page).map_or(Ok(Bytes::new()), |mut rest| rest.last(&page));
        let mut response = ([content_type], body.map_err(|e| broken(&e))?).into_response();
        if let Some(next) = next {
            response.headers_mut().insert(NEXT_PAGE, value(&next));
        }
        return Ok(response);
    }
    let Some(rest) = Rest::new(format, &page) else {
        return Ok(([content_type], Body::empty()).into_response());
    };
    let pages = futures::stream::unfold(Some((rest, page)), move |at| {
        let (state, id) = (state.clone(), id.clone());
        async move {
            let (mut rest, page) = at?;
            let Some(next) = page.next.clone() else {
                return Some((rest.last(&page), None));
            };
            let written = rest.write(&page);
            let following = of_jobs(&state, move |jobs| jobs.page(&id, Some(&next), ROWS_MAX));
            match (written, following.await) {
                (Ok(bytes), Ok(page)) => Some((Ok(bytes), Some((rest, page)))),
                (Err(error), _) => Some((Err(error), None)),
                // Removed, or damaged: the answer is cut off.
                (_, Err(_)) => Some((Err(io::Error::other("the rows end early")), None)),
            }
        }
    });
    Ok(([content_type], Body::from_stream(pages)).into_response())
}

/// Pages in a form that is written from its first row to its last.
struct Rest {
    writer: Box<dyn ResultWriter>,
    chunks: Chunks,
}

impl Rest {
    /// None where there is not even a schema.
    fn new(format: Format, page: &Page) -> Option<Self> {
        let chunks = Chunks::default();
        let writer = format.writer(chunks.clone(), page.schema.as_ref()?);
        Some(Self { writer, chunks })
    }

    fn write(&mut self, page: &Page) -> io::Result<Bytes> {
        for batch in &page.batches {
            self.writer.write(batch)?;
        }
        Ok(self.chunks.take())
    }

    fn last(&mut self, page: &Page) -> io::Result<Bytes> {
        for batch in &page.batches {
            self.writer.write(batch)?;
        }
        self.writer.finish()?;
        Ok(self.chunks.take())
    }
}

fn json_page(page: &Page) -> Result<Json<ResultsPage>, Problem> {
    let rows = match Rest::new(Format::Json, page) {
        None => Bytes::from_static(b"[]"),
        Some(mut rest) => rest.last(page).map_err(|error| broken(&error))?,
    };
    let rows = String::from_utf8_lossy(&rows).trim_end().to_owned();
    let record = &page.record;
    Ok(Json(ResultsPage {
        status: record.status.into(),
        total_rows: record.statistics.rows,
        rows: RawValue::from_string(rows).map_err(|error| broken(&io::Error::other(error)))?,
        next_page_token: page.next.clone(),
    }))
}

fn broken(error: &io::Error) -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "results",
        format!("the rows cannot be written in this form: {error}"),
    )
}

/// Tokens and types are values of headers.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

fn limit(params: &Params, default: usize, max: usize) -> Result<usize, Problem> {
    match params.number("limit")? {
        None => Ok(default),
        Some(limit) if (1..=max).contains(&limit) => Ok(limit),
        Some(limit) => Err(Problem::bad_request(format!(
            "limit={limit} is not between 1 and {max}"
        ))),
    }
}

/// Asks the jobs, which may read from the disk.
async fn of_jobs<T: Send + 'static>(
    state: &ServerState,
    ask: impl FnOnce(&Jobs) -> Result<T, JobError> + Send + 'static,
) -> Result<T, Problem> {
    let jobs = state.jobs().clone();
    let answered = blocking(move || ask(&jobs)).await;
    answered.map_err(|error| Problem::of_job(&error))
}
