//! What is known of a query: what was asked, how far it is, what it read, how it ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tarn_store::AccountScope;

use super::status::QueryStatus;
use crate::error::QueryError;
use crate::language::Language;
use crate::request::QueryRequest;
use crate::statistics::Statistics;
use crate::syntax::Warning;

/// Who takes the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Somebody reads them as they come; nothing of them is kept.
    Attended,
    /// They are kept.
    Job,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Attended => "attended",
            Self::Job => "job",
        }
    }
}

/// A query and what became of it.
///
/// **Shape**: as JSON this is a job's `state.json`. **Units**: times in milliseconds since
/// 1970 UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobRecord {
    /// A UUID in lower case.
    pub id: String,
    pub kind: Kind,
    pub asked: Asked,
    pub status: QueryStatus,
    pub created_ms: i64,
    pub started_ms: Option<i64>,
    pub ended_ms: Option<i64>,
    /// As which the text was read; none before it was.
    pub language: Option<Language>,
    pub warnings: Vec<Told>,
    pub failure: Option<Failure>,
    pub statistics: JobStatistics,
}

/// What was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    pub text: String,
    pub language: Language,
    pub store: String,
    pub since_ms: Option<i64>,
    /// Exclusive.
    pub until_ms: Option<i64>,
    /// None means all.
    pub accounts: Option<Vec<String>>,
    pub parameters: BTreeMap<String, String>,
    pub limit: Option<usize>,
    pub timeout_ms: Option<u64>,
    pub zone: String,
}

impl Asked {
    pub fn of(request: &QueryRequest) -> Self {
        let time = request.time;
        Self {
            text: request.text.clone(),
            language: request.language,
            store: request.store.clone(),
            since_ms: (time.start_ms != i64::MIN).then_some(time.start_ms),
            until_ms: (time.end_ms != i64::MAX).then_some(time.end_ms),
            accounts: match &request.scope {
                AccountScope::All => None,
                AccountScope::Only(accounts) => Some(accounts.iter().cloned().collect()),
            },
            parameters: request
                .parameters
                .iter()
                .map(|(name, value)| (name.clone(), value.to_string()))
                .collect(),
            limit: request.limit,
            timeout_ms: request
                .timeout
                .map(|t| u64::try_from(t.as_millis()).unwrap_or(u64::MAX)),
            zone: request.zone.name().to_owned(),
        }
    }
}

/// Where a text is to blame, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub start: usize,
    pub end: usize,
}

/// A warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub message: String,
    pub hint: Option<String>,
    pub place: Option<Place>,
}

impl Told {
    pub fn of(warning: &Warning) -> Self {
        let span = warning.span;
        Self {
            message: warning.reason.clone(),
            hint: warning.hint.clone(),
            // A warning of the whole query has none.
            place: (span != crate::Span::default()).then_some(Place {
                start: span.start,
                end: span.end,
            }),
        }
    }
}

/// Why a query gave no rows, or no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// For programs: [`crate::Code::as_str`], or `server_ended`.
    pub code: String,
    pub message: String,
    pub hint: Option<String>,
    pub place: Option<Place>,
}

impl Failure {
    pub fn of(error: &QueryError) -> Self {
        Self {
            code: error.code.as_str().to_owned(),
            message: error.message.clone(),
            hint: error.hint.clone(),
            place: error.span.map(|span| Place {
                start: span.start,
                end: span.end,
            }),
        }
    }

    /// The process did not live to see the end.
    pub(super) fn server_ended() -> Self {
        Self {
            code: "server_ended".to_owned(),
            message: "the server ended".to_owned(),
            hint: Some("ask again".to_owned()),
            place: None,
        }
    }
}

/// What a query read and gave, so far or in the end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobStatistics {
    pub events_matched: u64,
    pub events_scanned: u64,
    /// Bytes of records that were read.
    pub bytes_scanned: u64,
    pub records_read: u64,
    pub splits: u64,
    pub splits_pruned: u64,
    /// From the start of the query, with its planning, to the last row.
    pub execution_ms: u64,
    pub rows: u64,
    /// Bytes of the rows as they are kept; 0 where they are not.
    pub result_bytes: u64,
    pub memory_peak_bytes: u64,
    pub spilled_bytes: u64,
}

impl JobStatistics {
    /// Takes over what the engine counted; what is kept the job counts itself.
    pub(super) fn update(&mut self, counted: &Statistics) {
        let took = counted.planning + counted.running;
        *self = Self {
            events_matched: counted.events_matched,
            events_scanned: counted.events_scanned,
            bytes_scanned: counted.bytes_read,
            records_read: counted.records_read,
            splits: counted.splits,
            splits_pruned: counted.splits_pruned,
            execution_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            rows: self.rows.max(counted.rows_returned),
            result_bytes: self.result_bytes,
            memory_peak_bytes: counted.memory_peak_bytes,
            spilled_bytes: counted.spilled_bytes,
        };
    }
}
