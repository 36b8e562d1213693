//! What is published, as the writer holds it in memory.
//!
//! The disk is the truth: every change here follows a synced write.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::catalog::SplitEntry;
use crate::data_store::EventDataStore;
use crate::kv::columns::Column;
use crate::kv::db::{Db, KvError};
use crate::scan::{StoreId, TimeRange};

/// Stores and splits, and which splits came since when.
pub struct Catalogue {
    pub stores: Vec<EventDataStore>,
    splits: BTreeMap<u64, Arc<SplitEntry>>,
    /// Splits in the order of publishing, as far back as a batch in flight
    /// may ask. A batch is compared with all splits before it is built, and
    /// in the publish step with those that came since.
    recent: VecDeque<Arc<SplitEntry>>,
    /// How many were dropped from the front of `recent`.
    forgotten: u64,
    in_flight: Vec<u64>,
}

/// A point in the order of publishing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u64);

impl Catalogue {
    pub fn load(db: &Db) -> Result<Self, KvError> {
        let stores = db.entries::<EventDataStore>(Column::Stores)?;
        let splits = db.entries::<SplitEntry>(Column::Splits)?;
        Ok(Self {
            stores: stores.into_iter().map(|(_, store)| store).collect(),
            splits: splits
                .into_iter()
                .map(|(_, split)| (split.id, Arc::new(split)))
                .collect(),
            recent: VecDeque::new(),
            forgotten: 0,
            in_flight: Vec::new(),
        })
    }

    pub fn store(&self, id: StoreId) -> Option<&EventDataStore> {
        self.stores.iter().find(|s| s.id == id)
    }

    /// The splits of a store that may hold events of the time range.
    pub fn overlapping(&self, store: StoreId, time: TimeRange) -> Vec<Arc<SplitEntry>> {
        self.splits
            .values()
            .filter(|s| s.store == store && !s.time().and(&time).is_empty())
            .cloned()
            .collect()
    }

    pub fn splits(&self, store: StoreId) -> impl Iterator<Item = &Arc<SplitEntry>> {
        self.splits.values().filter(move |s| s.store == store)
    }

    pub fn split(&self, id: u64) -> Option<&Arc<SplitEntry>> {
        self.splits.get(&id)
    }

    /// Now, for a batch that will ask what came since.
    pub fn mark(&mut self) -> Mark {
        let now = self.forgotten + self.recent.len() as u64;
        self.in_flight.push(now);
        Mark(now)
    }

    /// The batch of the mark asks no more.
    pub fn release(&mut self, mark: Mark) {
        if let Some(i) = self.in_flight.iter().position(|m| *m == mark.0) {
            self.in_flight.swap_remove(i);
        }
        let now = self.forgotten + self.recent.len() as u64;
        let oldest = self.in_flight.iter().copied().min().unwrap_or(now);
        while self.forgotten < oldest && self.recent.pop_front().is_some() {
            self.forgotten += 1;
        }
    }

    /// The splits that hold the events that were published since the mark; more
    /// where one of them has been merged away.
    pub fn since(&self, mark: Mark, store: StoreId, time: TimeRange) -> Vec<Arc<SplitEntry>> {
        let skipped = mark.0.saturating_sub(self.forgotten) as usize;
        let since: Vec<Arc<SplitEntry>> = self
            .recent
            .iter()
            .skip(skipped)
            .filter(|s| s.store == store && !s.time().and(&time).is_empty())
            .cloned()
            .collect();
        let are_current = since.iter().all(|s| self.splits.contains_key(&s.id));
        match are_current {
            true => since,
            false => self.overlapping(store, time),
        }
    }

    /// A split of events that were not published before.
    pub fn add_new(&mut self, split: SplitEntry) {
        let split = Arc::new(split);
        self.recent.push_back(Arc::clone(&split));
        self.splits.insert(split.id, split);
    }

    /// A split takes the place of others that hold the same events.
    pub fn replace(&mut self, inputs: &[u64], output: Option<SplitEntry>) {
        for id in inputs {
            self.splits.remove(id);
        }
        if let Some(split) = output {
            self.splits.insert(split.id, Arc::new(split));
        }
    }
}
