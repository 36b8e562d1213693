//! `tarn check`: everything on the disk is read and compared with everything
//! else that knows of it.

mod files;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;

use hashbrown::{HashMap, HashSet};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::catalog::{BatchEntry, Intent, SplitEntry};
use crate::data_store::StoreStatus;
use crate::event::EventHeader;
use crate::index::reader::SplitReader;
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
    /// Files of the catalogue and the events that are there in their lengths.
    pub tables: u64,
    pub table_bytes: u64,
    pub splits: u64,
    pub split_bytes: u64,
    pub batches: u64,
    /// Events that read, lie where their own time says, came from a file that is
    /// known, and are found by a split.
    pub events: u64,
    pub event_bytes: u64,
    /// Each with its file or key. Empty when all is well.
    pub problems: Vec<String>,
    /// Files that nothing refers to, and what becomes of them: no problems. None
    /// where a process writes meanwhile.
    pub leftovers: Option<Vec<String>>,
}

/// An event that is as it should be.
enum Seen {
    Whole {
        record_bytes: u64,
    },
    /// Nothing shows it, or the split that does is told as damaged.
    Dropped,
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
            held: HashMap::new(),
            unknown: HashSet::new(),
            sources: HashSet::new(),
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
    /// For each batch what splits hold of it.
    held: HashMap<u64, Held>,
    /// Batches in splits that do not read: it is not known what those hold.
    unknown: HashSet<u64>,
    /// Files that records came from.
    sources: HashSet<u64>,
}

#[derive(Default)]
struct Held {
    /// How often each ordinal: 0, 1 or more.
    ordinals: Vec<u8>,
    /// Of the events' marks, see [`mark`].
    sum: u64,
}

/// A batch and what is on the disk of it.
struct OnDisk {
    entry: BatchEntry,
    n_events: u64,
    /// Of the marks of the events that one split holds.
    sum: u64,
    /// Something of it is wrong and was told.
    is_told: bool,
}

/// What tells an event of a batch from others: equal sums of these mean, but for
/// chance, that splits and events tell the same of all of them.
fn mark(ordinal: u32, time_ms: i64, account: &str) -> u64 {
    let seed = (time_ms as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(ordinal);
    xxh3_64_with_seed(account.as_bytes(), seed)
}

impl Check<'_> {
    fn run(
        &mut self,
        on_progress: &mut dyn FnMut(&CheckProgress),
        cancel: &Cancel,
    ) -> Result<(), KvError> {
        let tables = match self.snapshot.db().tables() {
            Ok(tables) => tables,
            Err(error) => {
                self.problem(error.to_string());
                None
            }
        };
        if let Some(tables) = &tables {
            (self.report.tables, self.report.table_bytes) = tables.sums();
        }
        self.report.leftovers = files::leftovers(self.snapshot, tables.as_ref());
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
        if let Err(error) = self.documents(entry, &reader) {
            return self.unreadable(entry, &error);
        }
        self.report.splits += 1;
        self.report.split_bytes += entry.bytes;
    }

    /// Compares what a split holds with what the catalogue says of it.
    fn documents(
        &mut self,
        entry: &SplitEntry,
        reader: &SplitReader,
    ) -> Result<(), SplitFileError> {
        let name = reader.path().display().to_string();
        let file = reader.file();
        let numbers = [
            (
                "events",
                u64::from(reader.n_docs()),
                u64::from(entry.n_docs),
            ),
            ("bytes", file.length(), entry.bytes),
            (
                "for its layout",
                u64::from(file.version()),
                u64::from(entry.version),
            ),
        ];
        for (what, found, said) in numbers {
            if found != said {
                self.problem(format!(
                    "{name} has {found} {what}, the catalogue says {said}"
                ));
            }
        }
        let keys = reader.keys()?;
        let mut times: Option<(i64, i64)> = None;
        let mut accounts: BTreeMap<&str, u32> = BTreeMap::new();
        for doc in 0..reader.n_docs() {
            let time_ms = keys.time.value(doc);
            let account = keys.account_of(doc);
            times = times.map_or(Some((time_ms, time_ms)), |(min, max)| {
                Some((min.min(time_ms), max.max(time_ms)))
            });
            *accounts.entry(account).or_default() += 1;
            if entry.dead.binary_search(&doc).is_ok() {
                continue;
            }
            let ordinal = keys.ordinal.value(doc) as u32;
            let held = self.held.entry(keys.batch.value(doc) as u64).or_default();
            let at = ordinal as usize;
            if held.ordinals.len() <= at {
                held.ordinals.resize(at + 1, 0);
            }
            if let Some(n) = held.ordinals.get_mut(at) {
                *n = n.saturating_add(1);
            }
            held.sum = held.sum.wrapping_add(mark(ordinal, time_ms, account));
        }
        if times.is_some_and(|times| times != (entry.time_min_ms, entry.time_max_ms)) {
            self.problem(format!(
                "{name}: its events begin or end at other times than the catalogue says"
            ));
        }
        let said = entry
            .accounts
            .iter()
            .map(|(account, n)| (account.as_str(), *n));
        if !accounts.into_iter().eq(said) {
            self.problem(format!(
                "{name}: its accounts have other numbers of events than the catalogue says"
            ));
        }
        Ok(())
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
        let mut batches: HashMap<u64, OnDisk> = HashMap::new();
        for (key, entry) in db.entries::<BatchEntry>(Column::Batches)? {
            if let Ok(number) = key.try_into().map(u64::from_be_bytes) {
                let on_disk = OnDisk {
                    entry,
                    n_events: 0,
                    sum: 0,
                    is_told: false,
                };
                batches.insert(number, on_disk);
            }
        }
        self.report.batches = batches.len() as u64;
        self.batches_of_splits(&batches);
        for pair in db.range(Column::Sources, &[], None) {
            let (key, _) = pair?;
            self.sources
                .extend(key.as_ref().try_into().map(u64::from_be_bytes));
        }
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
        for (number, batch) in &batches {
            let (found, published) = (batch.n_events, batch.entry.n_events);
            if self.may_leave(batch.entry.store) {
                continue;
            }
            if found != u64::from(published) {
                self.problem(format!(
                    "batch {number}: {found} events on disk, {published} were published"
                ));
            } else if !batch.is_told && !self.unknown.contains(number) {
                let held = self.held.get(number).map_or(0, |held| held.sum);
                if held != batch.sum {
                    self.problem(format!(
                        "batch {number}: splits tell other times or accounts than its events, `tarn reindex` mends it"
                    ));
                }
            }
        }
        Ok(())
    }

    /// Tells splits that name a batch which is not published.
    fn batches_of_splits(&mut self, batches: &HashMap<u64, OnDisk>) {
        for split in self.snapshot.splits() {
            let entry = &split.entry;
            for batch in entry.batches.iter().filter(|b| !batches.contains_key(*b)) {
                self.problem(format!(
                    "split {:016x} names batch {batch}, which is not published",
                    entry.id
                ));
            }
        }
    }

    fn event(&mut self, key: &[u8], value: &[u8], batches: &mut HashMap<u64, OnDisk>) {
        let place = || key.escape_ascii().to_string();
        let key = match EventKey::decode(key) {
            Ok(key) => key,
            Err(error) => return self.problem(format!("{error}: {}", place())),
        };
        let Some(on_disk) = batches.get_mut(&key.batch) else {
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
        on_disk.n_events += 1;
        match self.compare(&key, value, &on_disk.entry) {
            Err(wrong) => {
                on_disk.is_told = true;
                self.problem(format!("{wrong}: {}", place()));
            }
            Ok(Seen::Whole { record_bytes }) => {
                on_disk.sum =
                    on_disk
                        .sum
                        .wrapping_add(mark(key.ordinal, key.time_ms, &key.account));
                self.report.events += 1;
                self.report.event_bytes += record_bytes;
            }
            Ok(Seen::Dropped) => {}
        }
    }

    /// Compares an event with its key and with what splits hold of it.
    ///
    /// **Errors**: what is wrong.
    fn compare(
        &mut self,
        key: &EventKey,
        value: &[u8],
        batch: &BatchEntry,
    ) -> Result<Seen, String> {
        let event = StoredEvent::decode(value).map_err(|e| e.to_string())?;
        let header = EventHeader::read(&event.record).map_err(|e| e.to_string())?;
        if header.time_ms != key.time_ms {
            return Err("the event's time differs from its key".to_owned());
        }
        let source = event.provenance.source;
        // Once for each: all that its file held are the same.
        if self.sources.insert(source) {
            return Err(format!(
                "the file {source} that the event came from is not known"
            ));
        }
        let n_held = self
            .held
            .get(&key.batch)
            .and_then(|held| held.ordinals.get(key.ordinal as usize))
            .copied()
            .unwrap_or(0);
        let is_dead = batch.dead.binary_search(&key.ordinal).is_ok();
        let whole = Seen::Whole {
            record_bytes: event.record.len() as u64,
        };
        match (is_dead, n_held) {
            (false, 1) => Ok(whole),
            (false, _) if self.is_leaving(key.batch, batch.store) => Ok(whole),
            (true, 0) => Ok(Seen::Dropped),
            (false, 0) if self.unknown.contains(&key.batch) => Ok(Seen::Dropped),
            (true, _) => Err("a dropped duplicate is in a split".to_owned()),
            (false, 0) => Err("no split holds this event, `tarn reindex` mends it".to_owned()),
            (false, _) => Err("several splits hold this event, `tarn reindex` mends it".to_owned()),
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
        !self.held.contains_key(&batch) && self.may_leave(store)
    }

    fn problem(&mut self, problem: String) {
        if self.report.problems.len() < PROBLEMS_MAX {
            self.report.problems.push(problem);
        }
    }
}
