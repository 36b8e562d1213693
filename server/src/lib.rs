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
pub mod client;
mod connections;
mod description;
mod error;
mod guard;
mod limits;
mod lines;
mod metrics;
mod multipart;
mod params;
mod routes;
mod scope;
mod spool;
mod state;
mod templates;
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
        .routes(routes!(routes::accounts::list, routes::accounts::put))
        .routes(routes!(routes::coverage::get))
        .routes(routes!(routes::push::push))
        .routes(routes!(routes::events::get))
        .routes(routes!(routes::fields::list))
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
        .routes(routes!(routes::saved::list))
        .routes(routes!(
            routes::saved::show,
            routes::saved::put,
            routes::saved::delete
        ))
        .routes(routes!(routes::saved::run))
        .routes(routes!(routes::sessions::show))
        .routes(routes!(routes::stores::list, routes::store_change::create))
        .routes(routes!(
            routes::stores::show,
            routes::store_change::update,
            routes::store_change::delete
        ))
        .routes(routes!(routes::store_change::restore))
        .routes(routes!(routes::imports::list, routes::upload::import))
        .routes(routes!(routes::imports::show))
        .routes(routes!(routes::imports::files))
        .routes(routes!(routes::imports::rejects))
        .routes(routes!(routes::imports::conflicts))
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
    use tarn_store::owner::Session;
    use tower::ServiceExt;

    use super::*;

    fn write_options() -> WriteOptions {
        WriteOptions {
            threads: 1,
            memory_bytes: 64 << 20,
            clock: || 1_780_272_000_000,
            on_step: None,
        }
    }

    /// A server over a directory that holds nothing.
    fn state(directory: &std::path::Path) -> ServerState {
        state_within(directory, Limits::default())
    }

    fn state_within(directory: &std::path::Path, limits: Limits) -> ServerState {
        let settings = Settings {
            engine: EngineOptions {
                memory_bytes: 64 << 20,
                threads: 1,
                spill_dir: directory.join("tmp"),
            },
            store: "default".to_owned(),
            zone: Tz::UTC,
            timeout_max: Duration::from_secs(10),
            limits,
            clock: || 1_780_272_000_000,
        };
        ServerState::open(directory, &write_options(), settings).expect("a server")
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

    /// What is described is routed, and nothing else is.
    #[tokio::test]
    async fn the_description_is_of_the_routes() {
        let dir = tempfile::tempdir().expect("a folder");
        let state = state(dir.path());
        let description: serde_json::Value =
            serde_json::from_str(&description::described().json).expect("JSON");
        for (template, item) in description["paths"].as_object().expect("paths") {
            let methods: Vec<String> = item
                .as_object()
                .expect("operations")
                .keys()
                .cloned()
                .collect();
            // Nothing takes it.
            let asked = Request::builder()
                .method("TRACE")
                .uri(template.replace(['{', '}'], ""))
                .header("host", "localhost")
                .body(Body::empty())
                .expect("a request");
            let response = router(state.clone())
                .oneshot(asked)
                .await
                .expect("answered");
            assert_eq!(
                response.status(),
                StatusCode::METHOD_NOT_ALLOWED,
                "{template}"
            );
            let allowed = response.headers()["allow"].to_str().expect("text");
            let mut allowed: Vec<String> = allowed.split(',').map(str::to_lowercase).collect();
            allowed.retain(|method| method != "head");
            allowed.sort();
            let mut methods = methods;
            methods.sort();
            assert_eq!(allowed, methods, "{template}");
        }
    }

    #[tokio::test]
    async fn a_split_that_a_query_found_damaged_is_built_anew() {
        let dir = tempfile::tempdir().expect("a folder");
        let event =
            r#"{"eventTime":"2026-05-01T00:00:00Z","eventID":"1","recipientAccountId":"1"}"#;
        let log = dir.path().join("log.json");
        std::fs::write(&log, event).expect("written");
        let data = dir.path().join("data");
        let session = Session::open(&data, &write_options()).expect("opened");
        let request = tarn_store::import::ImportRequest {
            paths: vec![log],
            ..Default::default()
        };
        let imported = session.import(&request, &mut |_| {}, &Cancel::default());
        assert_eq!(imported.expect("imported").records.stored, 1);
        session.close().expect("closed");
        let mut splits = std::fs::read_dir(data.join("splits")).expect("listed");
        let split = splits.next().expect("one").expect("read").path();
        std::fs::write(&split, b"nothing of a split").expect("written");

        let state = state(&data);
        let count = || query(r#"{"query": "stats count(*) as n by eventID"}"#);
        let (status, body) = ask(&state, count()).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{body}");
        let upkeep = Upkeep::start(&state).expect("threads");
        let begun = std::time::Instant::now();
        let mended = loop {
            let (status, body) = ask(&state, count()).await;
            if status == StatusCode::OK || begun.elapsed() > Duration::from_secs(60) {
                break body;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        upkeep.stop();
        assert_eq!(mended, "{\"eventID\":\"1\",\"n\":1}\n");
    }

    #[tokio::test]
    async fn who_comes_too_late_may_come_again() {
        let dir = tempfile::tempdir().expect("a folder");
        let limits = Limits {
            pushes: 1,
            pushes_waiting: 0,
            ..Limits::default()
        };
        let state = state_within(dir.path(), limits);
        let push = |body: Body| {
            Request::post("/v1/events")
                .header("host", "localhost")
                .header("content-type", "application/json")
                .body(body)
                .expect("a request")
        };
        let never = futures::stream::pending::<Result<axum::body::Bytes, io::Error>>();
        let slow = router(state.clone()).oneshot(push(Body::from_stream(never)));
        tokio::pin!(slow);
        assert!(futures::poll!(&mut slow).is_pending());
        let refused = router(state.clone()).oneshot(push(Body::from("{}")));
        let refused = refused.await.expect("answered");
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refused.headers()["retry-after"], "1");
    }

    #[tokio::test]
    async fn connections_wait_for_a_place() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};

        let dir = tempfile::tempdir().expect("a folder");
        let limits = Limits {
            connections: 1,
            grace: Duration::from_millis(100),
            ..Limits::default()
        };
        let state = state_within(dir.path(), limits);
        let (told, address) = tokio::sync::oneshot::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let on_listening = |address| told.send(address).expect("it waits for it");
        let loopback = "127.0.0.1:0".parse().expect("an address");
        let stopped = async move { stopped.await.unwrap_or(()) };
        let serving = tokio::spawn(serve(loopback, state, on_listening, stopped));
        let address = address.await.expect("it listens");
        let connect = || tokio::net::TcpStream::connect(address);
        let first = connect().await.expect("accepted");
        let mut second = connect().await.expect("queued");
        let asked = second.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
        asked.await.expect("sent");
        let mut answer = [0; 12];
        let read = second.read_exact(&mut answer);
        let waited = tokio::time::timeout(Duration::from_millis(300), read).await;
        assert!(waited.is_err(), "there is one place");
        drop(first);
        second.read_exact(&mut answer).await.expect("its turn");
        assert_eq!(&answer, b"HTTP/1.1 200");
        stop.send(()).expect("it serves");
        serving.await.expect("it ends").expect("well");
        assert!(Session::open(dir.path(), &write_options()).is_ok_and(|s| !s.is_guest()));
    }

    #[tokio::test]
    async fn other_machines_are_not_served() {
        let dir = tempfile::tempdir().expect("a folder");
        let everywhere = "0.0.0.0:0".parse().expect("an address");
        let served = serve(everywhere, state(dir.path()), |_| {}, async {}).await;
        assert!(matches!(served, Err(ServeError::NotLoopback { .. })));
    }
}
