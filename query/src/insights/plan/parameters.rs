//! Values for `{{name}}` where they stand in a pipeline.
//!
//! A parameter that stands alone is what its type says; without one it is a number or a
//! truth value where it reads as one, else a text. Inside a text or a regular expression
//! it is a part of it, letter for letter.

use std::borrow::Cow;

use super::value::Value;
use crate::error::QueryError;
use crate::insights::ast::Number;
use crate::parameters::{ParameterValue, Parameters, misplaced_list};
use crate::span::Span;

impl Parameters<'_> {
    /// The constant that a parameter stands for.
    pub(super) fn constant(&mut self, name: &str, place: Span) -> Result<Value, QueryError> {
        let value = self.value(name).map_err(|error| error.at(place))?;
        Ok(match value {
            ParameterValue::Untyped(text) => untyped(text),
            ParameterValue::Number(digits) => Value::number(&Number::new(&digits)),
            ParameterValue::Boolean(value) => Value::boolean(value),
            other => match other.as_text() {
                Some(text) => Value::text_constant(text),
                None => return Err(misplaced_list(name).at(place)),
            },
        })
    }

    /// A text with the parameters in it replaced by what `part` makes of their values.
    pub(super) fn filled<'t>(
        &mut self,
        text: &'t str,
        place: Span,
        part: fn(&str) -> String,
    ) -> Result<Cow<'t, str>, QueryError> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, name, after)) = next_parameter(rest) {
            out.push_str(before);
            let value = self.text(name).map_err(|error| error.at(place))?;
            out.push_str(&part(&value));
            rest = after;
        }
        if rest.len() == text.len() {
            return Ok(Cow::Borrowed(text));
        }
        out.push_str(rest);
        Ok(Cow::Owned(out))
    }
}

fn untyped(text: String) -> Value {
    match text.as_str() {
        "true" => Value::boolean(true),
        "false" => Value::boolean(false),
        "null" => Value::null(),
        digits if is_number(digits) => Value::number(&Number::new(digits)),
        _ => Value::text_constant(text),
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
    use super::super::value::Constant;
    use super::*;

    #[test]
    fn parameters_are_values_or_parts_of_texts() {
        let given = [("n", "5"), ("id", "012"), ("who", "a.b"), ("odd", "{{n}}")];
        let mut values: Vec<(String, ParameterValue)> = given
            .map(|(name, value)| (name.to_owned(), value.into()))
            .into();
        values.push(("text".to_owned(), ParameterValue::Text("5".to_owned())));
        let mut parameters = Parameters::new(&values);
        let place = Span::default();
        let mut constant = |name: &str| parameters.constant(name, place).ok()?.constant();
        let text = |text: &str| Some(Constant::Text(text.to_owned()));
        assert!(matches!(constant("n"), Some(Constant::Number { .. })));
        assert_eq!(constant("id"), text("012"));
        assert_eq!(constant("text"), text("5"), "as its type says");
        assert_eq!(
            constant("odd"),
            text("{{n}}"),
            "values are no texts to fill"
        );
        let filled = parameters.filled("x{{ who }}y{{2}}", place, str::to_owned);
        assert_eq!(filled.expect("given"), "xa.by{{2}}");
        let regex = parameters.filled("^{{who}}$", place, regex::escape);
        assert_eq!(regex.expect("given"), r"^a\.b$");
        let Err(error) = parameters.constant("whom", place) else {
            panic!("it was not given");
        };
        assert_eq!(error.hint.as_deref(), Some("did you mean `who`?"));
        assert_eq!(error.span, Some(place));
    }
}
