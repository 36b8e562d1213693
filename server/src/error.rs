//! Errors as answers: status codes are decided here and nowhere else.
//!
//! **Source**: RFC 9457, problem details for HTTP APIs.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tarn_query::{ErrorKind, QueryError};
use tarn_store::OpenError;

use crate::wire::{Position, ProblemDetails};

/// An answer that says what is wrong.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    /// Boxed: it travels as the error of every route.
    details: Box<ProblemDetails>,
}

impl Problem {
    pub fn new(status: StatusCode, kind: &str, detail: impl Into<String>) -> Self {
        Self {
            status,
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
            ErrorKind::Cancelled | ErrorKind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut problem = Self::new(status, error.code.as_str(), error.message.clone());
        problem.details.hint.clone_from(&error.hint);
        problem.details.position = error.span.map(|span| Position::of(text, span.start));
        problem
    }

    /// A directory that cannot be read.
    pub fn of_open(error: &OpenError) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "data-directory",
            error.to_string(),
        )
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
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, content_type);
        response
    }
}
