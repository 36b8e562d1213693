//! `tarn check`: everything on the disk is read and compared with everything
//! else that knows of it.

use hashbrown::{HashMap, HashSet};

use crate::catalog::{BatchEntry, Intent, SplitEntry};
use crate::data_store::StoreStatus;
use crate::event::EventHeader;
use crate::index::split_file::SplitFileError;
use crate::kv::columns::Column;
use crate::kv::db::KvError;
use crate::kv::keys::EventKey;
use crate::kv::value::StoredEvent;
use crate::scan::{Cancel, StoreId};
use crate::snapshot::{Snapshot, SplitHandle};

/// How far a check is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CheckProgress {
    pub splits_total: u64,
    pub splits_done: u64,
    pub events_total: u64,
    pub events_done: u64,
}

/// What was verified, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Keys and values of the catalogue whose checksums hold.
    pub catalogue_entries: u64,
    pub splits: u64,
    pub split_bytes: u64,
    pub batches: u64,
    /// Events that read, lie where their own time says, and are found by a
    /// split.
    pub events: u64,
    pub event_bytes: u64,
    /// Each with its file or key. Empty when all is well.
    pub problems: Vec<String>,
}

/// A check goes on after a problem, but a broken disk is not listed block by
/// block.
const PROBLEMS_MAX: usize = 1000;

impl Snapshot {
    /// Reads every block, every split and every event.
    ///
    /// Beside a writer it verifies what is published; batches on their way are
    /// left alone.
    pub fn check(
        &self,
        on_progress: &mut dyn FnMut(&CheckProgress),
        cancel: &Cancel,
    ) -> CheckReport {
        let mut check = Check {
            snapshot: self,
            report: CheckReport::default(),
            progress: CheckProgress {
                splits_total: self.splits().len() as u64,
                events_total: self.stores().iter().map(|s| self.event_count(s.id)).sum(),
                ..CheckProgress::default()
            },
            found: HashMap::new(),
            unknown: HashSet::new(),
        };
        let done = check.run(on_progress, cancel);
        if let Err(error) = done {
            check.problem(error.to_string());
        }
        if cancel.is_cancelled() {
            check.problem("interrupted: not everything was verified".to_owned());
        }
        check.report
    }
}

struct Check<'s> {
    snapshot: &'s Snapshot,
    report: CheckReport,
    progress: CheckProgress,
    /// For each batch how often a split holds each ordinal: 0, 1 or more.
    found: HashMap<u64, Vec<u8>>,
    /// Batches in splits that do not read: it is not known what those hold.
    unknown: HashSet<u64>,
}

impl Check<'_> {
    fn run(
        &mut self,
        on_progress: &mut dyn FnMut(&CheckProgress),
        cancel: &Cancel,
    ) -> Result<(), KvError> {
        for column in Column::ALL.into_iter().filter(|c| *c != Column::Events) {
            match self.snapshot.db().verify_checksums(column) {
                Ok(entries) => self.report.catalogue_entries += entries,
                Err(error) => self.problem(format!("column family {}: {error}", column.name())),
            }
        }
        for split in self.snapshot.splits() {
            if cancel.is_cancelled() {
                return Ok(());
            }
            self.split(split);
            self.progress.splits_done += 1;
            on_progress(&self.progress);
        }
        self.events(on_progress, cancel)
    }

    fn split(&mut self, split: &SplitHandle) {
        let entry = &split.entry;
        let reader = match split.slot.open().and_then(|reader| {
            reader.file().verify()?;
            Ok(reader)
        }) {
            Ok(reader) => reader,
            Err(error) => return self.unreadable(entry, &error),
        };
        let name = reader.path().display().to_string();
        if reader.n_docs() != entry.n_docs {
            self.problem(format!(
                "{name} holds {} events, the catalogue says {}",
                reader.n_docs(),
                entry.n_docs
            ));
        }
        let keys = match reader.keys() {
            Ok(keys) => keys,
            Err(error) => return self.unreadable(entry, &error),
        };
        for doc in 0..reader.n_docs() {
            let time_ms = keys.time.value(doc);
            if !entry.time().holds(time_ms) {
                self.problem(format!(
                    "{name}: event {doc} lies outside of the split's times"
                ));
                break;
            }
            if entry.dead.binary_search(&doc).is_ok() {
                continue;
            }
            let batch = keys.batch.value(doc) as u64;
            let ordinal = keys.ordinal.value(doc) as usize;
            let ordinals = self.found.entry(batch).or_default();
            if ordinals.len() <= ordinal {
                ordinals.resize(ordinal + 1, 0);
            }
            if let Some(n) = ordinals.get_mut(ordinal) {
                *n = n.saturating_add(1);
            }
        }
        self.report.splits += 1;
        self.report.split_bytes += entry.bytes;
    }

    fn unreadable(&mut self, entry: &SplitEntry, error: &SplitFileError) {
        self.unknown.extend(&entry.batches);
        let mends = match error {
            SplitFileError::Io { .. } => "; `tarn reindex` makes it anew from the events",
            _ => "",
        };
        self.problem(format!("split {:016x}: {error}{mends}", entry.id));
    }

    fn events(
        &mut self,
        on_progress: &mut dyn FnMut(&CheckProgress),
        cancel: &Cancel,
    ) -> Result<(), KvError> {
        let db = self.snapshot.db();
        let mut batches: HashMap<u64, (BatchEntry, u64)> = HashMap::new();
        for (key, batch) in db.entries::<BatchEntry>(Column::Batches)? {
            if let Ok(number) = key.try_into().map(u64::from_be_bytes) {
                batches.insert(number, (batch, 0));
            }
        }
        self.report.batches = batches.len() as u64;
        for pair in db.range(Column::Events, &[], None) {
            if cancel.is_cancelled() {
                return Ok(());
            }
            let (key, value) = pair?;
            self.event(&key, &value, &mut batches);
            self.progress.events_done += 1;
            if self.progress.events_done.is_multiple_of(8192) {
                on_progress(&self.progress);
            }
        }
        for (number, (batch, n_events)) in &batches {
            if *n_events != u64::from(batch.n_events) && !self.may_leave(batch.store) {
                self.problem(format!(
                    "batch {number}: {n_events} events on disk, {} were published",
                    batch.n_events
                ));
            }
        }
        Ok(())
    }

    fn event(&mut self, key: &[u8], value: &[u8], batches: &mut HashMap<u64, (BatchEntry, u64)>) {
        let place = || key.escape_ascii().to_string();
        let key = match EventKey::decode(key) {
            Ok(key) => key,
            Err(error) => return self.problem(format!("{error}: {}", place())),
        };
        let Some((batch, n_events)) = batches.get_mut(&key.batch) else {
            let intent = self
                .snapshot
                .db()
                .entry::<Intent>(Column::Intents, &key.batch.to_be_bytes());
            // On its way, by a writer beside us or until the next recovery.
            if !matches!(intent, Ok(Some(_))) {
                self.problem(format!("an event of no batch: {}", place()));
            }
            return;
        };
        *n_events += 1;
        let event = match StoredEvent::decode(value) {
            Ok(event) => event,
            Err(error) => return self.problem(format!("{error}: {}", place())),
        };
        match EventHeader::read(&event.record) {
            Ok(header) if header.time_ms == key.time_ms => {}
            Ok(_) => {
                return self.problem(format!(
                    "the event's time differs from its key: {}",
                    place()
                ));
            }
            Err(error) => return self.problem(format!("{error}: {}", place())),
        }
        let is_dead = batch.dead.binary_search(&key.ordinal).is_ok();
        let n_found = self
            .found
            .get(&key.batch)
            .and_then(|ordinals| ordinals.get(key.ordinal as usize))
            .copied()
            .unwrap_or(0);
        match (is_dead, n_found) {
            (false, n_found) if n_found == 1 || self.is_leaving(key.batch, batch.store) => {
                self.report.events += 1;
                self.report.event_bytes += event.record.len() as u64;
            }
            (true, 0) => {}
            (false, 0) if self.unknown.contains(&key.batch) => {}
            (true, _) => self.problem(format!("a dropped duplicate is in a split: {}", place())),
            (false, 0) => self.problem(format!(
                "no split holds this event, `tarn reindex` mends it: {}",
                place()
            )),
            (false, _) => self.problem(format!(
                "several splits hold this event, `tarn reindex` mends it: {}",
                place()
            )),
        }
    }

    /// Whether events of the store may have left the disk, by age or because the
    /// store is purged.
    fn may_leave(&self, store: StoreId) -> bool {
        self.snapshot.stores().iter().any(|s| {
            s.id == store && (s.retention_days.is_some() || s.status == StoreStatus::Purging)
        })
    }

    /// Whether the splits of a batch were dropped before its events.
    fn is_leaving(&self, batch: u64, store: StoreId) -> bool {
        !self.found.contains_key(&batch) && self.may_leave(store)
    }

    fn problem(&mut self, problem: String) {
        if self.report.problems.len() < PROBLEMS_MAX {
            self.report.problems.push(problem);
        }
    }
}
