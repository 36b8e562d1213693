//! Files in, published events out. The write walk reads from top to bottom:
//!
//! [`discover`] files in the order of their times → [`decode`] gunzip and cut
//! into records → [`crate::event`] what each record is → [`select`] whether the
//! store wants it → [`batch`] in order, rid of repetitions → [`dedup`] whether
//! it is stored already → [`commit`] intent, events, split, published.
//!
//! [`run`] drives it with a worker a thread. [`push`] takes what is sent a few
//! events at a time: the same walk up to the batch, then [`tail`], the short way to
//! the disk, which many pushes go together.

pub mod batch;
pub mod commit;
pub mod decode;
mod dedup;
pub mod discover;
mod intake;
pub mod push;
pub mod run;
pub mod select;
pub mod tail;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use self::discover::SentFile;
use crate::catalog::{FileSums, ImportStatus, RecordSums};
use crate::index::merge::MergeError;
use crate::index::rebuild::NotMended;
use crate::index::split_file::SplitFileError;
use crate::index::writer::BuildError;
use crate::json::JsonError;
use crate::kv::db::KvError;
use crate::kv::value::BadValue;

/// What to import, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportRequest {
    /// Name, UUID or ARN. The store `default` is made when it is not there.
    pub store: String,
    /// Files, folders and globs.
    pub paths: Vec<PathBuf>,
    /// Files that came with the request, where there are no paths.
    #[serde(default)]
    pub sent: Vec<SentFile>,
    /// What the import is told to be of, where that is not the paths themselves.
    #[serde(default)]
    pub told_as: Vec<String>,
    /// Prune by the path: times in milliseconds since 1970 UTC, the end
    /// exclusive; empty lists prune nothing.
    pub since_ms: Option<i64>,
    pub until_ms: Option<i64>,
    pub accounts: Vec<String>,
    pub regions: Vec<String>,
    /// Reads files again that have not changed.
    pub force: bool,
    /// Reads and counts, and writes nothing.
    pub dry_run: bool,
    /// Small batches go to the tail, where they are visible at once.
    pub push: bool,
}

/// How far an import is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportProgress {
    pub files_total: u64,
    pub files_done: u64,
    /// Bytes of the files as stored.
    pub bytes_total: u64,
    pub bytes_done: u64,
    /// Records that were read, and their bytes unpacked.
    pub records_read: u64,
    pub bytes_read: u64,
    /// Records that are dealt with for good, and their bytes: a batch counts
    /// when it is published.
    pub records: RecordSums,
    pub record_bytes: u64,
}

/// What an import did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportSummary {
    /// The run's number; none for a dry run.
    pub import: Option<u64>,
    pub status: ImportStatus,
    pub files: FileSums,
    pub records: RecordSums,
    /// Bytes of records, unpacked.
    pub record_bytes: u64,
    /// Bytes of the files read, as stored.
    pub file_bytes: u64,
    /// Files and paths that could not be taken, and why.
    pub failures: Vec<(String, String)>,
    /// Files that were read well and hold no events, and what they are.
    pub foreign: Vec<(String, String)>,
    /// Rejected records by reason.
    pub reject_reasons: Vec<(String, u64)>,
    /// Files that the options set aside before they were looked at.
    pub pruned: u64,
    /// Folders that the options set aside with all that is in them.
    pub pruned_folders: u64,
}

/// Why an import stopped. What it had published is kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    #[error("there is no event data store {reference:?}; there are: {}", known.join(", "))]
    NoSuchStore {
        reference: String,
        known: Vec<String>,
    },
    #[error(
        "event data store {name:?} is pending deletion; `tarn stores restore {name}` brings it back"
    )]
    StoreNotEnabled { name: String },
    #[error("nothing to import: {0}")]
    Discover(#[from] discover::DiscoverError),
    #[error(transparent)]
    Kv(#[from] KvError),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Split(#[from] SplitFileError),
    #[error(transparent)]
    Merge(#[from] MergeError),
    #[error(transparent)]
    NotMended(#[from] NotMended),
    #[error("a stored event is damaged: {0}")]
    BadValue(#[from] BadValue),
    #[error(
        "the event of batch {batch}, ordinal {ordinal} is named by a split and is not there; `tarn check` tells more"
    )]
    MissingEvent { batch: u64, ordinal: u32 },
    #[error(
        "record {position} of source {source_number} was read once and does not read again: {reason}"
    )]
    Unreadable {
        source_number: u64,
        position: u32,
        reason: JsonError,
    },
    #[error("a worker ended by a panic: {message}")]
    Worker { message: String },
    /// The reason is the other's, whose error was told.
    #[error("the write that it shared with other pushes failed: {reason}")]
    Shared { reason: String },
}
