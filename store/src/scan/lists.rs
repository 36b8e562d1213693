//! Lists of objects out of columns: the documented lists whose members have
//! columns and whose shape a split keeps ([`layout::LIST`]).

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, ListArray, StringViewArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::kernels::zip::zip;
use arrow::datatypes::DataType;

use super::error::ScanError;
use super::evaluate::marked;
use super::text_rows::TextRows;
use super::unit::SplitUnit;
use crate::fields::{self, KnownField};
use crate::index::docset::DocSet;
use crate::index::layout;
use crate::index::leaves::list_members;
use crate::index::reader::SplitReader;

/// Whether splits keep the shape of the list at a path.
pub(super) fn has_shapes(path: &str) -> bool {
    fields::known(path).and_then(list_members).is_some()
}

/// The documents whose list at a path its columns tell; none where the split
/// has no shapes of it.
pub(super) fn told_by_columns(
    split: &SplitReader,
    path: &str,
    within: &DocSet,
) -> Result<Option<DocSet>, ScanError> {
    let shapes = split.marks(&shapes_of(path))?;
    Ok(shapes.map(|shapes| shapes.documents(within)))
}

/// The documents whose list at a path the record tells.
pub(super) fn left_to_record(
    split: &SplitReader,
    path: &str,
    within: &DocSet,
) -> Result<DocSet, ScanError> {
    let nested = marked(split, layout::SEE_RECORD, path, within)?;
    Ok(match told_by_columns(split, path, within)? {
        Some(lists) => nested.minus(&lists),
        None => nested,
    })
}

fn shapes_of(path: &str) -> String {
    format!("{}{path}", layout::LIST)
}

/// `from_records`, a row for each of `docs`, with the lists of the documents that
/// are `told` by columns.
pub(super) fn with_columns(
    unit: &SplitUnit,
    path: &str,
    docs: &[u32],
    from_records: ArrayRef,
    told: &DocSet,
) -> Result<ArrayRef, ScanError> {
    let Some(known) = fields::known(path) else {
        return Ok(from_records);
    };
    let (Some(members), Some(lists)) = (list_members(known), Lists::read(unit, path, docs)?) else {
        return Ok(from_records);
    };
    let from_columns: ArrayRef = Arc::new(lists.array(unit, known, &members, docs)?);
    if from_records.null_count() == from_records.len() {
        return Ok(from_columns);
    }
    let is_told: BooleanArray = docs.iter().map(|doc| Some(told.contains(*doc))).collect();
    Ok(zip(&is_told, &from_columns, &from_records)?)
}

/// The shapes of the lists of some documents.
pub(super) struct Lists {
    /// By row; none where columns tell of no list.
    shapes: Vec<Option<Arc<[u8]>>>,
}

impl Lists {
    /// None where the split keeps no shapes of the list.
    pub fn read(unit: &SplitUnit, path: &str, docs: &[u32]) -> Result<Option<Self>, ScanError> {
        let name = shapes_of(path);
        let Some(column) = unit.split.texts(&name)? else {
            return Ok(None);
        };
        let mut found = Vec::with_capacity(docs.len());
        column.visit(docs, |row, ord| found.push((row, ord)));
        let mut ords: Vec<u64> = found.iter().map(|(_, ord)| *ord).collect();
        ords.sort_unstable();
        ords.dedup();
        let texts = unit.texts(&name, &column, ords.clone())?;
        let mut by_ord = Vec::with_capacity(ords.len());
        for ord in &ords {
            let digits = texts.text(*ord).map(|text| {
                let digits = text.chars().map(|c| c.to_digit(16).map(|bits| bits as u8));
                digits.collect::<Option<Arc<[u8]>>>()
            });
            by_ord.push(digits.flatten().ok_or_else(|| {
                let reason = format!("ordinal {ord} is no shape of a list");
                ScanError::damaged(unit.split.path(), &name, reason)
            })?);
        }
        let mut shapes = vec![None; docs.len()];
        for (row, ord) in found {
            if let (Some(slot), Ok(at)) = (shapes.get_mut(row), ords.binary_search(&ord)) {
                *slot = by_ord.get(at).cloned();
            }
        }
        Ok(Some(Self { shapes }))
    }

    /// For each row the bits of each element's members; none where columns tell of no list.
    pub fn shapes(&self) -> impl Iterator<Item = Option<&[u8]>> {
        self.shapes.iter().map(Option::as_deref)
    }

    /// Whether columns tell the list of a row.
    pub fn has(&self, row: usize) -> bool {
        self.shapes.get(row).is_some_and(Option::is_some)
    }

    /// Of all elements, one row after another, those that have the member at a place.
    pub fn elements_with(&self, member: usize) -> Vec<usize> {
        let all = self.shapes.iter().flatten().flat_map(|shape| shape.iter());
        let with = all
            .enumerate()
            .filter(|(_, bits)| **bits >> member & 1 == 1);
        with.map(|(element, _)| element).collect()
    }

    fn array(
        &self,
        unit: &SplitUnit,
        field: &KnownField,
        members: &[&'static KnownField],
        docs: &[u32],
    ) -> Result<ListArray, ScanError> {
        let data_type = field.arrow_type();
        let (DataType::List(item), n_elements) = (&data_type, self.n_elements()) else {
            let reason = "a list of another type than its shape";
            return Err(ScanError::damaged(unit.split.path(), field.path, reason));
        };
        let DataType::Struct(item_fields) = item.data_type() else {
            let reason = "a list of no objects";
            return Err(ScanError::damaged(unit.split.path(), field.path, reason));
        };
        let mut children: Vec<ArrayRef> = Vec::with_capacity(members.len());
        for (place, member) in members.iter().enumerate() {
            children.push(Arc::new(
                self.member(unit, member, place, n_elements, docs)?,
            ));
        }
        let elements =
            StructArray::try_new_with_length(item_fields.clone(), children, None, n_elements)?;
        let lengths = self
            .shapes
            .iter()
            .map(|s| s.as_ref().map_or(0, |s| s.len()));
        let valid: NullBuffer = self.shapes.iter().map(Option::is_some).collect();
        Ok(ListArray::try_new(
            Arc::clone(item),
            OffsetBuffer::from_lengths(lengths),
            Arc::new(elements),
            Some(valid),
        )?)
    }

    fn n_elements(&self) -> usize {
        self.shapes.iter().flatten().map(|shape| shape.len()).sum()
    }

    /// The member of all elements: its values follow each other as the elements
    /// that have it.
    fn member(
        &self,
        unit: &SplitUnit,
        member: &KnownField,
        place: usize,
        n_elements: usize,
        docs: &[u32],
    ) -> Result<StringViewArray, ScanError> {
        let mut texts = TextRows::new(n_elements);
        let wanted = self.elements_with(place);
        let name = format!("{}{}", layout::TEXT, member.path);
        let mut found = Vec::with_capacity(wanted.len());
        if let Some(column) = unit.split.texts(&name)? {
            column.visit(docs, |row, ord| {
                if self.has(row) {
                    found.push(ord);
                }
            });
            if found.len() == wanted.len() {
                let placed: Vec<(usize, u64)> =
                    wanted.iter().copied().zip(found.iter().copied()).collect();
                texts.set_ords(unit, &name, &column, &placed)?;
            }
        }
        if found.len() != wanted.len() {
            return Err(odd_values(unit, member.path, found.len(), wanted.len()));
        }
        Ok(texts.finish())
    }
}

/// That a member's column has not as many values as the shapes of the lists say.
pub(super) fn odd_values(
    unit: &SplitUnit,
    member: &str,
    n_values: usize,
    n_elements: usize,
) -> ScanError {
    let name = format!("{}{member}", layout::TEXT);
    let reason = format!("{n_values} values for {n_elements} elements");
    ScanError::damaged(unit.split.path(), &name, reason)
}
