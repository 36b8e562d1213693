//! One split in a scan: which of its documents are asked about, and what the
//! parts and threads of the scan share of it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::HashMap;
use parking_lot::Mutex;

use super::error::ScanError;
use super::evaluate::{Bounds, Evaluator, PassingOrds};
use super::predicate::{Field, FieldTest, Matcher, Predicate};
use super::request::{AccountScope, Cancel, TimeRange};
use crate::arrivals::Arrivals;
use crate::catalog::SplitEntry;
use crate::index::columns::TextColumn;
use crate::index::dictionary::Texts;
use crate::index::docset::{Bits, DocSet};
use crate::index::reader::SplitReader;
use crate::kv::keys::EventKey;
use crate::snapshot::{Snapshot, SplitHandle};

/// A split of a scan.
pub(crate) struct SplitUnit {
    pub entry: Arc<SplitEntry>,
    pub split: Arc<SplitReader>,
    /// The events that are seen; none where all are.
    arrivals: Option<Arc<Arrivals>>,
    passing: PassingOrds,
    /// Whole dictionaries by column.
    texts: Mutex<HashMap<String, Arc<Texts>>>,
    /// How many rows the scan may want of the split.
    n_rows_wanted: AtomicUsize,
}

impl SplitUnit {
    /// Opens a split of the snapshot.
    pub fn open(snapshot: &Snapshot, handle: &SplitHandle) -> Result<Self, ScanError> {
        Ok(Self {
            entry: Arc::clone(&handle.entry),
            split: handle.slot.open()?,
            arrivals: snapshot.arrivals_in(&handle.entry),
            passing: PassingOrds::default(),
            texts: Mutex::new(HashMap::new()),
            n_rows_wanted: AtomicUsize::new(0),
        })
    }

    /// The documents that can be in the time range: found by halving where the
    /// documents are in order of time.
    pub fn documents(&self, range: &TimeRange) -> Result<Range<u32>, ScanError> {
        let all = 0..self.split.n_docs();
        if !self.entry.sorted || self.is_inside(range) {
            return Ok(all);
        }
        self.in_order(all, range)
    }

    /// Of documents that are in order of time those in the time range.
    fn in_order(&self, docs: Range<u32>, range: &TimeRange) -> Result<Range<u32>, ScanError> {
        let time = &self.split.keys()?.time;
        let first_from = |time_ms: i64| {
            let (mut low, mut high) = (docs.start, docs.end);
            while low < high {
                let middle = low + (high - low) / 2;
                if time.value(middle) < time_ms {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            low
        };
        let start = first_from(range.start_ms);
        Ok(start..first_from(range.end_ms).max(start))
    }

    /// The documents out of `within` in the time range, of a split that is not in
    /// order of time.
    fn in_time(&self, within: &DocSet, range: &TimeRange) -> Result<DocSet, ScanError> {
        let runs = &self.entry.runs;
        if runs.is_empty() {
            let times = &self.split.keys()?.time;
            return Ok(times.documents(within, |time_ms| range.holds(time_ms)));
        }
        let ends = runs.iter().skip(1).copied().chain([self.split.n_docs()]);
        let mut in_time = Bits::new(within.range());
        for (start, end) in runs.iter().copied().zip(ends) {
            in_time.insert_all(self.in_order(start..end, range)?);
        }
        Ok(in_time.finish().and(within))
    }

    fn is_inside(&self, range: &TimeRange) -> bool {
        range.start_ms <= self.entry.time_min_ms && self.entry.time_max_ms < range.end_ms
    }

    /// The documents of the range that may be shown: not dead, not hidden by the
    /// snapshot, in time and in scope. `range` was told by [`Self::documents`] for these times.
    pub fn visible(
        &self,
        range: Range<u32>,
        time: &TimeRange,
        scope: &AccountScope,
        cancel: &Cancel,
    ) -> Result<DocSet, ScanError> {
        let dead = DocSet::from_sorted(range.clone(), &self.entry.dead);
        let mut visible = DocSet::all(range).minus(&dead);
        if !self.entry.sorted && !self.is_inside(time) {
            visible = self.in_time(&visible, time)?;
        }
        if let Some(arrivals) = &self.arrivals {
            let keys = self.split.keys()?;
            let docs = visible.iter().filter(|doc| {
                let (batch, ordinal) = (keys.batch.value(*doc), keys.ordinal.value(*doc));
                arrivals.holds(batch as u64, ordinal as u32)
            });
            let docs: Vec<u32> = docs.collect();
            visible = DocSet::from_sorted(visible.range(), &docs);
        }
        if let AccountScope::Only(accounts) = scope {
            let is_inside = self.entry.accounts.keys().all(|a| accounts.contains(a));
            if !is_inside {
                let test = Predicate::Field(FieldTest {
                    field: Field::Account,
                    matcher: Matcher::OneOf(accounts.clone()),
                    when_missing: accounts.contains(""),
                });
                visible = self.bounds(&test, &visible, cancel)?.must;
            }
        }
        Ok(visible)
    }

    /// The documents out of `within` that match, as far as the split knows.
    pub fn bounds(
        &self,
        predicate: &Predicate,
        within: &DocSet,
        cancel: &Cancel,
    ) -> Result<Bounds, ScanError> {
        let evaluator = Evaluator {
            split: &self.split,
            passing: &self.passing,
            cancel,
        };
        evaluator.evaluate(predicate, within)
    }

    /// The keys of documents.
    pub fn event_keys(&self, docs: &[u32]) -> Result<Vec<EventKey>, ScanError> {
        let keys = self.split.keys()?;
        let key = |doc: &u32| EventKey {
            store: self.entry.store,
            time_ms: keys.time.value(*doc),
            account: keys.account_of(*doc).to_owned(),
            batch: keys.batch.value(*doc) as u64,
            ordinal: keys.ordinal.value(*doc) as u32,
        };
        Ok(docs.iter().map(key).collect())
    }

    /// Says that the scan may want so many more rows.
    pub fn expect_rows(&self, n: usize) {
        self.n_rows_wanted.fetch_add(n, Ordering::Relaxed);
    }

    /// The texts of these ordinals at least, which ascend strictly: the whole
    /// dictionary, kept for all parts of the scan, where many rows are wanted.
    pub fn texts(
        &self,
        name: &str,
        column: &TextColumn,
        ords: Vec<u64>,
    ) -> Result<Arc<Texts>, ScanError> {
        let failed = |e| ScanError::damaged(self.split.path(), name, e);
        if let Some(texts) = self.texts.lock().get(name) {
            return Ok(Arc::clone(texts));
        }
        let n_wanted = self.n_rows_wanted.load(Ordering::Relaxed).max(ords.len());
        if column.is_less_than_all(n_wanted) {
            return Ok(Arc::new(column.texts_of(ords).map_err(failed)?));
        }
        let mut texts = self.texts.lock();
        if let Some(texts) = texts.get(name) {
            return Ok(Arc::clone(texts));
        }
        let whole = Arc::new(column.texts().map_err(failed)?);
        texts.insert(name.to_owned(), Arc::clone(&whole));
        Ok(whole)
    }
}
