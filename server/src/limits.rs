//! How much is taken at once, and what waits or is turned away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::Problem;

/// What a server takes. Each limit has an answer of its own: 413 for what is too
/// large, 429 for too much at once, 408 for what is too slow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Open connections; further ones wait to be accepted.
    pub connections: usize,
    /// The longest that a client may take for the head of a request, and be idle
    /// between two.
    pub head_time: Duration,
    /// The longest that a client may send nothing of a body.
    pub idle_time: Duration,
    /// The longest that a body may take that is held in memory.
    pub body_time: Duration,
    /// A body of JSON: a query, a store.
    pub json_bytes: usize,
    /// What is pushed at once, as it is sent.
    pub push_bytes: usize,
    /// Pushes at once, and how many more may wait.
    pub pushes: usize,
    pub pushes_waiting: usize,
    /// What all pushes together may hold in memory.
    pub push_memory_bytes: usize,
    /// What an import may send.
    pub import_bytes: u64,
    pub import_files: usize,
    /// Imports at once, and how many more may wait.
    pub imports: usize,
    pub imports_waiting: usize,
    /// Queries at once whose rows are sent as they come, and how many more may wait.
    pub queries: usize,
    pub queries_waiting: usize,
    /// Queries at once whose rows are kept, and how many more may wait.
    pub jobs: usize,
    pub jobs_waiting: usize,
    /// How long rows are kept, and what they may take on disk.
    pub results_time: Duration,
    pub results_bytes: u64,
    /// How long requests may go on once the server is to stop.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_024,
            head_time: Duration::from_secs(30),
            idle_time: Duration::from_secs(30),
            body_time: Duration::from_secs(120),
            json_bytes: 1 << 20,
            push_bytes: 8 << 20,
            pushes: 128,
            pushes_waiting: 512,
            push_memory_bytes: 256 << 20,
            import_bytes: 64 << 30,
            import_files: 200_000,
            imports: 2,
            imports_waiting: 8,
            queries: 16,
            queries_waiting: 256,
            jobs: 2,
            jobs_waiting: 100,
            results_time: Duration::from_secs(7 * 86_400),
            results_bytes: 10 << 30,
            grace: Duration::from_secs(10),
        }
    }
}

/// Whose turn it is.
pub struct Turns {
    pub pushes: Turn,
    /// What pushes hold as it was sent, and what they hold of it unpacked. Who waits
    /// for the second has the first, and never the other way about.
    pub bodies: Memory,
    pub unpacked: Memory,
    /// Imports whose files are being sent, that wait or run.
    pub uploads: Turn,
    /// Those that run.
    pub imports: Turn,
}

impl Turns {
    pub fn new(limits: &Limits) -> Self {
        let uploads = limits.imports + limits.imports_waiting;
        Self {
            pushes: Turn::new("pushes", limits.pushes, limits.pushes_waiting),
            bodies: Memory::new(limits.push_memory_bytes / 4),
            unpacked: Memory::new(limits.push_memory_bytes / 4 * 3),
            uploads: Turn::new("imports", uploads, 0),
            imports: Turn::new("imports", limits.imports, uploads),
        }
    }
}

/// Memory that is shared by those who wait for it.
pub struct Memory {
    units: Arc<Semaphore>,
    n_units: u32,
}

/// Memory is counted in pieces of so many bytes.
const UNIT_BYTES: usize = 16 << 10;

impl Memory {
    fn new(bytes: usize) -> Self {
        let n_units = u32::try_from((bytes / UNIT_BYTES).max(1)).unwrap_or(u32::MAX);
        Self {
            units: Arc::new(Semaphore::new(n_units as usize)),
            n_units,
        }
    }

    /// Waits until so much is free; who needs more than there is has it alone.
    pub async fn take(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let units = u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX);
        let units = units.clamp(1, self.n_units);
        // It is never closed.
        Arc::clone(&self.units).acquire_many_owned(units).await.ok()
    }
}

/// So many at once, and so many more who wait.
pub struct Turn {
    what: &'static str,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
}

/// After so many seconds it is worth to try again.
const RETRY_SECONDS: u64 = 1;

impl Turn {
    pub fn new(what: &'static str, at_once: usize, waiting_max: usize) -> Self {
        Self {
            what,
            permits: Arc::new(Semaphore::new(at_once)),
            waiting: AtomicUsize::new(0),
            waiting_max,
        }
    }

    /// Waits for a turn.
    ///
    /// **Errors**: 429 where too many wait already.
    pub async fn take(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let permits = Arc::clone(&self.permits);
        if let Ok(permit) = Arc::clone(&permits).try_acquire_owned() {
            return Ok(permit);
        }
        let too_many = || Problem::too_many(self.what, RETRY_SECONDS);
        let _waiting = Waiting::begin(&self.waiting, self.waiting_max).ok_or_else(too_many)?;
        permits.acquire_owned().await.map_err(|_| too_many())
    }
}

/// One that waits, until this is dropped: whoever waits may hang up.
struct Waiting<'t>(&'t AtomicUsize);

impl<'t> Waiting<'t> {
    fn begin(waiting: &'t AtomicUsize, max: usize) -> Option<Self> {
        let begun = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < max).then_some(begun)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_comes_too_late_is_told_so() {
        let turn = Turn::new("pushes", 1, 1);
        let first = turn.take().await.expect("nobody else is there");
        let second = turn.take();
        tokio::pin!(second);
        assert!(futures::poll!(&mut second).is_pending(), "it waits");
        assert_eq!(
            turn.take().await.err().map(|p| p.status().as_u16()),
            Some(429)
        );
        drop(first);
        let second = second.await.expect("its turn");
        drop(second);
        let (_one, gave_up) = (turn.take().await.expect("free"), turn.take());
        {
            tokio::pin!(gave_up);
            assert!(futures::poll!(&mut gave_up).is_pending());
        }
        assert_eq!(turn.waiting.load(Ordering::Relaxed), 0, "it has hung up");
    }
}
