//! Queries and what became of them: `/v1/queries`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tarn_query::Span;
use tarn_query::job::{self, JobRecord, Place};
use tarn_query::time::iso;
use utoipa::ToSchema;

use super::Position;

/// A query: what was asked, how far it is, what it read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueryDetails {
    #[schema(example = "5b2c1f0e-8a67-4a39-9d55-0d6f8f6b1c11")]
    pub id: String,
    /// `job` where its rows are kept, `attended` where they went to whoever asked.
    #[schema(example = "job")]
    pub kind: String,
    pub status: QueryState,
    pub query: String,
    /// As which the text was read, or is to be read.
    #[schema(example = "insights")]
    pub language: String,
    pub store: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Empty means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    pub tz: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    #[schema(example = "2026-10-21T03:28:44.000Z")]
    pub created: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<QueryWarning>,
    /// Why it failed, or why there are not all rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<QueryFailure>,
    pub statistics: QueryStatistics,
}

/// The states of a query, in CloudTrail's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum QueryState {
    Queued,
    Running,
    Finished,
    Failed,
    Cancelled,
    TimedOut,
}

/// What the query probably does not mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueryWarning {
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

/// Why a query gave no rows, or no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueryFailure {
    #[schema(example = "timed_out")]
    pub code: String,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

/// What a query read and gave, so far or in the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueryStatistics {
    pub events_matched: u64,
    pub events_scanned: u64,
    /// Bytes of the records that were read.
    pub bytes_scanned: u64,
    pub records_read: u64,
    pub splits: u64,
    /// Splits that were set aside without being opened.
    pub splits_pruned: u64,
    pub execution_time_millis: u64,
    pub rows: u64,
    /// Bytes of the rows as they are kept.
    pub result_bytes: u64,
    /// The most memory that its operators held at one moment.
    pub memory_peak_bytes: u64,
    pub spilled_bytes: u64,
}

/// Some queries, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueryList {
    /// Long texts are cut here; the query itself has all of its text.
    pub queries: Vec<QueryDetails>,
    /// Asks for the next ones; absent where there are no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

/// Some rows of a query, in their order.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResultsPage {
    pub status: QueryState,
    /// Rows that the query has by now.
    pub total_rows: u64,
    /// An object a row, as `POST /v1/query` gives them.
    #[schema(value_type = Vec<Object>)]
    pub rows: Box<RawValue>,
    /// Asks for the next rows. Absent where nothing more will come; while the query runs
    /// there is always one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_page_token: Option<String>,
}

impl QueryDetails {
    pub fn of(record: &JobRecord) -> Self {
        let asked = &record.asked;
        let position = |place: Option<Place>| {
            place.map(|at| Position::of(&asked.text, Span::new(at.start, at.end)))
        };
        Self {
            id: record.id.clone(),
            kind: record.kind.as_str().to_owned(),
            status: record.status.into(),
            query: asked.text.clone(),
            language: record
                .language
                .unwrap_or(asked.language)
                .as_str()
                .to_owned(),
            store: asked.store.clone(),
            since: asked.since_ms.map(iso),
            until: asked.until_ms.map(iso),
            accounts: asked.accounts.clone().unwrap_or_default(),
            parameters: asked.parameters.clone(),
            tz: asked.zone.clone(),
            limit: asked.limit,
            created: iso(record.created_ms),
            started: record.started_ms.map(iso),
            ended: record.ended_ms.map(iso),
            warnings: QueryWarning::all(&record.warnings, &asked.text),
            error: record.failure.as_ref().map(|failure| QueryFailure {
                code: failure.code.clone(),
                message: failure.message.clone(),
                hint: failure.hint.clone(),
                position: position(failure.place),
            }),
            statistics: QueryStatistics::of(&record.statistics),
        }
    }

    /// As it is listed: a long text is cut.
    pub fn listed(record: &JobRecord) -> Self {
        const CHARACTERS_MAX: usize = 1_000;
        let mut details = Self::of(record);
        if let Some((end, _)) = details.query.char_indices().nth(CHARACTERS_MAX) {
            details.query.truncate(end);
            details.query.push('…');
        }
        details
    }
}

impl QueryWarning {
    /// The warnings of a query of this text.
    pub fn all(told: &[job::Told], text: &str) -> Vec<Self> {
        let told = told.iter().map(|told| Self {
            message: told.message.clone(),
            hint: told.hint.clone(),
            position: told
                .place
                .map(|at| Position::of(text, Span::new(at.start, at.end))),
        });
        told.collect()
    }
}

impl QueryStatistics {
    fn of(counted: &job::JobStatistics) -> Self {
        Self {
            events_matched: counted.events_matched,
            events_scanned: counted.events_scanned,
            bytes_scanned: counted.bytes_scanned,
            records_read: counted.records_read,
            splits: counted.splits,
            splits_pruned: counted.splits_pruned,
            execution_time_millis: counted.execution_ms,
            rows: counted.rows,
            result_bytes: counted.result_bytes,
            memory_peak_bytes: counted.memory_peak_bytes,
            spilled_bytes: counted.spilled_bytes,
        }
    }
}

impl From<job::QueryStatus> for QueryState {
    fn from(status: job::QueryStatus) -> Self {
        match status {
            job::QueryStatus::Queued => Self::Queued,
            job::QueryStatus::Running => Self::Running,
            job::QueryStatus::Finished => Self::Finished,
            job::QueryStatus::Failed => Self::Failed,
            job::QueryStatus::Cancelled => Self::Cancelled,
            job::QueryStatus::TimedOut => Self::TimedOut,
        }
    }
}
