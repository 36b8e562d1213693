//! Long lists as lines of JSON, made while they are read.

use std::io;
use std::ops::ControlFlow;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::error::Problem;

pub const NDJSON: &str = "application/x-ndjson";
/// So much is written together, and so often before the client has taken it.
const CHUNK_BYTES: usize = 64 << 10;
const CHUNKS_WAITING: usize = 4;

enum Part {
    More(Bytes),
    Last(Bytes),
    Failed(Problem),
}

/// Answers the items that `work` gives, a line each; `work` ends early where nobody takes
/// them any more. A failure after the first lines cuts the answer off.
pub async fn answer<T, E>(
    items: impl FnOnce(&mut dyn FnMut(T) -> ControlFlow<()>) -> Result<(), E> + Send + 'static,
    problem: fn(E) -> Problem,
) -> Result<Response, Problem>
where
    T: Serialize,
    E: Send + 'static,
{
    let (give, mut take) = mpsc::channel(CHUNKS_WAITING);
    tokio::task::spawn_blocking(move || {
        let mut chunk = Vec::new();
        let done = items(&mut |item| {
            // Into memory, and what is told has text as keys.
            let _ = serde_json::to_writer(&mut chunk, &item);
            chunk.push(b'\n');
            if chunk.len() < CHUNK_BYTES {
                return ControlFlow::Continue(());
            }
            let part = Part::More(std::mem::take(&mut chunk).into());
            match give.blocking_send(part) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        });
        let last = match done {
            Ok(()) => Part::Last(chunk.into()),
            Err(error) => Part::Failed(problem(error)),
        };
        // Whoever has hung up needs no end.
        let _ = give.blocking_send(last);
    });
    let first = match take.recv().await {
        Some(Part::Failed(problem)) => return Err(problem),
        None => return Err(Problem::panicked()),
        Some(part) => part,
    };
    let parts = futures::stream::unfold(Some((first, take)), |state| async move {
        match state? {
            (Part::Last(bytes), _) => Some((Ok(bytes), None)),
            (Part::More(bytes), mut take) => {
                // No end is the end of a thread that panicked.
                let next = take.recv().await;
                let next = next.unwrap_or_else(|| Part::Failed(Problem::panicked()));
                Some((Ok(bytes), Some((next, take))))
            }
            (Part::Failed(problem), _) => {
                let detail = problem.details().detail.clone();
                Some((Err(io::Error::other(detail)), None))
            }
        }
    });
    Ok((
        [(header::CONTENT_TYPE, NDJSON)],
        Body::from_stream(parts.boxed()),
    )
        .into_response())
}

/// Gives what an iterator has, until it fails or nobody takes it.
pub fn give_all<T, E>(
    items: impl Iterator<Item = Result<T, E>>,
    give: &mut dyn FnMut(T) -> ControlFlow<()>,
) -> Result<(), E> {
    for item in items {
        if give(item?).is_break() {
            break;
        }
    }
    Ok(())
}
