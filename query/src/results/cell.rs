//! One value of an answer, as text and as JSON.
//!
//! Text is how CloudTrail Lake renders values (`{k=v}`, `[a, b]`, times with a blank and
//! milliseconds), which its users' scripts read. JSON is typed: numbers, booleans, null,
//! ISO 8601 times in UTC.

use std::borrow::Cow;
use std::fmt::Write as _;

use chrono::{DateTime, NaiveDate, Utc};
use datafusion::arrow::array::cast::AsArray;
use datafusion::arrow::array::{Array, ArrayRef};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Date64Type, Float16Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use serde_json::{Map, Number, Value};

/// What a cell holds, once for both renderings.
enum Cell<'a> {
    Null,
    Text(Cow<'a, str>),
    Boolean(bool),
    /// A number in decimal digits.
    Number(String),
    /// A float that is not a number of JSON.
    NotFinite(f64),
    Time(Option<DateTime<Utc>>),
    List(ArrayRef),
    /// Names and the values at a row.
    Struct(Vec<(&'a str, &'a ArrayRef)>, usize),
    /// Keys and values.
    Map(ArrayRef, ArrayRef),
}

fn cell(array: &dyn Array, row: usize) -> Cell<'_> {
    if array.is_null(row) {
        return Cell::Null;
    }
    macro_rules! integer {
        ($kind:ty) => {
            Cell::Number(array.as_primitive::<$kind>().value(row).to_string())
        };
    }
    match array.data_type() {
        DataType::Null => Cell::Null,
        DataType::Utf8 => Cell::Text(array.as_string::<i32>().value(row).into()),
        DataType::LargeUtf8 => Cell::Text(array.as_string::<i64>().value(row).into()),
        DataType::Utf8View => Cell::Text(array.as_string_view().value(row).into()),
        DataType::Boolean => Cell::Boolean(array.as_boolean().value(row)),
        DataType::Int8 => integer!(Int8Type),
        DataType::Int16 => integer!(Int16Type),
        DataType::Int32 => integer!(Int32Type),
        DataType::Int64 => integer!(Int64Type),
        DataType::UInt8 => integer!(UInt8Type),
        DataType::UInt16 => integer!(UInt16Type),
        DataType::UInt32 => integer!(UInt32Type),
        DataType::UInt64 => integer!(UInt64Type),
        DataType::Float16 => float(array.as_primitive::<Float16Type>().value(row).into()),
        // Through its digits: 0.1 as f32 is not 0.10000000149.
        DataType::Float32 => {
            let digits = array.as_primitive::<Float32Type>().value(row).to_string();
            float(digits.parse().unwrap_or(f64::NAN))
        }
        DataType::Float64 => float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Timestamp(unit, _) => Cell::Time(time(array, *unit, row)),
        DataType::Date32 => date(Date32Type::to_naive_date_opt(
            array.as_primitive::<Date32Type>().value(row),
        )),
        DataType::Date64 => date(Date64Type::to_naive_date_opt(
            array.as_primitive::<Date64Type>().value(row),
        )),
        DataType::Binary => hex(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => hex(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => hex(array.as_binary_view().value(row)),
        DataType::FixedSizeBinary(_) => hex(array.as_fixed_size_binary().value(row)),
        DataType::List(_) => Cell::List(array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => Cell::List(array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(_, _) => Cell::List(array.as_fixed_size_list().value(row)),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let members = fields.iter().map(|f| f.name().as_str()).zip(columns);
            Cell::Struct(members.collect(), row)
        }
        DataType::Map(_, _) => {
            let entries = array.as_map().value(row);
            match entries.columns() {
                [keys, values] => Cell::Map(keys.clone(), values.clone()),
                _ => Cell::Null,
            }
        }
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            match dictionary.normalized_keys().get(row) {
                Some(key) => cell(dictionary.values().as_ref(), *key),
                None => Cell::Null,
            }
        }
        DataType::Decimal32(_, _)
        | DataType::Decimal64(_, _)
        | DataType::Decimal128(_, _)
        | DataType::Decimal256(_, _) => Cell::Number(formatted(array, row)),
        _ => Cell::Text(formatted(array, row).into()),
    }
}

/// Types that answers seldom hold (intervals, times of day), as Arrow writes them.
fn formatted(array: &dyn Array, row: usize) -> String {
    ArrayFormatter::try_new(array, &FormatOptions::default())
        .map(|formatter| formatter.value(row).to_string())
        .unwrap_or_default()
}

fn float(value: f64) -> Cell<'static> {
    match value.is_finite() {
        // Debug keeps the `.0` that tells a float from an integer.
        true => Cell::Number(format!("{value:?}")),
        false => Cell::NotFinite(value),
    }
}

fn date(date: Option<NaiveDate>) -> Cell<'static> {
    date.map_or(Cell::Null, |date| Cell::Text(date.to_string().into()))
}

fn hex(bytes: &[u8]) -> Cell<'static> {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    Cell::Text(text.into())
}

fn time(array: &dyn Array, unit: TimeUnit, row: usize) -> Option<DateTime<Utc>> {
    match unit {
        TimeUnit::Second => {
            DateTime::from_timestamp(array.as_primitive::<TimestampSecondType>().value(row), 0)
        }
        TimeUnit::Millisecond => DateTime::from_timestamp_millis(
            array.as_primitive::<TimestampMillisecondType>().value(row),
        ),
        TimeUnit::Microsecond => DateTime::from_timestamp_micros(
            array.as_primitive::<TimestampMicrosecondType>().value(row),
        ),
        TimeUnit::Nanosecond => Some(DateTime::from_timestamp_nanos(
            array.as_primitive::<TimestampNanosecondType>().value(row),
        )),
    }
}

/// A cell as CloudTrail Lake renders it; None for null.
///
/// **Shape**: times `YYYY-MM-DD HH:MM:SS.mmm` in UTC, maps and structs `{k=v, l=w}`, lists
/// `[a, b]`, a null inside them `null`, no quoting. **Source**: the results of
/// `GetQueryResults` in the CloudTrail user guide.
pub fn cell_text(array: &dyn Array, row: usize) -> Option<Cow<'_, str>> {
    Some(match cell(array, row) {
        Cell::Null => return None,
        Cell::Text(text) => text,
        Cell::Boolean(true) => "true".into(),
        Cell::Boolean(false) => "false".into(),
        Cell::Number(digits) => digits.into(),
        Cell::NotFinite(value) if value.is_nan() => "NaN".into(),
        Cell::NotFinite(value) if value < 0.0 => "-Infinity".into(),
        Cell::NotFinite(_) => "Infinity".into(),
        Cell::Time(time) => time?.format("%Y-%m-%d %H:%M:%S%.3f").to_string().into(),
        Cell::List(items) => {
            let items = (0..items.len()).map(|i| nested_text(items.as_ref(), i));
            format!("[{}]", joined(items)).into()
        }
        Cell::Struct(members, row) => {
            let members = members
                .iter()
                .map(|(name, column)| format!("{name}={}", nested_text(column.as_ref(), row)));
            format!("{{{}}}", joined(members)).into()
        }
        Cell::Map(keys, values) => {
            let entries = (0..keys.len()).map(|i| {
                let key = nested_text(keys.as_ref(), i);
                format!("{key}={}", nested_text(values.as_ref(), i))
            });
            format!("{{{}}}", joined(entries)).into()
        }
    })
}

fn nested_text(array: &dyn Array, row: usize) -> String {
    cell_text(array, row).map_or_else(|| "null".to_owned(), Cow::into_owned)
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// A cell as a JSON value. Maps and structs are objects; of a repeated key the last value
/// is kept. Numbers that JSON lacks are null.
pub fn cell_json(array: &dyn Array, row: usize) -> Value {
    match cell(array, row) {
        Cell::Null | Cell::NotFinite(_) => Value::Null,
        Cell::Text(text) => Value::String(text.into_owned()),
        Cell::Boolean(value) => Value::Bool(value),
        Cell::Number(digits) => number(&digits),
        Cell::Time(time) => time.map_or(Value::Null, |time| {
            Value::String(time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
        }),
        Cell::List(items) => Value::Array(
            (0..items.len())
                .map(|i| cell_json(items.as_ref(), i))
                .collect(),
        ),
        Cell::Struct(members, row) => members
            .iter()
            .map(|(name, column)| ((*name).to_owned(), cell_json(column.as_ref(), row)))
            .collect::<Map<_, _>>()
            .into(),
        Cell::Map(keys, values) => (0..keys.len())
            .map(|i| (nested_text(keys.as_ref(), i), cell_json(values.as_ref(), i)))
            .collect::<Map<_, _>>()
            .into(),
    }
}

/// Digits as a JSON number; decimals beyond a float's digits stay text rather than change.
fn number(digits: &str) -> Value {
    if let Ok(integer) = digits.parse::<i64>() {
        return integer.into();
    }
    if let Ok(integer) = digits.parse::<u64>() {
        return integer.into();
    }
    digits
        .parse::<f64>()
        .ok()
        .and_then(Number::from_f64)
        .map_or_else(|| Value::String(digits.to_owned()), Value::Number)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{
        ArrayRef, Float64Array, Int64Array, ListArray, MapBuilder, StringBuilder, StringViewArray,
        StructArray, TimestampMillisecondArray, TimestampNanosecondArray,
    };
    use datafusion::arrow::datatypes::Field;

    use super::*;

    fn both(array: ArrayRef) -> (Option<String>, String) {
        let text = cell_text(array.as_ref(), 0).map(Cow::into_owned);
        (text, cell_json(array.as_ref(), 0).to_string())
    }

    #[test]
    fn scalars() {
        let cases: [(ArrayRef, Option<&str>, &str); 7] = [
            (
                Arc::new(StringViewArray::from(vec!["a\"é"])),
                Some("a\"é"),
                "\"a\\\"é\"",
            ),
            (
                Arc::new(Int64Array::from(vec![i64::MAX])),
                Some("9223372036854775807"),
                "9223372036854775807",
            ),
            (Arc::new(Int64Array::from(vec![None::<i64>])), None, "null"),
            (Arc::new(Float64Array::from(vec![2.0])), Some("2.0"), "2.0"),
            (
                Arc::new(Float64Array::from(vec![f64::NAN])),
                Some("NaN"),
                "null",
            ),
            (
                Arc::new(TimestampMillisecondArray::from(vec![1_709_208_000_120])),
                Some("2024-02-29 12:00:00.120"),
                "\"2024-02-29T12:00:00.120Z\"",
            ),
            (
                Arc::new(TimestampNanosecondArray::from(vec![-1])),
                Some("1969-12-31 23:59:59.999"),
                "\"1969-12-31T23:59:59.999Z\"",
            ),
        ];
        for (array, text, json) in cases {
            assert_eq!(both(array), (text.map(str::to_owned), json.to_owned()));
        }
    }

    #[test]
    fn containers_look_like_lakes() {
        let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
        for (key, value) in [("k", Some("v")), ("l", None)] {
            map.keys().append_value(key);
            map.values().append_option(value);
        }
        map.append(true).expect("lengths agree");
        assert_eq!(
            both(Arc::new(map.finish())),
            (Some("{k=v, l=null}".into()), r#"{"k":"v","l":null}"#.into())
        );

        let number: ArrayRef = Arc::new(Int64Array::from(vec![1]));
        let field = |name: &str| Arc::new(Field::new(name, DataType::Int64, true));
        let members = StructArray::from(vec![(field("a"), number.clone()), (field("b"), number)]);
        assert_eq!(
            both(Arc::new(members)),
            (Some("{a=1, b=1}".into()), r#"{"a":1,"b":1}"#.into())
        );

        let list = ListArray::from_iter_primitive::<Int64Type, _, _>([Some([Some(1), None])]);
        assert_eq!(
            both(Arc::new(list)),
            (Some("[1, null]".into()), "[1,null]".into())
        );
    }
}
