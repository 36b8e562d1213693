//! HTTP over the store and query crates: events in, questions of programs answered,
//! for one directory.
//!
//! It listens on the loopback interface only: there are no keys yet, so
//! whoever reaches the port may read everything. [`access`] keeps web pages of
//! a browser on the same machine from being that reader.

mod accept;
mod access;
mod access_log;
mod answer;
mod body;
mod chunks;
mod connections;
mod description;
mod error;
mod guard;
mod limits;
mod metrics;
mod multipart;
mod params;
mod routes;
mod spool;
mod state;
mod upkeep;
pub mod wire;

use std::future::Future;
use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use tarn_store::Cancel;
use tarn_store::owner::SessionError;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub use access_log::TARGET as ACCESS_LOG_TARGET;
pub use limits::Limits;
pub use state::{ServerState, Settings, StartError};
use upkeep::Upkeep;

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
    #[error("starting a thread: {0}")]
    Thread(io::Error),
    #[error("closing the data directory: {0}")]
    Close(SessionError),
}

/// Every route, in the order of their resources.
fn routes() -> OpenApiRouter<ServerState> {
    OpenApiRouter::with_openapi(description::base())
        .routes(routes!(routes::push::push))
        .routes(routes!(routes::health::alive))
        .routes(routes!(routes::health::ready))
        .routes(routes!(routes::metrics::metrics))
        .routes(routes!(routes::openapi::describe))
        .routes(routes!(routes::query::run))
        .routes(routes!(routes::query::explain))
        .routes(routes!(routes::queries::list, routes::queries::start))
        .routes(routes!(routes::queries::show, routes::queries::delete))
        .routes(routes!(routes::queries::cancel))
        .routes(routes!(routes::queries::results))
        .routes(routes!(routes::stores::list, routes::store_change::create))
        .routes(routes!(
            routes::store_change::update,
            routes::store_change::delete
        ))
        .routes(routes!(routes::store_change::restore))
        .routes(routes!(routes::upload::import))
}

/// Every route, with what stands before them.
pub fn router(state: ServerState) -> Router {
    let (router, _) = routes().split_for_parts();
    router
        .fallback(routes::health::nowhere)
        // Of what is held in memory; events and files have limits of their own.
        .layer(DefaultBodyLimit::max(state.settings().limits.json_bytes))
        .layer(middleware::from_fn(access::check))
        .layer(middleware::from_fn(guard::stand))
        .layer(middleware::from_fn_with_state(
            state.clone(),
            access_log::log,
        ))
        .with_state(state)
}

/// Serves until `stop` is ready. Requests that run then have the grace of the limits to
/// end; pushed events become splits, and the directory is free.
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
    let upkeep = Upkeep::start(&state).map_err(ServeError::Thread)?;
    on_listening(listener.local_addr().map_err(listen)?);
    connections::serve(listener, router(state.clone()), &state, stop).await;
    state.jobs().close(state.settings().limits.grace).await;
    // Nobody is asked any more: what other processes have handed over is cut short.
    let hurry = Cancel::default();
    hurry.cancel();
    let closed = state::blocking(move || {
        upkeep.stop();
        state.session().close_by(&hurry)
    });
    closed.await.map_err(ServeError::Close)
}

#[cfg(test)]
mod query_tests;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::body::{Body, to_bytes};
    use axum::http::{Request, StatusCode};
    use tarn_query::{EngineOptions, Tz};
    use tarn_store::WriteOptions;
    use tower::ServiceExt;

    use super::*;

    /// A server over a directory that holds nothing.
    fn state(directory: &std::path::Path) -> ServerState {
        let options = WriteOptions {
            threads: 1,
            memory_bytes: 64 << 20,
            clock: || 1_780_272_000_000,
            on_step: None,
        };
        let settings = Settings {
            engine: EngineOptions {
                memory_bytes: 64 << 20,
                threads: 1,
                spill_dir: directory.join("tmp"),
            },
            store: "default".to_owned(),
            zone: Tz::UTC,
            timeout_max: Duration::from_secs(10),
            limits: Limits::default(),
            clock: || 1_780_272_000_000,
        };
        ServerState::open(directory, &options, settings).expect("a server")
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
