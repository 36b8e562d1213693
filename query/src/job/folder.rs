//! Where jobs are kept: a folder each, with its state and its rows.
//!
//! ```text
//! DIR/results/LOCK              locked by the one process that keeps jobs here
//! DIR/results/<id>/state.json   what is known of the job: replaced by rename, synced
//! DIR/results/<id>/rows         its rows (`rows.rs`)
//! ```
//!
//! Folders have mode 0700, files 0600. A job is there once its state is: rows are synced
//! before a state that speaks of them, and a folder without a state is what a crash left
//! of a job that nobody was told of.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::record::JobRecord;

const LOCK: &str = "LOCK";
const STATE: &str = "state.json";
const STATE_NEW: &str = "state.new";
const ROWS: &str = "rows";

/// Why the folder of results cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    #[error("{operation} {}: {source}", path.display())]
    Io {
        operation: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("another process keeps its queries in {}", path.display())]
    Taken { path: PathBuf },
}

/// The folder of all jobs; this process's while the value lives.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Takes the folder, which is made where there is none.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let failed = |operation| {
            move |source| FolderError::Io {
                operation,
                path: path.to_owned(),
                source,
            }
        };
        if !path.is_dir() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .map_err(failed("making"))?;
            let parent = path.parent().unwrap_or(path);
            sync(parent).map_err(failed("syncing what holds"))?;
        }
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path.join(LOCK))
            .map_err(failed("locking"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(FolderError::Taken {
                path: path.to_owned(),
            }),
            Err(TryLockError::Error(source)) => Err(failed("locking")(source)),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn of(&self, id: Uuid) -> PathBuf {
        self.path.join(id.to_string())
    }

    /// Where a job's rows are.
    pub fn rows(&self, id: Uuid) -> PathBuf {
        self.of(id).join(ROWS)
    }

    /// Makes a job's folder, and its state durable.
    pub fn create(&self, id: Uuid, record: &JobRecord) -> io::Result<()> {
        DirBuilder::new().mode(0o700).create(self.of(id))?;
        let made = self.save(id, record).and_then(|()| sync(&self.path));
        if made.is_err() {
            let _ = fs::remove_dir_all(self.of(id));
        }
        made
    }

    /// Makes a job's state durable, and with it the entry of its rows.
    pub fn save(&self, id: Uuid, record: &JobRecord) -> io::Result<()> {
        let folder = self.of(id);
        let new = folder.join(STATE_NEW);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(&serde_json::to_vec(record)?)?;
        file.sync_all()?;
        fs::rename(&new, folder.join(STATE))?;
        sync(&folder)
    }

    pub fn load(&self, id: Uuid) -> io::Result<JobRecord> {
        let bytes = fs::read(self.of(id).join(STATE))?;
        Ok(serde_json::from_slice(&bytes)?)
    }

    /// Removes the rows of a job that keeps none.
    pub fn remove_rows(&self, id: Uuid) -> io::Result<()> {
        match fs::remove_file(self.rows(id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes a job: its state first, so that what a crash leaves is nobody's.
    pub fn remove(&self, id: Uuid) -> io::Result<()> {
        let folder = self.of(id);
        match fs::remove_file(folder.join(STATE)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::remove_dir_all(&folder)
    }

    /// Every job with its state, and those whose state does not read. Folders without one
    /// are removed.
    pub fn load_all(&self) -> io::Result<Vec<(Uuid, io::Result<JobRecord>)>> {
        let mut jobs = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let Some(id) = name.to_str().and_then(|name| Uuid::try_parse(name).ok()) else {
                continue;
            };
            match self.load(id) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    fs::remove_dir_all(self.of(id))?;
                }
                loaded => jobs.push((id, loaded)),
            }
        }
        Ok(jobs)
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
