//! Keeps web pages away from a server on the loopback interface.
//!
//! A page that a browser shows can send requests to `localhost`, and by DNS
//! rebinding even read the answers. So the Host must be a loopback name, an
//! Origin must be one where there is one, and a body must be of a type that a page
//! of another origin cannot send without asking first.

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::description::described;
use crate::error::Problem;

/// Lets a request through, or answers 403 or 415.
pub async fn check(request: Request, next: Next) -> Response {
    match refused(request.method(), request.uri().path(), request.headers()) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

/// What routes take that take events and files.
const DATA: &[&str] = &[
    "application/json",
    "application/x-ndjson",
    "application/gzip",
    "application/octet-stream",
    "text/csv",
];
/// A page may send it unasked: it is taken because the Origin was looked at.
const FILES: &str = "multipart/form-data";
const JSON: &[&str] = &["application/json"];

fn refused(method: &Method, path: &str, headers: &HeaderMap) -> Option<Problem> {
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
    if method != Method::POST && method != Method::PUT && method != Method::PATCH {
        return None;
    }
    // Nothing is behind it: what it takes is answered there.
    let methods = described().templates.methods(path);
    if !methods.iter().any(|taken| taken == method.as_str()) {
        return None;
    }
    let is_bare = text(header::CONTENT_TYPE).is_none()
        && text(header::TRANSFER_ENCODING).is_none()
        && text(header::CONTENT_LENGTH).is_none_or(|length| length == "0");
    let (taken, takes_files) = match path {
        "/v1/events" => (DATA, false),
        "/v1/imports" => (DATA, true),
        // Some requests say everything by their path.
        _ if is_bare => return None,
        _ => (JSON, false),
    };
    let content_type = text(header::CONTENT_TYPE).unwrap_or("");
    let essence = content_type.split(';').next().unwrap_or("").trim();
    let files = takes_files.then_some(FILES);
    let names: Vec<&str> = taken.iter().copied().chain(files).collect();
    if !names.iter().any(|name| essence.eq_ignore_ascii_case(name)) {
        let problem = Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "wrong-content-type",
            format!("a body of Content-Type {content_type:?} is not taken here"),
        );
        return Some(problem.hint(format!("say Content-Type: {}", names.join(", or "))));
    }
    let encoding = text(header::CONTENT_ENCODING).unwrap_or("identity");
    // Gzip is known by its bytes.
    let is_readable = match taken.len() {
        1 => encoding == "identity",
        _ => ["identity", "gzip", "x-gzip"].contains(&encoding),
    };
    if !is_readable {
        let problem = Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "wrong-content-encoding",
            format!("a body of Content-Encoding {encoding:?} is not taken here"),
        );
        return Some(problem.hint("events and files may be gzip, all else is sent as it is"));
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
        status_at("/v1/query", method, headers)
    }

    fn status_at(
        path: &str,
        method: Method,
        headers: &[(header::HeaderName, &str)],
    ) -> Option<StatusCode> {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().expect("a header's value")))
            .collect();
        refused(&method, path, &headers).map(|problem| problem.status())
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
        assert_eq!(of(""), Some(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        let of_length = |length| {
            status(
                Method::POST,
                &[host.clone(), (header::CONTENT_LENGTH, length)],
            )
        };
        assert_eq!(of_length("0"), None, "there is no body");
        assert_eq!(of_length("7"), Some(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }

    #[test]
    fn events_and_files_have_types_of_their_own() {
        let host = (header::HOST, "localhost:7070");
        let of = |path: &str, content_type: &str| {
            let headers = [host.clone(), (header::CONTENT_TYPE, content_type)];
            status_at(path, Method::POST, &headers)
        };
        let refused = Some(StatusCode::UNSUPPORTED_MEDIA_TYPE);
        for content_type in DATA {
            assert_eq!(of("/v1/events", content_type), None);
            assert_eq!(of("/v1/imports", content_type), None);
        }
        assert_eq!(of("/v1/imports", "multipart/form-data; boundary=x"), None);
        assert_eq!(of("/v1/events", "multipart/form-data; boundary=x"), refused);
        assert_eq!(of("/v1/query", "application/gzip"), refused);
        for content_type in ["text/plain", "application/x-www-form-urlencoded", ""] {
            assert_eq!(of("/v1/events", content_type), refused, "{content_type}");
        }
        let encoded = |encoding: &str| {
            let headers = [
                host.clone(),
                (header::CONTENT_TYPE, "application/json"),
                (header::CONTENT_ENCODING, encoding),
            ];
            status_at("/v1/events", Method::POST, &headers)
        };
        assert_eq!((encoded("gzip"), encoded("br")), (None, refused));
    }
}
