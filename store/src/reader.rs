//! A directory opened for reading: by any process, beside a writer or without
//! one.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::directory::{Directory, OpenError};
use crate::index::cache::SplitCache;
use crate::kv::db::Db;
use crate::snapshot::Snapshot;

/// Gives snapshots of what is published.
#[derive(Clone)]
pub struct Reader {
    shared: Arc<Shared>,
}

struct Shared {
    directory: Directory,
    db: Arc<Db>,
    cache: Arc<SplitCache>,
}

impl Reader {
    /// **Cost**: opening RocksDB as a secondary, 4 to 5 ms.
    ///
    /// **Errors**: [`OpenError::Missing`] where nothing was imported yet.
    pub fn open(root: &Path) -> Result<Self, OpenError> {
        static READERS: AtomicU64 = AtomicU64::new(0);
        let directory = Directory::at(root);
        directory.check_format()?;
        let scratch = directory.tmp().join(format!(
            "reader-{}-{}",
            std::process::id(),
            READERS.fetch_add(1, Ordering::Relaxed)
        ));
        let db = Db::open_secondary(&directory.db(), scratch)?;
        Ok(Self {
            shared: Arc::new(Shared {
                directory,
                db: Arc::new(db),
                cache: Arc::new(SplitCache::default()),
            }),
        })
    }

    /// What is published now.
    pub fn snapshot(&self) -> Result<Arc<Snapshot>, OpenError> {
        let snapshot = Snapshot::load(
            Arc::clone(&self.shared.db),
            &self.shared.directory.splits(),
            Arc::clone(&self.shared.cache),
        )?;
        Ok(Arc::new(snapshot))
    }
}
