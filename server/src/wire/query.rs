//! What is asked: of `/v1/query`, `/v1/explain` and `/v1/queries`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tarn_query::Stage;
use utoipa::ToSchema;

/// A query, with what it depends on.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "query": "filter eventName = {{name}} | stats count(*) as calls by userIdentity.arn",
    "parameters": {"name": "ConsoleLogin"},
    "since": "7d",
    "limit": 100,
}))]
pub struct QueryBody {
    /// SQL, Logs Insights QL, or words to search for.
    pub query: String,
    /// `auto` (the text tells), `sql`, `insights` or `search`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "auto")]
    pub language: Option<String>,
    /// The event data store that `events` means: its name, UUID or ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// Only events since: `7d`, a time, or milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "7d")]
    pub since: Option<String>,
    /// Only events before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Only events of these accounts, each its id or name, or an organizational unit
    /// (`Root/Prod`, `ou:Prod`); empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    /// Values of `{{name}}`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// The time zone of days, and of times that name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Europe/Zurich")]
    pub tz: Option<String>,
    /// Rows at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// The longest that the query may take; no longer than the server allows.
    #[serde(
        default,
        alias = "timeout_seconds",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(exclusive_minimum = 0)]
    pub timeout_seconds: Option<f64>,
}

/// How a query would be carried out, stage by stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    pub stages: Vec<ExplainedStage>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedStage {
    #[schema(example = "pushed predicate")]
    pub name: String,
    /// One or more lines.
    #[schema(example = "eventName = \"ConsoleLogin\"")]
    pub text: String,
}

impl Explanation {
    pub fn of(stages: &[Stage]) -> Self {
        let stages = stages.iter().map(|stage| ExplainedStage {
            name: stage.name.to_owned(),
            text: stage.text.clone(),
        });
        Self {
            stages: stages.collect(),
        }
    }
}
