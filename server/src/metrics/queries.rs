//! Queries by how they ended, and how long they took.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// How a query was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Answered in the response to the request.
    Stream,
    /// Its results are kept.
    Job,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Job => "job",
        }
    }
}

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

    /// A query has ended; `state` and `language` are the words of the API.
    pub fn ended(&self, kind: Kind, state: &'static str, language: &'static str, took: Duration) {
        let ended = Ended {
            kind: kind.as_str(),
            state,
            language,
        };
        self.ended.get_or_create(&ended).inc();
        if state == "FINISHED" {
            let asked = Asked {
                kind: kind.as_str(),
                language,
            };
            self.seconds
                .get_or_create(&asked)
                .observe(took.as_secs_f64());
        }
    }

    /// A query was refused with 429.
    pub fn refused(&self, kind: Kind) {
        self.refused.get_or_create(&OfKind::from(kind)).inc();
    }

    /// How many run and wait now.
    pub fn set_now(&self, kind: Kind, running: usize, queued: usize) {
        let of = OfKind::from(kind);
        let count = |n| i64::try_from(n).unwrap_or(i64::MAX);
        self.running.get_or_create(&of).set(count(running));
        self.queued.get_or_create(&of).set(count(queued));
    }

    /// What kept results take, in bytes.
    pub fn set_result_bytes(&self, bytes: u64) {
        self.result_bytes
            .set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }
}
