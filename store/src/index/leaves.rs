//! The values of a record as a split holds them: the one walk that feeds
//! columns and tokens.

use crate::event::is_usual_time;
use crate::fields::{self, FieldType, Kept, KnownField};
use crate::index::layout::{PATH_BYTES_MAX, TEXT_BYTES_MAX};
use crate::json::{Json, Kind};
use crate::path::push_escaped_key;
use uuid::Uuid;

/// What is found at a path.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Leaf<'j> {
    Text(&'j str),
    Integer(i64),
    Boolean(bool),
    /// Something other than null that no column holds.
    SeeRecord,
}

/// Takes what [`walk`] finds.
pub trait Sink {
    /// A value at a path. `in_array` tells that an array lies on the way.
    fn leaf(&mut self, path: &str, leaf: Leaf<'_>, in_array: bool);
    /// The UUID that stands at a path, besides being reported as a leaf.
    fn uuid(&mut self, path: &str, uuid: u128);
    /// The shape of a list at a path whose members' columns tell it whole.
    fn list(&mut self, path: &str, shape: &str);
    /// The record has a path that is too long for columns.
    fn overflow(&mut self);
    /// A string or number whose tokens are searchable.
    fn text(&mut self, text: &str);
}

/// Reports every value of a record: containers by their path, arrays passed
/// over, of a repeated key the last.
pub fn walk(record: &Json<'_>, sink: &mut dyn Sink) {
    let mut path = String::with_capacity(128);
    for (key, value) in record.members() {
        path.clear();
        push_escaped_key(&mut path, key);
        visit(value, &mut path, false, sink);
    }
}

fn visit(value: &Json<'_>, path: &mut String, in_array: bool, sink: &mut dyn Sink) {
    match &value.kind {
        Kind::Null => {}
        Kind::Bool(boolean) => report(path, Leaf::Boolean(*boolean), in_array, sink),
        Kind::Number => {
            sink.text(value.raw);
            report(path, integer(value.raw), in_array, sink);
        }
        Kind::String(text) => {
            sink.text(text);
            let leaf = match text.len() <= TEXT_BYTES_MAX {
                true => Leaf::Text(text),
                false => Leaf::SeeRecord,
            };
            report(path, leaf, in_array, sink);
        }
        Kind::Array(elements) => {
            report(path, Leaf::SeeRecord, in_array, sink);
            if !in_array
                && let Some(field) = fields::known(path)
                && let Some(shape) = list_shape(field, elements)
            {
                sink.list(path, &shape);
            }
            for element in elements {
                visit(element, path, true, sink);
            }
        }
        Kind::Object(_) => {
            report(path, Leaf::SeeRecord, in_array, sink);
            let length = path.len();
            for (key, member) in value.members() {
                path.push('.');
                push_escaped_key(path, key);
                visit(member, path, in_array, sink);
                path.truncate(length);
            }
        }
    }
}

fn report(path: &str, leaf: Leaf<'_>, in_array: bool, sink: &mut dyn Sink) {
    if let ("eventTime", Leaf::Text(text)) = (path, leaf)
        && is_usual_time(text)
    {
        // The time column gives it back.
        return;
    }
    if path.len() > PATH_BYTES_MAX {
        sink.overflow();
        return;
    }
    let kept = fields::known(path).map_or(Kept::Column, |f| f.kept);
    match kept {
        Kept::Column => sink.leaf(path, leaf, in_array),
        Kept::Presence => sink.leaf(path, Leaf::SeeRecord, in_array),
        Kept::Uuid => {
            sink.leaf(path, Leaf::SeeRecord, in_array);
            if let (Leaf::Text(text), false) = (leaf, in_array)
                && let Some(uuid) = usual_uuid(text)
            {
                sink.uuid(path, uuid);
            }
        }
    }
}

/// A UUID whose text its number gives back: lower case, with hyphens.
fn usual_uuid(text: &str) -> Option<u128> {
    let uuid = Uuid::try_parse(text).ok()?;
    let mut usual = Uuid::encode_buffer();
    (uuid.hyphenated().encode_lower(&mut usual) == text).then(|| uuid.as_u128())
}

/// Which documented members each element has, a hexadecimal digit an element:
/// the bit `1 << i` for the i-th of [`list_members`].
///
/// None where the columns of the members do not tell the whole list: an element
/// is no object, or a member is something other than a text or null.
fn list_shape(field: &KnownField, elements: &[Json<'_>]) -> Option<String> {
    let members = list_members(field)?;
    if elements.len() > TEXT_BYTES_MAX {
        return None;
    }
    let digit = |element: &Json<'_>| {
        if !matches!(element.kind, Kind::Object(_)) {
            return None;
        }
        let mut bits = 0;
        for (i, member) in members.iter().enumerate() {
            match element.get(member.key()).map(|value| &value.kind) {
                None | Some(Kind::Null) => {}
                Some(Kind::String(text)) if text.len() <= TEXT_BYTES_MAX => bits |= 1 << i,
                Some(_) => return None,
            }
        }
        char::from_digit(bits, 16)
    };
    elements.iter().map(digit).collect()
}

/// The members of the elements of a documented list whose shape is kept: a list
/// of objects with at most four members, all of them texts.
pub fn list_members(field: &KnownField) -> Option<Vec<&'static KnownField>> {
    if field.field_type != FieldType::StructList {
        return None;
    }
    let members: Vec<_> = fields::members(field.path).collect();
    let are_texts = members.iter().all(|m| m.field_type == FieldType::String);
    (are_texts && members.len() <= 4).then_some(members)
}

/// A number as a column holds it: only when the column gives back its digits.
fn integer(raw: &str) -> Leaf<'_> {
    match raw.parse::<i64>() {
        Ok(n) if n.to_string() == raw => Leaf::Integer(n),
        _ => Leaf::SeeRecord,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Listed(Vec<String>);

    impl Sink for Listed {
        fn leaf(&mut self, path: &str, leaf: Leaf<'_>, in_array: bool) {
            let mark = if in_array { "*" } else { "" };
            self.0.push(format!("{path}{mark} {leaf:?}"));
        }
        fn uuid(&mut self, path: &str, uuid: u128) {
            self.0.push(format!("{path} uuid {uuid:x}"));
        }
        fn list(&mut self, path: &str, shape: &str) {
            self.0.push(format!("{path} list {shape:?}"));
        }
        fn overflow(&mut self) {
            self.0.push("overflow".into());
        }
        fn text(&mut self, text: &str) {
            self.0.push(format!("~{text}"));
        }
    }

    #[test]
    fn values_by_path() {
        let record = format!(
            r#"{{"a":{{"b.c":1,"d":[{{"e":"x"}},true]}},"n":null,"f":1.0,"big":9223372036854775808,
               "z":-0,"eventID":"i","r":1,"r":2,"{}":1}}"#,
            "k".repeat(600)
        );
        let json = Json::parse(record.as_bytes()).expect("valid");
        let mut listed = Listed::default();
        walk(&json, &mut listed);
        assert_eq!(
            listed.0,
            [
                "a SeeRecord",
                "~1",
                "a.b\\.c Integer(1)",
                "a.d SeeRecord",
                "a.d* SeeRecord",
                "~x",
                "a.d.e* Text(\"x\")",
                "a.d* Boolean(true)",
                "~1.0",
                "f SeeRecord",
                "~9223372036854775808",
                "big SeeRecord",
                "~-0",
                "z SeeRecord",
                "~i",
                "eventID SeeRecord",
                "~2",
                "r Integer(2)",
                "~1",
                "overflow",
            ]
        );
    }

    fn listed(record: &str) -> Vec<String> {
        let json = Json::parse(record.as_bytes()).expect("valid");
        let mut listed = Listed::default();
        walk(&json, &mut listed);
        listed.0
    }

    #[test]
    fn lists_that_columns_tell_have_a_shape() {
        let shape = |list: &str| {
            let listed = listed(&format!(r#"{{"resources":{list}}}"#));
            let shape = listed.iter().find(|l| l.starts_with("resources list"));
            shape.map(|l| l["resources list ".len()..].to_owned())
        };
        let of = |text: &str| Some(format!("{text:?}"));
        assert_eq!(shape("[]"), of(""));
        assert_eq!(
            shape(
                r#"[{"ARN":"a"},{},{"accountId":"1","type":"t","ARN":"b","more":[1]},{"ARN":null}]"#
            ),
            of("4070")
        );
        assert_eq!(shape(r#"[{"ARN":"a","ARN":"b"}]"#), of("4"));
        assert_eq!(shape(r#"[{"ARN":1}]"#), None, "no text");
        assert_eq!(shape(r#"[{"ARN":["a"]}]"#), None, "texts of no element");
        assert_eq!(shape(r#"[{"ARN":"a"},null]"#), None, "no object");
        assert_eq!(shape(r#"[[{"ARN":"a"}]]"#), None, "a list in a list");
        assert_eq!(shape(r#"{"ARN":"a"}"#), None, "no list");
        let long = format!(r#"[{{"ARN":"{}"}}]"#, "x".repeat(TEXT_BYTES_MAX + 1));
        assert_eq!(shape(&long), None, "the column does not have it");
    }

    #[test]
    fn uuids_are_those_that_come_back_as_they_were() {
        let usual = "0f3b2c1d-0000-4a4a-8b8b-0123456789ab";
        let of = |id: &str| listed(&format!(r#"{{"eventID":{id}}}"#));
        let uuid = "eventID uuid f3b2c1d00004a4a8b8b0123456789ab".to_owned();
        assert!(of(&format!("{usual:?}")).contains(&uuid));
        for other in [
            format!("{:?}", usual.to_uppercase()),
            format!("{:?}", usual.replace('-', "")),
            format!("\"{{{usual}}}\""),
            format!("[{usual:?}]"),
            "7".to_owned(),
        ] {
            let listed = of(&other);
            assert!(!listed.iter().any(|l| l.contains("uuid")), "{listed:?}");
            assert!(listed.contains(&"eventID SeeRecord".to_owned()));
        }
    }
}
