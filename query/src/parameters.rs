//! Values for `{{name}}`: what a request gives, and what each is where it stands.
//!
//! They enter the syntax tree and never the text, so that none can become syntax. Alone a
//! parameter is a literal of its type; inside a text it is a part of it, letter for letter.

use std::borrow::Cow;
use std::fmt;

use crate::error::{Code, QueryError};
use crate::suggest;
use crate::time::iso;

/// What a parameter stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParameterValue {
    /// Nobody said of which type it is: a number or a truth value where it reads as one
    /// and the language tells them from texts.
    Untyped(String),
    /// A text, also where it reads as something else.
    Text(String),
    /// Digits with an optional sign and fraction.
    Number(String),
    Boolean(bool),
    /// In milliseconds since 1970 UTC.
    Time(i64),
    /// Texts, which stand in the brackets of `in`.
    List(Vec<String>),
}

impl From<String> for ParameterValue {
    fn from(text: String) -> Self {
        Self::Untyped(text)
    }
}

impl From<&str> for ParameterValue {
    fn from(text: &str) -> Self {
        Self::Untyped(text.to_owned())
    }
}

impl ParameterValue {
    /// What it is inside a text; none for a list.
    pub(crate) fn as_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Untyped(text) | Self::Text(text) | Self::Number(text) => {
                Some(Cow::Borrowed(text))
            }
            Self::Boolean(value) => Some(Cow::Owned(value.to_string())),
            Self::Time(ms) => Some(Cow::Owned(iso(*ms))),
            Self::List(_) => None,
        }
    }
}

/// As it might have been given: a list as a JSON array.
impl fmt::Display for ParameterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(items) => write!(f, "{}", serde_json::Value::from(items.as_slice())),
            one => f.write_str(&one.as_text().unwrap_or_default()),
        }
    }
}

/// The values of a request, and which of them were asked for.
pub(crate) struct Parameters<'q> {
    values: &'q [(String, ParameterValue)],
    used: Vec<String>,
}

/// Between the name of a list and the place of an item: no name that anybody types has it.
const ITEM: char = '\0';

impl<'q> Parameters<'q> {
    pub fn new(values: &'q [(String, ParameterValue)]) -> Self {
        Self {
            values,
            used: Vec::new(),
        }
    }

    /// The names that nobody asked for.
    pub fn unused(&self) -> impl Iterator<Item = &'q String> {
        let names = self.values.iter().map(|(name, _)| name);
        names.filter(|name| !self.used.contains(name))
    }

    /// The value of a parameter, or of an item of one.
    ///
    /// **Errors**: it has none; without a place.
    pub fn value(&mut self, name: &str) -> Result<ParameterValue, QueryError> {
        let (name, item) = match name.split_once(ITEM) {
            Some((name, item)) => (name, item.parse::<usize>().ok()),
            None => (name, None),
        };
        let Some((_, value)) = self.values.iter().find(|(known, _)| known == name) else {
            let known = self.values.iter().map(|(name, _)| name.as_str());
            let hint = suggest::did_you_mean(name, known)
                .unwrap_or_else(|| format!("give it with -p {name}=…"));
            let reason = format!("the parameter `{name}` has no value");
            return Err(QueryError::new(Code::Parameter, reason).hint(hint));
        };
        if !self.used.iter().any(|used| used == name) {
            self.used.push(name.to_owned());
        }
        Ok(match (value, item) {
            (ParameterValue::List(items), Some(item)) => {
                ParameterValue::Text(items.get(item).cloned().unwrap_or_default())
            }
            _ => value.clone(),
        })
    }

    /// What a parameter is inside a text.
    ///
    /// **Errors**: it has no value or is a list; without a place.
    pub fn text(&mut self, name: &str) -> Result<String, QueryError> {
        let value = self.value(name)?;
        let text = value.as_text().map(Cow::into_owned);
        text.ok_or_else(|| misplaced_list(name))
    }

    /// Names for the items of a parameter that is a list, for [`Self::value`].
    pub fn items(&self, name: &str) -> Option<Vec<String>> {
        let (_, value) = self.values.iter().find(|(known, _)| known == name)?;
        match value {
            ParameterValue::List(items) => Some(
                (0..items.len())
                    .map(|item| format!("{name}{ITEM}{item}"))
                    .collect(),
            ),
            _ => None,
        }
    }
}

/// That a list stands where one value is wanted.
pub(crate) fn misplaced_list(name: &str) -> QueryError {
    let reason = format!("the parameter `{name}` is a list, and here stands one value");
    QueryError::new(Code::Parameter, reason).hint(format!(
        "a list stands in brackets: in [{{{{{name}}}}}] in Insights QL, IN ({{{{{name}}}}}) in SQL"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_name_and_place() {
        let list = ParameterValue::List(vec!["a".into(), "{{n}}".into()]);
        let values = [
            ("n".to_owned(), ParameterValue::from("5")),
            ("names".to_owned(), list),
            ("at".to_owned(), ParameterValue::Time(1_791_000_000_123)),
            ("unused".to_owned(), ParameterValue::Boolean(true)),
        ];
        let mut parameters = Parameters::new(&values);
        assert_eq!(parameters.value("n").ok(), Some("5".into()));
        assert_eq!(parameters.items("n"), None);
        let items = parameters.items("names").expect("a list");
        let texts: Vec<_> = items.iter().map(|item| parameters.text(item)).collect();
        let texts: Result<Vec<_>, _> = texts.into_iter().collect();
        assert_eq!(texts.ok(), Some(vec!["a".to_owned(), "{{n}}".to_owned()]));
        assert_eq!(
            parameters.text("at").ok().as_deref(),
            Some("2026-10-03T04:00:00.123Z")
        );
        assert!(parameters.text("names").is_err(), "a list is no text");
        let error = parameters.value("nmes").expect_err("not given");
        assert_eq!(error.hint.as_deref(), Some("did you mean `names`?"));
        assert!(parameters.unused().eq(["unused"]));
    }
}
