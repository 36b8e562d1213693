//! The splits that a process has open, each once.
//!
//! A split stays open as long as a snapshot names it: what it has read (footer,
//! column headers, the full-text index) serves every query of the process.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use hashbrown::HashMap;
use parking_lot::Mutex;

use super::reader::SplitReader;
use super::split_file::SplitFileError;
use crate::catalog::SplitEntry;
use crate::scan::groups::Vocabularies;

/// Open splits by number.
#[derive(Default)]
pub struct SplitCache {
    slots: Mutex<HashMap<u64, Weak<SplitSlot>>>,
    vocabularies: Vocabularies,
    /// Splits that a scan could not read, however often it tried.
    lost: Mutex<BTreeSet<u64>>,
}

/// The place of one split, opened when it is first used.
pub struct SplitSlot {
    path: PathBuf,
    reader: Mutex<Option<Arc<SplitReader>>>,
}

impl SplitCache {
    /// The place of a split, shared with everyone who asked for it.
    pub fn slot(&self, splits_folder: &Path, id: u64) -> Arc<SplitSlot> {
        let mut slots = self.slots.lock();
        if let Some(slot) = slots.get(&id).and_then(Weak::upgrade) {
            return slot;
        }
        let slot = Arc::new(SplitSlot {
            path: splits_folder.join(SplitEntry::file_name(id)),
            reader: Mutex::new(None),
        });
        slots.insert(id, Arc::downgrade(&slot));
        slot
    }

    /// Whether a snapshot of this process names the split.
    pub fn is_used(&self, id: u64) -> bool {
        self.slots
            .lock()
            .get(&id)
            .is_some_and(|slot| slot.strong_count() > 0)
    }

    /// Forgets splits that no snapshot names any more.
    pub fn forget_unused(&self) {
        self.slots.lock().retain(|_, slot| slot.strong_count() > 0);
        self.vocabularies.keep_splits(&|id| self.is_used(id));
    }

    pub fn note_lost(&self, id: u64) {
        self.lost.lock().insert(id);
    }

    /// The splits that were noted since the last call.
    pub fn take_lost(&self) -> BTreeSet<u64> {
        std::mem::take(&mut self.lost.lock())
    }

    /// The numbered texts of columns.
    pub fn vocabularies(&self) -> &Vocabularies {
        &self.vocabularies
    }
}

impl SplitSlot {
    /// The split, opened by the first call.
    pub fn open(&self) -> Result<Arc<SplitReader>, SplitFileError> {
        let mut reader = self.reader.lock();
        if let Some(reader) = reader.as_ref() {
            return Ok(Arc::clone(reader));
        }
        let opened = Arc::new(SplitReader::open(&self.path)?);
        *reader = Some(Arc::clone(&opened));
        Ok(opened)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}
