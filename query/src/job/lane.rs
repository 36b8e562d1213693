//! Who runs, who waits, and who is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many run at a time; so many more wait in the order in which they came.
#[derive(Debug)]
pub(super) struct Lane {
    free: Arc<Semaphore>,
    running_max: usize,
    queued: AtomicUsize,
    queued_max: usize,
}

/// Nobody may wait any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{running} queries run and {queued} wait, which is as many as may")]
pub struct Full {
    pub running: usize,
    pub queued: usize,
}

/// How many run and wait now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaneCounts {
    pub running: usize,
    pub queued: usize,
}

/// A place in the lane; dropped, it is somebody else's.
#[derive(Debug)]
pub(super) struct InLane {
    lane: Arc<Lane>,
    /// None while it waits.
    turn: Option<OwnedSemaphorePermit>,
}

impl Lane {
    pub fn new(running_max: usize, queued_max: usize) -> Arc<Self> {
        let running_max = running_max.clamp(1, Semaphore::MAX_PERMITS);
        Arc::new(Self {
            free: Arc::new(Semaphore::new(running_max)),
            running_max,
            queued: AtomicUsize::new(0),
            queued_max,
        })
    }

    pub fn counts(&self) -> LaneCounts {
        LaneCounts {
            running: self.running_max - self.free.available_permits().min(self.running_max),
            queued: self.queued.load(Ordering::Relaxed),
        }
    }

    /// Takes a place: the turn at once where one is free, else one among those who wait.
    pub fn enter(self: &Arc<Self>) -> Result<InLane, Full> {
        let turn = Arc::clone(&self.free).try_acquire_owned().ok();
        if turn.is_none() {
            let one_more = |queued: usize| (queued < self.queued_max).then_some(queued + 1);
            let order = Ordering::Relaxed;
            if let Err(queued) = self.queued.fetch_update(order, order, one_more) {
                return Err(Full {
                    running: self.running_max,
                    queued,
                });
            }
        }
        Ok(InLane {
            lane: Arc::clone(self),
            turn,
        })
    }
}

impl InLane {
    /// Waits for the turn. Dropped meanwhile, nothing is lost but the place.
    pub async fn wait(&mut self) {
        if self.turn.is_some() {
            return;
        }
        let free = Arc::clone(&self.lane.free);
        // It is never closed.
        if let Ok(turn) = free.acquire_owned().await {
            self.turn = Some(turn);
            self.lane.queued.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for InLane {
    fn drop(&mut self) {
        if self.turn.is_none() {
            self.lane.queued.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(running: usize, queued: usize) -> LaneCounts {
        LaneCounts { running, queued }
    }

    #[tokio::test]
    async fn so_many_run_so_many_wait_and_the_next_is_refused() {
        let lane = Lane::new(1, 1);
        let first = lane.enter().expect("free");
        let mut second = lane.enter().expect("may wait");
        assert!(first.turn.is_some() && second.turn.is_none());
        assert_eq!(lane.counts(), counts(1, 1));
        let refused = lane.enter().expect_err("full");
        assert_eq!((refused.running, refused.queued), (1, 1));
        drop(first);
        second.wait().await;
        assert_eq!(lane.counts(), counts(1, 0));
        let third = lane.enter().expect("may wait");
        drop(third);
        assert_eq!(lane.counts(), counts(1, 0), "who leaves does not wait");
        drop(second);
        assert_eq!(lane.counts(), counts(0, 0));
    }
}
