//! What is too old for its store goes, by event time.
//!
//! Queries never see an expired event: whoever scans starts the time range at
//! [`crate::data_store::EventDataStore::expires_before_ms`]. Here the disk gets
//! its room back: splits that hold nothing else are dropped, and the events
//! before the oldest split that is left.

use std::fs;
use std::sync::Arc;

use crate::catalog::{BatchEntry, SplitEntry};
use crate::data_store::{EventDataStore, RESTORE_DAYS, StoreStatus};
use crate::kv::columns::Column;
use crate::kv::db::{Changes, KvError};
use crate::kv::keys::event_range;
use crate::scan::{StoreId, TimeRange};
use crate::writer::Core;

const DAY_MS: i64 = 86_400_000;
/// Deletes are made in portions, so that memory stays bounded.
const DELETES_AT_ONCE: usize = 10_000;

/// Drops what has expired in every store, and stores whose time to be restored
/// is over.
pub fn expire(core: &Core, now_ms: i64) -> Result<(), KvError> {
    let stores = core.catalogue.lock().stores.clone();
    for store in stores {
        if let StoreStatus::PendingDeletion { since_ms } = store.status
            && now_ms.saturating_sub(since_ms) >= i64::from(RESTORE_DAYS) * DAY_MS
        {
            purge(core, &store)?;
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
    if expired.is_empty() {
        return Ok(());
    }
    remove_splits(core, &expired)?;
    let oldest_kept_ms = kept.iter().map(|s| s.time_min_ms).min();
    let time = TimeRange {
        start_ms: i64::MIN,
        end_ms: oldest_kept_ms.map_or(before_ms, |oldest| oldest.min(before_ms)),
    };
    delete_events(core, store, time)
}

/// Removes a store for good.
fn purge(core: &Core, store: &EventDataStore) -> Result<(), KvError> {
    let _one_at_a_time = core.publishing.lock();
    let splits: Vec<_> = core.catalogue.lock().splits(store.id).cloned().collect();
    remove_splits(core, &splits)?;
    delete_events(core, store.id, TimeRange::ALL)?;
    let mut changes = Changes::default();
    for (key, batch) in core.db.entries::<BatchEntry>(Column::Batches)? {
        if batch.store == store.id {
            changes.delete(Column::Batches, key);
        }
    }
    for column in [Column::Tail, Column::Files, Column::Conflicts] {
        for key in keys_of(core, column, store.id)? {
            changes.delete(column, key);
        }
    }
    // Last and in one write: a crash before it purges again.
    changes.delete(Column::Stores, store.id.0.to_be_bytes());
    core.write(changes)?;
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

fn remove_splits(core: &Core, splits: &[Arc<SplitEntry>]) -> Result<(), KvError> {
    let mut changes = Changes::default();
    for split in splits {
        changes.delete(Column::Splits, split.id.to_be_bytes());
    }
    core.write(changes)?;
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

fn delete_events(core: &Core, store: StoreId, time: TimeRange) -> Result<(), KvError> {
    let (start, end) = event_range(store, time);
    let mut changes = Changes::default();
    let mut n = 0;
    for pair in core.db.range(Column::Events, &start, Some(&end)) {
        let (key, _) = pair?;
        changes.delete(Column::Events, key.into_vec());
        n += 1;
        if n % DELETES_AT_ONCE == 0 {
            core.write(std::mem::take(&mut changes))?;
        }
    }
    core.write(changes)
}
