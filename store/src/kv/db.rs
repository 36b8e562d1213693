//! RocksDB, for everyone else: the only file that names it.
//!
//! One process opens the directory for writing; any number of others open it as
//! secondaries beside it and follow the writer's log. Every write is synced:
//! what a caller was told is durable is.
//!
//! After a write that failed nobody knows what of it is on the disk, so nothing
//! more is written through the same [`Db`]: whoever opens the directory next
//! reads what is there, as after a crash.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::SystemTime;

use hashbrown::HashSet;
use parking_lot::Mutex;
use rocksdb::{
    BlockBasedOptions, BoundColumnFamily, Cache, ColumnFamilyDescriptor, DBCompressionType,
    DBRecoveryMode, DBWithThreadMode, ErrorKind, FlushOptions, IngestExternalFileOptions,
    IteratorMode, MultiThreaded, Options, ReadOptions, SstFileWriter, WriteBatch, WriteOptions,
    properties,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::{Arc, Weak};

use super::columns::Column;
use super::manifest::{CURRENT, Manifest, Problem, State};
use super::torn_log::TornLog;
use crate::advice;

type RocksDb = DBWithThreadMode<MultiThreaded>;

/// A read or write that the disk or RocksDB refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KvError {
    #[error("{operation} in {}: {source}{}", path.display(), advice::on_text(source.as_ref()))]
    Io {
        operation: &'static str,
        path: PathBuf,
        source: rocksdb::Error,
    },
    #[error(
        "{} is damaged: {reason}; restore the data directory from a backup, or see \"Damage\" in docs/storage-format.md",
        path.display()
    )]
    Damaged { path: PathBuf, reason: String },
    #[error(
        "{log}; restore the data directory from a backup, or save what can be read with `tarn check --salvage`"
    )]
    Log { log: TornLog },
    /// There is nothing in it.
    #[error("{} is being made, or its making was cut short; the next import makes it", path.display())]
    HalfMade { path: PathBuf },
    /// Nothing was tried.
    #[error(
        "nothing is written to {} since a write failed ({reason}); the next command opens it again",
        path.display()
    )]
    Stopped { path: PathBuf, reason: String },
    #[error("the {} entry {key} does not read: {reason}", column.name())]
    Corrupt {
        column: Column,
        key: String,
        reason: String,
    },
}

/// A key and its value.
pub type Pair = (Box<[u8]>, Box<[u8]>);

/// The ordered store of one data directory.
pub struct Db {
    db: RocksDb,
    /// After `db`, which is closed when this is dropped.
    alive: Arc<Alive>,
    path: PathBuf,
    /// Where files lie that are to be taken in.
    staged: PathBuf,
    /// A secondary's own folder, for its log; removed with it.
    scratch: Option<PathBuf>,
    /// The manifest whose tables were all there.
    compared: Mutex<Option<State>>,
    follows: Mutex<()>,
    /// One file is taken in at a time, so that one at most has failed: see
    /// [`put_back`].
    ingests: Mutex<()>,
    /// Why the first write that failed did.
    failed: Arc<OnceLock<String>>,
}

/// Is there as long as RocksDB has the files open.
pub struct Alive;

/// See [`Db::written`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written(Vec<(OsString, u64, SystemTime)>);

/// Puts and deletes that happen together or not at all.
#[derive(Default)]
pub struct Changes {
    puts: Vec<(Column, Vec<u8>, Vec<u8>)>,
    deletes: Vec<(Column, Vec<u8>)>,
}

impl Changes {
    pub fn put(&mut self, column: Column, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.puts.push((column, key.into(), value.into()));
    }

    /// Puts an entry of the catalogue.
    pub fn put_entry<T: Serialize>(&mut self, column: Column, key: impl Into<Vec<u8>>, entry: &T) {
        let value = serde_json::to_vec(entry)
            .expect("catalogue entries have text keys only, which JSON can always write");
        self.put(column, key, value);
    }

    pub fn delete(&mut self, column: Column, key: impl Into<Vec<u8>>) {
        self.deletes.push((column, key.into()));
    }

    pub fn is_empty(&self) -> bool {
        self.puts.is_empty() && self.deletes.is_empty()
    }
}

/// 64 KiB blocks: records repeat each other, and zstd sees more of them at a
/// time than in RocksDB's default of 4 KiB.
const EVENT_BLOCK_BYTES: usize = 64 << 10;
/// Entries of files and sources are looked up one at a time, and their paths repeat
/// each other.
const CATALOGUE_BLOCK_BYTES: usize = 16 << 10;
/// Each file of events has pieces of some of its records, which every block of the
/// file is compressed against: an eighth less on the disk, in no more time. Twice as
/// much saves another hundredth.
const DICTIONARY_BYTES: i32 = 64 << 10;
/// Window bits, level and strategy; RocksDB's names for "zstd's own".
const ZSTD_DEFAULTS: (i32, i32, i32) = (-14, 32767, 0);
const BLOCK_CACHE_BYTES: usize = 64 << 20;
/// A compaction holds as much in memory until it has chosen the pieces.
const SST_BYTES: u64 = 64 << 20;
/// What is pushed is soon deleted again, and whoever reads the tail steps over what is
/// left of it, so it is written out and cleared away early.
const TAIL_BUFFER_BYTES: usize = 4 << 20;
const TAIL_FILES: i32 = 2;
const LEVEL_ONE_BYTES: u64 = 1 << 30;
/// Of a column family, which may have two. Events are written as whole files; what
/// is written otherwise is small, but for rejects, which come as fast as they are
/// read.
const WRITE_BUFFER_BYTES: usize = 16 << 20;
/// A log that takes longer to read than the files of all families take to open.
const LONG_LOG_BYTES: u64 = 1 << 20;

fn column_options(column: Column, cache: &Cache) -> Options {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(cache);
    let mut options = Options::default();
    options.set_write_buffer_size(WRITE_BUFFER_BYTES);
    options.set_compression_type(DBCompressionType::Zstd);
    table.set_block_size(CATALOGUE_BLOCK_BYTES);
    if matches!(column, Column::Events | Column::Tail) {
        table.set_block_size(EVENT_BLOCK_BYTES);
        let (window_bits, level, strategy) = ZSTD_DEFAULTS;
        options.set_compression_options(window_bits, level, strategy, DICTIONARY_BYTES);
        options.set_target_file_size_base(SST_BYTES);
        options.set_max_bytes_for_level_base(LEVEL_ONE_BYTES);
        // Batches come in the order of time and barely overlap: there is little
        // that a compaction of few files would gain.
        options.set_level_zero_file_num_compaction_trigger(12);
    }
    if column == Column::Tail {
        options.set_write_buffer_size(TAIL_BUFFER_BYTES);
        options.set_level_zero_file_num_compaction_trigger(TAIL_FILES);
    }
    options.set_block_based_table_factory(&table);
    options
}

fn database_options() -> Options {
    let mut options = Options::default();
    options.set_max_background_jobs(2);
    options.set_keep_log_file_num(4);
    options.set_max_total_wal_size(64 << 20);
    // A crash may cut the last record, which nobody was told is durable. A log
    // that is damaged before its end holds records that somebody was: it is an
    // error, and not by default the end of what is read.
    options.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    options
}

fn descriptors() -> Vec<ColumnFamilyDescriptor> {
    descriptors_without(&[])
}

fn descriptors_without(absent: &[Column]) -> Vec<ColumnFamilyDescriptor> {
    let cache = Cache::new_lru_cache(BLOCK_CACHE_BYTES);
    Column::ALL
        .iter()
        .filter(|c| !absent.contains(c))
        .map(|c| ColumnFamilyDescriptor::new(c.name(), column_options(*c, &cache)))
        .collect()
}

/// The families that the directory does not have.
fn absent_families(path: &Path) -> Result<Vec<Column>, rocksdb::Error> {
    let there = RocksDb::list_cf(&database_options(), path)?;
    let is_absent = |column: &Column| !there.iter().any(|name| name == column.name());
    Ok(Column::ALL.into_iter().filter(is_absent).collect())
}

/// Whether the making of a database was cut short: families that every one has are not
/// there, and nothing was ever written.
fn is_half_made(path: &Path) -> bool {
    let absent = absent_families(path).unwrap_or_default();
    let lacks_old = absent.iter().any(|column| !Column::LATER.contains(column));
    let mut files = fs::read_dir(path).into_iter().flatten().flatten();
    let is_table = |file: fs::DirEntry| file.path().extension().is_some_and(|e| e == "sst");
    lacks_old && !files.any(is_table)
}

impl Db {
    /// Opens for reading and writing, and makes what is missing. `staged` is the
    /// folder where files lie that were to be taken in when a process ended.
    pub fn open_primary(path: &Path, staged: &Path) -> Result<Self, KvError> {
        Self::open_writable(path, staged, database_options())
    }

    /// The same, without the records of logs that do not read.
    pub fn open_salvaging(path: &Path, staged: &Path) -> Result<Self, KvError> {
        let mut options = database_options();
        options.set_wal_recovery_mode(DBRecoveryMode::SkipAnyCorruptedRecord);
        Self::open_writable(path, staged, options)
    }

    fn open_writable(path: &Path, staged: &Path, mut options: Options) -> Result<Self, KvError> {
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        let open = || RocksDb::open_cf_descriptors(&options, path, descriptors());
        let db = open()
            .or_else(|error| match missing_file(&error, path) {
                Some(missing) => put_back(&missing, staged, open).ok_or(error),
                None => Err(error),
            })
            .map_err(|source| not_opened("opening for writing", path, source))?;
        Ok(Self {
            db,
            alive: Arc::new(Alive),
            path: path.to_owned(),
            staged: staged.to_owned(),
            scratch: None,
            compared: Mutex::default(),
            follows: Mutex::default(),
            ingests: Mutex::default(),
            failed: Arc::default(),
        })
    }

    /// Opens for reading beside a writer or without one. `staged` as of
    /// [`Self::open_primary`]; `scratch` is a folder of this reader's own.
    pub fn open_secondary(path: &Path, staged: &Path, scratch: PathBuf) -> Result<Self, KvError> {
        let mut options = database_options();
        // A secondary has to hold the files that the writer may delete.
        options.set_max_open_files(-1);
        // By default each look at each family starts sixteen threads to open
        // files that are open already: hundreds for every query.
        options.set_max_file_opening_threads(1);
        let open = |absent: &[Column]| {
            let families = descriptors_without(absent);
            RocksDb::open_cf_descriptors_as_secondary(&options, path, &scratch, families)
        };
        // Opened without asking first what there is: nearly always it is all.
        let db = open(&[])
            .or_else(|error| match error.kind() {
                ErrorKind::InvalidArgument => {
                    let mut absent = absent_families(path)?;
                    absent.retain(|column| Column::LATER.contains(column));
                    open(&absent)
                }
                _ => Err(error),
            })
            .map_err(|source| match is_half_made(path) {
                true => KvError::HalfMade {
                    path: path.to_owned(),
                },
                false => not_opened("opening for reading", path, source),
            })?;
        Ok(Self {
            db,
            alive: Arc::new(Alive),
            path: path.to_owned(),
            staged: staged.to_owned(),
            scratch: Some(scratch),
            compared: Mutex::default(),
            follows: Mutex::default(),
            ingests: Mutex::default(),
            failed: Arc::default(),
        })
    }

    /// Whether this is a reader beside a possible writer.
    pub fn is_secondary(&self) -> bool {
        self.scratch.is_some()
    }

    /// Whether a writer has made families since this reader opened the directory
    /// without them. RocksDB follows the writer no further than it needs none of
    /// them, so the directory is to be opened anew.
    pub fn has_gained_families(&self) -> bool {
        let lacked = Column::LATER.iter().filter(|c| self.family(**c).is_none());
        let n_lacked = lacked.count();
        n_lacked > 0 && absent_families(&self.path).is_ok_and(|absent| absent.len() < n_lacked)
    }

    /// What tells whether anything was written since: the files that the writer
    /// appends to, with their lengths and times. None where they cannot be
    /// listed now.
    pub fn written(&self) -> Option<Written> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path).ok()? {
            let entry = entry.ok()?;
            let name = entry.file_name();
            if is_appended_to(&name) {
                let of_file = entry.metadata().ok()?;
                files.push((name, of_file.len(), of_file.modified().ok()?));
            }
        }
        files.sort();
        Some(Written(files))
    }

    /// The files of a closed database in which an end that is missing would not
    /// be noticed, and the one that names the manifest, in the order of their
    /// names.
    pub fn files_with_an_end(path: &Path) -> std::io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(path)? {
            let name = entry?.file_name();
            if is_appended_to(&name) || name == CURRENT {
                files.push(path.join(name));
            }
        }
        files.sort();
        Ok(files)
    }

    /// The logs of a database that is closed that do not read, in their order.
    pub fn torn_logs(path: &Path) -> std::io::Result<Vec<TornLog>> {
        let mut torn = Vec::new();
        for file in Self::files_with_an_end(path)? {
            if file.extension().is_some_and(|e| e == "log") {
                torn.extend(TornLog::find(file)?);
            }
        }
        Ok(torn)
    }

    /// Whether RocksDB gives files such names.
    pub fn is_file_name(name: &str) -> bool {
        const BEGINNINGS: [&str; 3] = ["MANIFEST-", "OPTIONS-", "LOG"];
        const ENDS: [&str; 3] = [".log", ".sst", ".dbtmp"];
        [CURRENT, "IDENTITY", "LOCK"].contains(&name)
            || BEGINNINGS.iter().any(|b| name.starts_with(b))
            || ENDS.iter().any(|end| name.ends_with(end))
    }

    pub fn is_table_name(name: &str) -> bool {
        Path::new(name).extension().is_some_and(|e| e == TABLE)
    }

    /// Compares the tables that the manifest names with those that are there, as
    /// [`Self::following`] does, and gives them.
    pub fn tables(&self) -> Result<Option<Manifest>, KvError> {
        *self.compared.lock() = None;
        self.compare_tables()?;
        let manifest = Manifest::read(&self.path);
        manifest.map_err(|Problem { path, reason }| KvError::Damaged { path, reason })
    }

    /// Whether the folder held a database and cannot be opened as one any more:
    /// RocksDB would make a new one in it and remove what is there.
    pub fn has_lost_its_beginning(path: &Path) -> std::io::Result<bool> {
        if path.join(CURRENT).exists() {
            return Ok(false);
        }
        for entry in fs::read_dir(path)? {
            let name = entry?.file_name();
            let name = name.as_encoded_bytes();
            // Both come after CURRENT when a database is made.
            if name.ends_with(b".log") || name.ends_with(b".sst") {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Why the first write that failed did, for who asks after the database is
    /// closed.
    pub fn failure(&self) -> Arc<OnceLock<String>> {
        Arc::clone(&self.failed)
    }

    /// Cannot be upgraded any more when RocksDB has closed its files.
    pub fn alive(&self) -> Weak<Alive> {
        Arc::downgrade(&self.alive)
    }

    /// Reads the catalogue as the writer left it by now, and makes sure that
    /// what it names can be read.
    ///
    /// A secondary takes in the list of files first and the log of small writes
    /// after it. A batch whose events came as a file in between is published in
    /// the log and its file is not known, so the files are followed once more
    /// after the catalogue was read. Meanwhile nobody else of this process
    /// follows.
    pub fn following<T>(&self, read: impl FnOnce() -> Result<T, KvError>) -> Result<T, KvError> {
        if !self.is_secondary() {
            return read();
        }
        let _one_at_a_time = self.follows.lock();
        self.catch_up()?;
        let value = read()?;
        self.catch_up()?;
        self.compare_tables()?;
        Ok(value)
    }

    /// Compares the tables that the manifest names with those that are there and
    /// open: a secondary goes on without those that are not.
    ///
    /// **Cost**: reading the manifest where it was written to since the last call.
    ///
    /// **Errors**: [`KvError::Damaged`] with the first table that is missing or has
    /// another length.
    fn compare_tables(&self) -> Result<(), KvError> {
        let mut last = None;
        loop {
            let problem = match Manifest::read(&self.path) {
                Ok(None) => return Ok(()),
                Ok(Some(manifest)) => {
                    let mut compared = self.compared.lock();
                    if compared.as_ref() == Some(&manifest.state) {
                        return Ok(());
                    }
                    let open = self.open_tables()?;
                    let is_open = |name: &str| open.as_ref().is_none_or(|o| o.contains(name));
                    let found = manifest.problem(|length| self.is_staged(length), is_open);
                    let Some(problem) = found else {
                        *compared = Some(manifest.state);
                        return Ok(());
                    };
                    (Some(manifest.state), problem)
                }
                Err(problem) => (None, problem),
            };
            // A writer may have written its list anew and removed what it no longer
            // names.
            if last.as_ref() == Some(&problem) {
                let (_, Problem { path, reason }) = problem;
                return Err(KvError::Damaged { path, reason });
            }
            last = Some(problem);
            if self.is_secondary() {
                self.catch_up()?;
            }
        }
    }

    /// The names of the tables that a secondary reads from; none where this is no
    /// secondary, which opens with all of them or not at all.
    fn open_tables(&self) -> Result<Option<HashSet<String>>, KvError> {
        if !self.is_secondary() {
            return Ok(None);
        }
        let files = self.db.live_files();
        let files = files.map_err(|source| io("listing the tables", &self.path, source))?;
        let name = |name: &str| name.trim_start_matches('/').to_owned();
        Ok(Some(files.iter().map(|file| name(&file.name)).collect()))
    }

    /// Whether a file of the length waits to be put back: see [`put_back`]. Nothing
    /// of it is published.
    fn is_staged(&self, length: u64) -> bool {
        let staged = fs::read_dir(&self.staged).into_iter().flatten().flatten();
        staged.into_iter().any(|entry| {
            let is_table = entry.path().extension().is_some_and(|e| e == TABLE);
            is_table && entry.metadata().is_ok_and(|found| found.len() == length)
        })
    }

    fn catch_up(&self) -> Result<(), KvError> {
        self.db
            .try_catch_up_with_primary()
            .map_err(|source| io("following the writer", &self.path, source))
    }

    /// None where nothing was ever written to it: a reader opens directories that
    /// lack families of [`Column::LATER`].
    fn family(&self, column: Column) -> Option<Arc<BoundColumnFamily<'_>>> {
        self.db.cf_handle(column.name())
    }

    fn family_to_write(&self, column: Column) -> Arc<BoundColumnFamily<'_>> {
        self.family(column)
            .expect("a writer makes every family of Column::ALL when it opens the database")
    }

    pub fn get(&self, column: Column, key: &[u8]) -> Result<Option<Vec<u8>>, KvError> {
        let Some(family) = self.family(column) else {
            return Ok(None);
        };
        self.db
            .get_cf(&family, key)
            .map_err(|source| io("reading", &self.path, source))
    }

    /// The values of several keys, in their order.
    pub fn get_many(
        &self,
        column: Column,
        keys: &[Vec<u8>],
    ) -> Result<Vec<Option<Vec<u8>>>, KvError> {
        let Some(family) = self.family(column) else {
            return Ok(vec![None; keys.len()]);
        };
        self.db
            .batched_multi_get_cf(&family, keys, false)
            .into_iter()
            .map(|value| {
                value
                    .map(|v| v.map(|bytes| bytes.to_vec()))
                    .map_err(|source| io("reading", &self.path, source))
            })
            .collect()
    }

    /// An entry of the catalogue.
    pub fn entry<T: DeserializeOwned>(
        &self,
        column: Column,
        key: &[u8],
    ) -> Result<Option<T>, KvError> {
        self.get(column, key)?
            .map(|value| read_entry(column, key, &value))
            .transpose()
    }

    /// All entries of a family, in the order of their keys.
    pub fn entries<T: DeserializeOwned>(
        &self,
        column: Column,
    ) -> Result<Vec<(Vec<u8>, T)>, KvError> {
        self.each_entry(column)
            .map(|entry| entry.map(|(key, entry)| (key.into_vec(), entry)))
            .collect()
    }

    /// The entries of a family, one after the other, in the order of their keys.
    pub fn each_entry<'d, T: DeserializeOwned + 'd>(
        &'d self,
        column: Column,
    ) -> impl Iterator<Item = Result<(Box<[u8]>, T), KvError>> + 'd {
        self.range(column, &[], None).map(move |pair| {
            let (key, value) = pair?;
            let entry = read_entry(column, &key, &value)?;
            Ok((key, entry))
        })
    }

    /// Keys and values from `start` up to but not including `end`, in order.
    pub fn range<'d>(
        &'d self,
        column: Column,
        start: &[u8],
        end: Option<&[u8]>,
    ) -> impl Iterator<Item = Result<Pair, KvError>> + 'd {
        let mut options = ReadOptions::default();
        options.set_readahead_size(2 << 20);
        if let Some(end) = end {
            options.set_iterate_upper_bound(end.to_vec());
        }
        let mode = IteratorMode::From(start, rocksdb::Direction::Forward);
        let family = self.family(column);
        let pairs = family.map(|family| self.db.iterator_cf_opt(&family, options, mode));
        let pairs = pairs.into_iter().flatten();
        pairs.map(|pair| pair.map_err(|source| io("reading", &self.path, source)))
    }

    /// Whether a write failed, of ours or of RocksDB's own in the background.
    pub fn has_failed(&self) -> bool {
        let in_background = self.db.property_int_value(properties::BACKGROUND_ERRORS);
        self.failed.get().is_some() || !matches!(in_background, Ok(None | Some(0)))
    }

    /// Does what writes, unless something that did has failed before.
    fn change(
        &self,
        operation: &'static str,
        path: &Path,
        change: impl FnOnce() -> Result<(), rocksdb::Error>,
    ) -> Result<(), KvError> {
        if let Some(reason) = self.failed.get() {
            return Err(KvError::Stopped {
                path: self.path.clone(),
                reason: reason.clone(),
            });
        }
        change().map_err(|source| {
            self.failed.get_or_init(|| source.to_string());
            io(operation, path, source)
        })
    }

    /// Makes the changes, all or none, durable before it returns.
    ///
    /// **Errors**: the changes may or may not be on the disk, and every later
    /// write is [`KvError::Stopped`].
    pub fn write(&self, changes: Changes) -> Result<(), KvError> {
        let mut batch = WriteBatch::default();
        for (column, key) in changes.deletes {
            batch.delete_cf(&self.family_to_write(column), key);
        }
        for (column, key, value) in changes.puts {
            batch.put_cf(&self.family_to_write(column), key, value);
        }
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.change("writing", &self.path, || self.db.write_opt(batch, &options))
    }

    /// Writes a file of ascending events at `path`, synced, for [`Self::ingest`].
    ///
    /// **Shape**: at least one pair; keys strictly ascending.
    pub fn write_sst(
        path: &Path,
        pairs: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
    ) -> Result<(), KvError> {
        let cache = Cache::new_lru_cache(0);
        let options = column_options(Column::Events, &cache);
        let mut writer = SstFileWriter::create(&options);
        let write = |writer: &mut SstFileWriter<'_>| {
            writer.open(path)?;
            for (key, value) in pairs {
                writer.put(key, value)?;
            }
            writer.finish()
        };
        write(&mut writer).map_err(|source| io("writing events", path, source))
    }

    /// Takes a file of events in, durably; the file is moved.
    ///
    /// **Errors**: as of [`Self::write`].
    pub fn ingest(&self, file: &Path) -> Result<(), KvError> {
        let mut options = IngestExternalFileOptions::default();
        options.set_move_files(true);
        let family = self.family_to_write(Column::Events);
        let _one_at_a_time = self.ingests.lock();
        self.change("taking events in from", file, || {
            self.db
                .ingest_external_file_cf_opts(&family, &options, vec![file])
        })
    }

    /// Moves what a long log holds into files. Everybody who opens the database
    /// would read it again, record by record.
    fn empty_a_long_log(&self) -> Result<(), KvError> {
        let length = |(name, length, _): &(OsString, u64, SystemTime)| {
            name.as_encoded_bytes()
                .ends_with(b".log")
                .then_some(*length)
        };
        let written = self.written().map_or_else(Vec::new, |written| written.0);
        if written.iter().filter_map(length).sum::<u64>() < LONG_LOG_BYTES {
            return Ok(());
        }
        let families = Column::ALL.map(|column| self.family_to_write(column));
        let families: Vec<_> = families.iter().collect();
        self.change("emptying the log", &self.path, || {
            self.db.flush_cfs_opt(&families, &FlushOptions::default())
        })
    }

    /// Reads every block of the column family's files and compares checksums.
    pub fn verify_checksums(&self, column: Column) -> Result<u64, KvError> {
        let mut options = ReadOptions::default();
        options.set_verify_checksums(true);
        options.fill_cache(false);
        let Some(family) = self.family(column) else {
            return Ok(0);
        };
        let mut n_pairs = 0;
        for pair in self
            .db
            .iterator_cf_opt(&family, options, IteratorMode::Start)
        {
            pair.map_err(|source| io("verifying", &self.path, source))?;
            n_pairs += 1;
        }
        Ok(n_pairs)
    }
}

impl Drop for Db {
    fn drop(&mut self) {
        match &self.scratch {
            Some(scratch) => {
                // Holds RocksDB's log of this reader only; nobody misses it, and
                // nobody can be told here.
                let _ = std::fs::remove_dir_all(scratch);
            }
            None if self.has_failed() => {}
            None => {
                if let Err(error) = self.empty_a_long_log() {
                    tracing::warn!(%error, "the next command reads the log of this one");
                }
            }
        }
    }
}

/// The file of the directory that RocksDB's list of files names and that is not
/// there.
fn missing_file(error: &rocksdb::Error, path: &Path) -> Option<PathBuf> {
    let text: &str = error.as_ref();
    let end = text.find(".sst")?;
    let number = text[..end].rsplit('/').next()?;
    let missing = path.join(format!("{number}.sst"));
    (!missing.exists()).then_some(missing)
}

/// Opens with one of the staged files in the place of the missing one.
///
/// RocksDB removes its link to a file that it could not take in, also where the
/// file is in its list already and only the sync of the list failed. Nothing
/// would open any more. The file itself is still where it was staged; RocksDB
/// compares lengths and refuses another one. Recovery undoes its batch.
fn put_back(
    missing: &Path,
    staged: &Path,
    open: impl Fn() -> Result<RocksDb, rocksdb::Error>,
) -> Option<RocksDb> {
    for entry in fs::read_dir(staged).ok()?.flatten() {
        let candidate = entry.path();
        if candidate.extension().is_none_or(|e| e != TABLE) {
            continue;
        }
        fs::hard_link(&candidate, missing).ok()?;
        if let Ok(db) = open() {
            return Some(db);
        }
        fs::remove_file(missing).ok()?;
    }
    None
}

/// How files of tables end.
const TABLE: &str = "sst";

/// Whether RocksDB appends to files of the name.
fn is_appended_to(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.ends_with(b".log") || name.starts_with(b"MANIFEST-")
}

/// Says which log it is, and where: RocksDB tells only that there is one.
fn not_opened(operation: &'static str, path: &Path, source: rocksdb::Error) -> KvError {
    let torn = Db::torn_logs(path).unwrap_or_default().into_iter().next();
    match torn {
        Some(log) if source.kind() == ErrorKind::Corruption => KvError::Log { log },
        _ => io(operation, path, source),
    }
}

fn io(operation: &'static str, path: &Path, source: rocksdb::Error) -> KvError {
    KvError::Io {
        operation,
        path: path.to_owned(),
        source,
    }
}

fn read_entry<T: DeserializeOwned>(column: Column, key: &[u8], value: &[u8]) -> Result<T, KvError> {
    serde_json::from_slice(value).map_err(|e| KvError::Corrupt {
        column,
        key: key.escape_ascii().to_string(),
        reason: e.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_bytes(path: &Path) -> u64 {
        let log = |entry: fs::DirEntry| {
            let is_log = entry.path().extension().is_some_and(|e| e == "log");
            is_log.then(|| entry.metadata().expect("a file").len())
        };
        let entries = fs::read_dir(path).expect("a database");
        entries.flatten().filter_map(log).sum()
    }

    fn change_of(bytes: u64, key: u8) -> Changes {
        let mut changes = Changes::default();
        changes.put(Column::Files, [key], vec![key; bytes as usize]);
        changes
    }

    #[test]
    fn a_long_log_is_emptied_when_the_database_is_closed() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("db");
        let open = || Db::open_primary(&path, dir.path()).expect("opens");

        let db = open();
        db.write(change_of(1_000, 1)).expect("written");
        drop(db);
        assert!(log_bytes(&path) > 1_000, "a short one is left as it is");

        let db = open();
        db.write(change_of(LONG_LOG_BYTES, 2)).expect("written");
        assert!(log_bytes(&path) > LONG_LOG_BYTES);
        drop(db);
        assert_eq!(log_bytes(&path), 0);

        let db = open();
        for (key, bytes) in [(1, 1_000), (2, LONG_LOG_BYTES)] {
            let value = db.get(Column::Files, &[key]).expect("read");
            assert_eq!(value.map(|v| v.len() as u64), Some(bytes));
        }
    }
}
