//! Functions on JSON text: Trino's `json_*`, on text and on Lake's maps.
//!
//! Values come back as they were written (digits, key order, blanks inside), because
//! the parser keeps the slice of each. A Lake map is taken as an object whose first
//! level is already split: its values are plain text where they are scalars and JSON
//! where they are containers, so a text that *is* JSON (a policy document) cannot be
//! told from a nested object, and is entered like one.

use std::borrow::Cow;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, MapArray, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use tarn_store::json::{Json, Kind as JsonKind};

use super::call::{Call, Function, Kind, Returns, Texts};
use super::json_path::{JsonPath, PathStep, Paths, Reached};

use Kind::{Any, Integer, Text};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::of("json_extract", &[Any, Text], Returns::Json, json_extract),
    Function::of(
        "json_extract_scalar",
        &[Any, Text],
        Returns::Text,
        json_extract_scalar,
    ),
    Function::of("json_size", &[Any, Text], Returns::Integer, json_size),
    Function::of("json_parse", &[Any], Returns::Json, json_parse),
    Function::of("json_format", &[Any], Returns::Text, json_format),
    Function::of(
        "json_array_get",
        &[Any, Integer],
        Returns::Json,
        json_array_get,
    ),
    Function::of(
        "json_array_length",
        &[Any],
        Returns::Integer,
        json_array_length,
    ),
    Function::of(
        "json_array_contains",
        &[Any, Any],
        Returns::Boolean,
        json_array_contains,
    ),
    Function::of("is_json_scalar", &[Any], Returns::Boolean, is_json_scalar),
];

/// A column of JSON documents.
#[allow(clippy::large_enum_variant, reason = "one for each batch")]
enum Documents {
    Text(Texts),
    Map(MapTexts),
}

/// A map of text, its entries laid out.
pub(super) struct MapTexts {
    map: MapArray,
    keys: StringViewArray,
    values: StringViewArray,
}

impl MapTexts {
    pub fn new(map: &MapArray) -> Result<MapTexts> {
        Ok(MapTexts {
            keys: cast(map.keys(), &DataType::Utf8View)?
                .as_string_view()
                .clone(),
            values: cast(map.values(), &DataType::Utf8View)?
                .as_string_view()
                .clone(),
            map: map.clone(),
        })
    }

    pub fn is_null(&self, row: usize) -> bool {
        self.map.is_null(row)
    }

    /// The entries of a row in their order; a null value is `None`.
    pub fn entries(&self, row: usize) -> impl DoubleEndedIterator<Item = (&str, Option<&str>)> {
        let offsets = self.map.value_offsets();
        let range = match (offsets.get(row), offsets.get(row + 1)) {
            (Some(start), Some(end)) if self.map.is_valid(row) => {
                usize::try_from(*start).unwrap_or(0)..usize::try_from(*end).unwrap_or(0)
            }
            _ => 0..0,
        };
        range.map(|i| {
            let value = self.values.is_valid(i).then(|| self.values.value(i));
            (self.keys.value(i), value)
        })
    }

    pub fn get(&self, row: usize, key: &str) -> Option<&str> {
        self.entries(row)
            .rev()
            .find(|(k, _)| *k == key)
            .and_then(|(_, v)| v)
    }

    /// The row as a JSON object.
    pub fn object(&self, row: usize) -> Option<String> {
        if self.is_null(row) {
            return None;
        }
        let mut json = String::from("{");
        for (i, (key, value)) in self.entries(row).enumerate() {
            if i > 0 {
                json.push(',');
            }
            push_json_string(&mut json, key);
            json.push(':');
            match value {
                None => json.push_str("null"),
                Some(text) => push_map_value(&mut json, text),
            }
        }
        json.push('}');
        Some(json)
    }
}

/// Appends a map's value as JSON: containers, numbers and booleans as they are, any
/// other text as a string.
fn push_map_value(json: &mut String, text: &str) {
    let looks_bare = text
        .bytes()
        .next()
        .is_some_and(|b| matches!(b, b'{' | b'[' | b't' | b'f' | b'-' | b'0'..=b'9'));
    let bare = looks_bare
        && Json::parse(text.as_bytes())
            .is_ok_and(|v| !matches!(v.kind, JsonKind::Number) || plain_number(text));
    if bare {
        json.push_str(text);
    } else {
        push_json_string(json, text);
    }
}

/// Whether digits are a quantity rather than an id: `012` is not JSON anyway, and an
/// account number has twelve digits.
fn plain_number(text: &str) -> bool {
    text.len() < 12
}

/// Appends text as a JSON string.
pub(super) fn push_json_string(json: &mut String, text: &str) {
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\r' => json.push_str("\\r"),
            '\t' => json.push_str("\\t"),
            c if (c as u32) < 0x20 => json.push_str(&format!("\\u{:04x}", c as u32)),
            c => json.push(c),
        }
    }
    json.push('"');
}

impl Documents {
    fn of(call: &Call, i: usize) -> Result<Documents> {
        match call.data_type(i) {
            Some(DataType::Map(_, _)) => {
                let map = call.array(i)?;
                Ok(Documents::Map(MapTexts::new(map.as_map())?))
            }
            Some(other) if other.is_nested() => {
                exec_err!("{}() takes JSON text or a map, not {other}", call.name)
            }
            _ => Ok(Documents::Text(call.text(i)?)),
        }
    }

    /// What a path reaches in a row, handed over as long as the parsed value lives.
    fn follow<T>(
        &self,
        row: usize,
        path: &JsonPath,
        take: impl FnOnce(Found) -> Option<T>,
    ) -> Option<T> {
        let map = match self {
            Documents::Text(texts) => return follow_text(texts.get(row)?, path, take),
            Documents::Map(map) => map,
        };
        let Some((PathStep::Key(key), below)) = path.steps().split_first() else {
            return follow_text(&map.object(row)?, path, take);
        };
        let text = map.get(row, key)?;
        if below.is_empty() {
            take(Found::Text(text))
        } else {
            follow_text(text, &path.after(1), take)
        }
    }

    /// The document of a row as JSON text.
    fn document(&self, row: usize) -> Option<Cow<'_, str>> {
        match self {
            Documents::Text(texts) => texts.get(row).map(Cow::Borrowed),
            Documents::Map(map) => map.object(row).map(Cow::Owned),
        }
    }
}

fn follow_text<T>(text: &str, path: &JsonPath, take: impl FnOnce(Found) -> Option<T>) -> Option<T> {
    match Json::parse(text.as_bytes()) {
        Ok(json) => take(Found::Json(path.reach(&json))),
        // Trino gives null for text that is not JSON; only json_parse and casts fail.
        Err(_) => None,
    }
}

/// What a path reached: a parsed value, or the text that a map has for it.
enum Found<'j, 'a> {
    Json(Reached<'j, 'a>),
    Text(&'j str),
}

fn json_extract(call: &Call) -> Result<ArrayRef> {
    let documents = Documents::of(call, 0)?;
    let mut paths = Paths::new(call.text(1)?);
    call.texts(|row| {
        let Some(path) = paths.get(row, call)? else {
            return Ok(None);
        };
        Ok(documents.follow(row, path, |found| match found {
            Found::Json(Reached::Nothing) => None,
            Found::Json(Reached::One(value)) => Some(Cow::Owned(value.raw.to_owned())),
            Found::Json(Reached::Several(values)) => Some(Cow::Owned(array_of(&values))),
            Found::Text(text) => {
                let mut json = String::new();
                push_map_value(&mut json, text);
                Some(Cow::Owned(json))
            }
        }))
    })
}

fn array_of(values: &[&Json]) -> String {
    let raws: Vec<&str> = values.iter().map(|v| v.raw).collect();
    format!("[{}]", raws.join(","))
}

fn json_extract_scalar(call: &Call) -> Result<ArrayRef> {
    let documents = Documents::of(call, 0)?;
    let mut paths = Paths::new(call.text(1)?);
    call.texts(|row| {
        let Some(path) = paths.get(row, call)? else {
            return Ok(None);
        };
        Ok(documents.follow(row, path, |found| match found {
            Found::Json(Reached::One(value)) => {
                value.scalar_text().map(|t| Cow::Owned(t.to_owned()))
            }
            Found::Json(_) => None,
            Found::Text(text) => Some(Cow::Owned(text.to_owned())),
        }))
    })
}

fn json_size(call: &Call) -> Result<ArrayRef> {
    let documents = Documents::of(call, 0)?;
    let mut paths = Paths::new(call.text(1)?);
    call.integers(|row| {
        let Some(path) = paths.get(row, call)? else {
            return Ok(None);
        };
        Ok(documents.follow(row, path, |found| match found {
            Found::Json(Reached::Nothing) => None,
            Found::Json(Reached::One(value)) => Some(size(value)),
            Found::Json(Reached::Several(values)) => i64::try_from(values.len()).ok(),
            Found::Text(text) => Some(Json::parse(text.as_bytes()).map_or(0, |v| size(&v))),
        }))
    })
}

fn size(value: &Json) -> i64 {
    let n = match &value.kind {
        JsonKind::Array(elements) => elements.len(),
        JsonKind::Object(members) => members.len(),
        _ => 0,
    };
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn json_parse(call: &Call) -> Result<ArrayRef> {
    let documents = Documents::of(call, 0)?;
    call.texts(|row| {
        let Some(text) = documents.document(row) else {
            return Ok(None);
        };
        match Json::parse(text.as_bytes()) {
            Ok(json) => Ok(Some(Cow::Owned(json.raw.to_owned()))),
            Err(error) => call.fail(|| format!("not JSON: {error}")),
        }
    })
}

fn json_format(call: &Call) -> Result<ArrayRef> {
    let documents = Documents::of(call, 0)?;
    call.texts(|row| Ok(documents.document(row)))
}

fn json_array_get(call: &Call) -> Result<ArrayRef> {
    let documents = Documents::of(call, 0)?;
    let index = call.integer(1)?;
    call.texts(|row| {
        let (Some(text), Some(index)) = (documents.document(row), index.get(row)) else {
            return Ok(None);
        };
        let Ok(json) = Json::parse(text.as_bytes()) else {
            return Ok(None);
        };
        // A string comes without its quotes, as Trino documents of this function.
        Ok(element(&json, index)
            .and_then(Json::text)
            .map(|t| Cow::Owned(t.to_owned())))
    })
}

/// The element at a position from 0, or from the end where it is negative.
fn element<'j, 'a>(json: &'j Json<'a>, index: i64) -> Option<&'j Json<'a>> {
    let JsonKind::Array(elements) = &json.kind else {
        return None;
    };
    let from_end = i64::try_from(elements.len()).ok()?.checked_add(index)?;
    let at = if index < 0 { from_end } else { index };
    elements.get(usize::try_from(at).ok()?)
}

fn json_array_length(call: &Call) -> Result<ArrayRef> {
    let documents = Documents::of(call, 0)?;
    call.integers(|row| {
        let Some(text) = documents.document(row) else {
            return Ok(None);
        };
        Ok(match Json::parse(text.as_bytes()) {
            Ok(json) if matches!(json.kind, JsonKind::Array(_)) => Some(size(&json)),
            _ => None,
        })
    })
}

fn json_array_contains(call: &Call) -> Result<ArrayRef> {
    let documents = Documents::of(call, 0)?;
    let wanted_type = call.data_type(1).unwrap_or(DataType::Null);
    let wanted = call.text(1)?;
    call.booleans(|row| {
        let (Some(text), Some(wanted)) = (documents.document(row), wanted.get(row)) else {
            return Ok(None);
        };
        let Ok(json) = Json::parse(text.as_bytes()) else {
            return Ok(None);
        };
        let JsonKind::Array(elements) = &json.kind else {
            return Ok(None);
        };
        let number: Option<f64> = wanted.parse().ok();
        Ok(Some(elements.iter().any(|e| match &e.kind {
            JsonKind::String(text) => !wanted_type.is_numeric() && text == wanted,
            JsonKind::Bool(value) => {
                wanted_type == DataType::Boolean && wanted == value.to_string()
            }
            JsonKind::Number => wanted_type.is_numeric() && e.raw.parse::<f64>().ok() == number,
            _ => false,
        })))
    })
}

fn is_json_scalar(call: &Call) -> Result<ArrayRef> {
    let documents = Documents::of(call, 0)?;
    call.booleans(|row| {
        let Some(text) = documents.document(row) else {
            return Ok(None);
        };
        match Json::parse(text.as_bytes()) {
            Ok(json) => Ok(Some(!matches!(
                json.kind,
                JsonKind::Array(_) | JsonKind::Object(_)
            ))),
            Err(error) => call.fail(|| format!("not JSON: {error}")),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::call::testing::{call, call_try, column, int, one, rows, text};
    use super::super::named;
    use super::*;

    fn run(name: &str, args: Vec<datafusion::logical_expr::ColumnarValue>) -> Option<String> {
        one(call(named(FUNCTIONS, name), args))
    }

    #[test]
    fn extraction_keeps_what_was_written() {
        let doc = r#"{"a":{"b":[1.10, {"c": "x\"y"}], "n": null}, "AWS:X": {"k": [ ] }}"#;
        let extract = |path| run("json_extract", vec![text(doc), text(path)]);
        assert_eq!(extract("$.a.b[0]").as_deref(), Some("1.10"));
        assert_eq!(extract("$.a.b[1].c").as_deref(), Some(r#""x\"y""#));
        assert_eq!(extract("$.AWS:X.k").as_deref(), Some("[ ]"));
        assert_eq!(extract("$.a.n").as_deref(), Some("null"));
        assert_eq!(extract("$.a.missing"), None);
        let scalar = |path| run("json_extract_scalar", vec![text(doc), text(path)]);
        assert_eq!(scalar("$.a.b[1].c").as_deref(), Some("x\"y"));
        assert_eq!(scalar("$.a.b"), None);
        assert_eq!(scalar("$.a.n"), None);
    }

    #[test]
    fn text_that_is_not_json() {
        assert_eq!(
            run("json_extract_scalar", vec![text("nope"), text("$.a")]),
            None
        );
        assert!(call(named(FUNCTIONS, "json_parse"), vec![text("nope")]).is_err());
        assert_eq!(
            one(call_try(named(FUNCTIONS, "json_parse"), vec![text("nope")])),
            None
        );
        assert!(
            call(
                named(FUNCTIONS, "json_extract"),
                vec![text("{}"), text("$..a")]
            )
            .is_err()
        );
    }

    #[test]
    fn columns_and_nulls() {
        let docs = column(&[Some(r#"{"a":1}"#), None, Some(r#"{"a":"z"}"#)]);
        let got = call(
            named(FUNCTIONS, "json_extract_scalar"),
            vec![docs, text("$.a")],
        );
        assert_eq!(
            rows(&got.expect("no error")),
            [Some("1".to_owned()), None, Some("z".to_owned())]
        );
    }

    #[test]
    fn arrays() {
        let doc = r#"["a", 2, true, {"k":1}]"#;
        assert_eq!(
            run("json_array_get", vec![text(doc), int(0)]).as_deref(),
            Some("a")
        );
        assert_eq!(
            run("json_array_get", vec![text(doc), int(-1)]).as_deref(),
            Some(r#"{"k":1}"#)
        );
        assert_eq!(run("json_array_get", vec![text(doc), int(9)]), None);
        assert_eq!(
            run("json_array_length", vec![text(doc)]).as_deref(),
            Some("4")
        );
        assert_eq!(run("json_array_length", vec![text("{}")]), None);
        let holds = |v| run("json_array_contains", vec![text(doc), v]);
        assert_eq!(holds(int(2)).as_deref(), Some("true"));
        assert_eq!(holds(text("2")).as_deref(), Some("false"));
        assert_eq!(holds(text("a")).as_deref(), Some("true"));
        assert_eq!(
            run("json_size", vec![text(r#"{"x":[1,2]}"#), text("$.x")]).as_deref(),
            Some("2")
        );
        assert_eq!(
            run("is_json_scalar", vec![text("1")]).as_deref(),
            Some("true")
        );
    }

    #[test]
    fn control_characters_stay_json() {
        let mut json = String::new();
        push_json_string(&mut json, "a\u{1}\"\\\n");
        assert_eq!(json, r#""a\u0001\"\\\n""#);
        assert!(Json::parse(json.as_bytes()).is_ok());
    }
}
