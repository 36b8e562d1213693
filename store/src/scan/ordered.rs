//! Rows in the order of time: a merge of splits that opens each no sooner than
//! its newest (or oldest) event is due, and stops when there are enough rows.
//!
//! A split is asked from the due end in windows that grow, so "the newest 100"
//! touches a corner of one split.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::compute::interleave_record_batch;

use super::batch::{Rows, reads_records};
use super::error::ScanError;
use super::full::{self, PlainUnit};
use super::record::{PUSHED_BATCH, StoredRecord};
use super::request::{ScanStatistics, TimeOrder, TimeRange};
use super::run::{Emit, Shared, check};
use super::unit::SplitUnit;
use crate::index::docset::DocSet;
use crate::kv::keys::EventKey;

/// Documents of the first window. Few in unit tests, whose splits are small.
const WINDOW_DOCS: u64 = if cfg!(test) { 32 } else { 16 << 10 };
/// Documents that are decided on records at a time.
const CHECK_DOCS: usize = if cfg!(test) { 16 } else { 512 };
/// Rows of a batch whose records are read.
const ROWS_WITH_RECORDS: usize = 256;

/// Emits at most `limit` rows in the request's order, and their ties.
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
    // The time of the last row, where those of the same time come along.
    let mut tied_ms = None;
    while n_left > 0 || tied_ms.is_some() {
        let Some(Turn { source, rival_ms }) = next_turn(&mut sources, order, shared)? else {
            break;
        };
        let Some(best) = sources.get_mut(source) else {
            break;
        };
        if n_left == 0 && best.known_time() != tied_ms {
            break;
        }
        // All rows up to where another source may have an earlier one.
        loop {
            if shared.request.with_ties {
                tied_ms = best.known_time();
            }
            rows.extend(best.take().map(|row| (source, row)));
            n_left = n_left.saturating_sub(1);
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

#[derive(Clone, Copy)]
struct Order(TimeOrder);

impl Order {
    /// How two times, or keys, follow each other.
    fn of<T: Ord + ?Sized>(self, a: &T, b: &T) -> Ordering {
        match self.0 {
            TimeOrder::OldestFirst => a.cmp(b),
            TimeOrder::NewestFirst => b.cmp(a),
        }
    }
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
            Self::Split(rows) => rows.found.front().map(|(time_ms, _)| *time_ms),
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
            Self::Split(rows) => match rows.found.front() {
                Some((_, doc)) => Ok(rows.unit.event_keys(&[*doc])?.pop()),
                None => Ok(None),
            },
            Self::Plain(rows) => Ok(rows.next().cloned()),
        }
    }

    /// The next row, by its number in the source.
    fn take(&mut self) -> Option<u32> {
        match self {
            Self::Split(rows) => rows.found.pop_front().map(|(_, doc)| doc),
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

/// Documents for a window that should hold all that are wanted, after one of
/// `window_docs` had `n_found`: where documents are not in order of time each
/// window looks through the times of all, so there should be few.
fn large_enough(window_docs: u64, n_found: usize, n_wanted: usize) -> u64 {
    let for_each = window_docs / (n_found as u64 + 1) + 1;
    let enough = for_each.saturating_mul(n_wanted as u64).saturating_mul(2);
    enough.max(window_docs.saturating_mul(2))
}

/// The rows of a split in order.
struct SplitRows<'s> {
    unit: &'s SplitUnit,
    order: Order,
    left: Left,
    /// About how many documents the next window has.
    window_docs: u64,
    /// Documents that may match, in order, not decided yet.
    candidates: VecDeque<u32>,
    must: DocSet,
    /// Times and documents of the next rows.
    found: VecDeque<(i64, u32)>,
    /// No later row comes before this time.
    bound: i64,
}

/// What was not asked about yet.
enum Left {
    /// Everything.
    All,
    /// Of a split whose documents are in order of time: these.
    Documents(Range<u32>),
    /// Of any other: those of these times.
    Times(TimeRange),
}

impl<'s> SplitRows<'s> {
    fn new(shared: &Shared, unit: &'s SplitUnit, order: Order) -> Self {
        let time = unit.entry.time().and(&shared.request.time);
        let bound = match order.0 {
            TimeOrder::OldestFirst => time.start_ms,
            TimeOrder::NewestFirst => time.end_ms.saturating_sub(1),
        };
        Self {
            unit,
            order,
            left: Left::All,
            window_docs: match shared.request.limit {
                Some(_) => WINDOW_DOCS,
                None => u64::from(u32::MAX),
            },
            candidates: VecDeque::new(),
            must: DocSet::none(0..0),
            found: VecDeque::new(),
            bound,
        }
    }

    fn next_time(&self) -> Option<i64> {
        match self.found.front() {
            Some((time_ms, _)) => Some(*time_ms),
            None if self.is_at_end() => None,
            None => Some(self.bound),
        }
    }

    fn is_at_end(&self) -> bool {
        let is_all_asked = match &self.left {
            Left::All => false,
            Left::Documents(range) => range.is_empty(),
            Left::Times(range) => range.is_empty(),
        };
        is_all_asked && self.candidates.is_empty()
    }

    fn look(&mut self, shared: &Shared) -> Result<bool, ScanError> {
        if !self.found.is_empty() || self.is_at_end() {
            return Ok(false);
        }
        if self.candidates.is_empty() {
            self.next_window(shared)?;
        } else {
            self.decide(shared)?;
        }
        Ok(true)
    }

    /// Asks about the next documents.
    fn next_window(&mut self, shared: &Shared) -> Result<(), ScanError> {
        let request = &shared.request;
        let (docs, time) = match std::mem::replace(&mut self.left, Left::All) {
            Left::All if self.unit.entry.sorted => {
                self.window_of_documents(self.unit.documents(&request.time)?)
            }
            Left::All => self.window_of_times(self.unit.entry.time().and(&request.time)),
            Left::Documents(left) => self.window_of_documents(left),
            Left::Times(left) => self.window_of_times(left),
        };
        let time = time.and(&request.time);
        let visible = self
            .unit
            .visible(docs, &time, &request.scope, &shared.cancel)?;
        ScanStatistics::add(&shared.statistics.events_scanned, visible.len() as u64);
        let bounds = self
            .unit
            .bounds(&request.predicate, &visible, &shared.cancel)?;
        self.must = bounds.must;
        let mut candidates: Vec<u32> = bounds.may.iter().collect();
        let n_wanted = request.limit.unwrap_or(usize::MAX);
        self.unit.expect_rows(candidates.len().min(n_wanted));
        self.window_docs = match self.unit.entry.sorted {
            true => self.window_docs.saturating_mul(2),
            false => large_enough(self.window_docs, candidates.len(), n_wanted),
        };
        if !self.unit.entry.sorted {
            candidates = self.in_order_of_time(candidates)?;
        }
        if self.order.0 == TimeOrder::NewestFirst {
            candidates.reverse();
        }
        self.bound = match (candidates.first(), &self.left, self.order.0) {
            (Some(doc), _, _) => self.unit.split.keys()?.time.value(*doc),
            (None, Left::Times(rest), TimeOrder::OldestFirst) => rest.start_ms,
            (None, Left::Times(rest), TimeOrder::NewestFirst) => rest.end_ms.saturating_sub(1),
            (None, Left::Documents(rest), order) => {
                let next = match order {
                    TimeOrder::OldestFirst => rest.clone().next(),
                    TimeOrder::NewestFirst => rest.clone().next_back(),
                };
                let keys = self.unit.split.keys()?;
                next.map_or(self.bound, |doc| keys.time.value(doc))
            }
            (None, Left::All, _) => self.bound,
        };
        self.candidates = candidates.into();
        Ok(())
    }

    /// The due end of these documents; the rest is left.
    fn window_of_documents(&mut self, left: Range<u32>) -> (Range<u32>, TimeRange) {
        let n = self.window_docs.min(left.len() as u64) as u32;
        let (window, rest) = match self.order.0 {
            TimeOrder::OldestFirst => (left.start..left.start + n, left.start + n..left.end),
            TimeOrder::NewestFirst => (left.end - n..left.end, left.start..left.end - n),
        };
        self.left = Left::Documents(rest);
        (window, TimeRange::ALL)
    }

    /// The due end of these times, as long as should hold the documents of a
    /// window; the rest is left.
    fn window_of_times(&mut self, left: TimeRange) -> (Range<u32>, TimeRange) {
        let docs = 0..self.unit.split.n_docs();
        let whole = self.unit.entry.time();
        let n_ms = whole.end_ms.saturating_sub(whole.start_ms).max(1) as u64;
        let share = n_ms / (u64::from(docs.end) / self.window_docs).max(1);
        let length = share.clamp(1, i64::MAX as u64) as i64;
        let (start_ms, end_ms) = (left.start_ms, left.end_ms);
        let cut_ms = match self.order.0 {
            TimeOrder::OldestFirst => start_ms.saturating_add(length).min(end_ms),
            TimeOrder::NewestFirst => end_ms.saturating_sub(length).max(start_ms),
        };
        let before = TimeRange {
            start_ms,
            end_ms: cut_ms,
        };
        let after = TimeRange {
            start_ms: cut_ms,
            end_ms,
        };
        let (window, rest) = match self.order.0 {
            TimeOrder::OldestFirst => (before, after),
            TimeOrder::NewestFirst => (after, before),
        };
        self.left = Left::Times(rest);
        (docs, window)
    }

    fn in_order_of_time(&self, docs: Vec<u32>) -> Result<Vec<u32>, ScanError> {
        let keys = self.unit.split.keys()?;
        let mut sorted: Vec<_> = docs
            .into_iter()
            .map(|doc| {
                let (time, batch) = (keys.time.value(doc), keys.batch.value(doc));
                (
                    (time, keys.account_rank(doc), batch, keys.ordinal.value(doc)),
                    doc,
                )
            })
            .collect();
        sorted.sort_unstable();
        Ok(sorted.into_iter().map(|(_, doc)| doc).collect())
    }

    /// Decides the next candidates.
    fn decide(&mut self, shared: &Shared) -> Result<(), ScanError> {
        if shared.cancel.is_cancelled() {
            return Err(ScanError::Cancelled);
        }
        let time = &self.unit.split.keys()?.time;
        let mut chunk: Vec<u32> = Vec::new();
        let mut n_unsure = 0;
        while let Some(doc) = self.candidates.front() {
            if !self.must.contains(*doc) {
                n_unsure += 1;
            }
            if n_unsure > CHECK_DOCS || chunk.len() >= 8 * CHECK_DOCS {
                break;
            }
            chunk.extend(self.candidates.pop_front());
        }
        let mut sorted = chunk.clone();
        sorted.sort_unstable();
        let mut n_done = 0;
        let mut matching = Vec::new();
        while let Some(rest) = sorted.get(n_done..).filter(|rest| !rest.is_empty()) {
            let checked = check(shared, self.unit, rest, &self.must)?;
            matching.extend(checked.matching);
            n_done += checked.n_done.max(1);
        }
        for doc in chunk {
            self.bound = time.value(doc);
            if matching.binary_search(&doc).is_ok() {
                self.found.push_back((self.bound, doc));
            }
        }
        Ok(())
    }

    fn batch(&self, shared: &Shared, docs: &[u32]) -> Result<RecordBatch, ScanError> {
        let mut batches = Vec::new();
        let mut n_done = 0;
        while let Some(rest) = docs.get(n_done..).filter(|rest| !rest.is_empty()) {
            let rows = Rows {
                shared,
                unit: self.unit,
                docs: rest,
            };
            let (batch, n) = rows.batch(&[])?;
            n_done += n.max(1);
            batches.push(batch);
        }
        if let [one] = batches.as_slice() {
            return Ok(one.clone());
        }
        Ok(arrow::compute::concat_batches(&shared.schema, &batches)?)
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
