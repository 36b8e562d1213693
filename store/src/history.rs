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

    /// The files that imports finished, with their paths, of one import or of all.
    pub fn each_import_file(
        &self,
        import: Option<u64>,
    ) -> impl Iterator<Item = Result<(String, FileEntry), KvError>> {
        let files = self.db().each_entry::<FileEntry>(Column::Files);
        files.filter_map(move |file| match file {
            Ok((_, file)) if import.is_some_and(|wanted| wanted != file.import) => None,
            Ok((key, file)) => {
                let (path, _) = key.get(4..).and_then(read_text)?;
                Some(Ok((path, file)))
            }
            Err(error) => Some(Err(error)),
        })
    }

    /// What could not be taken, of one import or of all.
    pub fn each_reject(
        &self,
        import: Option<u64>,
    ) -> impl Iterator<Item = Result<RejectEntry, KvError>> {
        let rejects = self.db().each_entry::<RejectEntry>(Column::Rejects);
        rejects
            .map(|reject| reject.map(|(_, reject)| reject))
            .filter(move |reject| match (reject, import) {
                (Ok(reject), Some(wanted)) => reject.import == wanted,
                _ => true,
            })
    }

    /// Events that were stored although another has their identity, of one
    /// import or of all.
    pub fn each_conflict(
        &self,
        import: Option<u64>,
    ) -> impl Iterator<Item = Result<Conflict, KvError>> {
        let conflicts = self.db().each_entry::<ConflictEntry>(Column::Conflicts);
        conflicts.filter_map(move |entry| match entry {
            Ok((_, entry)) if import.is_some_and(|wanted| wanted != entry.import) => None,
            Ok((_, entry)) => Some(self.conflict(entry)),
            Err(error) => Some(Err(error)),
        })
    }

    /// The files that an import finished, with their paths.
    pub fn import_files(&self, import: u64) -> Result<Vec<(String, FileEntry)>, KvError> {
        self.each_import_file(Some(import)).collect()
    }

    /// What could not be taken, of one import or of all.
    pub fn rejects(&self, import: Option<u64>) -> Result<Vec<RejectEntry>, KvError> {
        self.each_reject(import).collect()
    }

    /// Events that were stored although another has their identity.
    pub fn conflicts(&self, import: Option<u64>) -> Result<Vec<Conflict>, KvError> {
        self.each_conflict(import).collect()
    }

    fn conflict(&self, entry: ConflictEntry) -> Result<Conflict, KvError> {
        let key = entry.source.to_be_bytes();
        let source: Option<SourceEntry> = self.db().entry(Column::Sources, &key)?;
        Ok(Conflict {
            import: entry.import,
            time_ms: entry.time_ms,
            account: entry.account,
            event_id: entry.event_id,
            source: source.map(|s| s.path).unwrap_or_default(),
            position: entry.position,
        })
    }
}
