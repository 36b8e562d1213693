//! Committed events into a split.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hashbrown::{HashMap, HashSet};
use tantivy::columnar::{ColumnType, ColumnarWriter};
use tantivy::directory::{Directory, RamDirectory};
use tantivy::schema::{Field, IndexRecordOption, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer};
use tantivy::{Index, IndexSettings, SingleSegmentIndexWriter, TantivyDocument, TantivyError};

use crate::fields;
use crate::index::ids;
use crate::index::layout;
use crate::index::leaves::{self, Leaf, Sink};
use crate::index::split_file::{self, SplitFileError};
use crate::json::Json;
use crate::tokens::{id_hash, tokens};

/// Why a split could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    #[error("building the full-text index of {}: {source}", path.display())]
    Text { path: PathBuf, source: TantivyError },
    #[error("writing the columns of {}: {source}", path.display())]
    Columns {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error(transparent)]
    File(#[from] SplitFileError),
}

/// An event on its way into a split.
#[derive(Debug, Clone, Copy)]
pub struct Document<'d> {
    pub time_ms: i64,
    /// Empty where the event has none.
    pub account: &'d str,
    pub batch: u64,
    pub ordinal: u32,
    /// [`crate::event::EventHeader::identity`].
    pub identity: u64,
    pub region: Option<&'d str>,
    pub json: &'d Json<'d>,
}

/// What a finished split holds, for its catalogue entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuiltSplit {
    pub n_docs: u32,
    pub bytes: u64,
    pub time_min_ms: i64,
    pub time_max_ms: i64,
    pub sorted: bool,
    pub accounts: BTreeMap<String, u32>,
    pub regions: BTreeMap<String, u32>,
}

/// Builds one split in memory and writes it as one file.
pub struct SplitBuilder {
    path: PathBuf,
    text: SingleSegmentIndexWriter,
    directory: RamDirectory,
    tokens_field: Field,
    values: Values,
    n_docs: u32,
    last: Option<(i64, String, u64, u32)>,
    sorted: bool,
    time_min_ms: i64,
    time_max_ms: i64,
    accounts: BTreeMap<String, u32>,
    regions: BTreeMap<String, u32>,
}

impl SplitBuilder {
    /// `memory_bytes` sizes tantivy's term table; it grows as it must.
    pub fn new(path: &Path, memory_bytes: usize) -> Result<Self, BuildError> {
        let text = |source| BuildError::Text {
            path: path.to_owned(),
            source,
        };
        let schema = schema();
        let tokens_field = schema.get_field(layout::TOKENS_FIELD).map_err(text)?;
        let directory = RamDirectory::create();
        let mut index =
            Index::create(directory.clone(), schema, IndexSettings::default()).map_err(text)?;
        register_tokenizer(&mut index);
        let text = Index::builder()
            .schema(index.schema())
            .tokenizers(index.tokenizers().clone())
            .single_segment_index_writer(directory.clone(), memory_bytes.max(16 << 20))
            .map_err(text)?;
        let mut columns = ColumnarWriter::default();
        for name in [layout::TIME, layout::BATCH, layout::ORDINAL] {
            columns.record_column_type(name, ColumnType::I64, false);
        }
        Ok(Self {
            path: path.to_owned(),
            text,
            directory,
            tokens_field,
            values: Values::new(columns),
            n_docs: 0,
            last: None,
            sorted: true,
            time_min_ms: i64::MAX,
            time_max_ms: i64::MIN,
            accounts: BTreeMap::new(),
            regions: BTreeMap::new(),
        })
    }

    pub fn n_docs(&self) -> u32 {
        self.n_docs
    }

    /// About the bytes of memory that the documents so far take.
    pub fn memory_bytes(&self) -> usize {
        let ids = self.values.ids.len() * size_of::<u64>();
        self.text.mem_usage() + self.values.columns.mem_usage() + ids
    }

    /// Appends an event as the next document.
    pub fn add(&mut self, document: &Document<'_>) -> Result<(), BuildError> {
        let doc = self.n_docs;
        let columns = &mut self.values.columns;
        columns.record_numerical(doc, layout::TIME, document.time_ms);
        columns.record_numerical(doc, layout::BATCH, document.batch as i64);
        columns.record_numerical(doc, layout::ORDINAL, i64::from(document.ordinal));
        if !document.account.is_empty() {
            columns.record_str(doc, layout::ACCOUNT, document.account);
        }
        self.values.begin(doc);
        self.values.id(document.identity);
        leaves::walk(document.json, &mut self.values);
        let mut text = TantivyDocument::new();
        text.add_text(self.tokens_field, &self.values.token_text);
        self.text
            .add_document(text)
            .map_err(|source| BuildError::Text {
                path: self.path.clone(),
                source,
            })?;
        self.note(document);
        self.n_docs += 1;
        Ok(())
    }

    fn note(&mut self, document: &Document<'_>) {
        let key = (
            document.time_ms,
            document.account.to_owned(),
            document.batch,
            document.ordinal,
        );
        if self.last.as_ref().is_some_and(|last| *last > key) {
            self.sorted = false;
        }
        self.time_min_ms = self.time_min_ms.min(document.time_ms);
        self.time_max_ms = self.time_max_ms.max(document.time_ms);
        count(&mut self.accounts, document.account);
        count(&mut self.regions, document.region.unwrap_or_default());
        self.last = Some(key);
    }

    /// Writes the split, durable before it returns.
    pub fn finish(mut self) -> Result<BuiltSplit, BuildError> {
        let mut columns = Vec::new();
        self.values
            .columns
            .serialize(self.n_docs, None, &mut columns)
            .map_err(|source| BuildError::Columns {
                path: self.path.clone(),
                source,
            })?;
        drop(self.values.columns);
        let ids = ids::pack(&mut self.values.ids);
        let text = |source| BuildError::Text {
            path: self.path.clone(),
            source,
        };
        let index = self.text.finalize().map_err(text)?;
        let text_files = text_sections(&index, &self.directory).map_err(text)?;
        let bytes = write_sections(&self.path, &columns, &ids, &text_files)?;
        Ok(BuiltSplit {
            n_docs: self.n_docs,
            bytes,
            time_min_ms: self.time_min_ms,
            time_max_ms: self.time_max_ms,
            sorted: self.sorted,
            accounts: self.accounts,
            regions: self.regions,
        })
    }
}

fn count(counts: &mut BTreeMap<String, u32>, key: &str) {
    match counts.get_mut(key) {
        Some(n) => *n += 1,
        None => {
            counts.insert(key.to_owned(), 1);
        }
    }
}

/// Writes the sections of a split under their names.
pub(super) fn write_sections(
    path: &Path,
    columns: &[u8],
    ids: &[u8],
    text_files: &[(String, Vec<u8>)],
) -> Result<u64, SplitFileError> {
    let mut sections = vec![
        (layout::COLUMNS_SECTION.to_owned(), columns),
        (layout::PACKED_IDS_SECTION.to_owned(), ids),
    ];
    for (name, bytes) in text_files {
        sections.push((format!("{}{name}", layout::TANTIVY_PREFIX), bytes));
    }
    split_file::write(path, &sections)
}

/// The files of a finished index, as the directory holds them.
pub(super) fn text_sections(
    index: &Index,
    directory: &RamDirectory,
) -> Result<Vec<(String, Vec<u8>)>, TantivyError> {
    let mut names: Vec<PathBuf> = index
        .load_metas()?
        .list_segment_files()
        .into_iter()
        .collect();
    names.push(PathBuf::from("meta.json"));
    names.sort();
    let mut files = Vec::new();
    for name in names {
        if directory.exists(&name)? {
            let bytes = directory.open_read(&name)?.read_bytes()?.to_vec();
            files.push((name.to_string_lossy().into_owned(), bytes));
        }
    }
    Ok(files)
}

/// The schema of a split's full-text index: which documents hold a token,
/// neither how often nor where. Phrases are decided on the record.
pub fn schema() -> Schema {
    let mut schema = Schema::builder();
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(TOKENIZER)
        .set_fieldnorms(false)
        .set_index_option(IndexRecordOption::Basic);
    schema.add_text_field(
        layout::TOKENS_FIELD,
        TextOptions::default().set_indexing_options(indexing),
    );
    schema.build()
}

const TOKENIZER: &str = "lines";

/// Makes the tokenizer known that the schema names.
pub fn register_tokenizer(index: &mut Index) {
    index
        .tokenizers()
        .register(TOKENIZER, TextAnalyzer::builder(Lines::default()).build());
}

/// Collects one document's values.
struct Values {
    columns: ColumnarWriter,
    ids: Vec<u64>,
    /// The document's distinct dictionary tokens, one a line.
    token_text: String,
    seen_tokens: HashSet<u64>,
    paths: HashMap<String, Marks>,
    name: String,
    doc: u32,
    overflowed: bool,
}

/// The last document (plus one) that has a mark at a path: once is enough.
#[derive(Default, Clone, Copy)]
struct Marks {
    see_record: u32,
    in_array: u32,
}

impl Values {
    fn new(columns: ColumnarWriter) -> Self {
        Self {
            columns,
            ids: Vec::new(),
            token_text: String::new(),
            seen_tokens: HashSet::new(),
            paths: HashMap::new(),
            name: String::new(),
            doc: 0,
            overflowed: false,
        }
    }

    fn begin(&mut self, doc: u32) {
        self.doc = doc;
        self.token_text.clear();
        self.seen_tokens.clear();
        self.overflowed = false;
    }

    fn id(&mut self, hash: u64) {
        self.ids.push((hash >> 32) << 32 | u64::from(self.doc));
    }

    fn mark(&mut self, kind: &str, path: &str) {
        name_column(&mut self.name, kind, path);
        self.columns.record_bool(self.doc, &self.name, true);
    }
}

fn name_column(name: &mut String, kind: &str, path: &str) {
    name.clear();
    name.push_str(kind);
    name.push_str(path);
}

impl Sink for Values {
    fn leaf(&mut self, path: &str, leaf: Leaf<'_>, in_array: bool) {
        if !self.paths.contains_key(path) {
            if self.paths.len() >= layout::PATHS_MAX && fields::known(path).is_none() {
                return self.overflow();
            }
            self.paths.insert(path.to_owned(), Marks::default());
        }
        let Some(marks) = self.paths.get_mut(path) else {
            return;
        };
        let now = self.doc + 1;
        let new_in_array = in_array && marks.in_array != now;
        let new_see_record = leaf == Leaf::SeeRecord && marks.see_record != now;
        if new_in_array {
            marks.in_array = now;
        }
        if new_see_record {
            marks.see_record = now;
        }
        if new_in_array {
            self.mark(layout::IN_ARRAY, path);
        }
        if new_see_record {
            self.mark(layout::SEE_RECORD, path);
        }
        match leaf {
            Leaf::Text(text) => {
                name_column(&mut self.name, layout::TEXT, path);
                self.columns.record_str(self.doc, &self.name, text);
            }
            Leaf::Integer(integer) => {
                name_column(&mut self.name, layout::INTEGER, path);
                self.columns.record_numerical(self.doc, &self.name, integer);
            }
            Leaf::Boolean(boolean) => {
                name_column(&mut self.name, layout::BOOLEAN, path);
                self.columns.record_bool(self.doc, &self.name, boolean);
            }
            Leaf::SeeRecord => {}
        }
    }

    fn uuid(&mut self, path: &str, uuid: u128) {
        for (kind, half) in [
            (layout::UUID_HIGH, (uuid >> 64) as i64),
            (layout::UUID_LOW, uuid as i64),
        ] {
            name_column(&mut self.name, kind, path);
            self.columns.record_numerical(self.doc, &self.name, half);
        }
    }

    fn list(&mut self, path: &str, shape: &str) {
        name_column(&mut self.name, layout::LIST, path);
        self.columns.record_str(self.doc, &self.name, shape);
    }

    fn overflow(&mut self) {
        if !self.overflowed {
            self.overflowed = true;
            self.columns.record_bool(self.doc, layout::OVERFLOW, true);
        }
    }

    fn text(&mut self, text: &str) {
        for token in tokens(text) {
            let hash = id_hash(&token.text);
            if token.is_id_like() {
                self.id(hash);
            } else if self.seen_tokens.insert(hash) {
                self.token_text.push_str(&token.text);
                self.token_text.push('\n');
            }
        }
    }
}

/// Hands tantivy the tokens that [`Values`] has already found, one a line.
#[derive(Default, Clone)]
struct Lines {
    token: Token,
}

struct LineStream<'t> {
    rest: &'t str,
    token: &'t mut Token,
}

impl Tokenizer for Lines {
    type TokenStream<'t> = LineStream<'t>;

    fn token_stream<'t>(&'t mut self, text: &'t str) -> LineStream<'t> {
        self.token.reset();
        LineStream {
            rest: text,
            token: &mut self.token,
        }
    }
}

impl TokenStream for LineStream<'_> {
    fn advance(&mut self) -> bool {
        let Some((line, rest)) = self.rest.split_once('\n') else {
            return false;
        };
        self.rest = rest;
        self.token.text.clear();
        self.token.text.push_str(line);
        self.token.position = self.token.position.wrapping_add(1);
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
