//! Import runs, as they are told afterwards.

use serde::{Deserialize, Serialize};
use tarn_query::time::iso;
use tarn_store::catalog::{FileEntry, FileKind, ImportEntry, RejectEntry};
use tarn_store::history;
use tarn_store::kv::db::KvError;
use tarn_store::{Snapshot, StoreId};
use utoipa::ToSchema;

use super::{EventCounts, FileCounts, RunStatus};

/// An import run. All pushes into a store while a server runs count as one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Import {
    pub import: u64,
    /// The store's name; null where the store is gone.
    pub store: Option<String>,
    pub status: RunStatus,
    pub started: String,
    /// Null while it runs.
    pub ended: Option<String>,
    pub seconds: Option<f64>,
    /// What it was asked to read.
    pub paths: Vec<String>,
    pub files: FileCounts,
    pub events: EventCounts,
    /// Bytes of records, unpacked.
    pub bytes: u64,
    /// Whether its events were pushed, and are in no file.
    pub pushed: bool,
}

impl Import {
    /// Every import, the newest first.
    pub fn list(snapshot: &Snapshot) -> Result<Vec<Self>, KvError> {
        let imports = snapshot.imports()?.into_iter().rev();
        Ok(imports.map(|import| Self::of(snapshot, &import)).collect())
    }

    pub fn find(snapshot: &Snapshot, id: u64) -> Result<Option<Self>, KvError> {
        let mut imports = snapshot.imports()?.into_iter();
        let found = imports.find(|import| import.id == id);
        Ok(found.map(|import| Self::of(snapshot, &import)))
    }

    /// What is said of a number that no import has.
    pub fn missing(id: u64) -> String {
        format!("there is no import {id}; tarn imports list shows them")
    }

    fn of(snapshot: &Snapshot, import: &ImportEntry) -> Self {
        let ended_ms = import.ended_ms;
        Self {
            import: import.id,
            store: name(snapshot, import.store),
            status: import.status.into(),
            started: iso(import.started_ms),
            ended: ended_ms.map(iso),
            seconds: ended_ms.map(|ended| (ended - import.started_ms) as f64 / 1000.0),
            paths: import.paths.clone(),
            files: import.files.into(),
            events: import.records.into(),
            bytes: import.bytes,
            pushed: import.is_push,
        }
    }
}

fn name(snapshot: &Snapshot, store: StoreId) -> Option<String> {
    let store = snapshot.stores().iter().find(|known| known.id == store)?;
    Some(store.name.clone())
}

/// A file that an import was through with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportedFile {
    pub path: String,
    pub bytes: u64,
    /// `Events`, or `Digest` for a file that holds none.
    pub kind: String,
    pub records: u64,
    pub rejects: u64,
    /// Of the file's own bytes.
    pub sha256: String,
}

impl ImportedFile {
    pub fn of((path, file): (String, FileEntry)) -> Self {
        let kind = match file.kind {
            FileKind::Events => "Events",
            FileKind::Digest => "Digest",
        };
        Self {
            path,
            bytes: file.size,
            kind: kind.to_owned(),
            records: file.records,
            rejects: file.rejects,
            sha256: file.sha256,
        }
    }
}

/// A record or a file that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Reject {
    pub import: u64,
    pub reason: String,
    pub path: String,
    /// The record's place in the file, counted from 0; null for a whole file.
    pub position: Option<u32>,
    /// Where in the unpacked file it begins.
    pub offset: Option<u64>,
    /// The length of the whole record.
    pub length: Option<u64>,
    /// Its first bytes; what is not UTF-8 is escaped as `\xNN`.
    pub bytes: String,
}

impl Reject {
    pub fn of(reject: RejectEntry) -> Self {
        Self {
            import: reject.import,
            reason: reject.reason,
            path: reject.path,
            position: reject.position,
            offset: reject.byte_offset,
            length: reject.length,
            bytes: reject.bytes,
        }
    }
}

/// An event that was stored although another has its time, account and eventID.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Conflict {
    pub import: u64,
    pub time: String,
    pub account: String,
    #[serde(rename = "eventID")]
    pub event_id: String,
    /// The path of the file that it came from.
    pub source: String,
    /// Its place in the file, counted from 0.
    pub position: u32,
}

impl Conflict {
    pub fn of(conflict: history::Conflict) -> Self {
        Self {
            import: conflict.import,
            time: iso(conflict.time_ms),
            account: conflict.account,
            event_id: conflict.event_id,
            source: conflict.source,
            position: conflict.position,
        }
    }
}
