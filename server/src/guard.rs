//! Stands before every route: whatever goes wrong behind it is answered as a problem.

use std::panic::AssertUnwindSafe;

use axum::body::to_bytes;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;

use crate::description::described;
use crate::error::Problem;

/// What the framework says of an error is short.
const TEXT_BYTES_MAX: usize = 4 << 10;

/// Makes a problem of a panic, and of an error that is none yet.
pub async fn stand(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let response = answered.unwrap_or_else(|_| Problem::panicked().into_response());
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let is_problem = content_type.is_some_and(|t| t == "application/problem+json");
    if !is_error || is_problem {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let text = to_bytes(body, TEXT_BYTES_MAX).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let (kind, detail) = match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            // The header is added behind us.
            let taken = described().templates.methods(&path).join(", ");
            ("wrong-method", format!("{path} takes {taken}"))
        }
        _ => ("refused", text.into_owned()),
    };
    let (problem, body) = Problem::new(status, kind, detail)
        .into_response()
        .into_parts();
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.extend(problem.headers);
    Response::from_parts(head, body)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::middleware;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    async fn answer(path: &str) -> (StatusCode, String, String) {
        let router: Router = Router::new()
            .route("/panics", get(panics))
            .route("/text", get(|| async { (StatusCode::BAD_REQUEST, "said") }))
            .route("/well", get(|| async { "well" }))
            .layer(middleware::from_fn(stand));
        let request = Request::get(path).body(Body::empty()).expect("a request");
        let response = router.oneshot(request).await.expect("answered");
        let status = response.status();
        let content_type = response.headers()[header::CONTENT_TYPE].to_str();
        let content_type = content_type.expect("text").to_owned();
        let body = to_bytes(response.into_body(), 4096).await.expect("a body");
        (
            status,
            content_type,
            String::from_utf8_lossy(&body).into_owned(),
        )
    }

    async fn panics() -> &'static str {
        panic!("a secret")
    }

    #[tokio::test]
    async fn panics_and_texts_are_problems() {
        let (status, content_type, body) = answer("/panics").await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(content_type, "application/problem+json");
        assert!(!body.contains("a secret"), "{body}");
        let (status, content_type, body) = answer("/text").await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(content_type, "application/problem+json");
        assert!(body.contains("said"), "{body}");
        let (status, _, body) = answer("/well").await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, "well"));
    }
}
