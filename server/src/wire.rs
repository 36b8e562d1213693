//! The JSON that goes over the wire.

use serde::{Deserialize, Serialize};
use tarn_store::EventDataStore;

/// The body of `POST /v1/query`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueryBody {
    pub query: String,
    /// `auto`, `sql`, `insights` or `search`.
    #[serde(default)]
    pub language: Option<String>,
    /// Name, UUID or ARN.
    #[serde(default)]
    pub store: Option<String>,
    /// `7d`, a time, or milliseconds since 1970; the end is exclusive.
    #[serde(default)]
    pub since: Option<String>,
    #[serde(default)]
    pub until: Option<String>,
    /// Only events of these accounts; empty means all.
    #[serde(default)]
    pub accounts: Vec<String>,
    /// Values of `{{name}}`.
    #[serde(default)]
    pub parameters: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    pub limit: Option<usize>,
    #[serde(default)]
    pub timeout_seconds: Option<u64>,
}

/// An event data store, as `GET /v1/stores` lists it.
#[derive(Debug, Clone, Serialize)]
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

/// RFC 9457's problem details, with the place in the query's text.
#[derive(Debug, Clone, Serialize)]
pub struct ProblemDetails {
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

/// A place in a text, counted from 1 in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

impl Position {
    pub fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
        let at = |offset| Position::of("é1\nab", offset);
        assert_eq!(at(0), Position { line: 1, column: 1 });
        assert_eq!(at(2), Position { line: 1, column: 2 });
        assert_eq!(at(5), Position { line: 2, column: 2 });
        assert_eq!(at(99), Position { line: 2, column: 3 });
    }
}
