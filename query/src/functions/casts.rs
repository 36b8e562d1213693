//! Casts that DataFusion has none of, or others than Trino's: to and from JSON, and to
//! text.
//!
//! The planner puts these functions where a `CAST` needs them; any other cast is
//! DataFusion's own.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, ListArray, MapArray, StringViewArray,
    StructArray, new_null_array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{CastOptions, cast, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use tarn_store::json::{Json, Kind as JsonKind};

use super::call::{Call, Function, Kind, Returns, is_text};
use super::datetime;
use super::json::{MapTexts, push_json_string};
use crate::sql::types::SqlType;

use Kind::{Any, Text, Time};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::of(JSON_TO_TEXT, &[Text], Returns::Text, json_to_text),
    Function::of(JSON_TO, &[Text, Any], Returns::Decided(named_type), json_to),
    Function::of(TO_JSON, &[Any], Returns::Json, to_json),
    Function::of(JSON_AS_JSON, &[Text], Returns::Json, |call| call.array(0)),
    Function::of(
        TIME_TO_TEXT,
        &[Time],
        Returns::Text,
        datetime::times_as_text,
    ),
];

/// `CAST(json AS varchar)`: a string without its quotes, any other value as written.
pub(crate) const JSON_TO_TEXT: &str = "json_to_varchar";
/// `CAST(json AS type)`, the type by its name.
pub(crate) const JSON_TO: &str = "json_cast";
/// `CAST(x AS json)`.
pub(crate) const TO_JSON: &str = "to_json";
/// `JSON '…'`: text that is JSON, marked so.
pub(crate) const JSON_AS_JSON: &str = "json_literal";
/// `CAST(timestamp AS varchar)`: `2023-01-02 03:04:05.000`.
pub(crate) const TIME_TO_TEXT: &str = "time_to_varchar";

fn json_to_text(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    call.texts(|row| {
        let Some(text) = texts.get(row) else {
            return Ok(None);
        };
        Ok(match Json::parse(text.as_bytes()) {
            Ok(json) => json.text().map(|t| Cow::Owned(t.to_owned())),
            // `json_array_get` gives strings without quotes; they are text already.
            Err(_) => Some(Cow::Borrowed(text)),
        })
    })
}

fn named_type(_: &[FieldRef], constants: &[Option<&ScalarValue>]) -> Result<Field> {
    let name = constants
        .get(1)
        .copied()
        .flatten()
        .and_then(ScalarValue::try_as_str);
    let Some(Some(name)) = name else {
        return plan_err!("the type of a cast is a constant");
    };
    match SqlType::parse(name) {
        Ok(sql_type) => Ok(sql_type.field("", true)),
        Err(reason) => plan_err!("{reason}"),
    }
}

fn json_to(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let names = call.text(1)?;
    let Some(Ok(sql_type)) = names.constant().map(SqlType::parse) else {
        return exec_err!("the type of a cast is a constant");
    };
    let parsed: Vec<Option<Json>> = (0..call.rows)
        .map(|row| match texts.get(row) {
            None => Ok(None),
            Some(text) => match Json::parse(text.as_bytes()) {
                Ok(json) => Ok(Some(json)),
                Err(error) => call.fail(|| format!("not JSON: {error}")),
            },
        })
        .collect::<Result<_>>()?;
    let values: Vec<Option<&Json>> = parsed.iter().map(Option::as_ref).collect();
    column_of(call, &values, &sql_type)
}

/// A column of JSON values cast to a type. JSON's null is SQL's.
fn column_of(call: &Call, values: &[Option<&Json>], wanted: &SqlType) -> Result<ArrayRef> {
    let present = |value: &Option<&Json>| value.is_some_and(|v| !v.is_null());
    match wanted {
        SqlType::Array(item) => {
            let mut items = Vec::new();
            let mut lengths = Vec::with_capacity(values.len());
            let mut valid = Vec::with_capacity(values.len());
            for value in values {
                let elements: Option<&[Json]> = match value.filter(|v| !v.is_null()) {
                    None => None,
                    Some(json) => match &json.kind {
                        JsonKind::Array(elements) => Some(elements),
                        _ => mismatch(call, json, wanted)?,
                    },
                };
                items.extend(elements.unwrap_or_default().iter().map(Some));
                lengths.push(elements.map_or(0, <[Json]>::len));
                valid.push(elements.is_some());
            }
            Ok(Arc::new(ListArray::try_new(
                Arc::new(item.field("item", true)),
                OffsetBuffer::from_lengths(lengths),
                column_of(call, &items, item)?,
                Some(NullBuffer::from(valid)),
            )?))
        }
        SqlType::Map(key, value_type) => {
            let mut keys = Vec::new();
            let mut items = Vec::new();
            let mut lengths = Vec::with_capacity(values.len());
            let mut valid = Vec::with_capacity(values.len());
            for value in values {
                let members = match value.filter(|v| !v.is_null()) {
                    None => None,
                    Some(json) => match &json.kind {
                        JsonKind::Object(members) => Some(members.as_slice()),
                        _ => mismatch(call, json, wanted)?,
                    },
                };
                for (name, item) in members.unwrap_or_default() {
                    keys.push(name.as_ref());
                    items.push(Some(item));
                }
                lengths.push(members.map_or(0, <[_]>::len));
                valid.push(members.is_some());
            }
            let DataType::Map(entries, sorted) = wanted.arrow() else {
                return exec_err!("a map's type is a map");
            };
            let DataType::Struct(fields) = entries.data_type() else {
                return exec_err!("a map's entries are pairs");
            };
            let keys = cast(&StringViewArray::from_iter_values(keys), &key.arrow())?;
            let pairs = StructArray::try_new(
                fields.clone(),
                vec![keys, column_of(call, &items, value_type)?],
                None,
            )?;
            Ok(Arc::new(MapArray::try_new(
                entries,
                OffsetBuffer::from_lengths(lengths),
                pairs,
                Some(NullBuffer::from(valid)),
                sorted,
            )?))
        }
        SqlType::Row(fields) => {
            let mut columns = Vec::with_capacity(fields.len());
            for (at, (name, t)) in fields.iter().enumerate() {
                let items: Vec<Option<&Json>> = values
                    .iter()
                    .map(|value| match &(*value)?.kind {
                        JsonKind::Array(elements) => elements.get(at),
                        JsonKind::Object(members) => members
                            .iter()
                            .rev()
                            .find(|(key, _)| {
                                name.as_ref().is_some_and(|n| n.eq_ignore_ascii_case(key))
                            })
                            .map(|(_, v)| v),
                        _ => None,
                    })
                    .collect();
                columns.push(column_of(call, &items, t)?);
            }
            let DataType::Struct(fields) = wanted.arrow() else {
                return exec_err!("a row's type is a row");
            };
            let valid: Vec<bool> = values.iter().map(present).collect();
            Ok(Arc::new(StructArray::try_new(
                fields,
                columns,
                Some(NullBuffer::from(valid)),
            )?))
        }
        SqlType::Json => {
            let column: StringViewArray = values.iter().map(|v| v.map(|json| json.raw)).collect();
            Ok(Arc::new(column))
        }
        SqlType::Varchar => {
            let column: StringViewArray =
                values.iter().map(|v| (*v).and_then(Json::text)).collect();
            Ok(Arc::new(column))
        }
        SqlType::Boolean => {
            let column: BooleanArray = values
                .iter()
                .map(|value| match value.filter(|v| !v.is_null()) {
                    None => Ok(None),
                    Some(json) => match boolean(json) {
                        Some(truth) => Ok(Some(truth)),
                        None => mismatch(call, json, wanted),
                    },
                })
                .collect::<Result<_>>()?;
            Ok(Arc::new(column))
        }
        SqlType::Integer(_) => {
            let column: Int64Array = values
                .iter()
                .map(|value| match value.filter(|v| !v.is_null()) {
                    None => Ok(None),
                    Some(json) => match integer(json) {
                        Some(n) => Ok(Some(n)),
                        None => mismatch(call, json, wanted),
                    },
                })
                .collect::<Result<_>>()?;
            narrowed(call, &column, &wanted.arrow())
        }
        SqlType::Varbinary | SqlType::IntervalDayToSecond | SqlType::IntervalYearToMonth => {
            if values.iter().any(present) {
                call.fail::<()>(|| format!("JSON cannot be cast to {wanted}"))?;
            }
            Ok(new_null_array(&wanted.arrow(), values.len()))
        }
        _ => {
            let texts: StringViewArray = values.iter().map(|v| (*v).and_then(Json::text)).collect();
            narrowed(call, &texts, &wanted.arrow())
        }
    }
}

/// A cast by arrow, with null for what does not fit in a `try_` call.
fn narrowed(call: &Call, column: &dyn Array, wanted: &DataType) -> Result<ArrayRef> {
    let safe = matches!(call.fail::<()>(String::new), Ok(None));
    let options = CastOptions {
        safe,
        ..CastOptions::default()
    };
    Ok(cast_with_options(column, wanted, &options)?)
}

fn mismatch<T>(call: &Call, json: &Json, wanted: &SqlType) -> Result<Option<T>> {
    call.fail(|| {
        let shown: String = json.raw.chars().take(60).collect();
        format!("JSON {shown} cannot be cast to {wanted}")
    })
}

fn boolean(json: &Json) -> Option<bool> {
    match &json.kind {
        JsonKind::Bool(truth) => Some(*truth),
        JsonKind::Number => json.raw.parse::<f64>().ok().map(|n| n != 0.0),
        JsonKind::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        JsonKind::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn integer(json: &Json) -> Option<i64> {
    match &json.kind {
        JsonKind::Bool(truth) => Some(i64::from(*truth)),
        JsonKind::Number => json.raw.parse().ok().or_else(|| {
            let n: f64 = json.raw.parse().ok()?;
            // 2^63 itself is out of range; the bounds are exact in a float.
            let rounded = n.round();
            (rounded >= i64::MIN as f64 && rounded < i64::MAX as f64).then_some(rounded as i64)
        }),
        JsonKind::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn to_json(call: &Call) -> Result<ArrayRef> {
    let column = call.array(0)?;
    let writer = JsonWriter::of(&column)?;
    call.texts(|row| {
        if column.is_null(row) {
            return Ok(None);
        }
        let mut json = String::new();
        writer.write(row, &mut json);
        Ok(Some(Cow::Owned(json)))
    })
}

/// Writes the values of a column as JSON.
#[allow(clippy::large_enum_variant, reason = "one for each column of a batch")]
enum JsonWriter {
    Text(StringViewArray),
    /// Numbers and booleans, by their text.
    Bare(StringViewArray),
    Time(Vec<Option<String>>),
    Map(MapTexts),
    List(ListArray, Box<JsonWriter>),
    Struct(StructArray, Vec<(String, JsonWriter)>),
    Null,
}

impl JsonWriter {
    fn of(column: &ArrayRef) -> Result<JsonWriter> {
        let texts = |column: &ArrayRef| -> Result<StringViewArray> {
            Ok(cast(column, &DataType::Utf8View)?.as_string_view().clone())
        };
        Ok(match column.data_type() {
            DataType::Null => JsonWriter::Null,
            t if is_text(t) => JsonWriter::Text(texts(column)?),
            t if t.is_numeric() || *t == DataType::Boolean => JsonWriter::Bare(texts(column)?),
            DataType::Timestamp(_, zone) => {
                let times = cast(column, &super::call::time_type(zone.clone()))?;
                let times =
                    times.as_primitive::<datafusion::arrow::datatypes::TimestampMillisecondType>();
                JsonWriter::Time(
                    times
                        .iter()
                        .map(|ms| ms.and_then(|ms| datetime::trino_text(ms, zone.as_ref())))
                        .collect(),
                )
            }
            DataType::Map(_, _) => JsonWriter::Map(MapTexts::new(column.as_map())?),
            DataType::List(_) => {
                let list = column.as_list::<i32>();
                let items = JsonWriter::of(list.values())?;
                JsonWriter::List(list.clone(), Box::new(items))
            }
            DataType::Struct(fields) => {
                let values = column.as_struct();
                let members = fields
                    .iter()
                    .zip(values.columns())
                    .map(|(field, column)| Ok((field.name().clone(), JsonWriter::of(column)?)))
                    .collect::<Result<_>>()?;
                JsonWriter::Struct(values.clone(), members)
            }
            _ => JsonWriter::Text(texts(column)?),
        })
    }

    fn write(&self, row: usize, json: &mut String) {
        match self {
            JsonWriter::Text(texts) if texts.is_valid(row) => {
                push_json_string(json, texts.value(row));
            }
            JsonWriter::Bare(texts) if texts.is_valid(row) => json.push_str(texts.value(row)),
            JsonWriter::Time(texts) => match texts.get(row) {
                Some(Some(text)) => push_json_string(json, text),
                _ => json.push_str("null"),
            },
            JsonWriter::Map(map) => match map.object(row) {
                Some(object) => json.push_str(&object),
                None => json.push_str("null"),
            },
            JsonWriter::List(list, items) if list.is_valid(row) => {
                let offsets = list.value_offsets();
                let (start, end) = match (offsets.get(row), offsets.get(row + 1)) {
                    (Some(start), Some(end)) => (*start as usize, *end as usize),
                    _ => (0, 0),
                };
                json.push('[');
                for i in start..end {
                    if i > start {
                        json.push(',');
                    }
                    items.write(i, json);
                }
                json.push(']');
            }
            JsonWriter::Struct(values, members) if values.is_valid(row) => {
                json.push('{');
                for (i, (name, member)) in members.iter().enumerate() {
                    if i > 0 {
                        json.push(',');
                    }
                    push_json_string(json, name);
                    json.push(':');
                    member.write(row, json);
                }
                json.push('}');
            }
            _ => json.push_str("null"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::call::testing::{call, call_try, column, int, one, rows, text};
    use super::super::named;
    use super::*;
    use datafusion::logical_expr::ColumnarValue;

    fn to(value: &str, sql_type: &str) -> Result<ArrayRef> {
        call(named(FUNCTIONS, JSON_TO), vec![text(value), text(sql_type)])
    }

    #[test]
    fn strings_lose_their_quotes() {
        let run = |t| one(call(named(FUNCTIONS, JSON_TO_TEXT), vec![text(t)]));
        assert_eq!(run(r#""a\"b""#).as_deref(), Some("a\"b"));
        assert_eq!(run("1.10").as_deref(), Some("1.10"));
        assert_eq!(run(r#"{"a":1}"#).as_deref(), Some(r#"{"a":1}"#));
        assert_eq!(run("null"), None);
        assert_eq!(run("bare").as_deref(), Some("bare"));
    }

    #[test]
    fn containers_become_columns() {
        let shown = |r: Result<ArrayRef>| {
            let array = r.expect("no error");
            datafusion::arrow::util::display::array_value_to_string(&array, 0).expect("shown")
        };
        assert_eq!(shown(to(r#"[1, "2", null]"#, "array(varchar)")), "[1, 2, ]");
        assert_eq!(
            shown(to(r#"["a", {"b":1}]"#, "array(json)")),
            r#"["a", {"b":1}]"#
        );
        assert_eq!(
            shown(to(r#"{"a":{"x":[1]},"b":"z"}"#, "map(varchar, json)")),
            r#"{a: {"x":[1]}, b: "z"}"#
        );
        assert_eq!(
            shown(to(r#"{"A":"x","b":7}"#, "row(a varchar, b bigint)")),
            "{a: x, b: 7}"
        );
        assert_eq!(
            shown(to("[[1],[2,3]]", "array(array(bigint))")),
            "[[1], [2, 3]]"
        );
    }

    #[test]
    fn scalars_and_what_does_not_fit() {
        assert_eq!(one(to("\"12\"", "bigint")).as_deref(), Some("12"));
        assert_eq!(one(to("1.6", "bigint")).as_deref(), Some("2"));
        assert_eq!(one(to("\"true\"", "boolean")).as_deref(), Some("true"));
        assert_eq!(one(to("\"1.5\"", "double")).as_deref(), Some("1.5"));
        assert!(to("{}", "bigint").is_err());
        assert!(to("{}", "array(json)").is_err());
        assert!(to("300", "tinyint").is_err());
        assert!(to("nope", "bigint").is_err());
        for (value, sql_type) in [
            ("{}", "bigint"),
            ("300", "tinyint"),
            ("nope", "array(json)"),
            ("\"x\"", "double"),
        ] {
            let got = call_try(named(FUNCTIONS, JSON_TO), vec![text(value), text(sql_type)]);
            assert!(got.expect("no error").is_null(0), "{value} as {sql_type}");
        }
    }

    #[test]
    fn nulls_stay_in_their_rows() {
        let docs = column(&[Some(r#"["a"]"#), None, Some("null"), Some("[]")]);
        let got = call(
            named(FUNCTIONS, JSON_TO),
            vec![docs, text("array(varchar)")],
        )
        .expect("no error");
        assert_eq!(
            rows(&got),
            [Some("[a]".to_owned()), None, None, Some("[]".to_owned())]
        );
    }

    #[test]
    fn values_become_json() {
        let run = |v: ColumnarValue| one(call(named(FUNCTIONS, TO_JSON), vec![v]));
        assert_eq!(run(text("a\"b")).as_deref(), Some(r#""a\"b""#));
        assert_eq!(run(int(7)).as_deref(), Some("7"));
        let list = to(r#"["a",null]"#, "array(varchar)").expect("no error");
        assert_eq!(
            run(ColumnarValue::Array(list)).as_deref(),
            Some(r#"["a",null]"#)
        );
        let row = to(r#"{"a":"x","b":7}"#, "row(a varchar, b bigint)").expect("no error");
        assert_eq!(
            run(ColumnarValue::Array(row)).as_deref(),
            Some(r#"{"a":"x","b":7}"#)
        );
    }
}
