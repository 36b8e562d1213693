//! Whether an event is stored already.
//!
//! Candidates come from the id file of each published split that overlaps in
//! time: a few bytes an event, never a walk over all events of a second. The
//! record decides, so that neither a hash nor an eventID that two events share
//! can make evidence disappear.

use std::sync::Arc;

use super::ImportError;
use super::batch::{Batch, Conflict, Other, same_content};
use crate::catalog::SplitEntry;
use crate::event::EventHeader;
use crate::index::columns::KeyColumns;
use crate::index::reader::SplitReader;
use crate::kv::columns::Column;
use crate::kv::db::Db;
use crate::kv::keys::EventKey;
use crate::kv::value::StoredEvent;
use crate::scan::StoreId;

/// A published split, opened.
pub type OpenSplit = (Arc<SplitEntry>, Arc<SplitReader>);

/// What became of a batch's events against published ones.
#[derive(Debug, Default)]
pub struct Found {
    /// Indexes of events that are stored already, ascending.
    pub duplicates: Vec<usize>,
    pub conflicts: Vec<Conflict>,
}

/// Records are compared in portions: memory stays bounded when a whole batch
/// is stored already.
const COMPARED_AT_ONCE: usize = 1024;

/// Looks for the batch's events in the splits.
pub fn find(
    db: &Db,
    store: StoreId,
    batch: &Batch,
    splits: &[OpenSplit],
) -> Result<Found, ImportError> {
    let mut candidates: Vec<(usize, EventKey)> = Vec::new();
    for (entry, reader) in splits {
        let time = entry.time();
        let keys = reader.keys()?;
        let first = batch
            .events
            .partition_point(|e| e.header.time_ms < time.start_ms);
        let in_time = batch.events.iter().enumerate().skip(first);
        for (i, event) in in_time.take_while(|(_, e)| time.holds(e.header.time_ms)) {
            let holding = reader.ids().documents(event.header.identity);
            for document in holding.map_err(|e| reader.damaged("ids", e))? {
                let is_candidate = keys.time.value(document) == event.header.time_ms
                    && keys.account_of(document) == event.account
                    && entry.dead.binary_search(&document).is_err();
                if is_candidate {
                    candidates.push((i, key_of(keys, store, document)));
                }
            }
        }
    }
    candidates.sort_by(|a, b| a.1.cmp(&b.1));
    decide(db, batch, &candidates)
}

/// Where the record of a document lies.
fn key_of(keys: &KeyColumns, store: StoreId, document: u32) -> EventKey {
    EventKey {
        store,
        time_ms: keys.time.value(document),
        account: keys.account_of(document).to_owned(),
        batch: keys.batch.value(document) as u64,
        ordinal: keys.ordinal.value(document) as u32,
    }
}

fn decide(db: &Db, batch: &Batch, candidates: &[(usize, EventKey)]) -> Result<Found, ImportError> {
    let mut found = Found::default();
    for portion in candidates.chunks(COMPARED_AT_ONCE) {
        let keys: Vec<Vec<u8>> = portion.iter().map(|(_, key)| key.encode()).collect();
        let values = db.get_many(Column::Events, &keys)?;
        for ((i, key), value) in portion.iter().zip(values) {
            let missing = || ImportError::MissingEvent {
                batch: key.batch,
                ordinal: key.ordinal,
            };
            let stored = StoredEvent::decode(&value.ok_or_else(missing)?)?;
            let event = &batch.events[*i];
            let other_id = EventHeader::read(&stored.record)
                .ok()
                .and_then(|h| h.event_id);
            if other_id != event.header.event_id {
                continue;
            }
            if same_content(&stored.record, batch.record(event)) {
                found.duplicates.push(*i);
            } else if event.header.event_id.is_some() {
                found.conflicts.push(Conflict {
                    event: *i,
                    other: Other::Published(key.batch, key.ordinal),
                });
            }
        }
    }
    found.duplicates.sort_unstable();
    found.duplicates.dedup();
    // A record that is stored already conflicts with nothing anew.
    let duplicates = &found.duplicates;
    found
        .conflicts
        .retain(|c| duplicates.binary_search(&c.event).is_err());
    found.conflicts.sort_by_key(|c| c.event);
    found.conflicts.dedup_by_key(|c| c.event);
    Ok(found)
}
