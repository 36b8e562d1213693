//! The memory of queries: one budget for the process, of which each query has a share.
//!
//! A query may take what others leave, but never more than an equal part of the budget
//! while others run, so one that sorts a year cannot starve the next. Within a query its
//! operators share fairly and spill when their part is used up.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};

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
    operators: FairSpillPool,
    reserved: AtomicUsize,
    peak: AtomicUsize,
}

impl Share {
    pub fn of(budget: &Arc<Budget>) -> Arc<Self> {
        budget.queries.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self {
            budget: Arc::clone(budget),
            operators: FairSpillPool::new(budget.bytes),
            reserved: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
        })
    }

    /// The most bytes that the query held at one moment.
    pub fn peak_bytes(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    fn count(&self, bytes: usize) {
        let reserved = self.reserved.fetch_add(bytes, Ordering::Relaxed) + bytes;
        self.peak.fetch_max(reserved, Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.queries.fetch_sub(1, Ordering::Relaxed);
        // Every reservation is gone by now: each holds the pool.
        let left = self.reserved.load(Ordering::Relaxed);
        self.budget.reserved.fetch_sub(left, Ordering::Relaxed);
    }
}

impl MemoryPool for Share {
    fn name(&self) -> &str {
        "share"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.operators.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.operators.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.operators.grow(reservation, additional);
        self.budget
            .reserved
            .fetch_add(additional, Ordering::Relaxed);
        self.count(additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.operators.shrink(reservation, shrink);
        self.budget.reserved.fetch_sub(shrink, Ordering::Relaxed);
        self.reserved.fetch_sub(shrink, Ordering::Relaxed);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let held = self.reserved.load(Ordering::Relaxed);
        let refused = || {
            DataFusionError::ResourcesExhausted(format!(
                "{} asks for {additional} bytes more, the query holds {held}",
                reservation.consumer().name()
            ))
        };
        if held.saturating_add(additional) > self.budget.share() {
            return Err(refused());
        }
        if !self.budget.try_reserve(additional) {
            return Err(refused());
        }
        if let Err(error) = self.operators.try_grow(reservation, additional) {
            self.budget
                .reserved
                .fetch_sub(additional, Ordering::Relaxed);
            return Err(error);
        }
        self.count(additional);
        Ok(())
    }

    fn reserved(&self) -> usize {
        self.reserved.load(Ordering::Relaxed)
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

    fn operator(share: &Arc<Share>) -> MemoryReservation {
        let pool: Arc<dyn MemoryPool> = Arc::clone(share) as _;
        MemoryConsumer::new("operator")
            .with_can_spill(true)
            .register(&pool)
    }

    #[test]
    fn a_query_alone_has_it_all_and_two_have_halves() {
        let budget = Budget::new(1000);
        let first = Share::of(&budget);
        let held = operator(&first);
        assert!(held.try_grow(700).is_ok());
        let second = Share::of(&budget);
        let other = operator(&second);
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
}
