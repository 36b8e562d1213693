//! Where a log does not read: RocksDB tells only that there is one.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use super::log_file::{Reason, Records};

/// A log that does not read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornLog {
    pub path: PathBuf,
    /// Where, and why.
    pub reason: String,
    /// Records before it, and the number of the last write that they hold.
    pub records: u64,
    pub last_write: u64,
}

impl fmt::Display for TornLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is damaged {}, behind {} records and write {}",
            self.path.display(),
            self.reason,
            self.records,
            self.last_write
        )
    }
}

impl TornLog {
    /// Reads a log of a database that nobody writes.
    pub fn find(path: PathBuf) -> std::io::Result<Option<Self>> {
        let bytes = fs::read(&path)?;
        let (mut records, mut last_write) = (0, 0);
        for record in Records::of(&bytes) {
            match record {
                Ok(record) => {
                    records += 1;
                    last_write = last_write_of(&record).unwrap_or(last_write);
                }
                // A crash cuts what nobody was told is durable.
                Err(torn) if torn.reason == Reason::Cut => {}
                Err(torn) => {
                    return Ok(Some(Self {
                        path,
                        reason: torn.to_string(),
                        records,
                        last_write,
                    }));
                }
            }
        }
        Ok(None)
    }
}

/// A record is the number of its first write u64, how many there are u32, and they,
/// little-endian.
fn last_write_of(record: &[u8]) -> Option<u64> {
    let (first, rest) = record.split_first_chunk()?;
    let (n_writes, _) = rest.split_first_chunk()?;
    let n_writes = u64::from(u32::from_le_bytes(*n_writes));
    Some((u64::from_le_bytes(*first) + n_writes).saturating_sub(1))
}
