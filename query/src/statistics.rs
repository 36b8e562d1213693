//! What a query pruned, read and held, for `--profile`.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use datafusion::physical_plan::ExecutionPlan;

use crate::exec::EventScanExec;

/// Counts of one query, so far or in the end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Splits of the stores that were read.
    pub splits: u64,
    /// Splits that were set aside without being opened.
    pub splits_pruned: u64,
    pub events_scanned: u64,
    pub events_matched: u64,
    /// Records fetched, to decide or to return.
    pub records_read: u64,
    pub bytes_read: u64,
    pub rows_returned: u64,
    /// From the request to the start of the run.
    pub planning: Duration,
    /// From the start of the run to its end, or till now.
    pub running: Duration,
    /// The most memory that operators held at one moment.
    pub memory_peak_bytes: u64,
    pub spilled_bytes: u64,
}

impl Statistics {
    /// What the operators of a plan counted.
    pub(crate) fn of_plan(plan: &dyn ExecutionPlan) -> Self {
        let mut sum = Self::default();
        sum.add(plan);
        sum
    }

    fn add(&mut self, plan: &dyn ExecutionPlan) {
        if let Some(scan) = plan.downcast_ref::<EventScanExec>() {
            let counts = scan.statistics();
            let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
            self.splits += count(&counts.splits);
            self.splits_pruned += count(&counts.splits_pruned);
            self.events_scanned += count(&counts.events_scanned);
            self.events_matched += count(&counts.events_matched);
            self.records_read += count(&counts.records_read);
            self.bytes_read += count(&counts.bytes_read);
        }
        let spilled = plan.metrics().and_then(|metrics| metrics.spilled_bytes());
        self.spilled_bytes += spilled.unwrap_or(0) as u64;
        for child in plan.children() {
            self.add(child.as_ref());
        }
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        writeln!(
            f,
            "planned in {:.1} ms, ran {:.1} ms",
            ms(self.planning),
            ms(self.running)
        )?;
        writeln!(
            f,
            "splits   {} of {} opened",
            self.splits - self.splits_pruned.min(self.splits),
            self.splits
        )?;
        writeln!(
            f,
            "events   {} scanned, {} matched",
            self.events_scanned, self.events_matched
        )?;
        writeln!(
            f,
            "records  {} read, {} bytes",
            self.records_read, self.bytes_read
        )?;
        writeln!(f, "rows     {}", self.rows_returned)?;
        writeln!(
            f,
            "memory   {} bytes at most, {} bytes spilled",
            self.memory_peak_bytes, self.spilled_bytes
        )
    }
}
