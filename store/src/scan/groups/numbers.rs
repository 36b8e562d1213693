//! What the documents of a split have in a column, as numbers of its
//! vocabulary.

use std::sync::Arc;

use hashbrown::HashMap;

use super::Grouping;
use super::vocabulary::{NONE, SplitNumbers, Vocabulary};
use crate::index::columns::TextColumn;
use crate::index::docset::DocSet;
use crate::index::layout;
use crate::scan::error::ScanError;
use crate::scan::evaluate::PathColumns;
use crate::scan::materialise::text_of;
use crate::scan::predicate::Field;
use crate::scan::request::ColumnSource;
use crate::scan::run::Shared;
use crate::scan::unit::SplitUnit;

/// A column of one split.
pub struct NumberedColumn<'g> {
    shared: &'g Shared,
    unit: &'g SplitUnit,
    vocabulary: &'g Vocabulary,
    field: &'g Field,
    texts: Option<NumberedTexts>,
    /// What is no text in the split but is shown as one.
    scalars: Option<PathColumns>,
    scalar_numbers: HashMap<Scalar, u32>,
    /// Documents whose value the record tells.
    from_record: DocSet,
}

/// A column of texts of one split, and their numbers.
pub struct NumberedTexts {
    pub name: String,
    pub column: TextColumn,
    pub numbers: Arc<SplitNumbers>,
}

impl NumberedTexts {
    pub fn new(unit: &SplitUnit, vocabulary: &Vocabulary, name: &str, column: &TextColumn) -> Self {
        Self {
            name: name.to_owned(),
            numbers: vocabulary.of_split(unit.entry.id, column.n_texts()),
            column: column.clone(),
        }
    }

    /// Numbers texts that had no number when a row was read: each with the row's place
    /// in `numbers`, and its ordinal.
    pub fn number(
        &self,
        unit: &SplitUnit,
        vocabulary: &Vocabulary,
        unknown: Vec<(usize, u64)>,
        numbers: &mut [u32],
    ) -> Result<(), ScanError> {
        if unknown.is_empty() {
            return Ok(());
        }
        let mut ords: Vec<u64> = unknown.iter().map(|(_, ord)| *ord).collect();
        ords.sort_unstable();
        ords.dedup();
        let decoded = unit.texts(&self.name, &self.column, ords.clone())?;
        let mut found = Vec::with_capacity(ords.len());
        for ord in &ords {
            found.push(decoded.text(*ord).ok_or_else(|| {
                let reason = format!("ordinal {ord} has no text");
                ScanError::damaged(unit.split.path(), &self.name, reason)
            })?);
        }
        vocabulary.number(found.into_iter(), |i, number| {
            if let Some(ord) = ords.get(i) {
                self.numbers.set(*ord, number);
            }
        });
        for (row, ord) in unknown {
            if let (Some(number), Some(slot)) = (self.numbers.get(ord), numbers.get_mut(row)) {
                *slot = number;
            }
        }
        Ok(())
    }
}

#[derive(PartialEq, Eq, Hash, Clone, Copy)]
enum Scalar {
    Integer(i64),
    Boolean(bool),
}

impl<'g> NumberedColumn<'g> {
    /// The column at a place of the scan's columns, for documents of `within`.
    /// None where the column has no vocabulary.
    pub fn open(
        shared: &'g Shared,
        unit: &'g SplitUnit,
        grouping: &'g Grouping,
        place: usize,
        within: &DocSet,
    ) -> Result<Option<Self>, ScanError> {
        let (Some(vocabulary), Some(column)) = (
            grouping.vocabulary(place),
            shared.request.columns.get(place),
        ) else {
            return Ok(None);
        };
        let (ColumnSource::Text(field) | ColumnSource::Boolean(field)) = &column.source else {
            return Ok(None);
        };
        let numbered =
            |name: &str, column: &TextColumn| NumberedTexts::new(unit, vocabulary, name, column);
        let (texts, scalars, from_record) = match field {
            Field::Path { path, .. } => {
                let columns = PathColumns::open(&unit.split, path)?;
                let from_record = columns.shown_from_record(within);
                let texts = columns.texts.as_ref();
                let texts = texts.map(|column| numbered(&columns.text_name, column));
                let has_scalars = columns.integers.is_some() || columns.booleans.is_some();
                (texts, has_scalars.then_some(columns), from_record)
            }
            Field::Account => {
                let accounts = unit.split.keys()?.account.as_ref();
                let texts = accounts.map(|column| numbered(layout::ACCOUNT, column));
                (texts, None, DocSet::none(within.range()))
            }
            _ => return Ok(None),
        };
        Ok(Some(Self {
            shared,
            unit,
            vocabulary,
            field,
            texts,
            scalars,
            scalar_numbers: HashMap::new(),
            from_record,
        }))
    }

    /// Whether the record tells the value of many documents.
    pub fn reads_records(&self) -> bool {
        !self.from_record.is_empty()
    }

    /// The numbers of what `docs` have, which ascend.
    pub fn read(&mut self, docs: &[u32], numbers: &mut Vec<u32>) -> Result<(), ScanError> {
        numbers.clear();
        numbers.resize(docs.len(), NONE);
        self.read_texts(docs, numbers)?;
        self.read_scalars(docs, numbers);
        self.read_records(docs, numbers)
    }

    fn read_texts(&self, docs: &[u32], numbers: &mut [u32]) -> Result<(), ScanError> {
        let Some(texts) = &self.texts else {
            return Ok(());
        };
        let mut unknown: Vec<(usize, u64)> = Vec::new();
        texts.column.visit(docs, |row, ord| {
            match (texts.numbers.get(ord), numbers.get_mut(row)) {
                (Some(number), Some(slot)) => *slot = number,
                _ => unknown.push((row, ord)),
            }
        });
        texts.number(self.unit, self.vocabulary, unknown, numbers)
    }

    fn read_scalars(&mut self, docs: &[u32], numbers: &mut [u32]) {
        let Some(columns) = &self.scalars else {
            return;
        };
        let mut found: Vec<(usize, Scalar)> = Vec::new();
        if let Some(column) = &columns.integers {
            column.visit(docs, |row, n| found.push((row, Scalar::Integer(n))));
        }
        if let Some(column) = &columns.booleans {
            column.visit(docs, |row, b| found.push((row, Scalar::Boolean(b))));
        }
        for (row, scalar) in found {
            let number = self.scalar_numbers.entry(scalar).or_insert_with(|| {
                let text = match scalar {
                    Scalar::Integer(n) => n.to_string(),
                    Scalar::Boolean(b) => b.to_string(),
                };
                let mut number = NONE;
                self.vocabulary
                    .number([text.as_str()].into_iter(), |_, n| number = n);
                number
            });
            if let Some(slot) = numbers.get_mut(row) {
                *slot = *number;
            }
        }
    }

    fn read_records(&self, docs: &[u32], numbers: &mut [u32]) -> Result<(), ScanError> {
        if self.from_record.is_empty() {
            return Ok(());
        }
        let (rows, left): (Vec<usize>, Vec<u32>) = docs
            .iter()
            .enumerate()
            .filter(|(_, doc)| self.from_record.contains(**doc))
            .map(|(row, doc)| (row, *doc))
            .unzip();
        let (mut rows, mut left) = (rows.as_slice(), left.as_slice());
        while !left.is_empty() {
            let fetched = self
                .shared
                .records
                .fetch_some(self.unit.event_keys(left)?)?;
            for (row, stored) in rows.iter().zip(&fetched) {
                let record = stored.read_members(&self.shared.column_members)?;
                let mut number = NONE;
                if let Some(text) = text_of(self.field, &record) {
                    self.vocabulary
                        .number([text.as_ref()].into_iter(), |_, n| number = n);
                }
                if let Some(slot) = numbers.get_mut(*row) {
                    *slot = number;
                }
            }
            rows = rows.get(fetched.len()..).unwrap_or_default();
            left = left.get(fetched.len()..).unwrap_or_default();
        }
        Ok(())
    }
}
