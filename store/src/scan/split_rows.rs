//! The rows of one split in the order of time.
//!
//! The split is asked from the due end in windows that double, so "the newest
//! 100" touches a corner of it. Windows are documents where those are in order
//! of time, else spans of time.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::ops::Range;

use arrow::array::RecordBatch;

use super::batch::Rows;
use super::error::ScanError;
use super::request::{ScanStatistics, TimeOrder, TimeRange};
use super::run::{Shared, check};
use super::unit::{Reading, SplitUnit};
use crate::index::docset::DocSet;
use crate::kv::keys::EventKey;

/// Documents of the first window. Few in unit tests, whose splits are small.
const WINDOW_DOCS: u64 = if cfg!(test) { 32 } else { 16 << 10 };
/// Documents that are decided on records at a time.
const CHECK_DOCS: usize = if cfg!(test) { 16 } else { 512 };
/// Which way time runs.
#[derive(Clone, Copy)]
pub(crate) struct Order(pub TimeOrder);

impl Order {
    /// How two times, or keys, follow each other.
    pub fn of<T: Ord + ?Sized>(self, a: &T, b: &T) -> Ordering {
        match self.0 {
            TimeOrder::OldestFirst => a.cmp(b),
            TimeOrder::NewestFirst => b.cmp(a),
        }
    }
}

/// The rows of a split in order.
pub(crate) struct SplitRows<'s> {
    unit: &'s SplitUnit,
    /// Held from the first window to the last row.
    reading: Option<Reading<'s>>,
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
    pub fn new(shared: &Shared, unit: &'s SplitUnit, order: Order) -> Self {
        let time = unit.entry.time().and(&shared.request.time);
        let bound = match order.0 {
            TimeOrder::OldestFirst => time.start_ms,
            TimeOrder::NewestFirst => time.end_ms.saturating_sub(1),
        };
        Self {
            unit,
            reading: None,
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

    /// The time of the next row, or a bound of it before [`Self::look`]; none
    /// at the end.
    pub fn next_time(&self) -> Option<i64> {
        match self.found.front() {
            Some((time_ms, _)) => Some(*time_ms),
            None if self.is_at_end() => None,
            None => Some(self.bound),
        }
    }

    /// The time of the next row where it was found already.
    pub fn known_time(&self) -> Option<i64> {
        self.found.front().map(|(time_ms, _)| *time_ms)
    }

    pub fn next_key(&self) -> Result<Option<EventKey>, ScanError> {
        match self.found.front() {
            Some((_, doc)) => Ok(self.unit.event_keys(&[*doc])?.next()),
            None => Ok(None),
        }
    }

    /// Takes the next row, a document of the split.
    pub fn take(&mut self) -> Option<u32> {
        let next = self.found.pop_front();
        if self.found.is_empty() && self.is_at_end() {
            self.reading = None;
        }
        next.map(|(_, doc)| doc)
    }

    fn is_at_end(&self) -> bool {
        let is_all_asked = match &self.left {
            Left::All => false,
            Left::Documents(range) => range.is_empty(),
            Left::Times(range) => range.is_empty(),
        };
        is_all_asked && self.candidates.is_empty()
    }

    /// Finds the next row where only a bound of its time is known; says whether
    /// that was so.
    pub fn look(&mut self, shared: &Shared) -> Result<bool, ScanError> {
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
        self.reading.get_or_insert_with(|| self.unit.reading());
        let (docs, time) = match std::mem::replace(&mut self.left, Left::All) {
            Left::All if self.unit.entry.sorted => {
                self.window_of_documents(self.unit.documents(&request.time)?)
            }
            Left::All => self.window_of_times(self.unit.entry.time().and(&request.time)),
            Left::Documents(left) => self.window_of_documents(left),
            Left::Times(left) => self.window_of_times(left),
        };
        self.window_docs = self.window_docs.saturating_mul(2);
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

    /// The batch of these documents, which ascend.
    pub fn batch(&self, shared: &Shared, docs: &[u32]) -> Result<RecordBatch, ScanError> {
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
