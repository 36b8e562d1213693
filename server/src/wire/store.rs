//! Event data stores: as they are, as they are made and as they are changed.

use serde::{Deserialize, Deserializer, Serialize};
use tarn_query::time::iso;
use tarn_store::data_store::StoreStatus;
use tarn_store::import::select::AdvancedEventSelector;
use tarn_store::manage;
use tarn_store::{EventDataStore, Snapshot};
use utoipa::ToSchema;

/// An event data store with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Store {
    pub name: String,
    pub uuid: String,
    pub arn: String,
    /// `ENABLED` or `PENDING_DELETION`.
    pub status: String,
    pub events: u64,
    /// Days by event time; null keeps for ever.
    pub retention_days: Option<u32>,
    pub termination_protection: bool,
    /// Empty takes everything.
    #[schema(value_type = Vec<Selector>)]
    pub selectors: Vec<AdvancedEventSelector>,
    pub created: String,
    pub updated: String,
}

impl Store {
    /// Every store, as the catalogue has them.
    pub fn list(snapshot: &Snapshot) -> Vec<Self> {
        let stores = snapshot.stores().iter();
        stores
            .map(|store| Self::of(store, snapshot.event_count(store.id)))
            .collect()
    }

    pub fn of(store: &EventDataStore, events: u64) -> Self {
        Self {
            name: store.name.clone(),
            uuid: store.uuid.clone(),
            arn: store.arn(),
            status: status(store).to_owned(),
            events,
            retention_days: store.retention_days,
            termination_protection: store.termination_protection,
            selectors: store.selectors.clone(),
            created: iso(store.created_ms),
            updated: iso(store.updated_ms),
        }
    }
}

/// A status as the CloudTrail API spells it.
fn status(store: &EventDataStore) -> &'static str {
    match store.status {
        StoreStatus::Enabled => "ENABLED",
        StoreStatus::PendingDeletion { .. } | StoreStatus::Purging => "PENDING_DELETION",
    }
}

/// The body of `POST /v1/stores`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "security", "retentionDays": 366, "terminationProtection": true}))]
pub struct NewStore {
    /// 3 to 128 letters, digits, dots, underscores or hyphens.
    #[schema(min_length = 3, max_length = 128, pattern = "^[a-zA-Z0-9._-]+$")]
    pub name: String,
    /// Expire events so many days after their time; null never.
    #[serde(default)]
    #[schema(minimum = 7, maximum = 3653)]
    pub retention_days: Option<u32>,
    /// Empty takes every event.
    #[serde(default)]
    #[schema(value_type = Vec<Selector>)]
    pub selectors: Vec<AdvancedEventSelector>,
    /// Refuses to delete it until this is taken off.
    #[serde(default)]
    pub termination_protection: bool,
}

impl From<NewStore> for manage::NewStore {
    fn from(new: NewStore) -> Self {
        Self {
            name: new.name,
            retention_days: new.retention_days,
            selectors: new.selectors,
            termination_protection: new.termination_protection,
        }
    }
}

/// The body of `PATCH /v1/stores/{store}`; what is not named stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"retentionDays": 90}))]
pub struct StoreUpdate {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        nullable = false,
        min_length = 3,
        max_length = 128,
        pattern = "^[a-zA-Z0-9._-]+$"
    )]
    pub name: Option<String>,
    /// null keeps for ever.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "named"
    )]
    #[schema(value_type = Option<u32>, minimum = 7, maximum = 3653)]
    pub retention_days: Option<Option<u32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Vec<Selector>)]
    pub selectors: Option<Vec<AdvancedEventSelector>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = bool)]
    pub termination_protection: Option<bool>,
}

/// A member that is there, be it null.
fn named<'de, D: Deserializer<'de>>(member: D) -> Result<Option<Option<u32>>, D::Error> {
    Option::deserialize(member).map(Some)
}

impl From<StoreUpdate> for manage::StoreUpdate {
    fn from(update: StoreUpdate) -> Self {
        Self {
            name: update.name,
            retention_days: update.retention_days,
            selectors: update.selectors,
            termination_protection: update.termination_protection,
        }
    }
}

/// CloudTrail's advanced event selector: all of its conditions hold.
#[derive(ToSchema)]
#[schema(as = AdvancedEventSelector)]
#[allow(dead_code, reason = "describes what the store crate reads")]
pub struct Selector {
    #[schema(rename = "Name")]
    name: Option<String>,
    #[schema(rename = "FieldSelectors")]
    field_selectors: Vec<FieldCondition>,
}

/// A condition on one field.
#[derive(ToSchema)]
#[schema(as = FieldSelector)]
#[allow(dead_code, reason = "describes what the store crate reads")]
pub struct FieldCondition {
    #[schema(rename = "Field")]
    field: String,
    #[schema(rename = "Equals")]
    equals: Option<Vec<String>>,
    #[schema(rename = "StartsWith")]
    starts_with: Option<Vec<String>>,
    #[schema(rename = "EndsWith")]
    ends_with: Option<Vec<String>>,
    #[schema(rename = "NotEquals")]
    not_equals: Option<Vec<String>>,
    #[schema(rename = "NotStartsWith")]
    not_starts_with: Option<Vec<String>>,
    #[schema(rename = "NotEndsWith")]
    not_ends_with: Option<Vec<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_not_nothing() {
        let read = |text: &str| serde_json::from_str::<StoreUpdate>(text).expect("an update");
        assert_eq!(read("{}").retention_days, None);
        assert_eq!(read(r#"{"retentionDays":null}"#).retention_days, Some(None));
        let of_90 = read(r#"{"retentionDays":90}"#);
        assert_eq!(of_90.retention_days, Some(Some(90)));
        assert!(serde_json::from_str::<StoreUpdate>(r#"{"days":1}"#).is_err());
    }
}
