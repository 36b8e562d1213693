//! What SQL cannot read as it stands, found in the text and covered by a plain word.
//!
//! An event data store is named after FROM by its bare UUID or ARN, and a parameter is
//! `{{name}}`. Neither can be tokenised, so each is covered by letters of the same
//! length: every other place in the text stays where the user has it. Quotes and
//! comments are passed over.

use crate::span::Span;
use crate::syntax::SyntaxError;

/// A covered part of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Region {
    pub span: Span,
    pub meaning: Meaning,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The name of an event data store.
    Table(String),
    /// The name of a parameter.
    Parameter(String),
}

/// The text with every region covered, and the regions in order.
#[derive(Debug)]
pub(super) struct Masked {
    pub text: String,
    pub regions: Vec<Region>,
}

/// Covers what cannot be tokenised.
///
/// **Errors**: a quote or comment that is not closed; `<a placeholder>` after FROM.
pub(super) fn mask(text: &str) -> Result<Masked, SyntaxError> {
    let mut regions: Vec<Region> = Vec::new();
    let mut at = 0;
    let mut last_word = Span::default();
    while let Some(rest) = text.get(at..) {
        let Some(c) = rest.chars().next() else { break };
        if let Some(length) = quoted_length(rest) {
            at += length.ok_or_else(|| not_closed(c, at))?;
            last_word = Span::default();
            continue;
        }
        if let Some(length) = comment_length(rest) {
            at += length.ok_or_else(|| not_closed('*', at))?;
            continue;
        }
        if let Some(found) = parameter(rest) {
            let (length, name) = found.map_err(|reason| {
                SyntaxError::new(Span::new(at, at + 2), reason)
                    .hint("a parameter is written {{name}}")
            })?;
            regions.push(Region {
                span: Span::new(at, at + length),
                meaning: Meaning::Parameter(name),
            });
            at += length;
            last_word = Span::default();
            continue;
        }
        if c == '<' && follows_from(last_word.of(text)) {
            return Err(placeholder_left(rest, at));
        }
        if c.is_alphanumeric() {
            let length = table_length(rest);
            if let Some(length) = length {
                regions.push(Region {
                    span: Span::new(at, at + length),
                    meaning: Meaning::Table(rest.get(..length).unwrap_or("").to_owned()),
                });
                at += length;
                last_word = Span::default();
                continue;
            }
            let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            last_word = Span::new(at, at + length);
            at += length;
            continue;
        }
        if !c.is_whitespace() {
            last_word = Span::default();
        }
        at += c.len_utf8();
    }
    let mut bytes = text.as_bytes().to_vec();
    for region in &regions {
        // A region is ASCII or becomes it; either way it keeps its bytes' number.
        if let Some(covered) = bytes.get_mut(region.span.start..region.span.end) {
            covered.fill(b'x');
        }
    }
    // Whole characters were replaced by ASCII, so this is UTF-8.
    let text = String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned());
    Ok(Masked { text, regions })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$' || c == '@'
}

fn follows_from(word: &str) -> bool {
    word.eq_ignore_ascii_case("from") || word.eq_ignore_ascii_case("join")
}

fn placeholder_left(rest: &str, at: usize) -> SyntaxError {
    let length = rest.find('>').map_or(1, |end| end + 1);
    let shown = rest.get(..length).unwrap_or("<");
    SyntaxError::new(
        Span::new(at, at + length),
        format!("{shown} stands for the name of an event data store"),
    )
    .hint("write a store's name or id in its place, or `events` for the store that is chosen")
}

/// The length of a string or quoted name with its quotes; none inside where it is not
/// closed.
fn quoted_length(rest: &str) -> Option<Option<usize>> {
    let quote = rest
        .chars()
        .next()
        .filter(|c| matches!(c, '\'' | '"' | '`'))?;
    let inside = rest.get(1..)?;
    let mut chars = inside.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        if c != quote {
            continue;
        }
        // A doubled quote stands for itself.
        if chars.next_if(|(_, next)| *next == quote).is_none() {
            return Some(Some(i + 2));
        }
    }
    Some(None)
}

fn comment_length(rest: &str) -> Option<Option<usize>> {
    if rest.starts_with("--") {
        return Some(Some(rest.find('\n').unwrap_or(rest.len())));
    }
    let inside = rest.strip_prefix("/*")?;
    Some(inside.find("*/").map(|end| end + 4))
}

fn not_closed(opening: char, at: usize) -> SyntaxError {
    let (what, length, hint) = match opening {
        '\'' => (
            "a text",
            1,
            "a text ends with a single quote; two of them stand for one",
        ),
        '*' => ("a comment", 2, "a comment ends with */"),
        _ => ("a quoted name", 1, "texts are written in single quotes"),
    };
    SyntaxError::new(Span::new(at, at + length), format!("{what} is not closed")).hint(hint)
}

/// A parameter's length and name.
fn parameter(rest: &str) -> Option<Result<(usize, String), String>> {
    let inside = rest.strip_prefix("{{")?;
    let Some(end) = inside.find("}}") else {
        return Some(Err("a parameter is not closed".to_owned()));
    };
    let name = inside.get(..end).unwrap_or("").trim();
    let is_name = !name.is_empty() && name.chars().all(|c| is_word(c) || c == '-' || c == '.');
    Some(if is_name {
        Ok((end + 4, name.to_owned()))
    } else {
        Err(format!("{name:?} is not the name of a parameter"))
    })
}

/// The length of a UUID or an ARN at the start of a word.
fn table_length(rest: &str) -> Option<usize> {
    if let Some(length) = uuid_length(rest) {
        return Some(length);
    }
    let prefix = rest.get(..4)?;
    if !prefix.eq_ignore_ascii_case("arn:") {
        return None;
    }
    let end = rest
        .find(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | ')' | '(' | '\'' | '"' | '`'))
        .unwrap_or(rest.len());
    Some(end)
}

fn uuid_length(rest: &str) -> Option<usize> {
    const LENGTH: usize = 36;
    let candidate = rest.get(..LENGTH)?;
    let is_uuid = candidate.bytes().enumerate().all(|(i, b)| match i {
        8 | 13 | 18 | 23 => b == b'-',
        _ => b.is_ascii_hexdigit(),
    });
    let ends = rest
        .get(LENGTH..)
        .and_then(|after| after.chars().next())
        .is_none_or(|c| !is_word(c) && c != '-');
    (is_uuid && ends).then_some(LENGTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0233062b-51c6-4d18-8dec-a8c90da840d9";

    fn tables(text: &str) -> Vec<String> {
        let masked = mask(text).expect("no error");
        assert_eq!(masked.text.len(), text.len());
        masked
            .regions
            .into_iter()
            .filter_map(|r| match r.meaning {
                Meaning::Table(name) => Some(name),
                Meaning::Parameter(_) => None,
            })
            .collect()
    }

    #[test]
    fn ids_and_arns_are_covered() {
        assert_eq!(tables(&format!("SELECT 1 FROM {ID} WHERE a=1")), [ID]);
        assert_eq!(tables(&format!("FROM {ID},{ID} t")), [ID, ID]);
        let arn = format!("arn:aws:cloudtrail:us-east-1:111122223333:eventdatastore/{ID}");
        assert_eq!(
            tables(&format!("select * from {arn}\nwhere x")),
            [arn.as_str()]
        );
        assert_eq!(tables(&format!("(SELECT 1 FROM {ID})")), [ID]);
    }

    #[test]
    fn quotes_and_comments_are_passed_over() {
        assert_eq!(
            tables(&format!(
                "SELECT '{ID}', \"{ID}\" -- {ID}\n/* {ID} */ FROM x"
            )),
            Vec::<String>::new()
        );
        assert_eq!(tables(&format!("SELECT 'it''s {ID}' FROM {ID}")), [ID]);
        assert_eq!(tables(&format!("x{ID} a_{ID} {ID}0")), Vec::<String>::new());
    }

    #[test]
    fn parameters() {
        let masked = mask("a = {{ user }} and '{{kept}}'").expect("no error");
        assert_eq!(
            masked.regions,
            [Region {
                span: Span::new(4, 14),
                meaning: Meaning::Parameter("user".to_owned())
            }]
        );
        assert_eq!(masked.text, "a = xxxxxxxxxx and '{{kept}}'");
        assert!(mask("{{a").is_err());
        assert!(mask("{{}}").is_err());
    }

    #[test]
    fn what_is_not_closed_is_shown() {
        for (text, at) in [("SELECT 'abc", 7), ("a \"b", 2), ("a /* b", 2)] {
            assert_eq!(mask(text).expect_err("open").span.start, at, "{text}");
        }
        let error = mask("SELECT 1 FROM <EDS ID> WHERE").expect_err("a placeholder");
        assert_eq!(error.span, Span::new(14, 22));
        assert!(mask("SELECT 1 FROM a WHERE b <c").is_ok());
    }
}
