//! Values for `{{name}}`: they enter the tree and never the text, so that none can
//! become syntax.
//!
//! A parameter that stands alone is a number or a truth value where it reads as one, else
//! a text; inside a text or a regular expression it is a part of it, letter for letter.

use std::borrow::Cow;

use crate::error::{Code, QueryError};
use crate::insights::ast::{Literal, Number};
use crate::span::Span;
use crate::suggest;

/// The values of a request, and which of them were asked for.
pub(super) struct Parameters<'q> {
    values: &'q [(String, String)],
    used: Vec<String>,
}

impl<'q> Parameters<'q> {
    pub fn new(values: &'q [(String, String)]) -> Self {
        Self {
            values,
            used: Vec::new(),
        }
    }

    pub fn used(&self) -> &[String] {
        &self.used
    }

    /// The value of a parameter as it stands.
    ///
    /// **Errors**: it has none.
    pub fn text(&mut self, name: &str, place: Span) -> Result<&'q str, QueryError> {
        let Some((_, value)) = self.values.iter().find(|(known, _)| known == name) else {
            let known = self.values.iter().map(|(name, _)| name.as_str());
            let hint = suggest::did_you_mean(name, known)
                .unwrap_or_else(|| format!("give it with -p {name}=…"));
            let reason = format!("the parameter `{name}` has no value");
            return Err(QueryError::new(Code::Parameter, reason)
                .at(place)
                .hint(hint));
        };
        if !self.used.iter().any(|used| used == name) {
            self.used.push(name.to_owned());
        }
        Ok(value)
    }

    /// The literal that a parameter stands for.
    pub fn literal(&mut self, name: &str, place: Span) -> Result<Literal, QueryError> {
        let value = self.text(name, place)?;
        Ok(match value {
            "true" => Literal::Boolean(true),
            "false" => Literal::Boolean(false),
            "null" => Literal::Null,
            value if is_number(value) => Literal::Number(Number::new(value)),
            value => Literal::Text(value.to_owned()),
        })
    }

    /// A text with the parameters in it replaced by what `part` makes of their values.
    pub fn filled<'t>(
        &mut self,
        text: &'t str,
        place: Span,
        part: fn(&str) -> String,
    ) -> Result<Cow<'t, str>, QueryError> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, name, after)) = next_parameter(rest) {
            out.push_str(before);
            out.push_str(&part(self.text(name, place)?));
            rest = after;
        }
        if rest.len() == text.len() {
            return Ok(Cow::Borrowed(text));
        }
        out.push_str(rest);
        Ok(Cow::Owned(out))
    }
}

/// What stands before the first `{{name}}`, the name, and what is behind.
fn next_parameter(text: &str) -> Option<(&str, &str, &str)> {
    let mut searched = 0;
    loop {
        let at = searched + text.get(searched..)?.find("{{")?;
        let inner = text.get(at + 2..)?;
        let end = inner.find("}}")?;
        let (name, after) = (inner.get(..end)?.trim(), inner.get(end + 2..)?);
        let is_letter = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
        // `{{2}}` in a regular expression counts; no parameter begins with a digit.
        let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if is_name && name.chars().all(is_letter) {
            return Some((text.get(..at)?, name, after));
        }
        searched = at + 2;
    }
}

/// Digits with a leading zero are an account and not a number.
fn is_number(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    let is_plain = |c: u8| c.is_ascii_digit() || c == b'.';
    let is_id = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(is_plain)
        && digits.parse::<f64>().is_ok()
        && !is_id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_values_or_parts_of_texts() {
        let values: Vec<(String, String)> = [("n", "5"), ("id", "012"), ("who", "a.b")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let mut parameters = Parameters::new(&values);
        let place = Span::default();
        let literal = parameters.literal("n", place).expect("given");
        assert_eq!(literal, Literal::Number(Number::new("5")));
        let literal = parameters.literal("id", place).expect("given");
        assert_eq!(literal, Literal::Text("012".into()));
        let text = parameters.filled("x{{ who }}y{{2}}", place, str::to_owned);
        assert_eq!(text.expect("given"), "xa.by{{2}}");
        let regex = parameters.filled("^{{who}}$", place, regex::escape);
        assert_eq!(regex.expect("given"), r"^a\.b$");
        let error = parameters.text("whom", place).expect_err("not given");
        assert_eq!(error.hint.as_deref(), Some("did you mean `who`?"));
        assert_eq!(parameters.used(), ["n", "id", "who"]);
    }
}
