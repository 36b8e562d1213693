//! Connections: accepted up to a number, ended when their time is over.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Duration, sleep, timeout};

use crate::limits::Limits;
use crate::state::ServerState;

/// After an error of accepting, which is mostly that there are no file handles left.
const PAUSE: Duration = Duration::from_millis(100);

/// What is told to who has begun a request and does not end its head.
const TOO_SLOW: &[u8] = concat!(
    "HTTP/1.1 408 Request Timeout\r\n",
    "content-type: application/problem+json\r\n",
    "content-length: 131\r\n",
    "connection: close\r\n\r\n",
    r#"{"type":"urn:tarn:problem:too-slow","title":"Request Timeout","status":408,"#,
    r#""detail":"the head of the request did not come in time"}"#,
)
.as_bytes();

/// Serves until `stop` is ready. Then no connection is accepted; requests that run have
/// the grace of the limits to end, and are cancelled after it.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    state: &ServerState,
    stop: impl Future<Output = ()>,
) {
    let limits = &state.settings().limits;
    let places = Arc::new(Semaphore::new(limits.connections));
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        let accepted = async {
            // Those who find no place wait in the system's queue.
            let place = Arc::clone(&places).acquire_owned().await.ok();
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = accepted => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(PAUSE).await;
                continue;
            }
        };
        // Rows go out as they come: waiting for a full packet costs a client 40 ms.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection waits for full packets");
        }
        let connected = state.metrics().process.connected();
        let (router, limits, stopped) = (router.clone(), limits.clone(), stopped.clone());
        connections.spawn(async move {
            if let Err(error) = connection(stream, router, &limits, stopped).await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop((connected, place));
        });
    }
    drop(listener);
    // Nobody has hung up where nobody is told.
    let _ = stopping.send(true);
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(limits.grace, ended).await.is_err() {
        tracing::warn!(
            requests = connections.len(),
            "cancelled what was not done in time"
        );
    }
    connections.shutdown().await;
}

async fn connection(
    stream: TcpStream,
    router: Router,
    limits: &Limits,
    mut stopped: watch::Receiver<bool>,
) -> Result<(), hyper::Error> {
    let service = TowerToHyperService::new(router);
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .serve_connection(TokioIo::new(stream), service);
    let served = tokio::select! {
        served = &mut connection => Some(served),
        _ = stopped.wait_for(|stopped| *stopped) => None,
    };
    let served = match served {
        Some(served) => served,
        None => {
            Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    let Err(error) = served else {
        return Ok(());
    };
    if error.is_timeout() {
        let parts = connection.into_parts();
        // One that has asked nothing is only idle.
        if !parts.read_buf.is_empty() {
            let told: io::Result<()> = parts.io.into_inner().write_all(TOO_SLOW).await;
            // Who does not write may not read.
            let _ = told;
        }
    }
    Err(error)
}
