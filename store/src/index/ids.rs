//! The id file of a split: from a hash to the documents that may hold it.

use tantivy::directory::OwnedBytes;

/// Sorted (hash, document) pairs; see [`super::layout::IDS_SECTION`].
#[derive(Debug, Clone)]
pub struct IdFile {
    bytes: OwnedBytes,
}

const ENTRY: usize = 8;

impl IdFile {
    /// `bytes` is the section; a length that is no number of pairs is refused
    /// by the caller's checksum, and cut off here.
    pub fn new(bytes: OwnedBytes) -> Self {
        Self { bytes }
    }

    pub fn len(&self) -> usize {
        self.bytes.len() / ENTRY
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The documents that hold an id of this hash, ascending. Other ids can
    /// share the half of the hash that is kept: the record decides.
    pub fn documents(&self, hash: u64) -> impl Iterator<Item = u32> + '_ {
        let wanted = (hash >> 32) as u32;
        let start = self.first_at_least(wanted);
        (start..self.len())
            .map(|i| self.entry(i))
            .take_while(move |(h, _)| *h == wanted)
            .map(|(_, document)| document)
    }

    /// All pairs in order.
    pub fn entries(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        (0..self.len()).map(|i| self.entry(i))
    }

    fn first_at_least(&self, wanted: u32) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.entry(middle).0 < wanted {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    fn entry(&self, i: usize) -> (u32, u32) {
        let bytes = self.bytes.as_slice();
        let number = |at: usize| {
            bytes
                .get(at..at + 4)
                .and_then(|b| b.try_into().ok())
                .map_or(0, u32::from_le_bytes)
        };
        (number(i * ENTRY), number(i * ENTRY + 4))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::writer::ids_section;

    #[test]
    fn documents_of_a_hash() {
        let entry = |hash: u64, doc: u64| hash << 32 | doc;
        let mut ids = vec![
            entry(7, 3),
            entry(7, 1),
            entry(2, 9),
            entry(7, 3),
            entry(900, 0),
        ];
        let file = IdFile::new(OwnedBytes::new(ids_section(&mut ids)));
        assert_eq!(file.len(), 4);
        let of = |hash: u64| file.documents(hash << 32 | 5).collect::<Vec<_>>();
        assert_eq!(of(7), [1, 3]);
        assert_eq!(of(2), [9]);
        assert_eq!(of(900), [0]);
        assert!(of(3).is_empty() && of(1000).is_empty());
    }
}
