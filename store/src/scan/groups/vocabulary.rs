//! One numbering of the texts of a column, whatever split they are in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arrow::array::{ArrayRef, BooleanArray, StringViewBuilder};
use arrow::datatypes::DataType;
use hashbrown::{HashMap, HashTable};
use parking_lot::{Mutex, RwLock};
use xxhash_rust::xxh3::xxh3_64;

use crate::scan::materialise::boolean_of;
use crate::scan::request::{ColumnSource, StoreId};

/// The number of no value.
pub const NONE: u32 = 0;

/// What a text stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    Text,
    /// `true` and `false`; any other text is no value.
    Boolean,
}

/// Texts numbered from 1 on, in the order in which they are met.
pub struct Vocabulary {
    reads: Reads,
    texts: RwLock<Texts>,
    /// What the ordinals of a split are here, by the split's number.
    splits: Mutex<HashMap<u64, Arc<SplitNumbers>>>,
}

#[derive(Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    hashes: Vec<u64>,
    /// Places in `ends`.
    table: HashTable<u32>,
}

impl Texts {
    fn text(&self, place: u32) -> &[u8] {
        let place = place as usize;
        let start = match place.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or_default(),
            None => 0,
        };
        let end = self.ends.get(place).copied().unwrap_or(start);
        self.bytes.get(start..end).unwrap_or_default()
    }

    fn number(&mut self, text: &str) -> u32 {
        let hash = xxh3_64(text.as_bytes());
        let is_same = |place: &u32| self.text(*place) == text.as_bytes();
        if let Some(place) = self.table.find(hash, is_same) {
            return place + 1;
        }
        let place = self.ends.len() as u32;
        self.bytes.extend_from_slice(text.as_bytes());
        self.ends.push(self.bytes.len());
        self.hashes.push(hash);
        let hashes = &self.hashes;
        let hash_of = |place: &u32| hashes.get(*place as usize).copied().unwrap_or_default();
        self.table.insert_unique(hash, place, hash_of);
        place + 1
    }
}

impl Vocabulary {
    pub fn new(reads: Reads) -> Self {
        Self {
            reads,
            texts: RwLock::default(),
            splits: Mutex::default(),
        }
    }

    /// The numbers of a split's `n_texts` ordinals.
    pub fn of_split(&self, split: u64, n_texts: usize) -> Arc<SplitNumbers> {
        let mut splits = self.splits.lock();
        let numbers = splits.entry(split);
        Arc::clone(numbers.or_insert_with(|| Arc::new(SplitNumbers::new(n_texts))))
    }

    /// Forgets splits that are gone.
    fn keep_splits(&self, is_there: &dyn Fn(u64) -> bool) {
        self.splits.lock().retain(|split, _| is_there(*split));
    }

    /// Numbers texts; each is told with its place among them.
    pub fn number<'t>(
        &self,
        texts: impl Iterator<Item = &'t str>,
        mut tell: impl FnMut(usize, u32),
    ) {
        let mut numbered = self.texts.write();
        for (i, text) in texts.enumerate() {
            let is_value = self.reads == Reads::Text || boolean_of(text).is_some();
            tell(
                i,
                match is_value {
                    true => numbered.number(text),
                    false => NONE,
                },
            );
        }
    }

    /// The type of [`Self::array`].
    pub fn data_type(&self) -> DataType {
        match self.reads {
            Reads::Text => DataType::Utf8View,
            Reads::Boolean => DataType::Boolean,
        }
    }

    pub fn bytes(&self) -> usize {
        let texts = self.texts.read();
        let splits = self.splits.lock();
        texts.bytes.capacity()
            + texts.ends.capacity() * (8 + 8 + 5)
            + splits
                .values()
                .map(|numbers| numbers.bytes())
                .sum::<usize>()
    }

    /// A row for each number.
    pub fn array(&self, numbers: impl ExactSizeIterator<Item = u32>) -> ArrayRef {
        let texts = self.texts.read();
        let values = numbers.map(|number| {
            let place = number.checked_sub(1)?;
            std::str::from_utf8(texts.text(place)).ok()
        });
        match self.reads {
            Reads::Text => {
                let mut builder = StringViewBuilder::with_capacity(values.len());
                for value in values {
                    builder.append_option(value);
                }
                Arc::new(builder.finish())
            }
            Reads::Boolean => {
                let booleans = values.map(|value| value.and_then(boolean_of));
                Arc::new(booleans.collect::<BooleanArray>())
            }
        }
    }
}

/// A vocabulary's numbers for the ordinals of one split, as far as they are
/// known. Threads may find the same out twice.
pub struct SplitNumbers(Vec<AtomicU32>);

const UNKNOWN: u32 = u32::MAX;

impl SplitNumbers {
    pub fn new(n_texts: usize) -> Self {
        Self((0..n_texts).map(|_| AtomicU32::new(UNKNOWN)).collect())
    }

    #[inline]
    pub fn get(&self, ord: u64) -> Option<u32> {
        let number = self.0.get(ord as usize)?.load(Ordering::Relaxed);
        (number != UNKNOWN).then_some(number)
    }

    pub fn set(&self, ord: u64, number: u32) {
        if let Some(slot) = self.0.get(ord as usize) {
            slot.store(number, Ordering::Relaxed);
        }
    }

    pub fn bytes(&self) -> usize {
        self.0.len() * size_of::<AtomicU32>()
    }
}

/// The vocabularies of a process: a column's next query finds its texts
/// numbered already.
#[derive(Default)]
pub struct Vocabularies {
    /// The last that was used comes last.
    held: Mutex<Vec<(StoreId, ColumnSource, Arc<Vocabulary>)>>,
}

impl Vocabularies {
    /// All of them together keep to so many bytes, but for those in use.
    const BYTES_MAX: usize = 256 << 20;

    /// The vocabulary of a store's column.
    pub fn of(&self, store: StoreId, column: &ColumnSource, reads: Reads) -> Arc<Vocabulary> {
        let mut held = self.held.lock();
        let known = held.iter().position(|(s, c, _)| *s == store && c == column);
        let entry = match known {
            Some(at) => held.remove(at),
            None => (store, column.clone(), Arc::new(Vocabulary::new(reads))),
        };
        let vocabulary = Arc::clone(&entry.2);
        held.push(entry);
        let mut n_bytes = 0;
        let mut n_kept = 0;
        for (_, _, vocabulary) in held.iter().rev() {
            n_bytes += vocabulary.bytes();
            if n_bytes > Self::BYTES_MAX {
                break;
            }
            n_kept += 1;
        }
        let n_dropped = held.len() - n_kept;
        held.drain(..n_dropped);
        vocabulary
    }

    /// Forgets splits that are gone.
    pub fn keep_splits(&self, is_there: &dyn Fn(u64) -> bool) {
        for (_, _, vocabulary) in self.held.lock().iter() {
            vocabulary.keep_splits(is_there);
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray};

    use super::*;

    fn numbers(vocabulary: &Vocabulary, texts: &[&str]) -> Vec<u32> {
        let mut numbers = Vec::new();
        vocabulary.number(texts.iter().copied(), |_, number| numbers.push(number));
        numbers
    }

    #[test]
    fn texts_have_one_number() {
        let vocabulary = Vocabulary::new(Reads::Text);
        assert_eq!(numbers(&vocabulary, &["b", "", "a", "b"]), [1, 2, 3, 1]);
        let many: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(numbers(&vocabulary, &many), numbers(&vocabulary, &many));
        let array = vocabulary.array([2, NONE, 3].into_iter());
        let array = array.as_string_view();
        assert_eq!((array.value(0), array.value(2)), ("", "a"));
        assert!(array.is_null(1));
    }

    #[test]
    fn a_column_keeps_its_vocabulary_until_others_need_the_memory() {
        let column = |path: &str| {
            let path = crate::path::FieldPath::parse(path);
            ColumnSource::Text(crate::scan::Field::path(path, crate::path::Arrays::Exact))
        };
        let vocabularies = Vocabularies::default();
        let of = |path| vocabularies.of(StoreId(1), &column(path), Reads::Text);
        assert_eq!(numbers(&of("a"), &["x"]), [1]);
        assert_eq!(numbers(&of("b"), &["y"]), [1]);
        assert_eq!(numbers(&of("a"), &["y"]), [2]);
        let other = vocabularies.of(StoreId(2), &column("a"), Reads::Text);
        assert_eq!(numbers(&other, &["y"]), [1]);
        let long = "z".repeat(Vocabularies::BYTES_MAX);
        numbers(&of("b"), &[&long]);
        assert_eq!(numbers(&of("c"), &["x"]), [1], "what is in use is kept");
        assert_eq!(numbers(&of("a"), &["y"]), [1], "it was forgotten");
        let numbers_of = of("a").of_split(7, 3);
        vocabularies.keep_splits(&|split| split != 7);
        assert!(!Arc::ptr_eq(&numbers_of, &of("a").of_split(7, 3)));
    }

    #[test]
    fn what_is_no_boolean_is_nothing() {
        let vocabulary = Vocabulary::new(Reads::Boolean);
        let seen = numbers(&vocabulary, &["maybe", "true", "false", "True", "true"]);
        assert_eq!(seen, [NONE, 1, 2, NONE, 1]);
        let array = vocabulary.array([2, 1, 0].into_iter());
        let array = array.as_boolean();
        assert!(!array.value(0) && array.value(1) && array.is_null(2));
    }
}
