//! Splits made anew from the events: all of a store (`tarn reindex`), or one that is
//! damaged.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::merge::DOCS_MAX;
use super::split_file::{self, SplitFileError};
use super::writer::{BuildError, Document, SplitBuilder};
use crate::catalog::{BatchEntry, SplitEntry};
use crate::event::{EventError, EventHeader};
use crate::json::Json;
use crate::kv::columns::Column;
use crate::kv::db::{Changes, KvError};
use crate::kv::keys::{BadKey, EventKey, event_range};
use crate::kv::value::{BadValue, StoredEvent};
use crate::scan::{Cancel, StoreId, TimeRange};
use crate::writer::Core;

/// How far a rebuild is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebuildProgress {
    pub events_total: u64,
    pub events_done: u64,
}

/// What a rebuild did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebuilt {
    pub events: u64,
    pub splits_before: u64,
    pub splits_after: u64,
    pub bytes: u64,
}

/// Why splits are as they were.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RebuildError {
    #[error("interrupted; the splits are as they were")]
    Cancelled,
    /// Splits of what is left would hide that the others are gone.
    #[error(
        "batch {batch} was published with {promised} events and {found} are there: the splits are as they were; `tarn check` tells what is wrong, and a backup holds the others"
    )]
    Fewer {
        batch: u64,
        found: u64,
        promised: u64,
    },
    #[error(transparent)]
    Kv(#[from] KvError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("an event's key is damaged: {0}")]
    Key(#[from] BadKey),
    #[error("an event's value is damaged: {0}")]
    Value(#[from] BadValue),
    #[error("the event of batch {batch}, ordinal {ordinal} does not read: {reason}")]
    Event {
        batch: u64,
        ordinal: u32,
        reason: EventError,
    },
}

/// Builds all splits of a store from its published events, in order of time,
/// and puts them in the place of the old ones in one write.
///
/// Nothing is published meanwhile: imports wait.
pub fn rebuild(
    core: &Core,
    store: StoreId,
    on_progress: &mut dyn FnMut(&RebuildProgress),
    cancel: &Cancel,
) -> Result<Rebuilt, RebuildError> {
    let _one_at_a_time = core.publishing.lock();
    Part::whole(core, store)?.rebuild(core, on_progress, cancel)
}

/// Builds the split anew that an error says is lost, and says so in the log.
///
/// **Errors**: the error itself, where it says something else of the split, or where the
/// split cannot be built.
pub fn mend_lost(core: &Core, error: SplitFileError) -> Result<(), NotMended> {
    let Some(split) = error.lost().and_then(SplitEntry::id_of) else {
        return Err(NotMended {
            damage: error,
            reason: None,
        });
    };
    match mend(core, split) {
        Ok(_) => {
            tracing::warn!(%error, "a split was built anew from the events");
            Ok(())
        }
        Err(reason) => Err(NotMended {
            damage: error,
            reason: Some(Box::new(reason)),
        }),
    }
}

/// A split that cannot be used, and why it was not built anew; nothing where that would
/// not have helped.
#[derive(Debug, thiserror::Error)]
#[error("{damage}{}", reason.as_ref().map(|r| format!("; it cannot be built from the events: {r}")).unwrap_or_default())]
pub struct NotMended {
    damage: SplitFileError,
    reason: Option<Box<RebuildError>>,
}

/// Builds a split that is damaged from the events of its batches; none where it is not
/// published any more.
///
/// Where another split holds events of one of these batches too, which of them were in
/// this one only its own columns know: then all splits of the store are built anew.
///
/// Nothing is published meanwhile: imports wait.
pub fn mend(core: &Core, split: u64) -> Result<Option<Rebuilt>, RebuildError> {
    let _one_at_a_time = core.publishing.lock();
    let Some(entry) = core.catalogue.lock().split(split).cloned() else {
        return Ok(None);
    };
    let part = match shares_batches(core, &entry) {
        true => Part::whole(core, entry.store)?,
        false => Part::of_split(core, &entry)?,
    };
    let mended = part.rebuild(core, &mut |_| {}, &Cancel::default())?;
    Ok(Some(mended))
}

fn shares_batches(core: &Core, split: &SplitEntry) -> bool {
    let catalogue = core.catalogue.lock();
    let mut others = catalogue.splits(split.store).filter(|s| s.id != split.id);
    others.any(|other| {
        let mut batches = other.batches.iter();
        batches.any(|batch| split.batches.binary_search(batch).is_ok())
    })
}

/// What is built anew: the events of some batches, and all splits that hold any of them.
struct Part {
    store: StoreId,
    /// When these events were.
    time: TimeRange,
    batches: BTreeMap<u64, BatchEntry>,
    splits: Vec<u64>,
}

impl Part {
    fn whole(core: &Core, store: StoreId) -> Result<Self, KvError> {
        Ok(Self {
            store,
            time: TimeRange::ALL,
            batches: batches(core, |_, batch| batch.store == store)?,
            splits: core.catalogue.lock().splits(store).map(|s| s.id).collect(),
        })
    }

    fn of_split(core: &Core, split: &SplitEntry) -> Result<Self, KvError> {
        let is_held = |number: u64, _: &BatchEntry| split.batches.binary_search(&number).is_ok();
        Ok(Self {
            store: split.store,
            time: split.time(),
            batches: batches(core, is_held)?,
            splits: vec![split.id],
        })
    }

    fn rebuild(
        self,
        core: &Core,
        on_progress: &mut dyn FnMut(&RebuildProgress),
        cancel: &Cancel,
    ) -> Result<Rebuilt, RebuildError> {
        let mut rebuild = Rebuild {
            core,
            part: self,
            finished: Vec::new(),
            open: None,
        };
        match rebuild.run(on_progress, cancel) {
            Ok(events) => rebuild.publish(events),
            Err(error) => {
                rebuild.discard();
                Err(error)
            }
        }
    }
}

/// The published batches that are wanted.
fn batches(
    core: &Core,
    is_wanted: impl Fn(u64, &BatchEntry) -> bool,
) -> Result<BTreeMap<u64, BatchEntry>, KvError> {
    let entries = core.db.entries::<BatchEntry>(Column::Batches)?;
    Ok(entries
        .into_iter()
        .filter_map(|(key, batch)| Some((u64::from_be_bytes(key.try_into().ok()?), batch)))
        .filter(|(number, batch)| is_wanted(*number, batch))
        .collect())
}

struct Rebuild<'r> {
    core: &'r Core,
    part: Part,
    finished: Vec<SplitEntry>,
    open: Option<OpenSplit>,
}

struct OpenSplit {
    id: u64,
    path: PathBuf,
    builder: SplitBuilder,
    batches: Vec<u64>,
    record_bytes: usize,
}

/// The events of a batch that are shown.
fn live(batch: &BatchEntry) -> u64 {
    u64::from(batch.n_events).saturating_sub(batch.dead.len() as u64)
}

impl Rebuild<'_> {
    fn run(
        &mut self,
        on_progress: &mut dyn FnMut(&RebuildProgress),
        cancel: &Cancel,
    ) -> Result<u64, RebuildError> {
        let mut progress = RebuildProgress {
            events_total: self.part.batches.values().map(live).sum(),
            events_done: 0,
        };
        let mut found: HashMap<u64, u64> = HashMap::new();
        let (start, end) = event_range(self.part.store, self.part.time);
        for pair in self.core.db.range(Column::Events, &start, Some(&end)) {
            let (key, value) = pair?;
            let key = EventKey::decode(&key)?;
            let batch = self.part.batches.get(&key.batch);
            let is_live = batch.is_some_and(|b| b.dead.binary_search(&key.ordinal).is_err());
            if !is_live {
                continue;
            }
            self.add(&key, &StoredEvent::decode(&value)?)?;
            *found.entry(key.batch).or_default() += 1;
            progress.events_done += 1;
            if progress.events_done.is_multiple_of(4096) {
                if cancel.is_cancelled() {
                    return Err(RebuildError::Cancelled);
                }
                on_progress(&progress);
            }
        }
        self.close()?;
        on_progress(&progress);
        self.compare(&found)?;
        Ok(progress.events_done)
    }

    /// Refuses to go on where fewer events were read than were published.
    fn compare(&self, found: &HashMap<u64, u64>) -> Result<(), RebuildError> {
        let now_ms = (self.core.options.clock)();
        let store = self.core.store(self.part.store);
        let expires_before_ms = store.and_then(|store| store.expires_before_ms(now_ms));
        for (number, batch) in &self.part.batches {
            let (found, promised) = (found.get(number).copied().unwrap_or(0), live(batch));
            // Of a batch that reaches back to what has expired, that may be gone.
            let may_be_fewer = expires_before_ms.is_some_and(|ms| batch.time_min_ms < ms);
            if found < promised && !may_be_fewer {
                return Err(RebuildError::Fewer {
                    batch: *number,
                    found,
                    promised,
                });
            }
        }
        Ok(())
    }

    fn add(&mut self, key: &EventKey, event: &StoredEvent) -> Result<(), RebuildError> {
        let unreadable = |reason: EventError| RebuildError::Event {
            batch: key.batch,
            ordinal: key.ordinal,
            reason,
        };
        let json = Json::parse(&event.record).map_err(|e| unreadable(e.into()))?;
        let header = EventHeader::of(&json).map_err(unreadable)?;
        let is_full = self.open.as_ref().is_some_and(|open| {
            open.builder.n_docs() >= DOCS_MAX
                || open.record_bytes >= self.core.options.split_bytes()
        });
        if is_full {
            self.close()?;
        }
        let open = match &mut self.open {
            Some(open) => open,
            None => {
                let id = self.core.numbers.next(&self.core.db)?;
                let path = self.core.directory.splits().join(SplitEntry::file_name(id));
                self.open.insert(OpenSplit {
                    id,
                    builder: SplitBuilder::new(&path, self.core.options.index_bytes())?,
                    path,
                    batches: Vec::new(),
                    record_bytes: 0,
                })
            }
        };
        open.builder.add(&Document {
            time_ms: key.time_ms,
            account: &key.account,
            batch: key.batch,
            ordinal: key.ordinal,
            identity: header.identity,
            region: header.region.as_deref(),
            json: &json,
        })?;
        open.record_bytes += event.record.len();
        if let Err(at) = open.batches.binary_search(&key.batch) {
            open.batches.insert(at, key.batch);
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), RebuildError> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let built = open.builder.finish()?;
        self.finished.push(SplitEntry {
            id: open.id,
            store: self.part.store,
            version: split_file::VERSION,
            n_docs: built.n_docs,
            bytes: built.bytes,
            time_min_ms: built.time_min_ms,
            time_max_ms: built.time_max_ms,
            sorted: built.sorted,
            runs: Vec::new(),
            accounts: built.accounts,
            regions: built.regions,
            dead: Vec::new(),
            batches: open.batches,
        });
        Ok(())
    }

    fn publish(self, events: u64) -> Result<Rebuilt, RebuildError> {
        let core = self.core;
        let mut catalogue = core.catalogue.lock();
        let old = self.part.splits;
        let rebuilt = Rebuilt {
            events,
            splits_before: old.len() as u64,
            splits_after: self.finished.len() as u64,
            bytes: self.finished.iter().map(|s| s.bytes).sum(),
        };
        let mut changes = Changes::default();
        for id in &old {
            changes.delete(Column::Splits, id.to_be_bytes());
        }
        for split in &self.finished {
            changes.put_entry(Column::Splits, split.id.to_be_bytes(), split);
        }
        core.write(changes)?;
        core.step("reindexed");
        catalogue.replace(&old, None);
        for split in self.finished {
            catalogue.replace(&[], Some(split));
        }
        for id in old {
            let path = core.directory.splits().join(SplitEntry::file_name(id));
            // What stays is removed at the next open.
            let _ = fs::remove_file(path);
        }
        Ok(rebuilt)
    }

    /// Removes what was built; the old splits stand.
    fn discard(self) {
        let unfinished = self.open.map(|open| open.path);
        let finished = self.finished.iter().map(|s| {
            self.core
                .directory
                .splits()
                .join(SplitEntry::file_name(s.id))
        });
        for path in finished.chain(unfinished) {
            // What stays is removed at the next open.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{N_EVENTS, Scene, first_event};
    use crate::manage::{self, StoreUpdate};

    fn rebuild_default(core: &Core) -> Result<Rebuilt, RebuildError> {
        let store = manage::find(core, "default").expect("there").id;
        rebuild(core, store, &mut |_| {}, &Cancel::default())
    }

    #[test]
    fn splits_of_fewer_events_are_not_swapped_in() {
        let scene = Scene::new();
        let writer = scene.writer();
        let core = &writer.core;
        let splits = |core: &Core| core.db.entries::<SplitEntry>(Column::Splits).expect("read");
        assert_eq!(rebuild_default(core).expect("rebuilt").events, N_EVENTS);
        let before = splits(core);
        let mut changes = Changes::default();
        changes.delete(Column::Events, first_event(&core.db).0);
        core.db.write(changes).expect("written");

        let refused = rebuild_default(core).expect_err("one is gone");
        assert!(
            matches!(
                refused,
                RebuildError::Fewer {
                    found: 2,
                    promised: 3,
                    ..
                }
            ),
            "{refused}"
        );
        assert_eq!(splits(core), before);
        let n_files = fs::read_dir(core.directory.splits())
            .expect("listed")
            .count();
        assert_eq!(n_files, 1, "nothing is left of the new ones");

        // Where all of them may have expired, fewer are no wonder.
        let update = StoreUpdate {
            retention_days: Some(Some(7)),
            ..StoreUpdate::default()
        };
        manage::update(core, "default", update).expect("changed");
        assert_eq!(rebuild_default(core).expect("rebuilt").events, N_EVENTS - 1);
    }

    #[test]
    fn a_split_that_shares_its_batch_takes_the_others_along() {
        let scene = Scene::new();
        let writer = scene.writer();
        let core = &writer.core;
        let only = |core: &Core| {
            let splits = core.db.entries::<SplitEntry>(Column::Splits).expect("read");
            let [(_, split)] = &splits[..] else {
                panic!("{} splits", splits.len());
            };
            split.clone()
        };
        let alone = mend(core, only(core).id).expect("mended");
        assert_eq!(alone.expect("it was there").splits_before, 1);

        // As after a rebuild of a store that is larger than one split.
        let split = only(core);
        let other = SplitEntry {
            id: split.id + 1000,
            ..split.clone()
        };
        core.catalogue.lock().add_new(other);
        let both = mend(core, split.id).expect("mended").expect("it was there");
        assert_eq!((both.splits_before, both.events), (2, N_EVENTS));
        assert_eq!(mend(core, split.id).expect("nothing to do"), None);
    }
}
