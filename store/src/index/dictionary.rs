//! The dictionary of a text column: from texts to ordinals and back.
//!
//! Ordinals follow the byte order of the texts, so equality, prefixes and
//! comparisons are ranges of ordinals, and any other test is put to each
//! distinct text once. Reading one text by its ordinal decodes a block of them;
//! many are read in one pass.

use std::io;
use std::ops::Range;

use arrow::buffer::Buffer;
use tantivy::columnar::{Dictionary, TermOrdHit};

/// Ordinals of one dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrdSet {
    All,
    /// Contiguous; none when empty.
    Range(Range<u64>),
    /// Ascending.
    Few(Vec<u64>),
    /// Bit `n` of the words for ordinal `n`.
    Bits(Vec<u64>),
}

impl OrdSet {
    pub const NONE: Self = Self::Range(0..0);

    pub fn is_none(&self) -> bool {
        match self {
            Self::All => false,
            Self::Range(range) => range.is_empty(),
            Self::Few(ords) => ords.is_empty(),
            Self::Bits(words) => words.iter().all(|w| *w == 0),
        }
    }

    #[inline]
    pub fn contains(&self, ord: u64) -> bool {
        match self {
            Self::All => true,
            Self::Range(range) => range.contains(&ord),
            Self::Few(ords) => ords.binary_search(&ord).is_ok(),
            Self::Bits(words) => words
                .get(ord as usize / 64)
                .is_some_and(|word| word >> (ord % 64) & 1 == 1),
        }
    }
}

/// The first text after all that begin with `prefix`; none where nothing comes
/// after them.
pub fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|b| *b != u8::MAX)?;
    let mut end = prefix.get(..=last)?.to_vec();
    if let Some(byte) = end.last_mut() {
        *byte += 1;
    }
    Some(end)
}

/// The ordinals of the texts that are present.
pub fn ords_of<'t>(
    dictionary: &Dictionary,
    texts: impl IntoIterator<Item = &'t str>,
) -> io::Result<OrdSet> {
    let mut ords = Vec::new();
    for text in texts {
        ords.extend(dictionary.term_ord(text)?);
    }
    ords.sort_unstable();
    Ok(OrdSet::Few(ords))
}

/// The ordinals of texts that begin with `prefix`.
pub fn ords_of_prefix(dictionary: &Dictionary, prefix: &str) -> io::Result<OrdSet> {
    let start = first_at_least(dictionary, prefix.as_bytes())?;
    let end = match after_prefix(prefix.as_bytes()) {
        Some(end) => first_at_least(dictionary, &end)?,
        None => dictionary.num_terms() as u64,
    };
    Ok(OrdSet::Range(start..end))
}

/// The ordinals of the texts before, at and after `bound`: two cuts, the first
/// ordinal that is not less and the first that is greater.
pub fn cuts(dictionary: &Dictionary, bound: &str) -> io::Result<(u64, u64)> {
    let end = dictionary.num_terms() as u64;
    Ok(match dictionary.term_ord_or_next(bound)? {
        TermOrdHit::Exact(ord) => (ord, ord + 1),
        TermOrdHit::Next(ord) => (ord.min(end), ord.min(end)),
    })
}

fn first_at_least(dictionary: &Dictionary, text: &[u8]) -> io::Result<u64> {
    let end = dictionary.num_terms() as u64;
    Ok(match dictionary.term_ord_or_next(text)? {
        TermOrdHit::Exact(ord) | TermOrdHit::Next(ord) => ord.min(end),
    })
}

/// The ordinals whose texts pass, out of all.
///
/// **Cost**: decodes the whole dictionary.
pub fn passing(dictionary: &Dictionary, test: &dyn Fn(&str) -> bool) -> io::Result<OrdSet> {
    let mut words = vec![0_u64; dictionary.num_terms().div_ceil(64)];
    let mut terms = dictionary.stream()?;
    let mut ord = 0;
    let mut n_passing = 0;
    while terms.advance() {
        if test(text(terms.key())?) {
            n_passing += 1;
            if let Some(word) = words.get_mut(ord / 64) {
                *word |= 1 << (ord % 64);
            }
        }
        ord += 1;
    }
    Ok(match n_passing {
        0 => OrdSet::NONE,
        n if n == ord => OrdSet::All,
        _ => OrdSet::Bits(words),
    })
}

/// The ordinals whose texts pass, out of `ords`, which ascend strictly.
///
/// **Cost**: decodes each block that holds one of them.
pub fn passing_of(
    dictionary: &Dictionary,
    ords: &[u64],
    test: &dyn Fn(&str) -> bool,
) -> io::Result<OrdSet> {
    let mut passing = Vec::new();
    let mut wanted = ords.iter();
    let mut bad = None;
    let complete =
        dictionary.sorted_ords_to_term_cb(ords, |term| match (wanted.next(), text(term)) {
            (Some(ord), Ok(text)) if test(text) => passing.push(*ord),
            (_, Ok(_)) => {}
            (_, Err(e)) => bad = Some(e),
        })?;
    match bad {
        Some(e) => Err(e),
        None if !complete => Err(missing_ordinal()),
        None => Ok(OrdSet::Few(passing)),
    }
}

/// Texts of a dictionary, decoded.
#[derive(Debug)]
pub struct Texts {
    bytes: Buffer,
    /// Where each text ends.
    ends: Vec<usize>,
    /// The ordinals that are held, ascending; none means all.
    ords: Option<Vec<u64>>,
}

impl Texts {
    /// Every text of the dictionary, by its ordinal.
    pub fn all(dictionary: &Dictionary) -> io::Result<Self> {
        let mut bytes = Vec::new();
        let mut ends = Vec::with_capacity(dictionary.num_terms());
        let mut terms = dictionary.stream()?;
        while terms.advance() {
            bytes.extend_from_slice(text(terms.key())?.as_bytes());
            ends.push(bytes.len());
        }
        Ok(Self {
            bytes: Buffer::from_vec(bytes),
            ends,
            ords: None,
        })
    }

    /// The texts of these ordinals, which ascend strictly.
    pub fn some(dictionary: &Dictionary, ords: Vec<u64>) -> io::Result<Self> {
        let mut bytes = Vec::new();
        let mut ends = Vec::with_capacity(ords.len());
        let mut bad = None;
        let complete = dictionary.sorted_ords_to_term_cb(&ords, |term| {
            if let Err(e) = text(term) {
                bad = Some(e);
            }
            bytes.extend_from_slice(term);
            ends.push(bytes.len());
        })?;
        match bad {
            Some(e) => Err(e),
            None if !complete => Err(missing_ordinal()),
            None => Ok(Self {
                bytes: Buffer::from_vec(bytes),
                ends,
                ords: Some(ords),
            }),
        }
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All texts one after another.
    pub fn bytes(&self) -> &Buffer {
        &self.bytes
    }

    /// Where the text of an ordinal lies in [`Self::bytes`]; none for one that
    /// is not held. What lies there is UTF-8.
    pub fn place(&self, ord: u64) -> Option<Range<usize>> {
        let i = match &self.ords {
            None => ord as usize,
            Some(ords) => ords.binary_search(&ord).ok()?,
        };
        let end = *self.ends.get(i)?;
        let start = match i.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        Some(start..end)
    }

    /// The text of an ordinal; none for one that is not held.
    pub fn text(&self, ord: u64) -> Option<&str> {
        let bytes = self.bytes.as_slice().get(self.place(ord)?)?;
        std::str::from_utf8(bytes).ok()
    }
}

fn text(term: &[u8]) -> io::Result<&str> {
    std::str::from_utf8(term).map_err(|e| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a text of a column: {e}"),
        )
    })
}

fn missing_ordinal() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "a column's value is not in its dictionary",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use tantivy::columnar::{ColumnarReader, ColumnarWriter, DynamicColumn, StrColumn};

    fn column(texts: &[&str]) -> StrColumn {
        let mut writer = ColumnarWriter::default();
        for (doc, text) in texts.iter().enumerate() {
            writer.record_str(doc as u32, "c", text);
        }
        let mut bytes = Vec::new();
        writer
            .serialize(texts.len() as u32, None, &mut bytes)
            .expect("written");
        let reader = ColumnarReader::open(bytes).expect("opened");
        match reader.read_columns("c").expect("read")[0]
            .open()
            .expect("opened")
        {
            DynamicColumn::Str(column) => column,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ordinals_of_tests() {
        let names: Vec<String> = (0..3000).map(|i| format!("user/{i:04}")).collect();
        let mut texts: Vec<&str> = names.iter().map(String::as_str).collect();
        texts.extend(["", "é", "user/", "zz"]);
        texts.sort_unstable();
        let column = column(&texts);
        let dictionary = column.dictionary();
        let listed = |set: OrdSet| -> Vec<&str> {
            (0..texts.len())
                .filter(|i| set.contains(*i as u64))
                .map(|i| texts[i])
                .collect()
        };
        let of = |test: &dyn Fn(&str) -> bool| -> Vec<&str> {
            texts.iter().copied().filter(|t| test(t)).collect()
        };
        for prefix in ["", "user/", "user/29", "é", "\u{10ffff}", "a", "zzz"] {
            let found = listed(ords_of_prefix(dictionary, prefix).expect("read"));
            assert_eq!(found, of(&|t| t.starts_with(prefix)), "{prefix:?}");
        }
        for bound in ["", "user/1500", "user/15000", "zzz", "\u{10ffff}"] {
            let (at, after) = cuts(dictionary, bound).expect("read");
            assert_eq!(
                listed(OrdSet::Range(0..at)),
                of(&|t| t < bound),
                "{bound:?}"
            );
            assert_eq!(
                listed(OrdSet::Range(0..after)),
                of(&|t| t <= bound),
                "{bound:?}"
            );
        }
        let found = ords_of(dictionary, ["zz", "none", "user/0007"]).expect("read");
        assert_eq!(listed(found), ["user/0007", "zz"]);
        let test = |t: &str| t.ends_with("77");
        assert_eq!(listed(passing(dictionary, &test).expect("read")), of(&test));
        let some: Vec<u64> = (0..texts.len() as u64).step_by(7).collect();
        let found = listed(passing_of(dictionary, &some, &test).expect("read"));
        let wanted: Vec<&str> = texts
            .iter()
            .copied()
            .step_by(7)
            .filter(|t| test(t))
            .collect();
        assert_eq!(found, wanted);
        assert!(!wanted.is_empty());
    }

    #[test]
    fn texts_come_back() {
        let column = column(&["b", "a", "", "c"]);
        let all = Texts::all(column.dictionary()).expect("read");
        assert_eq!(
            (0..5).map(|i| all.text(i)).collect::<Vec<_>>(),
            [Some(""), Some("a"), Some("b"), Some("c"), None]
        );
        let some = Texts::some(column.dictionary(), vec![1, 3]).expect("read");
        assert_eq!(
            (some.text(1), some.text(2), some.text(3)),
            (Some("a"), None, Some("c"))
        );
        assert!(Texts::some(column.dictionary(), vec![9]).is_err());
    }
}
