//! The full-text index inside a split file, for reading: from a token to the
//! documents that hold it.
//!
//! tantivy reads its files through a [`Directory`]; this one hands out the
//! sections of a split, so no file of tantivy's own ever exists.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::directory::error::{DeleteError, OpenReadError, OpenWriteError};
use tantivy::directory::{Directory, FileHandle, WatchCallback, WatchHandle, WritePtr};
use tantivy::postings::SegmentPostings;
use tantivy::schema::{Field, IndexRecordOption, Term};
use tantivy::{DocSet as _, Index, InvertedIndexReader, SegmentReader, TERMINATED};

use super::layout::{TANTIVY_PREFIX, TOKENS_FIELD};
use super::split_file::{Section, SplitFile};

/// The tokens of a split.
pub struct TextIndex {
    tokens: Arc<InvertedIndexReader>,
    field: Field,
}

/// tantivy's index inside a split file.
pub(super) fn open_index(file: &SplitFile) -> tantivy::Result<Index> {
    Index::open(SplitDirectory { file: file.clone() })
}

impl TextIndex {
    /// **Cost**: reads the index's metadata; dictionary and postings are left
    /// alone.
    pub fn open(file: &SplitFile) -> tantivy::Result<Self> {
        let index = open_index(file)?;
        let field = index.schema().get_field(TOKENS_FIELD)?;
        let segments = index.searchable_segments()?;
        let segment = segments.first().ok_or_else(|| {
            tantivy::TantivyError::InvalidArgument("the index has no segment".into())
        })?;
        let tokens = SegmentReader::open(segment)?.inverted_index(field)?;
        Ok(Self { tokens, field })
    }

    /// The documents that hold a dictionary token, ascending.
    pub fn documents(&self, token: &str) -> io::Result<Option<Postings>> {
        let term = Term::from_field_text(self.field, token);
        Ok(self
            .tokens
            .read_postings(&term, IndexRecordOption::Basic)?
            .map(Postings))
    }

    /// The documents of each dictionary token that begins with `prefix`.
    pub fn documents_of_prefix(
        &self,
        prefix: &str,
        visit: &mut dyn FnMut(Postings),
    ) -> io::Result<()> {
        let mut range = self.tokens.terms().range().ge(prefix);
        if let Some(end) = super::dictionary::after_prefix(prefix.as_bytes()) {
            range = range.lt(end);
        }
        let mut terms = range.into_stream()?;
        while terms.advance() {
            visit(Postings(self.tokens.read_postings_from_terminfo(
                terms.value(),
                IndexRecordOption::Basic,
            )?));
        }
        Ok(())
    }
}

/// The documents of one token.
pub struct Postings(SegmentPostings);

impl Postings {
    /// The first document at or after `target`, and the place to go on from.
    /// Targets must not go back.
    pub fn at_or_after(&mut self, target: u32) -> Option<u32> {
        let mut doc = self.0.doc();
        if doc < target {
            doc = self.0.seek(target);
        }
        (doc != TERMINATED).then_some(doc)
    }

    /// The document after the current one.
    pub fn advance(&mut self) -> Option<u32> {
        let doc = self.0.advance();
        (doc != TERMINATED).then_some(doc)
    }
}

/// The sections of a split as tantivy's files.
#[derive(Debug, Clone)]
struct SplitDirectory {
    file: SplitFile,
}

impl SplitDirectory {
    fn section(&self, path: &Path) -> Result<Section, OpenReadError> {
        let name = format!("{TANTIVY_PREFIX}{}", path.display());
        self.file
            .section(&name)
            .ok_or_else(|| OpenReadError::FileDoesNotExist(path.to_owned()))
    }

    fn read_only(&self) -> io::Error {
        io::Error::new(
            io::ErrorKind::ReadOnlyFilesystem,
            "split files are never changed",
        )
    }
}

impl Directory for SplitDirectory {
    fn get_file_handle(&self, path: &Path) -> Result<Arc<dyn FileHandle>, OpenReadError> {
        Ok(Arc::new(self.section(path)?))
    }

    fn exists(&self, path: &Path) -> Result<bool, OpenReadError> {
        Ok(self.section(path).is_ok())
    }

    fn atomic_read(&self, path: &Path) -> Result<Vec<u8>, OpenReadError> {
        let bytes = self.section(path)?.read();
        bytes
            .map(|b| b.to_vec())
            .map_err(|io_error| OpenReadError::IoError {
                io_error: Arc::new(io_error),
                filepath: path.to_owned(),
            })
    }

    fn delete(&self, path: &Path) -> Result<(), DeleteError> {
        Err(DeleteError::IoError {
            io_error: Arc::new(self.read_only()),
            filepath: PathBuf::from(path),
        })
    }

    fn open_write(&self, path: &Path) -> Result<WritePtr, OpenWriteError> {
        Err(OpenWriteError::IoError {
            io_error: Arc::new(self.read_only()),
            filepath: PathBuf::from(path),
        })
    }

    fn atomic_write(&self, _path: &Path, _data: &[u8]) -> io::Result<()> {
        Err(self.read_only())
    }

    fn sync_directory(&self) -> io::Result<()> {
        Ok(())
    }

    fn watch(&self, _callback: WatchCallback) -> tantivy::Result<WatchHandle> {
        Ok(WatchHandle::empty())
    }
}
