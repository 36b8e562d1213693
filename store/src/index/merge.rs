//! Small splits into large ones.
//!
//! Splits that follow each other in time are stacked: columns and postings are
//! merged as they are, no record is read. The output takes the place of its
//! inputs in one write; their files go when the last reader lets go of them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use tantivy::columnar::{MergeRowOrder, StackMergeOrder, merge_columnar};
use tantivy::directory::RamDirectory;
use tantivy::indexer::merge_indices;
use tantivy::{Index, TantivyError};

use super::ids::{self, IdFile};
use super::reader::SplitReader;
use super::rebuild::{self, NotMended};
use super::split_file::{self, SplitFileError};
use super::writer::{text_sections, write_sections};
use crate::catalog::SplitEntry;
use crate::kv::columns::Column;
use crate::kv::db::{Changes, KvError};
use crate::scan::{Cancel, StoreId};
use crate::writer::Core;

/// A split of so many documents is large enough.
pub const DOCS_ENOUGH: u32 = 500_000;
/// No merge makes a larger one.
pub const DOCS_MAX: u32 = 1_000_000;
/// Fewer inputs are not worth writing everything again while more may come.
const INPUTS_MIN_WHILE_IMPORTING: usize = 6;
/// Sizes of splits whose merge is worth it, in documents.
const ANY_SIZE: [Range<u32>; 1] = [Range {
    start: 0,
    end: DOCS_ENOUGH,
}];
/// While pushed events go on becoming splits, only those are merged that are of one
/// size, in documents: the smallest that there are enough of. So an event is written
/// again once a size, and not with every handful that comes after it.
const SIZES_WHILE_SERVING: [Range<u32>; 3] = [0..20_000, 20_000..160_000, 160_000..DOCS_ENOUGH];
const INPUTS_MIN_WHILE_SERVING: usize = 8;

/// Why splits could not be merged. The inputs are untouched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MergeError {
    #[error("merging the columns of splits: {0}")]
    Columns(io::Error),
    #[error("merging the full-text indexes of splits: {0}")]
    Text(#[from] TantivyError),
    #[error(transparent)]
    File(#[from] SplitFileError),
    #[error(transparent)]
    Kv(#[from] KvError),
    #[error(transparent)]
    NotMended(#[from] NotMended),
}

/// When a merge is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// More splits are coming.
    Importing,
    /// None is.
    AtRest,
    /// Small ones go on coming, for ever.
    Serving,
}

/// Merges the store's splits as far as it is due. Returns how many merges were
/// made.
pub fn merge_store(
    core: &Core,
    store: StoreId,
    when: When,
    cancel: &Cancel,
) -> Result<u64, MergeError> {
    let mut n_merges = 0;
    let mut n_mended = 0;
    while !cancel.is_cancelled() {
        // One at a time, so that no two choose the same splits, and the memory is that
        // of one. Who comes again can leave it to the other.
        let merging = core.merging.try_lock();
        let _one_at_a_time = match (merging, when) {
            (Some(merging), _) => merging,
            (None, When::AtRest) => core.merging.lock(),
            (None, When::Importing | When::Serving) => break,
        };
        let splits: Vec<Arc<SplitEntry>> = core.catalogue.lock().splits(store).cloned().collect();
        let bytes_max = core.options.split_bytes() as u64;
        let Some(inputs) = choose(splits, when, bytes_max) else {
            break;
        };
        match merge(core, store, &inputs) {
            Ok(()) => n_merges += 1,
            // Whatever it says, an input may be the reason.
            Err(error) => match n_mended < inputs.len() && mend_one(core, &inputs)? {
                true => n_mended += 1,
                false => return Err(error),
            },
        }
    }
    Ok(n_merges)
}

/// Builds the first of the splits anew that is lost; says whether there was one.
fn mend_one(core: &Core, splits: &[Arc<SplitEntry>]) -> Result<bool, MergeError> {
    let folder = core.directory.splits();
    for split in splits {
        let opened = core.cache.slot(&folder, split.id).open();
        match opened.and_then(|reader| reader.file().verify()) {
            Err(error) if error.lost().is_some() => {
                rebuild::mend_lost(core, error)?;
                return Ok(true);
            }
            _ => {}
        }
    }
    Ok(false)
}

/// The next splits to merge: neighbours in time that together are not too
/// large, for a split or for the memory that the merge needs. Among the
/// possible runs the one with most splits.
fn choose(
    splits: Vec<Arc<SplitEntry>>,
    when: When,
    bytes_max: u64,
) -> Option<Vec<Arc<SplitEntry>>> {
    let (sizes, inputs_min) = match when {
        When::Importing => (&ANY_SIZE[..], INPUTS_MIN_WHILE_IMPORTING),
        When::AtRest => (&ANY_SIZE[..], 2),
        When::Serving => (&SIZES_WHILE_SERVING[..], INPUTS_MIN_WHILE_SERVING),
    };
    sizes
        .iter()
        .find_map(|size| choose_of_size(size, splits.clone(), inputs_min, bytes_max))
}

/// The next of those that have as many documents.
fn choose_of_size(
    size: &Range<u32>,
    mut splits: Vec<Arc<SplitEntry>>,
    inputs_min: usize,
    bytes_max: u64,
) -> Option<Vec<Arc<SplitEntry>>> {
    splits.retain(|s| size.contains(&s.n_docs) && s.bytes <= bytes_max / 2);
    splits.sort_by_key(|s| (s.time_min_ms, s.time_max_ms, s.id));
    let mut best: &[Arc<SplitEntry>] = &[];
    let mut start = 0;
    let (mut n_docs, mut n_bytes) = (0_u64, 0_u64);
    for end in 0..splits.len() {
        n_docs += u64::from(splits[end].n_docs);
        n_bytes += splits[end].bytes;
        while n_docs > u64::from(DOCS_MAX) || n_bytes > bytes_max {
            n_docs -= u64::from(splits[start].n_docs);
            n_bytes -= splits[start].bytes;
            start += 1;
        }
        if end + 1 - start > best.len() {
            best = &splits[start..=end];
        }
    }
    (best.len() >= inputs_min).then(|| best.to_vec())
}

fn merge(core: &Core, store: StoreId, inputs: &[Arc<SplitEntry>]) -> Result<(), MergeError> {
    let folder = core.directory.splits();
    let mut readers: Vec<Arc<SplitReader>> = Vec::with_capacity(inputs.len());
    for input in inputs {
        readers.push(core.cache.slot(&folder, input.id).open()?);
    }
    let id = core.numbers.next(&core.db)?;
    let path = folder.join(SplitEntry::file_name(id));
    let bytes = stack(&readers, &path)?;
    core.step("merged");

    let output = combined(id, store, bytes, inputs);
    let _one_at_a_time = core.publishing.lock();
    // Deleting a store removes its splits; its merge has come to nothing then.
    let is_current = {
        let catalogue = core.catalogue.lock();
        inputs.iter().all(|i| catalogue.split(i.id) == Some(i))
    };
    if !is_current {
        remove_file(&path);
        return Ok(());
    }
    let mut changes = Changes::default();
    for input in inputs {
        changes.delete(Column::Splits, input.id.to_be_bytes());
    }
    changes.put_entry(Column::Splits, id.to_be_bytes(), &output);
    core.write(changes)?;
    core.step("swapped");
    let ids: Vec<u64> = inputs.iter().map(|i| i.id).collect();
    core.catalogue.lock().replace(&ids, Some(output));
    core.done.lock().merges += 1;
    for input in inputs {
        remove_file(&folder.join(SplitEntry::file_name(input.id)));
    }
    Ok(())
}

/// Open readers keep the unlinked file; a file that cannot be removed now is
/// removed at the next open, because the catalogue does not name it.
fn remove_file(path: &std::path::Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(path = %path.display(), %error, "a split file stays until the next open");
    }
}

/// Writes the documents of the splits one after another as a new split.
pub(crate) fn stack(
    readers: &[Arc<SplitReader>],
    path: &std::path::Path,
) -> Result<u64, MergeError> {
    let columnars: Vec<_> = readers.iter().map(|r| r.columns()).collect();
    let order = StackMergeOrder::stack(&columnars);
    let mut pairs = Vec::new();
    for (i, reader) in readers.iter().enumerate() {
        push_ids(&mut pairs, reader.ids(), order.offset(i))
            .map_err(|e| reader.damaged("ids", e))?;
    }
    let mut columns = Vec::new();
    merge_columnar(&columnars, &[], MergeRowOrder::Stack(order), &mut columns)
        .map_err(MergeError::Columns)?;

    let mut indexes: Vec<Index> = Vec::with_capacity(readers.len());
    for reader in readers {
        indexes.push(reader.text_index()?);
    }
    let directory = RamDirectory::create();
    let merged = merge_indices(&indexes, directory.clone())?;
    let text = text_sections(&merged, &directory)?;
    Ok(write_sections(
        path,
        &columns,
        &ids::pack(&mut pairs),
        &text,
    )?)
}

fn push_ids(pairs: &mut Vec<u64>, file: &IdFile, offset: u32) -> io::Result<()> {
    pairs.extend(
        file.entries()?
            .map(|(hash, document)| u64::from(hash) << 32 | u64::from(document + offset)),
    );
    Ok(())
}

/// The entry of the split that [`stack`] makes of these.
pub(crate) fn combined(
    id: u64,
    store: StoreId,
    bytes: u64,
    inputs: &[Arc<SplitEntry>],
) -> SplitEntry {
    let mut accounts = BTreeMap::new();
    let mut regions = BTreeMap::new();
    let mut dead = Vec::new();
    let mut batches = Vec::new();
    let mut runs = Some(Vec::new());
    let mut n_docs = 0;
    for input in inputs {
        match (&mut runs, input.sorted, input.runs.as_slice()) {
            (Some(runs), true, _) => runs.push(n_docs),
            (runs, false, []) => *runs = None,
            (Some(runs), false, of_input) => runs.extend(of_input.iter().map(|d| d + n_docs)),
            (None, _, _) => {}
        }
        add(&mut accounts, &input.accounts);
        add(&mut regions, &input.regions);
        dead.extend(input.dead.iter().map(|d| d + n_docs));
        batches.extend_from_slice(&input.batches);
        n_docs += input.n_docs;
    }
    batches.sort_unstable();
    batches.dedup();
    let follow = inputs
        .windows(2)
        .all(|pair| pair[0].time_max_ms < pair[1].time_min_ms);
    let sorted = follow && inputs.iter().all(|i| i.sorted);
    SplitEntry {
        id,
        store,
        version: split_file::VERSION,
        n_docs,
        bytes,
        time_min_ms: inputs.iter().map(|i| i.time_min_ms).min().unwrap_or(0),
        time_max_ms: inputs.iter().map(|i| i.time_max_ms).max().unwrap_or(0),
        sorted,
        runs: runs.filter(|_| !sorted).unwrap_or_default(),
        accounts,
        regions,
        dead,
        batches,
    }
}

fn add(counts: &mut BTreeMap<String, u32>, more: &BTreeMap<String, u32>) {
    for (key, n) in more {
        *counts.entry(key.clone()).or_default() += n;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(id: u64, n_docs: u32, time_min_ms: i64) -> Arc<SplitEntry> {
        Arc::new(SplitEntry {
            id,
            store: StoreId(1),
            version: 1,
            n_docs,
            bytes: 0,
            time_min_ms,
            time_max_ms: time_min_ms + 5,
            sorted: true,
            runs: Vec::new(),
            accounts: BTreeMap::new(),
            regions: BTreeMap::new(),
            dead: vec![1],
            batches: vec![id],
        })
    }

    fn chosen(splits: Vec<Arc<SplitEntry>>, when: When) -> Option<Vec<u64>> {
        choose(splits, when, 100).map(|c| c.iter().map(|s| s.id).collect())
    }

    #[test]
    fn neighbours_are_merged_and_large_ones_left() {
        let splits = vec![
            split(1, 400_000, 30),
            split(2, 400_000, 10),
            split(3, 400_000, 20),
            split(4, 600_000, 15),
        ];
        assert_eq!(chosen(splits.clone(), When::AtRest), Some(vec![2, 3]));
        assert_eq!(chosen(splits, When::Importing), None);
        assert_eq!(chosen(vec![split(1, 5, 0)], When::AtRest), None);
    }

    #[test]
    fn splits_that_go_on_coming_are_merged_by_size() {
        let small = |ids: std::ops::Range<u64>| ids.map(|id| split(id, 2_000, id as i64));
        let mut splits: Vec<_> = small(1..8).collect();
        splits.push(split(100, 400_000, 3));
        assert_eq!(chosen(splits.clone(), When::Serving), None, "too few");
        splits.extend(small(8..9));
        let of_small = Some((1..9).collect());
        assert_eq!(
            chosen(splits, When::Serving),
            of_small,
            "the large one stays"
        );
        let medium = (1..9).map(|id| split(id, 100_000, id as i64)).collect();
        assert_eq!(chosen(medium, When::Serving), of_small);
    }

    #[test]
    fn a_merge_keeps_within_its_memory() {
        let of_bytes = |id: u64, bytes: u64| {
            Arc::new(SplitEntry {
                bytes,
                ..SplitEntry::clone(&split(id, 10, id as i64))
            })
        };
        let splits = vec![of_bytes(1, 50), of_bytes(2, 40), of_bytes(3, 20)];
        assert_eq!(chosen(splits, When::AtRest), Some(vec![1, 2]));
        let splits = vec![of_bytes(1, 51), of_bytes(2, 50), of_bytes(3, 60)];
        assert_eq!(chosen(splits, When::AtRest), None, "two are large enough");
    }

    #[test]
    fn what_is_dead_stays_dead() {
        let merged = combined(9, StoreId(1), 0, &[split(1, 10, 0), split(2, 10, 3)]);
        assert!(!merged.sorted, "they overlap in time");
        assert_eq!(
            (merged.dead.as_slice(), merged.runs.as_slice()),
            (&[1, 11][..], &[0, 10][..])
        );
        let more = [Arc::new(merged), split(3, 5, 1)];
        assert_eq!(combined(9, StoreId(1), 0, &more).runs, [0, 10, 20]);
        let mut unknown = SplitEntry::clone(&split(4, 5, 2));
        unknown.sorted = false;
        let more = [Arc::new(unknown), split(3, 5, 1)];
        assert!(combined(9, StoreId(1), 0, &more).runs.is_empty());
        assert!(combined(9, StoreId(1), 0, &[split(1, 10, 0), split(2, 10, 6)]).sorted);
    }
}
