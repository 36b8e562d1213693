//! The catalogue's entries: what is published, and what is being written.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::scan::{StoreId, TimeRange};

/// A published batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchEntry {
    pub store: StoreId,
    pub import: u64,
    pub n_events: u32,
    pub time_min_ms: i64,
    pub time_max_ms: i64,
    /// Ordinals that turned out to be duplicates when the batch was published.
    /// Nothing shows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dead: Vec<u32>,
}

/// A published split: what pruning needs without opening it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitEntry {
    pub id: u64,
    pub store: StoreId,
    /// Layout version of the file.
    pub version: u32,
    pub n_docs: u32,
    pub bytes: u64,
    pub time_min_ms: i64,
    pub time_max_ms: i64,
    /// Whether documents are in order of time, then account, batch, ordinal.
    pub sorted: bool,
    /// Of a split that is not: the first documents of the parts of it that are,
    /// ascending from 0. Empty where they are not known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<u32>,
    /// Events by account; the empty text for those without one.
    pub accounts: BTreeMap<String, u32>,
    pub regions: BTreeMap<String, u32>,
    /// Documents that nothing shows, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dead: Vec<u32>,
    /// The batches whose events it holds, ascending.
    pub batches: Vec<u64>,
}

impl SplitEntry {
    /// The times of its events.
    pub fn time(&self) -> TimeRange {
        TimeRange {
            start_ms: self.time_min_ms,
            end_ms: self.time_max_ms.saturating_add(1),
        }
    }

    pub fn file_name(id: u64) -> String {
        format!("{id:016x}.split")
    }

    /// The number of the split that a file is of.
    pub fn id_of(path: &Path) -> Option<u64> {
        let name = path.file_name()?.to_str()?;
        u64::from_str_radix(name.strip_suffix(".split")?, 16).ok()
    }
}

/// A batch on its way: written before anything else of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    pub store: StoreId,
    pub split: u64,
    pub time_min_ms: i64,
    pub time_max_ms: i64,
}

/// A file as an import met it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    pub size: u64,
    pub mtime_ns: i64,
    /// Of the file's own bytes, in lower-case hex.
    pub sha256: String,
    pub import: u64,
    pub source: u64,
    pub records: u64,
    pub rejects: u64,
    pub kind: FileKind,
}

/// What a file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileKind {
    Events,
    /// A digest file: kept for validation, holds no events.
    Digest,
}

/// A file that records came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceEntry {
    pub path: String,
}

/// A record or file that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectEntry {
    pub import: u64,
    pub store: StoreId,
    pub path: String,
    /// The record's place in the file, counted from 0; none for a whole file.
    pub position: Option<u32>,
    /// Where in the unpacked file it, or the envelope or row around it, begins; none
    /// for a whole file.
    pub byte_offset: Option<u64>,
    pub reason: String,
    /// Its first bytes, base64 is not needed: text as far as it is UTF-8, other
    /// bytes escaped as `\xNN`.
    pub bytes: String,
    /// The length of the whole record where known.
    pub length: Option<u64>,
}

/// An event that was stored although another has its identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConflictEntry {
    pub import: u64,
    pub time_ms: i64,
    pub account: String,
    pub event_id: String,
    /// The file, as a number of the `sources` family.
    pub source: u64,
    pub position: u32,
    /// The other one's place: batch and ordinal.
    pub other: (u64, u32),
}

/// One import run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportEntry {
    pub id: u64,
    pub store: StoreId,
    pub started_ms: i64,
    pub ended_ms: Option<i64>,
    pub status: ImportStatus,
    pub paths: Vec<String>,
    pub files: FileSums,
    pub records: RecordSums,
    pub bytes: u64,
    /// It is of all that was pushed into the store while one process owned the
    /// directory, and of no files.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_push: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImportStatus {
    Running,
    Completed,
    /// Stopped before it was through; what it had published is kept.
    Interrupted,
    Failed,
}

/// Invariant 6 for files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSums {
    pub seen: u64,
    pub read: u64,
    /// Unchanged since an earlier import.
    pub unchanged: u64,
    /// Digests and the like.
    pub not_event_logs: u64,
    pub failed: u64,
}

impl FileSums {
    pub fn balance(&self) -> bool {
        self.seen == self.read + self.unchanged + self.not_event_logs + self.failed
    }
}

/// Invariant 6 for records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordSums {
    pub seen: u64,
    /// Conflicts included.
    pub stored: u64,
    pub conflicts: u64,
    pub duplicates: u64,
    /// Not wanted by the store's selectors.
    pub filtered: u64,
    /// Older than the store's retention.
    pub expired: u64,
    pub rejected: u64,
}

impl RecordSums {
    pub fn balance(&self) -> bool {
        self.seen == self.stored + self.duplicates + self.filtered + self.expired + self.rejected
    }

    pub fn add(&mut self, other: &Self) {
        self.seen += other.seen;
        self.stored += other.stored;
        self.conflicts += other.conflicts;
        self.duplicates += other.duplicates;
        self.filtered += other.filtered;
        self.expired += other.expired;
        self.rejected += other.rejected;
    }
}
