//! The memory of queries: one budget for the process, of which each query has a share.
//!
//! A query may take what others leave, but never more than an equal part of the budget
//! while others run, so one that sorts a year cannot starve the next. Within a query the
//! operators that can spill share fairly and spill when their part is used up. They never
//! take all: what cannot spill, such as the merge of spilled runs, would find nothing left.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use parking_lot::Mutex;

/// The memory that all queries of a process may reserve.
#[derive(Debug)]
pub struct Budget {
    bytes: usize,
    reserved: AtomicUsize,
    queries: AtomicUsize,
}

impl Budget {
    pub fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            bytes,
            reserved: AtomicUsize::new(0),
            queries: AtomicUsize::new(0),
        })
    }

    /// What one query may hold now.
    fn share(&self) -> usize {
        self.bytes / self.queries.load(Ordering::Relaxed).max(1)
    }

    fn try_reserve(&self, bytes: usize) -> bool {
        let grown = |reserved: usize| reserved.checked_add(bytes).filter(|r| *r <= self.bytes);
        self.reserved
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown)
            .is_ok()
    }
}

/// A query's share of the budget.
pub struct Share {
    budget: Arc<Budget>,
    held: Mutex<Held>,
    peak: AtomicUsize,
}

/// What a query's operators hold.
#[derive(Default)]
struct Held {
    /// Operators that can spill.
    n_spillers: usize,
    spillable: usize,
    unspillable: usize,
}

impl Held {
    fn total(&self) -> usize {
        self.spillable + self.unspillable
    }

    fn add(&mut self, reservation: &MemoryReservation, bytes: usize) {
        match reservation.consumer().can_spill() {
            true => self.spillable += bytes,
            false => self.unspillable += bytes,
        }
    }

    /// What one operator that can spill may hold of a share.
    fn of_spiller(&self, share: usize) -> usize {
        let kept_free = (share / KEPT_FREE).max(self.unspillable);
        share.saturating_sub(kept_free) / self.n_spillers.max(1)
    }
}

/// A third of a share is not for what can spill.
const KEPT_FREE: usize = 3;

impl Share {
    pub fn of(budget: &Arc<Budget>) -> Arc<Self> {
        budget.queries.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self {
            budget: Arc::clone(budget),
            held: Mutex::default(),
            peak: AtomicUsize::new(0),
        })
    }

    /// The most bytes that the query held at one moment.
    pub fn peak_bytes(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.queries.fetch_sub(1, Ordering::Relaxed);
        // Every reservation is gone by now: each holds the pool.
        let left = self.held.get_mut().total();
        self.budget.reserved.fetch_sub(left, Ordering::Relaxed);
    }
}

impl MemoryPool for Share {
    fn name(&self) -> &str {
        "share"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.held.lock().n_spillers += usize::from(consumer.can_spill());
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.held.lock().n_spillers -= usize::from(consumer.can_spill());
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        let mut held = self.held.lock();
        held.add(reservation, additional);
        self.budget
            .reserved
            .fetch_add(additional, Ordering::Relaxed);
        self.peak.fetch_max(held.total(), Ordering::Relaxed);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        let mut held = self.held.lock();
        match reservation.consumer().can_spill() {
            true => held.spillable -= shrink,
            false => held.unspillable -= shrink,
        }
        self.budget.reserved.fetch_sub(shrink, Ordering::Relaxed);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        // Others may have gone over the share, which is nothing to whom asks for nothing.
        if additional == 0 {
            return Ok(());
        }
        let mut held = self.held.lock();
        let share = self.budget.share();
        let fits = held.total().saturating_add(additional) <= share
            && match reservation.consumer().can_spill() {
                true => reservation.size().saturating_add(additional) <= held.of_spiller(share),
                false => true,
            };
        if !fits || !self.budget.try_reserve(additional) {
            return Err(DataFusionError::ResourcesExhausted(format!(
                "{} has {} bytes and asks for {additional} more; the query holds {} of {share}",
                reservation.consumer().name(),
                reservation.size(),
                held.total(),
            )));
        }
        held.add(reservation, additional);
        self.peak.fetch_max(held.total(), Ordering::Relaxed);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.held.lock().total()
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.budget.bytes)
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share")
            .field("reserved", &self.reserved())
            .finish()
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "share({} bytes reserved)", self.reserved())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(share: &Arc<Share>, can_spill: bool) -> MemoryReservation {
        let pool: Arc<dyn MemoryPool> = Arc::clone(share) as _;
        MemoryConsumer::new("operator")
            .with_can_spill(can_spill)
            .register(&pool)
    }

    #[test]
    fn a_query_alone_has_it_all_and_two_have_halves() {
        let budget = Budget::new(1000);
        let first = Share::of(&budget);
        let held = operator(&first, false);
        assert!(held.try_grow(700).is_ok());
        let second = Share::of(&budget);
        let other = operator(&second, false);
        assert!(held.try_grow(1).is_err(), "over its half now");
        assert!(other.try_grow(400).is_err(), "more than is left");
        assert!(other.try_grow(300).is_ok());
        drop(held);
        assert!(other.try_grow(200).is_ok());
        assert_eq!((first.peak_bytes(), first.reserved()), (700, 0));
        drop((other, second, first));
        assert_eq!(budget.reserved.load(Ordering::Relaxed), 0);
        assert_eq!(budget.share(), 1000);
    }

    #[test]
    fn what_can_spill_leaves_room_for_what_cannot() {
        let share = Share::of(&Budget::new(900));
        let (a, b) = (operator(&share, true), operator(&share, true));
        assert!(a.try_grow(300).is_ok());
        assert!(a.try_grow(1).is_err());
        assert!(b.try_grow(300).is_ok());
        assert!(operator(&share, false).try_grow(300).is_ok());
    }

    #[test]
    fn who_asks_for_nothing_is_not_refused() {
        let share = Share::of(&Budget::new(900));
        let over = operator(&share, false);
        over.grow(1000);
        let other = operator(&share, false);
        assert!(other.try_grow(0).is_ok());
        assert!(other.try_grow(1).is_err());
    }
}
