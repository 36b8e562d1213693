//! What came in, by which way and with which result; and what the store does with it.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use tarn_store::Snapshot;
use tarn_store::catalog::RecordSums;
use tarn_store::owner::Done;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Taken {
    way: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Way {
    way: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    result: &'static str,
}

/// See the module.
#[derive(Debug)]
pub struct IngestMetrics {
    events: Family<Taken, Counter>,
    conflicts: Family<Way, Counter>,
    bytes: Family<Way, Counter>,
    pushes: Family<Ended, Counter>,
    imports: Family<Ended, Counter>,
    seals: Counter,
    merges: Counter,
    splits: Gauge,
    tail_events: Gauge,
    is_owner: Gauge,
}

impl IngestMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            events: Family::default(),
            conflicts: Family::default(),
            bytes: Family::default(),
            pushes: Family::default(),
            imports: Family::default(),
            seals: Counter::default(),
            merges: Counter::default(),
            splits: Gauge::default(),
            tail_events: Gauge::default(),
            is_owner: Gauge::default(),
        };
        registry.register(
            "events",
            "Records that came in since this process has the directory, by what became of them",
            metrics.events.clone(),
        );
        registry.register(
            "conflicts",
            "Records stored although another has the same time, account and eventID",
            metrics.conflicts.clone(),
        );
        registry.register_with_unit(
            "stored",
            "Records stored since this process has the directory",
            Unit::Bytes,
            metrics.bytes.clone(),
        );
        registry.register(
            "pushes",
            "Requests that pushed events, by how they ended",
            metrics.pushes.clone(),
        );
        registry.register(
            "imports",
            "Imports over HTTP, by how they ended",
            metrics.imports.clone(),
        );
        registry.register(
            "seals",
            "Times that pushed events became a split",
            metrics.seals.clone(),
        );
        registry.register(
            "merges",
            "Times that splits became one",
            metrics.merges.clone(),
        );
        registry.register("splits", "Published splits", metrics.splits.clone());
        registry.register(
            "tail_events",
            "Pushed events that no split holds yet",
            metrics.tail_events.clone(),
        );
        registry.register(
            "is_owner",
            "Whether this process has the directory for writing",
            metrics.is_owner.clone(),
        );
        metrics
    }

    pub fn push_ended(&self, result: &'static str) {
        self.pushes.get_or_create(&Ended { result }).inc();
    }

    pub fn import_ended(&self, result: &'static str) {
        self.imports.get_or_create(&Ended { result }).inc();
    }

    /// What the store tells of itself.
    pub fn set_now(&self, done: Option<Done>, snapshot: Option<&Snapshot>) {
        self.is_owner.set(i64::from(done.is_some()));
        if let Some(done) = done {
            self.set_records("import", done.imported, done.imported_bytes);
            self.set_records("push", done.pushed, done.pushed_bytes);
            set(&self.seals, done.seals);
            set(&self.merges, done.merges);
        }
        if let Some(snapshot) = snapshot {
            let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
            self.splits.set(count(snapshot.splits().len()));
            self.tail_events.set(count(snapshot.tail_count()));
        }
    }

    fn set_records(&self, way: &'static str, sums: RecordSums, bytes: u64) {
        let results = [
            ("stored", sums.stored),
            ("duplicate", sums.duplicates),
            ("filtered", sums.filtered),
            ("expired", sums.expired),
            ("rejected", sums.rejected),
        ];
        for (result, n) in results {
            set(&self.events.get_or_create(&Taken { way, result }), n);
        }
        set(&self.conflicts.get_or_create(&Way { way }), sums.conflicts);
        set(&self.bytes.get_or_create(&Way { way }), bytes);
    }
}

/// The store counts itself. It begins anew with each time that it has the directory,
/// which those who read counters know as a restart.
fn set(counter: &Counter, n: u64) {
    counter
        .inner()
        .store(n, std::sync::atomic::Ordering::Relaxed);
}
