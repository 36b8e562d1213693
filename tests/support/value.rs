//! JSON values that can be spelled in many ways.
//!
//! The same event delivered twice may differ in blanks, in the order of keys
//! and in how a text or number is written. Tests say what a record *is* with a
//! [`Value`] and deliver it in several [`Spelling`]s.

use super::random::Random;

/// A JSON value; a number is kept as its digits.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    Array(Vec<Value>),
    /// In the order delivered; keys may repeat.
    Object(Vec<(String, Value)>),
}

/// How a value is written.
pub enum Spelling {
    /// Compact, in the value's own order.
    Plain,
    /// Other blanks, other key order, escapes and exponents where JSON allows.
    Other(Random),
}

impl Value {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub fn number(number: impl ToString) -> Self {
        Self::Number(number.to_string())
    }

    pub fn object<K: Into<String>>(members: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Object(members.into_iter().map(|(k, v)| (k.into(), v)).collect())
    }

    /// Puts a member into an object, in the place of one of the same name.
    pub fn set(&mut self, key: &str, value: Value) {
        let Self::Object(members) = self else {
            panic!("members are set in objects only");
        };
        match members.iter_mut().find(|(k, _)| k == key) {
            Some((_, old)) => *old = value,
            None => members.push((key.to_owned(), value)),
        }
    }

    pub fn remove(&mut self, key: &str) {
        if let Self::Object(members) = self {
            members.retain(|(k, _)| k != key);
        }
    }

    /// The bytes of the value.
    pub fn spelled(&self, mut spelling: Spelling) -> Vec<u8> {
        let mut out = String::new();
        self.write(&mut spelling, &mut out);
        out.into_bytes()
    }

    fn write(&self, spelling: &mut Spelling, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Number(digits) => write_number(digits, spelling, out),
            Self::Text(text) => write_text(text, spelling, out),
            Self::Array(elements) => {
                out.push('[');
                for (i, element) in elements.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    spelling.blank(out);
                    element.write(spelling, out);
                }
                spelling.blank(out);
                out.push(']');
            }
            Self::Object(members) => {
                let mut members: Vec<&(String, Value)> = members.iter().collect();
                spelling.reorder(&mut members);
                out.push('{');
                for (i, (key, value)) in members.into_iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    spelling.blank(out);
                    write_text(key, spelling, out);
                    out.push(':');
                    spelling.blank(out);
                    value.write(spelling, out);
                }
                spelling.blank(out);
                out.push('}');
            }
        }
    }
}

impl Spelling {
    fn blank(&mut self, out: &mut String) {
        if let Self::Other(random) = self {
            const BLANKS: [&str; 5] = ["", "", " ", "  ", "\t"];
            out.push_str(BLANKS[random.below(BLANKS.len())]);
        }
    }

    /// Another order, but not where a key repeats: the order of its values is
    /// part of what the record says.
    fn reorder(&mut self, members: &mut [&(String, Value)]) {
        if let Self::Other(random) = self {
            let mut keys: Vec<&str> = members.iter().map(|(k, _)| k.as_str()).collect();
            keys.sort_unstable();
            keys.dedup();
            if keys.len() == members.len() {
                random.shuffle(members);
            }
        }
    }
}

fn write_number(digits: &str, spelling: &mut Spelling, out: &mut String) {
    out.push_str(digits);
    if let Spelling::Other(random) = spelling
        && !digits.contains(['e', 'E'])
        && random.once_in(3)
    {
        out.push_str("e0");
    }
}

fn write_text(text: &str, spelling: &mut Spelling, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        let is_respelled = match spelling {
            Spelling::Plain => false,
            Spelling::Other(random) => random.once_in(12),
        };
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if (c as u32) < 0x20 || (is_respelled && (c as u32) < 0x1_0000) => {
                out.push_str(&format!("\\u{:04x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
