//! What became of files and records: the sums that leave nothing unaccounted for.

use serde::{Deserialize, Serialize};
use tarn_store::catalog::{FileSums, ImportStatus, RecordSums};
use utoipa::ToSchema;

/// Files: seen = read + unchanged + notEventLogs + failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileCounts {
    pub seen: u64,
    pub read: u64,
    /// Unchanged since an earlier import.
    pub unchanged: u64,
    /// Digests and the like.
    pub not_event_logs: u64,
    pub failed: u64,
}

impl From<FileSums> for FileCounts {
    fn from(sums: FileSums) -> Self {
        Self {
            seen: sums.seen,
            read: sums.read,
            unchanged: sums.unchanged,
            not_event_logs: sums.not_event_logs,
            failed: sums.failed,
        }
    }
}

impl From<FileCounts> for FileSums {
    fn from(counts: FileCounts) -> Self {
        Self {
            seen: counts.seen,
            read: counts.read,
            unchanged: counts.unchanged,
            not_event_logs: counts.not_event_logs,
            failed: counts.failed,
        }
    }
}

/// Records: seen = stored + duplicates + filtered + expired + rejected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventCounts {
    pub seen: u64,
    /// Conflicts included.
    pub stored: u64,
    /// Stored although another event has the same time, account and eventID.
    pub conflicts: u64,
    pub duplicates: u64,
    /// Not wanted by the store's selectors.
    pub filtered: u64,
    /// Older than the store's retention.
    pub expired: u64,
    pub rejected: u64,
}

impl From<RecordSums> for EventCounts {
    fn from(sums: RecordSums) -> Self {
        Self {
            seen: sums.seen,
            stored: sums.stored,
            conflicts: sums.conflicts,
            duplicates: sums.duplicates,
            filtered: sums.filtered,
            expired: sums.expired,
            rejected: sums.rejected,
        }
    }
}

impl From<EventCounts> for RecordSums {
    fn from(counts: EventCounts) -> Self {
        Self {
            seen: counts.seen,
            stored: counts.stored,
            conflicts: counts.conflicts,
            duplicates: counts.duplicates,
            filtered: counts.filtered,
            expired: counts.expired,
            rejected: counts.rejected,
        }
    }
}

/// Rejected records of one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RejectReason {
    pub reason: String,
    pub events: u64,
}

impl RejectReason {
    pub(super) fn list(reasons: &[(String, u64)]) -> Vec<Self> {
        let reasons = reasons.iter().cloned();
        reasons
            .map(|(reason, events)| Self { reason, events })
            .collect()
    }
}

/// Where an import is in its life, as the CloudTrail API spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RunStatus {
    Running,
    Completed,
    /// Stopped before it was through; what it had published is kept.
    Interrupted,
    Failed,
}

impl From<ImportStatus> for RunStatus {
    fn from(status: ImportStatus) -> Self {
        match status {
            ImportStatus::Running => Self::Running,
            ImportStatus::Completed => Self::Completed,
            ImportStatus::Interrupted => Self::Interrupted,
            ImportStatus::Failed => Self::Failed,
        }
    }
}
