//! RocksDB's format of logs and manifests, read beside RocksDB.
//!
//! RocksDB tells that a log is damaged, and not where; and a reader that finds a
//! file of the manifest missing goes on with an older state and says nothing. To
//! say both, records are read here too. Nothing is written.
//!
//! **Source**: RocksDB, `db/log_format.h` and the wiki page "Write Ahead Log File
//! Format".
//!
//! ```text
//! blocks of 32 KiB, each a row of pieces; a record is one piece or several
//! piece: crc32c u32, masked | length u16 | kind u8 | [log number u32] | bytes
//! ```

use std::fmt;

const BLOCK_BYTES: usize = 32 << 10;
const HEADER_BYTES: usize = 7;
/// Kinds of pieces, and the same four with a log number.
const FULL: u8 = 1;
const FIRST: u8 = 2;
const MIDDLE: u8 = 3;
const LAST: u8 = 4;
const RECYCLED_FULL: u8 = 5;
const RECYCLED_LAST: u8 = 8;
/// Kinds from here on say how others are to be read; the odd ones have a log number.
const SETTINGS: u8 = 9;

/// Where records end that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn {
    /// The piece's first byte in the file.
    pub at: usize,
    pub reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The file ends within a piece or a record, as where a crash cut it.
    Cut,
    Checksum,
    /// A piece without the one that it belongs to.
    OutOfOrder,
}

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.reason {
            Reason::Cut => "the file ends within the record",
            Reason::Checksum => "the checksum of the record differs",
            Reason::OutOfOrder => "a part of the record is missing",
        };
        write!(f, "at byte {}: {reason}", self.at)
    }
}

/// The records of a file, in order, up to the end or the first that does not read.
pub struct Records<'f> {
    file: &'f [u8],
    at: usize,
    is_over: bool,
}

/// A piece and where the next one begins.
struct Piece<'f> {
    kind: u8,
    bytes: &'f [u8],
    end: usize,
}

impl<'f> Records<'f> {
    pub fn of(file: &'f [u8]) -> Self {
        Self {
            file,
            at: 0,
            is_over: false,
        }
    }

    fn torn(&self, reason: Reason) -> Torn {
        Torn {
            at: self.at,
            reason,
        }
    }

    /// The piece at `self.at`; none at the end of the file.
    fn piece(&mut self) -> Result<Option<Piece<'f>>, Torn> {
        let left_in_block = BLOCK_BYTES - self.at % BLOCK_BYTES;
        if left_in_block < HEADER_BYTES {
            self.at += left_in_block;
        }
        let rest = self.file.get(self.at..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let cut = self.torn(Reason::Cut);
        let (header, body) = rest.split_first_chunk::<HEADER_BYTES>().ok_or(cut)?;
        let [c0, c1, c2, c3, l0, l1, kind] = *header;
        let length = usize::from(u16::from_le_bytes([l0, l1]));
        // What was set aside for records and not written.
        if kind == 0 && length == 0 {
            return Ok(None);
        }
        let number_bytes = if is_recycled(kind) { 4 } else { 0 };
        let bytes = body.get(..number_bytes + length).ok_or(cut)?;
        let sum = crc32c(bytes, crc32c(&[kind], !0)) ^ !0;
        if masked(sum) != u32::from_le_bytes([c0, c1, c2, c3]) {
            return Err(self.torn(Reason::Checksum));
        }
        Ok(Some(Piece {
            kind,
            bytes: bytes.get(number_bytes..).unwrap_or_default(),
            end: self.at + HEADER_BYTES + bytes.len(),
        }))
    }

    fn record(&mut self) -> Result<Option<Vec<u8>>, Torn> {
        let mut record: Option<Vec<u8>> = None;
        loop {
            let Some(piece) = self.piece()? else {
                return match record {
                    None => Ok(None),
                    Some(_) => Err(self.torn(Reason::Cut)),
                };
            };
            let kind = match piece.kind {
                kind if (RECYCLED_FULL..=RECYCLED_LAST).contains(&kind) => kind - LAST,
                kind => kind,
            };
            match (kind, &mut record) {
                (FULL, None) => {
                    self.at = piece.end;
                    return Ok(Some(piece.bytes.to_vec()));
                }
                (FIRST, None) => record = Some(piece.bytes.to_vec()),
                (FULL | FIRST, Some(_)) => return Err(self.torn(Reason::OutOfOrder)),
                (MIDDLE | LAST, None) => return Err(self.torn(Reason::OutOfOrder)),
                (MIDDLE | LAST, Some(begun)) => begun.extend_from_slice(piece.bytes),
                // How the others are to be read: not used by us, and no record.
                _ => {}
            }
            self.at = piece.end;
            if kind == LAST {
                return Ok(record);
            }
        }
    }
}

impl Iterator for Records<'_> {
    type Item = Result<Vec<u8>, Torn>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let record = self.record();
        self.is_over = !matches!(record, Ok(Some(_)));
        record.transpose()
    }
}

fn is_recycled(kind: u8) -> bool {
    (RECYCLED_FULL..=RECYCLED_LAST).contains(&kind) || kind > SETTINGS && kind % 2 == 1
}

/// RocksDB stores checksums so, because checksums of checksums are odd.
fn masked(sum: u32) -> u32 {
    sum.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli) of what came before and `bytes`; begins and ends inverted.
fn crc32c(bytes: &[u8], before: u32) -> u32 {
    bytes.iter().fold(before, |sum, byte| {
        let at = (sum ^ u32::from(*byte)) as u8;
        (sum >> 8) ^ TABLE.get(usize::from(at)).copied().unwrap_or(0)
    })
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut sum = at as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = (sum >> 1) ^ (0x82f6_3b78 & (sum & 1).wrapping_neg());
            bit += 1;
        }
        table[at] = sum;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    fn push_piece(file: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
        let sum = crc32c(bytes, crc32c(&[kind], !0)) ^ !0;
        file.extend_from_slice(&masked(sum).to_le_bytes());
        file.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
        file.push(kind);
        file.extend_from_slice(bytes);
    }

    fn read(file: &[u8]) -> (Vec<Vec<u8>>, Option<Torn>) {
        let mut records = Vec::new();
        for record in Records::of(file) {
            match record {
                Ok(record) => records.push(record),
                Err(torn) => return (records, Some(torn)),
            }
        }
        (records, None)
    }

    #[test]
    fn the_checksum_is_castagnolis() {
        // RFC 3720, B.4.
        assert_eq!(crc32c(&[0; 32], !0) ^ !0, 0x8a91_36aa);
        assert_eq!(crc32c(b"123456789", !0) ^ !0, 0xe306_9283);
    }

    #[test]
    fn records_of_one_piece_and_of_several() {
        let mut file = Vec::new();
        push_piece(&mut file, FULL, b"one");
        let long = vec![7; BLOCK_BYTES - file.len() - HEADER_BYTES];
        push_piece(&mut file, FIRST, &long);
        push_piece(&mut file, MIDDLE, b"middle");
        push_piece(&mut file, LAST, b"end");
        let whole = file.len();
        let expected = [b"one".to_vec(), [&long[..], b"middleend"].concat()];
        assert_eq!(read(&file), (expected.to_vec(), None));
        file.extend_from_slice(&[0; 100]);
        assert_eq!(read(&file), (expected.to_vec(), None), "room set aside");

        file.truncate(whole - 1);
        let (records, torn) = read(&file);
        assert_eq!(records.len(), 1);
        assert_eq!(torn.expect("cut").reason, Reason::Cut);
        file.truncate(BLOCK_BYTES + 13);
        assert_eq!(read(&file).1.expect("no end").reason, Reason::Cut);
        file[5 + HEADER_BYTES + 3] ^= 1;
        let torn = read(&file).1.expect("damaged");
        assert_eq!((torn.at, torn.reason), (HEADER_BYTES + 3, Reason::Checksum));
    }

    #[test]
    fn a_piece_alone_is_no_record() {
        let mut file = Vec::new();
        push_piece(&mut file, LAST, b"end");
        assert_eq!(
            read(&file).1.expect("no beginning").reason,
            Reason::OutOfOrder
        );
    }
}
