//! The id file of a split: from a hash to the documents that may hold it.
//!
//! ```text
//! bits of a bucket u8 | bits of a document u8 | 0 u16
//! first entry of each bucket, and the number of all entries: u32 each
//! entries: the hash without its bucket's bits | document, packed bit by bit
//! ```
//!
//! Hashes spread evenly, so their first bits say nearly where they are: the bits are
//! those of a *bucket* of some dozen entries, and are not written again in each.
//! Numbers are little-endian. Up to layout 2 an entry was a hash and a document, four
//! bytes each ([`IdFile::of_pairs`]).

use std::io;
use std::ops::Range;

use tantivy::HasLen as _;

use super::split_file::Section;

/// Sorted (hash, document) pairs; see [`super::layout::PACKED_IDS_SECTION`].
#[derive(Debug, Clone)]
pub struct IdFile {
    section: Section,
    /// None where pairs are not packed.
    packing: Option<Packing>,
    n_entries: usize,
}

/// Entries that a bucket has at least, where there are so many.
const BUCKET_ENTRIES: usize = 32;
const BUCKET_BITS_MAX: u32 = 24;

const HEADER: usize = 4;
const START: usize = 4;
const PAIR: usize = 8;
/// An entry of 64 bits that begins in the middle of a byte.
const ENTRY_BYTES_MAX: usize = 9;

/// How entries are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Packing {
    bucket_bits: u32,
    document_bits: u32,
}

impl Packing {
    /// Of so many entries, the largest of whose documents is this.
    fn of(n_entries: usize, document_max: u32) -> Self {
        let n_buckets = (n_entries / BUCKET_ENTRIES).max(1);
        Self {
            bucket_bits: n_buckets.ilog2().min(BUCKET_BITS_MAX),
            document_bits: u32::BITS - document_max.leading_zeros(),
        }
    }

    fn read(header: &[u8]) -> Option<Self> {
        let [bucket_bits, document_bits, 0, 0] = *header else {
            return None;
        };
        let packing = Self {
            bucket_bits: bucket_bits.into(),
            document_bits: document_bits.into(),
        };
        let is_possible = packing.bucket_bits <= BUCKET_BITS_MAX && packing.document_bits <= 32;
        is_possible.then_some(packing)
    }

    fn n_buckets(self) -> usize {
        1 << self.bucket_bits
    }

    fn bucket_of(self, hash: u32) -> usize {
        (u64::from(hash) >> self.low_bits()) as usize
    }

    /// Of the part of a hash that an entry holds.
    fn low_bits(self) -> u32 {
        u32::BITS - self.bucket_bits
    }

    fn low_of(self, hash: u32) -> u32 {
        (u64::from(hash) & ((1 << self.low_bits()) - 1)) as u32
    }

    fn hash_of(self, bucket: usize, low: u32) -> u32 {
        ((bucket as u64) << self.low_bits()) as u32 | low
    }

    fn entry_bits(self) -> usize {
        (self.low_bits() + self.document_bits) as usize
    }

    /// Where the entries begin.
    fn entries_at(self) -> usize {
        HEADER + (self.n_buckets() + 1) * START
    }

    /// The bytes of an entry, and the bit in them where it begins.
    fn place_of(self, i: usize) -> (Range<usize>, usize) {
        let bit = i * self.entry_bits();
        let end = (bit + self.entry_bits()).div_ceil(8);
        let at = self.entries_at();
        (at + bit / 8..at + end, bit % 8)
    }

    fn unpack(self, bytes: &[u8], bit: usize) -> (u32, u32) {
        let mut wide = [0; 16];
        for (to, from) in wide.iter_mut().zip(bytes.iter().take(ENTRY_BYTES_MAX)) {
            *to = *from;
        }
        let entry = u128::from_le_bytes(wide) >> bit;
        let document = entry & ((1 << self.document_bits) - 1);
        let low = (entry >> self.document_bits) & ((1 << self.low_bits()) - 1);
        (low as u32, document as u32)
    }
}

/// The section of entries of `hash << 32 | document`, which are put in order.
pub fn pack(entries: &mut Vec<u64>) -> Vec<u8> {
    entries.sort_unstable();
    entries.dedup();
    let hash_of = |entry: u64| (entry >> 32) as u32;
    let document_max = entries.iter().map(|entry| *entry as u32).max();
    let packing = Packing::of(entries.len(), document_max.unwrap_or(0));

    let (all, _) = packing.place_of(entries.len());
    let mut bytes = Vec::with_capacity(all.end);
    bytes.extend_from_slice(&[packing.bucket_bits as u8, packing.document_bits as u8, 0, 0]);
    let mut start = 0;
    for bucket in 0..=packing.n_buckets() {
        let is_before = |entry: &&u64| packing.bucket_of(hash_of(**entry)) < bucket;
        start += entries.iter().skip(start).take_while(is_before).count();
        bytes.extend_from_slice(&(start as u32).to_le_bytes());
    }

    let mut written = 0;
    let mut waiting = 0_u128;
    let mut n_waiting = 0;
    for entry in entries.iter() {
        let low = packing.low_of(hash_of(*entry));
        let packed = u128::from(low) << packing.document_bits | u128::from(*entry as u32);
        waiting |= packed << n_waiting;
        n_waiting += packing.entry_bits();
        while n_waiting >= 8 {
            bytes.push(waiting as u8);
            waiting >>= 8;
            n_waiting -= 8;
            written += 1;
        }
    }
    if n_waiting > 0 {
        bytes.push(waiting as u8);
        written += 1;
    }
    debug_assert_eq!(written, (entries.len() * packing.entry_bits()).div_ceil(8));
    bytes
}

impl IdFile {
    /// None where the section is not as [`pack`] makes it.
    ///
    /// **Errors**: its beginning is damaged.
    pub fn new(section: Section) -> io::Result<Option<Self>> {
        if section.len() < HEADER {
            return Ok(None);
        }
        let Some(packing) = Packing::read(section.slice(0..HEADER)?) else {
            return Ok(None);
        };
        if section.len() < packing.entries_at() {
            return Ok(None);
        }
        let mut file = Self {
            section,
            packing: Some(packing),
            n_entries: 0,
        };
        file.n_entries = file.start_of(packing.n_buckets())?;
        let end = packing.entries_at() + (file.n_entries * packing.entry_bits()).div_ceil(8);
        Ok((file.section.len() == end).then_some(file))
    }

    /// Of layouts 1 and 2; none where the section's length is no number of pairs.
    pub fn of_pairs(section: Section) -> Option<Self> {
        let n_entries = section.len() / PAIR;
        section.len().is_multiple_of(PAIR).then_some(Self {
            section,
            packing: None,
            n_entries,
        })
    }

    pub fn len(&self) -> usize {
        self.n_entries
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The documents that hold an id of this hash, ascending. Other ids can
    /// share the half of the hash that is kept: the record decides.
    ///
    /// **Errors**: what is read on the way is damaged.
    pub fn documents(&self, hash: u64) -> io::Result<Vec<u32>> {
        let hash = (hash >> 32) as u32;
        let (within, wanted) = match self.packing {
            None => (0..self.n_entries, hash),
            Some(packing) => {
                let bucket = packing.bucket_of(hash);
                let within = self.start_of(bucket)?..self.start_of(bucket + 1)?;
                (within, packing.low_of(hash))
            }
        };
        let mut documents = Vec::new();
        for i in self.first_at_least(wanted, within.clone())?..within.end {
            let (found, document) = self.entry(i)?;
            if found != wanted {
                break;
            }
            documents.push(document);
        }
        Ok(documents)
    }

    /// All pairs in order.
    ///
    /// **Errors**: any of them is damaged.
    pub fn entries(&self) -> io::Result<Box<dyn Iterator<Item = (u32, u32)> + '_>> {
        let bytes = self.section.slice(0..self.section.len())?;
        let Some(packing) = self.packing else {
            let (pairs, _) = bytes.as_chunks();
            return Ok(Box::new(pairs.iter().map(read_pair)));
        };
        let starts = bytes.get(HEADER..packing.entries_at()).unwrap_or_default();
        let (starts, _) = starts.as_chunks();
        let buckets = starts.iter().zip(starts.iter().skip(1)).enumerate();
        Ok(Box::new(buckets.flat_map(move |(bucket, (start, end))| {
            let within = u32::from_le_bytes(*start)..u32::from_le_bytes(*end);
            within.map(move |i| {
                let (place, bit) = packing.place_of(i as usize);
                let (low, document) = packing.unpack(bytes.get(place).unwrap_or_default(), bit);
                (packing.hash_of(bucket, low), document)
            })
        })))
    }

    /// The number of the bucket's first entry; after the last bucket, that of all.
    fn start_of(&self, bucket: usize) -> io::Result<usize> {
        let at = HEADER + bucket * START;
        let start = self.section.slice(at..at + START)?.first_chunk();
        let start = start.ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(u32::from_le_bytes(*start) as usize)
    }

    fn first_at_least(&self, wanted: u32, within: Range<usize>) -> io::Result<usize> {
        let (mut low, mut high) = (within.start, within.end);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.entry(middle)?.0 < wanted {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// The hash, or what of it an entry holds, and the document.
    fn entry(&self, i: usize) -> io::Result<(u32, u32)> {
        match self.packing {
            None => {
                let pair = self.section.slice(i * PAIR..(i + 1) * PAIR)?.first_chunk();
                pair.map(read_pair)
                    .ok_or(io::ErrorKind::UnexpectedEof.into())
            }
            Some(packing) => {
                let (place, bit) = packing.place_of(i);
                Ok(packing.unpack(self.section.slice(place)?, bit))
            }
        }
    }
}

fn read_pair(pair: &[u8; PAIR]) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = *pair;
    (
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    )
}

#[cfg(test)]
mod tests {
    use xxhash_rust::xxh3::xxh3_64_with_seed;

    use super::*;
    use crate::index::split_file::{self, SplitFile};

    fn section(bytes: &[u8]) -> Section {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.split");
        split_file::write(&path, &[("ids".to_owned(), bytes)]).expect("written");
        let split = SplitFile::open(&path).expect("opened");
        split.section("ids").expect("there")
    }

    fn packed(entries: &[u64]) -> IdFile {
        let file = IdFile::new(section(&pack(&mut entries.to_vec())));
        file.expect("whole").expect("packed")
    }

    fn entry(hash: u64, document: u64) -> u64 {
        hash << 32 | document
    }

    #[test]
    fn documents_of_a_hash() {
        let entries = [
            entry(7, 3),
            entry(7, 1),
            entry(2, 9),
            entry(7, 3),
            entry(900, 0),
        ];
        let pairs: Vec<u8> = [(2_u32, 9_u32), (7, 1), (7, 3), (900, 0)]
            .iter()
            .flat_map(|(hash, document)| [hash.to_le_bytes(), document.to_le_bytes()])
            .flatten()
            .collect();
        let of_pairs = IdFile::of_pairs(section(&pairs)).expect("pairs");
        for file in [packed(&entries), of_pairs] {
            assert_eq!(file.len(), 4);
            assert_eq!(file.entries().expect("whole").count(), 4);
            let of = |hash: u64| file.documents(hash << 32 | 5).expect("whole");
            assert_eq!(of(7), [1, 3]);
            assert_eq!(of(2), [9]);
            assert_eq!(of(900), [0]);
            assert!(of(3).is_empty() && of(1000).is_empty());
        }
    }

    #[test]
    fn what_is_no_id_file() {
        assert!(IdFile::of_pairs(section(&[0; 12])).is_none(), "half a pair");
        let bytes = pack(&mut vec![entry(5, 1), entry(9, 700)]);
        let read = |bytes: &[u8]| IdFile::new(section(bytes)).expect("no block is damaged");
        assert!(read(&bytes).is_some());
        assert!(read(&bytes[..bytes.len() - 1]).is_none(), "cut");
        assert!(read(&bytes[..3]).is_none(), "no header");
        let mut wide = bytes.clone();
        wide[1] = 33;
        assert!(read(&wide).is_none(), "documents are of 32 bits");
        assert_eq!(packed(&[]).documents(7).expect("whole"), Vec::<u32>::new());
    }

    /// Few hashes, so that they repeat; many entries, so that there are buckets.
    #[test]
    fn packing_loses_nothing() {
        for seed in 0..200_u64 {
            let random = |n: u64| xxh3_64_with_seed(&n.to_le_bytes(), seed);
            let hashes: Vec<u32> = (0..1 + random(0) % 40)
                .map(|n| random(n + 1) as u32)
                .collect();
            let document_bits = random(100) % 33;
            let pick = |n: u64| {
                let hash = hashes[random(n) as usize % hashes.len()];
                entry(
                    hash.into(),
                    random(n + 1) >> 32 & ((1 << document_bits) - 1),
                )
            };
            let mut entries: Vec<u64> = (0..seed * 5).map(|n| pick(200 + 2 * n)).collect();
            let file = packed(&entries);
            entries.sort_unstable();
            entries.dedup();
            let read: Vec<u64> = file
                .entries()
                .expect("whole")
                .map(|(hash, document)| entry(hash.into(), document.into()))
                .collect();
            assert_eq!(read, entries, "seed {seed}");
            for hash in hashes {
                let of_hash = entries.iter().filter(|e| (**e >> 32) as u32 == hash);
                let expected: Vec<u32> = of_hash.map(|entry| *entry as u32).collect();
                let found = file.documents(u64::from(hash) << 32).expect("whole");
                assert_eq!(found, expected, "seed {seed}");
            }
        }
    }
}
