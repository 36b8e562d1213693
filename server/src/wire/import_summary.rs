//! What an import did.

use serde::{Deserialize, Serialize};
use tarn_store::import::{self, ImportProgress};
use utoipa::ToSchema;

use super::{EventCounts, FileCounts, ProblemDetails, RejectReason, RunStatus};

/// What an import did, as `tarn import -o json` prints it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportSummary {
    /// The import's number; none for a dry run.
    pub import: Option<u64>,
    pub dry_run: bool,
    pub status: RunStatus,
    pub files: FileCounts,
    pub events: EventCounts,
    /// Files and folders that were set aside by their paths.
    pub files_pruned: u64,
    pub folders_pruned: u64,
    /// Bytes of the files read, as stored.
    pub file_bytes: u64,
    /// Bytes of records, unpacked.
    pub record_bytes: u64,
    pub seconds: f64,
    /// Files that could not be taken.
    pub failures: Vec<FileFailure>,
    /// Files that were read well and hold no events.
    pub not_event_logs: Vec<OtherFile>,
    /// Rejected records by reason.
    pub rejects: Vec<RejectReason>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileFailure {
    pub path: String,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OtherFile {
    pub path: String,
    pub what: String,
}

impl ImportSummary {
    pub fn of(summary: &import::ImportSummary, seconds: f64) -> Self {
        let failures = summary.failures.iter().cloned();
        let foreign = summary.foreign.iter().cloned();
        Self {
            import: summary.import,
            dry_run: summary.import.is_none(),
            status: summary.status.into(),
            files: summary.files.into(),
            events: summary.records.into(),
            files_pruned: summary.pruned,
            folders_pruned: summary.pruned_folders,
            file_bytes: summary.file_bytes,
            record_bytes: summary.record_bytes,
            seconds,
            failures: failures
                .map(|(path, reason)| FileFailure { path, reason })
                .collect(),
            not_event_logs: foreign
                .map(|(path, what)| OtherFile { path, what })
                .collect(),
            rejects: RejectReason::list(&summary.reject_reasons),
        }
    }
}

/// How far an import is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportPosition {
    pub files_total: u64,
    pub files_done: u64,
    /// Bytes of the files as stored.
    pub bytes_total: u64,
    pub bytes_done: u64,
    /// Records that were read, and their bytes unpacked.
    pub records_read: u64,
    pub bytes_read: u64,
    /// Records that are dealt with for good.
    pub events: EventCounts,
    pub record_bytes: u64,
}

impl From<&ImportProgress> for ImportPosition {
    fn from(progress: &ImportProgress) -> Self {
        Self {
            files_total: progress.files_total,
            files_done: progress.files_done,
            bytes_total: progress.bytes_total,
            bytes_done: progress.bytes_done,
            records_read: progress.records_read,
            bytes_read: progress.bytes_read,
            events: progress.records.into(),
            record_bytes: progress.record_bytes,
        }
    }
}

/// A line of an import's answer: any number of `progress`, then one of the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum ImportLine {
    Progress(ImportPosition),
    Summary(ImportSummary),
    /// It was not carried out to its end.
    Problem(ProblemDetails),
}

/// Files as the parts of a form; the file name of a part is the path of the file.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes what is read as it streams")]
pub struct FileParts {
    #[schema(value_type = Vec<String>, format = Binary, min_items = 1)]
    file: Vec<Vec<u8>>,
}
