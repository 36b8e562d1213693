//! Event data stores: named collections with selectors and retention.
//!
//! **Source**: CloudTrail API reference, CreateEventDataStore; quotas and
//! defaults from the user guide's "Create an event data store".

use serde::{Deserialize, Serialize};

use crate::import::select::AdvancedEventSelector;
use crate::scan::StoreId;

/// The name of the store that the first import makes: it takes every category
/// of event and never expires anything.
pub const DEFAULT_STORE: &str = "default";

/// A named collection of events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventDataStore {
    pub id: StoreId,
    /// 8-4-4-4-12 lower-case hex.
    pub uuid: String,
    pub name: String,
    /// Days by event time; none keeps for ever.
    pub retention_days: Option<u32>,
    /// None takes everything.
    #[serde(default)]
    pub selectors: Vec<AdvancedEventSelector>,
    pub termination_protection: bool,
    /// Milliseconds since 1970 UTC.
    pub created_ms: i64,
    pub updated_ms: i64,
    pub status: StoreStatus,
}

/// Where a store is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum StoreStatus {
    Enabled,
    /// Deleted, and still to be brought back until [`RESTORE_DAYS`] are over.
    PendingDeletion {
        /// Milliseconds since 1970 UTC.
        since_ms: i64,
    },
    /// Its events are leaving the disk: some may be gone, so it does not come
    /// back.
    Purging,
}

/// How long a deleted store can be restored.
pub const RESTORE_DAYS: u32 = 7;

impl EventDataStore {
    /// The ARN that AWS tools know the store by. Region and account are
    /// Tarn's own: the directory belongs to no AWS account.
    pub fn arn(&self) -> String {
        format!(
            "arn:aws:cloudtrail:us-east-1:000000000000:eventdatastore/{}",
            self.uuid
        )
    }

    /// Whether a reference (name, UUID or ARN) means this store.
    pub fn is_meant_by(&self, reference: &str) -> bool {
        let uuid = reference
            .rsplit_once("eventdatastore/")
            .map_or(reference, |(_, uuid)| uuid);
        self.name == reference || self.uuid.eq_ignore_ascii_case(uuid)
    }

    pub fn is_enabled(&self) -> bool {
        self.status == StoreStatus::Enabled
    }

    /// Events before this time are expired; none where nothing expires.
    pub fn expires_before_ms(&self, now_ms: i64) -> Option<i64> {
        const DAY_MS: i64 = 86_400_000;
        self.retention_days
            .map(|days| now_ms.saturating_sub(i64::from(days) * DAY_MS))
    }
}

/// What is said of a reference that means no store.
pub fn no_such_store<'n>(reference: &str, names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.collect();
    let names = match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    };
    format!("there is no event data store `{reference}`; there are: {names}")
}
