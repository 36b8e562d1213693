//! Numbers that are never given twice, across crashes and processes.
//!
//! Batches, splits and sources are numbered. A number that came back after a
//! crash could make a reader take a new split for one it has open, so they are
//! leased from the disk in blocks: a crash loses the rest of a block and
//! nothing else.

use parking_lot::Mutex;

use crate::kv::columns::Column;
use crate::kv::db::{Changes, Db, KvError};

const KEY: &[u8] = b"next";
const BLOCK: u64 = 1 << 20;

/// Has numbers begin behind `last`, which may have been given without being leased by
/// what the disk says now.
pub fn go_on_after(db: &Db, changes: &mut Changes, last: u64) -> Result<(), KvError> {
    let next = db.entry::<u64>(Column::Numbers, KEY)?.unwrap_or(1);
    changes.put_entry(Column::Numbers, KEY, &next.max(last.saturating_add(1)));
    Ok(())
}

/// Gives numbers, ascending from 1.
pub struct Numbers {
    state: Mutex<State>,
}

struct State {
    next: u64,
    leased_until: u64,
}

impl Numbers {
    /// Starts after every number that was ever leased.
    pub fn open(db: &Db) -> Result<Self, KvError> {
        let next = db.entry::<u64>(Column::Numbers, KEY)?.unwrap_or(1);
        Ok(Self {
            state: Mutex::new(State {
                next,
                leased_until: next,
            }),
        })
    }

    /// The next number. One call in a million writes to disk.
    pub fn next(&self, db: &Db) -> Result<u64, KvError> {
        let mut state = self.state.lock();
        if state.next >= state.leased_until {
            let until = state.next + BLOCK;
            let mut changes = Changes::default();
            changes.put_entry(Column::Numbers, KEY, &until);
            db.write(changes)?;
            state.leased_until = until;
        }
        let number = state.next;
        state.next += 1;
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_comes_twice() {
        let dir = tempfile::tempdir().expect("a folder");
        let mut seen = std::collections::HashSet::new();
        for _ in 0..3 {
            let db = Db::open_primary(&dir.path().join("db"), dir.path()).expect("opened");
            let numbers = Numbers::open(&db).expect("read");
            for _ in 0..10 {
                assert!(seen.insert(numbers.next(&db).expect("given")));
            }
        }
    }
}
