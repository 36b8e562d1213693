//! Entries of the catalogue: what reads is written and read as the same.
//!
//! Input: a byte that says which entry, and its bytes.

use serde_json::{from_slice, to_vec};
use tarn_store::EventDataStore;
use tarn_store::accounts::Account;
use tarn_store::catalog::{
    BatchEntry, ConflictEntry, FileEntry, ImportEntry, Intent, RejectEntry, SourceEntry, SplitEntry,
};
use tarn_store::saved::SavedEntry;

/// Reads an entry. Its place is that in the list of them.
macro_rules! entries {
    ($which:expr, $bytes:expr, [$($entry:ty),*]) => {
        [$(same::<$entry> as fn(&[u8])),*]
            .get(usize::from($which.wrapping_sub(b'0')))
            .into_iter()
            .for_each(|same| same($bytes))
    };
}

fn same<T>(bytes: &[u8])
where
    T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let Ok(entry) = from_slice::<T>(bytes) else {
        return;
    };
    let written = to_vec(&entry).expect("text and numbers");
    let again: T = from_slice(&written).expect("our own");
    assert_eq!(again, entry);
}

/// See the module.
pub fn run(input: &[u8]) {
    let Some((which, bytes)) = input.split_first() else {
        return;
    };
    entries!(
        which,
        bytes,
        [
            EventDataStore,
            BatchEntry,
            SplitEntry,
            Intent,
            ImportEntry,
            FileEntry,
            SourceEntry,
            RejectEntry,
            ConflictEntry,
            SavedEntry,
            Account
        ]
    );
    used(*which, bytes);
}

/// What is computed of entries, whatever they say.
fn used(which: u8, bytes: &[u8]) {
    match which {
        b'0' => {
            if let Ok(store) = from_slice::<EventDataStore>(bytes) {
                assert!(store.is_meant_by(&store.arn()) || store.uuid.contains('/'));
                for now_ms in [i64::MIN, 0, i64::MAX] {
                    let before = store.expires_before_ms(now_ms);
                    assert!(before.is_none_or(|b| b <= now_ms));
                }
            }
        }
        b'2' => {
            if let Ok(split) = from_slice::<SplitEntry>(bytes) {
                let time = split.time();
                let is_possible = split.time_min_ms <= split.time_max_ms;
                let last = split.time_max_ms;
                assert!(!is_possible || last == i64::MAX || time.holds(last));
                assert_eq!(SplitEntry::file_name(split.id).len(), 22);
            }
        }
        _ => {}
    }
}
