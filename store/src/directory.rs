//! The data directory: what lies where, whose it is, and its format.
//!
//! ```text
//! DIR/FORMAT       "tarn-data 2": the format of everything below
//! DIR/CLOSED       how the last writer left db/ (`closed.rs`)
//! DIR/OPENING      the same, while the next one opens db/
//! DIR/SALVAGING    something of db/ is being saved (`salvage.rs`)
//! DIR/before-salvage-*/   its logs before that
//! DIR/LOCK         locked by the one process that writes
//! DIR/owner.sock   where that process takes work from others (mode 0600)
//! DIR/db/          RocksDB: events and the catalogue
//! DIR/splits/      one file a split
//! DIR/results/     answers of queries that are kept (mode 0700)
//! DIR/tmp/         spilled queries, files on their way, readers' logs (mode 0700)
//! ```

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::advice;
use crate::kv::db::{Db, KvError};
use crate::kv::manifest::CURRENT;

/// The format that this build writes.
const FORMAT: &str = "tarn-data 2";
/// Read as well; a writer makes [`FORMAT`] of it. It has no CLOSED, which a build
/// that knows this one only would leave behind stale.
const FORMAT_1: &str = "tarn-data 1";

/// What lies in the root.
const OURS: [&str; 11] = [
    "db",
    "splits",
    "results",
    "tmp",
    "LOCK",
    "owner.sock",
    "FORMAT.new",
    "FORMAT",
    "CLOSED",
    "OPENING",
    "SALVAGING",
];
const SALVAGE_COPY: &str = "before-salvage-";

/// Why a data directory could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    #[error("{operation} {}: {source}{}", path.display(), advice::on(source))]
    Io {
        operation: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error(
        "there is no data directory at {}; `tarn import` makes one, `--data` or TARN_DATA names another",
        path.display()
    )]
    Missing { path: PathBuf },
    #[error(
        "{} is not a Tarn data directory: it holds files, but no FORMAT", path.display()
    )]
    NotOurs { path: PathBuf },
    #[error(
        "{} has format {found:?}, this build reads {FORMAT_1:?} and {FORMAT:?}; use the version of tarn that wrote it",
        path.display()
    )]
    Format { path: PathBuf, found: String },
    #[error(
        "{} is missing, and the directory holds a database: bring the file back from a backup",
        path.display()
    )]
    FormatMissing { path: PathBuf },
    #[error(
        "{} is damaged: {reason}; restore the data directory from a backup, or save what can be read with `tarn check --salvage`",
        path.display()
    )]
    Damaged { path: PathBuf, reason: String },
    #[error(
        "saving what can be read of {} was cut short; run `tarn check --salvage` again",
        path.display()
    )]
    Salvaging { path: PathBuf },
    #[error("{} opens as it is: there is nothing to salvage", path.display())]
    NothingToSalvage { path: PathBuf },
    #[error("{} is being written by another process", path.display())]
    Owned { path: PathBuf },
    #[error(transparent)]
    Kv(#[from] KvError),
}

/// Paths inside a data directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    pub fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn db(&self) -> PathBuf {
        self.root.join("db")
    }

    pub fn splits(&self) -> PathBuf {
        self.root.join("splits")
    }

    pub fn tmp(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// Answers that are kept; whoever keeps them makes it.
    pub fn results(&self) -> PathBuf {
        self.root.join("results")
    }

    pub fn socket(&self) -> PathBuf {
        self.root.join("owner.sock")
    }

    fn lock_file(&self) -> PathBuf {
        self.root.join("LOCK")
    }

    fn format_file(&self) -> PathBuf {
        self.root.join("FORMAT")
    }

    pub fn closed_file(&self) -> PathBuf {
        self.root.join("CLOSED")
    }

    pub fn opening_file(&self) -> PathBuf {
        self.root.join("OPENING")
    }

    pub fn salvaging_file(&self) -> PathBuf {
        self.root.join("SALVAGING")
    }

    /// The `n`-th folder for logs as they were before something of them was saved.
    pub fn salvage_copy(&self, n: u32) -> PathBuf {
        self.root.join(format!("{SALVAGE_COPY}{n}"))
    }

    /// Whether `name` is that of a file or folder of ours in the root.
    pub fn is_ours(name: &OsStr) -> bool {
        let is_copy = name.as_encoded_bytes().starts_with(SALVAGE_COPY.as_bytes());
        is_copy || OURS.iter().any(|ours| name == *ours)
    }

    /// Whether a process has the directory for writing now.
    pub fn is_owned(&self) -> bool {
        File::open(self.lock_file()).is_ok_and(|file| {
            let shared = flock(&file, FlockOperation::NonBlockingLockShared);
            shared == Err(rustix::io::Errno::WOULDBLOCK)
        })
    }

    /// Refuses a directory of another format, or none.
    pub fn check_format(&self) -> Result<(), OpenError> {
        self.read_format().map(drop)
    }

    /// Gives one of the formats that this build reads.
    fn read_format(&self) -> Result<&'static str, OpenError> {
        let path = self.format_file();
        match fs::read(&path) {
            Ok(found) => {
                let found = String::from_utf8_lossy(&found);
                let known = [FORMAT, FORMAT_1]
                    .into_iter()
                    .find(|known| found.strip_suffix('\n') == Some(known));
                known.ok_or_else(|| OpenError::Format {
                    path: self.root.clone(),
                    found: found.trim_end().chars().take(80).collect(),
                })
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => Err(match self.has_database() {
                true => OpenError::FormatMissing { path },
                false => OpenError::Missing {
                    path: self.root.clone(),
                },
            }),
            Err(source) => Err(OpenError::Io {
                operation: "reading",
                path,
                source,
            }),
        }
    }

    /// Takes the directory for writing, and makes what is missing of an empty
    /// or new one.
    pub fn take(&self) -> Result<File, OpenError> {
        let root = &self.root;
        create_private(root)?;
        // Before anything is put into it.
        self.refuse_foreign()?;
        let lock = self.lock()?;
        // Under the lock: several processes may find it empty.
        for folder in [self.db(), self.splits(), self.tmp()] {
            create_private(&folder)?;
        }
        match self.read_format() {
            Ok(FORMAT) => {}
            Ok(_) | Err(OpenError::Missing { .. }) => self.write_format()?,
            Err(other) => return Err(other),
        }
        Ok(lock)
    }

    fn write_format(&self) -> Result<(), OpenError> {
        let new = self.root.join("FORMAT.new");
        fs::write(&new, format!("{FORMAT}\n")).map_err(|e| failed("writing", &new, e))?;
        sync(&new)?;
        fs::rename(&new, self.format_file()).map_err(|e| failed("renaming", &new, e))?;
        sync(&self.root)
    }

    /// A copy that was made without what is only on its way has none.
    pub fn make_tmp(&self) -> Result<(), OpenError> {
        create_private(&self.tmp())
    }

    /// Whether something was stored: FORMAT is there before the database.
    fn has_database(&self) -> bool {
        let mut db = fs::read_dir(self.db()).into_iter().flatten();
        db.next().is_some()
    }

    /// Refuses a directory whose database is not there: lost, or not made yet.
    pub fn check_made(&self) -> Result<(), OpenError> {
        if self.db().join(CURRENT).exists() {
            return Ok(());
        }
        self.check_database()?;
        Err(OpenError::Missing {
            path: self.root.clone(),
        })
    }

    /// Refuses a directory whose catalogue does not fit its events yet.
    pub fn check_not_salvaging(&self) -> Result<(), OpenError> {
        match self.salvaging_file().exists() {
            true => Err(OpenError::Salvaging {
                path: self.root.clone(),
            }),
            false => Ok(()),
        }
    }

    /// Refuses a directory that would be taken for a new one, because the
    /// beginning of its database is lost: opening it would remove what is left.
    pub fn check_database(&self) -> Result<(), OpenError> {
        let db = self.db();
        let is_lost = Db::has_lost_its_beginning(&db).map_err(|e| failed("listing", &db, e))?;
        let splits = self.splits();
        let mut listed = fs::read_dir(&splits).map_err(|e| failed("listing", &splits, e))?;
        let has_no_files = fs::read_dir(&db).is_ok_and(|mut files| files.next().is_none());
        if is_lost || has_no_files && listed.next().is_some() {
            return Err(KvError::Damaged {
                path: db,
                reason: "CURRENT is missing, by which the database is found".into(),
            }
            .into());
        }
        Ok(())
    }

    /// Refuses a directory that holds other files than ours and no format.
    fn refuse_foreign(&self) -> Result<(), OpenError> {
        let root = &self.root;
        if self.format_file().exists() {
            return Ok(());
        }
        // A directory that is being made, or whose making was interrupted,
        // holds our own names only.
        let mut entries = fs::read_dir(root).map_err(|e| failed("listing", root, e))?;
        let is_foreign = entries.any(|entry| entry.is_ok_and(|e| !Self::is_ours(&e.file_name())));
        match is_foreign {
            true => Err(OpenError::NotOurs { path: root.clone() }),
            false => Ok(()),
        }
    }

    /// The directory is free again when the file is dropped, however the
    /// process ends.
    fn lock(&self) -> Result<File, OpenError> {
        let path = self.lock_file();
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| failed("opening", &path, e))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(file),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::Owned {
                path: self.root.clone(),
            }),
            Err(e) => Err(failed("locking", &path, e.into())),
        }
    }
}

/// Makes a folder and those above it, durably: each name is synced with the
/// folder that holds it.
fn create_private(folder: &Path) -> Result<(), OpenError> {
    if folder.is_dir() {
        return Ok(());
    }
    let holders: Vec<PathBuf> = folder
        .ancestors()
        .take_while(|ancestor| !ancestor.exists())
        .filter_map(Path::parent)
        .map(|holder| Path::new(".").join(holder))
        .collect();
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(0o700)))
        .map_err(|e| failed("creating", folder, e))?;
    holders.iter().try_for_each(|holder| sync(holder))
}

pub(crate) fn sync(path: &Path) -> Result<(), OpenError> {
    File::open(path)
        .and_then(|f| f.sync_all())
        .map_err(|e| failed("syncing", path, e))
}

pub(crate) fn failed(operation: &'static str, path: &Path, source: io::Error) -> OpenError {
    OpenError::Io {
        operation,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_format_opens() {
        let dir = tempfile::tempdir().expect("a folder");
        let directory = Directory::at(&dir.path().join("new/data"));
        assert!(matches!(
            directory.check_format(),
            Err(OpenError::Missing { .. })
        ));
        drop(directory.take().expect("created"));
        drop(directory.take().expect("nothing to do"));
        let not_made = directory.check_made();
        assert!(matches!(not_made, Err(OpenError::Missing { .. })));
        fs::write(directory.splits().join("a.split"), "").expect("written");
        assert!(matches!(directory.check_made(), Err(OpenError::Kv(_))));
        fs::write(directory.root().join("FORMAT"), "tarn-data 99\n").expect("written");
        assert!(matches!(directory.take(), Err(OpenError::Format { .. })));

        let foreign = Directory::at(dir.path());
        assert!(matches!(foreign.take(), Err(OpenError::NotOurs { .. })));
    }

    #[test]
    fn one_writer() {
        let dir = tempfile::tempdir().expect("a folder");
        let directory = Directory::at(dir.path());
        let held = directory.take().expect("free");
        assert!(matches!(directory.take(), Err(OpenError::Owned { .. })));
        drop(held);
        directory.take().expect("free again");
    }
}
