//! The rows of a query as the body of an answer, while the query runs.

use std::io;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use tarn_query::job::{Attended, Kind, Told};
use tarn_query::results::ResultWriter;
use tarn_query::{Code, Priority, QueryError, QueryRequest, QueryStream};

use crate::accept::Format;
use crate::chunks::Chunks;
use crate::error::Problem;
use crate::state::ServerState;
use crate::wire::QueryWarning;

/// What leads to the statistics of the query, which are known in the end only.
pub const QUERY_ID: &str = "tarn-query-id";
/// The language that the text was read as.
pub const LANGUAGE: &str = "tarn-language";
/// What the query probably does not mean, as JSON in ASCII.
pub const WARNINGS: &str = "tarn-warnings";
/// Clients refuse headers that are much longer.
const WARNINGS_BYTES_MAX: usize = 4 << 10;

/// Where others wait: so many seconds later it is worth to try again.
const RETRY_SECONDS: u64 = 1;

/// Waits for the turn of a query whose answer is waited for.
pub async fn turn(state: &ServerState, request: &QueryRequest) -> Result<Attended, Problem> {
    let at_most = request.timeout.unwrap_or(state.settings().timeout_max);
    let waiting = state.jobs().attend(request).map_err(|_| {
        state.metrics().queries.refused(Kind::Attended);
        Problem::too_many("queries", RETRY_SECONDS)
    })?;
    let turn = waiting.turn(at_most).await;
    turn.map_err(|error| Problem::of_query(&error, &request.text))
}

/// Takes a turn, compiles the query, and answers its rows as they come. A query that fails
/// after its first rows cuts the answer off, so that nobody takes it for whole. An answer
/// that nobody reads any more cancels the query.
pub async fn rows(
    state: &ServerState,
    request: QueryRequest,
    format: Format,
) -> Result<Response, Problem> {
    let text = request.text.clone();
    let of_query = |error: &QueryError| Problem::of_query(error, &text);
    let attended = turn(state, &request).await?;
    let snapshot = match state.snapshot().await {
        Ok(snapshot) => snapshot,
        Err(error) => {
            let failed = QueryError::new(Code::Scan, error.to_string());
            attended.end(Err(&failed));
            return Err(Problem::of_open(&error));
        }
    };
    let asked = state
        .engine()
        .query_among_others(snapshot, &request, Priority::Attended);
    let stream = match asked.await {
        Ok(stream) => stream,
        Err(error) => {
            attended.end(Err(&error));
            return Err(of_query(&error));
        }
    };
    attended.started(&stream);
    let mut headers = vec![
        (header::CONTENT_TYPE.as_str(), value(format.content_type())),
        (QUERY_ID, value(&attended.id())),
        (LANGUAGE, value(stream.language.as_str())),
    ];
    if let Some(warnings) = warnings(&stream, &text) {
        headers.push((WARNINGS, warnings));
    }
    let chunks = Chunks::default();
    let answer = Answer {
        writer: format.writer(chunks.clone(), &stream.schema),
        stream,
        chunks,
        attended: Some(attended),
    };
    // The first rows are waited for: until then a failure has a status of its own.
    let body = match answer.next().await {
        Some((Err(error), _)) => return Err(of_query(&error)),
        Some((Ok(first), answer)) => {
            let rest = futures::stream::unfold(answer, |answer| async move {
                let (chunk, answer) = answer.next().await?;
                Some((chunk.map_err(io::Error::other), answer))
            });
            let first = futures::stream::once(async move { Ok::<Bytes, io::Error>(first) });
            Body::from_stream(first.chain(rest))
        }
        None => Body::empty(),
    };
    let mut response = body.into_response();
    for (name, value) in headers {
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// Texts of ours are values of headers.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

/// The warnings as a header; the last ones are left out where there are too many, and
/// stand with the statistics.
fn warnings(stream: &QueryStream, text: &str) -> Option<HeaderValue> {
    let told: Vec<Told> = stream.warnings.iter().map(Told::of).collect();
    let mut warnings = QueryWarning::all(&told, text);
    while !warnings.is_empty() {
        let json = ascii(&serde_json::to_string(&warnings).ok()?);
        if json.len() <= WARNINGS_BYTES_MAX {
            return HeaderValue::from_str(&json).ok();
        }
        warnings.pop();
    }
    None
}

/// The same JSON in printable ASCII.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            ' '..='~' => out.push(c),
            // Outside of texts JSON has no others.
            c => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
        }
    }
    out
}

/// An answer on its way. Dropped before its end, the query is cancelled.
struct Answer {
    stream: QueryStream,
    writer: Box<dyn ResultWriter>,
    chunks: Chunks,
    /// None when the query has ended.
    attended: Option<Attended>,
}

impl Answer {
    /// The next bytes, and the answer without them. None at the end.
    async fn next(mut self) -> Option<(Result<Bytes, QueryError>, Self)> {
        while let Some(attended) = &mut self.attended {
            let batch = self.stream.next().await;
            attended.count(&self.stream.statistics());
            let written = match batch {
                Some(Ok(batch)) => self.writer.write(&batch),
                Some(Err(error)) => {
                    self.end(Err(&error));
                    return Some((Err(error), self));
                }
                None => {
                    self.end(Ok(()));
                    self.writer.finish()
                }
            };
            if let Err(error) = written {
                let error = QueryError::new(Code::Execution, error.to_string());
                self.end(Err(&error));
                return Some((Err(error), self));
            }
            let bytes = self.chunks.take();
            if !bytes.is_empty() {
                return Some((Ok(bytes), self));
            }
        }
        None
    }

    fn end(&mut self, ended: Result<(), &QueryError>) {
        if let Some(attended) = self.attended.take() {
            attended.end(ended);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_are_ascii() {
        let json = ascii(r#"[{"message":"é — 𝄞"}]"#);
        assert_eq!(json, r#"[{"message":"\u00e9 \u2014 \ud834\udd1e"}]"#);
        let back: Vec<QueryWarning> = serde_json::from_str(&json).expect("JSON");
        assert_eq!(back[0].message, "é — 𝄞");
    }
}
