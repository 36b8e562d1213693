//! Events as delivered.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tarn_query::time::iso;
use tarn_store::{AccountScope, EventDataStore, ScanError, Snapshot, StoredRecord};
use utoipa::ToSchema;

/// An event, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    pub time: String,
    pub account: String,
    /// The name of its event data store.
    pub store: String,
    /// The number of the import that brought it.
    pub import: u64,
    pub arrived: String,
    /// The path of its file, and its place in it after `#`.
    pub source: String,
    /// The event itself, byte for byte as delivered.
    pub record: String,
}

impl Event {
    /// The problem of an id that no event has.
    pub const MISSING: &str = "no-such-event";

    /// The store of the reference, or all that are in use; none where there is no such.
    pub fn stores<'s>(
        snapshot: &'s Snapshot,
        reference: Option<&str>,
    ) -> Option<Vec<&'s EventDataStore>> {
        match reference {
            Some(reference) => Some(vec![snapshot.find_store(reference)?]),
            None => {
                let stores = snapshot.stores().iter();
                Some(stores.filter(|store| store.is_enabled()).collect())
            }
        }
    }

    /// The events of the stores that have the id.
    pub fn find(
        snapshot: &Arc<Snapshot>,
        stores: &[&EventDataStore],
        id: &str,
        scope: &AccountScope,
    ) -> Result<Vec<Self>, ScanError> {
        let mut found = Vec::new();
        for store in stores {
            let records = snapshot.events_by_id(store.id, id, scope)?;
            found.extend(records.into_iter().map(|record| Self::of(store, record)));
        }
        Ok(found)
    }

    fn of(store: &EventDataStore, stored: StoredRecord) -> Self {
        Self {
            time: iso(stored.key.time_ms),
            account: stored.key.account,
            store: store.name.clone(),
            import: stored.provenance.import,
            arrived: iso(stored.provenance.arrived_ms),
            source: stored.source.as_ref().to_owned(),
            // What is stored is JSON, and so UTF-8: nothing is replaced.
            record: String::from_utf8_lossy(&stored.record).into_owned(),
        }
    }
}
