//! From documents of a split to Arrow columns, reading as few records as the
//! columns of the split allow.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, StringViewArray,
    TimestampMillisecondArray,
};

use super::error::ScanError;
use super::evaluate::{PathColumns, marked};
use super::event_time::{is_event_time, usual_text};
use super::lists;
use super::materialise::{self, boolean_of, text_of};
use super::predicate::Field;
use super::record::{Record, StoredRecord};
use super::request::ColumnSource;
use super::run::Shared;
use super::text_rows::TextRows;
use super::unit::SplitUnit;
use crate::event::parse_time;
use crate::fields::{self, EVENT_JSON, EVENT_JSON_CHECKSUM, FieldType, KnownField};
use crate::index::docset::DocSet;
use crate::index::layout;
use crate::path::{Arrays, FieldPath};
use uuid::Uuid;

/// Rows of one split.
pub(crate) struct Rows<'s> {
    pub shared: &'s Shared,
    pub unit: &'s SplitUnit,
    /// Ascending.
    pub docs: &'s [u32],
}

impl Rows<'_> {
    /// The batch of these rows, or of the first of them where the records of all
    /// are too much memory. `known` are records that were read before.
    pub fn batch(&self, known: &[(u32, &StoredRecord)]) -> Result<(RecordBatch, usize), ScanError> {
        let columns = &self.shared.request.columns;
        let Some(range) = self.range() else {
            return Ok((RecordBatch::new_empty(Arc::clone(&self.shared.schema)), 0));
        };
        let within = DocSet::from_sorted(range.clone(), self.docs);
        let mut needed = DocSet::none(range);
        for column in columns {
            needed = needed.or(&self.left_to_record(&column.source, &within)?);
        }
        let is_known = |doc: u32| known.binary_search_by_key(&doc, |(d, _)| *d).is_ok();
        let missing: Vec<u32> = needed.iter().filter(|doc| !is_known(*doc)).collect();
        let fetched = self
            .shared
            .records
            .fetch_some(self.unit.event_keys(&missing)?)?;
        if let Some(first_left) = missing.get(fetched.len()) {
            let n = self.docs.partition_point(|d| d < first_left);
            let rows = Rows {
                docs: self.docs.get(..n).unwrap_or_default(),
                ..*self
            };
            let mut known = known.to_vec();
            known.extend(missing.iter().copied().zip(&fetched));
            known.sort_unstable_by_key(|(doc, _)| *doc);
            return rows.batch(&known);
        }
        let mut records: Vec<Option<&StoredRecord>> = vec![None; self.docs.len()];
        let fetched = missing.iter().copied().zip(&fetched);
        for (doc, record) in known.iter().copied().chain(fetched) {
            if let Ok(row) = self.docs.binary_search(&doc)
                && needed.contains(doc)
                && let Some(slot) = records.get_mut(row)
            {
                *slot = Some(record);
            }
        }
        let members = &self.shared.column_members;
        let records = records
            .into_iter()
            .map(|record| record.map(|r| r.read_members(members)).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        let records: Vec<Option<&Record<'_>>> = records.iter().map(Option::as_ref).collect();
        let arrays = columns
            .iter()
            .map(|column| self.column(&column.source, &within, &records))
            .collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.docs.len()));
        let schema = Arc::clone(&self.shared.schema);
        let batch = RecordBatch::try_new_with_options(schema, arrays, &options)?;
        Ok((batch, self.docs.len()))
    }

    fn range(&self) -> Option<std::ops::Range<u32>> {
        Some(*self.docs.first()?..self.docs.last()? + 1)
    }

    /// The documents whose value of a column comes from the record.
    fn left_to_record(&self, source: &ColumnSource, within: &DocSet) -> Result<DocSet, ScanError> {
        let none = || DocSet::none(within.range());
        match source {
            ColumnSource::Timestamp(Field::Path { path, .. }) if is_event_time(path) => Ok(none()),
            ColumnSource::Text(field)
            | ColumnSource::Boolean(field)
            | ColumnSource::Timestamp(field) => match field {
                Field::Time | Field::Account => Ok(none()),
                Field::IngestionTime if matches!(source, ColumnSource::Timestamp(_)) => {
                    Ok(within.clone())
                }
                Field::IngestionTime | Field::Source | Field::Import => Ok(within.clone()),
                Field::Path { path, .. } => self.path_from_record(path, within),
            },
            ColumnSource::Scalar { path, base } => self.scalar_from_record(path, *base, within),
            ColumnSource::Matches(predicate) => {
                let bounds = self.unit.bounds(predicate, within, &self.shared.cancel)?;
                Ok(bounds.may.minus(&bounds.must))
            }
            ColumnSource::Lake(index) => match lake(*index) {
                Lake::Leaf(source) => self.left_to_record(&source, within),
                Lake::Nested(path) => lists::left_to_record(&self.unit.split, path, within),
                Lake::Whole => Ok(within.clone()),
            },
        }
    }

    fn path_from_record(&self, path: &FieldPath, within: &DocSet) -> Result<DocSet, ScanError> {
        let split = &self.unit.split;
        let n_before = path.steps_before_position();
        if path.is_root() || n_before == 0 {
            return Ok(within.clone());
        }
        if is_event_time(path) {
            return marked(split, layout::SEE_RECORD, "eventTime", within);
        }
        if n_before < path.steps().len() {
            return Ok(PathColumns::open(split, &path.prefix(n_before))?.containers(within));
        }
        Ok(PathColumns::open(split, path)?.shown_from_record(within))
    }

    /// The documents whose scalar at a path below text that may be JSON comes
    /// from the record.
    fn scalar_from_record(
        &self,
        path: &FieldPath,
        base: usize,
        within: &DocSet,
    ) -> Result<DocSet, ScanError> {
        let from_record = self.path_from_record(path, within)?;
        if base == 0 {
            return Ok(from_record);
        }
        let base = PathColumns::open(&self.unit.split, &path.prefix(base))?;
        // A container has its scalars in columns; what has none there may also be a
        // text too long for a column.
        let has_scalar = PathColumns::open(&self.unit.split, path)?.present(within);
        let may_be_text = base.containers(within).minus(&has_scalar);
        Ok(from_record.or(&base.with_text(within)).or(&may_be_text))
    }

    fn column(
        &self,
        source: &ColumnSource,
        within: &DocSet,
        records: &[Option<&Record<'_>>],
    ) -> Result<ArrayRef, ScanError> {
        Ok(match source {
            ColumnSource::Text(field) => Arc::new(self.texts(field, within, records)?),
            ColumnSource::Boolean(field) => {
                let texts = self.texts(field, within, records)?;
                let booleans = texts.iter().map(|text| text.and_then(boolean_of));
                Arc::new(booleans.collect::<BooleanArray>())
            }
            ColumnSource::Timestamp(Field::Time) => Arc::new(self.times()?),
            ColumnSource::Timestamp(Field::Path { path, .. }) if is_event_time(path) => {
                Arc::new(self.times()?)
            }
            ColumnSource::Timestamp(Field::IngestionTime) => {
                let times = records
                    .iter()
                    .map(|r| r.map(|r| r.stored.provenance.arrived_ms));
                Arc::new(times.collect::<TimestampMillisecondArray>())
            }
            ColumnSource::Timestamp(field) => {
                let texts = self.texts(field, within, records)?;
                let times = texts.iter().map(|text| text.and_then(parse_time));
                Arc::new(times.collect::<TimestampMillisecondArray>())
            }
            ColumnSource::Matches(predicate) => {
                let bounds = self.unit.bounds(predicate, within, &self.shared.cancel)?;
                let matches = self.docs.iter().zip(records).map(|(doc, record)| {
                    let is_decided = bounds.must.contains(*doc) || !bounds.may.contains(*doc);
                    Some(match record {
                        Some(record) if !is_decided => predicate.matches(*record),
                        _ => bounds.must.contains(*doc),
                    })
                });
                Arc::new(matches.collect::<BooleanArray>())
            }
            ColumnSource::Scalar { path, base } => {
                let from_record = self.scalar_from_record(path, *base, within)?;
                let columns = PathColumns::open(&self.unit.split, path)?;
                let mut rows = TextRows::new(self.docs.len());
                self.fill_from_columns(&mut rows, &columns, &from_record)?;
                self.fill(&mut rows, &from_record, records, |record| {
                    materialise::scalar_of(path, *base, record)
                });
                Arc::new(rows.finish())
            }
            ColumnSource::Lake(index) => match lake(*index) {
                Lake::Leaf(source) => self.column(&source, within, records)?,
                Lake::Nested(path) => match lists::told_by_columns(&self.unit.split, path, within)?
                {
                    Some(told) => {
                        let is_asked = |doc: &u32| !told.contains(*doc);
                        let asked = self.docs.iter().zip(records);
                        let asked: Vec<Option<&Record<'_>>> = asked
                            .map(|(doc, record)| record.filter(|_| is_asked(doc)))
                            .collect();
                        let from_records = materialise::lake_column(*index, &asked)?;
                        lists::with_columns(self.unit, path, self.docs, from_records, &told)?
                    }
                    None => materialise::lake_column(*index, records)?,
                },
                Lake::Whole => materialise::lake_column(*index, records)?,
            },
        })
    }

    fn times(&self) -> Result<TimestampMillisecondArray, ScanError> {
        let time = &self.unit.split.keys()?.time;
        Ok(self.docs.iter().map(|doc| Some(time.value(*doc))).collect())
    }

    /// The field as text: out of the columns, or of the record where there is
    /// one.
    fn texts(
        &self,
        field: &Field,
        within: &DocSet,
        records: &[Option<&Record<'_>>],
    ) -> Result<StringViewArray, ScanError> {
        let mut rows = TextRows::new(self.docs.len());
        let keys = self.unit.split.keys()?;
        match field {
            Field::Time => {
                for (row, doc) in self.docs.iter().enumerate() {
                    rows.set(row, &keys.time.value(*doc).to_string());
                }
                return Ok(rows.finish());
            }
            Field::Account => {
                for (row, doc) in self.docs.iter().enumerate() {
                    match keys.account_of(*doc) {
                        "" => {}
                        account => rows.set(row, account),
                    }
                }
                return Ok(rows.finish());
            }
            Field::Path { path, .. } if is_event_time(path) => {
                let unusual = self.path_from_record(path, within)?;
                for (row, doc) in self.docs.iter().enumerate() {
                    if !unusual.contains(*doc)
                        && let Some(text) = usual_text(keys.time.value(*doc))
                    {
                        rows.set(row, &text);
                    }
                }
                self.fill(&mut rows, &unusual, records, |r| text_of(field, r));
            }
            Field::Path { path, .. }
                if !path.is_root() && path.steps_before_position() == path.steps().len() =>
            {
                let columns = PathColumns::open(&self.unit.split, path)?;
                let from_record = columns.shown_from_record(within);
                self.fill_from_columns(&mut rows, &columns, &from_record)?;
                self.fill(&mut rows, &from_record, records, |r| text_of(field, r));
            }
            Field::Path { path, .. } => {
                let from_record = self.path_from_record(path, within)?;
                self.fill(&mut rows, &from_record, records, |r| text_of(field, r));
            }
            Field::IngestionTime | Field::Source | Field::Import => {
                self.fill(&mut rows, within, records, |r| text_of(field, r));
            }
        }
        Ok(rows.finish())
    }

    fn fill(
        &self,
        rows: &mut TextRows,
        from_record: &DocSet,
        records: &[Option<&Record<'_>>],
        text_of: impl for<'r> Fn(&'r Record<'_>) -> Option<Cow<'r, str>>,
    ) {
        if from_record.is_empty() {
            return;
        }
        for ((row, doc), record) in self.docs.iter().enumerate().zip(records) {
            if let (true, Some(record)) = (from_record.contains(*doc), record)
                && let Some(text) = text_of(record)
            {
                rows.set(row, &text);
            }
        }
    }

    fn fill_from_columns(
        &self,
        rows: &mut TextRows,
        columns: &PathColumns,
        from_record: &DocSet,
    ) -> Result<(), ScanError> {
        let is_ours = |row: usize| {
            from_record.is_empty()
                || self
                    .docs
                    .get(row)
                    .is_some_and(|d| !from_record.contains(*d))
        };
        if let Some(column) = &columns.texts {
            let mut found = Vec::with_capacity(self.docs.len());
            column.visit(self.docs, |row, ord| {
                if is_ours(row) {
                    found.push((row, ord));
                }
            });
            rows.set_ords(self.unit, &columns.text_name, column, &found)?;
        }
        if let Some(column) = &columns.integers {
            column.visit(self.docs, |row, integer| {
                if is_ours(row) {
                    rows.set(row, &integer.to_string());
                }
            });
        }
        if let Some(column) = &columns.booleans {
            column.visit(self.docs, |row, boolean| {
                if is_ours(row) {
                    rows.set(row, if boolean { "true" } else { "false" });
                }
            });
        }
        if let Some(column) = &columns.uuids {
            let mut buffer = Uuid::encode_buffer();
            column.visit(self.docs, |row, uuid| {
                let text = Uuid::from_u128(uuid).hyphenated();
                rows.set(row, text.encode_lower(&mut buffer));
            });
        }
        Ok(())
    }
}

/// How a column of CloudTrail Lake's table is answered.
enum Lake {
    /// As a leaf of the record.
    Leaf(ColumnSource),
    /// From the records that have a container at this path; null elsewhere.
    Nested(&'static str),
    /// From every record.
    Whole,
}

fn lake(index: usize) -> Lake {
    let schema = fields::lake_schema();
    let Some(spelled) = schema
        .fields()
        .get(index)
        .and_then(|field| fields::spelled(field.name()))
    else {
        return Lake::Whole;
    };
    if spelled == EVENT_JSON || spelled == EVENT_JSON_CHECKSUM {
        return Lake::Whole;
    }
    let field = Field::path(FieldPath::of_keys([spelled]), Arrays::Exact);
    match fields::known(spelled).map(|known| known.field_type) {
        Some(FieldType::String) => Lake::Leaf(ColumnSource::Text(field)),
        Some(FieldType::Boolean) => Lake::Leaf(ColumnSource::Boolean(field)),
        Some(FieldType::Timestamp) => Lake::Leaf(ColumnSource::Timestamp(field)),
        Some(FieldType::Struct | FieldType::StructList | FieldType::Map) => Lake::Nested(spelled),
        None => Lake::Whole,
    }
}

/// The field of a column of CloudTrail Lake's table that holds containers.
pub(super) fn nested_field(index: usize) -> Option<&'static KnownField> {
    match lake(index) {
        Lake::Nested(path) => fields::known(path),
        Lake::Leaf(_) | Lake::Whole => None,
    }
}

/// Whether a column may need the records of most rows.
pub(crate) fn reads_records(source: &ColumnSource) -> bool {
    match source {
        ColumnSource::Timestamp(Field::Path { path, .. }) if is_event_time(path) => false,
        ColumnSource::Text(field)
        | ColumnSource::Boolean(field)
        | ColumnSource::Timestamp(field) => match field {
            Field::Time | Field::Account => false,
            Field::IngestionTime | Field::Source | Field::Import => true,
            Field::Path { path, .. } => {
                path.is_root() || path.steps_before_position() < path.steps().len()
            }
        },
        ColumnSource::Matches(_) | ColumnSource::Scalar { .. } => false,
        ColumnSource::Lake(index) => match lake(*index) {
            Lake::Leaf(source) => reads_records(&source),
            Lake::Nested(path) => !lists::has_shapes(path),
            Lake::Whole => true,
        },
    }
}
