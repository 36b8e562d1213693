//! A split on disk: one file of named sections.
//!
//! tantivy writes about six files an index and syncs each. Packed into one, a
//! split costs two syncs (file and folder), one open and one mapping, and it
//! cannot be half there: the footer comes last and names every section with its
//! checksum.
//!
//! ```text
//! section bytes … | footer: JSON {version, sections: [{name, offset, length, xxh3}]}
//!                 | footer length u32 | footer xxh3 u64 | "TARNSPL1"      (little-endian)
//! ```

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;
use serde::{Deserialize, Serialize};
use tantivy::directory::OwnedBytes;
use xxhash_rust::xxh3::xxh3_64;

use crate::advice;

/// The layout that this build writes and the newest that it reads.
pub const VERSION: u32 = 1;

const MAGIC: &[u8; 8] = b"TARNSPL1";
const TRAILER: usize = 4 + 8 + 8;

#[derive(Debug, Serialize, Deserialize)]
struct Footer {
    version: u32,
    sections: Vec<Section>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Section {
    name: String,
    offset: u64,
    length: u64,
    xxh3: u64,
}

/// A split file that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SplitFileError {
    #[error("{operation} {}: {source}{}", path.display(), advice::on(source))]
    Io {
        operation: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{} is damaged: {reason}; `tarn reindex` rebuilds it from the events", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("{} has layout {found}, this build reads up to {VERSION}; use a newer tarn", path.display())]
    NewerVersion { path: PathBuf, found: u32 },
}

/// Writes the sections to `path`, synced together with the folder. Returns how
/// many bytes the file has.
///
/// **Errors**: nothing is left at `path`: on a full disk every try would leave
/// less room for the next.
pub fn write(path: &Path, sections: &[(String, &[u8])]) -> Result<u64, SplitFileError> {
    write_whole(path, sections).inspect_err(|_| {
        // What cannot be removed now is removed at the next open.
        let _ = fs::remove_file(path);
    })
}

fn write_whole(path: &Path, sections: &[(String, &[u8])]) -> Result<u64, SplitFileError> {
    let fail = |operation| {
        move |source| SplitFileError::Io {
            operation,
            path: path.to_owned(),
            source,
        }
    };
    let file = File::create(path).map_err(fail("creating"))?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    let mut offset = 0;
    let mut listed = Vec::with_capacity(sections.len());
    for (name, bytes) in sections {
        out.write_all(bytes).map_err(fail("writing"))?;
        listed.push(Section {
            name: name.clone(),
            offset,
            length: bytes.len() as u64,
            xxh3: xxh3_64(bytes),
        });
        offset += bytes.len() as u64;
    }
    let footer = serde_json::to_vec(&Footer {
        version: VERSION,
        sections: listed,
    })
    .expect("a footer is text and numbers, which JSON can always write");
    out.write_all(&footer).map_err(fail("writing"))?;
    out.write_all(&(footer.len() as u32).to_le_bytes())
        .map_err(fail("writing"))?;
    out.write_all(&xxh3_64(&footer).to_le_bytes())
        .map_err(fail("writing"))?;
    out.write_all(MAGIC).map_err(fail("writing"))?;
    let file = out
        .into_inner()
        .map_err(|e| fail("writing")(e.into_error()))?;
    file.sync_all().map_err(fail("syncing"))?;
    sync_folder(path).map_err(fail("syncing the folder of"))?;
    Ok(offset + footer.len() as u64 + TRAILER as u64)
}

/// Makes a new or removed name in the file's folder durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// An open split file.
#[derive(Debug, Clone)]
pub struct SplitFile {
    path: PathBuf,
    bytes: OwnedBytes,
    sections: Arc<Vec<Section>>,
}

impl SplitFile {
    /// Maps the file and reads its footer. The sections are not read.
    pub fn open(path: &Path) -> Result<Self, SplitFileError> {
        let fail = |operation| {
            move |source| SplitFileError::Io {
                operation,
                path: path.to_owned(),
                source,
            }
        };
        let damaged = |reason: String| SplitFileError::Damaged {
            path: path.to_owned(),
            reason,
        };
        let file = File::open(path).map_err(fail("opening"))?;
        // SAFETY: a mapping is sound while nobody truncates or writes the file.
        // Split files are written once under a name of their own, are never
        // opened for writing again, and leave only by unlink, which keeps the
        // mapped pages. Reading them through `read` instead would copy every
        // column of a split for each process that looks at one.
        let map = unsafe { Mmap::map(&file) }.map_err(fail("mapping"))?;
        let bytes = OwnedBytes::new(Mapped(map));
        let all = bytes.as_slice();
        let Some((rest, trailer)) = all.split_last_chunk::<TRAILER>() else {
            return Err(damaged(format!("{} bytes are too few", all.len())));
        };
        let (numbers, magic) = trailer.split_at(12);
        if magic != MAGIC {
            return Err(damaged("the end mark is missing".into()));
        }
        let (length, checksum) = numbers.split_at(4);
        let length = length.try_into().map(u32::from_le_bytes).unwrap_or(0) as usize;
        let checksum = checksum.try_into().map(u64::from_le_bytes).unwrap_or(0);
        let footer = rest
            .len()
            .checked_sub(length)
            .and_then(|start| rest.get(start..))
            .ok_or_else(|| damaged("the footer is longer than the file".into()))?;
        if xxh3_64(footer) != checksum {
            return Err(damaged("the footer's checksum differs".into()));
        }
        let footer: Footer =
            serde_json::from_slice(footer).map_err(|e| damaged(format!("footer: {e}")))?;
        if footer.version > VERSION {
            return Err(SplitFileError::NewerVersion {
                path: path.to_owned(),
                found: footer.version,
            });
        }
        let end = (rest.len() - length) as u64;
        for section in &footer.sections {
            if section
                .offset
                .checked_add(section.length)
                .is_none_or(|e| e > end)
            {
                return Err(damaged(format!("section {} is outside", section.name)));
            }
        }
        Ok(Self {
            path: path.to_owned(),
            bytes,
            sections: Arc::new(footer.sections),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of a section, shared with the mapping.
    pub fn section(&self, name: &str) -> Option<OwnedBytes> {
        let section = self.sections.iter().find(|s| s.name == name)?;
        let start = section.offset as usize;
        Some(self.bytes.slice(start..start + section.length as usize))
    }

    pub fn section_names(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().map(|s| s.name.as_str())
    }

    /// Reads every section and compares its checksum.
    pub fn verify(&self) -> Result<(), SplitFileError> {
        for section in self.sections.iter() {
            let bytes = self.section(&section.name);
            if bytes.is_none_or(|b| xxh3_64(b.as_slice()) != section.xxh3) {
                return Err(SplitFileError::Damaged {
                    path: self.path.clone(),
                    reason: format!("the checksum of section {} differs", section.name),
                });
            }
        }
        Ok(())
    }
}

/// A mapping as tantivy wants its bytes: stable in memory while held.
struct Mapped(Mmap);

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

// SAFETY: the mapping's address is fixed from `mmap` to `munmap`, wherever the
// `Mmap` value itself is moved.
unsafe impl stable_deref_trait::StableDeref for Mapped {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_come_back_and_damage_is_found() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.split");
        let sections = [("one".to_owned(), &b"11"[..]), ("two".to_owned(), &b""[..])];
        let length = write(&path, &sections).expect("written");
        assert_eq!(length, std::fs::metadata(&path).expect("there").len());
        let split = SplitFile::open(&path).expect("opened");
        assert_eq!(
            split.section("one").map(|b| b.to_vec()),
            Some(b"11".to_vec())
        );
        assert!(split.section("three").is_none());
        split.verify().expect("whole");

        let whole = std::fs::read(&path).expect("read");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, &bytes).expect("written");
            let found = SplitFile::open(&path).and_then(|s| s.verify());
            assert!(found.is_err(), "byte {at} of {}", whole.len());
            std::fs::write(&path, &whole[..at]).expect("written");
            assert!(SplitFile::open(&path).is_err(), "cut at {at}");
        }
    }
}
