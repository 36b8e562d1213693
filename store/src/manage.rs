//! Event data stores: made, changed, deleted, brought back.
//!
//! **Source**: CloudTrail API reference, CreateEventDataStore,
//! UpdateEventDataStore, DeleteEventDataStore and RestoreEventDataStore.

use serde::{Deserialize, Serialize};

use crate::data_store::{DEFAULT_STORE, EventDataStore, StoreStatus};
use crate::import::select::{self, AdvancedEventSelector, SelectorError};
use crate::kv::db::{Changes, KvError};
use crate::scan::StoreId;
use crate::writer::{Core, put_store};

/// What a new store is to be.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NewStore {
    pub name: String,
    /// None keeps for ever.
    pub retention_days: Option<u32>,
    /// Empty takes everything.
    pub selectors: Vec<AdvancedEventSelector>,
    pub termination_protection: bool,
}

/// What is to become of a store; what is none stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StoreUpdate {
    pub name: Option<String>,
    /// Some(None) keeps for ever.
    pub retention_days: Option<Option<u32>>,
    pub selectors: Option<Vec<AdvancedEventSelector>>,
    pub termination_protection: Option<bool>,
}

/// Why a store is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    #[error("there is no event data store {reference:?}; there are: {}", known.join(", "))]
    NotFound {
        reference: String,
        known: Vec<String>,
    },
    #[error("there is an event data store {name:?} already")]
    AlreadyExists { name: String },
    #[error(
        "{name:?} is no name for an event data store: 3 to 128 letters, digits, dots, underscores and hyphens"
    )]
    BadName { name: String },
    #[error("a retention of {days} days is out of range: 7 to 3653 days")]
    BadRetention { days: u32 },
    #[error(transparent)]
    Selectors(#[from] SelectorError),
    #[error(
        "event data store {name:?} is protected; `tarn stores update {name} --no-termination-protection` first"
    )]
    Protected { name: String },
    #[error("event data store {name:?} is pending deletion; only restore is possible")]
    PendingDeletion { name: String },
    #[error(
        "event data store {name:?} is leaving the disk and cannot be restored; a new one can be made once it is gone"
    )]
    Purging { name: String },
    #[error("event data store {name:?} is not deleted")]
    NotDeleted { name: String },
    #[error(transparent)]
    Kv(#[from] KvError),
}

/// The store that a reference means.
pub fn find(core: &Core, reference: &str) -> Result<EventDataStore, StoreError> {
    let catalogue = core.catalogue.lock();
    let found = catalogue.stores.iter().find(|s| s.is_meant_by(reference));
    found.cloned().ok_or_else(|| StoreError::NotFound {
        reference: reference.to_owned(),
        known: catalogue.stores.iter().map(|s| s.name.clone()).collect(),
    })
}

/// The store `default`, made when it is not there.
pub fn default_store(core: &Core) -> Result<EventDataStore, StoreError> {
    match find(core, DEFAULT_STORE) {
        Err(StoreError::NotFound { .. }) => {
            let new = NewStore {
                name: DEFAULT_STORE.to_owned(),
                ..NewStore::default()
            };
            match create(core, new) {
                // Two first imports at once: the other one has made it.
                Err(StoreError::AlreadyExists { .. }) => find(core, DEFAULT_STORE),
                made => made,
            }
        }
        found => found,
    }
}

pub fn create(core: &Core, new: NewStore) -> Result<EventDataStore, StoreError> {
    check_name(&new.name)?;
    check_retention(new.retention_days)?;
    select::validate(&new.selectors)?;
    let _one_at_a_time = core.publishing.lock();
    check_free(core, &new.name)?;
    let now_ms = (core.options.clock)();
    let last = core.catalogue.lock().stores.iter().map(|s| s.id.0).max();
    let store = EventDataStore {
        id: StoreId(last.map_or(1, |last| last + 1)),
        uuid: uuid::Uuid::new_v4().to_string(),
        name: new.name,
        retention_days: new.retention_days,
        selectors: new.selectors,
        termination_protection: new.termination_protection,
        created_ms: now_ms,
        updated_ms: now_ms,
        status: StoreStatus::Enabled,
    };
    save(core, store.clone())?;
    Ok(store)
}

pub fn update(
    core: &Core,
    reference: &str,
    update: StoreUpdate,
) -> Result<EventDataStore, StoreError> {
    let _one_at_a_time = core.publishing.lock();
    let mut store = find(core, reference)?;
    check_enabled(&store)?;
    if let Some(name) = update.name.filter(|n| *n != store.name) {
        check_name(&name)?;
        check_free(core, &name)?;
        store.name = name;
    }
    if let Some(days) = update.retention_days {
        check_retention(days)?;
        store.retention_days = days;
    }
    if let Some(selectors) = update.selectors {
        select::validate(&selectors)?;
        store.selectors = selectors;
    }
    if let Some(protected) = update.termination_protection {
        store.termination_protection = protected;
    }
    store.updated_ms = (core.options.clock)();
    save(core, store.clone())?;
    Ok(store)
}

/// Puts a store on the way to deletion. Nothing of it is queried or imported
/// from now on; its events stay until the time to restore it is over.
pub fn delete(core: &Core, reference: &str) -> Result<EventDataStore, StoreError> {
    let _one_at_a_time = core.publishing.lock();
    let mut store = find(core, reference)?;
    check_enabled(&store)?;
    if store.termination_protection {
        return Err(StoreError::Protected { name: store.name });
    }
    let since_ms = (core.options.clock)();
    store.status = StoreStatus::PendingDeletion { since_ms };
    store.updated_ms = since_ms;
    save(core, store.clone())?;
    Ok(store)
}

pub fn restore(core: &Core, reference: &str) -> Result<EventDataStore, StoreError> {
    let _one_at_a_time = core.publishing.lock();
    let mut store = find(core, reference)?;
    match check_enabled(&store) {
        Ok(()) => return Err(StoreError::NotDeleted { name: store.name }),
        Err(StoreError::PendingDeletion { .. }) => {}
        Err(other) => return Err(other),
    }
    store.status = StoreStatus::Enabled;
    store.updated_ms = (core.options.clock)();
    save(core, store.clone())?;
    Ok(store)
}

fn save(core: &Core, store: EventDataStore) -> Result<(), KvError> {
    let mut changes = Changes::default();
    put_store(&mut changes, &store);
    core.write(changes)?;
    core.step("store saved");
    let stores = &mut core.catalogue.lock().stores;
    stores.retain(|s| s.id != store.id);
    stores.push(store);
    Ok(())
}

fn check_enabled(store: &EventDataStore) -> Result<(), StoreError> {
    let name = store.name.clone();
    match store.status {
        StoreStatus::Enabled => Ok(()),
        StoreStatus::PendingDeletion { .. } => Err(StoreError::PendingDeletion { name }),
        StoreStatus::Purging => Err(StoreError::Purging { name }),
    }
}

fn check_free(core: &Core, name: &str) -> Result<(), StoreError> {
    match core.catalogue.lock().stores.iter().any(|s| s.name == name) {
        true => Err(StoreError::AlreadyExists {
            name: name.to_owned(),
        }),
        false => Ok(()),
    }
}

/// CreateEventDataStore, Name: `^[a-zA-Z0-9._\-]+$`, 3 to 128.
fn check_name(name: &str) -> Result<(), StoreError> {
    let is_good = (3..=128).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    match is_good {
        true => Ok(()),
        false => Err(StoreError::BadName {
            name: name.to_owned(),
        }),
    }
}

/// CreateEventDataStore, RetentionPeriod: 7 to 3653 days.
fn check_retention(days: Option<u32>) -> Result<(), StoreError> {
    match days {
        Some(days) if !(7..=3653).contains(&days) => Err(StoreError::BadRetention { days }),
        _ => Ok(()),
    }
}
