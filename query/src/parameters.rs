//! `{{name}}` in a query's text, filled in by whoever runs it.
//!
//! A value is never more than a value: within quotes its quotes are escaped, outside of
//! them it becomes a number, `true`, `false`, `null` or a quoted text, so no value can add
//! a condition or a command. Places in the filled text are traced back to the text as
//! written, where people look for them.

use std::sync::LazyLock;

use regex::Regex;

use crate::error::{Code, QueryError};
use crate::language::Language;
use crate::span::Span;
use crate::suggest;
use crate::syntax::Warning;

/// A query's text with its parameters filled in.
#[derive(Debug, Clone)]
pub struct Filled {
    pub text: String,
    /// Where each value stands: in the written text and in the filled one.
    places: Vec<(Span, Span)>,
    pub warnings: Vec<Warning>,
}

/// Fills the parameters in.
///
/// **Errors**: a parameter without a value, with its place.
pub fn fill(
    text: &str,
    language: Language,
    values: &[(String, String)],
) -> Result<Filled, QueryError> {
    static PARAMETER: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"\{\{\s*([A-Za-z_][A-Za-z0-9_-]*)\s*\}\}").expect("a constant that compiles")
    });
    let mut filled = Filled {
        text: String::with_capacity(text.len()),
        places: Vec::new(),
        warnings: Vec::new(),
    };
    let mut used = Vec::new();
    let mut quoting = Quoting::default();
    let mut copied = 0;
    for found in PARAMETER.captures_iter(text) {
        let (Some(whole), Some(name)) = (found.get(0), found.get(1)) else {
            continue;
        };
        let written = Span::new(whole.start(), whole.end());
        let name = name.as_str();
        let Some((_, value)) = values.iter().find(|(known, _)| known == name) else {
            let error = QueryError::new(Code::Parameter, format!("no value for `{name}`"));
            let given = values.iter().map(|(known, _)| known.as_str());
            let hint = suggest::did_you_mean(name, given)
                .unwrap_or_else(|| format!("give it one with -p {name}=…"));
            return Err(error.at(written).hint(hint));
        };
        used.push(name);
        let before = &text[copied..whole.start()];
        quoting.pass(before, language);
        filled.text.push_str(before);
        let start = filled.text.len();
        push_value(&mut filled.text, value, quoting.open, language);
        filled
            .places
            .push((written, Span::new(start, filled.text.len())));
        copied = whole.end();
    }
    filled.text.push_str(&text[copied..]);
    for (name, _) in values
        .iter()
        .filter(|(name, _)| !used.contains(&name.as_str()))
    {
        filled.warnings.push(Warning {
            span: Span::default(),
            reason: format!("the query has no parameter `{name}`"),
            hint: None,
        });
    }
    Ok(filled)
}

impl Filled {
    /// The place in the written text of a place in the filled one. What lies inside a
    /// value is the whole parameter.
    pub fn written(&self, span: Span) -> Span {
        Span::new(
            self.written_at(span.start, false),
            self.written_at(span.end, true),
        )
    }

    fn written_at(&self, at: usize, is_end: bool) -> usize {
        let mut shift = (0, 0);
        for (written, filled) in &self.places {
            let is_before = if is_end {
                at <= filled.start
            } else {
                at < filled.start
            };
            if is_before {
                break;
            }
            let is_inside = if is_end {
                at <= filled.end
            } else {
                at < filled.end
            };
            if is_inside {
                return if is_end { written.end } else { written.start };
            }
            shift = (written.end, filled.end);
        }
        shift.0 + at.saturating_sub(shift.1)
    }
}

/// Which quotes are open at a place in a text.
#[derive(Default)]
struct Quoting {
    open: Option<char>,
}

impl Quoting {
    fn pass(&mut self, text: &str, language: Language) {
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            match self.open {
                // A doubled quote of SQL closes and opens again.
                Some(quote) if c == quote => self.open = None,
                Some(_) if c == '\\' && language != Language::Sql => {
                    chars.next();
                }
                None if matches!(c, '\'' | '"' | '`') => self.open = Some(c),
                _ => {}
            }
        }
    }
}

fn push_value(out: &mut String, value: &str, open: Option<char>, language: Language) {
    match open {
        Some(quote) => push_escaped(out, value, quote, language),
        None if is_bare(value) => out.push_str(value),
        None => {
            let quote = if language == Language::Sql { '\'' } else { '"' };
            out.push(quote);
            push_escaped(out, value, quote, language);
            out.push(quote);
        }
    }
}

fn is_bare(value: &str) -> bool {
    let is_word = ["true", "false", "null"].contains(&value);
    let starts = |first: u8| first.is_ascii_digit() || first == b'-';
    let is_number = value.bytes().next().is_some_and(starts)
        && value
            .bytes()
            .all(|b| b.is_ascii_digit() || matches!(b, b'-' | b'.'))
        && value.parse::<f64>().is_ok();
    // Digits with a leading zero are an account, not a number.
    let is_id = value.len() > 1 && value.starts_with('0') && !value.starts_with("0.");
    is_word || (is_number && !is_id)
}

fn push_escaped(out: &mut String, value: &str, quote: char, language: Language) {
    for c in value.chars() {
        match (language, c) {
            (Language::Sql, c) if c == quote => out.extend([c, c]),
            (Language::Sql, c) => out.push(c),
            // A name in backticks knows no backslash.
            (_, '`') if quote == '`' => out.push_str("``"),
            (_, c) if c == quote || c == '\\' => out.extend(['\\', c]),
            (_, c) => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, language: Language, value: &str) -> String {
        let values = [("x".to_owned(), value.to_owned())];
        fill(text, language, &values).expect("filled").text
    }

    #[test]
    fn a_value_stays_a_value() {
        use Language::{Insights, Sql};
        for (text, language, value, expected) in [
            ("a = {{x}}", Sql, "5", "a = 5"),
            ("a = {{ x }}", Sql, "O'Brien", "a = 'O''Brien'"),
            ("a = '{{x}}'", Sql, "' OR 1=1 --", "a = ''' OR 1=1 --'"),
            ("a = {{x}}", Sql, "012345678901", "a = '012345678901'"),
            ("a = {{x}}", Insights, "1 | limit 5", "a = \"1 | limit 5\""),
            (
                "a = \"{{x}}\"",
                Insights,
                "\\\" or 1",
                "a = \"\\\\\\\" or 1\"",
            ),
            ("it's '' {{x}}", Sql, "y", "it's '' y"),
        ] {
            assert_eq!(filled(text, language, value), expected);
        }
    }

    #[test]
    fn places_lead_back() {
        let values = [("x".to_owned(), "long value".to_owned())];
        let text = "a = {{x}} and bcd";
        let filled = fill(text, Language::Sql, &values).expect("filled");
        let at = filled.text.find("bcd").expect("there");
        assert_eq!(filled.written(Span::new(at, at + 3)).of(text), "bcd");
        assert_eq!(filled.written(Span::new(0, 1)).of(text), "a");
        assert_eq!(filled.written(Span::new(6, 8)).of(text), "{{x}}");
    }

    #[test]
    fn values_and_parameters_have_to_meet() {
        let values = [("name".to_owned(), "v".to_owned())];
        let error = fill("a = {{nmae}}", Language::Sql, &values).expect_err("has no value");
        assert_eq!(error.span, Some(Span::new(4, 12)));
        assert_eq!(error.hint.as_deref(), Some("did you mean `name`?"));
        let filled = fill("a", Language::Sql, &values).expect("filled");
        assert_eq!(filled.warnings.len(), 1);
    }
}
