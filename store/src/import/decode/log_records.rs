//! The elements of a trail log file's `Records`, and the way on after a bad one.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::members::is_blank;
use super::sink::Step;
use super::split::{End, Lines, Search};
use super::walk::Walk;

/// Whether an array goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Array {
    Open,
    Closed,
}

impl Walk<'_, '_> {
    /// One element of `Records`.
    ///
    /// A lost bracket or quote would take the records after it along, so a
    /// record that does not end as an element does is given up at the next place
    /// where one surely begins.
    pub(super) fn record_of_array(&mut self) -> Step<Array> {
        let mut search = Search::new(Lines::Ignored);
        let mut at = 0;
        let end = loop {
            let bytes = self.window.bytes();
            let end = search.feed(bytes.get(at..).unwrap_or_default()).after(at);
            at = bytes.len();
            if end != End::More || self.window.is_too_long(at) || !self.window.more()? {
                break end;
            }
        };
        let len = match end {
            End::At(n) => n,
            End::More | End::CutOff(_) => at,
        };
        let too_long = self.window.is_too_long(len);
        let bytes = self.window.bytes().get(..len).unwrap_or_default();
        let closed = end == End::At(len) && bytes.ends_with(b"}");
        let mut searched = len;
        if closed && !too_long {
            if self.element_ends_after(len)? {
                return self.take_record(len);
            }
            searched = self.window.record_bytes_max();
            self.read_ahead(searched)?;
        }
        if let Some(next) = self.next_record(searched) {
            self.broken_record(next)?;
            return Ok(Array::Open);
        }
        if too_long {
            self.too_long(Lines::Ignored)?;
            return Ok(Array::Open);
        }
        if end == End::More {
            self.truncated()?;
            return Ok(Array::Closed);
        }
        if closed {
            return self.take_record(len);
        }
        // The `]` that closed the record is the array's.
        self.broken_record(len.saturating_sub(1))?;
        self.window.consume(1);
        Ok(Array::Closed)
    }

    /// Where in the next `len` bytes a record surely begins. Bytes in which none
    /// does are not searched again, so that a file of nothing but broken records
    /// still takes linear time.
    fn next_record(&mut self, len: usize) -> Option<usize> {
        let bytes = self.window.bytes();
        let len = len.min(self.window.record_bytes_max()).min(bytes.len());
        let offset = self.window.offset();
        let known = self.no_record_before.saturating_sub(offset) as usize;
        let from = known.saturating_sub(RECORD_START_BYTES).min(len);
        match next_record(bytes.get(from..len).unwrap_or_default()) {
            Some(n) => Some(from + n),
            None => {
                self.no_record_before = self.no_record_before.max(offset + len as u64);
                None
            }
        }
    }

    fn take_record(&mut self, len: usize) -> Step<Array> {
        let record = self.window.bytes().get(..len).unwrap_or_default();
        self.sink.record(record, self.window.offset(), None)?;
        self.window.consume(len);
        Ok(Array::Open)
    }

    /// Whether what follows the first `len` bytes may follow an element. An odd
    /// quote in a record turns inside and outside of strings over, and then a
    /// bracket of some text seems to end it. A bracket too many, or a record
    /// without a comma before it, does no harm.
    fn element_ends_after(&mut self, len: usize) -> Step<bool> {
        loop {
            let after = self.window.bytes().get(len..).unwrap_or_default();
            match after.iter().find(|b| !is_blank(**b)) {
                Some(b',' | b']' | b'}') => return Ok(true),
                Some(b'{') => {
                    self.read_ahead(len + RECORD_START_BYTES)?;
                    let after = self.window.bytes().get(len..).unwrap_or_default();
                    let inside = after.trim_ascii_start().get(1..).unwrap_or_default();
                    return Ok(inside.trim_ascii_start().starts_with(RECORD_START));
                }
                Some(_) => return Ok(false),
                None => {}
            }
            let blanks_for_ever = self.window.is_too_long(self.window.bytes().len());
            if blanks_for_ever || !self.window.more()? {
                return Ok(true);
            }
        }
    }

    fn broken_record(&mut self, len: usize) -> Step<()> {
        let bytes = self.window.bytes().get(..len).unwrap_or_default();
        let reason = "its brackets or quotes do not close".to_owned();
        self.sink.reject(bytes, self.window.offset(), reason)?;
        self.window.consume(len);
        Ok(())
    }
}

/// The key that CloudTrail writes first.
const RECORD_START: &[u8] = b"\"eventVersion\"";

/// Bytes after a record in which the next one shows that key.
const RECORD_START_BYTES: usize = 64;

/// Where the next element of a `Records` array surely begins: unescaped after
/// `,{` or `[{` the key that CloudTrail writes first stands nowhere else.
fn next_record(bytes: &[u8]) -> Option<usize> {
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(RECORD_START));
    FINDER.find_iter(bytes).find_map(|at| {
        let before = bytes.get(..at)?.trim_ascii_end();
        let before = before.strip_suffix(b"{")?;
        let begins = before.len();
        let array = before.trim_ascii_end();
        (array.ends_with(b",") || array.ends_with(b"[")).then_some(begins)
    })
}
