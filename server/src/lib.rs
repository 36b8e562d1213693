//! HTTP over the query crate: questions of programs to the events of one
//! directory.
//!
//! It listens on the loopback interface only: there are no keys yet, so
//! whoever reaches the port may read everything. [`access`] keeps web pages of
//! a browser on the same machine from being that reader.

mod access;
mod error;
mod metrics;
mod routes;
mod state;
mod wire;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use state::{ServerState, Settings};

/// A query's text is short; anything longer is a mistake or an attack.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    #[error(
        "{address} is reachable from other machines, and there are no access keys yet; \
         listen on 127.0.0.1 or [::1]"
    )]
    NotLoopback { address: SocketAddr },
    #[error("listening on {address}: {source}")]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("serving: {0}")]
    Serve(io::Error),
}

/// Every route. What describes them is made of the same list.
pub fn router(state: ServerState) -> Router {
    let (router, description) = OpenApiRouter::new()
        .routes(routes!(routes::health::alive))
        .routes(routes!(routes::health::ready))
        .routes(routes!(routes::stores::list))
        .routes(routes!(routes::query::run))
        .split_for_parts();
    let description = Arc::new(description);
    router
        .route(
            "/openapi.json",
            get(move || async move { Json(description.as_ref().clone()) }),
        )
        .fallback(routes::health::nowhere)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(access::check))
        .with_state(state)
}

/// Serves until `stop` is ready, then finishes the requests that run.
///
/// `on_listening` is told the address, which has a port of the system's choice
/// where 0 was asked for.
pub async fn serve(
    address: SocketAddr,
    state: ServerState,
    on_listening: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    if !address.ip().is_loopback() {
        return Err(ServeError::NotLoopback { address });
    }
    let listen = |source| ServeError::Listen { address, source };
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(listen)?;
    on_listening(listener.local_addr().map_err(listen)?);
    // Rows go out as they come: waiting for a full packet costs a client 40 ms.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection waits for full packets");
        }
    });
    axum::serve(listener, router(state))
        .with_graceful_shutdown(stop)
        .await
        .map_err(ServeError::Serve)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::{Body, to_bytes};
    use axum::http::{Request, StatusCode};
    use tarn_query::{EngineOptions, Tz};
    use tarn_store::{Reader, WriteOptions, Writer};
    use tower::ServiceExt;

    use super::*;

    /// A server over a directory that holds nothing.
    fn state(directory: &std::path::Path) -> ServerState {
        let options = WriteOptions {
            threads: 1,
            memory_bytes: 64 << 20,
            clock: || 0,
            on_step: None,
        };
        drop(Writer::open(directory, options).expect("a new directory"));
        let settings = Settings {
            engine: EngineOptions {
                memory_bytes: 64 << 20,
                threads: 1,
                spill_dir: directory.join("tmp"),
            },
            store: "default".to_owned(),
            zone: Tz::UTC,
            timeout_max: Duration::from_secs(10),
            clock: || 0,
        };
        let reader = Reader::open(directory).expect("a data directory");
        ServerState::new(reader, settings).expect("an engine")
    }

    async fn ask(state: &ServerState, request: Request<Body>) -> (StatusCode, String) {
        let response = router(state.clone())
            .oneshot(request)
            .await
            .expect("an answer");
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20)
            .await
            .expect("a body");
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    fn query(body: &str) -> Request<Body> {
        Request::post("/v1/query")
            .header("host", "localhost:7070")
            .header("content-type", "application/json")
            .body(Body::from(body.to_owned()))
            .expect("a request")
    }

    #[tokio::test]
    async fn answers_and_problems() {
        let dir = tempfile::tempdir().expect("a folder");
        let state = state(dir.path());

        let (status, body) = ask(&state, query(r#"{"query": "SELECT 1 + 1 AS two"}"#)).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, "{\"two\":2}\n"));

        let (status, body) = ask(&state, query(r#"{"query": "SELECT nonsense("}"#)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
        assert!(body.contains("\"position\""), "{body}");

        let (status, _) = ask(&state, query(r#"{"kuery": "SELECT 1"}"#)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);

        let elsewhere = Request::get("/v1/nothing")
            .header("host", "localhost")
            .body(Body::empty())
            .expect("a request");
        let (status, body) = ask(&state, elsewhere).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(body.contains("/v1/nothing"));

        let ready = Request::get("/readyz")
            .header("host", "127.0.0.1:7070")
            .body(Body::empty())
            .expect("a request");
        assert_eq!(ask(&state, ready).await.0, StatusCode::OK);
    }

    #[tokio::test]
    async fn other_machines_are_not_served() {
        let dir = tempfile::tempdir().expect("a folder");
        let everywhere = "0.0.0.0:0".parse().expect("an address");
        let served = serve(everywhere, state(dir.path()), |_| {}, async {}).await;
        assert!(matches!(served, Err(ServeError::NotLoopback { .. })));
    }
}
