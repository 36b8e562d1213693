//! A set of documents of one split, within a range of them.
//!
//! Most answers are everything, nothing or a handful, and those cost nothing to
//! keep and to combine; only what lies between is a bit for each document.

use std::ops::Range;

/// Documents out of `range`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocSet {
    range: Range<u32>,
    held: Held,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Held {
    None,
    All,
    /// Ascending, at least one.
    Few(Vec<u32>),
    /// Bit `d - range.start` for document `d`, in words from the lowest bit;
    /// bits beyond the range are 0.
    Bits(Vec<u64>),
}

/// So many documents a listed one may stand for before bits are cheaper.
const FEW_SHARE: usize = 64;

impl DocSet {
    pub fn none(range: Range<u32>) -> Self {
        Self {
            range,
            held: Held::None,
        }
    }

    pub fn all(range: Range<u32>) -> Self {
        let held = match range.is_empty() {
            true => Held::None,
            false => Held::All,
        };
        Self { range, held }
    }

    /// **Shape**: `docs` ascend strictly; those outside the range are left out.
    pub fn from_sorted(range: Range<u32>, docs: &[u32]) -> Self {
        let start = docs.partition_point(|d| *d < range.start);
        let end = docs.partition_point(|d| *d < range.end);
        let docs = docs.get(start..end).unwrap_or_default();
        if docs.is_empty() {
            return Self::none(range);
        }
        if docs.len() == range.len() {
            return Self::all(range);
        }
        if docs.len() * FEW_SHARE <= range.len() {
            return Self {
                range,
                held: Held::Few(docs.to_vec()),
            };
        }
        let mut bits = Bits::new(range);
        for doc in docs {
            bits.insert(*doc);
        }
        bits.finish()
    }

    pub fn range(&self) -> Range<u32> {
        self.range.clone()
    }

    pub fn is_empty(&self) -> bool {
        match &self.held {
            Held::None => true,
            Held::All | Held::Few(_) => false,
            Held::Bits(words) => words.iter().all(|w| *w == 0),
        }
    }

    pub fn is_all(&self) -> bool {
        self.held == Held::All
    }

    pub fn len(&self) -> usize {
        match &self.held {
            Held::None => 0,
            Held::All => self.range.len(),
            Held::Few(docs) => docs.len(),
            Held::Bits(words) => words.iter().map(|w| w.count_ones() as usize).sum(),
        }
    }

    pub fn contains(&self, doc: u32) -> bool {
        match &self.held {
            Held::None => false,
            Held::All => self.range.contains(&doc),
            Held::Few(docs) => docs.binary_search(&doc).is_ok(),
            Held::Bits(words) => self.range.contains(&doc) && bit(words, doc - self.range.start),
        }
    }

    /// Documents of both. The ranges must be the same.
    pub fn and(&self, other: &Self) -> Self {
        debug_assert_eq!(self.range, other.range);
        match (&self.held, &other.held) {
            (Held::None, _) | (_, Held::All) => self.clone(),
            (_, Held::None) | (Held::All, _) => other.clone(),
            (Held::Few(docs), _) => self.few(docs.iter().filter(|d| other.contains(**d))),
            (_, Held::Few(docs)) => self.few(docs.iter().filter(|d| self.contains(**d))),
            (Held::Bits(a), Held::Bits(b)) => self.combined(a, b, |a, b| a & b),
        }
    }

    /// Documents of either. The ranges must be the same.
    pub fn or(&self, other: &Self) -> Self {
        debug_assert_eq!(self.range, other.range);
        match (&self.held, &other.held) {
            (Held::All, _) | (_, Held::None) => self.clone(),
            (_, Held::All) | (Held::None, _) => other.clone(),
            (Held::Bits(a), Held::Bits(b)) => self.combined(a, b, |a, b| a | b),
            _ => self.combined(&self.words(), &other.words(), |a, b| a | b),
        }
    }

    /// Documents of this and not of the other. The ranges must be the same.
    pub fn minus(&self, other: &Self) -> Self {
        debug_assert_eq!(self.range, other.range);
        match (&self.held, &other.held) {
            (Held::None, _) | (_, Held::None) => self.clone(),
            (_, Held::All) => Self::none(self.range()),
            (Held::Few(docs), _) => self.few(docs.iter().filter(|d| !other.contains(**d))),
            (_, Held::Few(docs)) => {
                let mut words = self.words();
                for doc in docs {
                    let offset = (doc - self.range.start) as usize;
                    if let Some(word) = words.get_mut(offset / 64) {
                        *word &= !(1 << (offset % 64));
                    }
                }
                Bits {
                    range: self.range(),
                    words,
                }
                .finish()
            }
            _ => self.combined(&self.words(), &other.words(), |a, b| a & !b),
        }
    }

    fn few<'d>(&self, docs: impl Iterator<Item = &'d u32>) -> Self {
        let docs: Vec<u32> = docs.copied().collect();
        match docs.is_empty() {
            true => Self::none(self.range()),
            false => Self {
                range: self.range(),
                held: Held::Few(docs),
            },
        }
    }

    fn combined(&self, a: &[u64], b: &[u64], combine: impl Fn(u64, u64) -> u64) -> Self {
        let words = a.iter().zip(b).map(|(a, b)| combine(*a, *b)).collect();
        Bits {
            range: self.range(),
            words,
        }
        .finish()
    }

    fn words(&self) -> Vec<u64> {
        match &self.held {
            Held::Bits(words) => return words.clone(),
            Held::All => {
                let n = self.range.len();
                let mut words = vec![u64::MAX; n.div_ceil(64)];
                if let (Some(last), 1..) = (words.last_mut(), n % 64) {
                    *last = u64::MAX >> (64 - n % 64);
                }
                return words;
            }
            Held::None | Held::Few(_) => {}
        }
        let mut bits = Bits::new(self.range());
        for doc in self.iter() {
            bits.insert(doc);
        }
        bits.words
    }

    /// The documents in a part of the range.
    pub fn cut(&self, range: Range<u32>) -> Self {
        debug_assert!(self.range.start <= range.start && range.end <= self.range.end);
        match &self.held {
            _ if range == self.range => self.clone(),
            Held::None => Self::none(range),
            Held::All => Self::all(range),
            Held::Few(docs) => Self::from_sorted(range, docs),
            Held::Bits(words) => {
                let offset = range.start - self.range.start;
                let (at, shift) = (offset as usize / 64, offset % 64);
                let mut bits = Bits::new(range);
                let n_bits = bits.range.len();
                for (i, word) in bits.words.iter_mut().enumerate() {
                    let low = words.get(at + i).map_or(0, |w| w >> shift);
                    let high = words.get(at + i + 1).copied().unwrap_or(0);
                    *word = low | high.checked_shl(64 - shift).unwrap_or(0);
                    if let left @ 1..64 = n_bits - i * 64 {
                        *word &= u64::MAX >> (64 - left);
                    }
                }
                bits.finish()
            }
        }
    }

    /// Appends the first `n` documents from `from` on, ascending.
    pub fn extend_from(&self, from: u32, n: usize, docs: &mut Vec<u32>) {
        let from = from.max(self.range.start);
        match &self.held {
            Held::None => {}
            Held::All => {
                let n = n.min(u32::MAX as usize) as u32;
                docs.extend(from..self.range.end.min(from.saturating_add(n)));
            }
            Held::Few(few) => {
                let start = few.partition_point(|doc| *doc < from);
                docs.extend(few.iter().skip(start).take(n));
            }
            Held::Bits(words) => {
                let wanted = docs.len() + n;
                let offset = from - self.range.start;
                let mut at = offset as usize / 64;
                let mut mask = u64::MAX << (offset % 64);
                while let Some(word) = words.get(at).filter(|_| docs.len() < wanted) {
                    let mut word = word & mask;
                    let first = self.range.start + at as u32 * 64;
                    if word == u64::MAX {
                        docs.extend(first..first + 64);
                    }
                    while word != 0 && word != u64::MAX {
                        docs.push(first + word.trailing_zeros());
                        word &= word - 1;
                    }
                    at += 1;
                    mask = u64::MAX;
                }
                docs.truncate(wanted);
            }
        }
    }

    /// The documents, ascending.
    pub fn iter(&self) -> Box<dyn Iterator<Item = u32> + '_> {
        match &self.held {
            Held::None => Box::new(std::iter::empty()),
            Held::All => Box::new(self.range()),
            Held::Few(docs) => Box::new(docs.iter().copied()),
            Held::Bits(words) => Box::new(Ones {
                words,
                start: self.range.start,
                at: 0,
                word: words.first().copied().unwrap_or(0),
            }),
        }
    }
}

fn bit(words: &[u64], offset: u32) -> bool {
    words
        .get(offset as usize / 64)
        .is_some_and(|word| word >> (offset % 64) & 1 == 1)
}

struct Ones<'w> {
    words: &'w [u64],
    start: u32,
    at: usize,
    /// What is left of the word at `at`.
    word: u64,
}

impl Iterator for Ones<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        while self.word == 0 {
            self.at += 1;
            self.word = *self.words.get(self.at)?;
        }
        let offset = self.at as u32 * 64 + self.word.trailing_zeros();
        self.word &= self.word - 1;
        Some(self.start + offset)
    }
}

/// Takes documents in any order.
pub struct Bits {
    range: Range<u32>,
    words: Vec<u64>,
}

impl Bits {
    pub fn new(range: Range<u32>) -> Self {
        let words = vec![0; range.len().div_ceil(64)];
        Self { range, words }
    }

    /// Documents outside the range are left out.
    pub fn insert(&mut self, doc: u32) {
        if self.range.contains(&doc) {
            let offset = doc - self.range.start;
            if let Some(word) = self.words.get_mut(offset as usize / 64) {
                *word |= 1 << (offset % 64);
            }
        }
    }

    /// Those outside the range are left out.
    pub fn insert_all(&mut self, docs: Range<u32>) {
        let start = docs.start.clamp(self.range.start, self.range.end) - self.range.start;
        let end = docs.end.clamp(self.range.start, self.range.end) - self.range.start;
        let mut at = start;
        while at < end {
            let next = (at / 64 * 64 + 64).min(end);
            if let Some(word) = self.words.get_mut(at as usize / 64) {
                *word |= (u64::MAX >> (64 - (next - at))) << (at % 64);
            }
            at = next;
        }
    }

    /// Takes the documents of the range that pass, besides those it has.
    pub fn fill(&mut self, passes: impl Fn(u32) -> bool) {
        for (first, word) in self.range.clone().step_by(64).zip(&mut self.words) {
            for (bit, doc) in (first..self.range.end).take(64).enumerate() {
                *word |= u64::from(passes(doc)) << bit;
            }
        }
    }

    pub fn finish(self) -> DocSet {
        let n: usize = self.words.iter().map(|w| w.count_ones() as usize).sum();
        if n == 0 {
            return DocSet::none(self.range);
        }
        if n == self.range.len() {
            return DocSet::all(self.range);
        }
        let set = DocSet {
            range: self.range,
            held: Held::Bits(self.words),
        };
        if n * FEW_SHARE > set.range.len() {
            return set;
        }
        let docs = set.iter().collect();
        DocSet {
            range: set.range,
            held: Held::Few(docs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_representation_combines_as_sets_do() {
        let range = 100..1100;
        let patterns: Vec<Vec<u32>> = vec![
            vec![],
            range.clone().collect(),
            vec![100, 517, 1099],
            vec![517],
            range.clone().filter(|d| d % 3 == 0).collect(),
            range.clone().filter(|d| d % 2 == 0).collect(),
            range.clone().filter(|d| *d != 700).collect(),
        ];
        for a in &patterns {
            let set_a = DocSet::from_sorted(range.clone(), a);
            assert_eq!(set_a.iter().collect::<Vec<_>>(), *a);
            assert_eq!((set_a.len(), set_a.is_empty()), (a.len(), a.is_empty()));
            for b in &patterns {
                let set_b = DocSet::from_sorted(range.clone(), b);
                let of = |keep: &dyn Fn(&u32) -> bool| -> Vec<u32> {
                    range.clone().filter(keep).collect()
                };
                let (in_a, in_b) = (|d: &u32| a.contains(d), |d: &u32| b.contains(d));
                let listed = |set: DocSet| set.iter().collect::<Vec<_>>();
                assert_eq!(listed(set_a.and(&set_b)), of(&|d| in_a(d) && in_b(d)));
                assert_eq!(listed(set_a.or(&set_b)), of(&|d| in_a(d) || in_b(d)));
                assert_eq!(listed(set_a.minus(&set_b)), of(&|d| in_a(d) && !in_b(d)));
                assert!(range.clone().all(|d| set_a.contains(d) == in_a(&d)));
            }
        }
    }

    #[test]
    fn parts_are_those_of_the_whole() {
        let range = 100..1100;
        let patterns: [fn(&u32) -> bool; 5] = [
            |_| false,
            |_| true,
            |d| *d == 517,
            |d| d % 3 != 0,
            |d| *d < 600 || *d % 100 == 7,
        ];
        for passes in patterns {
            let mut bits = Bits::new(range.clone());
            bits.fill(|doc| passes(&doc));
            let set = bits.finish();
            assert!(range.clone().all(|d| set.contains(d) == passes(&d)));
            for part in [
                100..1100,
                100..164,
                163..165,
                517..518,
                500..1100,
                777..1041,
                700..700,
            ] {
                let wanted: Vec<u32> = part.clone().filter(passes).collect();
                let cut = set.cut(part.clone());
                assert_eq!(cut.range(), part);
                let mut bits = Bits::new(range.clone());
                bits.insert_all(part.clone());
                bits.insert_all(part.start.saturating_sub(200)..part.start);
                let all = part.start.saturating_sub(200).max(100)..part.end;
                assert_eq!(
                    bits.finish().iter().collect::<Vec<_>>(),
                    all.collect::<Vec<_>>()
                );
                assert_eq!(cut, DocSet::from_sorted(part.clone(), &wanted), "{part:?}");
                for n in [0, 1, 64, 5000] {
                    let mut docs = vec![3];
                    set.extend_from(part.start, n, &mut docs);
                    let from = (part.start..range.end).filter(passes).take(n);
                    assert_eq!(docs, [3].into_iter().chain(from).collect::<Vec<_>>());
                }
            }
        }
    }

    #[test]
    fn documents_outside_are_left_out() {
        let set = DocSet::from_sorted(10..20, &[3, 10, 19, 20, 25]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [10, 19]);
        assert!(!set.contains(20) && !set.contains(3));
        assert!(DocSet::all(5..5).is_empty());
    }
}
