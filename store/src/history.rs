//! What imports did: read for people who ask.

use crate::catalog::{ConflictEntry, FileEntry, ImportEntry, RejectEntry, SourceEntry};
use crate::kv::columns::Column;
use crate::kv::db::KvError;
use crate::kv::keys::read_text;
use crate::snapshot::Snapshot;

/// A conflict as it is shown: with the path of the file that brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    pub import: u64,
    /// Milliseconds since 1970 UTC.
    pub time_ms: i64,
    pub account: String,
    pub event_id: String,
    pub source: String,
    /// Its place in the file, counted from 0.
    pub position: u32,
}

impl Snapshot {
    /// Every import run, oldest first.
    pub fn imports(&self) -> Result<Vec<ImportEntry>, KvError> {
        let imports = self.db().entries::<ImportEntry>(Column::Imports)?;
        Ok(imports.into_iter().map(|(_, import)| import).collect())
    }

    /// The files that an import finished, with their paths.
    pub fn import_files(&self, import: u64) -> Result<Vec<(String, FileEntry)>, KvError> {
        let mut files = Vec::new();
        for (key, file) in self.db().entries::<FileEntry>(Column::Files)? {
            if file.import == import
                && let Some((path, _)) = key.get(4..).and_then(read_text)
            {
                files.push((path, file));
            }
        }
        Ok(files)
    }

    /// What could not be taken, of one import or of all.
    pub fn rejects(&self, import: Option<u64>) -> Result<Vec<RejectEntry>, KvError> {
        let rejects = self.db().entries::<RejectEntry>(Column::Rejects)?;
        Ok(rejects
            .into_iter()
            .map(|(_, reject)| reject)
            .filter(|reject| import.is_none_or(|wanted| wanted == reject.import))
            .collect())
    }

    /// Events that were stored although another has their identity, of one
    /// import or of all.
    pub fn conflicts(&self, import: Option<u64>) -> Result<Vec<Conflict>, KvError> {
        let mut conflicts = Vec::new();
        for (_, entry) in self.db().entries::<ConflictEntry>(Column::Conflicts)? {
            if import.is_some_and(|wanted| wanted != entry.import) {
                continue;
            }
            let source: Option<SourceEntry> = self
                .db()
                .entry(Column::Sources, &entry.source.to_be_bytes())?;
            conflicts.push(Conflict {
                import: entry.import,
                time_ms: entry.time_ms,
                account: entry.account,
                event_id: entry.event_id,
                source: source.map(|s| s.path).unwrap_or_default(),
                position: entry.position,
            });
        }
        Ok(conflicts)
    }
}
