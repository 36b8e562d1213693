//! What the elements of a list have, as numbers of vocabularies: a row for each element.
//!
//! The lists are the documented ones whose members have columns and whose shape a split
//! keeps (`scan::lists`); what columns do not tell is read from the record, as it would be
//! shown.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};

use super::numbers::NumberedTexts;
use super::vocabulary::{NONE, Reads, Vocabularies, Vocabulary};
use crate::fields::KnownField;
use crate::index::docset::DocSet;
use crate::index::layout;
use crate::index::leaves::list_members;
use crate::path::{Arrays, FieldPath};
use crate::scan::batch::nested_field;
use crate::scan::error::ScanError;
use crate::scan::lists::{self, Lists};
use crate::scan::materialise::lake_column;
use crate::scan::predicate::Field;
use crate::scan::record::Record;
use crate::scan::request::{ColumnSource, StoreId};
use crate::scan::run::Shared;
use crate::scan::unit::SplitUnit;

/// A list whose elements are grouped.
pub struct UnnestedList {
    /// Its column in CloudTrail Lake's table.
    lake_index: usize,
    path: &'static str,
    members: Vec<Member>,
    /// The places of members without which an element does not count.
    present: Vec<usize>,
}

struct Member {
    field: &'static KnownField,
    /// None where nobody asks for it.
    vocabulary: Option<Arc<Vocabulary>>,
}

impl UnnestedList {
    /// None where the column is no list whose shapes splits keep, or has no such members:
    /// those that elements are grouped by, and those that they must have.
    pub fn new(
        held: &Vocabularies,
        store: StoreId,
        source: &ColumnSource,
        grouped: &[usize],
        present: Vec<usize>,
    ) -> Option<Self> {
        let ColumnSource::Lake(lake_index) = source else {
            return None;
        };
        let list = nested_field(*lake_index)?;
        let fields = list_members(list)?;
        let is_asked = |place: usize| grouped.contains(&place) || present.contains(&place);
        let mut asked = grouped.iter().chain(&present);
        if asked.any(|member| *member >= fields.len()) {
            return None;
        }
        let member = |(place, field): (usize, &'static KnownField)| Member {
            field,
            vocabulary: is_asked(place).then(|| {
                let path = FieldPath::parse(field.path);
                let source = ColumnSource::Text(Field::path(path, Arrays::Any));
                held.of(store, &source, Reads::Text)
            }),
        };
        Some(Self {
            lake_index: *lake_index,
            path: list.path,
            members: fields.into_iter().enumerate().map(member).collect(),
            present,
        })
    }

    pub fn vocabulary(&self, member: usize) -> Option<&Vocabulary> {
        self.members.get(member)?.vocabulary.as_deref()
    }

    pub fn vocabularies(&self) -> impl Iterator<Item = &Arc<Vocabulary>> {
        self.members.iter().filter_map(|m| m.vocabulary.as_ref())
    }

    /// The elements that count.
    pub fn counted(&self, elements: Elements) -> Elements {
        if self.present.is_empty() {
            return elements;
        }
        let has = |element: usize, member: &usize| {
            let numbers = elements.members.get(*member);
            numbers.and_then(|numbers| numbers.get(element)) != Some(&NONE)
        };
        let all = 0..elements.rows.len();
        let counted: Vec<usize> = all
            .filter(|element| self.present.iter().all(|member| has(*element, member)))
            .collect();
        let of_counted = |numbers: &Vec<u32>| {
            let numbers = counted.iter().filter_map(|element| numbers.get(*element));
            numbers.copied().collect()
        };
        Elements {
            rows: of_counted(&elements.rows),
            members: elements.members.iter().map(of_counted).collect(),
        }
    }

    /// The elements of lists as a column of rows shows them.
    fn of_array(&self, lists: &ArrayRef, rows: &[u32]) -> Elements {
        let mut elements = Elements::new(self.members.len());
        let Some(lists) = lists.as_list_opt::<i32>() else {
            return elements;
        };
        let Some(values) = lists.values().as_struct_opt() else {
            return elements;
        };
        let mut places = Vec::new();
        for (i, row) in rows.iter().enumerate() {
            if lists.is_null(i) {
                continue;
            }
            let [start, end] = [i, i + 1].map(|i| lists.value_offsets().get(i).copied());
            let (Some(start), Some(end)) = (start, end) else {
                continue;
            };
            for place in start as usize..end as usize {
                places.push(place);
                elements.rows.push(*row);
            }
        }
        for (place, member) in self.members.iter().enumerate() {
            let (Some(vocabulary), Some(numbers)) =
                (&member.vocabulary, elements.members.get_mut(place))
            else {
                continue;
            };
            let texts = values.columns().get(place).map(|c| c.as_string_view_opt());
            numbers.resize(places.len(), NONE);
            let Some(Some(texts)) = texts else {
                continue;
            };
            for (place, slot) in places.iter().zip(numbers) {
                if values.is_valid(*place) && texts.is_valid(*place) {
                    let text = texts.value(*place);
                    vocabulary.number([text].into_iter(), |_, number| *slot = number);
                }
            }
        }
        elements
    }

    /// The elements of the lists of records.
    pub fn of_records(&self, records: &[Record<'_>]) -> Result<Elements, ScanError> {
        let shown: Vec<Option<&Record<'_>>> = records.iter().map(Some).collect();
        let lists = lake_column(self.lake_index, &shown)?;
        let rows: Vec<u32> = (0..records.len() as u32).collect();
        Ok(self.counted(self.of_array(&lists, &rows)))
    }
}

/// Elements of the lists of some rows.
#[derive(Default)]
pub struct Elements {
    /// The row of each, by its place among those that were asked for.
    pub rows: Vec<u32>,
    /// By the place of a member, the number of each element's; empty where nobody asks
    /// for it.
    pub members: Vec<Vec<u32>>,
}

impl Elements {
    fn new(n_members: usize) -> Self {
        Self {
            rows: Vec::new(),
            members: vec![Vec::new(); n_members],
        }
    }

    fn append(&mut self, mut other: Self) {
        self.rows.append(&mut other.rows);
        for (ours, theirs) in self.members.iter_mut().zip(&mut other.members) {
            ours.append(theirs);
        }
    }
}

/// The list of one split's documents.
pub struct NumberedList<'g> {
    shared: &'g Shared,
    unit: &'g SplitUnit,
    list: &'g UnnestedList,
    texts: Vec<Option<NumberedTexts>>,
    /// Whether the split keeps shapes.
    has_shapes: bool,
    /// Documents whose list the record tells.
    from_record: DocSet,
}

impl<'g> NumberedList<'g> {
    /// For documents of `within`.
    pub fn open(
        shared: &'g Shared,
        unit: &'g SplitUnit,
        list: &'g UnnestedList,
        within: &DocSet,
    ) -> Result<Self, ScanError> {
        let mut texts = Vec::with_capacity(list.members.len());
        for member in &list.members {
            let name = format!("{}{}", layout::TEXT, member.field.path);
            let column = match &member.vocabulary {
                Some(_) => unit.split.texts(&name)?,
                None => None,
            };
            let numbered = member.vocabulary.as_ref().zip(column);
            texts.push(
                numbered.map(|(vocabulary, column)| {
                    NumberedTexts::new(unit, vocabulary, &name, &column)
                }),
            );
        }
        Ok(Self {
            shared,
            unit,
            list,
            texts,
            has_shapes: lists::told_by_columns(&unit.split, list.path, within)?.is_some(),
            from_record: lists::left_to_record(&unit.split, list.path, within)?,
        })
    }

    /// Whether the record tells the lists of many documents.
    pub fn reads_records(&self) -> bool {
        !self.from_record.is_empty()
    }

    /// The elements of the lists of `docs`, which ascend.
    pub fn read(&self, docs: &[u32]) -> Result<Elements, ScanError> {
        let mut elements = match self.has_shapes {
            true => self.read_columns(docs)?,
            false => Elements::new(self.list.members.len()),
        };
        self.read_records(docs, &mut elements)?;
        Ok(self.list.counted(elements))
    }

    fn read_columns(&self, docs: &[u32]) -> Result<Elements, ScanError> {
        let mut elements = Elements::new(self.list.members.len());
        let Some(lists) = Lists::read(self.unit, self.list.path, docs)? else {
            return Ok(elements);
        };
        for (row, shape) in lists.shapes().enumerate() {
            let n_elements = shape.map_or(0, <[u8]>::len);
            let of_row = std::iter::repeat_n(row as u32, n_elements);
            elements.rows.extend(of_row);
        }
        let n_elements = elements.rows.len();
        for (place, (member, numbers)) in self
            .list
            .members
            .iter()
            .zip(&mut elements.members)
            .enumerate()
        {
            let Some(vocabulary) = &member.vocabulary else {
                continue;
            };
            numbers.resize(n_elements, NONE);
            let holders = lists.elements_with(place);
            let mut n_values = 0;
            if let Some(texts) = self.texts.get(place).and_then(Option::as_ref) {
                let mut unknown = Vec::new();
                texts.column.visit(docs, |row, ord| {
                    if !lists.has(row) {
                        return;
                    }
                    let holder = holders.get(n_values).copied();
                    n_values += 1;
                    let Some((element, slot)) =
                        holder.and_then(|element| Some((element, numbers.get_mut(element)?)))
                    else {
                        return;
                    };
                    match texts.numbers.get(ord) {
                        Some(number) => *slot = number,
                        None => unknown.push((element, ord)),
                    }
                });
                texts.number(self.unit, vocabulary, unknown, numbers)?;
            }
            if n_values != holders.len() {
                return Err(lists::odd_values(
                    self.unit,
                    member.field.path,
                    n_values,
                    holders.len(),
                ));
            }
        }
        Ok(elements)
    }

    fn read_records(&self, docs: &[u32], elements: &mut Elements) -> Result<(), ScanError> {
        if self.from_record.is_empty() {
            return Ok(());
        }
        let (rows, left): (Vec<u32>, Vec<u32>) = docs
            .iter()
            .zip(0..)
            .filter(|(doc, _)| self.from_record.contains(**doc))
            .map(|(doc, row)| (row, *doc))
            .unzip();
        let (mut rows, mut left) = (rows.as_slice(), left.as_slice());
        while !left.is_empty() {
            let keys = self.unit.event_keys(left)?;
            let fetched = self.shared.records.fetch_some(keys)?;
            let mut records = Vec::with_capacity(fetched.len());
            for stored in &fetched {
                records.push(stored.read_members(&self.shared.column_members)?);
            }
            let shown: Vec<Option<&Record<'_>>> = records.iter().map(Some).collect();
            let lists = lake_column(self.list.lake_index, &shown)?;
            let of_these = rows.get(..fetched.len()).unwrap_or(rows);
            elements.append(self.list.of_array(&lists, of_these));
            rows = rows.get(fetched.len()..).unwrap_or_default();
            left = left.get(fetched.len()..).unwrap_or_default();
        }
        Ok(())
    }
}
