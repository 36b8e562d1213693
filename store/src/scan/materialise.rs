//! Columns out of parsed records: the obvious way, which the plain path uses
//! for everything and splits for what their columns do not hold.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, BooleanBufferBuilder, ListArray, MapArray, NullArray, StringViewArray,
    StringViewBuilder, StructArray, TimestampMillisecondArray, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, FieldRef, Fields};
use sha2::{Digest, Sha256};

use super::error::ScanError;
use super::predicate::{Event, Field};
use super::record::Record;
use super::request::ColumnSource;
use crate::event::parse_time;
use crate::fields::{self, EVENT_JSON, EVENT_JSON_CHECKSUM, FieldType, KnownField};
use crate::json::{Json, Kind};
use crate::path::{Arrays, FieldPath};
use crate::resolve::{self, reached};

/// The text of a field, as results show it.
pub(crate) fn text_of<'r>(field: &Field, record: &'r Record<'_>) -> Option<Cow<'r, str>> {
    match field {
        Field::Path { path, arrays } => resolve::shown(&record.json, path, *arrays),
        Field::Time => Some(Cow::Owned(record.time_ms().to_string())),
        Field::Account => match record.account() {
            "" => None,
            account => Some(Cow::Borrowed(account)),
        },
        Field::IngestionTime => Some(Cow::Owned(record.ingestion_time_ms().to_string())),
        Field::Source => Some(Cow::Owned(record.source())),
        Field::Import => Some(Cow::Owned(record.import())),
    }
}

/// See [`ColumnSource::Scalar`].
pub(crate) fn scalar_of<'r>(
    path: &FieldPath,
    base: usize,
    record: &'r Record<'_>,
) -> Option<Cow<'r, str>> {
    if let [only] = reached(&record.json, &path.prefix(base), Arrays::Exact).as_slice()
        && base > 0
        && let Kind::String(text) = &only.kind
    {
        let rest = FieldPath::new(path.steps().get(base..)?.to_vec());
        let json = Json::parse(text.as_bytes()).ok()?;
        let scalar = reached(&json, &rest, Arrays::Exact)
            .first()?
            .scalar_text()?;
        return Some(Cow::Owned(scalar.to_owned()));
    }
    let values = reached(&record.json, path, Arrays::Exact);
    values.first()?.scalar_text().map(Cow::Borrowed)
}

/// `true` and `false`, as JSON booleans or as text; anything else is null.
pub(crate) fn boolean_of(text: &str) -> Option<bool> {
    match text {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A column of these records, a row each.
pub(crate) fn column(
    source: &ColumnSource,
    records: &[&Record<'_>],
) -> Result<ArrayRef, ScanError> {
    let texts = |field: &Field| -> Vec<Option<Cow<'_, str>>> {
        records.iter().map(|r| text_of(field, r)).collect()
    };
    Ok(match source {
        ColumnSource::Text(field) => Arc::new(text_array(texts(field))),
        ColumnSource::Boolean(field) => Arc::new(boolean_array(texts(field))),
        ColumnSource::Timestamp(Field::Time) => Arc::new(TimestampMillisecondArray::from_iter(
            records.iter().map(|r| Some(r.time_ms())),
        )),
        ColumnSource::Timestamp(Field::IngestionTime) => {
            Arc::new(TimestampMillisecondArray::from_iter(
                records.iter().map(|r| Some(r.ingestion_time_ms())),
            ))
        }
        ColumnSource::Timestamp(field) => Arc::new(time_array(texts(field))),
        ColumnSource::Scalar { path, base } => Arc::new(text_array(
            records.iter().map(|r| scalar_of(path, *base, r)),
        )),
        ColumnSource::Matches(predicate) => Arc::new(BooleanArray::from_iter(
            records.iter().map(|r| Some(predicate.matches(*r))),
        )),
        ColumnSource::Lake(index) => {
            let records: Vec<Option<&Record<'_>>> = records.iter().copied().map(Some).collect();
            lake_column(*index, &records)?
        }
    })
}

/// A column of CloudTrail Lake's table; null where there is no record.
pub(crate) fn lake_column(
    index: usize,
    records: &[Option<&Record<'_>>],
) -> Result<ArrayRef, ScanError> {
    let schema = fields::lake_schema();
    let name = schema.field(index).name();
    let spelled = fields::spelled(name).unwrap_or_default();
    if spelled == EVENT_JSON {
        return Ok(Arc::new(text_array(
            records.iter().map(|r| r.map(|r| Cow::Borrowed(r.json.raw))),
        )));
    }
    if spelled == EVENT_JSON_CHECKSUM {
        return Ok(Arc::new(text_array(
            records
                .iter()
                .map(|r| r.map(|r| Cow::Owned(checksum(&r.stored.record)))),
        )));
    }
    let values: Vec<Option<&Json<'_>>> = records
        .iter()
        .map(|r| r.and_then(|r| r.json.get(spelled)))
        .collect();
    match fields::known(spelled) {
        Some(known) => nested(known, &values),
        None => Ok(Arc::new(NullArray::new(records.len()))),
    }
}

/// The SHA-256 of a record's bytes, in lower-case hex.
fn checksum(record: &[u8]) -> String {
    Sha256::digest(record)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

/// A value of each row, by the type that the catalogue of fields gives it. A
/// value of another shape is null.
fn nested(field: &KnownField, values: &[Option<&Json<'_>>]) -> Result<ArrayRef, ScanError> {
    let texts = || {
        values
            .iter()
            .map(|v| v.and_then(Json::text).map(Cow::Borrowed))
    };
    Ok(match field.field_type {
        FieldType::String => Arc::new(text_array(texts())),
        FieldType::Boolean => Arc::new(boolean_array(texts())),
        FieldType::Timestamp => Arc::new(time_array(texts())),
        FieldType::Map => map_array(values)?,
        FieldType::Struct => struct_array(field.path, &field.arrow_type(), values)?,
        FieldType::StructList => list_array(field, values)?,
    })
}

fn struct_array(
    path: &str,
    data_type: &DataType,
    values: &[Option<&Json<'_>>],
) -> Result<ArrayRef, ScanError> {
    let DataType::Struct(arrow_fields) = data_type else {
        return Ok(new_null_array(data_type, values.len()));
    };
    let is_object = |v: &Option<&Json<'_>>| v.is_some_and(|v| matches!(v.kind, Kind::Object(_)));
    let valid: NullBuffer = values.iter().map(is_object).collect();
    let children = fields::members(path)
        .map(|member| {
            let values: Vec<Option<&Json<'_>>> = values
                .iter()
                .map(|v| v.and_then(|v| v.get(member.key())))
                .collect();
            nested(member, &values)
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(StructArray::try_new(
        arrow_fields.clone(),
        children,
        Some(valid),
    )?))
}

fn list_array(field: &KnownField, values: &[Option<&Json<'_>>]) -> Result<ArrayRef, ScanError> {
    let data_type = field.arrow_type();
    let DataType::List(item) = &data_type else {
        return Ok(new_null_array(&data_type, values.len()));
    };
    let mut elements = Vec::new();
    let mut lengths = Vec::with_capacity(values.len());
    let mut valid = BooleanBufferBuilder::new(values.len());
    for value in values {
        let array = match value.map(|v| &v.kind) {
            Some(Kind::Array(array)) => Some(array),
            _ => None,
        };
        valid.append(array.is_some());
        let array = array.map(Vec::as_slice).unwrap_or_default();
        lengths.push(array.len());
        elements.extend(array.iter().map(Some));
    }
    let structs = struct_array(field.path, item.data_type(), &elements)?;
    Ok(Arc::new(ListArray::try_new(
        Arc::clone(item),
        OffsetBuffer::from_lengths(lengths),
        structs,
        Some(NullBuffer::new(valid.finish())),
    )?))
}

fn map_array(values: &[Option<&Json<'_>>]) -> Result<ArrayRef, ScanError> {
    let data_type = fields::map_type();
    let Some((entries, entry_fields)) = entries_of(&data_type) else {
        return Ok(new_null_array(&data_type, values.len()));
    };
    let mut keys = StringViewBuilder::new();
    let mut texts = StringViewBuilder::new();
    let mut lengths = Vec::with_capacity(values.len());
    let mut valid = BooleanBufferBuilder::new(values.len());
    for value in values {
        let object = value.filter(|v| matches!(v.kind, Kind::Object(_)));
        valid.append(object.is_some());
        let mut length = 0;
        for (key, member) in object.into_iter().flat_map(Json::members) {
            keys.append_value(key);
            texts.append_option(member.text());
            length += 1;
        }
        lengths.push(length);
    }
    let structs = StructArray::try_new(
        entry_fields.clone(),
        vec![Arc::new(keys.finish()), Arc::new(texts.finish())],
        None,
    )?;
    Ok(Arc::new(MapArray::try_new(
        Arc::clone(entries),
        OffsetBuffer::from_lengths(lengths),
        structs,
        Some(NullBuffer::new(valid.finish())),
        false,
    )?))
}

fn entries_of(map: &DataType) -> Option<(&FieldRef, &Fields)> {
    match map {
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) => Some((entries, fields)),
            _ => None,
        },
        _ => None,
    }
}

fn text_array<'t>(texts: impl IntoIterator<Item = Option<Cow<'t, str>>>) -> StringViewArray {
    let mut builder = StringViewBuilder::new();
    for text in texts {
        builder.append_option(text);
    }
    builder.finish()
}

fn boolean_array<'t>(texts: impl IntoIterator<Item = Option<Cow<'t, str>>>) -> BooleanArray {
    texts
        .into_iter()
        .map(|text| text.as_deref().and_then(boolean_of))
        .collect()
}

fn time_array<'t>(
    texts: impl IntoIterator<Item = Option<Cow<'t, str>>>,
) -> TimestampMillisecondArray {
    texts
        .into_iter()
        .map(|text| text.as_deref().and_then(parse_time))
        .collect()
}
