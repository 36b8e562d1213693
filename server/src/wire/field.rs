//! Fields of events, and their values.

use serde::{Deserialize, Serialize};
use tarn_query::field_list;
use utoipa::ToSchema;

/// A field that events have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// As a query names it.
    #[schema(example = "requestParameters.bucketName")]
    pub name: String,
    #[serde(rename = "type")]
    #[schema(example = "string")]
    pub kind: String,
    /// Events that have it.
    pub events: u64,
    /// Of all events, to four places.
    pub share: f64,
    /// Its most frequent values, where they are asked for; a struct or a list has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<FieldValue>>,
}

/// A value that a field has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldValue {
    pub value: serde_json::Value,
    /// Events that have it.
    pub events: u64,
    /// Of the events that have the field, to four places.
    pub share: f64,
}

impl Field {
    pub fn of(
        field: &field_list::ListedField,
        values: Option<Vec<field_list::FieldValue>>,
    ) -> Self {
        let values = values.map(|values| {
            let values = values.into_iter();
            values
                .map(|value| FieldValue {
                    value: value.value,
                    events: value.events,
                    share: value.share,
                })
                .collect()
        });
        Self {
            name: field.name.clone(),
            kind: field.type_name.clone(),
            events: field.events,
            share: field.share,
            values,
        }
    }
}
