//! Bodies of requests: read within a length and a time, and told what is wrong with
//! them by their place.

use std::io::{self, Read};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use futures::StreamExt;
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::Problem;
use crate::limits::Limits;
use crate::state::ServerState;

/// Of a body that is refused so much is read nevertheless, because many clients read
/// an answer only after they have sent everything.
const DRAINED_BYTES_MAX: u64 = 64 << 20;
const DRAIN_TIME: Duration = Duration::from_secs(5);

/// A body that is JSON of a known shape.
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<ServerState> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ServerState) -> Result<Self, Problem> {
        let limits = &state.settings().limits;
        let bytes = whole(request.into_body(), limits.json_bytes, limits).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let (status, kind) = match error.classify() {
                serde_json::error::Category::Data => (StatusCode::UNPROCESSABLE_ENTITY, "bad-body"),
                _ => (StatusCode::BAD_REQUEST, "not-json"),
            };
            Problem::new(status, kind, format!("the body: {error}"))
                .position(error.line(), error.column())
        })
    }
}

/// Reads a body into memory.
pub async fn whole(body: Body, bytes_max: usize, limits: &Limits) -> Result<Bytes, Problem> {
    let deadline = Instant::now() + limits.body_time;
    let declared = axum::body::HttpBody::size_hint(&body).lower();
    let mut stream = body.into_data_stream();
    let mut held = Vec::new();
    let mut is_too_large = declared > bytes_max as u64;
    while !is_too_large {
        let until = deadline.min(Instant::now() + limits.idle_time);
        match timeout_at(until, stream.next()).await {
            Err(_) => return Err(slow(limits)),
            Ok(None) => return Ok(held.into()),
            Ok(Some(Err(_))) => return Err(Problem::cut_off()),
            Ok(Some(Ok(chunk))) => {
                is_too_large = held.len() + chunk.len() > bytes_max;
                if !is_too_large {
                    held.extend_from_slice(&chunk);
                }
            }
        }
    }
    drain(&mut stream).await;
    Err(Problem::too_large(bytes_max as u64))
}

fn slow(limits: &Limits) -> Problem {
    Problem::too_slow(format!(
        "the body did not come: nothing for {} s, or not all of it within {} s",
        limits.idle_time.as_secs(),
        limits.body_time.as_secs()
    ))
}

async fn drain(stream: &mut axum::body::BodyDataStream) {
    let mut n_bytes = 0;
    let reading = async {
        while let Some(Ok(chunk)) = stream.next().await {
            n_bytes += chunk.len() as u64;
            if n_bytes > DRAINED_BYTES_MAX {
                break;
            }
        }
    };
    // Who is too slow sees the connection end instead of the answer.
    let _ = timeout(DRAIN_TIME, reading).await;
}

/// A body as a thread reads it that may wait.
pub struct BodyReader {
    chunks: mpsc::Receiver<Result<Bytes, Problem>>,
    chunk: Bytes,
    is_over: bool,
}

/// Chunks on their way to a [`BodyReader`].
const CHUNKS_WAITING: usize = 8;

impl BodyReader {
    /// Gives the reader, and what has to be awaited meanwhile. A body that is cut off,
    /// too slow or too long is an error of the reader, and the problem is the future's.
    pub fn of(
        body: Body,
        bytes_max: u64,
        idle_time: Duration,
    ) -> (Self, impl Future<Output = Result<(), Problem>> + Send) {
        let (give, chunks) = mpsc::channel(CHUNKS_WAITING);
        let reader = Self {
            chunks,
            chunk: Bytes::new(),
            is_over: false,
        };
        let reading = async move {
            let sent = send(body, bytes_max, idle_time, &give).await;
            let last = match &sent {
                Ok(()) => Ok(Bytes::new()),
                Err(problem) => Err(problem.clone()),
            };
            // A reader that has left knows why.
            let _ = give.send(last).await;
            sent
        };
        (reader, reading)
    }
}

async fn send(
    body: Body,
    bytes_max: u64,
    idle_time: Duration,
    give: &mpsc::Sender<Result<Bytes, Problem>>,
) -> Result<(), Problem> {
    let declared = axum::body::HttpBody::size_hint(&body).lower();
    let mut stream = body.into_data_stream();
    let mut n_bytes = 0;
    let mut is_too_large = declared > bytes_max;
    while !is_too_large {
        let next = timeout(idle_time, stream.next()).await;
        let Ok(next) = next else {
            return Err(Problem::too_slow(format!(
                "nothing of the body came for {} s",
                idle_time.as_secs()
            )));
        };
        match next {
            None => return Ok(()),
            Some(Err(_)) => return Err(Problem::cut_off()),
            Some(Ok(chunk)) => {
                n_bytes += chunk.len() as u64;
                is_too_large = n_bytes > bytes_max;
                if !is_too_large && !chunk.is_empty() && give.send(Ok(chunk)).await.is_err() {
                    // Whoever read it has seen enough to refuse it.
                    drain(&mut stream).await;
                    return Ok(());
                }
            }
        }
    }
    drain(&mut stream).await;
    Err(Problem::too_large(bytes_max))
}

impl Read for BodyReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() && !self.is_over {
            match self.chunks.blocking_recv() {
                // An empty chunk is the end; without it the client has hung up.
                Some(Ok(chunk)) => {
                    self.is_over = chunk.is_empty();
                    self.chunk = chunk;
                }
                Some(Err(problem)) => {
                    return Err(io::Error::other(problem.details().detail.clone()));
                }
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
        let n = self.chunk.len().min(into.len());
        let taken = self.chunk.split_to(n);
        into[..n].copy_from_slice(&taken);
        Ok(n)
    }
}
