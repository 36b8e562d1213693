//! `POST /v1/query`: a question, answered with rows as they come; `POST /v1/explain`: how
//! it would be answered.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use tarn_query::{Language, ParameterValue, QueryRequest, time};
use tarn_store::{Access, Cancel, TimeRange};

use crate::accept::Format;
use crate::answer;
use crate::body::JsonBody;
use crate::error::Problem;
use crate::params::Params;
use crate::scope;
use crate::state::ServerState;
use crate::wire::{Explanation, ProblemDetails, QueryBody};

/// Answers a query with its rows as they come.
///
/// The form is the one that Accept asks for. A query that fails after its first rows cuts
/// the answer off, so that nobody takes it for whole. What was read for the answer is told
/// by `GET /v1/queries/{id}` with the id in `Tarn-Query-Id`.
#[utoipa::path(post, path = "/v1/query", tag = "queries", operation_id = "query",
    request_body = QueryBody,
    responses(
        (status = 200, description = "the rows",
            headers(
                ("Tarn-Query-Id" = String, description = "leads to the statistics of the query"),
                ("Tarn-Language" = String, description = "as which the text was read"),
                ("Tarn-Warnings" = String, description = "what the query probably does not mean: a JSON array of QueryWarning, in ASCII"),
            ),
            content(
                (String = "application/x-ndjson", example = json!("{\"two\":2}\n")),
                (Vec<serde_json::Value> = "application/json", example = json!([{"two": 2}])),
                (String = "text/csv", example = json!("two\n2\n")),
                (Vec<u8> = "application/vnd.apache.arrow.stream"),
            )),
        (status = 406, description = "none of the forms that Accept names is to be had", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 408, description = "the query took too long, or waited too long for its turn", body = ProblemDetails, content_type = "application/problem+json"),
        (status = 429, description = "too many queries wait", body = ProblemDetails, content_type = "application/problem+json"),
        (status = "4XX", description = "the query or the request is wrong", body = ProblemDetails, content_type = "application/problem+json"),
        (status = "5XX", description = "the query failed", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub async fn run(
    State(state): State<ServerState>,
    params: Params,
    headers: HeaderMap,
    JsonBody(body): JsonBody<QueryBody>,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let format = Format::accepted(&headers, Format::Ndjson)?;
    let request = request(&state, body).await?;
    answer::rows(&state, request, format).await
}

/// Every stage of a query's way, without running it.
#[utoipa::path(post, path = "/v1/explain", tag = "queries", operation_id = "explain",
    request_body = QueryBody,
    responses(
        (status = 200, description = "the stages", body = Explanation),
        (status = "4XX", description = "the query or the request is wrong", body = ProblemDetails, content_type = "application/problem+json"),
        (status = "5XX", description = "the directory cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
    ))]
pub async fn explain(
    State(state): State<ServerState>,
    params: Params,
    JsonBody(body): JsonBody<QueryBody>,
) -> Result<Json<Explanation>, Problem> {
    params.only(&[])?;
    let request = request(&state, body).await?;
    let snapshot = state
        .snapshot()
        .await
        .map_err(|error| Problem::of_open(&error))?;
    let at_most = request.timeout.unwrap_or(state.settings().timeout_max);
    let explained = state.engine().explain(snapshot, &request);
    match tokio::time::timeout(at_most, explained).await {
        Ok(Ok(stages)) => Ok(Json(Explanation::of(&stages))),
        Ok(Err(error)) => Err(Problem::of_query(&error, &request.text)),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "timed_out",
            "planning the query took too long",
        )),
    }
}

/// The query that a body asks, with what the server adds of its own.
pub async fn request(state: &ServerState, body: QueryBody) -> Result<QueryRequest, Problem> {
    let settings = state.settings();
    let now_ms = (settings.clock)();
    let zone = match &body.tz {
        None => settings.zone,
        Some(name) => name.parse().map_err(|_| {
            Problem::bad_request(format!("there is no time zone {name:?}"))
                .hint("a name of the IANA database is asked for, such as Europe/Zurich or UTC")
        })?,
    };
    let bound = |name: &str, text: &Option<String>, default: i64| match text {
        None => Ok(default),
        Some(text) => time::parse_time_bound(text, now_ms, zone)
            .map_err(|error| Problem::bad_request(format!("{name}: {error}"))),
    };
    let timeout = match body.timeout_seconds {
        None => settings.timeout_max,
        Some(seconds) => Duration::try_from_secs_f64(seconds)
            .ok()
            .filter(|timeout| !timeout.is_zero())
            .ok_or_else(|| {
                Problem::bad_request(format!(
                    "timeoutSeconds: {seconds} is no number of seconds above 0"
                ))
            })?
            .min(settings.timeout_max),
    };
    Ok(QueryRequest {
        language: language(body.language.as_deref())?,
        time: TimeRange {
            start_ms: bound("since", &body.since, i64::MIN)?,
            end_ms: bound("until", &body.until, i64::MAX)?,
        },
        text: body.query,
        store: body.store.unwrap_or_else(|| settings.store.clone()),
        scope: scope::of_accounts(state, body.accounts).await?,
        parameters: untyped(body.parameters),
        limit: body.limit,
        is_followed: false,
        timeout: Some(timeout),
        now_ms,
        zone,
        access: Access::Indexed,
        cancel: Cancel::default(),
    })
}

/// A value of `{{name}}` is what it reads as.
fn untyped(parameters: BTreeMap<String, String>) -> Vec<(String, ParameterValue)> {
    let values = parameters.into_iter();
    values.map(|(name, text)| (name, text.into())).collect()
}

fn language(name: Option<&str>) -> Result<Language, Problem> {
    match name {
        None | Some("auto") => Ok(Language::Auto),
        Some("sql") => Ok(Language::Sql),
        Some("insights") => Ok(Language::Insights),
        Some("search") => Ok(Language::Search),
        Some(other) => Err(
            Problem::bad_request(format!("there is no language {other:?}"))
                .hint("there are auto, sql, insights and search"),
        ),
    }
}
