//! JSON values that remember the bytes they were read from.
//!
//! Evidence is handed back as delivered, so a nested value must be available
//! as its own slice of the record, and a number as the digits that were
//! written (`1.10`, integers beyond 2^53). `serde_json::Value` loses both;
//! this tree borrows them. Strings are unescaped only where they had escapes.

use std::borrow::Cow;

use hashbrown::HashMap;
use jiter::{Jiter, Peek};

/// How deep a record may nest. CloudTrail's own limit of 1 MB and 100 kB
/// parameters stays far below; the bound keeps recursion off the stack's end.
pub const DEPTH_MAX: usize = 128;

/// Objects with more members are looked through for repeated keys by hash: each
/// key is else compared with all that follow, which is quicker for a few.
const COMPARED_MAX: usize = 32;

/// A value and the slice of the record that holds it.
#[derive(Debug, Clone)]
pub struct Json<'a> {
    pub raw: &'a str,
    pub kind: Kind<'a>,
}

#[derive(Debug, Clone)]
pub enum Kind<'a> {
    Null,
    Bool(bool),
    /// The digits are [`Json::raw`].
    Number,
    String(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    /// Members in the order delivered, repeated keys included.
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

/// Why bytes are not one JSON value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    #[error("not UTF-8 at byte {offset}")]
    NotUtf8 { offset: usize },
    #[error("{reason} at byte {offset}")]
    Syntax { offset: usize, reason: String },
    #[error("nested deeper than {DEPTH_MAX} levels at byte {offset}")]
    TooDeep { offset: usize },
}

impl<'a> Json<'a> {
    /// Reads exactly one value.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(bytes).map_err(|e| JsonError::NotUtf8 {
            offset: e.valid_up_to(),
        })?;
        let mut reader = Jiter::new(bytes);
        let peek = reader.peek().map_err(|e| syntax(&e))?;
        let value = read(&mut reader, peek, text, 0)?;
        reader.finish().map_err(|e| syntax(&e))?;
        Ok(value)
    }

    /// Reads one object, but of its members only those that are wanted: the
    /// others are passed over, which costs a fraction of reading them. What is
    /// no object is read whole.
    pub fn parse_members(
        bytes: &'a [u8],
        is_wanted: &dyn Fn(&str) -> bool,
    ) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(bytes).map_err(|e| JsonError::NotUtf8 {
            offset: e.valid_up_to(),
        })?;
        let mut reader = Jiter::new(bytes);
        let peek = reader.peek().map_err(|e| syntax(&e))?;
        if peek != Peek::Object {
            return Self::parse(bytes);
        }
        let start = reader.current_index();
        let mut members = Vec::new();
        let first = reader.known_object().map_err(|e| syntax(&e))?;
        let mut key = first.map(|key| borrowed(text, key));
        while let Some(name) = key {
            let peek = reader.peek().map_err(|e| syntax(&e))?;
            if is_wanted(&name) {
                members.push((name, read(&mut reader, peek, text, 1)?));
            } else {
                reader.known_skip(peek).map_err(|e| syntax(&e))?;
            }
            let next = reader.next_key().map_err(|e| syntax(&e))?;
            key = next.map(|key| borrowed(text, key));
        }
        let raw = text.get(start..reader.current_index()).unwrap_or_default();
        reader.finish().map_err(|e| syntax(&e))?;
        Ok(Json {
            raw,
            kind: Kind::Object(members),
        })
    }

    /// The member of an object; of a repeated key the last, as JSON readers
    /// commonly take it (RFC 8259 §4).
    pub fn get(&self, key: &str) -> Option<&Json<'a>> {
        match &self.kind {
            Kind::Object(members) => members.iter().rev().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// The members of an object that count: of a repeated key the last.
    pub fn members(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        let members = match &self.kind {
            Kind::Object(members) => members.as_slice(),
            _ => &[],
        };
        let last_places: Option<HashMap<&str, usize>> = (members.len() > COMPARED_MAX).then(|| {
            members
                .iter()
                .map(|(key, _)| key.as_ref())
                .zip(0..)
                .collect()
        });
        let is_repeated = move |i: usize, key: &str| match &last_places {
            Some(last) => last.get(key) != Some(&i),
            None => members[i + 1..].iter().any(|(later, _)| later == key),
        };
        members
            .iter()
            .enumerate()
            .filter(move |(i, (key, _))| !is_repeated(*i, key))
            .map(|(_, (key, value))| (key.as_ref(), value))
    }

    pub fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// The value as text: a string as it is, a number as written, `true` or
    /// `false`, a container as its JSON; null has none.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Null => None,
            Kind::String(text) => Some(text),
            Kind::Bool(true) => Some("true"),
            Kind::Bool(false) => Some("false"),
            Kind::Number | Kind::Array(_) | Kind::Object(_) => Some(self.raw),
        }
    }

    /// The text of a scalar; null and containers have none.
    pub fn scalar_text(&self) -> Option<&str> {
        match self.kind {
            Kind::Array(_) | Kind::Object(_) => None,
            _ => self.text(),
        }
    }

    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }
}

fn syntax(error: &jiter::JiterError) -> JsonError {
    JsonError::Syntax {
        offset: error.index,
        reason: error.error_type.to_string(),
    }
}

fn read<'a>(
    reader: &mut Jiter<'a>,
    peek: Peek,
    text: &'a str,
    depth: usize,
) -> Result<Json<'a>, JsonError> {
    let start = reader.current_index();
    if depth >= DEPTH_MAX {
        return Err(JsonError::TooDeep { offset: start });
    }
    let kind = match peek {
        Peek::Null => {
            reader.known_null().map_err(|e| syntax(&e))?;
            Kind::Null
        }
        Peek::True | Peek::False => Kind::Bool(reader.known_bool(peek).map_err(|e| syntax(&e))?),
        Peek::String => {
            let string = reader.known_str().map_err(|e| syntax(&e))?;
            Kind::String(borrowed(text, string))
        }
        Peek::Array => {
            let mut elements = Vec::new();
            let mut next = reader.known_array().map_err(|e| syntax(&e))?;
            while let Some(peek) = next {
                elements.push(read(reader, peek, text, depth + 1)?);
                next = reader.array_step().map_err(|e| syntax(&e))?;
            }
            Kind::Array(elements)
        }
        Peek::Object => {
            let mut members = Vec::new();
            let first = reader.known_object().map_err(|e| syntax(&e))?;
            let mut key = first.map(|key| borrowed(text, key));
            while let Some(name) = key {
                let peek = reader.peek().map_err(|e| syntax(&e))?;
                members.push((name, read(reader, peek, text, depth + 1)?));
                let next = reader.next_key().map_err(|e| syntax(&e))?;
                key = next.map(|key| borrowed(text, key));
            }
            Kind::Object(members)
        }
        number => {
            reader.known_number_bytes(number).map_err(|e| syntax(&e))?;
            Kind::Number
        }
    };
    let raw = text.get(start..reader.current_index()).unwrap_or_default();
    Ok(Json { raw, kind })
}

/// A string that the reader gave: its slice of the record where it had no
/// escapes (the reader then hands out the record's own bytes), else a copy.
fn borrowed<'a>(text: &'a str, string: &str) -> Cow<'a, str> {
    let offset = (string.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    match offset.checked_add(string.len()) {
        Some(end) if end <= text.len() => match text.get(offset..end) {
            Some(slice) => Cow::Borrowed(slice),
            None => Cow::Owned(string.to_owned()),
        },
        _ => Cow::Owned(string.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_bytes() {
        let record = br#" {"a": {"n": 1.10, "big": 123456789012345678901234567890}, "s": "q\"\u00e9", "a": [ ] } "#;
        let json = Json::parse(record).expect("valid");
        assert_eq!(json.get("s").and_then(Json::text), Some("q\"é"));
        assert_eq!(
            json.get("a").map(|v| v.raw),
            Some("[ ]"),
            "the last of a repeated key"
        );
        let Kind::Object(members) = &json.kind else {
            panic!("an object")
        };
        assert_eq!(members[0].1.get("n").map(|v| v.raw), Some("1.10"));
        assert_eq!(
            members[0].1.get("big").and_then(Json::text),
            Some("123456789012345678901234567890")
        );
    }

    #[test]
    fn of_repeated_keys_the_last_counts_however_many_there_are() {
        for n in [3, COMPARED_MAX, COMPARED_MAX + 1, 200] {
            let members: Vec<String> = (0..n).map(|i| format!("\"{}\":{i}", i % 7)).collect();
            let object = format!("{{{}}}", members.join(","));
            let json = Json::parse(object.as_bytes()).expect("valid");
            let found: Vec<&str> = json.members().map(|(_, value)| value.raw).collect();
            let last: Vec<String> = (n.saturating_sub(7)..n).map(|i| i.to_string()).collect();
            assert_eq!(found, last);
        }
    }

    #[test]
    fn wanted_members_are_as_in_the_whole() {
        let record = br#" {"a": {"x": [1, "\u00e9"]}, "b": [{}], "a": 2, "c": null, "\u0062": 3} "#;
        let whole = Json::parse(record).expect("valid");
        let part = Json::parse_members(record, &|key| key == "a" || key == "b").expect("valid");
        assert_eq!(part.raw, whole.raw);
        for key in ["a", "b"] {
            assert_eq!(part.get(key).map(|v| v.raw), whole.get(key).map(|v| v.raw));
        }
        assert!(part.get("c").is_none() && part.members().count() == 2);
        assert!(Json::parse_members(b"{\"a\": 1", &|_| false).is_err());
        assert!(Json::parse_members(b"{\"a\": tru}", &|_| false).is_err());
    }

    #[test]
    fn bad_input_is_refused_with_its_place() {
        assert!(matches!(
            Json::parse(b"{\"a\": \xff}"),
            Err(JsonError::NotUtf8 { offset: 6 })
        ));
        assert!(matches!(
            Json::parse(b"{\"a\": 1"),
            Err(JsonError::Syntax { .. })
        ));
        assert!(matches!(
            Json::parse(b"{} x"),
            Err(JsonError::Syntax { .. })
        ));
        let deep = "[".repeat(1000) + &"]".repeat(1000);
        assert!(matches!(
            Json::parse(deep.as_bytes()),
            Err(JsonError::TooDeep { .. })
        ));
    }
}
