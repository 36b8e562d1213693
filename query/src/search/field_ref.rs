//! How a query names a field, before anything decides which field that is.
//!
//! What was in backticks is kept apart, because people put a whole dotted name into
//! them (`` `requestParameters.x-amz-acl` ``) as well as one key with odd characters;
//! only the resolver, which knows the fields, can tell the two.

use std::fmt;

/// One step of a name: after the first, each goes into the value of those before.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// A name between dots. Digits (`items.0.x`) are a name too; at an array they
    /// count its elements. `quoted`: it stood in backticks, or has to.
    Key { name: String, quoted: bool },
    /// `[n]`, an element of an array counted from 0.
    Index(usize),
}

impl Segment {
    /// A key as typed without backticks, or the same key quoted if it has to be.
    pub fn key(name: impl Into<String>) -> Segment {
        let name = name.into();
        let quoted = !is_plain_key(&name);
        Segment::Key { name, quoted }
    }

    /// A key that stood in backticks.
    pub fn quoted(name: impl Into<String>) -> Segment {
        Segment::Key {
            name: name.into(),
            quoted: true,
        }
    }
}

/// A field as typed: `userIdentity.arn`, `items.0.id`, `` @`aws.tag.team` ``, `@message`.
///
/// **Shape**: at least one segment, the first a key that keeps its leading `@`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldRef {
    pub segments: Vec<Segment>,
}

impl FieldRef {
    /// A field of these segments; a head that would read as a keyword counts as quoted.
    pub fn new(mut segments: Vec<Segment>) -> FieldRef {
        if let Some(Segment::Key { name, quoted }) = segments.first_mut() {
            *quoted |= !is_plain_head(name);
        }
        FieldRef { segments }
    }

    /// The segments joined by dots, with neither backticks nor escapes: the name under
    /// which a column of an earlier command is found.
    pub fn dotted(&self) -> String {
        let mut text = String::new();
        for (i, segment) in self.segments.iter().enumerate() {
            match segment {
                Segment::Key { name, .. } => {
                    if i > 0 {
                        text.push('.');
                    }
                    text.push_str(name);
                }
                Segment::Index(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }
}

impl fmt::Display for FieldRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut segments = self.segments.iter();
        match segments.next() {
            Some(Segment::Key { name, quoted }) if !quoted && is_plain_head(name) => {
                f.write_str(name)?
            }
            Some(Segment::Key { name, .. }) => write_quoted(f, name)?,
            Some(Segment::Index(index)) => write!(f, "[{index}]")?,
            None => {}
        }
        segments
            .into_iter()
            .try_for_each(|segment| write_step(f, segment))
    }
}

/// Writes a segment behind others.
pub(crate) fn write_step(f: &mut impl fmt::Write, segment: &Segment) -> fmt::Result {
    match segment {
        Segment::Key { name, quoted } if !quoted && is_plain_key(name) => write!(f, ".{name}"),
        // Neither can stand in backticks.
        Segment::Key { name, .. } if name.is_empty() || name.contains(['\n', '\r']) => {
            f.write_char('[')?;
            super::print::write_quoted(f, name)?;
            f.write_char(']')
        }
        Segment::Key { name, .. } => {
            f.write_char('.')?;
            write_quoted(f, name)
        }
        Segment::Index(index) => write!(f, "[{index}]"),
    }
}

/// Writes a name in backticks; a backtick inside is doubled.
pub(crate) fn write_quoted(f: &mut impl fmt::Write, name: &str) -> fmt::Result {
    write!(f, "`{}`", name.replace('`', "``"))
}

/// Words of the expression grammar, which a name outside backticks cannot be.
pub(crate) const RESERVED: [&str; 10] = [
    "as", "by", "and", "or", "not", "in", "like", "true", "false", "null",
];

/// Whether a name may open a field without backticks.
fn is_plain_head(name: &str) -> bool {
    let body = name.trim_start_matches('@');
    name.len() - body.len() <= 2
        && body.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && is_plain_key(body)
        && !RESERVED.iter().any(|word| word.eq_ignore_ascii_case(name))
}

/// Whether a name may follow a dot without backticks.
pub(crate) fn is_plain_key(name: &str) -> bool {
    !name.is_empty()
        && name
            .chars()
            .all(|c| c.is_ascii_digit() || c.is_alphabetic() || matches!(c, '_' | '@' | '$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(segments: Vec<Segment>) -> FieldRef {
        FieldRef::new(segments)
    }

    #[test]
    fn prints_what_a_reader_would_type() {
        let tag = field(vec![Segment::key("tags"), Segment::key("aws:name")]);
        assert_eq!(tag.to_string(), "tags.`aws:name`");
        assert_eq!(tag.dotted(), "tags.aws:name");
        let item = field(vec![
            Segment::key("items"),
            Segment::Index(3),
            Segment::key("0"),
        ]);
        assert_eq!(item.to_string(), "items[3].0");
        assert_eq!(field(vec![Segment::key("by")]).to_string(), "`by`");
        assert_eq!(field(vec![Segment::key("a`b")]).to_string(), "`a``b`");
    }
}
