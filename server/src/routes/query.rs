//! `POST /v1/query`: rows as they come, in the form that Accept asks for.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::extract::rejection::JsonRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use tarn_query::results::{CsvWriter, JsonWriter, NdjsonWriter, ResultWriter};
use tarn_query::{Language, ParameterValue, QueryRequest, QueryStream, time};
use tarn_store::{Access, AccountScope, Cancel, TimeRange};

use crate::error::Problem;
use crate::state::ServerState;
use crate::wire::{ProblemDetails, QueryBody};

/// The forms of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Ndjson,
    Json,
    Csv,
}

impl Format {
    /// The first form that Accept names and we have; ndjson where it names
    /// none or anything.
    fn accepted(headers: &HeaderMap) -> Result<Self, Problem> {
        let accept = headers
            .get(header::ACCEPT)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("*/*");
        for range in accept.split(',') {
            let essence = range.split(';').next().unwrap_or("").trim();
            match essence.to_ascii_lowercase().as_str() {
                "*/*" | "application/*" | "application/x-ndjson" => return Ok(Self::Ndjson),
                "application/json" => return Ok(Self::Json),
                "text/csv" | "text/*" => return Ok(Self::Csv),
                _ => {}
            }
        }
        Err(Problem::new(
            StatusCode::NOT_ACCEPTABLE,
            "no-such-format",
            format!(
                "{accept:?} is not to be had; application/x-ndjson, application/json and text/csv are"
            ),
        ))
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::Json => "application/json",
            Self::Csv => "text/csv; charset=utf-8",
        }
    }

    fn writer(self, out: Chunks, stream: &QueryStream) -> Box<dyn ResultWriter> {
        match self {
            Self::Ndjson => Box::new(NdjsonWriter::new(out, &stream.schema)),
            Self::Json => Box::new(JsonWriter::new(out, &stream.schema)),
            Self::Csv => Box::new(CsvWriter::new(out, &stream.schema, ',', false)),
        }
    }
}

/// Compiles the query, and answers its rows as they come. A query that fails
/// after its first rows cuts the answer off, so that nobody takes it for whole.
#[utoipa::path(post, path = "/v1/query", tag = "queries", request_body = QueryBody, responses(
    (status = 200, description = "the rows, in the form that Accept asks for", content(
        (String = "application/x-ndjson"), (String = "application/json"), (String = "text/csv"),
    )),
    (status = "4XX", description = "the query or the request is wrong", body = ProblemDetails, content_type = "application/problem+json"),
    (status = "5XX", description = "the query failed", body = ProblemDetails, content_type = "application/problem+json"),
))]
pub async fn run(
    State(state): State<ServerState>,
    headers: HeaderMap,
    body: Result<Json<QueryBody>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(body) = body
        .map_err(|rejection| Problem::new(rejection.status(), "bad-body", rejection.body_text()))?;
    let format = Format::accepted(&headers)?;
    let request = request(&state, &body)?;
    let snapshot = state
        .snapshot()
        .await
        .map_err(|error| Problem::of_open(&error))?;
    let stream = state
        .engine()
        .query(snapshot, &request)
        .await
        .map_err(|error| Problem::of_query(&error, &body.query))?;
    let content_type = [(header::CONTENT_TYPE, format.content_type())];
    let chunks = Chunks::default();
    let writer = format.writer(chunks.clone(), &stream);
    let answer = Answer {
        stream,
        writer,
        chunks,
        is_over: false,
    };
    // The first rows are waited for: until then a failure has a status of its own.
    let (first, answer) = match answer.next().await {
        Some((Ok(first), answer)) => (first, answer),
        Some((Err(error), _)) => return Err(Problem::of_query(&error, &body.query)),
        None => return Ok((content_type, Body::empty()).into_response()),
    };
    let rest = futures::stream::unfold(answer, |answer| async move {
        let (chunk, answer) = answer.next().await?;
        Some((chunk.map_err(io::Error::other), answer))
    });
    let first = futures::stream::once(async move { Ok::<Bytes, io::Error>(first) });
    Ok((content_type, Body::from_stream(first.chain(rest))).into_response())
}

/// A value of `{{name}}` is what it reads as.
fn untyped(parameters: &BTreeMap<String, String>) -> Vec<(String, ParameterValue)> {
    let values = parameters.iter();
    values
        .map(|(name, text)| (name.clone(), text.as_str().into()))
        .collect()
}

fn request(state: &ServerState, body: &QueryBody) -> Result<QueryRequest, Problem> {
    let settings = state.settings();
    let now_ms = (settings.clock)();
    let bad = |detail: String| Problem::new(StatusCode::BAD_REQUEST, "bad-request", detail);
    let bound = |name: &str, text: &Option<String>, default: i64| match text {
        None => Ok(default),
        Some(text) => time::parse_time_bound(text, now_ms, settings.zone)
            .map_err(|error| bad(format!("{name}: {error}"))),
    };
    let language = match body.language.as_deref() {
        None | Some("auto") => Language::Auto,
        Some("sql") => Language::Sql,
        Some("insights") => Language::Insights,
        Some("search") => Language::Search,
        Some(other) => {
            return Err(bad(format!(
                "there is no language {other:?}; there are auto, sql, insights and search"
            )));
        }
    };
    let timeout = body
        .timeout_seconds
        .map_or(settings.timeout_max, Duration::from_secs)
        .min(settings.timeout_max);
    Ok(QueryRequest {
        text: body.query.clone(),
        language,
        store: body.store.clone().unwrap_or_else(|| settings.store.clone()),
        time: TimeRange {
            start_ms: bound("since", &body.since, i64::MIN)?,
            end_ms: bound("until", &body.until, i64::MAX)?,
        },
        scope: match body.accounts.is_empty() {
            true => AccountScope::All,
            false => AccountScope::Only(body.accounts.iter().cloned().collect()),
        },
        parameters: untyped(&body.parameters),
        limit: body.limit,
        is_followed: false,
        timeout: Some(timeout),
        now_ms,
        zone: settings.zone,
        access: Access::Indexed,
        cancel: Cancel::default(),
    })
}

/// An answer on its way.
struct Answer {
    stream: QueryStream,
    writer: Box<dyn ResultWriter>,
    chunks: Chunks,
    is_over: bool,
}

impl Answer {
    /// The next bytes, and the answer without them. None at the end.
    async fn next(mut self) -> Option<(Result<Bytes, tarn_query::QueryError>, Self)> {
        while !self.is_over {
            let written = match self.stream.next().await {
                Some(Ok(batch)) => self.writer.write(&batch),
                Some(Err(error)) => {
                    self.is_over = true;
                    return Some((Err(error), self));
                }
                None => {
                    self.is_over = true;
                    self.writer.finish()
                }
            };
            // Writing to memory does not fail.
            debug_assert!(written.is_ok());
            let bytes = self.chunks.take();
            if !bytes.is_empty() {
                return Some((Ok(bytes), self));
            }
        }
        None
    }
}

/// Where a writer writes and the answer is taken from.
#[derive(Clone, Default)]
struct Chunks(Arc<Mutex<Vec<u8>>>);

impl Chunks {
    fn take(&self) -> Bytes {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *held).into()
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_by_accept() {
        let format = |accept: &str| {
            let headers = [(header::ACCEPT, accept.parse().expect("a header's value"))];
            Format::accepted(&headers.into_iter().collect())
        };
        assert_eq!(
            format("text/html, application/json;q=0.9").ok(),
            Some(Format::Json)
        );
        assert_eq!(format("*/*").ok(), Some(Format::Ndjson));
        assert_eq!(format("text/csv").ok(), Some(Format::Csv));
        assert!(format("image/png").is_err());
        assert_eq!(
            Format::accepted(&HeaderMap::new()).ok(),
            Some(Format::Ndjson)
        );
    }
}
