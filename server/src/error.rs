//! Errors as answers: status codes are decided here and nowhere else.
//!
//! **Source**: RFC 9457, problem details for HTTP APIs.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tarn_query::job::{JobError, RowsError};
use tarn_query::{ErrorKind, QueryError};
use tarn_store::OpenError;
use tarn_store::owner::{Refusal, SessionError};

use crate::wire::{Position, ProblemDetails};

/// After so many seconds the directory may be written again.
const RETRY_SECONDS: u64 = 1;
/// After so many seconds there may be a place for one more query.
const RETRY_JOB_SECONDS: u64 = 5;
const SEND_AS_IMPORT: &str = "POST /v1/imports takes files of any size";

/// An answer that says what is wrong.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    /// After how many seconds the same request may be tried again.
    retry_seconds: Option<u64>,
    /// Boxed: it travels as the error of every route.
    details: Box<ProblemDetails>,
}

impl Problem {
    pub fn new(status: StatusCode, kind: &str, detail: impl Into<String>) -> Self {
        Self {
            status,
            retry_seconds: None,
            details: Box::new(ProblemDetails {
                kind: format!("urn:tarn:problem:{kind}"),
                title: status.canonical_reason().unwrap_or("Error").to_owned(),
                status: status.as_u16(),
                detail: detail.into(),
                hint: None,
                position: None,
            }),
        }
    }

    /// A query that failed, with its place in `text`.
    pub fn of_query(error: &QueryError, text: &str) -> Self {
        let status = match error.kind() {
            ErrorKind::Usage => StatusCode::BAD_REQUEST,
            ErrorKind::TimedOut => StatusCode::REQUEST_TIMEOUT,
            ErrorKind::MemoryExceeded => StatusCode::INSUFFICIENT_STORAGE,
            // By somebody else, or by the end of the server.
            ErrorKind::Cancelled => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut problem = Self::new(status, error.code.as_str(), error.message.clone());
        problem.details.hint.clone_from(&error.hint);
        problem.details.position = error.span.map(|span| Position::of(text, span));
        problem
    }

    /// A query that is kept, and what is not to be had of it.
    pub fn of_job(error: &JobError) -> Self {
        let (status, kind) = match error {
            JobError::NotFound { .. } => (StatusCode::NOT_FOUND, "no-such-query"),
            JobError::Over { .. } => (StatusCode::CONFLICT, "query-over"),
            JobError::Running { .. } => (StatusCode::CONFLICT, "query-running"),
            JobError::NoRows { .. } => (StatusCode::CONFLICT, "no-rows"),
            JobError::Full(_) => (StatusCode::TOO_MANY_REQUESTS, "too-many-requests"),
            JobError::Rows(RowsError::BadToken) => (StatusCode::BAD_REQUEST, "bad-request"),
            JobError::KeepsNone { .. } => (StatusCode::SERVICE_UNAVAILABLE, "keeps-no-results"),
            JobError::Keep { .. } => (StatusCode::INSUFFICIENT_STORAGE, "not-kept"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "results"),
        };
        let problem = Self::new(status, kind, error.to_string());
        match error {
            JobError::Full(_) => problem.retry_after(RETRY_JOB_SECONDS),
            _ => problem,
        }
    }

    /// A directory that cannot be read.
    pub fn of_open(error: &OpenError) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "data-directory",
            error.to_string(),
        )
    }

    /// Work that writes and was not done.
    pub fn of_session(error: &SessionError) -> Self {
        let (status, kind) = match error.refusal() {
            Some(Refusal::NotFound) => (StatusCode::NOT_FOUND, "no-such-store"),
            Some(Refusal::Conflict) => (StatusCode::CONFLICT, "conflict"),
            Some(Refusal::Invalid) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid"),
            Some(Refusal::TooLarge) => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
            None => (StatusCode::SERVICE_UNAVAILABLE, "not-written"),
        };
        let problem = Self::new(status, kind, error.to_string());
        match status {
            StatusCode::SERVICE_UNAVAILABLE => problem.retry_after(RETRY_SECONDS),
            StatusCode::PAYLOAD_TOO_LARGE => problem.hint(SEND_AS_IMPORT),
            _ => problem,
        }
    }

    /// A store that is not there, with those that are.
    pub fn no_such_store<'n>(reference: &str, names: impl Iterator<Item = &'n str>) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "no-such-store",
            tarn_store::data_store::no_such_store(reference, names),
        )
    }

    /// A parameter or a member of the body that cannot be.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", detail)
    }

    /// A body that is longer than what is taken.
    pub fn too_large(bytes_max: u64) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            format!("the body is longer than {bytes_max} bytes, which is all that is taken here"),
        )
    }

    /// A body that does not come.
    pub fn too_slow(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "too-slow", detail)
    }

    /// More at once than is taken.
    pub fn too_many(what: &str, retry_seconds: u64) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many-requests",
            format!("too many {what} at once"),
        )
        .hint("send the request again after the seconds that Retry-After says")
        .retry_after(retry_seconds)
    }

    /// A body that could not be read to its end.
    pub fn cut_off() -> Self {
        Self::bad_request("the body ended before its end")
    }

    /// A defect of the server.
    pub fn panicked() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "defect",
            "the server came upon a defect of its own; its log says where",
        )
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.details.hint = Some(hint.into());
        self
    }

    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_seconds = Some(seconds);
        self
    }

    pub fn position(mut self, line: usize, column: usize) -> Self {
        self.details.position = Some(Position {
            line,
            column,
            length: 0,
        });
        self
    }

    /// Whether the request was as it should be, and the server failed.
    pub fn is_of_server(&self) -> bool {
        self.status.is_server_error()
    }

    /// What is answered, where it is a line of a longer answer.
    pub fn details(&self) -> &ProblemDetails {
        &self.details
    }

    #[cfg(test)]
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let content_type = HeaderValue::from_static("application/problem+json");
        let mut response = (self.status, Json(self.details)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, content_type);
        if let Some(seconds) = self.retry_seconds {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
