//! Keeps web pages away from a server on the loopback interface.
//!
//! A page that a browser shows can send requests to `localhost`, and by DNS
//! rebinding even read the answers. So the Host must be a loopback name, an
//! Origin must be one where there is one, and a body must be JSON, which a page
//! of another origin cannot send without asking first.

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::Problem;

/// Lets a request through, or answers 403 or 415.
pub async fn check(request: Request, next: Next) -> Response {
    match refused(request.method(), request.headers()) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

fn refused(method: &Method, headers: &HeaderMap) -> Option<Problem> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let host = text(header::HOST).unwrap_or("");
    if !is_loopback_host(host) {
        return Some(Problem::new(
            StatusCode::FORBIDDEN,
            "wrong-host",
            format!("the Host header is {host:?}; this server answers to localhost only"),
        ));
    }
    if let Some(origin) = text(header::ORIGIN)
        && !origin
            .split_once("://")
            .is_some_and(|(_, host)| is_loopback_host(host))
    {
        return Some(Problem::new(
            StatusCode::FORBIDDEN,
            "wrong-origin",
            format!("requests of web pages from {origin:?} are refused"),
        ));
    }
    let is_json = text(header::CONTENT_TYPE).is_some_and(|content_type| {
        let essence = content_type.split(';').next().unwrap_or("").trim();
        essence.eq_ignore_ascii_case("application/json")
    });
    if method == Method::POST && !is_json {
        return Some(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "not-json",
            "the body must be JSON with Content-Type: application/json",
        ));
    }
    None
}

/// `localhost`, `127.0.0.1` or `[::1]`, with or without a port.
fn is_loopback_host(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    name.eq_ignore_ascii_case("localhost") || name == "127.0.0.1" || name == "[::1]"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: Method, headers: &[(header::HeaderName, &str)]) -> Option<StatusCode> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().expect("a header's value")))
            .collect();
        refused(&method, &headers).map(|problem| problem.status())
    }

    #[test]
    fn hosts_and_origins() {
        for host in [
            "localhost:7070",
            "LOCALHOST",
            "127.0.0.1:1",
            "[::1]:7070",
            "[::1]",
        ] {
            assert_eq!(status(Method::GET, &[(header::HOST, host)]), None, "{host}");
        }
        for host in [
            "evil.example:7070",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
        ] {
            let answer = status(Method::GET, &[(header::HOST, host)]);
            assert_eq!(answer, Some(StatusCode::FORBIDDEN), "{host}");
        }
        let host = (header::HOST, "localhost:7070");
        let from = |origin| status(Method::GET, &[host.clone(), (header::ORIGIN, origin)]);
        assert_eq!(from("http://localhost:3000"), None);
        assert_eq!(from("https://evil.example"), Some(StatusCode::FORBIDDEN));
        assert_eq!(from("null"), Some(StatusCode::FORBIDDEN));
    }

    #[test]
    fn bodies_are_json() {
        let host = (header::HOST, "localhost:7070");
        let of = |content_type| {
            status(
                Method::POST,
                &[host.clone(), (header::CONTENT_TYPE, content_type)],
            )
        };
        assert_eq!(of("application/json; charset=utf-8"), None);
        assert_eq!(of("text/plain"), Some(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        assert_eq!(
            status(Method::POST, std::slice::from_ref(&host)),
            Some(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        );
    }
}
