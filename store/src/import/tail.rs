//! Single pushed events: durable and visible at once, in a split later.
//!
//! A split of three events would cost as much to open as one of a million, so
//! pushed events wait in a column family of their own, which every scan reads
//! by the plain path. When there are enough, or when the writer closes, they
//! become a batch like any other; the write that publishes it removes them.

use hashbrown::HashMap;

use super::ImportError;
use super::batch::{Batch, same_content};
use super::commit::{self, NewSources, Target};
use super::dedup;
use crate::catalog::RecordSums;
use crate::event::EventHeader;
use crate::kv::columns::Column;
use crate::kv::db::{Changes, Db, KvError};
use crate::kv::value::{StoredEvent, TailEvent};
use crate::scan::StoreId;
use crate::writer::Core;

/// How many events a store's tail holds before it is sealed. A scan parses
/// every one of them: 10,000 cost it about 20 ms.
pub const TAIL_EVENTS_MAX: usize = 10_000;

/// The pushed events that no split holds, by identity.
#[derive(Default)]
pub struct Tail {
    stores: HashMap<StoreId, StoreTail>,
    next_sequence: u64,
}

#[derive(Default)]
struct StoreTail {
    by_identity: HashMap<u64, Vec<u64>>,
    n_events: usize,
}

fn key(store: StoreId, sequence: u64) -> Vec<u8> {
    let mut key = store.0.to_be_bytes().to_vec();
    key.extend_from_slice(&sequence.to_be_bytes());
    key
}

fn read_key(bytes: &[u8]) -> Option<(StoreId, u64)> {
    let (store, sequence) = bytes.split_first_chunk::<4>()?;
    let sequence: &[u8; 8] = sequence.try_into().ok()?;
    Some((
        StoreId(u32::from_be_bytes(*store)),
        u64::from_be_bytes(*sequence),
    ))
}

fn corrupt(key: &[u8], reason: String) -> KvError {
    KvError::Corrupt {
        column: Column::Tail,
        key: key.escape_ascii().to_string(),
        reason,
    }
}

impl Tail {
    /// Reads what is there of an earlier process.
    pub fn load(db: &Db) -> Result<Self, KvError> {
        let mut tail = Self::default();
        for pair in db.range(Column::Tail, &[], None) {
            let (key, value) = pair?;
            let (store, sequence) =
                read_key(&key).ok_or_else(|| corrupt(&key, "the key is odd".into()))?;
            let event = TailEvent::decode(&value).map_err(|e| corrupt(&key, e.to_string()))?;
            let header =
                EventHeader::read(&event.event.record).map_err(|e| corrupt(&key, e.to_string()))?;
            tail.note(store, header.identity, sequence);
        }
        Ok(tail)
    }

    fn note(&mut self, store: StoreId, identity: u64, sequence: u64) {
        let of_store = self.stores.entry(store).or_default();
        of_store
            .by_identity
            .entry(identity)
            .or_default()
            .push(sequence);
        of_store.n_events += 1;
        self.next_sequence = self.next_sequence.max(sequence + 1);
    }

    fn sequences(&self, store: StoreId, identity: u64) -> &[u64] {
        self.stores
            .get(&store)
            .and_then(|t| t.by_identity.get(&identity))
            .map_or(&[], Vec::as_slice)
    }

    pub fn n_events(&self, store: StoreId) -> usize {
        self.stores.get(&store).map_or(0, |t| t.n_events)
    }

    /// The stores that have pushed events.
    pub fn stores(&self) -> Vec<StoreId> {
        self.stores.keys().copied().collect()
    }
}

/// Stores a small batch in the tail: durable and visible when it returns. One
/// sync for all of it, however many pushed them.
///
/// An event of an identity that the tail or a split holds is compared with it;
/// what is new but conflicts goes through [`commit::commit`], which notes the
/// pair.
pub fn push(
    core: &Core,
    target: Target,
    mut batch: Batch,
    sources: NewSources,
) -> Result<RecordSums, ImportError> {
    let _one_at_a_time = core.pushing.lock();
    batch.put_in_order();
    let is_special = {
        let tail = core.tail.lock();
        let is_known = |identity: u64| !tail.sequences(target.store, identity).is_empty();
        let is_full = tail.n_events(target.store) + batch.events.len() > TAIL_EVENTS_MAX;
        is_full
            || !batch.conflicts.is_empty()
            || batch.events.iter().any(|e| is_known(e.header.identity))
    };
    if is_special {
        // Sealing first makes the tail's events ones that commit compares with.
        seal_alone(core, target.store)?;
        return commit::commit(core, target, batch, sources, Changes::default());
    }
    let publishing = core.publishing.lock();
    let published = match commit::time_of(&batch) {
        Some(time) => core.catalogue.lock().overlapping(target.store, time),
        None => Vec::new(),
    };
    let readers = core.open_splits(&published)?;
    let found = dedup::find(&core.db, target.store, &batch, &readers)?;
    if !found.conflicts.is_empty() {
        drop(publishing);
        return commit::commit(core, target, batch, sources, Changes::default());
    }
    batch.drop_duplicates(&found.duplicates);

    let mut tail = core.tail.lock();
    let mut changes = Changes::default();
    commit::name_sources(&mut changes, sources);
    let first_sequence = tail.next_sequence;
    for (event, sequence) in batch.events.iter().zip(first_sequence..) {
        let value = TailEvent {
            time_ms: event.header.time_ms,
            account: event.account.clone(),
            event: StoredEvent {
                provenance: event.provenance,
                record: batch.record(event).to_vec(),
            },
        };
        changes.put(Column::Tail, key(target.store, sequence), value.encode());
    }
    commit::finish_files(&mut changes, &batch, core, target.import)?;
    core.write(changes)?;
    core.step("pushed");
    batch.sums.stored += batch.events.len() as u64;
    for (event, sequence) in batch.events.iter().zip(first_sequence..) {
        tail.note(target.store, event.header.identity, sequence);
    }
    Ok(batch.sums)
}

/// Turns a store's tail into a split.
pub fn seal(core: &Core, store: StoreId) -> Result<(), ImportError> {
    let _one_at_a_time = core.pushing.lock();
    seal_alone(core, store)
}

fn seal_alone(core: &Core, store: StoreId) -> Result<(), ImportError> {
    let mut batch = Batch::default();
    let mut changes = Changes::default();
    let end = store.0.saturating_add(1).to_be_bytes();
    let mut import = 0;
    for pair in core
        .db
        .range(Column::Tail, &store.0.to_be_bytes(), Some(&end))
    {
        let (key, value) = pair?;
        let event = TailEvent::decode(&value).map_err(|e| corrupt(&key, e.to_string()))?;
        let header =
            EventHeader::read(&event.event.record).map_err(|e| corrupt(&key, e.to_string()))?;
        import = event.event.provenance.import;
        batch.push(
            header,
            event.account,
            event.event.provenance,
            &event.event.record,
        );
        changes.delete(Column::Tail, key.into_vec());
    }
    if batch.events.is_empty() {
        return Ok(());
    }
    commit::commit(
        core,
        Target {
            store,
            import,
            is_seal: true,
        },
        batch,
        NewSources::new(),
        changes,
    )?;
    core.step("sealed");
    let mut tail = core.tail.lock();
    tail.stores.remove(&store);
    Ok(())
}

/// Indexes of the batch's events that the tail holds already, ascending.
pub fn held(core: &Core, store: StoreId, batch: &Batch) -> Result<Vec<usize>, ImportError> {
    let tail = core.tail.lock();
    let mut held = Vec::new();
    if tail.n_events(store) == 0 {
        return Ok(held);
    }
    for (i, event) in batch.events.iter().enumerate() {
        for sequence in tail.sequences(store, event.header.identity) {
            let key = key(store, *sequence);
            let Some(value) = core.db.get(Column::Tail, &key)? else {
                continue;
            };
            let other = TailEvent::decode(&value).map_err(|e| corrupt(&key, e.to_string()))?;
            let is_same = other.time_ms == event.header.time_ms
                && other.account == event.account
                && same_content(&other.event.record, batch.record(event));
            if is_same {
                held.push(i);
                break;
            }
        }
    }
    Ok(held)
}
