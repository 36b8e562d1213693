//! The columns of a split: from values to documents, and from documents to
//! values.
//!
//! A column has rows, one for each value, in the order of documents. Where a
//! good part of the documents is asked about, the rows of the range are read in
//! runs; where few are, each by itself.

use std::io;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use tantivy::columnar::column_index::{MultiValueIndex, OptionalIndex, Set as _};
use tantivy::columnar::{Column, ColumnIndex, ColumnValues, StrColumn};

use super::dictionary::{self, OrdSet, Texts};
use super::docset::{Bits, DocSet};

/// Rows that are read at a time.
const RUN: usize = 4096;
/// Below one wanted document in so many, each is looked up by itself.
const SPARSE_SHARE: usize = 32;
/// From one wanted document in so many on, values of all of a range are read.
const DENSE_SHARE: usize = 2;

/// Which documents of an optional column have a value, for every reader of the
/// column: found out when it is first asked about many of them, a bit each.
#[derive(Clone, Default)]
pub(super) struct Presence(Arc<OnceLock<DocSet>>);

impl Presence {
    fn of(&self, index: &OptionalIndex) -> &DocSet {
        self.0.get_or_init(|| {
            let mut bits = Bits::new(0..index.num_docs());
            if index.num_docs() <= index.num_non_nulls() * DENSE_SHARE as u32 {
                // Asking each document costs a quarter of looking up whose a row is.
                bits.fill(|doc| index.contains(doc));
                return bits.finish();
            }
            let mut run = Vec::with_capacity(RUN);
            let mut rows = (0..index.num_non_nulls()).peekable();
            while rows.peek().is_some() {
                run.clear();
                run.extend(rows.by_ref().take(RUN));
                index.select_batch(&mut run);
                for doc in &run {
                    bits.insert(*doc);
                }
            }
            bits.finish()
        })
    }
}

/// A column together with what is known of it by now.
#[derive(Clone)]
struct Held<T> {
    column: Column<T>,
    presence: Presence,
}

impl<T> Held<T> {
    fn marks(&self) -> Marks {
        Marks {
            index: self.column.index.clone(),
            presence: self.presence.clone(),
        }
    }
}

/// Which documents have a value.
#[derive(Clone)]
pub struct Marks {
    index: ColumnIndex,
    presence: Presence,
}

impl Marks {
    pub(super) fn new(index: ColumnIndex, presence: Presence) -> Self {
        Self { index, presence }
    }

    /// The documents with a value, out of `within`.
    pub fn documents(&self, within: &DocSet) -> DocSet {
        if within.is_empty() {
            return within.clone();
        }
        let optional = match &self.index {
            ColumnIndex::Full => return within.clone(),
            ColumnIndex::Empty { .. } => return DocSet::none(within.range()),
            ColumnIndex::Optional(index) => index,
            ColumnIndex::Multivalued(MultiValueIndex::MultiValueIndexV2(index)) => {
                &index.optional_index
            }
            ColumnIndex::Multivalued(MultiValueIndex::MultiValueIndexV1(_)) => {
                return looked_up(within, |doc| self.index.has_value(doc));
            }
        };
        if is_sparse(within) {
            return looked_up(within, |doc| optional.contains(doc));
        }
        self.presence.of(optional).cut(within.range()).and(within)
    }

    /// How many documents out of `within` have a value.
    pub fn count(&self, within: &DocSet) -> usize {
        let optional = match &self.index {
            ColumnIndex::Optional(index) => index,
            ColumnIndex::Multivalued(MultiValueIndex::MultiValueIndexV2(index)) => {
                &index.optional_index
            }
            _ => return self.documents(within).len(),
        };
        if !within.is_all() {
            return self.documents(within).len();
        }
        let range = within.range();
        (optional.rank(range.end) - optional.rank(range.start)) as usize
    }
}

fn is_sparse(within: &DocSet) -> bool {
    within.len() * SPARSE_SHARE < within.range().len()
}

fn looked_up(within: &DocSet, has: impl Fn(u32) -> bool) -> DocSet {
    let docs: Vec<u32> = within.iter().filter(|doc| has(*doc)).collect();
    DocSet::from_sorted(within.range(), &docs)
}

/// The documents, out of `within`, with a value that passes.
fn documents_with<T>(held: &Held<T>, within: &DocSet, mut passes: impl FnMut(T) -> bool) -> DocSet
where
    T: Copy + Default + PartialOrd + std::fmt::Debug + Send + Sync + 'static,
{
    if within.is_empty() {
        return within.clone();
    }
    if is_sparse(within) {
        let docs: Vec<u32> = within.iter().collect();
        let mut passing = Vec::new();
        visit_values(held, &docs, |i, value| {
            if passes(value) {
                passing.extend(docs.get(i));
            }
        });
        passing.dedup();
        return DocSet::from_sorted(within.range(), &passing);
    }
    let range = within.range();
    let mut bits = Bits::new(range.clone());
    visit_range(held, range.clone(), |offset, value| {
        if passes(value) {
            bits.insert(range.start + offset as u32);
        }
    });
    bits.finish().and(within)
}

fn for_each_run<T: Copy + PartialOrd + 'static>(
    values: &dyn ColumnValues<T>,
    rows: Range<u32>,
    run: &mut [T],
    mut visit: impl FnMut(u32, &[T]),
) {
    let mut first = rows.start;
    while first < rows.end {
        let n = run.len().min((rows.end - first) as usize);
        if let Some(values_read) = run.get_mut(..n) {
            values.get_range(u64::from(first), values_read);
            visit(first, values_read);
        }
        first += n as u32;
    }
}

/// Shows each value of each document of `docs`, which ascend, with the
/// document's place in `docs`.
fn visit_values<T>(held: &Held<T>, docs: &[u32], mut visit: impl FnMut(usize, T))
where
    T: Copy + Default + PartialOrd + std::fmt::Debug + Send + Sync + 'static,
{
    let (Some(first), Some(last)) = (docs.first(), docs.last()) else {
        return;
    };
    let range = *first..*last + 1;
    if range.len() == docs.len() {
        return visit_range(held, range, visit);
    }
    if range.len() <= docs.len() * DENSE_SHARE {
        let mut i = 0;
        return visit_range(held, range, |offset, value| {
            let doc = first + offset as u32;
            while docs.get(i).is_some_and(|wanted| *wanted < doc) {
                i += 1;
            }
            if docs.get(i) == Some(&doc) {
                visit(i, value);
            }
        });
    }
    let column = &held.column;
    let (mut found, mut rows) = (Vec::new(), Vec::new());
    column.index.docids_to_rowids(docs, &mut found, &mut rows);
    let mut values = vec![T::default(); rows.len()];
    column.values.get_vals(&rows, &mut values);
    let mut i = 0;
    for (doc, value) in found.iter().zip(values) {
        while docs.get(i).is_some_and(|d| d < doc) {
            i += 1;
        }
        visit(i, value);
    }
}

/// As [`visit_values`], of all documents of a range: rows are read in runs.
fn visit_range<T>(held: &Held<T>, range: Range<u32>, mut visit: impl FnMut(usize, T))
where
    T: Copy + Default + PartialOrd + std::fmt::Debug + Send + Sync + 'static,
{
    let column = &held.column;
    let rows = column.index.docid_range_to_rowids(range.clone());
    let mut run = vec![T::default(); RUN.min(rows.len())];
    let mut docs = Vec::new();
    match &column.index {
        ColumnIndex::Empty { .. } => {}
        ColumnIndex::Full => for_each_run(&*column.values, rows, &mut run, |first, values| {
            for (row, value) in (first..).zip(values) {
                visit((row - range.start) as usize, *value);
            }
        }),
        ColumnIndex::Optional(optional) => {
            let present = held.presence.of(optional);
            let mut from = range.start;
            for_each_run(&*column.values, rows, &mut run, |_, values| {
                docs.clear();
                present.extend_from(from, values.len(), &mut docs);
                from = docs.last().map_or(from, |last| last + 1);
                for (doc, value) in docs.iter().zip(values) {
                    visit((doc - range.start) as usize, *value);
                }
            });
        }
        ColumnIndex::Multivalued(_) => {
            let mut doc = range.start;
            let mut end = rows.start;
            for_each_run(&*column.values, rows.clone(), &mut run, |first, values| {
                for (row, value) in (first..).zip(values) {
                    while row >= end {
                        let of_doc = column.index.value_row_ids(doc);
                        end = of_doc.end.max(end);
                        if row < end {
                            break;
                        }
                        doc += 1;
                    }
                    visit((doc - range.start) as usize, *value);
                }
            });
        }
    }
}

/// A column of `i64`.
#[derive(Clone)]
pub struct IntegerColumn(Held<i64>);

impl IntegerColumn {
    pub(super) fn new(column: Column<i64>, presence: Presence) -> Self {
        Self(Held { column, presence })
    }

    pub fn marks(&self) -> Marks {
        self.0.marks()
    }

    /// The documents, out of `within`, with a value that passes.
    pub fn documents(&self, within: &DocSet, passes: impl FnMut(i64) -> bool) -> DocSet {
        documents_with(&self.0, within, passes)
    }

    /// Shows each value of each document of `docs`, which ascend, with the
    /// document's place in `docs`.
    pub fn visit(&self, docs: &[u32], visit: impl FnMut(usize, i64)) {
        visit_values(&self.0, docs, visit);
    }

    /// The values of `docs`, which ascend, of a column that every document has.
    pub fn values(&self, docs: &[u32], values: &mut Vec<i64>) {
        values.clear();
        values.resize(docs.len(), 0);
        self.visit(docs, |i, value| {
            if let Some(slot) = values.get_mut(i) {
                *slot = value;
            }
        });
    }

    /// The value of a document of a column that every document has.
    pub fn value(&self, doc: u32) -> i64 {
        self.0.column.values.get_val(doc)
    }

    /// Bounds of all values.
    pub fn bounds(&self) -> (i64, i64) {
        (self.0.column.min_value(), self.0.column.max_value())
    }
}

/// UUIDs, in two columns that the same documents have: no number that tantivy
/// keeps is as wide.
#[derive(Clone)]
pub struct UuidColumn {
    high: IntegerColumn,
    low: IntegerColumn,
}

impl UuidColumn {
    pub(super) fn new(high: IntegerColumn, low: IntegerColumn) -> Self {
        Self { high, low }
    }

    pub fn marks(&self) -> Marks {
        self.high.marks()
    }

    /// Shows the UUID of each document of `docs`, which ascend, that has one,
    /// with the document's place in `docs`.
    pub fn visit(&self, docs: &[u32], mut visit: impl FnMut(usize, u128)) {
        let mut high = Vec::with_capacity(docs.len());
        self.high.visit(docs, |_, half| high.push(half as u64));
        let mut high = high.into_iter();
        self.low.visit(docs, |i, low| {
            if let Some(high) = high.next() {
                visit(i, u128::from(high) << 64 | u128::from(low as u64));
            }
        });
    }
}

/// A column of booleans.
#[derive(Clone)]
pub struct BooleanColumn(Held<bool>);

impl BooleanColumn {
    pub(super) fn new(column: Column<bool>, presence: Presence) -> Self {
        Self(Held { column, presence })
    }

    pub fn marks(&self) -> Marks {
        self.0.marks()
    }

    /// The documents, out of `within`, with this value.
    pub fn documents(&self, within: &DocSet, wanted: bool) -> DocSet {
        documents_with(&self.0, within, |value| value == wanted)
    }

    /// Shows each value of each document of `docs`, which ascend, with the
    /// document's place in `docs`.
    pub fn visit(&self, docs: &[u32], visit: impl FnMut(usize, bool)) {
        visit_values(&self.0, docs, visit);
    }
}

/// A column of texts, by ordinals of its dictionary.
#[derive(Clone)]
pub struct TextColumn {
    texts: StrColumn,
    ords: Held<u64>,
}

impl TextColumn {
    pub(super) fn new(texts: StrColumn, presence: Presence) -> Self {
        let column = texts.ords().clone();
        Self {
            texts,
            ords: Held { column, presence },
        }
    }

    pub fn marks(&self) -> Marks {
        self.ords.marks()
    }

    pub fn n_texts(&self) -> usize {
        self.texts.num_terms()
    }

    /// The documents, out of `within`, with a text of these ordinals.
    pub fn documents(&self, within: &DocSet, ords: &OrdSet) -> DocSet {
        if ords.is_none() {
            return DocSet::none(within.range());
        }
        let column = &self.ords;
        match ords {
            OrdSet::All => self.marks().documents(within),
            OrdSet::Range(range) => documents_with(column, within, |ord| range.contains(&ord)),
            OrdSet::Few(few) => match few.as_slice() {
                [one] => documents_with(column, within, |ord| ord == *one),
                few => documents_with(column, within, |ord| few.binary_search(&ord).is_ok()),
            },
            OrdSet::Bits(_) => documents_with(column, within, |ord| ords.contains(ord)),
        }
    }

    /// Shows each ordinal of each document of `docs`, which ascend, with the
    /// document's place in `docs`.
    pub fn visit(&self, docs: &[u32], visit: impl FnMut(usize, u64)) {
        visit_values(&self.ords, docs, visit);
    }

    /// The ordinals of the texts that are present.
    pub fn ords_of<'t>(&self, texts: impl IntoIterator<Item = &'t str>) -> io::Result<OrdSet> {
        dictionary::ords_of(self.texts.dictionary(), texts)
    }

    /// The ordinals of texts that begin with `prefix`.
    pub fn ords_of_prefix(&self, prefix: &str) -> io::Result<OrdSet> {
        dictionary::ords_of_prefix(self.texts.dictionary(), prefix)
    }

    /// The first ordinal whose text is not less than `bound`, and the first
    /// whose text is greater.
    pub fn cuts(&self, bound: &str) -> io::Result<(u64, u64)> {
        dictionary::cuts(self.texts.dictionary(), bound)
    }

    /// The ordinals whose texts pass.
    ///
    /// **Cost**: decodes the whole dictionary.
    pub fn ords_passing(&self, test: &dyn Fn(&str) -> bool) -> io::Result<OrdSet> {
        dictionary::passing(self.texts.dictionary(), test)
    }

    /// The ordinals whose texts pass, out of those that `within` has.
    ///
    /// **Cost**: decodes the blocks that hold them.
    pub fn ords_passing_of(
        &self,
        within: &DocSet,
        test: &dyn Fn(&str) -> bool,
    ) -> io::Result<OrdSet> {
        let docs: Vec<u32> = within.iter().collect();
        let mut ords = Vec::with_capacity(docs.len());
        self.visit(&docs, |_, ord| ords.push(ord));
        ords.sort_unstable();
        ords.dedup();
        dictionary::passing_of(self.texts.dictionary(), &ords, test)
    }

    /// Whether looking up the texts of so many documents is less work than
    /// decoding the dictionary.
    pub fn is_less_than_all(&self, n_docs: usize) -> bool {
        /// Looking a text up costs as much as decoding so many in a row.
        const LOOK_UP_COST: usize = 16;
        n_docs * LOOK_UP_COST < self.n_texts()
    }

    /// Every text by its ordinal.
    pub fn texts(&self) -> io::Result<Texts> {
        Texts::all(self.texts.dictionary())
    }

    /// The texts of these ordinals, which ascend strictly.
    pub fn texts_of(&self, ords: Vec<u64>) -> io::Result<Texts> {
        Texts::some(self.texts.dictionary(), ords)
    }
}

/// The columns that lead from a document to its record.
#[derive(Clone)]
pub struct KeyColumns {
    pub time: IntegerColumn,
    pub batch: IntegerColumn,
    pub ordinal: IntegerColumn,
    /// None where no event of the split has an account.
    pub account: Option<TextColumn>,
    /// Every account of the split, by its ordinal.
    pub accounts: Arc<Texts>,
}

impl KeyColumns {
    /// The account of a document; empty where it has none.
    pub fn account_of(&self, doc: u32) -> &str {
        self.account
            .as_ref()
            .and_then(|column| column.ords.column.first(doc))
            .and_then(|ord| self.accounts.text(ord))
            .unwrap_or_default()
    }

    /// A number that orders documents as their accounts do.
    pub fn account_rank(&self, doc: u32) -> u64 {
        self.account
            .as_ref()
            .and_then(|column| column.ords.column.first(doc))
            .map_or(0, |ord| ord + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tantivy::columnar::{ColumnarReader, ColumnarWriter, DynamicColumn};

    /// 10,000 documents: `c` has a value in some, or several, or in all.
    fn integers(values_of: impl Fn(u32) -> Vec<i64>) -> IntegerColumn {
        let mut writer = ColumnarWriter::default();
        for doc in 0..10_000 {
            for value in values_of(doc) {
                writer.record_numerical(doc, "c", value);
            }
        }
        let mut bytes = Vec::new();
        writer.serialize(10_000, None, &mut bytes).expect("written");
        let reader = ColumnarReader::open(bytes).expect("opened");
        match reader.read_columns("c").expect("read")[0]
            .open()
            .expect("opened")
        {
            DynamicColumn::I64(column) => IntegerColumn::new(column, Presence::default()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn documents_of_values_in_every_shape() {
        type Shape = fn(u32) -> Vec<i64>;
        let shapes: [Shape; 5] = [
            |d| vec![i64::from(d % 100) - 50],
            |d| {
                if d % 3 == 0 {
                    vec![i64::from(d % 100) - 50]
                } else {
                    vec![]
                }
            },
            |d| {
                if d % 3 != 0 {
                    vec![i64::from(d % 100) - 50]
                } else {
                    vec![]
                }
            },
            |d| if d > 9000 { vec![7] } else { vec![] },
            |d| (0..d % 4).map(|i| i64::from(d % 10 + i)).collect(),
        ];
        let sparse: Vec<u32> = (1000..9500).step_by(97).collect();
        for shape in shapes {
            let column = integers(shape);
            for range in [0..10_000, 1000..9500, 4096..4097, 9999..10_000, 5..5] {
                for within in [
                    DocSet::all(range.clone()),
                    DocSet::from_sorted(range.clone(), &sparse),
                    DocSet::none(range.clone()),
                ] {
                    let wanted = |keep: &dyn Fn(Vec<i64>) -> bool| -> Vec<u32> {
                        within.iter().filter(|d| keep(shape(*d))).collect()
                    };
                    let found = column.documents(&within, |v| v == 7);
                    assert_eq!(
                        found.iter().collect::<Vec<_>>(),
                        wanted(&|values| values.contains(&7))
                    );
                    let found = column.marks().documents(&within);
                    assert_eq!(
                        found.iter().collect::<Vec<_>>(),
                        wanted(&|values| !values.is_empty())
                    );
                    assert_eq!(column.marks().count(&within), found.len());
                    let docs: Vec<u32> = within.iter().collect();
                    let mut seen = vec![Vec::new(); docs.len()];
                    column.visit(&docs, |i, value| seen[i].push(value));
                    let values: Vec<Vec<i64>> = docs.iter().map(|d| shape(*d)).collect();
                    assert_eq!(seen, values);
                }
            }
        }
    }
}
