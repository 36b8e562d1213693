//! Queries by how they ended, and how long they took.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use tarn_query::job::{JobRecord, Jobs, Kind, QueryStatus};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    kind: &'static str,
    /// FINISHED, FAILED, CANCELLED or TIMED_OUT.
    state: &'static str,
    language: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    kind: &'static str,
    language: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

impl From<Kind> for OfKind {
    fn from(kind: Kind) -> Self {
        Self {
            kind: kind.as_str(),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct QueryMetrics {
    ended: Family<Ended, Counter>,
    seconds: Family<Asked, Histogram, fn() -> Histogram>,
    refused: Family<OfKind, Counter>,
    running: Family<OfKind, Gauge>,
    queued: Family<OfKind, Gauge>,
    result_bytes: Gauge,
}

/// From half a millisecond, which a needle takes, to half an hour.
fn buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.0005, 2.0, 22))
}

impl QueryMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            ended: Family::default(),
            seconds: Family::new_with_constructor(buckets),
            refused: Family::default(),
            running: Family::default(),
            queued: Family::default(),
            result_bytes: Gauge::default(),
        };
        registry.register(
            "queries",
            "Queries that have ended, by how",
            metrics.ended.clone(),
        );
        registry.register(
            "query_seconds",
            "From the start of a query to its last row, of those that finished",
            metrics.seconds.clone(),
        );
        registry.register(
            "queries_refused",
            "Queries that were not taken because too many waited",
            metrics.refused.clone(),
        );
        registry.register(
            "queries_running",
            "Queries that run now",
            metrics.running.clone(),
        );
        registry.register(
            "queries_queued",
            "Queries that wait for their turn",
            metrics.queued.clone(),
        );
        registry.register(
            "query_result_bytes",
            "Results of queries that are kept on disk",
            metrics.result_bytes.clone(),
        );
        metrics
    }

    /// A query has ended.
    pub fn ended(&self, record: &JobRecord) {
        let kind = record.kind.as_str();
        // Of a text that was not read, what it was said to be.
        let language = record.language.unwrap_or(record.asked.language).as_str();
        let ended = Ended {
            kind,
            state: record.status.as_str(),
            language,
        };
        self.ended.get_or_create(&ended).inc();
        if record.status == QueryStatus::Finished {
            let asked = Asked { kind, language };
            let seconds = record.statistics.execution_ms as f64 / 1000.0;
            self.seconds.get_or_create(&asked).observe(seconds);
        }
    }

    /// A query was refused with 429.
    pub fn refused(&self, kind: Kind) {
        self.refused.get_or_create(&OfKind::from(kind)).inc();
    }

    /// How many run and wait now, and what is kept.
    pub fn set_now(&self, jobs: &Jobs) {
        let (attended, kept) = jobs.counts();
        for (kind, counts) in [(Kind::Attended, attended), (Kind::Job, kept)] {
            let of = OfKind::from(kind);
            let running = self.running.get_or_create(&of);
            running.set(counts.running as i64);
            drop(running);
            self.queued.get_or_create(&of).set(counts.queued as i64);
        }
        let bytes = i64::try_from(jobs.result_bytes()).unwrap_or(i64::MAX);
        self.result_bytes.set(bytes);
    }
}
