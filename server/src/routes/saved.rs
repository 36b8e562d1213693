//! `/v1/saved-queries`: queries with names, those of the directory and those that are
//! built in.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use tarn_query::saved::{self, Listed, UnknownQuery};
use tarn_store::saved::{Overwrite, SavedEntry};

use super::query;
use crate::accept::Format;
use crate::answer;
use crate::body::JsonBody;
use crate::error::Problem;
use crate::params::{Params, Segment};
use crate::state::ServerState;
use crate::wire::{ProblemDetails, QueryBody, SavedQuery, SavedQueryRun};

/// Every saved query by name, the built-in ones among them.
#[utoipa::path(get, path = "/v1/saved-queries", tag = "saved queries", operation_id = "listSavedQueries",
    params(("tag" = Option<Vec<String>>, Query, description = "only queries with this tag; with all of them where there are several")),
    responses(
    (status = 200, description = "the queries", body = Vec<SavedQuery>),
    (status = "4XX", description = "the request is wrong", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "5XX", description = "the directory cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn list(
    State(state): State<ServerState>,
    params: Params,
) -> Result<Json<Vec<SavedQuery>>, Problem> {
    params.only(&["tag"])?;
    let tags = params.all("tag");
    let mut queries = saved::all(stored(&state).await?);
    queries.retain(|listed| {
        let has = |tag: &String| {
            listed
                .query
                .tags
                .iter()
                .any(|t| t.eq_ignore_ascii_case(tag))
        };
        tags.iter().all(has)
    });
    Ok(Json(queries.iter().map(SavedQuery::of).collect()))
}

/// One saved query, whole.
#[utoipa::path(get, path = "/v1/saved-queries/{name}", tag = "saved queries", operation_id = "getSavedQuery",
    params(("name" = String, Path, description = "its name", example = "root-activity")),
    responses(
    (status = 200, description = "the query", body = SavedQuery),
    (status = 404, description = "there is no such query", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "4XX", description = "the request is wrong", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "5XX", description = "the directory cannot be read", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn show(
    State(state): State<ServerState>,
    Segment(name): Segment,
    params: Params,
) -> Result<Json<SavedQuery>, Problem> {
    params.only(&[])?;
    let found = find(&state, &name).await?;
    Ok(Json(SavedQuery::of(&found)))
}

/// Saves a query, in the place of one of the name. It must compile, and each `{{name}}`
/// in it must be declared as a parameter. A built-in query of the name is hidden.
#[utoipa::path(put, path = "/v1/saved-queries/{name}", tag = "saved queries", operation_id = "putSavedQuery",
    params(("name" = String, Path, description = "its name", example = "users-created-lately")),
    request_body = SavedQuery, responses(
    (status = 200, description = "replaced", body = SavedQuery),
    (status = 201, description = "saved", body = SavedQuery),
    (status = 413, description = "it is too long", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "4XX", description = "it does not compile, or cannot be saved so", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "5XX", description = "it could not be written", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn put(
    State(state): State<ServerState>,
    Segment(name): Segment,
    params: Params,
    JsonBody(body): JsonBody<SavedQuery>,
) -> Result<Response, Problem> {
    params.only(&[])?;
    if !body.name.is_empty() && body.name != name {
        let detail = format!("the body names {:?}, the path {name:?}", body.name);
        return Err(Problem::bad_request(detail).hint("the name may be left out of the body"));
    }
    let query = saved::tidied(SavedQuery { name, ..body }.into());
    let now_ms = (state.settings().clock)();
    saved::check(state.engine(), &query, now_ms)
        .await
        .map_err(|error| Problem::of_query(&error, &query.text))?;
    let is_new = find(&state, &query.name)
        .await
        .map_or(true, |found| found.is_built_in());
    let put = state
        .write(move |session| session.put_saved_query(query, Overwrite::Replace))
        .await;
    let entry = put.map_err(|error| Problem::of_session(&error))?;
    let status = match is_new {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    let saved = SavedQuery::of(&Listed::from(entry));
    Ok((status, Json(saved)).into_response())
}

/// Deletes a saved query. A built-in one stays; one that was hidden is there again.
#[utoipa::path(delete, path = "/v1/saved-queries/{name}", tag = "saved queries", operation_id = "deleteSavedQuery",
    params(("name" = String, Path, description = "its name", example = "users-created-lately")),
    responses(
    (status = 200, description = "what it was", body = SavedQuery),
    (status = 404, description = "there is no such query", body = ProblemDetails, content_type = "application/problem+json"),
    (status = 409, description = "it is built in", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "4XX", description = "the request is wrong", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "5XX", description = "it could not be written", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn delete(
    State(state): State<ServerState>,
    Segment(name): Segment,
    params: Params,
) -> Result<Json<SavedQuery>, Problem> {
    params.only(&[])?;
    if find(&state, &name).await?.is_built_in() {
        let detail = format!("the saved query {name:?} is built in and stays");
        let problem = Problem::new(StatusCode::CONFLICT, "built-in", detail);
        return Err(problem.hint("a query that is saved under its name hides it"));
    }
    let deleted = state
        .write(move |session| session.delete_saved_query(&name))
        .await;
    let entry = deleted.map_err(|error| Problem::of_session(&error))?;
    Ok(Json(SavedQuery::of(&Listed::from(entry))))
}

/// Answers a saved query with its rows as they come, in the form that Accept asks for.
#[utoipa::path(post, path = "/v1/saved-queries/{name}/run", tag = "saved queries", operation_id = "runSavedQuery",
    params(("name" = String, Path, description = "its name", example = "old-keys-in-use")),
    request_body = SavedQueryRun, responses(
    (status = 200, description = "the rows", content(
        (String = "application/x-ndjson"),
        (Vec<serde_json::Value> = "application/json"),
        (String = "text/csv"),
        (Vec<u8> = "application/vnd.apache.arrow.stream"),
    )),
    (status = 404, description = "there is no such query", body = ProblemDetails, content_type = "application/problem+json"),
    (status = 406, description = "none of the forms that Accept names is to be had", body = ProblemDetails, content_type = "application/problem+json"),
    (status = 408, description = "the query took too long, or waited too long for its turn", body = ProblemDetails, content_type = "application/problem+json"),
    (status = 429, description = "too many queries wait", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "4XX", description = "a parameter or the request is wrong", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "5XX", description = "the query failed", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn run(
    State(state): State<ServerState>,
    Segment(name): Segment,
    params: Params,
    headers: HeaderMap,
    JsonBody(body): JsonBody<SavedQueryRun>,
) -> Result<Response, Problem> {
    params.only(&[])?;
    let format = Format::accepted(&headers, Format::Ndjson)?;
    let saved = find(&state, &name).await?.query;
    let (since, until) = saved::time_range(&saved, body.since, body.until);
    let given = body.parameters.iter();
    let given: Vec<(String, String)> = given
        .map(|(name, value)| (name.clone(), value.as_given()))
        .collect();
    let asked = QueryBody {
        query: saved.text.clone(),
        language: Some(saved.language.as_str().to_owned()),
        store: body.store,
        since,
        until,
        accounts: body.accounts,
        tz: body.tz,
        limit: body.limit,
        timeout_seconds: body.timeout_seconds,
        ..QueryBody::default()
    };
    let mut request = query::request(&state, asked).await?;
    request.parameters = saved::bind(&saved, &given, request.now_ms, request.zone)
        .map_err(|error| Problem::of_query(&error, ""))?;
    answer::rows(&state, request, format).await
}

async fn stored(state: &ServerState) -> Result<Vec<SavedEntry>, Problem> {
    let snapshot = state.snapshot().await;
    let snapshot = snapshot.map_err(|error| Problem::of_open(&error))?;
    let stored = crate::state::blocking(move || snapshot.saved_queries()).await;
    stored.map_err(|error| Problem::of_open(&error.into()))
}

async fn find(state: &ServerState, name: &str) -> Result<Listed, Problem> {
    saved::find(stored(state).await?, name).map_err(|error| unknown(&error))
}

fn unknown(error: &UnknownQuery) -> Problem {
    let problem = Problem::new(StatusCode::NOT_FOUND, "no-such-query", error.to_string());
    match &error.hint {
        Some(hint) => problem.hint(hint.clone()),
        None => problem.hint("GET /v1/saved-queries lists them"),
    }
}
