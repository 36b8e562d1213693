//! Splits made anew from the events: what `tarn reindex` does.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use hashbrown::HashMap;
use serde::{Deserialize, Serialize};

use super::merge::DOCS_MAX;
use super::split_file;
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
    let batches: BTreeMap<u64, BatchEntry> = core
        .db
        .entries::<BatchEntry>(Column::Batches)?
        .into_iter()
        .filter(|(_, batch)| batch.store == store)
        .filter_map(|(key, batch)| Some((u64::from_be_bytes(key.try_into().ok()?), batch)))
        .collect();
    let mut rebuild = Rebuild {
        core,
        store,
        finished: Vec::new(),
        open: None,
    };
    let done = rebuild.run(&batches, on_progress, cancel);
    match done {
        Ok(events) => rebuild.publish(events),
        Err(error) => {
            rebuild.discard();
            Err(error)
        }
    }
}

struct Rebuild<'r> {
    core: &'r Core,
    store: StoreId,
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
        batches: &BTreeMap<u64, BatchEntry>,
        on_progress: &mut dyn FnMut(&RebuildProgress),
        cancel: &Cancel,
    ) -> Result<u64, RebuildError> {
        let mut progress = RebuildProgress {
            events_total: batches.values().map(live).sum(),
            events_done: 0,
        };
        let mut found: HashMap<u64, u64> = HashMap::new();
        let (start, end) = event_range(self.store, TimeRange::ALL);
        for pair in self.core.db.range(Column::Events, &start, Some(&end)) {
            let (key, value) = pair?;
            let key = EventKey::decode(&key)?;
            let is_live = batches
                .get(&key.batch)
                .is_some_and(|b| b.dead.binary_search(&key.ordinal).is_err());
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
        self.compare(batches, &found)?;
        Ok(progress.events_done)
    }

    /// Refuses to go on where fewer events were read than were published.
    fn compare(
        &self,
        batches: &BTreeMap<u64, BatchEntry>,
        found: &HashMap<u64, u64>,
    ) -> Result<(), RebuildError> {
        let now_ms = (self.core.options.clock)();
        let store = self.core.store(self.store);
        let expires_before_ms = store.and_then(|store| store.expires_before_ms(now_ms));
        for (number, batch) in batches {
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
            store: self.store,
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
        let old: Vec<u64> = catalogue.splits(self.store).map(|s| s.id).collect();
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
}
