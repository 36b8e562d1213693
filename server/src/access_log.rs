//! A line for each request: who asked for what is told by method and route template,
//! never by what the request holds.

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use http_body::{Frame, SizeHint};

use crate::description::described;
use crate::state::ServerState;

/// The target of the lines, for who collects them.
pub const TARGET: &str = "tarn_server::access";

/// Tells a request from all others, in its answer and in the log.
const REQUEST_ID: HeaderName = HeaderName::from_static("tarn-request-id");

/// Numbers requests, measures them, and writes their lines when their answers end.
pub async fn log(State(state): State<ServerState>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = state.next_request_id();
    let route = described()
        .templates
        .of(request.uri().path())
        .unwrap_or(NO_ROUTE);
    let method = request.method().clone();
    let response = next.run(request).await;
    let line = Line {
        state,
        id: id.clone(),
        method,
        route,
        status: response.status().as_u16(),
        begun,
        bytes: 0,
        is_whole: false,
    };
    let mut response = response.map(|body| Body::new(Logged { body, line }));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Numbers for requests: the process's own, which nobody guesses, and a count.
pub struct RequestIds {
    process: u32,
    next: AtomicU64,
}

impl Default for RequestIds {
    fn default() -> Self {
        use std::hash::{BuildHasher, RandomState};
        Self {
            process: RandomState::new().hash_one(std::process::id()) as u32,
            next: AtomicU64::new(1),
        }
    }
}

impl RequestIds {
    pub fn next(&self) -> String {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{:08x}-{n:06x}", self.process)
    }
}

/// What a path is called that no route has.
const NO_ROUTE: &str = "none";

/// An answer on its way.
struct Logged {
    body: Body,
    line: Line,
}

impl HttpBody for Logged {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let n = frame.data_ref().map_or(0, Bytes::len);
                self.line.bytes += n as u64;
            }
            Poll::Ready(None) => self.line.is_whole = true,
            _ => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        self.line.is_whole |= self.body.is_end_stream();
    }
}

/// What is told of a request; written when it is dropped.
struct Line {
    state: ServerState,
    id: String,
    method: Method,
    route: &'static str,
    status: u16,
    begun: Instant,
    bytes: u64,
    is_whole: bool,
}

impl Drop for Line {
    fn drop(&mut self) {
        let took = self.begun.elapsed();
        let method = told(&self.method);
        let metrics = &self.state.metrics().process;
        metrics.answered(method, self.route, self.status, took);
        tracing::info!(
            target: TARGET,
            method,
            route = self.route,
            status = self.status,
            ms = milliseconds(took),
            bytes = self.bytes,
            whole = self.is_whole,
            request = self.id,
        );
    }
}

/// Methods of clients' own invention would be as many metrics.
fn told(method: &Method) -> &str {
    match *method {
        Method::GET
        | Method::HEAD
        | Method::POST
        | Method::PUT
        | Method::PATCH
        | Method::DELETE
        | Method::OPTIONS => method.as_str(),
        _ => "other",
    }
}

fn milliseconds(took: Duration) -> f64 {
    (took.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_comes_twice() {
        let ids = RequestIds::default();
        assert_ne!(ids.next(), ids.next());
    }
}
