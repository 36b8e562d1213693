//! All that happens on reopen: what was not published is undone.

use std::fs;
use std::io;
use std::path::PathBuf;

use hashbrown::HashSet;

use crate::catalog::{ImportEntry, ImportStatus, Intent, SplitEntry};
use crate::directory::{Directory, OpenError};
use crate::kv::columns::Column;
use crate::kv::db::{Changes, Db, KvError};
use crate::kv::keys::{BadKey, EventKey, event_range};
use crate::scan::TimeRange;

/// What recovery undid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    pub batches: u64,
    pub events: u64,
    pub files: u64,
}

/// Deletes are made in portions, so that memory stays bounded. A crash between
/// two leaves the intent, and the rest goes the next time.
const DELETES_AT_ONCE: usize = 10_000;

/// Undoes every batch that still has an intent, then removes files that the
/// catalogue does not name. Only the directory's writer may.
pub fn recover(directory: &Directory, db: &Db) -> Result<Recovered, OpenError> {
    let mut recovered = Recovered::default();
    for (key, intent) in db.entries::<Intent>(Column::Intents)? {
        let batch = key
            .as_slice()
            .try_into()
            .map(u64::from_be_bytes)
            .map_err(|_| corrupt_key(Column::Intents, &key))?;
        recovered.events += undo(db, batch, &intent)?;
        recovered.batches += 1;
    }
    end_imports(db)?;
    recovered.files += remove_unnamed_splits(directory, db)?;
    recovered.files += remove_all(&directory.tmp())?;
    Ok(recovered)
}

/// An import that still runs by its entry was stopped with its process. What it
/// published is there; its sums went with it.
fn end_imports(db: &Db) -> Result<(), KvError> {
    let mut changes = Changes::default();
    for (key, mut import) in db.entries::<ImportEntry>(Column::Imports)? {
        if import.status == ImportStatus::Running {
            import.status = ImportStatus::Interrupted;
            changes.put_entry(Column::Imports, key, &import);
        }
    }
    match changes.is_empty() {
        true => Ok(()),
        false => db.write(changes),
    }
}

/// Deletes the events of a batch that is not published, then its intent. Returns
/// how many events there were.
pub(crate) fn undo(db: &Db, batch: u64, intent: &Intent) -> Result<u64, KvError> {
    let time = TimeRange {
        start_ms: intent.time_min_ms,
        end_ms: intent.time_max_ms.saturating_add(1),
    };
    let (start, end) = event_range(intent.store, time);
    let mut undone = 0;
    let mut keys = Vec::new();
    for pair in db.range(Column::Events, &start, Some(&end)) {
        let (key, _) = pair?;
        let event = EventKey::decode(&key).map_err(|e: BadKey| KvError::Corrupt {
            column: Column::Events,
            key: key.escape_ascii().to_string(),
            reason: e.to_string(),
        })?;
        if event.batch == batch {
            keys.push(key.into_vec());
        }
        if keys.len() >= DELETES_AT_ONCE {
            undone += delete(db, &mut keys)?;
        }
    }
    undone += delete(db, &mut keys)?;
    let mut changes = Changes::default();
    changes.delete(Column::Intents, batch.to_be_bytes());
    db.write(changes)?;
    Ok(undone)
}

fn delete(db: &Db, keys: &mut Vec<Vec<u8>>) -> Result<u64, KvError> {
    let n = keys.len() as u64;
    let mut changes = Changes::default();
    for key in keys.drain(..) {
        changes.delete(Column::Events, key);
    }
    if !changes.is_empty() {
        db.write(changes)?;
    }
    Ok(n)
}

fn remove_unnamed_splits(directory: &Directory, db: &Db) -> Result<u64, OpenError> {
    let named: HashSet<String> = db
        .entries::<SplitEntry>(Column::Splits)?
        .into_iter()
        .map(|(_, split)| SplitEntry::file_name(split.id))
        .collect();
    let folder = directory.splits();
    let mut removed = 0;
    for path in list(&folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !named.contains(name.as_ref()) {
            remove(path)?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Files and folders that an ended process left behind. Readers that run make
/// their folders anew when they need them.
fn remove_all(folder: &PathBuf) -> Result<u64, OpenError> {
    let mut removed = 0;
    for path in list(folder)? {
        // Folders with a lock are cleared by those who know whose it is.
        if is_of_running_process(&path) || path.join("lock").exists() {
            continue;
        }
        remove(path)?;
        removed += 1;
    }
    Ok(removed)
}

/// What readers, queries and imports from stdin keep here is named
/// `…-<process id>-<n>`.
fn is_of_running_process(path: &std::path::Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut parts = name.rsplit('-');
    let pid = parts.nth(1).and_then(|pid| pid.parse::<i32>().ok());
    pid.and_then(rustix::process::Pid::from_raw)
        .is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

fn list(folder: &PathBuf) -> Result<Vec<PathBuf>, OpenError> {
    let failed = |source: io::Error| OpenError::Io {
        operation: "listing",
        path: folder.clone(),
        source,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    Ok(paths)
}

fn remove(path: PathBuf) -> Result<(), OpenError> {
    let removed = match path.is_dir() {
        true => fs::remove_dir_all(&path),
        false => fs::remove_file(&path),
    };
    removed.map_err(|source| OpenError::Io {
        operation: "removing",
        path,
        source,
    })
}

fn corrupt_key(column: Column, key: &[u8]) -> KvError {
    KvError::Corrupt {
        column,
        key: key.escape_ascii().to_string(),
        reason: "the key is no number".into(),
    }
}
