//! What can be asked of the events that are there: their fields, and the values of these.

use std::sync::Arc;

use serde_json::Value;
use tarn_store::fields::{self, FIELDS, FieldType};
use tarn_store::path::{FieldPath, Step};
use tarn_store::{AccountScope, ObservedField, ScanError, Snapshot};

use crate::accounts::ACCOUNT_NAME;
use crate::engine::{Engine, Priority};
use crate::error::{Code, QueryError};
use crate::language::Language;
use crate::request::QueryRequest;
use crate::search::{FieldRef, Segment};

/// A field under the name that a query has for it.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedField {
    pub name: String,
    /// In the words of SQL for a documented field, else what its values are.
    pub type_name: String,
    /// Events that have it.
    pub events: u64,
    /// Of all events in scope, to four places.
    pub share: f64,
    /// Whether grouping by it tells something: containers have no values of their own.
    pub has_values: bool,
}

/// A value of a field.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldValue {
    pub name: String,
    pub value: Value,
    pub events: u64,
    /// Of the events that have the field, to four places.
    pub share: f64,
}

/// The fields that the pattern chooses, by name; none where there is no such store.
///
/// **Cost**: looks at every column of every split of the store.
pub fn listed(
    snapshot: &Arc<Snapshot>,
    store: &str,
    scope: &AccountScope,
    pattern: Option<&str>,
) -> Result<Vec<ListedField>, QueryError> {
    let Some(store) = snapshot.find_store(store) else {
        return Ok(Vec::new());
    };
    let fields = snapshot
        .observed_fields(store.id, scope)
        .map_err(unreadable)?;
    // Every event has a time, so its field counts the events in scope.
    let events = fields.iter().map(|field| field.events).max().unwrap_or(0);
    let named = fields.into_iter().map(|field| (typed(&field.path), field));
    let chosen = named.filter(|(name, _)| pattern.is_none_or(|p| is_chosen(p, name)));
    let mut listed: Vec<ListedField> = chosen
        .map(|(name, field)| ListedField {
            name,
            type_name: type_name(&field),
            events: field.events,
            share: share(field.events, events),
            has_values: has_values(&field),
        })
        .collect();
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(listed)
}

/// The names of the fields that are documented.
pub fn documented() -> Vec<String> {
    let paths = FIELDS.iter().map(|field| field.path);
    let paths = paths.chain([ACCOUNT_NAME]);
    paths.map(str::to_owned).collect()
}

/// The names of all fields that occur in the store, or are documented.
pub fn names(
    snapshot: &Arc<Snapshot>,
    store: &str,
    scope: &AccountScope,
) -> Result<Vec<String>, QueryError> {
    let mut names = documented();
    if let Some(store) = snapshot.find_store(store) {
        let observed = snapshot.observed_fields(store.id, scope);
        let observed = observed.map_err(unreadable)?;
        names.extend(observed.iter().map(|field| typed(&field.path)));
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// The most frequent values of a field, at most `n`. The store, time, accounts and limits
/// are those of `request`, whose text does not matter.
pub async fn values(
    engine: &Engine,
    snapshot: &Arc<Snapshot>,
    request: &QueryRequest,
    field: &ListedField,
    n: usize,
    priority: Priority,
) -> Result<Vec<FieldValue>, QueryError> {
    let name = &field.name;
    let text = format!(
        "filter ispresent({name}) | stats count(*) as n by {name} as value | sort n desc, value asc | limit {n}"
    );
    let request = QueryRequest {
        text,
        language: Language::Insights,
        ..request.clone()
    };
    let stream = engine.query_among_others(Arc::clone(snapshot), &request, priority);
    let rows = stream.await?.rows().await?.into_iter();
    let values = rows.map(|mut row| {
        let events = row.get("n").and_then(Value::as_u64).unwrap_or(0);
        FieldValue {
            name: name.clone(),
            value: row.remove("value").unwrap_or(Value::Null),
            events,
            share: share(events, field.events),
        }
    });
    Ok(values.collect())
}

fn unreadable(error: ScanError) -> QueryError {
    QueryError::new(Code::Scan, "the fields cannot be read").caused_by(error)
}

fn share(part: u64, whole: u64) -> f64 {
    let share = part as f64 / whole.max(1) as f64;
    (share * 10_000.0).round() / 10_000.0
}

/// The path as it is typed in Logs Insights QL, with backticks where a key has
/// odd characters.
fn typed(path: &str) -> String {
    let path = FieldPath::parse(path);
    let segments = path.steps().iter().map(|step| match step {
        Step::Key(key) => Segment::key(key.as_str()),
        Step::Index(index) => Segment::Index(*index),
    });
    FieldRef {
        segments: segments.collect(),
    }
    .to_string()
}

/// The type in the words of SQL for a documented field, else what its values are.
fn type_name(field: &ObservedField) -> String {
    if let Some(known) = fields::known(&field.path) {
        return match known.field_type {
            FieldType::String => "string",
            FieldType::Boolean => "boolean",
            FieldType::Timestamp => "timestamp",
            FieldType::Struct => "struct",
            FieldType::StructList => "array of structs",
            FieldType::Map => "map",
        }
        .to_owned();
    }
    let kinds = [
        (field.kinds.text, "string"),
        (field.kinds.integer, "integer"),
        (field.kinds.boolean, "boolean"),
        (field.kinds.other, "other"),
    ];
    let named: Vec<&str> = kinds
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, name)| *name)
        .collect();
    named.join(", ")
}

/// Whether grouping by the field tells something: containers have no values of
/// their own.
fn has_values(field: &ObservedField) -> bool {
    match fields::known(&field.path) {
        Some(known) => !matches!(
            known.field_type,
            FieldType::Struct | FieldType::StructList | FieldType::Map
        ),
        None => field.kinds.text || field.kinds.integer || field.kinds.boolean,
    }
}

/// Whether a name holds the pattern, or matches it where it has `*` or `?`.
pub fn is_chosen(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    match pattern.contains(['*', '?']) {
        true => matches_glob(
            &pattern.chars().collect::<Vec<_>>(),
            &name.chars().collect::<Vec<_>>(),
        ),
        false => name.contains(&pattern),
    }
}

/// Linear in both: only the last `*` is ever tried again.
fn matches_glob(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || text.get(t) == Some(c) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p.min(pattern.len())..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_part_or_a_glob_in_any_case() {
        assert!(is_chosen("bucket", "requestParameters.bucketName"));
        assert!(is_chosen(
            "REQUEST*.bucket*",
            "requestParameters.bucketName"
        ));
        assert!(!is_chosen("bucket*", "requestParameters.bucketName"));
        assert!(is_chosen("event?ame", "eventName"));
        assert!(!is_chosen("event?", "eventName"));
        assert!(is_chosen("*a*b*c", "xaxbxbxc"));
    }

    #[test]
    fn odd_keys_are_shown_as_they_are_typed() {
        assert_eq!(typed("userIdentity.arn"), "userIdentity.arn");
        assert_eq!(
            typed("requestParameters.x-amz-acl"),
            "requestParameters.`x-amz-acl`"
        );
    }
}
