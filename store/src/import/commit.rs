//! A batch becomes durable, then visible: intent, events, split, publish.
//!
//! ```text
//! intent ─sync→ split file ─sync→ events (ingested SST) ─sync→ publish: batch,
//! split, files, rejects, conflicts; intent gone ─ one synced write
//! ```
//!
//! The index is built in memory before anything is written, because how much fits
//! into memory tells where a batch is cut.
//!
//! A crash before the last write leaves an intent, and recovery undoes the
//! whole batch; after it the batch is there whole. A batch that fails is undone
//! at once, unless the disk refuses that too.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::batch::{Batch, Conflict, Other};
use super::dedup::OpenSplit;
use super::{ImportError, dedup, tail};
use crate::catalog::{BatchEntry, ConflictEntry, Intent, RecordSums, SourceEntry, SplitEntry};
use crate::catalogue::Mark;
use crate::index::rebuild;
use crate::index::split_file;
use crate::index::writer::{BuiltSplit, Document, SplitBuilder};
use crate::json::Json;
use crate::kv::columns::Column;
use crate::kv::db::{Changes, Db};
use crate::kv::keys::EventKey;
use crate::kv::value::StoredEvent;
use crate::recovery;
use crate::scan::{StoreId, TimeRange};
use crate::writer::Core;

/// What a batch is committed for.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    pub store: StoreId,
    pub import: u64,
    /// The events are those of the store's tail, which holds them until the
    /// batch is published.
    pub is_seal: bool,
}

/// An index is asked how large it is after so many bytes of records: the answer costs
/// a look at each of its columns.
const LOOK_BYTES: usize = 256 << 10;

/// So many lost splits are built anew for one batch: a disk that loses more loses the new
/// ones too.
const MENDS_MAX: usize = 16;

/// Splits that are kept open for pushes.
const KEPT_OPEN_MAX: usize = 256;

/// Files that records of a batch came from. Every batch names its own: which of those
/// of one file is written first, nobody knows.
pub type NewSources = Vec<(u64, SourceEntry)>;

/// Commits a batch. When it returns, the batch's events survive any crash and
/// every new snapshot shows them; its files are done.
///
/// A batch whose index grows too large is cut: its first events are published, then
/// the others. Each part is visible whole or not at all, and the files are done with
/// the last.
///
/// `also` joins the last publishing write: what must become true with the batch.
/// Returns the sums of the batch's records.
pub fn commit(
    core: &Core,
    target: Target,
    mut batch: Batch,
    mut sources: NewSources,
    mut also: Changes,
) -> Result<RecordSums, ImportError> {
    batch.put_in_order();
    let mut sums = RecordSums::default();
    loop {
        let mark = core.catalogue.lock().mark();
        let committed = commit_marked(core, target, &mut batch, &mut sources, &mut also, mark);
        core.catalogue.lock().release(mark);
        let rest = committed?;
        sums.add(&batch.sums);
        match rest {
            Some(rest) => batch = rest,
            None => return Ok(sums),
        }
    }
}

/// Commits the batch or its first events; returns the others.
fn commit_marked(
    core: &Core,
    target: Target,
    batch: &mut Batch,
    sources: &mut NewSources,
    also: &mut Changes,
    mark: Mark,
) -> Result<Option<Batch>, ImportError> {
    if !target.is_seal && tail::conflicts_with(core, target.store, batch)? {
        // Conflicts are noted between published events.
        tail::seal(core, target.store)?;
    }
    drop_published_mending(core, target.store, batch)?;
    if batch.events.is_empty() {
        let mut changes = std::mem::take(also);
        name_sources(&mut changes, std::mem::take(sources));
        finish_files(&mut changes, batch, core, target)?;
        core.write(changes)?;
        core.step("files finished");
        return Ok(None);
    }

    let number = core.numbers.next(&core.db)?;
    let split = core.numbers.next(&core.db)?;
    let split_path = core.directory.splits().join(SplitEntry::file_name(split));
    let (index, n_indexed) = index_events(core, target, &split_path, number, batch)?;
    let rest = (n_indexed < batch.events.len()).then(|| batch.cut(n_indexed));
    let Some(time) = time_of(batch) else {
        return Ok(rest);
    };
    let intent = Intent {
        store: target.store,
        split,
        time_min_ms: time.start_ms,
        time_max_ms: time.end_ms - 1,
    };
    let mut changes = Changes::default();
    name_sources(&mut changes, std::mem::take(sources));
    changes.put_entry(Column::Intents, number.to_be_bytes(), &intent);
    core.write(changes)?;
    core.step("intent written");

    let also = match rest {
        Some(_) => Changes::default(),
        None => std::mem::take(also),
    };
    let staged = core.directory.tmp().join(format!("{number:016x}.sst"));
    let published = write_files(core, target.store, number, batch, &staged, index)
        .and_then(|built| publish(core, target, batch, number, split, built, also, mark));
    if published.is_err() {
        withdraw(core, number, &intent, [&staged, &split_path]);
    }
    published.map(|()| rest)
}

/// Writes the split and the events; of both nothing is visible yet.
fn write_files(
    core: &Core,
    store: StoreId,
    number: u64,
    batch: &Batch,
    staged: &Path,
    index: SplitBuilder,
) -> Result<BuiltSplit, ImportError> {
    // The split first: with it goes the memory of the index, before the file of
    // events asks for as much.
    let built = index.finish()?;
    core.step("split written");
    write_events(staged, store, number, batch)?;
    core.step("events staged");
    core.db.ingest(staged)?;
    // A link keeps the file's second name; RocksDB removes it when it can.
    let _ = fs::remove_file(staged);
    core.step("events ingested");
    Ok(built)
}

/// Leaves the disk as it was before a batch that could not be published.
fn withdraw(core: &Core, number: u64, intent: &Intent, files: [&Path; 2]) {
    if let Err(error) = recovery::undo(&core.db, number, intent) {
        // Whether the batch is published only the next open finds out: its
        // files stay, because the catalogue may name them.
        tracing::warn!(batch = number, %error, "a batch is undone at the next open");
        return;
    }
    for file in files {
        // One that was not written, or is removed at the next open.
        let _ = fs::remove_file(file);
    }
}

/// Drops the events that are published already, and notes conflicts with those
/// that are.
fn drop_published(core: &Core, store: StoreId, batch: &mut Batch) -> Result<(), ImportError> {
    let Some(time) = time_of(batch) else {
        return Ok(());
    };
    let overlapping = core.catalogue.lock().overlapping(store, time);
    let found = dedup::find(&core.db, store, batch, &core.open_splits(&overlapping)?)?;
    batch.add_conflicts(found.conflicts);
    batch.drop_duplicates(&found.duplicates);
    Ok(())
}

/// The same; splits that are lost are built anew on the way. Nothing of the batch is
/// published yet, so that this may take the publishing step for itself.
fn drop_published_mending(
    core: &Core,
    store: StoreId,
    batch: &mut Batch,
) -> Result<(), ImportError> {
    for _ in 0..MENDS_MAX {
        match drop_published(core, store, batch) {
            Err(ImportError::Split(error)) => rebuild::mend_lost(core, error)?,
            done => return done,
        }
    }
    drop_published(core, store, batch)
}

pub(super) fn time_of(batch: &Batch) -> Option<TimeRange> {
    let first = batch.events.first()?.header.time_ms;
    let last = batch.events.last()?.header.time_ms;
    Some(TimeRange {
        start_ms: first,
        end_ms: last.saturating_add(1),
    })
}

pub(super) fn name_sources(changes: &mut Changes, sources: NewSources) {
    for (number, source) in sources {
        changes.put_entry(Column::Sources, number.to_be_bytes(), &source);
    }
}

fn write_events(
    path: &Path,
    store: StoreId,
    number: u64,
    batch: &Batch,
) -> Result<(), ImportError> {
    let pairs = batch.events.iter().zip(0..).map(|(event, ordinal)| {
        let key = EventKey {
            store,
            time_ms: event.header.time_ms,
            account: event.account.clone(),
            batch: number,
            ordinal,
        };
        let value = StoredEvent::encode(&event.provenance, batch.record(event));
        (key.encode(), value)
    });
    Db::write_sst(path, pairs)?;
    Ok(())
}

/// Indexes the batch's events in memory, as many as may be indexed at once and at
/// least one; returns how many. Nothing is written yet.
fn index_events(
    core: &Core,
    target: Target,
    path: &Path,
    number: u64,
    batch: &Batch,
) -> Result<(SplitBuilder, usize), ImportError> {
    // The tail goes as one, or its events would be there twice for a moment. It is
    // small.
    let memory_max = match target.is_seal {
        true => usize::MAX,
        false => core.options.index_bytes_max(),
    };
    let mut builder = SplitBuilder::new(path, core.options.index_bytes())?;
    let mut not_looked_at = 0;
    for (event, ordinal) in batch.events.iter().zip(0..) {
        let record = batch.record(event);
        if not_looked_at >= LOOK_BYTES {
            not_looked_at = 0;
            if builder.memory_bytes() >= memory_max {
                return Ok((builder, ordinal as usize));
            }
        }
        not_looked_at += record.len();
        let json = Json::parse(record).map_err(|reason| ImportError::Unreadable {
            source_number: event.provenance.source,
            position: event.provenance.position,
            reason,
        })?;
        builder.add(&Document {
            time_ms: event.header.time_ms,
            account: &event.account,
            batch: number,
            ordinal,
            identity: event.header.identity,
            region: event.header.region.as_deref(),
            json: &json,
        })?;
    }
    Ok((builder, batch.events.len()))
}

/// The serial step: whether each event is new is settled against what was
/// published in the meantime, and everything of the batch appears in one write.
#[allow(
    clippy::too_many_arguments,
    reason = "one call site; a struct would name each once more"
)]
fn publish(
    core: &Core,
    target: Target,
    batch: &mut Batch,
    number: u64,
    split: u64,
    built: BuiltSplit,
    also: Changes,
    mark: Mark,
) -> Result<(), ImportError> {
    let _one_at_a_time = core.publishing.lock();
    let time = TimeRange {
        start_ms: built.time_min_ms,
        end_ms: built.time_max_ms.saturating_add(1),
    };
    let since = core.catalogue.lock().since(mark, target.store, time);
    let mut late = dedup::find(&core.db, target.store, batch, &core.open_splits(&since)?)?;
    if !target.is_seal {
        late.duplicates
            .extend(tail::held(core, target.store, batch)?);
        late.duplicates.sort_unstable();
        late.duplicates.dedup();
    }
    let dead: Vec<u32> = late.duplicates.iter().map(|i| *i as u32).collect();
    batch.sums.duplicates += dead.len() as u64;
    batch.sums.stored += u64::from(built.n_docs) - dead.len() as u64;
    batch.add_conflicts(late.conflicts);
    batch
        .conflicts
        .retain(|c| late.duplicates.binary_search(&c.event).is_err());
    batch.sums.conflicts += batch.conflicts.len() as u64;

    let entry = SplitEntry {
        id: split,
        store: target.store,
        version: split_file::VERSION,
        n_docs: built.n_docs,
        bytes: built.bytes,
        time_min_ms: built.time_min_ms,
        time_max_ms: built.time_max_ms,
        sorted: built.sorted,
        runs: Vec::new(),
        accounts: built.accounts,
        regions: built.regions,
        dead: dead.clone(),
        batches: vec![number],
    };
    let mut changes = also;
    changes.put_entry(Column::Splits, split.to_be_bytes(), &entry);
    changes.put_entry(
        Column::Batches,
        number.to_be_bytes(),
        &BatchEntry {
            store: target.store,
            import: target.import,
            n_events: built.n_docs,
            time_min_ms: built.time_min_ms,
            time_max_ms: built.time_max_ms,
            dead,
        },
    );
    changes.delete(Column::Intents, number.to_be_bytes());
    for conflict in &batch.conflicts {
        put_conflict(&mut changes, target, number, batch, conflict);
    }
    finish_files(&mut changes, batch, core, target)?;
    core.write(changes)?;
    core.step("published");
    core.catalogue.lock().add_new(entry);
    Ok(())
}

fn put_conflict(
    changes: &mut Changes,
    target: Target,
    number: u64,
    batch: &Batch,
    conflict: &Conflict,
) {
    let event = &batch.events[conflict.event];
    let mut key = target.store.0.to_be_bytes().to_vec();
    key.extend_from_slice(&number.to_be_bytes());
    key.extend_from_slice(&(conflict.event as u32).to_be_bytes());
    changes.put_entry(
        Column::Conflicts,
        key,
        &ConflictEntry {
            import: event.provenance.import,
            time_ms: event.header.time_ms,
            account: event.account.clone(),
            event_id: event.header.event_id.clone().unwrap_or_default(),
            source: event.provenance.source,
            position: event.provenance.position,
            other: match conflict.other {
                Other::Here(other) => (number, other as u32),
                Other::Published(batch, ordinal) => (batch, ordinal),
            },
        },
    );
}

/// What else becomes true with the batch: its files are done, its rejects are kept,
/// and it is counted where it was pushed.
pub(super) fn finish_files(
    changes: &mut Changes,
    batch: &Batch,
    core: &Core,
    target: Target,
) -> Result<(), ImportError> {
    for file in &batch.files {
        changes.put_entry(Column::Files, file.key.clone(), &file.entry);
    }
    for reject in &batch.rejects {
        let mut key = target.import.to_be_bytes().to_vec();
        key.extend_from_slice(&core.numbers.next(&core.db)?.to_be_bytes());
        changes.put_entry(Column::Rejects, key, reject);
    }
    // What is sealed was counted when it was pushed.
    if target.is_seal {
        return Ok(());
    }
    let is_push = core.pushes.lock().count(changes, target.import, batch);
    let mut done = core.done.lock();
    if is_push {
        done.pushed.add(&batch.sums);
        done.pushed_bytes += batch.event_bytes();
    } else {
        done.imported.add(&batch.sums);
        done.imported_bytes += batch.event_bytes();
    }
    Ok(())
}

impl Core {
    /// Readers of splits, opened once and shared.
    pub(crate) fn open_splits(
        &self,
        splits: &[Arc<SplitEntry>],
    ) -> Result<Vec<OpenSplit>, ImportError> {
        let mut opened = Vec::with_capacity(splits.len());
        for split in splits {
            let slot = self.cache.slot(&self.directory.splits(), split.id);
            let reader = slot.open()?;
            opened.push((Arc::clone(split), reader));
        }
        Ok(opened)
    }

    /// The same for pushes, which come again and again: what they were compared with
    /// stays open as long as it is published.
    pub(crate) fn open_and_keep(
        &self,
        splits: &[Arc<SplitEntry>],
    ) -> Result<Vec<OpenSplit>, ImportError> {
        let opened = self.open_splits(splits)?;
        let mut kept = self.kept_open.lock();
        let catalogue = self.catalogue.lock();
        kept.retain(|id, _| catalogue.split(*id).is_some());
        if kept.len() > KEPT_OPEN_MAX {
            kept.clear();
        }
        for split in splits {
            let slot = self.cache.slot(&self.directory.splits(), split.id);
            kept.insert(split.id, slot);
        }
        Ok(opened)
    }
}

/// What [`commit`] would count, with nothing written.
pub fn try_out(core: &Core, target: Target, mut batch: Batch) -> Result<RecordSums, ImportError> {
    batch.put_in_order();
    drop_published(core, target.store, &mut batch)?;
    batch.sums.stored += batch.events.len() as u64;
    batch.sums.conflicts += batch.conflicts.len() as u64;
    Ok(batch.sums)
}
