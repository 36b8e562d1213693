//! What can be read of a directory whose log is damaged: `tarn check --salvage`.
//!
//! A log that is damaged before its end held writes that were acknowledged, so
//! nothing opens it by itself. Here RocksDB leaves out what does not read and takes
//! the rest, and the catalogue is made to fit what is there then: batches whose
//! publishing is lost are published again, because their events lie in tables of
//! their own; splits are forgotten, because which of them still hold is not known,
//! and are to be made anew; numbers go on behind every one that was ever given.
//!
//! What the database was before lies in a folder beside it. A process that dies in
//! between leaves SALVAGING, and nothing else opens the directory until it is done.

use std::fs;
use std::path::{Path, PathBuf};

use hashbrown::{HashMap, HashSet};

use crate::catalog::{BatchEntry, Intent, SourceEntry, SplitEntry};
use crate::closed;
use crate::data_store::{EventDataStore, StoreStatus};
use crate::directory::{Directory, OpenError, failed, sync};
use crate::event::EventHeader;
use crate::import::batch::same_content;
use crate::kv::columns::Column;
use crate::kv::db::{Changes, Db, KvError};
use crate::kv::keys::{EventKey, read_text};
use crate::kv::torn_log::TornLog;
use crate::kv::value::{Provenance, StoredEvent, TailEvent};
use crate::numbers;
use crate::scan::StoreId;
use crate::writer::{WriteOptions, put_store};

/// `@source` of events whose file's name is lost.
const NAMELESS_SOURCE: &str = "(lost by a damaged log)";

/// What was saved, and what may be lost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// The folder with the logs as they were.
    pub copy: PathBuf,
    /// Where logs do not read. Behind the place up to 32 KiB are left out, and
    /// all to the end of a file that ends too early.
    pub torn: Vec<TornLog>,
    /// Batches whose publishing was not among what reads, and their events without
    /// those that are stored already.
    pub batches: u64,
    pub events: u64,
    /// Stores whose entry was lost, by the names that they have now.
    pub stores: Vec<String>,
    /// Files that were begun and are not known to be done, sorted.
    pub files: Vec<String>,
}

/// Saves what reads. Splits are to be made anew afterwards; until then queries read
/// every event.
///
/// **Cost**: reads every event.
///
/// **Errors**: [`OpenError::NothingToSalvage`] where the directory opens without;
/// where more than logs is damaged, what, and nothing is changed.
pub fn salvage(root: &Path, options: &WriteOptions) -> Result<Salvaged, OpenError> {
    let directory = Directory::at(root);
    directory.check_format()?;
    let _lock = directory.take()?;
    let torn = Db::torn_logs(&directory.db()).map_err(|e| failed("reading", &directory.db(), e))?;
    let marker = directory.salvaging_file();
    let is_begun = marker.exists();
    if torn.is_empty() && closed::compare(&directory).is_ok() && !is_begun {
        return Err(OpenError::NothingToSalvage {
            path: root.to_owned(),
        });
    }
    directory.check_database()?;
    closed::compare_manifest(&directory)?;
    let copy = copy_aside(&directory)?;
    fs::write(&marker, "").map_err(|e| failed("writing", &marker, e))?;
    sync(&marker)?;
    closed::set_aside(&directory)?;
    let db = Db::open_salvaging(&directory.db(), &directory.tmp()).inspect_err(|_| {
        // Nothing is done yet: it is as it was, and says so.
        if !is_begun {
            let _ = fs::remove_file(&marker);
        }
    })?;
    options.step("log salvaged");
    closed::remove(&directory)?;
    let mut salvaged = mend(&directory, &db, options)?;
    salvaged.files = unfinished_files(&db)?;
    drop(db);
    fs::remove_file(&marker).map_err(|e| failed("removing", &marker, e))?;
    sync(directory.root())?;
    Ok(Salvaged {
        copy,
        torn,
        ..salvaged
    })
}

/// Copies what RocksDB appends to, and what was written down of it.
fn copy_aside(directory: &Directory) -> Result<PathBuf, OpenError> {
    let free = (1..).map(|n| directory.salvage_copy(n));
    let folder = free.into_iter().find(|folder| !folder.exists());
    let folder = folder.unwrap_or_default();
    fs::create_dir(&folder).map_err(|e| failed("creating", &folder, e))?;
    let db = directory.db();
    let mut files = Db::files_with_an_end(&db).map_err(|e| failed("listing", &db, e))?;
    let noted = [directory.closed_file(), directory.opening_file()];
    files.extend(noted.into_iter().filter(|path| path.exists()));
    for file in files {
        let copy = folder.join(file.file_name().unwrap_or_default());
        fs::copy(&file, &copy).map_err(|e| failed("copying", &file, e))?;
        sync(&copy)?;
    }
    sync(&folder)?;
    sync(directory.root())?;
    Ok(folder)
}

/// Makes the catalogue fit the events, in one write.
fn mend(directory: &Directory, db: &Db, options: &WriteOptions) -> Result<Salvaged, OpenError> {
    let mut changes = Changes::default();
    let mut mending = Mending {
        published: HashMap::new(),
        adopted: HashMap::new(),
        pushed: HashSet::new(),
        stores: HashSet::new(),
        named: HashSet::new(),
        sources: HashSet::new(),
        last_number: 0,
        group: Vec::new(),
    };
    mending.read_catalogue(directory, db, &mut changes)?;
    for pair in db.range(Column::Events, &[], None) {
        let (key, value) = pair?;
        let corrupt = |reason: String| KvError::Corrupt {
            column: Column::Events,
            key: key.escape_ascii().to_string(),
            reason,
        };
        let event_key = EventKey::decode(&key).map_err(|e| corrupt(e.to_string()))?;
        let event = StoredEvent::decode(&value).map_err(|e| corrupt(e.to_string()))?;
        mending.event(event_key, event);
    }
    mending.end_group();
    let mut salvaged = Salvaged::default();
    for (number, batch) in &mending.adopted {
        salvaged.batches += 1;
        salvaged.events += u64::from(batch.n_events) - batch.dead.len() as u64;
        changes.put_entry(Column::Batches, number.to_be_bytes(), batch);
    }
    for source in mending.sources.difference(&mending.named) {
        let entry = SourceEntry {
            path: NAMELESS_SOURCE.to_owned(),
        };
        changes.put_entry(Column::Sources, source.to_be_bytes(), &entry);
    }
    let now_ms = (options.clock)();
    let mut known = db.entries::<EventDataStore>(Column::Stores)?;
    mending
        .stores
        .retain(|id| !known.iter().any(|(_, store)| store.id == *id));
    for id in mending.stores {
        let store = nameless(id, now_ms, &known);
        put_store(&mut changes, &store);
        salvaged.stores.push(store.name.clone());
        known.push((Vec::new(), store));
    }
    salvaged.stores.sort();
    numbers::go_on_after(db, &mut changes, mending.last_number)?;
    db.write(changes)?;
    options.step("catalogue mended");
    Ok(salvaged)
}

/// A store for events of one whose entry is lost.
fn nameless(id: StoreId, now_ms: i64, known: &[(Vec<u8>, EventDataStore)]) -> EventDataStore {
    let mut name = format!("salvaged-{}", id.0);
    while known.iter().any(|(_, store)| store.name == name) {
        name.push('x');
    }
    EventDataStore {
        id,
        uuid: uuid::Uuid::new_v4().to_string(),
        name,
        retention_days: None,
        selectors: Vec::new(),
        termination_protection: false,
        created_ms: now_ms,
        updated_ms: now_ms,
        status: StoreStatus::Enabled,
    }
}

struct Mending {
    published: HashMap<u64, BatchEntry>,
    /// Batches that are published again.
    adopted: HashMap<u64, BatchEntry>,
    /// Where the events came from that still wait in the tail.
    pushed: HashSet<(StoreId, Provenance)>,
    /// Stores that events or batches are of.
    stores: HashSet<StoreId>,
    /// Files that have a name, and those that records came from.
    named: HashSet<u64>,
    sources: HashSet<u64>,
    last_number: u64,
    /// Events of one store, time and account: equal ones are neighbours.
    group: Vec<(EventKey, StoredEvent)>,
}

impl Mending {
    /// Reads what says which batches there are, and notes that intents and splits go.
    fn read_catalogue(
        &mut self,
        directory: &Directory,
        db: &Db,
        changes: &mut Changes,
    ) -> Result<(), OpenError> {
        for (key, batch) in db.entries::<BatchEntry>(Column::Batches)? {
            let number = self.number(&key);
            self.number(&batch.import.to_be_bytes());
            self.stores.insert(batch.store);
            self.published.insert(number, batch);
        }
        for (key, intent) in db.entries::<Intent>(Column::Intents)? {
            self.number(&key);
            self.number(&intent.split.to_be_bytes());
            changes.delete(Column::Intents, key);
        }
        for (key, _) in db.entries::<SplitEntry>(Column::Splits)? {
            self.number(&key);
            changes.delete(Column::Splits, key);
        }
        for column in [Column::Imports, Column::Sources, Column::Rejects] {
            for pair in db.range(column, &[], None) {
                // Of a reject the last eight bytes: it has the highest number.
                let (key, _) = pair?;
                let number = self.number(key.last_chunk::<8>().map_or(&[], |last| last));
                if column == Column::Sources {
                    self.named.insert(number);
                }
            }
        }
        for pair in db.range(Column::Tail, &[], None) {
            let (key, value) = pair?;
            let store = key.first_chunk().map(|id| StoreId(u32::from_be_bytes(*id)));
            let event = TailEvent::decode(&value).ok().map(|e| e.event.provenance);
            if let Some((store, provenance)) = store.zip(event) {
                self.stores.insert(store);
                self.came_from(&provenance);
                self.pushed.insert((store, provenance));
            }
        }
        let splits = directory.splits();
        let listed = fs::read_dir(&splits).map_err(|e| failed("listing", &splits, e))?;
        for entry in listed.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let number = name.strip_suffix(".split");
            let number = number.and_then(|hex| u64::from_str_radix(hex, 16).ok());
            self.number(&number.unwrap_or(0).to_be_bytes());
        }
        Ok(())
    }

    /// Notes a number that was given.
    fn number(&mut self, bytes: &[u8]) -> u64 {
        let number = bytes.try_into().map_or(0, u64::from_be_bytes);
        self.last_number = self.last_number.max(number);
        number
    }

    fn came_from(&mut self, provenance: &Provenance) {
        self.number(&provenance.source.to_be_bytes());
        self.number(&provenance.import.to_be_bytes());
        self.sources.insert(provenance.source);
    }

    fn event(&mut self, key: EventKey, event: StoredEvent) {
        self.number(&key.batch.to_be_bytes());
        self.came_from(&event.provenance);
        let place = |key: &EventKey| (key.store, key.time_ms, key.account.clone());
        if self
            .group
            .first()
            .is_some_and(|(first, _)| place(first) != place(&key))
        {
            self.end_group();
        }
        self.group.push((key, event));
    }

    /// Adopts the events of the group that no published batch holds. One that is
    /// stored already, or waits in the tail, is dead in its batch.
    fn end_group(&mut self) {
        let group = std::mem::take(&mut self.group);
        let is_published = |key: &EventKey| self.published.contains_key(&key.batch);
        if group.iter().all(|(key, _)| is_published(key)) {
            return;
        }
        let identity = |event: &StoredEvent| EventHeader::read(&event.record).map(|h| h.identity);
        let mut stored: HashMap<u64, Vec<&StoredEvent>> = HashMap::new();
        for (key, event) in &group {
            let batch = self.published.get(&key.batch);
            let is_shown = batch.is_some_and(|b| b.dead.binary_search(&key.ordinal).is_err());
            if let (true, Ok(identity)) = (is_shown, identity(event)) {
                stored.entry(identity).or_default().push(event);
            }
        }
        for (key, event) in group.iter().filter(|(key, _)| !is_published(key)) {
            let batch = self.adopted.entry(key.batch).or_insert_with(|| BatchEntry {
                store: key.store,
                import: event.provenance.import,
                n_events: 0,
                time_min_ms: key.time_ms,
                time_max_ms: key.time_ms,
                dead: Vec::new(),
            });
            self.stores.insert(key.store);
            batch.n_events += 1;
            // Events come in the order of time, and a batch's in that of ordinals.
            batch.time_max_ms = key.time_ms;
            let waits = self.pushed.contains(&(key.store, event.provenance));
            let equals = identity(event)
                .ok()
                .map(|identity| stored.entry(identity).or_default());
            let is_stored = equals.as_ref().is_some_and(|equals| {
                equals
                    .iter()
                    .any(|e| same_content(&e.record, &event.record))
            });
            if waits || is_stored {
                batch.dead.push(key.ordinal);
            } else if let Some(equals) = equals {
                equals.push(event);
            }
        }
    }
}

/// Files that records or rejects came from and that no entry says are done.
fn unfinished_files(db: &Db) -> Result<Vec<String>, KvError> {
    let mut done: HashSet<String> = HashSet::new();
    for pair in db.range(Column::Files, &[], None) {
        let (key, _) = pair?;
        let path = key.get(4..).and_then(read_text);
        done.extend(path.map(|(path, _)| path));
    }
    let sources = db.entries::<SourceEntry>(Column::Sources)?;
    let paths = sources.into_iter().map(|(_, source)| source.path);
    let mut files: Vec<String> = paths
        .filter(|path| path != NAMELESS_SOURCE && !done.contains(path))
        .collect();
    files.sort();
    files.dedup();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{Scene, first_event, options};
    use crate::numbers::Numbers;

    /// Changes what is on the disk, then mends it.
    fn mended(change: impl FnOnce(&Db, &mut Changes)) -> (Scene, Db, Salvaged) {
        let scene = Scene::new();
        let directory = Directory::at(&scene.data());
        let db = Db::open_primary(&directory.db(), &directory.tmp()).expect("opened");
        let mut changes = Changes::default();
        change(&db, &mut changes);
        db.write(changes).expect("written");
        let salvaged = mend(&directory, &db, &options()).expect("mended");
        (scene, db, salvaged)
    }

    fn forget(db: &Db, changes: &mut Changes, column: Column) {
        for pair in db.range(column, &[], None) {
            changes.delete(column, pair.expect("read").0);
        }
    }

    fn first(db: &Db) -> (EventKey, StoredEvent) {
        let (key, value) = first_event(db);
        let event = StoredEvent::decode(&value).expect("ours");
        (EventKey::decode(&key).expect("ours"), event)
    }

    #[test]
    fn numbers_go_on_behind_all_that_are_there() {
        let (_scene, db, salvaged) = mended(|db, changes| {
            for column in [
                Column::Numbers,
                Column::Batches,
                Column::Splits,
                Column::Stores,
            ] {
                forget(db, changes, column);
            }
        });
        assert_eq!((salvaged.batches, salvaged.events), (1, 3));
        assert_eq!(salvaged.stores, ["salvaged-1"]);
        let batch = first(&db).0.batch;
        let next = Numbers::open(&db).expect("read").next(&db).expect("leased");
        assert!(next > batch, "{next} was given to batch {batch}");
    }

    #[test]
    fn what_is_stored_or_waits_is_not_published_again() {
        const AGAIN: u64 = 1000;
        let adopted = |db: &Db| {
            let entries = db.entries::<BatchEntry>(Column::Batches).expect("read");
            entries
                .into_iter()
                .map(|(_, batch)| (batch.n_events, batch.dead))
                .collect::<Vec<_>>()
        };
        let (_scene, db, salvaged) = mended(|db, changes| {
            let (mut key, event) = first(db);
            key.batch += AGAIN;
            let value = StoredEvent::encode(&event.provenance, &event.record);
            changes.put(Column::Events, key.encode(), value);
        });
        assert_eq!((salvaged.batches, salvaged.events), (1, 0));
        assert_eq!(adopted(&db), [(3, vec![]), (1, vec![0])]);

        let (_scene, db, _) = mended(|db, changes| {
            forget(db, changes, Column::Batches);
            let (key, event) = first(db);
            let waits = TailEvent {
                time_ms: key.time_ms,
                account: key.account.clone(),
                event,
            };
            let tail = [&key.store.0.to_be_bytes()[..], &[0; 8]].concat();
            changes.put(Column::Tail, tail, waits.encode());
        });
        assert_eq!(adopted(&db), [(3, vec![0])]);
    }
}
