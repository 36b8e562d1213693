//! Single pushed events: durable and visible at once, in a split later.
//!
//! A split of three events would cost as much to open as one of a million, so
//! pushed events wait in a column family of their own, which every scan reads
//! by the plain path. When there are enough, when they have waited for long, or
//! when the writer closes, they become a batch like any other; the write that
//! publishes it removes them. Meanwhile others are pushed.

use hashbrown::{HashMap, HashSet};

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

/// How many events a store's tail holds before pushes wait for it to be sealed. A
/// scan parses every one of them: 10,000 cost it about 20 ms.
pub const TAIL_EVENTS_MAX: usize = 10_000;
const TAIL_BYTES_MAX: usize = 16 << 20;

/// A batch that is no larger goes to the tail.
const PUSH_EVENTS_MAX: usize = 1_000;
const PUSH_BYTES_MAX: usize = 4 << 20;

/// Sealing is due when there is so much of a store, so that a scan need not parse
/// more: 2,000 events cost it 4 ms.
const DUE_EVENTS: usize = 2_000;
const DUE_BYTES: usize = 4 << 20;
/// Or when so many events have waited for so long,
const DUE_SOON_EVENTS: usize = 100;
const DUE_SOON_MS: i64 = 60_000;
/// or any for so long: a split for each event of a quiet day would be more to read
/// than those events.
const DUE_AT_LAST_MS: i64 = 15 * 60_000;

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
    n_bytes: usize,
    /// When the first of them came, in milliseconds since 1970 UTC.
    since_ms: i64,
}

/// A small batch on its way.
pub struct Push {
    pub target: Target,
    pub batch: Batch,
    pub sources: NewSources,
}

/// Whether a batch is small enough for the tail.
pub fn takes(batch: &Batch) -> bool {
    batch.events.len() <= PUSH_EVENTS_MAX && batch.bytes() <= PUSH_BYTES_MAX
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
    pub fn load(db: &Db, now_ms: i64) -> Result<Self, KvError> {
        let mut tail = Self::default();
        for pair in db.range(Column::Tail, &[], None) {
            let (key, value) = pair?;
            let (store, sequence) =
                read_key(&key).ok_or_else(|| corrupt(&key, "the key is odd".into()))?;
            let event = TailEvent::decode(&value).map_err(|e| corrupt(&key, e.to_string()))?;
            let header =
                EventHeader::read(&event.event.record).map_err(|e| corrupt(&key, e.to_string()))?;
            tail.note(store, header.identity, sequence, value.len(), now_ms);
        }
        Ok(tail)
    }

    fn note(&mut self, store: StoreId, identity: u64, sequence: u64, bytes: usize, now_ms: i64) {
        let of_store = self.stores.entry(store).or_default();
        if of_store.n_events == 0 {
            of_store.since_ms = now_ms;
        }
        of_store
            .by_identity
            .entry(identity)
            .or_default()
            .push(sequence);
        of_store.n_events += 1;
        of_store.n_bytes += bytes;
        self.next_sequence = self.next_sequence.max(sequence + 1);
    }

    /// The events of the sequences, with their identities, are part of a batch now.
    fn forget(&mut self, store: StoreId, sealed: &[(u64, u64)], bytes: usize, now_ms: i64) {
        let Some(of_store) = self.stores.get_mut(&store) else {
            return;
        };
        for (identity, sequence) in sealed {
            if let Some(sequences) = of_store.by_identity.get_mut(identity) {
                sequences.retain(|s| s != sequence);
                if sequences.is_empty() {
                    of_store.by_identity.remove(identity);
                }
            }
        }
        of_store.n_events = of_store.n_events.saturating_sub(sealed.len());
        of_store.n_bytes = of_store.n_bytes.saturating_sub(bytes);
        of_store.since_ms = now_ms;
        if of_store.by_identity.is_empty() {
            self.stores.remove(&store);
        }
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

    fn n_bytes(&self, store: StoreId) -> usize {
        self.stores.get(&store).map_or(0, |t| t.n_bytes)
    }

    /// The stores that have pushed events.
    pub fn stores(&self) -> Vec<StoreId> {
        self.stores.keys().copied().collect()
    }

    /// The stores whose events should become a split by now.
    pub fn due(&self, now_ms: i64) -> Vec<StoreId> {
        let is_due = |tail: &StoreTail| {
            let age_ms = now_ms.saturating_sub(tail.since_ms);
            tail.n_events >= DUE_EVENTS
                || tail.n_bytes >= DUE_BYTES
                || tail.n_events >= DUE_SOON_EVENTS && age_ms >= DUE_SOON_MS
                || age_ms >= DUE_AT_LAST_MS
        };
        let stores = self.stores.iter();
        stores
            .filter(|(_, tail)| is_due(tail))
            .map(|(store, _)| *store)
            .collect()
    }
}

/// What the tail knows of a batch's events.
#[derive(Debug, Default)]
struct Known {
    /// Indexes of events that it holds already, ascending.
    duplicates: Vec<usize>,
    /// One of the others has the identity of another event.
    has_conflict: bool,
}

/// Compares a batch with the store's tail. What it says stays so only for who holds
/// `publishing`, by which nothing joins the tail or leaves it.
fn known(core: &Core, store: StoreId, batch: &Batch) -> Result<Known, ImportError> {
    let tail = core.tail.lock();
    let mut known = Known::default();
    if tail.n_events(store) == 0 {
        return Ok(known);
    }
    for (i, event) in batch.events.iter().enumerate() {
        let mut is_duplicate = false;
        let mut is_conflict = false;
        for sequence in tail.sequences(store, event.header.identity) {
            let key = key(store, *sequence);
            let Some(value) = core.db.get(Column::Tail, &key)? else {
                continue;
            };
            let other = TailEvent::decode(&value).map_err(|e| corrupt(&key, e.to_string()))?;
            if other.time_ms != event.header.time_ms || other.account != event.account {
                continue;
            }
            let header =
                EventHeader::read(&other.event.record).map_err(|e| corrupt(&key, e.to_string()))?;
            if header.event_id != event.header.event_id {
                continue;
            }
            is_duplicate |= same_content(&other.event.record, batch.record(event));
            is_conflict |= event.header.event_id.is_some();
        }
        if is_duplicate {
            known.duplicates.push(i);
        } else {
            known.has_conflict |= is_conflict;
        }
    }
    Ok(known)
}

/// Indexes of the batch's events that the tail holds already, ascending.
pub fn held(core: &Core, store: StoreId, batch: &Batch) -> Result<Vec<usize>, ImportError> {
    Ok(known(core, store, batch)?.duplicates)
}

/// Whether the tail holds another event of an identity of the batch.
pub fn conflicts_with(core: &Core, store: StoreId, batch: &Batch) -> Result<bool, ImportError> {
    Ok(known(core, store, batch)?.has_conflict)
}

/// Stores a small batch in the tail: durable and visible when it returns.
pub fn push(
    core: &Core,
    target: Target,
    batch: Batch,
    sources: NewSources,
) -> Result<RecordSums, ImportError> {
    let push = Push {
        target,
        batch,
        sources,
    };
    let pushed = push_together(core, vec![push]).pop();
    pushed.unwrap_or_else(|| Ok(RecordSums::default()))
}

/// Stores small batches in the tail: durable and visible when it returns. One sync
/// for all of them, save those that need a way of their own.
///
/// An event of an identity that the tail or a split holds is compared with it;
/// what is new but conflicts goes through [`commit::commit`], which notes the
/// pair. Two batches with one identity are compared one after the other.
pub fn push_together(core: &Core, mut pushes: Vec<Push>) -> Vec<Result<RecordSums, ImportError>> {
    let _one_at_a_time = core.pushing.lock();
    let mut sums: Vec<Result<RecordSums, ImportError>> = Vec::new();
    sums.resize_with(pushes.len(), || Ok(RecordSums::default()));
    for push in &mut pushes {
        push.batch.put_in_order();
    }
    let mut left: Vec<usize> = (0..pushes.len()).collect();
    while !left.is_empty() {
        let round = push_round(core, &mut pushes, &left);
        for (i, done) in round.done {
            sums[i] = done;
        }
        for i in round.alone {
            sums[i] = push_alone(core, &mut pushes[i]);
        }
        left = round.later;
    }
    sums
}

/// What one write did.
#[derive(Default)]
struct Round {
    done: Vec<(usize, Result<RecordSums, ImportError>)>,
    /// Need a way of their own.
    alone: Vec<usize>,
    /// Have to be compared with those that are done now.
    later: Vec<usize>,
}

fn push_round(core: &Core, pushes: &mut [Push], indexes: &[usize]) -> Round {
    let mut round = Round::default();
    let _publishing = core.publishing.lock();
    let mut changes = Changes::default();
    let mut written: Vec<(usize, RecordSums)> = Vec::new();
    let mut notes: Vec<(StoreId, u64, u64, usize)> = Vec::new();
    let mut identities: HashSet<(StoreId, u64)> = HashSet::new();
    let mut sequence = core.tail.lock().next_sequence;
    for i in indexes {
        let push = &mut pushes[*i];
        let store = push.target.store;
        let ids = push.batch.events.iter().map(|e| (store, e.header.identity));
        if ids.clone().any(|id| identities.contains(&id)) {
            round.later.push(*i);
            continue;
        }
        let ids: Vec<(StoreId, u64)> = ids.collect();
        match compare(core, push, &notes) {
            Ok(true) => {}
            // A split that is lost is built anew on the longer way.
            Ok(false) | Err(ImportError::Split(_)) => {
                round.alone.push(*i);
                continue;
            }
            Err(error) => {
                round.done.push((*i, Err(error)));
                continue;
            }
        }
        identities.extend(ids);
        commit::name_sources(&mut changes, std::mem::take(&mut push.sources));
        let batch = &mut push.batch;
        for event in &batch.events {
            let value = TailEvent {
                time_ms: event.header.time_ms,
                account: event.account.clone(),
                event: StoredEvent {
                    provenance: event.provenance,
                    record: batch.record(event).to_vec(),
                },
            }
            .encode();
            notes.push((store, event.header.identity, sequence, value.len()));
            changes.put(Column::Tail, key(store, sequence), value);
            sequence += 1;
        }
        batch.sums.stored += batch.events.len() as u64;
        match commit::finish_files(&mut changes, batch, core, push.target) {
            Ok(()) => written.push((*i, batch.sums)),
            Err(error) => {
                // Only a write that failed ends here, and no other follows it.
                round.done.push((*i, Err(error)));
                return round;
            }
        }
    }
    match core.write(changes) {
        Ok(()) => {
            core.step("pushed");
            let now_ms = (core.options.clock)();
            let mut tail = core.tail.lock();
            for (store, identity, sequence, bytes) in notes {
                tail.note(store, identity, sequence, bytes, now_ms);
            }
            round
                .done
                .extend(written.into_iter().map(|(i, sums)| (i, Ok(sums))));
        }
        Err(error) => {
            let reason = error.to_string();
            let mut error = Some(ImportError::Kv(error));
            for (i, _) in written {
                let shared = || ImportError::Shared {
                    reason: reason.clone(),
                };
                round
                    .done
                    .push((i, Err(error.take().unwrap_or_else(shared))));
            }
        }
    }
    round
}

/// Drops of the batch what is stored already; false where it needs a way of its
/// own. `notes` are the events that go into the tail with the same write.
fn compare(
    core: &Core,
    push: &mut Push,
    notes: &[(StoreId, u64, u64, usize)],
) -> Result<bool, ImportError> {
    let store = push.target.store;
    let (mut n_events, mut n_bytes) = {
        let tail = core.tail.lock();
        (tail.n_events(store), tail.n_bytes(store))
    };
    for (_, _, _, bytes) in notes.iter().filter(|(of, ..)| *of == store) {
        n_events += 1;
        n_bytes += bytes;
    }
    let batch = &mut push.batch;
    let is_full = n_events + batch.events.len() > TAIL_EVENTS_MAX
        || n_events > 0 && n_bytes + batch.bytes() > TAIL_BYTES_MAX;
    if is_full || !batch.conflicts.is_empty() {
        return Ok(false);
    }
    let published = match commit::time_of(batch) {
        Some(time) => core.catalogue.lock().overlapping(store, time),
        None => Vec::new(),
    };
    let readers = core.open_and_keep(&published)?;
    let found = dedup::find(&core.db, store, batch, &readers)?;
    let known = known(core, store, batch)?;
    if !found.conflicts.is_empty() || known.has_conflict {
        return Ok(false);
    }
    let mut duplicates = found.duplicates;
    duplicates.extend(known.duplicates);
    duplicates.sort_unstable();
    duplicates.dedup();
    batch.drop_duplicates(&duplicates);
    Ok(true)
}

/// As a split of its own. Sealing first makes the tail's events ones that commit
/// compares with.
fn push_alone(core: &Core, push: &mut Push) -> Result<RecordSums, ImportError> {
    seal(core, push.target.store)?;
    commit::commit(
        core,
        push.target,
        std::mem::take(&mut push.batch),
        std::mem::take(&mut push.sources),
        Changes::default(),
    )
}

/// Turns what a store's tail holds into a split. What is pushed meanwhile stays.
pub fn seal(core: &Core, store: StoreId) -> Result<(), ImportError> {
    let _one_at_a_time = core.sealing.lock();
    let mut batch = Batch::default();
    let mut changes = Changes::default();
    let mut sealed = Vec::new();
    let mut bytes = 0;
    let end = store.0.saturating_add(1).to_be_bytes();
    let mut import = 0;
    for pair in core
        .db
        .range(Column::Tail, &store.0.to_be_bytes(), Some(&end))
    {
        let (key, value) = pair?;
        let (_, sequence) = read_key(&key).ok_or_else(|| corrupt(&key, "the key is odd".into()))?;
        let event = TailEvent::decode(&value).map_err(|e| corrupt(&key, e.to_string()))?;
        let header =
            EventHeader::read(&event.event.record).map_err(|e| corrupt(&key, e.to_string()))?;
        import = event.event.provenance.import;
        sealed.push((header.identity, sequence));
        bytes += value.len();
        batch.push(
            header,
            event.account,
            event.event.provenance,
            &event.event.record,
        );
        changes.delete(Column::Tail, key.into_vec());
    }
    if !batch.events.is_empty() {
        let target = Target {
            store,
            import,
            is_seal: true,
        };
        commit::commit(core, target, batch, NewSources::new(), changes)?;
        core.step("sealed");
        core.done.lock().seals += 1;
    }
    let now_ms = (core.options.clock)();
    core.tail.lock().forget(store, &sealed, bytes, now_ms);
    Ok(())
}
