//! The values of a record as a split holds them: the one walk that feeds
//! columns and tokens.

use crate::event::is_usual_time;
use crate::fields::{self, Kept};
use crate::index::layout::{PATH_BYTES_MAX, TEXT_BYTES_MAX};
use crate::json::{Json, Kind};
use crate::path::push_escaped_key;

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
    }
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
}
