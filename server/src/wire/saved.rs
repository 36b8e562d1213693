//! Saved queries, as they are told, put and run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tarn_query::saved::Listed;
use tarn_query::time::iso;
use tarn_store::saved::{self, ParameterType, SavedLanguage, SavedParameter};
use utoipa::ToSchema;

/// A query with a name: what it asks, what a hit means, and the parameters that it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "title": "IAM users that were created",
    "language": "insights",
    "text": "filter eventName = \"CreateUser\" and requestParameters.userName like {{name}}",
    "since": "30d",
    "tags": ["identity"],
    "parameters": [{"name": "name", "type": "text", "default": ""}],
}))]
pub struct SavedQuery {
    /// A letter, then letters, digits, dots, underscores and hyphens. Where a query is
    /// put the path names it.
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub title: String,
    #[serde(default)]
    pub description: String,
    /// What a row of the result means.
    #[serde(default)]
    pub hit_means: String,
    /// What gives rows that mean nothing.
    #[serde(default)]
    pub false_positives: String,
    /// An ATT&CK technique.
    #[serde(default)]
    #[schema(example = "T1078.004")]
    pub technique: Option<String>,
    #[serde(default)]
    pub tags: Vec<String>,
    #[schema(value_type = SavedQueryLanguage)]
    pub language: SavedLanguage,
    pub text: String,
    /// The time range unless one is asked for: `7d`, a time, or milliseconds since 1970.
    #[serde(default)]
    pub since: Option<String>,
    #[serde(default)]
    pub until: Option<String>,
    #[serde(default)]
    pub parameters: Vec<SavedQueryParameter>,
    /// Whether it comes with the program. Told, and passed by where a query is put.
    #[serde(default)]
    pub built_in: bool,
    /// When it was saved first; told, and passed by where a query is put.
    #[serde(default)]
    pub created: Option<String>,
    /// When it was saved last; told, and passed by where a query is put.
    #[serde(default)]
    pub updated: Option<String>,
}

/// What a `{{name}}` of the text stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedQueryParameter {
    pub name: String,
    #[serde(rename = "type")]
    #[schema(value_type = SavedQueryParameterType)]
    pub kind: ParameterType,
    /// As it would be given; without one a value must be given.
    #[serde(default)]
    pub default: Option<String>,
    #[serde(default)]
    pub description: String,
}

/// The languages of saved queries.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "only describes the store's enumeration")]
pub enum SavedQueryLanguage {
    Sql,
    Insights,
    Search,
}

/// The types of parameters.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[allow(dead_code, reason = "only describes the store's enumeration")]
pub enum SavedQueryParameterType {
    Text,
    Number,
    Boolean,
    Time,
    Account,
    List,
}

impl SavedQuery {
    pub fn of(listed: &Listed) -> Self {
        let query = listed.query.clone();
        let parameters = query.parameters.into_iter();
        let parameters = parameters.map(|parameter| SavedQueryParameter {
            name: parameter.name,
            kind: parameter.kind,
            default: parameter.default,
            description: parameter.description,
        });
        Self {
            name: query.name,
            title: query.title,
            description: query.description,
            hit_means: query.hit_means,
            false_positives: query.false_positives,
            technique: query.technique,
            tags: query.tags,
            language: query.language,
            text: query.text,
            since: query.since,
            until: query.until,
            parameters: parameters.collect(),
            built_in: listed.is_built_in(),
            created: listed.saved.map(|saved| iso(saved.created_ms)),
            updated: listed.saved.map(|saved| iso(saved.updated_ms)),
        }
    }
}

/// The query itself, without what is only told.
impl From<SavedQuery> for saved::SavedQuery {
    fn from(query: SavedQuery) -> Self {
        let parameters = query.parameters.into_iter();
        let parameters = parameters.map(|parameter| SavedParameter {
            name: parameter.name,
            kind: parameter.kind,
            default: parameter.default,
            description: parameter.description,
        });
        Self {
            name: query.name,
            title: query.title,
            description: query.description,
            hit_means: query.hit_means,
            false_positives: query.false_positives,
            technique: query.technique,
            tags: query.tags,
            language: query.language,
            text: query.text,
            since: query.since,
            until: query.until,
            parameters: parameters.collect(),
        }
    }
}

/// The body of `POST /v1/saved-queries/{name}/run`: all of it may be left out.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"parameters": {"failures": 5}, "since": "7d"}))]
pub struct SavedQueryRun {
    /// Values of the query's parameters, each of its type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, SavedQueryValue>,
    /// The event data store that `events` means: its name, UUID or ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// Only events since. Where neither `since` nor `until` is said, the query's own
    /// time range holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Only events before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Only events of these accounts, each its id or name, or an organizational unit
    /// (`Root/Prod`, `ou:Prod`); empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    /// The time zone of days, and of times that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Europe/Zurich")]
    pub tz: Option<String>,
    /// Rows at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// The longest that the query may take; no longer than the server allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(exclusive_minimum = 0)]
    pub timeout_seconds: Option<f64>,
}

/// A value of a parameter: as JSON has it, or as a text that reads as one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum SavedQueryValue {
    Text(String),
    Boolean(bool),
    #[schema(value_type = f64)]
    Number(serde_json::Number),
    List(Vec<String>),
}

impl SavedQueryValue {
    /// As it would be given on a command line.
    pub fn as_given(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Boolean(value) => value.to_string(),
            Self::Number(number) => number.to_string(),
            Self::List(items) => serde_json::Value::from(items.as_slice()).to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_can_be_put() {
        for query in tarn_query::saved::library() {
            let listed = Listed {
                query: query.clone(),
                saved: None,
            };
            let told = serde_json::to_string(&SavedQuery::of(&listed)).expect("JSON");
            let put: SavedQuery = serde_json::from_str(&told).expect("what was told");
            assert_eq!(&saved::SavedQuery::from(put), query);
        }
    }

    #[test]
    fn values_are_given_as_json_has_them() {
        let body =
            r#"{"parameters": {"a": "x", "b": true, "c": -0.5, "d": 90, "e": ["x,y", "z"]}}"#;
        let run: SavedQueryRun = serde_json::from_str(body).expect("a body");
        let given: Vec<String> = run.parameters.values().map(|v| v.as_given()).collect();
        assert_eq!(given, ["x", "true", "-0.5", "90", r#"["x,y","z"]"#]);
    }
}
