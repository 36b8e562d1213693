//! What is visible at one moment: an immutable view of the catalogue.
//!
//! Queries read through a snapshot only, so a batch is seen whole or not at
//! all, and whatever is published, merged or sealed meanwhile changes nothing
//! for a query that runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use parking_lot::Mutex;

use crate::arrivals::Arrivals;
use crate::catalog::{BatchEntry, SplitEntry};
use crate::data_store::EventDataStore;
use crate::directory::Directory;
use crate::index::cache::{SplitCache, SplitSlot};
use crate::kv::columns::Column;
use crate::kv::db::{Db, KvError};
use crate::kv::value::{Provenance, TailEvent};
use crate::scan::groups::Vocabularies;
use crate::scan::{ScanError, StoreId};

/// A published split and the place where it is open.
#[derive(Clone)]
pub struct SplitHandle {
    pub entry: Arc<SplitEntry>,
    pub(crate) slot: Arc<SplitSlot>,
}

/// A pushed event that no split holds yet.
#[derive(Debug, Clone)]
pub(crate) struct PushedEvent {
    pub sequence: u64,
    pub event: TailEvent,
}

impl PushedEvent {
    /// Where it came from, which stays when it is sealed: no two events share it.
    pub fn provenance(&self) -> Provenance {
        self.event.event.provenance
    }
}

/// The published state at one moment.
pub struct Snapshot {
    db: Arc<Db>,
    splits_folder: PathBuf,
    cache: Arc<SplitCache>,
    stores: Vec<EventDataStore>,
    splits: Vec<SplitHandle>,
    /// Published batches that no split holds: the plain path answers for them.
    uncovered: HashMap<u64, BatchEntry>,
    tails: HashMap<StoreId, Arc<Vec<PushedEvent>>>,
    /// Entries of batches, read when the plain path asks.
    batches: Mutex<HashMap<u64, Option<Arc<BatchEntry>>>>,
    /// Only these events are seen, and pushed ones; none where all are.
    arrivals: Option<Arc<Arrivals>>,
}

impl Snapshot {
    /// Reads what the writer has published by now.
    ///
    /// **Cost**: proportional to the number of splits, batches and pushed
    /// events; no split is opened.
    pub(crate) fn load(
        db: Arc<Db>,
        splits_folder: &Path,
        cache: Arc<SplitCache>,
    ) -> Result<Self, KvError> {
        let following = Arc::clone(&db);
        following.following(|| Self::read(db, splits_folder, cache))
    }

    /// Reads the catalogue. A seal that happens meanwhile is noticed and the
    /// reading repeated.
    fn read(db: Arc<Db>, splits_folder: &Path, cache: Arc<SplitCache>) -> Result<Self, KvError> {
        loop {
            let tails = read_tails(&db)?;
            // Batches before splits: a batch that is published in between is
            // then held by a split, and never by none that the snapshot knows.
            let batches = read_batch_numbers(&db)?;
            let splits = db.entries::<SplitEntry>(Column::Splits)?;
            if !still_there(&db, &tails)? {
                continue;
            }
            let stores = db.entries::<EventDataStore>(Column::Stores)?;
            let covered: HashSet<u64> = splits
                .iter()
                .flat_map(|(_, entry)| entry.batches.iter().copied())
                .collect();
            let mut uncovered = HashMap::new();
            for number in batches.into_iter().filter(|b| !covered.contains(b)) {
                if let Some(entry) = db.entry(Column::Batches, &number.to_be_bytes())? {
                    uncovered.insert(number, entry);
                }
            }
            let splits = splits
                .into_iter()
                .map(|(_, entry)| SplitHandle {
                    slot: cache.slot(splits_folder, entry.id),
                    entry: Arc::new(entry),
                })
                .collect();
            cache.forget_unused();
            return Ok(Self {
                db,
                splits_folder: splits_folder.to_owned(),
                cache,
                stores: stores.into_iter().map(|(_, store)| store).collect(),
                splits,
                uncovered,
                tails: tails.into_iter().map(|(s, t)| (s, Arc::new(t))).collect(),
                batches: Mutex::new(HashMap::new()),
                arrivals: None,
            });
        }
    }

    /// What is visible now; of arrivals, the same ones where they lie now.
    pub(crate) fn refreshed(&self) -> Result<Self, KvError> {
        let now = Self::load(
            Arc::clone(&self.db),
            &self.splits_folder,
            Arc::clone(&self.cache),
        )?;
        Ok(match &self.arrivals {
            None => now,
            Some(arrivals) => now.only(Arc::clone(arrivals), self.tails.clone()),
        })
    }

    /// The events of this snapshot that `earlier` did not show; all where there
    /// is no earlier one. Asked one after another, snapshots show each event
    /// exactly once, in whichever order events happened, arrived and were
    /// merged.
    ///
    /// **Cost**: reads the events of a time once for each pushed one that was
    /// sealed since.
    pub fn arrivals(&self, earlier: Option<&Self>) -> Result<Self, KvError> {
        let mut arrivals = Arrivals::default();
        for store in &self.stores {
            let before = earlier.map(|e| e.batches_of(store.id)).unwrap_or_default();
            let now = self.batches_of(store.id);
            arrivals.batches.extend(now.difference(&before));
        }
        let mut tails = self.tails.clone();
        for (store, shown) in earlier.iter().flat_map(|e| &e.tails) {
            let places: HashSet<Provenance> = shown.iter().map(PushedEvent::provenance).collect();
            let tail = self.tail(*store);
            let is_new = |pushed: &&PushedEvent| !places.contains(&pushed.provenance());
            tails.insert(
                *store,
                Arc::new(tail.iter().filter(is_new).cloned().collect()),
            );
            let left: HashSet<Provenance> = tail.iter().map(PushedEvent::provenance).collect();
            let sealed = shown.iter().filter(|p| !left.contains(&p.provenance()));
            arrivals.find_sealed(&self.db, *store, sealed)?;
        }
        let all = Self {
            db: Arc::clone(&self.db),
            splits_folder: self.splits_folder.clone(),
            cache: Arc::clone(&self.cache),
            stores: self.stores.clone(),
            splits: self.splits.clone(),
            uncovered: self.uncovered.clone(),
            tails: HashMap::new(),
            batches: Mutex::new(HashMap::new()),
            arrivals: None,
        };
        Ok(all.only(Arc::new(arrivals), tails))
    }

    fn only(
        mut self,
        arrivals: Arc<Arrivals>,
        tails: HashMap<StoreId, Arc<Vec<PushedEvent>>>,
    ) -> Self {
        self.splits.retain(|s| arrivals.meet(&s.entry));
        self.uncovered.retain(|b, _| arrivals.batches.contains(b));
        self.tails = tails;
        self.arrivals = Some(arrivals);
        self
    }

    /// Whether there is surely nothing to be seen: what is neither empty nor seen
    /// was shown before and is part of a batch now.
    pub fn is_empty(&self) -> bool {
        self.splits.is_empty()
            && self.uncovered.is_empty()
            && self.tails.values().all(|tail| tail.is_empty())
    }

    /// The events of a split that are seen; none where all are.
    pub(crate) fn arrivals_in(&self, split: &SplitEntry) -> Option<Arc<Arrivals>> {
        let arrivals = self.arrivals.as_ref()?;
        (!arrivals.hold_all(split)).then(|| Arc::clone(arrivals))
    }

    /// Remembers which split a scan could not read, for who can build it anew.
    pub(crate) fn note_lost(&self, error: &ScanError) {
        if let Some(split) = error.lost_split() {
            self.cache.note_lost(split);
        }
    }

    /// Whether an event of a published batch is seen, unless it is dead.
    pub(crate) fn shows(&self, batch: u64, ordinal: u32) -> bool {
        self.arrivals
            .as_ref()
            .is_none_or(|arrivals| arrivals.holds(batch, ordinal))
    }

    pub fn stores(&self) -> &[EventDataStore] {
        &self.stores
    }

    /// The store that a name, UUID or ARN means. A name goes before a UUID.
    pub fn find_store(&self, reference: &str) -> Option<&EventDataStore> {
        let by_name = self.stores.iter().find(|s| s.name == reference);
        by_name.or_else(|| self.stores.iter().find(|s| s.is_meant_by(reference)))
    }

    /// The events of a store that can be seen.
    pub fn event_count(&self, store: StoreId) -> u64 {
        let in_splits: u64 = self
            .splits_of(store)
            .map(|s| u64::from(s.entry.n_docs).saturating_sub(s.entry.dead.len() as u64))
            .sum();
        let in_batches: u64 = self
            .uncovered_of(store)
            .map(|(_, b)| u64::from(b.n_events).saturating_sub(b.dead.len() as u64))
            .sum();
        in_splits + in_batches + self.tail(store).len() as u64
    }

    /// The published splits, in the order of their numbers.
    pub fn splits(&self) -> &[SplitHandle] {
        &self.splits
    }

    pub(crate) fn splits_of(&self, store: StoreId) -> impl Iterator<Item = &SplitHandle> {
        self.splits.iter().filter(move |s| s.entry.store == store)
    }

    /// Published batches of a store that no split holds.
    pub(crate) fn uncovered_of(&self, store: StoreId) -> impl Iterator<Item = (u64, &BatchEntry)> {
        self.uncovered
            .iter()
            .filter(move |(_, b)| b.store == store)
            .map(|(number, entry)| (*number, entry))
    }

    /// The batches of a store whose events can be seen.
    pub(crate) fn batches_of(&self, store: StoreId) -> HashSet<u64> {
        self.splits_of(store)
            .flat_map(|s| s.entry.batches.iter().copied())
            .chain(self.uncovered_of(store).map(|(number, _)| number))
            .collect()
    }

    /// The entry of a published batch.
    pub(crate) fn batch(&self, number: u64) -> Result<Option<Arc<BatchEntry>>, KvError> {
        if let Some(entry) = self.uncovered.get(&number) {
            return Ok(Some(Arc::new(entry.clone())));
        }
        if let Some(entry) = self.batches.lock().get(&number) {
            return Ok(entry.clone());
        }
        let entry = self
            .db
            .entry::<BatchEntry>(Column::Batches, &number.to_be_bytes())?
            .map(Arc::new);
        self.batches.lock().insert(number, entry.clone());
        Ok(entry)
    }

    /// Pushed events of a store, in the order of their arrival.
    pub(crate) fn tail(&self, store: StoreId) -> Arc<Vec<PushedEvent>> {
        self.tails.get(&store).cloned().unwrap_or_default()
    }

    /// The pushed events of all stores.
    pub(crate) fn pushed(&self) -> impl Iterator<Item = &PushedEvent> {
        self.tails.values().flat_map(|tail| tail.iter())
    }

    /// How many pushed events there are, of all stores.
    pub fn tail_count(&self) -> usize {
        self.tails.values().map(|tail| tail.len()).sum()
    }

    pub(crate) fn vocabularies(&self) -> &Vocabularies {
        self.cache.vocabularies()
    }

    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    pub(crate) fn directory(&self) -> Directory {
        // `splits/` lies in the root.
        Directory::at(self.splits_folder.parent().unwrap_or(Path::new("")))
    }

    /// This snapshot as another process would hold it: nothing is open.
    #[cfg(test)]
    pub(crate) fn with_closed_splits(&self) -> Self {
        let cache = Arc::new(SplitCache::default());
        let close = |handle: &SplitHandle| SplitHandle {
            entry: Arc::clone(&handle.entry),
            slot: cache.slot(&self.splits_folder, handle.entry.id),
        };
        Self {
            db: Arc::clone(&self.db),
            splits_folder: self.splits_folder.clone(),
            splits: self.splits.iter().map(close).collect(),
            stores: self.stores.clone(),
            uncovered: self.uncovered.clone(),
            tails: self.tails.clone(),
            batches: Mutex::new(HashMap::new()),
            arrivals: self.arrivals.clone(),
            cache,
        }
    }
}

fn read_tails(db: &Db) -> Result<HashMap<StoreId, Vec<PushedEvent>>, KvError> {
    let mut tails: HashMap<StoreId, Vec<PushedEvent>> = HashMap::new();
    for pair in db.range(Column::Tail, &[], None) {
        let (key, value) = pair?;
        let corrupt = |reason: String| KvError::Corrupt {
            column: Column::Tail,
            key: key.escape_ascii().to_string(),
            reason,
        };
        let (store, sequence) = tail_key(&key).ok_or_else(|| corrupt("the key".into()))?;
        let event = TailEvent::decode(&value).map_err(|e| corrupt(e.to_string()))?;
        tails
            .entry(store)
            .or_default()
            .push(PushedEvent { sequence, event });
    }
    Ok(tails)
}

fn tail_key(key: &[u8]) -> Option<(StoreId, u64)> {
    let (store, rest) = key.split_first_chunk::<4>()?;
    let sequence: &[u8; 8] = rest.try_into().ok()?;
    Some((
        StoreId(u32::from_be_bytes(*store)),
        u64::from_be_bytes(*sequence),
    ))
}

/// Whether no seal has taken pushed events away since they were read. It takes those
/// of a store that came first, so the first is gone if any is.
fn still_there(db: &Db, tails: &HashMap<StoreId, Vec<PushedEvent>>) -> Result<bool, KvError> {
    for (store, tail) in tails {
        let Some(first) = tail.first() else {
            continue;
        };
        let mut key = store.0.to_be_bytes().to_vec();
        key.extend_from_slice(&first.sequence.to_be_bytes());
        if db.get(Column::Tail, &key)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn read_batch_numbers(db: &Db) -> Result<Vec<u64>, KvError> {
    db.range(Column::Batches, &[], None)
        .map(|pair| {
            let (key, _) = pair?;
            let bytes: Result<[u8; 8], _> = (*key).try_into();
            bytes.map(u64::from_be_bytes).map_err(|_| KvError::Corrupt {
                column: Column::Batches,
                key: key.escape_ascii().to_string(),
                reason: format!("a key of {} bytes is no number", key.len()),
            })
        })
        .collect()
}
