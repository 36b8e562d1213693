//! The one process that writes a directory.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::Mutex;

use crate::catalog::RecordSums;
use crate::catalogue::Catalogue;
use crate::closed::{self, WhenClosed};
use crate::data_store::EventDataStore;
use crate::directory::{Directory, OpenError};
use crate::import::push::{Pushes, Queue};
use crate::import::tail::Tail;
use crate::index::cache::{SplitCache, SplitSlot};
use crate::kv::columns::Column;
use crate::kv::db::{Changes, Db, KvError};
use crate::numbers::Numbers;
use crate::recovery::{self, Recovered};
use crate::scan::StoreId;
use crate::snapshot::Snapshot;

/// What threads that import and merge add to their niceness while queries are
/// answered: they get a third of the processor that one of those has. With less they
/// would keep pushes waiting, who come to the same locks.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

/// Lets threads that answer queries go before this one.
pub fn yield_to_queries() {
    // Elsewhere it would be the whole process. Without it queries are slower, no more.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICE);
}

/// What was done since the directory was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Pushed events became a split.
    pub seals: u64,
    /// Splits became one.
    pub merges: u64,
    /// Records of imports, and of pushes.
    pub imported: RecordSums,
    pub pushed: RecordSums,
    /// Bytes of the records that were stored.
    pub imported_bytes: u64,
    pub pushed_bytes: u64,
}

/// Told the name of a step that is done.
pub type StepHook = Arc<dyn Fn(&str) + Send + Sync>;

/// How a writer uses the machine.
#[derive(Clone)]
pub struct WriteOptions {
    /// Workers of an import.
    pub threads: usize,
    /// What all workers together may hold of records and indexes, in bytes.
    pub memory_bytes: usize,
    /// The time, in milliseconds since 1970 UTC.
    pub clock: fn() -> i64,
    /// Called after each step towards durability, by name. Crash tests stop
    /// the process here.
    pub on_step: Option<StepHook>,
}

impl WriteOptions {
    /// Bytes of records at which a worker commits its batch. A record in a batch
    /// costs about four times its length: the record, its part of the index, and its
    /// part of the SST, which is held back until the pieces that it is compressed
    /// against are chosen, while the index's memory is not yet given back.
    pub fn batch_bytes(&self) -> usize {
        const BYTES_MIN: usize = 8 << 20;
        (self.memory_bytes / self.threads.max(1) / 5).max(BYTES_MIN)
    }

    /// Bytes of memory at which an index that is being built takes no more events,
    /// and those left over become a batch of their own. Logs stay below: only words
    /// that occur nowhere else make an index so much larger than its records.
    pub fn index_bytes_max(&self) -> usize {
        self.batch_bytes() * 2
    }

    /// Bytes of splits that are merged at a time, and of records that are made
    /// into a split anew: the memory of either is a little more than that.
    pub fn split_bytes(&self) -> usize {
        const BYTES_MIN: usize = 16 << 20;
        (self.memory_bytes / 4).max(BYTES_MIN)
    }

    /// Tells a test that a step is done.
    pub fn step(&self, name: &str) {
        if let Some(on_step) = &self.on_step {
            on_step(name);
        }
    }

    /// What tantivy is told to use at first.
    pub fn index_bytes(&self) -> usize {
        self.batch_bytes() / 4
    }
}

/// What everything that writes shares.
pub struct Core {
    pub directory: Directory,
    pub db: Arc<Db>,
    pub numbers: Numbers,
    pub catalogue: Mutex<Catalogue>,
    /// Held while a batch is compared with the last ones and published, and
    /// while splits are swapped.
    pub publishing: Mutex<()>,
    /// Held while events are pushed. Taken before `sealing`.
    pub pushing: Mutex<()>,
    /// Held while a tail is sealed. Taken before `publishing`.
    pub sealing: Mutex<()>,
    /// Held while splits are merged. Taken before `publishing`.
    pub merging: Mutex<()>,
    pub tail: Mutex<Tail>,
    /// What was pushed since the directory was opened.
    pub pushes: Mutex<Pushes>,
    pub queue: Queue,
    pub cache: Arc<SplitCache>,
    /// Splits that pushes are compared with.
    pub kept_open: Mutex<HashMap<u64, Arc<SplitSlot>>>,
    pub done: Mutex<Done>,
    /// Queries are answered beside the writing, and go first.
    pub is_serving: bool,
    pub options: WriteOptions,
}

impl Core {
    /// Makes the changes durable.
    pub fn write(&self, changes: Changes) -> Result<(), KvError> {
        if changes.is_empty() {
            return Ok(());
        }
        self.db.write(changes)
    }

    /// Tells a test that a step is done.
    pub fn step(&self, name: &str) {
        self.options.step(name);
    }

    /// Lets queries go before this thread, where there are any beside the writing.
    pub fn yield_to_queries(&self) {
        if self.is_serving {
            yield_to_queries();
        }
    }

    pub fn store(&self, id: StoreId) -> Option<EventDataStore> {
        self.catalogue.lock().store(id).cloned()
    }

    /// What is published now: nothing is published while it is read.
    pub fn snapshot(&self) -> Result<Arc<Snapshot>, KvError> {
        let _one_at_a_time = self.publishing.lock();
        let snapshot = Snapshot::load(
            Arc::clone(&self.db),
            &self.directory.splits(),
            Arc::clone(&self.cache),
        )?;
        Ok(Arc::new(snapshot))
    }
}

/// The right to write a directory. The lock goes with it.
pub struct Writer {
    pub(crate) core: Arc<Core>,
    recovered: Recovered,
    /// After `core`, and before the lock.
    _when_closed: WhenClosed,
    _lock: File,
}

impl Writer {
    /// Takes the directory, makes it if it is not there, and undoes what a
    /// crash left half done.
    ///
    /// **Errors**: [`OpenError::Owned`] while another process writes.
    pub fn open(root: &Path, options: WriteOptions) -> Result<Self, OpenError> {
        Self::open_as(root, options, false)
    }

    /// The same; `is_serving` says whether queries are answered beside the writing.
    pub(crate) fn open_as(
        root: &Path,
        options: WriteOptions,
        is_serving: bool,
    ) -> Result<Self, OpenError> {
        let directory = Directory::at(root);
        let lock = directory.take()?;
        directory.check_not_salvaging()?;
        closed::compare(&directory)?;
        directory.check_database()?;
        closed::set_aside(&directory)?;
        options.step("opening");
        let db = Db::open_primary(&directory.db(), &directory.tmp())?;
        options.step("opened");
        closed::remove(&directory)?;
        let when_closed = WhenClosed::new(&directory, &db);
        let recovered = recovery::recover(&directory, &db)?;
        let core = Core {
            numbers: Numbers::open(&db)?,
            catalogue: Mutex::new(Catalogue::load(&db)?),
            publishing: Mutex::new(()),
            pushing: Mutex::new(()),
            sealing: Mutex::new(()),
            merging: Mutex::new(()),
            tail: Mutex::new(Tail::load(&db, (options.clock)())?),
            pushes: Mutex::default(),
            queue: Queue::default(),
            cache: Arc::new(SplitCache::default()),
            kept_open: Mutex::default(),
            done: Mutex::default(),
            is_serving,
            directory,
            db: Arc::new(db),
            options,
        };
        Ok(Self {
            core: Arc::new(core),
            recovered,
            _when_closed: when_closed,
            _lock: lock,
        })
    }

    /// What the last process left half done.
    pub fn recovered(&self) -> Recovered {
        self.recovered
    }

    /// Whether a write failed. Nothing more is written then; opened again, the
    /// directory is what is on the disk.
    pub fn has_failed(&self) -> bool {
        self.core.db.has_failed()
    }

    /// What is published now.
    pub fn snapshot(&self) -> Result<Arc<Snapshot>, KvError> {
        self.core.snapshot()
    }
}

/// A store as the catalogue keeps it.
pub(crate) fn put_store(changes: &mut Changes, store: &EventDataStore) {
    changes.put_entry(Column::Stores, store.id.0.to_be_bytes(), store);
}
