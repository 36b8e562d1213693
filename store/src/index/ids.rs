//! The id file of a split: from a hash to the documents that may hold it.

use std::io;

use tantivy::HasLen as _;

use super::split_file::Section;

/// Sorted (hash, document) pairs; see [`super::layout::IDS_SECTION`].
#[derive(Debug, Clone)]
pub struct IdFile {
    section: Section,
}

const ENTRY: usize = 8;

impl IdFile {
    /// None where the section's length is no number of pairs.
    pub fn new(section: Section) -> Option<Self> {
        section
            .len()
            .is_multiple_of(ENTRY)
            .then_some(Self { section })
    }

    pub fn len(&self) -> usize {
        self.section.len() / ENTRY
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The documents that hold an id of this hash, ascending. Other ids can
    /// share the half of the hash that is kept: the record decides.
    ///
    /// **Errors**: what is read on the way is damaged.
    pub fn documents(&self, hash: u64) -> io::Result<Vec<u32>> {
        let wanted = (hash >> 32) as u32;
        let mut documents = Vec::new();
        for i in self.first_at_least(wanted)?..self.len() {
            let (hash, document) = self.entry(i)?;
            if hash != wanted {
                break;
            }
            documents.push(document);
        }
        Ok(documents)
    }

    /// All pairs in order.
    ///
    /// **Errors**: any of them is damaged.
    pub fn entries(&self) -> io::Result<impl Iterator<Item = (u32, u32)> + '_> {
        let (entries, _) = self.section.slice(0..self.section.len())?.as_chunks();
        Ok(entries.iter().map(read))
    }

    fn first_at_least(&self, wanted: u32) -> io::Result<usize> {
        let (mut low, mut high) = (0, self.len());
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

    fn entry(&self, i: usize) -> io::Result<(u32, u32)> {
        let bytes = self.section.slice(i * ENTRY..(i + 1) * ENTRY)?;
        let entry = bytes.first_chunk();
        entry.map(read).ok_or(io::ErrorKind::UnexpectedEof.into())
    }
}

fn read(entry: &[u8; ENTRY]) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = *entry;
    (
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::split_file::{self, SplitFile};
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
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.split");
        let section = |bytes: &[u8]| {
            split_file::write(&path, &[("ids".to_owned(), bytes)]).expect("written");
            let split = SplitFile::open(&path).expect("opened");
            split.section("ids").expect("there")
        };
        assert!(IdFile::new(section(&[0; 12])).is_none(), "half a pair");
        let file = IdFile::new(section(&ids_section(&mut ids))).expect("pairs");
        assert_eq!(file.len(), 4);
        assert_eq!(file.entries().expect("whole").count(), 4);
        let of = |hash: u64| file.documents(hash << 32 | 5).expect("whole");
        assert_eq!(of(7), [1, 3]);
        assert_eq!(of(2), [9]);
        assert_eq!(of(900), [0]);
        assert!(of(3).is_empty() && of(1000).is_empty());
    }
}
