//! Event data stores.

use serde::Serialize;
use tarn_store::EventDataStore;
use utoipa::ToSchema;

/// An event data store, as `GET /v1/stores` lists it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct StoreItem {
    pub name: String,
    pub id: String,
    pub arn: String,
    pub status: &'static str,
    pub retention_days: Option<u32>,
    pub events: u64,
}

impl StoreItem {
    pub fn new(store: &EventDataStore, events: u64) -> Self {
        Self {
            name: store.name.clone(),
            id: store.uuid.clone(),
            arn: store.arn(),
            status: match store.is_enabled() {
                true => "ENABLED",
                false => "PENDING_DELETION",
            },
            retention_days: store.retention_days,
            events,
        }
    }
}
