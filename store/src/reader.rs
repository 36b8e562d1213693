//! A directory opened for reading: by any process, beside a writer or without
//! one.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::closed;
use crate::directory::{Directory, OpenError};
use crate::index::cache::SplitCache;
use crate::kv::db::{Db, KvError, Written};
use crate::snapshot::Snapshot;

/// Gives snapshots of what is published.
#[derive(Clone)]
pub struct Reader {
    shared: Arc<Shared>,
}

struct Shared {
    directory: Directory,
    cache: Arc<SplitCache>,
    opened: Mutex<Opened>,
}

struct Opened {
    db: Arc<Db>,
    /// The last snapshot, with what the writer had written before it: while
    /// nothing is written it stays true, and its splits stay open.
    latest: Option<(Written, Arc<Snapshot>)>,
}

impl Reader {
    /// **Cost**: opening RocksDB as a secondary, 4 to 5 ms.
    ///
    /// **Errors**: [`OpenError::Missing`] where nothing was imported yet.
    pub fn open(root: &Path) -> Result<Self, OpenError> {
        let directory = Directory::at(root);
        directory.check_format()?;
        directory.check_not_salvaging()?;
        closed::compare(&directory)?;
        directory.check_made()?;
        directory.make_tmp()?;
        let opened = Opened {
            db: open_db(&directory)?,
            latest: None,
        };
        Ok(Self {
            shared: Arc::new(Shared {
                directory,
                cache: Arc::new(SplitCache::default()),
                opened: Mutex::new(opened),
            }),
        })
    }

    /// The splits that scans of this reader's snapshots found lost since the last call:
    /// [`crate::owner::Session::mend`] builds them anew.
    pub fn take_lost_splits(&self) -> BTreeSet<u64> {
        self.shared.cache.take_lost()
    }

    /// What is published now.
    ///
    /// **Cost**: listing a folder where nothing was written since the last
    /// call, else reading the catalogue.
    pub fn snapshot(&self) -> Result<Arc<Snapshot>, OpenError> {
        let shared = &self.shared;
        let mut opened = shared.opened.lock();
        // Looked at before the snapshot is: what is written in between is seen
        // the next time at the latest.
        let written = opened.db.written();
        if let (Some((before, snapshot)), Some(now)) = (&opened.latest, &written)
            && before == now
        {
            return Ok(Arc::clone(snapshot));
        }
        if opened.db.has_gained_families() {
            opened.db = open_db(&shared.directory)?;
        }
        let snapshot = Arc::new(Snapshot::load(
            Arc::clone(&opened.db),
            &shared.directory.splits(),
            Arc::clone(&shared.cache),
        )?);
        opened.latest = written.map(|written| (written, Arc::clone(&snapshot)));
        Ok(snapshot)
    }
}

fn open_db(directory: &Directory) -> Result<Arc<Db>, OpenError> {
    static OPENED: AtomicU64 = AtomicU64::new(0);
    let scratch = directory.tmp().join(format!(
        "reader-{}-{}",
        std::process::id(),
        OPENED.fetch_add(1, Ordering::Relaxed)
    ));
    match Db::open_secondary(&directory.db(), &directory.tmp(), scratch) {
        Ok(db) => Ok(Arc::new(db)),
        Err(KvError::HalfMade { .. }) => Err(OpenError::Missing {
            path: directory.root().to_owned(),
        }),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::writer::{WriteOptions, Writer};

    /// The process ended before all families were made.
    #[test]
    fn what_is_half_made_holds_nothing() {
        let home = tempfile::tempdir().expect("a folder");
        let options = || WriteOptions {
            threads: 1,
            memory_bytes: 64 << 20,
            clock: || 0,
            on_step: None,
        };
        let open = || Writer::open(home.path(), options()).expect("opens");
        drop(open());
        let directory = Directory::at(home.path());
        std::fs::remove_dir_all(directory.db()).expect("removed");
        std::fs::remove_file(directory.closed_file()).expect("removed");
        drop(rocksdb::DB::open_default(directory.db()).expect("made"));
        let opened = Reader::open(home.path()).map(|_| ());
        assert!(
            matches!(opened, Err(OpenError::Missing { .. })),
            "{opened:?}"
        );
        drop(open());
        let snapshot = Reader::open(home.path()).and_then(|reader| reader.snapshot());
        assert!(snapshot.expect("it is made").stores().is_empty());
    }
}
