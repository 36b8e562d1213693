//! Checksums of a split file, block by block: what is read is compared once.
//!
//! A query reads a few columns of a split and a few postings, so the whole file
//! is not worth reading first; and tantivy takes what its bytes say for true, so
//! none may reach it unseen. Each block is compared when something in it is
//! first asked for, and a bit remembers that it was.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Bytes of a block as this build writes it. One costs about 6 µs to compare,
/// and its checksum an eight-thousandth of the file.
pub const BLOCK_BYTES: usize = 64 << 10;

/// Where blocks end.
#[derive(Debug)]
enum Cuts {
    /// Every so many bytes; the last block may be shorter.
    Every(usize),
    /// At these places, ascending.
    At(Vec<usize>),
}

/// The blocks from the beginning of a file up to `end`.
#[derive(Debug)]
pub struct Blocks {
    cuts: Cuts,
    end: usize,
    sums: Vec<u64>,
    /// A bit for each block that was found whole.
    verified: Vec<AtomicU64>,
}

impl Blocks {
    /// Blocks of one length. None where the checksums are not as many as there
    /// are blocks.
    pub fn every(block_bytes: usize, end: usize, sums: Vec<u64>) -> Option<Self> {
        let is_complete = block_bytes > 0 && sums.len() == end.div_ceil(block_bytes);
        is_complete.then(|| Self::new(Cuts::Every(block_bytes), end, sums))
    }

    /// Blocks of any length, by their ends, which ascend, and checksums.
    pub fn at(blocks: impl IntoIterator<Item = (usize, u64)>) -> Self {
        let (ends, sums): (Vec<usize>, Vec<u64>) = blocks.into_iter().unzip();
        let end = ends.last().copied().unwrap_or(0);
        Self::new(Cuts::At(ends), end, sums)
    }

    fn new(cuts: Cuts, end: usize, sums: Vec<u64>) -> Self {
        let verified = (0..sums.len().div_ceil(64)).map(|_| AtomicU64::new(0));
        Self {
            cuts,
            end,
            verified: verified.collect(),
            sums,
        }
    }

    /// Compares the blocks that hold `range` and were not compared before.
    /// `file` is the file from its beginning.
    ///
    /// **Errors**: the place of the first block that differs.
    #[inline]
    pub fn verify(&self, file: &[u8], range: Range<usize>) -> Result<(), Range<usize>> {
        if range.is_empty() {
            return Ok(());
        }
        for block in self.block_of(range.start)..=self.block_of(range.end - 1) {
            let is_verified = self
                .verified
                .get(block / 64)
                .is_some_and(|word| word.load(Ordering::Relaxed) >> (block % 64) & 1 == 1);
            if !is_verified {
                self.compare(file, block)?;
            }
        }
        Ok(())
    }

    /// Compares every block, whatever was compared before.
    pub fn verify_all(&self, file: &[u8]) -> Result<(), Range<usize>> {
        (0..self.sums.len()).try_for_each(|block| self.compare(file, block))
    }

    #[inline]
    fn block_of(&self, at: usize) -> usize {
        match &self.cuts {
            Cuts::Every(block_bytes) => at / block_bytes,
            Cuts::At(ends) => ends.partition_point(|end| *end <= at),
        }
    }

    fn place_of(&self, block: usize) -> Range<usize> {
        match &self.cuts {
            Cuts::Every(bytes) => block * bytes..self.end.min((block + 1) * bytes),
            Cuts::At(ends) => {
                let end_of = |block: usize| ends.get(block).copied().unwrap_or(self.end);
                block.checked_sub(1).map_or(0, end_of)..end_of(block)
            }
        }
    }

    #[cold]
    fn compare(&self, file: &[u8], block: usize) -> Result<(), Range<usize>> {
        let place = self.place_of(block);
        let found = file.get(place.clone()).map(xxh3_64);
        if found.is_none() || found != self.sums.get(block).copied() {
            return Err(place);
        }
        if let Some(word) = self.verified.get(block / 64) {
            // The bytes do not change, so nothing is ordered by this.
            word.fetch_or(1 << (block % 64), Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Checksums of blocks of [`BLOCK_BYTES`] of what is written.
#[derive(Default)]
pub struct BlockSums {
    sums: Vec<u64>,
    open: Xxh3,
    open_bytes: usize,
}

impl BlockSums {
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = BLOCK_BYTES - self.open_bytes;
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.open.update(now);
            self.open_bytes += now.len();
            if self.open_bytes == BLOCK_BYTES {
                self.close();
            }
            bytes = later;
        }
    }

    fn close(&mut self) {
        self.sums.push(self.open.digest());
        self.open.reset();
        self.open_bytes = 0;
    }

    /// The checksums in the order of the blocks.
    pub fn finish(mut self) -> Vec<u64> {
        if self.open_bytes > 0 {
            self.close();
        }
        self.sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums_of(bytes: &[u8], pushed_at_once: usize) -> Vec<u64> {
        let mut sums = BlockSums::default();
        for piece in bytes.chunks(pushed_at_once) {
            sums.push(piece);
        }
        sums.finish()
    }

    #[test]
    fn blocks_do_not_depend_on_how_they_were_written() {
        let bytes: Vec<u8> = (0..3 * BLOCK_BYTES + 5).map(|i| (i % 251) as u8).collect();
        let expected: Vec<u64> = bytes.chunks(BLOCK_BYTES).map(xxh3_64).collect();
        for pushed_at_once in [7, BLOCK_BYTES - 1, BLOCK_BYTES, bytes.len()] {
            assert_eq!(sums_of(&bytes, pushed_at_once), expected);
        }
        assert!(sums_of(&[], 1).is_empty());
    }

    #[test]
    fn only_what_is_asked_for_is_compared_and_only_once() {
        let mut bytes = vec![7; 2 * BLOCK_BYTES + 100];
        let sums = sums_of(&bytes, bytes.len());
        let blocks = Blocks::every(BLOCK_BYTES, bytes.len(), sums).expect("as many as blocks");
        bytes[BLOCK_BYTES + 3] ^= 1;
        let damaged = BLOCK_BYTES..2 * BLOCK_BYTES;
        assert_eq!(blocks.verify(&bytes, 0..BLOCK_BYTES), Ok(()));
        assert_eq!(blocks.verify(&bytes, 5..5), Ok(()));
        assert_eq!(
            blocks.verify(&bytes, BLOCK_BYTES - 1..BLOCK_BYTES + 1),
            Err(damaged.clone())
        );
        assert_eq!(
            blocks.verify(&bytes, 0..bytes.len()),
            Err(damaged),
            "found each time"
        );
        assert_eq!(
            blocks.verify(&bytes, 2 * BLOCK_BYTES..bytes.len()),
            Ok(()),
            "the last, short one"
        );
        bytes[0] ^= 1;
        assert_eq!(blocks.verify(&bytes, 0..9), Ok(()), "compared before");
        assert_eq!(blocks.verify_all(&bytes), Err(0..BLOCK_BYTES));
    }

    #[test]
    fn blocks_of_any_length() {
        let bytes = b"aabbbc";
        let ends = [
            (2, xxh3_64(b"aa")),
            (5, xxh3_64(b"bbb")),
            (5, xxh3_64(b"")),
            (6, 0),
        ];
        let blocks = Blocks::at(ends);
        assert_eq!(blocks.verify(bytes, 1..5), Ok(()));
        assert_eq!(blocks.verify(bytes, 4..6), Err(5..6));
        assert!(Blocks::every(4, 6, vec![1]).is_none(), "one is missing");
        assert!(Blocks::every(0, 6, vec![1]).is_none());
    }
}
