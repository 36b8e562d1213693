//! A file to records: however it is packed and read, the same file gives the same
//! items, and every one is counted.
//!
//! Input: a byte that says how the file is packed, and what is in it.

use std::fmt;
use std::io::{Cursor, Read};
use std::ops::ControlFlow;

use tarn_store::import::decode::{DecodeLimits, Decoded, Item, SourceHints, decode};

use crate::support::files::gzipped;

/// A record or reject of a file.
#[derive(Clone, PartialEq, Eq)]
pub struct Found {
    /// Why it is none, where it is no record.
    pub reason: Option<String>,
    pub byte_offset: u64,
    pub account: Option<String>,
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (reason, account) = (&self.reason, &self.account);
        let bytes = self.bytes.escape_ascii();
        write!(
            f,
            "{reason:?} at {} of {account:?}: {bytes}",
            self.byte_offset
        )
    }
}

/// What a file gives, and how it ends.
pub type Outcome = (Vec<Found>, Result<Decoded, String>);

/// Small, so that small files reach them.
fn small_limits() -> DecodeLimits {
    DecodeLimits {
        record_bytes_max: 8 << 10,
        reject_bytes_max: 1 << 10,
        expanded_bytes_max: 1 << 20,
        ..DecodeLimits::default()
    }
}

/// A reader that gives its bytes in pieces.
struct Pieces<'a> {
    rest: &'a [u8],
    bytes: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let n = self.bytes.min(out.len()).min(self.rest.len());
        let (now, later) = self.rest.split_at(n);
        out[..n].copy_from_slice(now);
        self.rest = later;
        Ok(n)
    }
}

/// Decodes a file, and checks what holds of every file.
pub fn decoded(reader: &mut dyn Read, limits: &DecodeLimits) -> Outcome {
    let mut found: Vec<Found> = Vec::new();
    let hints = SourceHints {
        account: Some("of the path"),
    };
    let end = decode(reader, hints, limits, &mut |item| {
        let n = found.len();
        match item {
            Item::Record {
                bytes,
                position,
                byte_offset,
                account,
            } => {
                assert_eq!(position as usize, n);
                assert!(bytes.starts_with(b"{"), "{}", bytes.escape_ascii());
                assert!(bytes.len() <= limits.record_bytes_max);
                found.push(Found {
                    reason: None,
                    byte_offset,
                    account: account.map(str::to_owned),
                    bytes: bytes.to_vec(),
                });
            }
            Item::Reject {
                bytes,
                position,
                byte_offset,
                reason,
            } => {
                assert_eq!(position as usize, n);
                assert!(!reason.is_empty());
                assert!(bytes.len() <= limits.reject_bytes_max);
                found.push(Found {
                    reason: Some(reason),
                    byte_offset,
                    account: None,
                    bytes: bytes.to_vec(),
                });
            }
        }
        ControlFlow::Continue(())
    });
    assert!(found.is_sorted_by_key(|f| f.byte_offset), "{found:?}");
    if let Ok(end) = &end {
        let n_rejects = found.iter().filter(|f| f.reason.is_some()).count() as u64;
        assert_eq!(end.rejects, n_rejects);
        assert_eq!(end.records, found.len() as u64 - n_rejects);
        assert!(found.iter().all(|f| f.byte_offset <= end.bytes));
        assert!(!end.stopped);
    }
    (found, end.map_err(|e| e.to_string()))
}

/// The same but for the bytes that were stored: behind damage it depends on the
/// reader how many were looked at.
fn without_stored((found, end): Outcome) -> Outcome {
    let end = end.map(|end| Decoded {
        stored_bytes: 0,
        ..end
    });
    (found, end)
}

fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x1f\x8b")
}

/// The file as it is stored, and whether what is in it must come out.
fn packed(how: u8, content: &[u8]) -> (Vec<u8>, bool) {
    let zipped = gzipped(content);
    let middle = content.len() / 2;
    match how {
        b'g' => (zipped, true),
        b'G' => (gzipped(&zipped), true),
        b'm' => {
            let (first, second) = content.split_at(middle);
            ([gzipped(first), gzipped(second)].concat(), true)
        }
        b'z' => ([zipped.as_slice(), &[0; 600]].concat(), true),
        b't' => ([zipped.as_slice(), content].concat(), false),
        b'c' => (zipped[..zipped.len() / 2].to_vec(), false),
        b'f' => {
            let mut flipped = zipped;
            let at = content.len() % flipped.len();
            flipped[at] ^= 0x10;
            (flipped, false)
        }
        _ => (content.to_vec(), true),
    }
}

/// See the module.
pub fn run(input: &[u8]) {
    let Some((how, content)) = input.split_first() else {
        return;
    };
    let (file, is_whole) = packed(*how, content);
    let limits = small_limits();
    let whole = without_stored(decoded(&mut Cursor::new(&file), &limits));
    for bytes in [1, 7, 61, 4096] {
        let pieces = without_stored(decoded(&mut Pieces { rest: &file, bytes }, &limits));
        same(&pieces, &whole, &format!("in pieces of {bytes}"));
    }
    if is_whole && !is_gzip(content) {
        let plain = decoded(&mut Cursor::new(content), &limits);
        same(&whole, &without_stored(plain), "unpacked");
    }
}

/// Fails at the first item that differs: a file has many.
fn same(found: &Outcome, expected: &Outcome, how: &str) {
    let (items, others) = (&found.0, &expected.0);
    for (item, other) in items.iter().zip(others) {
        assert_eq!(item, other, "{how}");
    }
    assert_eq!(items.get(others.len()), None, "{how}: one more");
    assert_eq!(others.get(items.len()), None, "{how}: one less");
    assert_eq!(found.1, expected.1, "{how}");
}
