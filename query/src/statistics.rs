//! What a query pruned, read and held, for `--profile`.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use datafusion::physical_plan::ExecutionPlan;
use tarn_store::ScanStatistics;

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
    pub(crate) fn of_scans(scans: &ScanStatistics) -> Self {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Self {
            splits: count(&scans.splits),
            splits_pruned: count(&scans.splits_pruned),
            events_scanned: count(&scans.events_scanned),
            events_matched: count(&scans.events_matched),
            records_read: count(&scans.records_read),
            bytes_read: count(&scans.bytes_read),
            ..Self::default()
        }
    }
}

/// The bytes that the operators of a plan have spilled.
pub(crate) fn spilled_bytes(plan: &dyn ExecutionPlan) -> u64 {
    let own = plan
        .metrics()
        .and_then(|metrics| metrics.spilled_bytes())
        .unwrap_or(0) as u64;
    let below = plan
        .children()
        .into_iter()
        .map(|child| spilled_bytes(child.as_ref()));
    own + below.sum::<u64>()
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
