//! A split on disk: one file of named sections.
//!
//! tantivy writes about six files an index and syncs each. Packed into one, a
//! split costs two syncs (file and folder), one open and one mapping, and it
//! cannot be half there: the footer comes last and names every section.
//!
//! ```text
//! section bytes …  | checksums: xxh3 u64 of each 64 KiB of them
//!                  | footer: JSON {version, sections: [{name, offset, length}], block_bytes, sums_xxh3}
//!                  | footer length u32 | footer xxh3 u64 | "TARNSPL1"      (little-endian)
//! ```
//!
//! Version 1 had no checksums of blocks; its sections have one each, in the
//! footer. Versions 1 and 2 have ids that are not packed ([`super::ids`]). Nothing is
//! read of any before its checksum was compared ([`super::blocks`]).

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;
use serde::{Deserialize, Serialize};
use tantivy::HasLen;
use tantivy::directory::{FileHandle, OwnedBytes};
use xxhash_rust::xxh3::xxh3_64;

use super::blocks::{BLOCK_BYTES, BlockSums, Blocks};
use crate::advice;

/// The layout that this build writes and the newest that it reads. It reads all
/// from 1 on.
pub const VERSION: u32 = 3;

const MAGIC: &[u8; 8] = b"TARNSPL1";
const TRAILER: usize = 4 + 8 + 8;

#[derive(Debug, Serialize, Deserialize)]
struct Footer {
    version: u32,
    sections: Vec<Listed>,
    /// From version 2 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    block_bytes: Option<usize>,
    /// Of the checksums of the blocks. From version 2 on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sums_xxh3: Option<u64>,
}

/// A section as the footer lists it. They lie one after another from the
/// beginning of the file on.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Listed {
    name: String,
    offset: u64,
    length: u64,
    /// In version 1 only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    xxh3: Option<u64>,
}

impl Listed {
    fn place(&self) -> Range<usize> {
        self.offset as usize..(self.offset + self.length) as usize
    }
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
    #[error("{} has layout {found}, this build reads 1 to {VERSION}; use a newer tarn", path.display())]
    UnknownVersion { path: PathBuf, found: u32 },
}

impl SplitFileError {
    /// The file whose content is not to be had any more, however often it is read.
    pub fn lost(&self) -> Option<&Path> {
        match self {
            Self::Damaged { path, .. } => Some(path),
            Self::Io { path, source, .. } if source.kind() == io::ErrorKind::NotFound => Some(path),
            Self::Io { .. } | Self::UnknownVersion { .. } => None,
        }
    }
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
    let mut sums = BlockSums::default();
    let mut listed = Vec::with_capacity(sections.len());
    for (name, bytes) in sections {
        out.write_all(bytes).map_err(fail("writing"))?;
        sums.push(bytes);
        listed.push(Listed {
            name: name.clone(),
            offset,
            length: bytes.len() as u64,
            xxh3: None,
        });
        offset += bytes.len() as u64;
    }
    let sums: Vec<u8> = sums
        .finish()
        .into_iter()
        .flat_map(u64::to_le_bytes)
        .collect();
    out.write_all(&sums).map_err(fail("writing"))?;
    let footer = serde_json::to_vec(&Footer {
        version: VERSION,
        sections: listed,
        block_bytes: Some(BLOCK_BYTES),
        sums_xxh3: Some(xxh3_64(&sums)),
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
    Ok(offset + (sums.len() + footer.len() + TRAILER) as u64)
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
    version: u32,
    bytes: OwnedBytes,
    sections: Arc<Vec<Listed>>,
    blocks: Arc<Blocks>,
}

impl SplitFile {
    /// Maps the file and reads its checksums and its footer. The sections are
    /// not read.
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
        if !(1..=VERSION).contains(&footer.version) {
            return Err(SplitFileError::UnknownVersion {
                path: path.to_owned(),
                found: footer.version,
            });
        }
        let sections_and_sums = &rest[..rest.len() - length];
        let blocks = blocks_of(&footer, sections_and_sums).map_err(damaged)?;
        Ok(Self {
            path: path.to_owned(),
            version: footer.version,
            bytes,
            sections: Arc::new(footer.sections),
            blocks: Arc::new(blocks),
        })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The layout that the file says it has.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Bytes of the whole file.
    pub fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// A section, of which nothing is read yet.
    pub fn section(&self, name: &str) -> Option<Section> {
        let listed = self.sections.iter().find(|s| s.name == name)?;
        Some(Section {
            file: self.clone(),
            place: listed.place(),
        })
    }

    /// Reads everything and compares its checksums.
    pub fn verify(&self) -> Result<(), SplitFileError> {
        self.blocks
            .verify_all(&self.bytes)
            .map_err(|place| SplitFileError::Damaged {
                path: self.path.clone(),
                reason: self.differs(&place),
            })
    }

    fn differs(&self, place: &Range<usize>) -> String {
        let touches = |s: &&Listed| {
            let section = s.place();
            section.start < place.end && place.start < section.end
        };
        let names: Vec<&str> = self
            .sections
            .iter()
            .filter(touches)
            .map(|s| s.name.as_str())
            .collect();
        format!(
            "the checksum of bytes {} to {} differs ({})",
            place.start,
            place.end,
            names.join(", ")
        )
    }
}

/// The blocks that cover all sections. `before_footer` is the file up to its
/// footer.
///
/// **Errors**: what of the footer cannot be.
fn blocks_of(footer: &Footer, before_footer: &[u8]) -> Result<Blocks, String> {
    let mut end = 0_u64;
    for section in &footer.sections {
        let section_end = section.offset.checked_add(section.length);
        match section_end {
            Some(e) if section.offset == end && e <= before_footer.len() as u64 => end = e,
            _ => return Err(format!("section {} is outside", section.name)),
        }
    }
    let sums = before_footer.get(end as usize..).unwrap_or_default();
    let incomplete = || "checksums are missing".to_owned();
    match (footer.block_bytes, footer.sums_xxh3) {
        (Some(block_bytes), Some(sums_xxh3)) => {
            if xxh3_64(sums) != sums_xxh3 {
                return Err("the checksum of the checksums differs".into());
            }
            let (sums, rest) = sums.as_chunks();
            let sums = sums.iter().copied().map(u64::from_le_bytes).collect();
            Blocks::every(block_bytes, end as usize, sums)
                .filter(|_| rest.is_empty())
                .ok_or_else(incomplete)
        }
        _ if !sums.is_empty() => Err(format!("{} bytes belong to no section", sums.len())),
        _ => {
            let of_section = |s: &Listed| s.xxh3.map(|sum| (s.place().end, sum));
            let blocks: Option<Vec<_>> = footer.sections.iter().map(of_section).collect();
            Ok(Blocks::at(blocks.ok_or_else(incomplete)?))
        }
    }
}

/// A section of a split file. Reading gives bytes of the mapping, compared with
/// their checksums.
#[derive(Debug, Clone)]
pub struct Section {
    file: SplitFile,
    place: Range<usize>,
}

impl Section {
    /// **Errors**: [`io::ErrorKind::InvalidData`] with the place in the file
    /// that is damaged, [`io::ErrorKind::UnexpectedEof`] where `range` is not
    /// all in the section.
    #[inline]
    pub fn slice(&self, range: Range<usize>) -> io::Result<&[u8]> {
        let place = self.verified(range)?;
        Ok(&self.file.bytes[place])
    }

    /// The whole section.
    pub fn read(&self) -> io::Result<OwnedBytes> {
        self.read_bytes(0..self.place.len())
    }

    #[inline]
    fn verified(&self, range: Range<usize>) -> io::Result<Range<usize>> {
        if range.start > range.end || range.end > self.place.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let place = self.place.start + range.start..self.place.start + range.end;
        match self.file.blocks.verify(&self.file.bytes, place.clone()) {
            Ok(()) => Ok(place),
            Err(damaged) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                self.file.differs(&damaged),
            )),
        }
    }
}

impl HasLen for Section {
    fn len(&self) -> usize {
        self.place.len()
    }
}

impl FileHandle for Section {
    fn read_bytes(&self, range: Range<usize>) -> io::Result<OwnedBytes> {
        let place = self.verified(range)?;
        Ok(self.file.bytes.slice(place))
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

    /// Writes a split as version 1 had it.
    fn write_version_1(path: &Path, sections: &[(String, &[u8])]) {
        let mut offset = 0;
        let mut file = Vec::new();
        let mut listed = Vec::new();
        for (name, bytes) in sections {
            listed.push(Listed {
                name: name.clone(),
                offset,
                length: bytes.len() as u64,
                xxh3: Some(xxh3_64(bytes)),
            });
            file.extend_from_slice(bytes);
            offset += bytes.len() as u64;
        }
        push_footer(
            &mut file,
            &Footer {
                version: 1,
                sections: listed,
                block_bytes: None,
                sums_xxh3: None,
            },
        );
        std::fs::write(path, file).expect("written");
    }

    fn push_footer(file: &mut Vec<u8>, footer: &Footer) {
        let footer = serde_json::to_vec(footer).expect("text and numbers");
        file.extend_from_slice(&footer);
        file.extend_from_slice(&(footer.len() as u32).to_le_bytes());
        file.extend_from_slice(&xxh3_64(&footer).to_le_bytes());
        file.extend_from_slice(MAGIC);
    }

    /// A new file: some file systems sync one that is written over.
    fn replace(path: &Path, bytes: &[u8]) {
        std::fs::remove_file(path).expect("removed");
        std::fs::write(path, bytes).expect("written");
    }

    fn every_damage_is_found(path: &Path) {
        let whole = std::fs::read(path).expect("read");
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            replace(path, &bytes);
            let found = SplitFile::open(path).and_then(|s| s.verify());
            assert!(found.is_err(), "byte {at} of {}", whole.len());
            replace(path, &whole[..at]);
            assert!(SplitFile::open(path).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn sections_come_back_and_damage_is_found() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.split");
        let sections = [("one".to_owned(), &b"11"[..]), ("two".to_owned(), &b""[..])];
        let length = write(&path, &sections).expect("written");
        assert_eq!(length, std::fs::metadata(&path).expect("there").len());
        for is_version_1 in [false, true] {
            if is_version_1 {
                write_version_1(&path, &sections);
            }
            let split = SplitFile::open(&path).expect("opened");
            let one = split.section("one").expect("there");
            assert_eq!(one.read().expect("whole").as_slice(), b"11");
            assert_eq!(one.slice(1..2).expect("whole"), b"1");
            assert!(one.slice(1..3).is_err(), "beyond the section");
            assert!(split.section("three").is_none());
            split.verify().expect("whole");
            drop((split, one));
            every_damage_is_found(&path);
        }
    }

    #[test]
    fn a_damaged_block_is_not_read() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.split");
        let long = vec![1; 2 * BLOCK_BYTES];
        let sections = [
            ("long".to_owned(), &long[..]),
            ("next".to_owned(), &b"2"[..]),
        ];
        write(&path, &sections).expect("written");
        let mut bytes = std::fs::read(&path).expect("read");
        bytes[BLOCK_BYTES + 1] ^= 4;
        std::fs::write(&path, &bytes).expect("written");
        let split = SplitFile::open(&path).expect("only read when asked for");
        let long = split.section("long").expect("there");
        assert!(long.slice(0..BLOCK_BYTES).is_ok());
        let error = long
            .slice(BLOCK_BYTES..BLOCK_BYTES + 1)
            .expect_err("damaged");
        assert_eq!(
            error.to_string(),
            "the checksum of bytes 65536 to 131072 differs (long)"
        );
        assert!(long.read().is_err() && long.read_bytes(7..BLOCK_BYTES + 7).is_err());
        assert!(split.section("next").expect("there").read().is_ok());
    }

    #[test]
    fn unknown_versions_are_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.split");
        for found in [0, VERSION + 1, u32::MAX] {
            let mut file = Vec::new();
            push_footer(
                &mut file,
                &Footer {
                    version: found,
                    sections: Vec::new(),
                    block_bytes: None,
                    sums_xxh3: None,
                },
            );
            std::fs::write(&path, file).expect("written");
            let refused = SplitFile::open(&path).expect_err("unknown");
            let expected =
                format!("has layout {found}, this build reads 1 to {VERSION}; use a newer tarn");
            assert!(refused.to_string().ends_with(&expected), "{refused}");
        }
    }
}
