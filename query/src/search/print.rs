//! A search back as text that reads as the same tree.
//!
//! Words side by side mean "and"; parentheses and escapes are written only where the
//! grammar would otherwise read something else.

use std::fmt::{self, Display, Formatter, Write};

use super::ast::{Bound, Cidr, Comparison, FieldTest, Node, NodeKind, Regex, Search, Term};
use super::time::{TimeModifier, TimePoint};

impl Display for Search {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(terms) = &self.terms {
            write!(f, "{terms}")?;
        }
        for (i, modifier) in self.time.iter().enumerate() {
            if i > 0 || self.terms.is_some() {
                f.write_char(' ')?;
            }
            write!(f, "{}", modifier.node)?;
        }
        Ok(())
    }
}

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.node {
            NodeKind::Everything => f.write_char('*'),
            NodeKind::And(parts) => {
                let mut before_last = String::new();
                for (i, part) in parts.iter().enumerate() {
                    let text = operand(
                        part,
                        matches!(part.node, NodeKind::And(_) | NodeKind::Or(_)),
                    );
                    if i > 0 {
                        // `last 7d` is a time, not two words.
                        let joined = !before_last.eq_ignore_ascii_case("last");
                        f.write_str(if joined { " " } else { " and " })?;
                    }
                    f.write_str(&text)?;
                    before_last = text;
                }
                Ok(())
            }
            NodeKind::Or(parts) => {
                for (i, part) in parts.iter().enumerate() {
                    if i > 0 {
                        f.write_str(" or ")?;
                    }
                    f.write_str(&operand(part, matches!(part.node, NodeKind::Or(_))))?;
                }
                Ok(())
            }
            NodeKind::Not(inner) => {
                let grouped = matches!(inner.node, NodeKind::And(_) | NodeKind::Or(_));
                write!(f, "not {}", operand(inner, grouped))
            }
            NodeKind::Anywhere(Term::Word(word)) => write_word(f, word, Place::Anywhere),
            NodeKind::Anywhere(Term::Prefix(word)) => {
                write_word(f, word, Place::Anywhere)?;
                f.write_char('*')
            }
            NodeKind::Anywhere(Term::Wildcard(parts)) => write_wildcard(f, parts, Place::Anywhere),
            NodeKind::Anywhere(term) => write_term(f, term),
            NodeKind::Field { field, test } => {
                let name = field.node.to_string();
                // With a blank behind the colon it cannot be an address, an ARN or an id.
                let blank = if reads_as_word(&name) { " " } else { "" };
                write!(f, "{name}:{blank}{test}")
            }
        }
    }
}

/// Whether a name with a colon behind it may open a word instead; see `colon_word` in the
/// grammar.
fn reads_as_word(name: &str) -> bool {
    let hex_group = name.len() <= 4 && name.bytes().all(|b| b.is_ascii_hexdigit());
    let unique_id = name.len() >= 16
        && name
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    hex_group || unique_id || name.eq_ignore_ascii_case("arn")
}

fn operand(node: &Node, grouped: bool) -> String {
    if grouped {
        format!("({node})")
    } else {
        node.to_string()
    }
}

impl Display for FieldTest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            FieldTest::Exists => f.write_char('*'),
            FieldTest::Is(term) => write_term(f, term),
            FieldTest::Range { low, high } => {
                f.write_char(if matches!(low, Bound::Exclusive(_)) {
                    '{'
                } else {
                    '['
                })?;
                write_bound(f, low)?;
                f.write_str(" TO ")?;
                write_bound(f, high)?;
                f.write_char(if matches!(high, Bound::Exclusive(_)) {
                    '}'
                } else {
                    ']'
                })
            }
            FieldTest::Compare { op, value } => {
                write!(f, "{op}")?;
                write_value(f, value)
            }
        }
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        })
    }
}

impl Display for Cidr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

/// With its slashes, those inside escaped.
impl Display for Regex {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('/')?;
        let mut chars = self.as_str().chars();
        while let Some(c) = chars.next() {
            match c {
                '/' => f.write_str(r"\/")?,
                '\\' => {
                    f.write_char('\\')?;
                    chars.next().map_or(Ok(()), |next| f.write_char(next))?;
                }
                c => f.write_char(c)?,
            }
        }
        f.write_char('/')
    }
}

impl Display for TimeModifier {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (key, point) = match self {
            TimeModifier::Earliest(point) => ("earliest", point),
            TimeModifier::Latest(point) => ("latest", point),
            TimeModifier::Last(period) => return write!(f, "last {period}"),
        };
        write!(f, "{key}=")?;
        match &point.node {
            TimePoint::Absolute(text) => write_value(f, text),
            relative => write!(f, "{relative}"),
        }
    }
}

/// Where a word stands decides what must be escaped in it.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Anywhere,
    AfterField,
}

fn write_term(f: &mut impl Write, term: &Term) -> fmt::Result {
    match term {
        Term::Word(word) => write_word(f, word, Place::AfterField),
        Term::Prefix(word) => {
            write_word(f, word, Place::AfterField)?;
            f.write_char('*')
        }
        Term::Wildcard(parts) => write_wildcard(f, parts, Place::AfterField),
        Term::Phrase(text) => write_quoted(f, text),
        Term::Cidr(cidr) => write!(f, "{cidr}"),
        Term::Regex(regex) => write!(f, "{regex}"),
    }
}

fn write_wildcard(f: &mut impl Write, parts: &[String], place: Place) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        match i {
            0 => write_word(f, part, place)?,
            _ => {
                f.write_char('*')?;
                write_escaped(f, part)?;
            }
        }
    }
    Ok(())
}

fn write_word(f: &mut impl Write, word: &str, place: Place) -> fmt::Result {
    // At the start these open a negation, a regex, a phrase, a comment or a comparison.
    if word.starts_with(['-', '/', '\'', '#', '!']) {
        f.write_char('\\')?;
    }
    match word.split_once(':') {
        Some((before, after)) if place == Place::Anywhere && !reads_as_text(word) => {
            write_escaped(f, before)?;
            f.write_str(r"\:")?;
            write_escaped(f, after)
        }
        _ => write_escaped(f, word),
    }
}

/// Whether the grammar takes the first colon of a bare word for part of the word.
fn reads_as_text(word: &str) -> bool {
    word.starts_with("arn:aws") || word.starts_with("http://") || word.starts_with("https://")
}

fn write_escaped(f: &mut impl Write, text: &str) -> fmt::Result {
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let special = matches!(
            c,
            '(' | ')' | '[' | ']' | '{' | '}' | '|' | '"' | '\\' | '*' | '=' | '<' | '>'
        ) || c.is_whitespace();
        // A comma at the end tells of a list of fields, a semicolon ends the query.
        if special || (matches!(c, ',' | ';') && chars.peek().is_none()) {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    Ok(())
}

/// A value bare where it cannot be misread, else in quotes.
fn write_value(f: &mut impl Write, text: &str) -> fmt::Result {
    let plain = text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '+' | '_'));
    if plain {
        f.write_str(text)
    } else {
        write_quoted(f, text)
    }
}

fn write_bound(f: &mut impl Write, bound: &Bound) -> fmt::Result {
    match bound {
        Bound::Open => f.write_char('*'),
        Bound::Inclusive(value) | Bound::Exclusive(value) => write_value(f, value),
    }
}

/// A text in double quotes, in the escapes of both the search and the piped language.
pub(crate) fn write_quoted(f: &mut impl Write, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            f.write_char('\\')?;
        }
        f.write_char(c)?;
    }
    f.write_char('"')
}
