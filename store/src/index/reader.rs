//! An open split: its columns, its full-text index and its id file, each read
//! when it is first asked for.
//!
//! **Cost**: opening maps the file and reads two footers. What a column or a
//! posting list is read from is compared with its checksums the first time.

use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use hashbrown::HashMap;
use parking_lot::{Mutex, RwLock};
use tantivy::columnar::{ColumnarReader, Dictionary, DynamicColumn, DynamicColumnHandle};
use tantivy::directory::FileSlice;

use super::columns::{
    BooleanColumn, IntegerColumn, KeyColumns, Marks, Presence, TextColumn, UuidColumn,
};
use super::dictionary::Texts;
use super::ids::IdFile;
use super::layout;
use super::split_file::{SplitFile, SplitFileError};
use super::text::TextIndex;

/// A split for reading. Shared by every query of the process.
pub struct SplitReader {
    file: SplitFile,
    columns: ColumnarReader,
    ids: IdFile,
    opened: RwLock<HashMap<String, Option<(DynamicColumn, Presence)>>>,
    text: Mutex<Option<Arc<TextIndex>>>,
    keys: OnceLock<KeyColumns>,
}

impl SplitReader {
    pub fn open(path: &Path) -> Result<Self, SplitFileError> {
        let file = SplitFile::open(path)?;
        let damaged = |reason: String| SplitFileError::Damaged {
            path: path.to_owned(),
            reason,
        };
        let section = |name: &str| {
            file.section(name)
                .ok_or_else(|| damaged(format!("section {name} is missing")))
        };
        let columns = FileSlice::new(Arc::new(section(layout::COLUMNS_SECTION)?));
        let columns =
            ColumnarReader::open(columns).map_err(|e| damaged(format!("columns: {e}")))?;
        let ids = match file.section(layout::PACKED_IDS_SECTION) {
            Some(packed) => IdFile::new(packed).map_err(|e| damaged(format!("ids: {e}")))?,
            None => IdFile::of_pairs(section(layout::IDS_SECTION)?),
        };
        let ids = ids.ok_or_else(|| damaged("ids: of another length than its entries".into()))?;
        Ok(Self {
            file,
            columns,
            ids,
            opened: RwLock::new(HashMap::new()),
            text: Mutex::new(None),
            keys: OnceLock::new(),
        })
    }

    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// The file, for what reads it whole.
    pub fn file(&self) -> &SplitFile {
        &self.file
    }

    /// All columns, for a merge.
    pub(super) fn columns(&self) -> &ColumnarReader {
        &self.columns
    }

    /// tantivy's index, for a merge.
    pub(super) fn text_index(&self) -> tantivy::Result<tantivy::Index> {
        super::text::open_index(&self.file)
    }

    pub fn n_docs(&self) -> u32 {
        self.columns.num_docs()
    }

    /// What an unreadable part of the split means.
    pub fn damaged(&self, part: &str, error: impl std::fmt::Display) -> SplitFileError {
        SplitFileError::Damaged {
            path: self.path().to_owned(),
            reason: format!("{part}: {error}"),
        }
    }

    fn column(&self, name: &str) -> Result<Option<(DynamicColumn, Presence)>, SplitFileError> {
        if let Some(column) = self.opened.read().get(name) {
            return Ok(column.clone());
        }
        let column = self
            .columns
            .read_columns(name)
            .and_then(|handles| handles.first().map(DynamicColumnHandle::open).transpose())
            .map_err(|e| self.damaged(name, e))?
            .map(|column| (column, Presence::default()));
        self.opened.write().insert(name.to_owned(), column.clone());
        Ok(column)
    }

    /// A column of texts; none where no document has one.
    pub fn texts(&self, name: &str) -> Result<Option<TextColumn>, SplitFileError> {
        match self.column(name)? {
            None => Ok(None),
            Some((DynamicColumn::Str(column), presence)) => {
                Ok(Some(TextColumn::new(column, presence)))
            }
            Some((other, _)) => {
                Err(self.damaged(name, format!("{} is no text", other.column_type())))
            }
        }
    }

    /// A column of integers; none where no document has one.
    pub fn integers(&self, name: &str) -> Result<Option<IntegerColumn>, SplitFileError> {
        match self.column(name)? {
            None => Ok(None),
            Some((DynamicColumn::I64(column), presence)) => {
                Ok(Some(IntegerColumn::new(column, presence)))
            }
            Some((other, _)) => {
                Err(self.damaged(name, format!("{} is no i64", other.column_type())))
            }
        }
    }

    /// The UUIDs at a path; none where no document has one.
    pub fn uuids(&self, path: &str) -> Result<Option<UuidColumn>, SplitFileError> {
        let high = self.integers(&format!("{}{path}", layout::UUID_HIGH))?;
        let low = self.integers(&format!("{}{path}", layout::UUID_LOW))?;
        Ok(high.zip(low).map(|(high, low)| UuidColumn::new(high, low)))
    }

    /// A column of booleans; none where no document has one.
    pub fn booleans(&self, name: &str) -> Result<Option<BooleanColumn>, SplitFileError> {
        match self.column(name)? {
            None => Ok(None),
            Some((DynamicColumn::Bool(column), presence)) => {
                Ok(Some(BooleanColumn::new(column, presence)))
            }
            Some((other, _)) => {
                Err(self.damaged(name, format!("{} is no bool", other.column_type())))
            }
        }
    }

    /// Which documents have a column; none where no document has it.
    pub fn marks(&self, name: &str) -> Result<Option<Marks>, SplitFileError> {
        let column = self.column(name)?;
        Ok(column.map(|(c, presence)| Marks::new(c.into_column_index(), presence)))
    }

    /// The columns that every document has.
    pub fn keys(&self) -> Result<&KeyColumns, SplitFileError> {
        if let Some(keys) = self.keys.get() {
            return Ok(keys);
        }
        let required = |name: &str| {
            self.integers(name)?
                .ok_or_else(|| self.damaged(name, "the column is missing"))
        };
        let account = self.texts(layout::ACCOUNT)?;
        let accounts = match &account {
            Some(column) => column.texts(),
            None => Texts::all(&Dictionary::empty()),
        }
        .map_err(|e| self.damaged(layout::ACCOUNT, e))?;
        let keys = KeyColumns {
            time: required(layout::TIME)?,
            batch: required(layout::BATCH)?,
            ordinal: required(layout::ORDINAL)?,
            account,
            accounts: Arc::new(accounts),
        };
        Ok(self.keys.get_or_init(|| keys))
    }

    /// The full-text index.
    pub fn text(&self) -> Result<Arc<TextIndex>, SplitFileError> {
        let mut text = self.text.lock();
        if let Some(index) = text.as_ref() {
            return Ok(Arc::clone(index));
        }
        let index = TextIndex::open(&self.file)
            .map(Arc::new)
            .map_err(|e| self.damaged("full-text index", e))?;
        *text = Some(Arc::clone(&index));
        Ok(index)
    }

    pub fn ids(&self) -> &IdFile {
        &self.ids
    }

    /// The names of all columns, in byte order.
    pub fn column_names(&self) -> Result<Vec<String>, SplitFileError> {
        let columns = self
            .columns
            .iter_columns()
            .map_err(|e: io::Error| self.damaged("columns", e))?;
        Ok(columns.map(|(name, _)| name).collect())
    }
}

pub use super::cache::SplitCache;
