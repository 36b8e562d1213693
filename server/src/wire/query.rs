//! What is asked of `/v1/query`.

use serde::Deserialize;
use utoipa::ToSchema;

/// The body of `POST /v1/query`.
#[derive(Debug, Clone, Deserialize, ToSchema)]
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
