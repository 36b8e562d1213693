//! What came between two snapshots, for those who follow a store.
//!
//! Event times do not tell what is new: late events are normal. What tells is
//! whether the earlier snapshot showed an event: it did when it had published
//! the event's batch, or when the event was among the pushed ones. A pushed
//! event that has become part of a batch meanwhile must not come again.

use hashbrown::HashSet;

use crate::catalog::SplitEntry;
use crate::kv::columns::Column;
use crate::kv::db::{Db, KvError};
use crate::kv::keys::{self, EventKey};
use crate::kv::value::StoredEvent;
use crate::scan::{StoreId, TimeRange};
use crate::snapshot::PushedEvent;

/// Events by their places: whole batches, save single events of them.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    pub batches: HashSet<u64>,
    /// Batch and ordinal of events that were shown before, as pushed ones.
    pub shown_before: HashSet<(u64, u32)>,
}

impl Arrivals {
    pub fn holds(&self, batch: u64, ordinal: u32) -> bool {
        self.batches.contains(&batch) && !self.shown_before.contains(&(batch, ordinal))
    }

    /// Whether the split holds any of them.
    pub fn meet(&self, split: &SplitEntry) -> bool {
        split.batches.iter().any(|b| self.batches.contains(b))
    }

    /// Whether every event of the split is one of them.
    pub fn hold_all(&self, split: &SplitEntry) -> bool {
        let is_free = |b: &u64| !self.shown_before.iter().any(|(batch, _)| batch == b);
        split
            .batches
            .iter()
            .all(|b| self.batches.contains(b) && is_free(b))
    }

    /// Finds the events that were pushed ones and are part of these batches
    /// now.
    pub fn find_sealed<'p>(
        &mut self,
        db: &Db,
        store: StoreId,
        pushed: impl Iterator<Item = &'p PushedEvent>,
    ) -> Result<(), KvError> {
        for pushed in pushed {
            let event = &pushed.event;
            let time = TimeRange {
                start_ms: event.time_ms,
                end_ms: event.time_ms.saturating_add(1),
            };
            let (start, end) = keys::event_range(store, time);
            for pair in db.range(Column::Events, &start, Some(&end)) {
                let (key, value) = pair?;
                let corrupt = |reason: String| KvError::Corrupt {
                    column: Column::Events,
                    key: key.escape_ascii().to_string(),
                    reason,
                };
                let at = EventKey::decode(&key).map_err(|e| corrupt(e.to_string()))?;
                if at.account != event.account || !self.batches.contains(&at.batch) {
                    continue;
                }
                let stored = StoredEvent::decode(&value).map_err(|e| corrupt(e.to_string()))?;
                if stored.provenance == event.event.provenance {
                    self.shown_before.insert((at.batch, at.ordinal));
                }
            }
        }
        Ok(())
    }
}
