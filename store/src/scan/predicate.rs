//! What a scan can decide about an event, and the decision on the record itself.
//!
//! A predicate is two-valued: every test is true or false of every event. What
//! a language makes of missing values is settled when it builds the predicate
//! (`when_missing`), so SQL's three-valued `<>` and Logs Insights' two-valued
//! `!=` are both told exactly. No test can fail.
//!
//! [`Predicate::matches`] is the meaning. Everything that splits answer faster
//! (columns, dictionaries, the full-text index) must agree with it, and is
//! compared with it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::json::{Json, Kind};
use crate::path::{Arrays, FieldPath};
use crate::resolve;
use crate::tokens::{self, tokens};

/// What is asked of each event.
#[derive(Debug, Clone, PartialEq)]
pub enum Predicate {
    True,
    False,
    And(Vec<Predicate>),
    Or(Vec<Predicate>),
    Not(Box<Predicate>),
    Field(FieldTest),
    /// A word, phrase or prefix in any string or number of the event.
    Text(TextTest),
}

/// A test of one field.
#[derive(Debug, Clone, PartialEq)]
pub struct FieldTest {
    pub field: Field,
    pub matcher: Matcher,
    /// The answer where the field has no value to test.
    pub when_missing: bool,
}

/// What a test or a column reads.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// A value inside the record. The empty path is the record's whole text.
    Path { path: FieldPath, arrays: Arrays },
    /// The event's time as milliseconds since 1970 in decimal digits.
    Time,
    /// The account that the event belongs to (DESIGN "account of an event");
    /// missing where there is none.
    Account,
    /// When the record arrived, as milliseconds since 1970 in decimal digits.
    IngestionTime,
    /// The file that the record came from, `path#position`.
    Source,
    /// The import that brought the record.
    Import,
}

impl Field {
    pub fn path(path: FieldPath, arrays: Arrays) -> Self {
        Self::Path { path, arrays }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path { path, .. } if path.is_root() => f.write_str("@message"),
            Self::Path { path, .. } => write!(f, "{path}"),
            Self::Time => f.write_str("@timestamp"),
            Self::Account => f.write_str("@account"),
            Self::IngestionTime => f.write_str("@ingestionTime"),
            Self::Source => f.write_str("@source"),
            Self::Import => f.write_str("@import"),
        }
    }
}

/// A test of one text. True of a field when true of any of its values.
#[derive(Debug, Clone, PartialEq)]
pub enum Matcher {
    /// There is a value, be it an empty container.
    Present,
    Equals(String),
    OneOf(BTreeSet<String>),
    StartsWith(String),
    EndsWith(String),
    Contains(String),
    /// Byte order of the text, which is code point order.
    Compare {
        op: Comparison,
        text: String,
    },
    /// The text read as a decimal number; text that is none does not match.
    Number {
        op: Comparison,
        value: f64,
    },
    /// Any other test, named for `--explain`.
    Test(Arc<dyn TextPredicate>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// A deterministic test of a text that cannot fail: LIKE patterns, regular
/// expressions, functions of one column. Splits put it to each distinct value
/// once.
pub trait TextPredicate: fmt::Debug + Send + Sync {
    fn matches(&self, text: &str) -> bool;
    /// How `--explain` shows the test, e.g. `LIKE 'a%b'`. Two tests of the same
    /// description are the same test.
    fn description(&self) -> String;
}

impl PartialEq for dyn TextPredicate {
    fn eq(&self, other: &Self) -> bool {
        self.description() == other.description()
    }
}

impl Matcher {
    /// Whether one text passes. [`Matcher::Present`] passes any.
    pub fn matches(&self, text: &str) -> bool {
        match self {
            Self::Present => true,
            Self::Equals(wanted) => text == wanted,
            Self::OneOf(wanted) => wanted.contains(text),
            Self::StartsWith(prefix) => text.starts_with(prefix.as_str()),
            Self::EndsWith(suffix) => text.ends_with(suffix.as_str()),
            Self::Contains(part) => text.contains(part.as_str()),
            Self::Compare { op, text: bound } => op.holds(text.cmp(bound.as_str())),
            Self::Number { op, value } => parse_number(text)
                .is_some_and(|n| n.partial_cmp(value).is_some_and(|o| op.holds(o))),
            Self::Test(test) => test.matches(text),
        }
    }
}

/// A text as a decimal number, as both languages read numbers out of text:
/// digits with an optional sign, fraction and exponent, blanks around it not
/// allowed, and no `inf` or `nan`.
pub fn parse_number(text: &str) -> Option<f64> {
    let starts_well = text
        .bytes()
        .next()
        .is_some_and(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.'));
    if !starts_well || !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse::<f64>().ok().filter(|n| n.is_finite())
}

/// A search for text anywhere in an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextTest {
    /// One value of the event holds these tokens side by side, parted by just
    /// what parts them here. Case does not matter.
    Phrase(String),
    /// A token that begins so. Case does not matter.
    Prefix(String),
}

impl TextTest {
    /// Whether one value of an event passes.
    pub fn matches_value(&self, value: &str) -> bool {
        match self {
            Self::Prefix(prefix) => {
                let prefix = prefix.to_lowercase();
                tokens(value).any(|t| t.text.starts_with(&prefix))
            }
            Self::Phrase(phrase) => phrase_in(phrase, value),
        }
    }

    /// The tokens that an event must hold to match; none where any event might.
    pub fn required_tokens(&self) -> Vec<String> {
        match self {
            Self::Phrase(phrase) => tokens(phrase).map(|t| t.text.into_owned()).collect(),
            Self::Prefix(_) => Vec::new(),
        }
    }
}

fn phrase_in(phrase: &str, value: &str) -> bool {
    let wanted: Vec<_> = tokens(phrase).collect();
    let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else {
        // Punctuation alone has no tokens: it is looked for as it stands.
        return value.contains(phrase);
    };
    let lead = &phrase[..first.start];
    let trail = &phrase[last.end..];
    let held: Vec<_> = tokens(value).collect();
    held.windows(wanted.len()).any(|run| {
        run.iter().zip(&wanted).all(|(h, w)| h.text == w.text)
            && run
                .windows(2)
                .zip(wanted.windows(2))
                .all(|(h, w)| value[h[0].end..h[1].start] == phrase[w[0].end..w[1].start])
            && value[..run[0].start].ends_with(lead)
            && value[run[run.len() - 1].end..].starts_with(trail)
    })
}

/// An event as predicates see it.
pub trait Event {
    fn json(&self) -> &Json<'_>;
    fn time_ms(&self) -> i64;
    /// Empty where the event has no account.
    fn account(&self) -> &str;
    fn ingestion_time_ms(&self) -> i64;
    fn source(&self) -> String;
    fn import(&self) -> String;
}

impl Predicate {
    /// The conjunction, with constants folded.
    pub fn and(parts: impl IntoIterator<Item = Predicate>) -> Self {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Self::True => {}
                Self::False => return Self::False,
                Self::And(inner) => kept.extend(inner),
                other => kept.push(other),
            }
        }
        match kept.len() {
            0 => Self::True,
            1 => kept.remove(0),
            _ => Self::And(kept),
        }
    }

    /// The disjunction, with constants folded.
    pub fn or(parts: impl IntoIterator<Item = Predicate>) -> Self {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Self::False => {}
                Self::True => return Self::True,
                Self::Or(inner) => kept.extend(inner),
                other => kept.push(other),
            }
        }
        match kept.len() {
            0 => Self::False,
            1 => kept.remove(0),
            _ => Self::Or(kept),
        }
    }

    pub fn negate(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// Whether the event matches, decided on the record itself.
    pub fn matches(&self, event: &dyn Event) -> bool {
        match self {
            Self::True => true,
            Self::False => false,
            Self::And(parts) => parts.iter().all(|p| p.matches(event)),
            Self::Or(parts) => parts.iter().any(|p| p.matches(event)),
            Self::Not(inner) => !inner.matches(event),
            Self::Field(test) => test.matches(event),
            Self::Text(test) => any_value(event.json(), &|value| test.matches_value(value)),
        }
    }
}

impl FieldTest {
    pub fn matches(&self, event: &dyn Event) -> bool {
        let one = |text: &str| self.matcher.matches(text);
        match &self.field {
            Field::Path { path, arrays } if self.matcher == Matcher::Present => {
                resolve::is_present(event.json(), path, *arrays) || self.when_missing
            }
            Field::Path { path, arrays } => {
                let texts = resolve::tested(event.json(), path, *arrays);
                match texts.is_empty() {
                    true => self.when_missing,
                    false => texts.into_iter().any(one),
                }
            }
            Field::Time => one(&event.time_ms().to_string()),
            Field::Account if event.account().is_empty() => self.when_missing,
            Field::Account => one(event.account()),
            Field::IngestionTime => one(&event.ingestion_time_ms().to_string()),
            Field::Source => one(&event.source()),
            Field::Import => one(&event.import()),
        }
    }
}

/// Whether any string or number in the value passes. Keys, booleans and nulls
/// are not searched.
fn any_value(json: &Json<'_>, test: &dyn Fn(&str) -> bool) -> bool {
    match &json.kind {
        Kind::String(text) => test(text),
        Kind::Number => test(json.raw),
        Kind::Array(elements) => elements.iter().any(|e| any_value(e, test)),
        Kind::Object(_) => json.members().any(|(_, v)| any_value(v, test)),
        Kind::Null | Kind::Bool(_) => false,
    }
}

/// The tokens that every event holds whose field equals `text`; none where the
/// value may come from something that is not indexed as text.
pub fn tokens_of_equal_value(text: &str) -> Vec<String> {
    let is_container = text.starts_with(['{', '[']);
    if is_container || text == "true" || text == "false" {
        return Vec::new();
    }
    tokens::tokens(text).map(|t| t.text.into_owned()).collect()
}

impl fmt::Display for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |f: &mut fmt::Formatter<'_>, parts: &[Predicate], word: &str| {
            f.write_str("(")?;
            for (i, part) in parts.iter().enumerate() {
                if i > 0 {
                    write!(f, " {word} ")?;
                }
                write!(f, "{part}")?;
            }
            f.write_str(")")
        };
        match self {
            Self::True => f.write_str("everything"),
            Self::False => f.write_str("nothing"),
            Self::And(parts) => join(f, parts, "and"),
            Self::Or(parts) => join(f, parts, "or"),
            Self::Not(inner) => write!(f, "not {inner}"),
            Self::Field(test) => write!(f, "{test}"),
            Self::Text(TextTest::Phrase(phrase)) => write!(f, "text has {phrase:?}"),
            Self::Text(TextTest::Prefix(prefix)) => write!(f, "text has {prefix:?}*"),
        }
    }
}

impl fmt::Display for FieldTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.matcher)?;
        if self.when_missing {
            f.write_str(" (or missing)")?;
        }
        Ok(())
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = |op: &Comparison| match op {
            Comparison::Equal => "=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        };
        match self {
            Self::Present => f.write_str("is present"),
            Self::Equals(text) => write!(f, "= {text:?}"),
            Self::OneOf(texts) => write!(f, "in {texts:?}"),
            Self::StartsWith(text) => write!(f, "starts with {text:?}"),
            Self::EndsWith(text) => write!(f, "ends with {text:?}"),
            Self::Contains(text) => write!(f, "contains {text:?}"),
            Self::Compare { op, text } => write!(f, "{} {text:?}", sign(op)),
            Self::Number { op, value } => write!(f, "{} {value}", sign(op)),
            Self::Test(test) => f.write_str(&test.description()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_keep_their_punctuation() {
        let has = |phrase: &str, value: &str| TextTest::Phrase(phrase.into()).matches_value(value);
        assert!(has("user/bob", "arn:aws:iam::1:user/Bob"));
        assert!(!has("user/bob", "arn:aws:iam::1:user/bobby"));
        assert!(!has("user bob", "arn:aws:iam::1:user/bob"));
        assert!(has("10.0.0.0/8", "from 10.0.0.0/8 only"));
        assert!(!has("0.0.0.0/8", "10.0.0.0/8"));
        assert!(has("PutObject", "putobject"));
    }

    #[test]
    fn numbers_are_decimal() {
        assert_eq!(parse_number("1e3"), Some(1000.0));
        for text in ["", "inf", "NaN", "0x10", " 1", "1 ", "-", "i1"] {
            assert_eq!(parse_number(text), None, "{text:?}");
        }
    }
}
