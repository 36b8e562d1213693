//! What is too old for its store goes, by event time.
//!
//! Queries never see an expired event: whoever scans starts the time range at
//! [`crate::data_store::EventDataStore::expires_before_ms`]. Here the disk gets
//! its room back: splits that hold nothing else are dropped, the batches that no
//! other split holds, and the events before the oldest split that is left.

use std::fs;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use crate::catalog::{BatchEntry, SplitEntry};
use crate::data_store::{EventDataStore, RESTORE_DAYS, StoreStatus};
use crate::kv::columns::Column;
use crate::kv::db::{Changes, KvError};
use crate::kv::keys::{EventKey, event_range};
use crate::scan::{StoreId, TimeRange};
use crate::writer::{Core, put_store};

const DAY_MS: i64 = 86_400_000;
/// Deletes are made in portions, so that memory stays bounded.
const DELETES_AT_ONCE: usize = 10_000;

/// Drops what has expired in every store, and stores whose time to be restored
/// is over.
pub fn expire(core: &Core, now_ms: i64) -> Result<(), KvError> {
    let stores = core.catalogue.lock().stores.clone();
    for store in stores {
        let is_lost = match store.status {
            StoreStatus::Enabled => false,
            StoreStatus::PendingDeletion { since_ms } => {
                now_ms.saturating_sub(since_ms) >= i64::from(RESTORE_DAYS) * DAY_MS
            }
            StoreStatus::Purging => true,
        };
        if is_lost {
            purge(core, store)?;
        } else if let Some(before_ms) = store.expires_before_ms(now_ms) {
            drop_before(core, store.id, before_ms)?;
        }
    }
    Ok(())
}

fn drop_before(core: &Core, store: StoreId, before_ms: i64) -> Result<(), KvError> {
    let _one_at_a_time = core.publishing.lock();
    let (expired, kept): (Vec<_>, Vec<_>) = core
        .catalogue
        .lock()
        .splits(store)
        .cloned()
        .partition(|s| s.time_max_ms < before_ms);
    remove_splits(core, &expired, Changes::default())?;
    let held: HashSet<u64> = kept
        .iter()
        .flat_map(|s| s.batches.iter().copied())
        .collect();
    let gone: HashMap<u64, BatchEntry> = batches_of(core, store)?
        .into_iter()
        .filter(|(number, batch)| batch.time_max_ms < before_ms && !held.contains(number))
        .collect();
    let oldest_kept_ms = kept.iter().map(|s| s.time_min_ms).min();
    let none_kept_before_ms = oldest_kept_ms.unwrap_or(before_ms).min(before_ms);
    let last_gone_ms = gone.values().map(|batch| batch.time_max_ms).max();
    let time = TimeRange {
        start_ms: i64::MIN,
        end_ms: last_gone_ms.map_or(none_kept_before_ms, |last| {
            none_kept_before_ms.max(last.saturating_add(1))
        }),
    };
    delete_events(core, store, time, |key| {
        key.time_ms < none_kept_before_ms || gone.contains_key(&key.batch)
    })?;
    // Last: by them the next time finds what a crash before this leaves behind.
    delete_batches(core, gone.into_keys())
}

/// Removes a store for good. It says so first: nobody may restore a part of it
/// if this is cut short.
fn purge(core: &Core, mut store: EventDataStore) -> Result<(), KvError> {
    let _one_at_a_time = core.publishing.lock();
    let splits: Vec<_> = core.catalogue.lock().splits(store.id).cloned().collect();
    store.status = StoreStatus::Purging;
    let mut begun = Changes::default();
    put_store(&mut begun, &store);
    remove_splits(core, &splits, begun)?;
    {
        let stores = &mut core.catalogue.lock().stores;
        stores.retain(|s| s.id != store.id);
        stores.push(store.clone());
    }
    delete_events(core, store.id, TimeRange::ALL, |_| true)?;
    let batches = batches_of(core, store.id)?;
    delete_batches(core, batches.into_iter().map(|(number, _)| number))?;
    let mut changes = Changes::default();
    for column in [Column::Tail, Column::Files, Column::Conflicts] {
        for key in keys_of(core, column, store.id)? {
            changes.delete(column, key);
        }
    }
    // Last and in one write: a crash before it purges again.
    changes.delete(Column::Stores, store.id.0.to_be_bytes());
    core.write(changes)?;
    core.step("store purged");
    core.catalogue.lock().stores.retain(|s| s.id != store.id);
    Ok(())
}

fn keys_of(core: &Core, column: Column, store: StoreId) -> Result<Vec<Vec<u8>>, KvError> {
    let end = crate::kv::keys::store_end(store);
    core.db
        .range(column, &store.0.to_be_bytes(), Some(&end))
        .map(|pair| pair.map(|(key, _)| key.into_vec()))
        .collect()
}

/// Drops splits in one write with what else `changes`.
fn remove_splits(
    core: &Core,
    splits: &[Arc<SplitEntry>],
    mut changes: Changes,
) -> Result<(), KvError> {
    for split in splits {
        changes.delete(Column::Splits, split.id.to_be_bytes());
    }
    core.write(changes)?;
    core.step("splits dropped");
    let ids: Vec<u64> = splits.iter().map(|s| s.id).collect();
    core.catalogue.lock().replace(&ids, None);
    for split in splits {
        let path = core
            .directory
            .splits()
            .join(SplitEntry::file_name(split.id));
        // What stays is removed at the next open: the catalogue does not name it.
        let _ = fs::remove_file(path);
    }
    Ok(())
}

/// The published batches of a store, by number.
fn batches_of(core: &Core, store: StoreId) -> Result<Vec<(u64, BatchEntry)>, KvError> {
    let mut batches = Vec::new();
    for (key, batch) in core.db.entries::<BatchEntry>(Column::Batches)? {
        let number = key.as_slice().try_into().map(u64::from_be_bytes);
        let number = number.map_err(|_| corrupt(Column::Batches, &key, "it is no number"))?;
        if batch.store == store {
            batches.push((number, batch));
        }
    }
    Ok(batches)
}

fn delete_batches(core: &Core, numbers: impl Iterator<Item = u64>) -> Result<(), KvError> {
    let mut changes = Changes::default();
    for number in numbers {
        changes.delete(Column::Batches, number.to_be_bytes());
    }
    core.write(changes)?;
    core.step("batches dropped");
    Ok(())
}

/// Deletes the events of the time range that are `meant`.
fn delete_events(
    core: &Core,
    store: StoreId,
    time: TimeRange,
    meant: impl Fn(&EventKey) -> bool,
) -> Result<(), KvError> {
    let (start, end) = event_range(store, time);
    let mut changes = Changes::default();
    let mut n = 0;
    for pair in core.db.range(Column::Events, &start, Some(&end)) {
        let (key, _) = pair?;
        let event =
            EventKey::decode(&key).map_err(|e| corrupt(Column::Events, &key, &e.to_string()))?;
        if !meant(&event) {
            continue;
        }
        changes.delete(Column::Events, key.into_vec());
        n += 1;
        if n % DELETES_AT_ONCE == 0 {
            core.write(std::mem::take(&mut changes))?;
        }
    }
    core.write(changes)?;
    core.step("events dropped");
    Ok(())
}

fn corrupt(column: Column, key: &[u8], reason: &str) -> KvError {
    KvError::Corrupt {
        column,
        key: key.escape_ascii().to_string(),
        reason: format!("the key: {reason}"),
    }
}
