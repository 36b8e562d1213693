//! A scan at work: the parts of it, each for a thread of its own.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;

use super::batch::{Rows, reads_records};
use super::error::ScanError;
use super::evaluate::Bounds;
use super::full::PlainUnit;
use super::members::Members;
use super::ordered;
use super::record::{Records, StoredRecord, asks_for_source};
use super::request::{Cancel, ScanRequest, ScanStatistics};
use super::unit::SplitUnit;
use crate::index::docset::DocSet;
use crate::snapshot::Snapshot;

/// Takes batches; says whether more are wanted.
pub(crate) type Emit<'e> = dyn FnMut(RecordBatch) -> ControlFlow<()> + 'e;

/// What all partitions of a scan share.
pub(crate) struct Shared {
    pub snapshot: Arc<Snapshot>,
    pub request: ScanRequest,
    pub schema: SchemaRef,
    pub statistics: Arc<ScanStatistics>,
    pub cancel: Cancel,
    pub records: Records,
    pub predicate_members: Members,
    pub column_members: Members,
}

impl Shared {
    pub fn new(
        snapshot: Arc<Snapshot>,
        request: ScanRequest,
        statistics: Arc<ScanStatistics>,
        cancel: Cancel,
    ) -> Self {
        let with_source = asks_for_source(&request);
        Self {
            schema: request.schema(),
            predicate_members: Members::of_predicate(&request.predicate),
            column_members: Members::of_columns(&request.columns),
            records: Records::new(Arc::clone(&snapshot), Arc::clone(&statistics), with_source),
            snapshot,
            request,
            statistics,
            cancel,
        }
    }
}

/// A part of a split: of its documents in range those between two shares.
#[derive(Clone)]
pub(crate) struct Piece {
    pub unit: Arc<SplitUnit>,
    /// `from / of` up to `to / of`.
    pub from: u64,
    pub to: u64,
    pub of: u64,
}

/// What a partition does.
#[derive(Clone)]
pub(crate) enum Work {
    /// Any order.
    Pieces(Vec<Piece>, Option<Arc<PlainUnit>>),
    /// The request's order.
    Ordered(Vec<Arc<SplitUnit>>, Option<Arc<PlainUnit>>),
}

/// A planned scan.
pub struct Scan {
    pub schema: SchemaRef,
    pub partitions: Vec<ScanPartition>,
    /// Lines for `--explain`.
    pub description: Vec<String>,
}

/// A part of a scan that one thread runs; it can be run again.
#[derive(Clone)]
pub struct ScanPartition {
    pub(crate) shared: Arc<Shared>,
    pub(crate) work: Work,
}

impl ScanPartition {
    /// Reads and emits the batches of the partition until it is through or
    /// `emit` breaks off. Blocks; looks at the cancel flag for each chunk.
    pub fn run(
        &self,
        emit: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
    ) -> Result<(), ScanError> {
        self.run_all(emit)
            .inspect_err(|error| self.shared.snapshot.note_lost(error))
    }

    fn run_all(
        &self,
        emit: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
    ) -> Result<(), ScanError> {
        let limit = self.shared.request.limit.unwrap_or(usize::MAX);
        match &self.work {
            Work::Ordered(units, plain) => {
                ordered::run(&self.shared, units, plain.as_deref(), limit, emit)
            }
            Work::Pieces(pieces, plain) => {
                let mut left = limit;
                let mut counted = |batch: RecordBatch| {
                    left = left.saturating_sub(batch.num_rows());
                    match (emit(batch), left) {
                        (ControlFlow::Break(()), _) | (_, 0) => ControlFlow::Break(()),
                        _ => ControlFlow::Continue(()),
                    }
                };
                let mut wanted = limit;
                for piece in pieces {
                    let (n, flow) = piece.run(&self.shared, wanted, &mut counted)?;
                    wanted = wanted.saturating_sub(n);
                    if flow.is_break() || wanted == 0 {
                        return Ok(());
                    }
                }
                if let Some(plain) = plain {
                    let _ = plain.run(&self.shared, wanted, &mut counted)?;
                }
                Ok(())
            }
        }
    }
}

impl Piece {
    /// The documents of the piece that can be in time.
    pub fn documents(&self, request: &ScanRequest) -> Result<Range<u32>, ScanError> {
        let all = self.unit.documents(&request.time)?;
        let n = all.len() as u64;
        let cut = |share: u64| all.start + (n * share / self.of.max(1)) as u32;
        Ok(cut(self.from)..cut(self.to))
    }

    /// Emits at most `limit` rows; says how many.
    fn run(
        &self,
        shared: &Shared,
        limit: usize,
        emit: &mut Emit<'_>,
    ) -> Result<(usize, ControlFlow<()>), ScanError> {
        let request = &shared.request;
        let range = self.documents(request)?;
        let visible = self
            .unit
            .visible(range, &request.time, &request.scope, &shared.cancel)?;
        ScanStatistics::add(&shared.statistics.events_scanned, visible.len() as u64);
        let bounds = self
            .unit
            .bounds(&request.predicate, &visible, &shared.cancel)?;
        let n_may = bounds.may.len();
        if request.columns.is_empty() && bounds.must.len() == n_may {
            let n = n_may.min(limit);
            ScanStatistics::add(&shared.statistics.events_matched, n as u64);
            return Ok((n, emit_counts(shared, n, emit)?));
        }
        self.unit.expect_rows(n_may.min(limit));
        let chunks = Chunks::new(shared, &bounds);
        let mut n_emitted = 0;
        let mut docs: Vec<u32> = Vec::new();
        let mut from = 0;
        loop {
            if shared.cancel.is_cancelled() {
                return Err(ScanError::Cancelled);
            }
            let n_missing = chunks.n_docs.saturating_sub(docs.len());
            bounds.may.extend_from(from, n_missing, &mut docs);
            from = docs.last().map_or(from, |last| last + 1);
            if docs.is_empty() || n_emitted >= limit {
                return Ok((n_emitted, ControlFlow::Continue(())));
            }
            let (batch, n_done) = chunks.batch(&self.unit, &docs, limit - n_emitted)?;
            docs.drain(..n_done.min(docs.len()));
            n_emitted += batch.num_rows();
            if batch.num_rows() > 0 && emit(batch).is_break() {
                return Ok((n_emitted, ControlFlow::Break(())));
            }
        }
    }
}

/// Makes batches of documents that may match.
struct Chunks<'s> {
    shared: &'s Shared,
    must: &'s DocSet,
    /// Documents to take at a time.
    n_docs: usize,
}

impl<'s> Chunks<'s> {
    fn new(shared: &'s Shared, bounds: &'s Bounds) -> Self {
        /// Where records are read: enough for RocksDB to read them together.
        const DOCS_WITH_RECORDS: usize = 1024;
        let columns = &shared.request.columns;
        let reads_records = bounds.may.len() > bounds.must.len()
            || columns.iter().any(|c| reads_records(&c.source));
        let batch_rows = shared.request.batch_rows.max(1);
        Self {
            shared,
            must: &bounds.must,
            n_docs: match reads_records {
                true => batch_rows.min(DOCS_WITH_RECORDS),
                false => batch_rows,
            },
        }
    }

    /// The rows of the documents that match, at most `limit`, and how many of
    /// the documents are done with: at least one.
    fn batch(
        &self,
        unit: &SplitUnit,
        docs: &[u32],
        limit: usize,
    ) -> Result<(RecordBatch, usize), ScanError> {
        let checked = check(self.shared, unit, docs, self.must)?;
        let matching = checked.matching.get(..limit.min(checked.matching.len()));
        let matching = matching.unwrap_or_default();
        let records: Vec<(u32, &StoredRecord)> = checked
            .records
            .iter()
            .map(|(doc, record)| (*doc, record))
            .collect();
        let rows = Rows {
            shared: self.shared,
            unit,
            docs: matching,
        };
        let (batch, n_rows) = rows.batch(&records)?;
        ScanStatistics::add(&self.shared.statistics.events_matched, n_rows as u64);
        let n_done = match matching.get(n_rows) {
            // The records of the rest were too much memory.
            Some(first_left) => docs.partition_point(|doc| doc < first_left),
            None => checked.n_done,
        };
        Ok((batch, n_done))
    }
}

/// Documents after their records were asked.
pub(crate) struct Checked {
    /// Those that match, in order.
    pub matching: Vec<u32>,
    /// The records that were read of them.
    pub records: Vec<(u32, StoredRecord)>,
    /// So many documents were decided.
    pub n_done: usize,
}

/// Decides documents that may match, on their records where they have to be
/// asked. Stops early where the records are too much memory.
///
/// **Shape**: `docs` ascend.
pub(crate) fn check(
    shared: &Shared,
    unit: &SplitUnit,
    docs: &[u32],
    must: &DocSet,
) -> Result<Checked, ScanError> {
    let unsure: Vec<u32> = docs
        .iter()
        .copied()
        .filter(|d| !must.contains(*d))
        .collect();
    let mut records = Vec::new();
    let mut fetched = shared
        .records
        .fetch_some(unit.event_keys(&unsure)?)?
        .into_iter();
    let mut matching = Vec::with_capacity(docs.len());
    for (n_done, doc) in docs.iter().copied().enumerate() {
        if must.contains(doc) {
            matching.push(doc);
            continue;
        }
        let Some(record) = fetched.next() else {
            return Ok(Checked {
                matching,
                records,
                n_done,
            });
        };
        if shared
            .request
            .predicate
            .matches(&record.read_members(&shared.predicate_members)?)
        {
            matching.push(doc);
            records.push((doc, record));
        }
    }
    Ok(Checked {
        matching,
        records,
        n_done: docs.len(),
    })
}

/// Emits rows without columns.
pub(crate) fn emit_counts(
    shared: &Shared,
    mut n_rows: usize,
    emit: &mut Emit<'_>,
) -> Result<ControlFlow<()>, ScanError> {
    while n_rows > 0 {
        let n = n_rows.min(shared.request.batch_rows.max(1));
        let options = RecordBatchOptions::new().with_row_count(Some(n));
        let schema = Arc::clone(&shared.schema);
        let batch = RecordBatch::try_new_with_options(schema, Vec::new(), &options)?;
        if emit(batch).is_break() {
            return Ok(ControlFlow::Break(()));
        }
        n_rows -= n;
    }
    Ok(ControlFlow::Continue(()))
}
