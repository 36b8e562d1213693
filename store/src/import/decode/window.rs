//! The unread part of a file in memory, uncompressed and of bounded size.
//!
//! Records are handed on as slices of this buffer, so nothing is copied. It
//! grows only when one record is longer than it, and never beyond the longest
//! record allowed and a chunk.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};

use sha2::{Digest, Sha256};

use super::gunzip::{self, Gunzip};
use super::{DecodeError, DecodeLimits};

/// The buffer to start with: most log files fit, and a larger one falls out of
/// the processor's cache.
const CHUNK: usize = 64 * 1024;

/// Bytes of the stored file read at a time.
const STORED_CHUNK: usize = 64 * 1024;

/// The expansion ratio is judged beyond this size only: below it nothing can be
/// harmed, and short files of few different bytes compress well.
const RATIO_FREE_BYTES: u64 = 16 << 20;

/// Counts what is read of the stored file.
struct Counted<'r> {
    reader: &'r mut dyn Read,
    count: &'r Cell<u64>,
}

impl Read for Counted<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.reader.read(out)?;
        self.count.set(self.count.get() + n as u64);
        Ok(n)
    }
}

pub(super) struct Window<'r> {
    source: Box<dyn Read + 'r>,
    gzip: bool,
    stored: &'r Cell<u64>,
    buffer: Vec<u8>,
    /// The unread bytes are `start..end` of the buffer.
    start: usize,
    end: usize,
    /// Where `start` is in the uncompressed file.
    offset: u64,
    ended: bool,
    /// Why the file ended early, when it did.
    fault: Option<String>,
    hash: Option<Sha256>,
    limits: DecodeLimits,
}

impl<'r> Window<'r> {
    /// `stored` counts the bytes taken from `reader`.
    pub(super) fn open(
        reader: &'r mut dyn Read,
        stored: &'r Cell<u64>,
        limits: &DecodeLimits,
    ) -> Result<Self, DecodeError> {
        let counted = Counted {
            reader,
            count: stored,
        };
        let once = BufReader::with_capacity(STORED_CHUNK, counted);
        let (gzip, once) = with_head(once).map_err(DecodeError::at_start)?;
        let source: Box<dyn Read + 'r> = if gzip {
            // Firehose compresses what CloudWatch Logs has compressed already.
            let twice = BufReader::with_capacity(STORED_CHUNK, Gunzip::new(once));
            match with_head(twice).map_err(DecodeError::at_start)? {
                (false, twice) => Box::new(twice),
                (true, twice) => Box::new(Gunzip::new(twice)),
            }
        } else {
            Box::new(once)
        };
        Ok(Self {
            source,
            gzip,
            stored,
            buffer: vec![0; CHUNK],
            start: 0,
            end: 0,
            offset: 0,
            ended: false,
            fault: None,
            hash: limits.hash_content.then(Sha256::new),
            limits: limits.clone(),
        })
    }

    /// What has been read and not yet consumed.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Where [`Window::bytes`] begins in the uncompressed file.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The uncompressed bytes read so far.
    pub(super) fn expanded(&self) -> u64 {
        self.offset + (self.end - self.start) as u64
    }

    pub(super) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    pub(super) fn record_bytes_max(&self) -> usize {
        self.limits.record_bytes_max
    }

    /// Whether a value of `len` bytes is longer than any may be.
    pub(super) fn is_too_long(&self, len: usize) -> bool {
        len > self.limits.record_bytes_max
    }

    /// The SHA-256 of the uncompressed bytes, once all have been read.
    pub(super) fn content_sha256(&self) -> Option<[u8; 32]> {
        let whole = self.ended && self.fault.is_none();
        let hash = self.hash.as_ref().filter(|_| whole)?;
        Some(hash.clone().finalize().into())
    }

    #[inline]
    pub(super) fn consume(&mut self, n: usize) {
        let n = n.min(self.end - self.start);
        self.start += n;
        self.offset += n as u64;
    }

    pub(super) fn consume_all(&mut self) {
        self.consume(self.end - self.start);
    }

    /// The next byte, read if need be; none at the end.
    #[inline]
    pub(super) fn peek(&mut self) -> Result<Option<u8>, DecodeError> {
        if self.start == self.end {
            self.more()?;
        }
        Ok(self.bytes().first().copied())
    }

    /// Steps over bytes and returns the first other one, not consumed.
    #[inline]
    pub(super) fn skip(&mut self, blank: impl Fn(u8) -> bool) -> Result<Option<u8>, DecodeError> {
        loop {
            let Some(first) = self.peek()? else {
                return Ok(None);
            };
            if !blank(first) {
                return Ok(Some(first));
            }
            let bytes = self.bytes();
            let n = bytes.iter().position(|b| !blank(*b)).unwrap_or(bytes.len());
            self.consume(n);
        }
    }

    /// Reads on, at least doubling what is unread, so that a caller who starts
    /// over with a value after each call does linear work. False at the end.
    pub(super) fn more(&mut self) -> Result<bool, DecodeError> {
        if self.ended {
            return Ok(false);
        }
        let unread = self.end - self.start;
        let room_for_one = (self.limits.record_bytes_max + 1).saturating_sub(unread);
        let wanted = unread.min(room_for_one).max(1);
        if self.buffer.len() - self.end < wanted.max(CHUNK / 2) && self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.start = 0;
            self.end = unread;
        }
        if self.buffer.len() - self.end < wanted {
            self.buffer.resize(self.end + wanted.max(CHUNK), 0);
        }
        let mut got = 0;
        while got < wanted && !self.ended {
            got += self.read_once()?;
        }
        Ok(got > 0)
    }

    fn read_once(&mut self) -> Result<usize, DecodeError> {
        let free = self.buffer.get_mut(self.end..).unwrap_or_default();
        match self.source.read(free) {
            Ok(0) => {
                self.ended = true;
                Ok(0)
            }
            Ok(n) => {
                if let Some(hash) = &mut self.hash {
                    hash.update(free.get(..n).unwrap_or_default());
                }
                self.end += n;
                self.check_expansion()?;
                Ok(n)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(0),
            Err(e) if self.gzip && is_damage(&e) => {
                self.ended = true;
                self.fault = Some(e.to_string());
                Ok(0)
            }
            Err(source) => Err(DecodeError::Read { source }),
        }
    }

    fn check_expansion(&self) -> Result<(), DecodeError> {
        let (stored, expanded) = (self.stored.get(), self.expanded());
        let too_much = expanded > self.limits.expanded_bytes_max;
        let too_dense = self.gzip
            && expanded > RATIO_FREE_BYTES
            && expanded / stored.max(1) > self.limits.expansion_ratio_max;
        if too_much || too_dense {
            return Err(DecodeError::Expands {
                stored,
                expanded,
                bytes_max: self.limits.expanded_bytes_max,
                ratio_max: self.limits.expansion_ratio_max,
            });
        }
        Ok(())
    }
}

/// The first two bytes of a stream, put back.
type WithHead<R> = io::Chain<io::Cursor<Vec<u8>>, R>;

/// Whether a stream is gzip, and the stream from its start.
fn with_head<R: BufRead>(mut input: R) -> io::Result<(bool, WithHead<R>)> {
    let mut head = Vec::new();
    input
        .by_ref()
        .take(gunzip::MAGIC.len() as u64)
        .read_to_end(&mut head)?;
    let gzip = head == gunzip::MAGIC;
    Ok((gzip, io::Cursor::new(head).chain(input)))
}

/// Whether the bytes are at fault and not the reading of them.
pub(super) fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData
    )
}
