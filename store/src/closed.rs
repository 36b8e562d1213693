//! What the last writer left: the ends of the files that RocksDB appends to.
//!
//! RocksDB compares the checksums of what it reads, but a log or a manifest that
//! ends too early, or whose last record claims to be longer than the file, looks
//! to it like one that a crash cut: what was acknowledged would be gone without
//! a word, and recovery would undo the batches whose publishing it held. So a
//! writer that closes writes down these files with their lengths and checksums,
//! and whoever opens the directory compares them first.
//!
//! ```text
//! DIR/CLOSED       a line for each file: xxh3 in hex, length, name in db/
//!                  and, last, the xxh3 in hex of the lines before
//! ```
//!
//! The next writer removes the file before it changes anything. After a crash
//! there is none, and the logs may end wherever they end: every acknowledged
//! write was synced.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::directory::{Directory, OpenError, failed, sync};
use crate::kv::db::{Alive, Db};

/// Writes the file down when it is dropped, if RocksDB was closed by then.
pub struct WhenClosed {
    directory: Directory,
    db: Weak<Alive>,
    failure: Arc<OnceLock<String>>,
}

impl WhenClosed {
    /// To be dropped after the writer's own `db`, and before the lock of the
    /// directory.
    pub fn new(directory: &Directory, db: &Db) -> Self {
        Self {
            directory: directory.clone(),
            db: db.alive(),
            failure: db.failure(),
        }
    }
}

impl Drop for WhenClosed {
    fn drop(&mut self) {
        // A snapshot may outlive its writer and hold the database open. What is on
        // the disk after a write that failed is found out as after a crash.
        if self.db.strong_count() > 0 || self.failure.get().is_some() {
            return;
        }
        if let Err(error) = write(&self.directory) {
            tracing::warn!(%error, "a log that ends too early would not be noticed");
        }
    }
}

fn write(directory: &Directory) -> Result<(), OpenError> {
    let mut lines = String::new();
    for path in Db::files_with_an_end(&directory.db()).map_err(reading(&directory.db()))? {
        let (xxh3, length) = sum_of(&path).map_err(reading(&path))?;
        // RocksDB has synced what it appended, and the length is no use without.
        sync(&path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        lines += &format!("{xxh3:016x} {length} {name}\n");
    }
    let text = format!("{lines}{:016x}\n", xxh3_64(lines.as_bytes()));
    let (new, path) = (directory.tmp().join("CLOSED.new"), directory.closed_file());
    fs::write(&new, text).map_err(|e| failed("writing", &new, e))?;
    sync(&new)?;
    fs::rename(&new, &path).map_err(|e| failed("renaming", &new, e))?;
    sync(directory.root())
}

/// Compares what the last writer wrote down with what is there.
///
/// **Cost**: reads the logs, at most 64 MiB, and the manifest.
///
/// **Errors**: [`OpenError::Damaged`] with the first file that differs.
pub fn compare(directory: &Directory) -> Result<(), OpenError> {
    let mut last_text = None;
    loop {
        let Some(text) = read_whole(directory)? else {
            return Ok(());
        };
        let Err(error) = compare_with(directory, &text) else {
            return Ok(());
        };
        // A writer may have opened the directory meanwhile. It removes the file
        // before it changes another.
        if last_text.as_ref() == Some(&text) {
            return Err(error);
        }
        last_text = Some(text);
    }
}

/// The lines; none where no writer has closed the directory, or where the file
/// is damaged itself and so tells nothing.
fn read_whole(directory: &Directory) -> Result<Option<String>, OpenError> {
    let path = directory.closed_file();
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed("reading", &path, e)),
    };
    let whole = String::from_utf8(bytes).ok().and_then(|text| {
        let end = text.trim_end().rfind('\n').map_or(0, |at| at + 1);
        let (lines, sum) = text.split_at_checked(end)?;
        (sum == format!("{:016x}\n", xxh3_64(lines.as_bytes()))).then(|| lines.to_owned())
    });
    if whole.is_none() {
        tracing::warn!(path = %path.display(), "damaged, and not needed: the next writer replaces it");
    }
    Ok(whole)
}

fn compare_with(directory: &Directory, lines: &str) -> Result<(), OpenError> {
    for line in lines.lines() {
        let mut words = line.splitn(3, ' ');
        let (Some(xxh3), Some(length), Some(name)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let path = directory.db().join(name);
        let damaged = |reason: String| OpenError::Damaged {
            path: path.clone(),
            reason,
        };
        let (found_xxh3, found_length) = match sum_of(&path) {
            Ok(found) => found,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Err(damaged("it is missing".into()));
            }
            Err(e) => return Err(failed("reading", &path, e)),
        };
        if found_length.to_string() != length {
            return Err(damaged(format!(
                "it has {found_length} bytes, {length} were written"
            )));
        }
        if format!("{found_xxh3:016x}") != xxh3 {
            return Err(damaged("its checksum differs".into()));
        }
    }
    Ok(())
}

/// Before anything in the directory changes.
pub fn remove(directory: &Directory) -> Result<(), OpenError> {
    let path = directory.closed_file();
    match fs::remove_file(&path) {
        Ok(()) => sync(directory.root()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(failed("removing", &path, e)),
    }
}

/// The checksum and length of a file.
fn sum_of(path: &Path) -> io::Result<(u64, u64)> {
    let mut file = File::open(path)?;
    let mut sum = Xxh3::new();
    let mut length = 0;
    let mut piece = vec![0; 256 << 10];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok((sum.digest(), length)),
            n => {
                sum.update(&piece[..n]);
                length += n as u64;
            }
        }
    }
}

fn reading(path: &Path) -> impl Fn(io::Error) -> OpenError {
    let path: PathBuf = path.to_owned();
    move |source| failed("reading", &path, source)
}
