//! Rows in the order of time: a merge of splits that opens each no sooner than
//! its newest (or oldest) event is due, and stops when there are enough rows.

use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::compute::interleave_record_batch;

use super::batch::reads_records;
use super::error::ScanError;
use super::full::{self, PlainUnit};
use super::record::{PUSHED_BATCH, StoredRecord};
use super::request::{ScanStatistics, TimeOrder};
use super::run::{Emit, Shared};
use super::split_rows::{Order, SplitRows};
use super::unit::SplitUnit;
use crate::kv::keys::EventKey;

/// Rows of a batch whose records are read.
const ROWS_WITH_RECORDS: usize = 256;

/// Emits at most `limit` rows in the request's order.
pub(crate) fn run(
    shared: &Shared,
    units: &[Arc<SplitUnit>],
    plain: Option<&PlainUnit>,
    limit: usize,
    emit: &mut Emit<'_>,
) -> Result<(), ScanError> {
    let order = Order(shared.request.order.unwrap_or(TimeOrder::NewestFirst));
    let mut sources: Vec<Source<'_>> = Vec::new();
    if let Some(plain) = plain {
        sources.push(Source::Plain(PlainRows::open(shared, plain, order)?));
    }
    for unit in units {
        sources.push(Source::Split(SplitRows::new(shared, unit, order)));
    }
    let reads = shared
        .request
        .columns
        .iter()
        .any(|c| reads_records(&c.source));
    let batch_rows = match reads {
        true => shared.request.batch_rows.min(ROWS_WITH_RECORDS),
        false => shared.request.batch_rows,
    };
    let mut rows: Vec<(usize, u32)> = Vec::new();
    let mut n_left = limit;
    while n_left > 0 {
        let Some(Turn { source, rival_ms }) = next_turn(&mut sources, order, shared)? else {
            break;
        };
        let Some(best) = sources.get_mut(source) else {
            break;
        };
        // All rows up to where another source may have an earlier one.
        loop {
            rows.extend(best.take().map(|row| (source, row)));
            n_left -= 1;
            let is_first = match (best.known_time(), rival_ms) {
                (Some(time_ms), Some(rival_ms)) => order.of(&time_ms, &rival_ms).is_lt(),
                (time_ms, None) => time_ms.is_some(),
                (None, _) => false,
            };
            if !is_first || n_left == 0 || rows.len() >= batch_rows.max(1) {
                break;
            }
        }
        if rows.len() >= batch_rows.max(1) {
            if emit(batch(shared, &sources, &rows)?).is_break() {
                return Ok(());
            }
            rows.clear();
        }
    }
    if !rows.is_empty() {
        let _ = emit(batch(shared, &sources, &rows)?);
    }
    Ok(())
}

/// Whose row is next.
struct Turn {
    source: usize,
    /// The time of the next row of any other source, or a bound of it.
    rival_ms: Option<i64>,
}

/// The source whose next row comes first; none at the end of all.
fn next_turn(
    sources: &mut [Source<'_>],
    order: Order,
    shared: &Shared,
) -> Result<Option<Turn>, ScanError> {
    loop {
        let mut times: Vec<(i64, usize)> = Vec::with_capacity(sources.len());
        for (i, source) in sources.iter().enumerate() {
            times.extend(source.next_time().map(|time_ms| (time_ms, i)));
        }
        times.sort_unstable_by(|(a, _), (b, _)| order.of(a, b));
        let Some((first_ms, first)) = times.first().copied() else {
            return Ok(None);
        };
        let n_ties = times.partition_point(|(time_ms, _)| *time_ms == first_ms);
        let ties = times.get(..n_ties).unwrap_or_default();
        // A source that only knows a bound of its next time has to look before
        // its turn can be decided.
        let mut has_looked = false;
        for (_, i) in ties {
            if let Some(source) = sources.get_mut(*i) {
                has_looked |= source.look(shared)?;
            }
        }
        if has_looked {
            continue;
        }
        if n_ties == 1 {
            return Ok(Some(Turn {
                source: first,
                rival_ms: times.get(1).map(|(time_ms, _)| *time_ms),
            }));
        }
        let mut keys = Vec::with_capacity(n_ties);
        for (_, i) in ties {
            if let Some(source) = sources.get(*i) {
                keys.push((source.next_key()?, *i));
            }
        }
        keys.sort_by(|(a, _), (b, _)| order.of(a, b));
        return Ok(keys.first().map(|(_, source)| Turn {
            source: *source,
            rival_ms: Some(first_ms),
        }));
    }
}

/// The batch of these rows of the sources.
fn batch(
    shared: &Shared,
    sources: &[Source<'_>],
    rows: &[(usize, u32)],
) -> Result<RecordBatch, ScanError> {
    if shared.cancel.is_cancelled() {
        return Err(ScanError::Cancelled);
    }
    // Those of the plain path were counted when they were found.
    let is_of_split = |(i, _): &&(usize, u32)| matches!(sources.get(*i), Some(Source::Split(_)));
    let n_of_splits = rows.iter().filter(is_of_split).count();
    ScanStatistics::add(&shared.statistics.events_matched, n_of_splits as u64);
    if shared.request.columns.is_empty() {
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let schema = Arc::clone(&shared.schema);
        return Ok(RecordBatch::try_new_with_options(
            schema,
            Vec::new(),
            &options,
        )?);
    }
    let mut by_source: Vec<(usize, Vec<u32>)> = Vec::new();
    for (source, row) in rows {
        match by_source.iter_mut().find(|(s, _)| s == source) {
            Some((_, of_source)) => of_source.push(*row),
            None => by_source.push((*source, vec![*row])),
        }
    }
    let mut batches = Vec::new();
    for (source, of_source) in &mut by_source {
        of_source.sort_unstable();
        if let Some(source) = sources.get(*source) {
            batches.push(source.batch(shared, of_source)?);
        }
    }
    let mut places = Vec::with_capacity(rows.len());
    for (source, row) in rows {
        let batch = by_source.iter().position(|(s, _)| s == source);
        let place = batch.and_then(|b| {
            let (_, of_source) = by_source.get(b)?;
            Some((b, of_source.binary_search(row).ok()?))
        });
        places.extend(place);
    }
    if let ([one], true) = (batches.as_slice(), places.is_sorted()) {
        return Ok(one.clone());
    }
    let batches: Vec<&RecordBatch> = batches.iter().collect();
    Ok(interleave_record_batch(&batches, &places)?)
}

enum Source<'s> {
    Split(SplitRows<'s>),
    Plain(PlainRows),
}

impl Source<'_> {
    /// The time of the next row, or a bound of it before [`Self::look`]; none
    /// at the end.
    fn next_time(&self) -> Option<i64> {
        match self {
            Self::Split(rows) => rows.next_time(),
            Self::Plain(rows) => rows.next().map(|key| key.time_ms),
        }
    }

    /// The time of the next row where it was found already.
    fn known_time(&self) -> Option<i64> {
        match self {
            Self::Split(rows) => rows.known_time(),
            Self::Plain(rows) => rows.next().map(|key| key.time_ms),
        }
    }

    /// Finds the next row where only a bound of its time is known; says whether
    /// that was so.
    fn look(&mut self, shared: &Shared) -> Result<bool, ScanError> {
        match self {
            Self::Split(rows) => rows.look(shared),
            Self::Plain(_) => Ok(false),
        }
    }

    fn next_key(&self) -> Result<Option<EventKey>, ScanError> {
        match self {
            Self::Split(rows) => rows.next_key(),
            Self::Plain(rows) => Ok(rows.next().cloned()),
        }
    }

    /// The next row, by its number in the source.
    fn take(&mut self) -> Option<u32> {
        match self {
            Self::Split(rows) => rows.take(),
            Self::Plain(rows) => rows.take(),
        }
    }

    /// The batch of these rows, which ascend.
    fn batch(&self, shared: &Shared, rows: &[u32]) -> Result<RecordBatch, ScanError> {
        match self {
            Self::Split(source) => source.batch(shared, rows),
            Self::Plain(source) => source.batch(shared, rows),
        }
    }
}

/// Matching events that no split holds, in order: they are found first and read
/// again when their turn comes, so only their keys are kept.
struct PlainRows {
    keys: Vec<EventKey>,
    at: usize,
}

impl PlainRows {
    fn open(shared: &Shared, plain: &PlainUnit, order: Order) -> Result<Self, ScanError> {
        let mut keys = Vec::new();
        plain.for_each_match(shared, &mut |record| {
            keys.push(record.key);
            Ok(ControlFlow::Continue(()))
        })?;
        keys.sort_by(|a, b| order.of(a, b));
        Ok(Self { keys, at: 0 })
    }

    fn next(&self) -> Option<&EventKey> {
        self.keys.get(self.at)
    }

    fn take(&mut self) -> Option<u32> {
        self.next()?;
        self.at += 1;
        Some((self.at - 1) as u32)
    }

    fn batch(&self, shared: &Shared, rows: &[u32]) -> Result<RecordBatch, ScanError> {
        let tail = shared.snapshot.tail(shared.request.store);
        let keys = || rows.iter().filter_map(|row| self.keys.get(*row as usize));
        let stored = keys().filter(|key| key.batch != PUSHED_BATCH).cloned();
        let mut stored = shared.records.fetch(stored.collect())?.into_iter();
        let mut records: Vec<StoredRecord> = Vec::with_capacity(rows.len());
        for key in keys() {
            let arrival = key.ordinal as usize;
            match tail.get(arrival).filter(|_| key.batch == PUSHED_BATCH) {
                Some(pushed) => records.push(shared.records.pushed(key.store, arrival, pushed)?),
                None => records.extend(stored.next()),
            }
        }
        full::batch(shared, &records)
    }
}
