//! The plain path: every record from RocksDB, read and asked. No index, no
//! column, no pruning but by the keys' time.
//!
//! It is the oracle that everything faster is compared with, so it stays
//! obvious. It also answers for what no split holds: pushed events, and
//! published batches that wait for their split.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use hashbrown::HashSet;

use super::error::ScanError;
use super::materialise;
use super::record::StoredRecord;
use super::request::ScanStatistics;
use super::run::{Emit, Shared};
use crate::kv::columns::Column;
use crate::kv::keys::{self, EventKey};

/// The events that a part of a scan reads in the plain way.
pub(crate) struct PlainUnit {
    /// Only events of these batches.
    pub batches: HashSet<u64>,
    /// Whether pushed events are read.
    pub with_tail: bool,
}

/// Records of a batch of rows are kept until their columns are made: of so many
/// bytes at most.
const CHUNK_BYTES: usize = 16 << 20;

impl PlainUnit {
    /// Emits the matching events in the order of their keys, pushed ones last.
    pub fn run(
        &self,
        shared: &Shared,
        limit: usize,
        emit: &mut Emit<'_>,
    ) -> Result<ControlFlow<()>, ScanError> {
        let mut rows: Vec<StoredRecord> = Vec::new();
        let mut n_bytes = 0;
        let mut n_left = limit;
        let mut flow = ControlFlow::Continue(());
        if n_left == 0 {
            return Ok(flow);
        }
        let scanned = self.for_each_match(shared, &mut |record| {
            n_bytes += record.record.len();
            rows.push(record);
            n_left -= 1;
            if rows.len() >= shared.request.batch_rows || n_bytes >= CHUNK_BYTES || n_left == 0 {
                flow = emit(batch(shared, &rows)?);
                rows.clear();
                n_bytes = 0;
            }
            match n_left {
                0 => Ok(ControlFlow::Break(())),
                _ => Ok(flow),
            }
        });
        scanned?;
        if flow.is_continue() && !rows.is_empty() {
            flow = emit(batch(shared, &rows)?);
        }
        Ok(flow)
    }

    /// Shows each event that is visible, in scope, in range and matches.
    pub fn for_each_match(
        &self,
        shared: &Shared,
        visit: &mut dyn FnMut(StoredRecord) -> Result<ControlFlow<()>, ScanError>,
    ) -> Result<(), ScanError> {
        let request = &shared.request;
        let mut asked = |record: StoredRecord| {
            ScanStatistics::add(&shared.statistics.events_scanned, 1);
            let matches = request.predicate.matches(&record.read()?);
            match matches {
                true => {
                    ScanStatistics::add(&shared.statistics.events_matched, 1);
                    visit(record)
                }
                false => Ok(ControlFlow::Continue(())),
            }
        };
        if !self.batches.is_empty() {
            let (start, end) = keys::event_range(request.store, request.time);
            let events = shared
                .snapshot
                .db()
                .range(Column::Events, &start, Some(&end));
            for (n, pair) in events.enumerate() {
                if n % 256 == 0 && shared.cancel.is_cancelled() {
                    return Err(ScanError::Cancelled);
                }
                let (key, value) = pair?;
                let key = EventKey::decode(&key).map_err(|e| ScanError::Corrupt {
                    place: "the key of an event".into(),
                    reason: e.to_string(),
                })?;
                if !self.is_visible(shared, &key)? || !request.scope.holds(&key.account) {
                    continue;
                }
                if asked(shared.records.stored(key, &value)?)?.is_break() {
                    return Ok(());
                }
            }
        }
        if self.with_tail {
            for (arrival, pushed) in shared.snapshot.tail(request.store).iter().enumerate() {
                let event = &pushed.event;
                if !request.time.holds(event.time_ms) || !request.scope.holds(&event.account) {
                    continue;
                }
                let record = shared.records.pushed(request.store, arrival, pushed)?;
                if asked(record)?.is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn is_visible(&self, shared: &Shared, key: &EventKey) -> Result<bool, ScanError> {
        let snapshot = &shared.snapshot;
        if !self.batches.contains(&key.batch) || !snapshot.shows(key.batch, key.ordinal) {
            return Ok(false);
        }
        let entry = snapshot.batch(key.batch)?;
        Ok(entry.is_some_and(|entry| entry.dead.binary_search(&key.ordinal).is_err()))
    }
}

/// The rows of these records.
pub(crate) fn batch(shared: &Shared, rows: &[StoredRecord]) -> Result<RecordBatch, ScanError> {
    let records = rows
        .iter()
        .map(StoredRecord::read)
        .collect::<Result<Vec<_>, _>>()?;
    let records: Vec<_> = records.iter().collect();
    let columns = shared
        .request
        .columns
        .iter()
        .map(|column| materialise::column(&column.source, &records))
        .collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    let schema = Arc::clone(&shared.schema);
    Ok(RecordBatch::try_new_with_options(
        schema, columns, &options,
    )?)
}
