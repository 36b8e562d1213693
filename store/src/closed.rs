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
//! The next writer renames the file to OPENING before RocksDB opens, and removes
//! it before it changes anything itself. So where RocksDB could not open, the next
//! one compares again. RocksDB itself changes none of these files before it has
//! read all of them, written what they hold to tables, and named another manifest
//! in CURRENT: with that, OPENING says nothing any more. After a crash there is
//! neither, and the logs may end wherever they end: every acknowledged write was
//! synced.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, Weak};

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use crate::directory::{Directory, OpenError, failed, sync};
use crate::kv::db::{Alive, Db};
use crate::kv::manifest::CURRENT;

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

/// How far the writer has come that reads the file next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// There was none yet.
    Closed,
    /// RocksDB was to be opened, and may have been.
    Opening,
}

/// Compares what the last writer wrote down with what is there.
///
/// **Cost**: reads the logs, at most 64 MiB, and the manifest.
///
/// **Errors**: [`OpenError::Damaged`] with the first file that differs.
pub fn compare(directory: &Directory) -> Result<(), OpenError> {
    compare_those(directory, |_| true)
}

/// The same for all but logs.
pub fn compare_manifest(directory: &Directory) -> Result<(), OpenError> {
    compare_those(directory, |name| !name.ends_with(".log"))
}

fn compare_those(directory: &Directory, passes: fn(&str) -> bool) -> Result<(), OpenError> {
    let mut last_text = None;
    loop {
        let text = match read_whole(&directory.closed_file())? {
            Some(text) => Some((Stage::Closed, text)),
            None => read_whole(&directory.opening_file())?.map(|text| (Stage::Opening, text)),
        };
        let Some((stage, text)) = text else {
            return Ok(());
        };
        let Err(error) = compare_with(directory, stage, &text, passes) else {
            return Ok(());
        };
        // A writer may have opened the directory meanwhile: another stage, or
        // another CURRENT.
        if last_text.as_ref() == Some(&(stage, text.clone())) {
            return Err(error);
        }
        last_text = Some((stage, text));
    }
}

/// The lines; none where no writer has closed the directory, or where the file
/// is damaged itself and so tells nothing.
fn read_whole(path: &Path) -> Result<Option<String>, OpenError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(failed("reading", path, e)),
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

fn compare_with(
    directory: &Directory,
    stage: Stage,
    lines: &str,
    passes: fn(&str) -> bool,
) -> Result<(), OpenError> {
    let listed = || {
        lines.lines().filter_map(|line| {
            let mut words = line.splitn(3, ' ');
            Some((words.next()?, words.next()?, words.next()?))
        })
    };
    for (xxh3, length, name) in listed().filter(|(_, _, name)| *name == CURRENT) {
        let has_changed = compare_file(directory, xxh3, length, name);
        if stage == Stage::Opening && matches!(has_changed, Err(OpenError::Damaged { .. })) {
            // Where it was damaged instead, RocksDB does not find a manifest by it.
            return Ok(());
        }
    }
    listed()
        .filter(|(_, _, name)| passes(name))
        .try_for_each(|(xxh3, length, name)| compare_file(directory, xxh3, length, name))
}

fn compare_file(
    directory: &Directory,
    xxh3: &str,
    length: &str,
    name: &str,
) -> Result<(), OpenError> {
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
    Ok(())
}

/// Before RocksDB opens: from now on the files may change, and may not have.
pub fn set_aside(directory: &Directory) -> Result<(), OpenError> {
    let path = directory.closed_file();
    match fs::rename(&path, directory.opening_file()) {
        Ok(()) => sync(directory.root()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(failed("renaming", &path, e)),
    }
}

/// RocksDB is open: before anything is written through it.
pub fn remove(directory: &Directory) -> Result<(), OpenError> {
    let path = directory.opening_file();
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
