//! Saved queries as TOML, so that they live in git: a file holds one or several.
//!
//! ```toml
//! [[query]]
//! name = "users-created"
//! title = "IAM users that were created"
//! tags = ["identity"]
//! language = "insights"
//! text = '''
//! filter eventName = "CreateUser" and requestParameters.userName like {{name}}
//! '''
//!
//! [[query.parameters]]
//! name = "name"
//! type = "text"
//! default = ""
//! ```
//!
//! What is written reads as the same, and two versions of a query differ in the lines
//! that were changed: each field has its line and its place, and a text keeps its lines.
//! Blanks around a text mean nothing in any language, so they are not kept.

use std::fmt::Write as _;

use serde::Deserialize;
use tarn_store::saved::{ParameterType, SavedLanguage, SavedParameter, SavedQuery};

use super::bind::{items, joined};

/// Why a text holds no saved queries.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// With the line that is to blame, drawn.
    #[error("{}", reason.trim_end())]
    Toml { reason: String },
    #[error("there is no [[query]] in it")]
    Empty,
    #[error(
        "the query `{query}`: the default of `{parameter}` is to be a text, a number, true, false or a list of texts"
    )]
    Default { query: String, parameter: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    query: Vec<Query>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Query {
    name: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    hit_means: String,
    #[serde(default)]
    false_positives: String,
    technique: Option<String>,
    #[serde(default)]
    tags: Vec<String>,
    language: SavedLanguage,
    since: Option<String>,
    until: Option<String>,
    text: String,
    #[serde(default)]
    parameters: Vec<Parameter>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameter {
    name: String,
    #[serde(rename = "type")]
    kind: ParameterType,
    default: Option<toml::Value>,
    #[serde(default)]
    description: String,
}

/// Reads every query of a file.
pub fn read(text: &str) -> Result<Vec<SavedQuery>, FileError> {
    let file: File = toml::from_str(text).map_err(|error| FileError::Toml {
        reason: error.to_string(),
    })?;
    if file.query.is_empty() {
        return Err(FileError::Empty);
    }
    file.query.into_iter().map(Query::saved).collect()
}

impl Query {
    fn saved(self) -> Result<SavedQuery, FileError> {
        let name = self.name;
        let parameters = self.parameters.into_iter().map(|parameter| {
            let default = parameter.default.map(|value| {
                default_of(&value).ok_or_else(|| FileError::Default {
                    query: name.clone(),
                    parameter: parameter.name.clone(),
                })
            });
            Ok(SavedParameter {
                default: default.transpose()?,
                name: parameter.name,
                kind: parameter.kind,
                description: parameter.description,
            })
        });
        let query = SavedQuery {
            parameters: parameters.collect::<Result<_, _>>()?,
            name,
            title: self.title,
            description: self.description,
            hit_means: self.hit_means,
            false_positives: self.false_positives,
            technique: self.technique,
            tags: self.tags,
            language: self.language,
            text: self.text,
            since: self.since,
            until: self.until,
        };
        Ok(tidied(query))
    }
}

/// The same query without blanks that mean nothing.
pub fn tidied(query: SavedQuery) -> SavedQuery {
    let tidy = |text: String| text.trim().to_owned();
    let parameters = query
        .parameters
        .into_iter()
        .map(|parameter| SavedParameter {
            description: tidy(parameter.description),
            ..parameter
        });
    SavedQuery {
        title: tidy(query.title),
        description: tidy(query.description),
        hit_means: tidy(query.hit_means),
        false_positives: tidy(query.false_positives),
        text: tidy(query.text),
        parameters: parameters.collect(),
        ..query
    }
}

/// A default as it would be given.
fn default_of(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Float(number) if number.is_finite() => Some(number.to_string()),
        toml::Value::Boolean(value) => Some(value.to_string()),
        toml::Value::Datetime(at) => Some(at.to_string()),
        toml::Value::Array(items) => {
            let items = items.iter().map(|item| Some(item.as_str()?.to_owned()));
            Some(joined(&items.collect::<Option<Vec<_>>>()?))
        }
        _ => None,
    }
}

/// Writes queries in their order.
pub fn write<'q>(queries: impl IntoIterator<Item = &'q SavedQuery>) -> String {
    let mut out = String::new();
    for query in queries {
        if !out.is_empty() {
            out.push('\n');
        }
        write_query(&mut out, query);
    }
    out
}

fn write_query(out: &mut String, query: &SavedQuery) {
    out.push_str("[[query]]\n");
    let mut field = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(out, "{name} = {}", text(value));
        }
    };
    field("name", &query.name);
    field("title", &query.title);
    field("description", &query.description);
    field("hit_means", &query.hit_means);
    field("false_positives", &query.false_positives);
    if let Some(technique) = &query.technique {
        field("technique", technique);
    }
    if !query.tags.is_empty() {
        let _ = writeln!(out, "tags = {}", list(&query.tags));
    }
    let _ = writeln!(out, "language = \"{}\"", query.language.as_str());
    for (name, bound) in [("since", &query.since), ("until", &query.until)] {
        if let Some(bound) = bound {
            let _ = writeln!(out, "{name} = {}", text(bound));
        }
    }
    let _ = writeln!(out, "text = {}", text(&query.text));
    for parameter in &query.parameters {
        let kind = parameter.kind.as_str();
        out.push_str("\n[[query.parameters]]\n");
        let _ = writeln!(out, "name = {}\ntype = \"{kind}\"", text(&parameter.name));
        if let Some(default) = &parameter.default {
            let _ = writeln!(out, "default = {}", default_text(parameter.kind, default));
        }
        if !parameter.description.is_empty() {
            let _ = writeln!(out, "description = {}", text(&parameter.description));
        }
    }
}

/// A default in TOML's own type where that reads as the same text again.
fn default_text(kind: ParameterType, default: &str) -> String {
    let as_typed = match kind {
        ParameterType::Number => {
            let whole = default.parse::<i64>().map(|number| number.to_string());
            let fraction = default.parse::<f64>().map(|number| number.to_string());
            [whole.ok(), fraction.ok().filter(|text| text.contains('.'))]
                .into_iter()
                .flatten()
                .find(|written| written == default)
        }
        ParameterType::Boolean if matches!(default, "true" | "false") => Some(default.to_owned()),
        ParameterType::List => items(default)
            .filter(|items| joined(items) == default)
            .map(|items| list(&items)),
        _ => None,
    };
    // In a line: its blanks are its own.
    as_typed.unwrap_or_else(|| line(default))
}

fn list(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| line(item)).collect();
    format!("[{}]", items.join(", "))
}

/// A value of TOML: of several lines where the text has several.
fn text(value: &str) -> String {
    match value.contains('\n') {
        true => lines(value),
        false => line(value),
    }
}

fn line(value: &str) -> String {
    let is_literal =
        value.contains(['"', '\\']) && !value.contains(['\'', '\n']) && is_printable(value);
    match is_literal {
        true => format!("'{value}'"),
        false => format!("\"{}\"", escaped(value, "\"")),
    }
}

/// The line break before the end is not part of a text that is tidied.
fn lines(value: &str) -> String {
    match !value.contains("'''") && is_printable(value) {
        true => format!("'''\n{value}\n'''"),
        false => format!("\"\"\"\n{}\n\"\"\"", escaped(value, "\"\"\"")),
    }
}

/// Whether a literal text of TOML may hold it as it is.
fn is_printable(value: &str) -> bool {
    !value
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\t'))
}

fn escaped(value: &str, quotes: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let is_one_line = quotes.len() == 1;
    for c in value.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' if !is_one_line => out.push('\n'),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::library;
    use super::*;

    fn query(name: &str, texts: &str) -> SavedQuery {
        let parameter = |kind, default: Option<&str>| SavedParameter {
            name: format!("{kind:?}"),
            kind,
            default: default.map(str::to_owned),
            description: texts.to_owned(),
        };
        tidied(SavedQuery {
            name: name.to_owned(),
            title: texts.to_owned(),
            description: texts.to_owned(),
            hit_means: String::new(),
            false_positives: texts.to_owned(),
            technique: Some("T1078".to_owned()),
            tags: vec![texts.to_owned(), String::new()],
            language: SavedLanguage::Sql,
            text: texts.to_owned(),
            since: Some("-24h@h".to_owned()),
            until: None,
            parameters: vec![
                parameter(ParameterType::Text, Some(texts)),
                parameter(ParameterType::Text, Some("5")),
                parameter(ParameterType::Number, Some("90")),
                parameter(ParameterType::Number, Some("-0.50")),
                parameter(ParameterType::Number, Some("0.5")),
                parameter(ParameterType::Number, Some("007")),
                parameter(ParameterType::Number, Some("99999999999999999999999")),
                parameter(ParameterType::Boolean, Some("true")),
                parameter(ParameterType::Boolean, Some(" true")),
                parameter(ParameterType::List, Some("a,b")),
                parameter(ParameterType::List, Some("a , b")),
                parameter(ParameterType::List, Some(r#"["a,b","c"]"#)),
                parameter(ParameterType::Account, None),
            ],
        })
    }

    #[test]
    fn what_is_written_reads_as_the_same() {
        let texts = [
            "plain",
            "",
            "\"",
            "'",
            "\\",
            "it's \"both\" \\n",
            "''' and \"\"\" \n'''\n",
            "a\nb",
            "a\r\nb\rc",
            "\ttab\n\u{0}\u{1b}[31m\u{7f}\u{85}",
            "é ∂ 😀\n'",
            "ends with '\n and '",
            "ends with \"\n and \"",
            "trailing \\\n  next",
            "# no comment\n[[query]]\nname = \"x\"",
            "\u{feff}bom\n\u{2028}",
        ];
        let queries: Vec<SavedQuery> = texts
            .iter()
            .enumerate()
            .map(|(i, text)| query(&format!("q{i}"), text))
            .collect();
        let written = write(&queries);
        let read = read(&written).unwrap_or_else(|error| panic!("{error}\n{written}"));
        for (read, query) in read.iter().zip(&queries) {
            assert_eq!(read, query, "{written}");
        }
        assert_eq!(read.len(), queries.len());
        assert_eq!(write(&read), written);
    }

    #[test]
    fn the_library_reads_as_it_is_written() {
        let written = write(library());
        assert_eq!(read(&written).as_deref(), Ok(library()));
    }

    #[test]
    fn a_changed_line_is_a_changed_line() {
        let before = query("a", "filter x = 1\n| limit 5\n| sort y");
        let after = SavedQuery {
            text: before.text.replace("limit 5", "limit 6"),
            ..before.clone()
        };
        let (before, after) = (write([&before]), write([&after]));
        let differ = before.lines().zip(after.lines()).filter(|(a, b)| a != b);
        assert_eq!(differ.collect::<Vec<_>>(), [("| limit 5", "| limit 6")]);
        assert_eq!(before.lines().count(), after.lines().count());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let reason = |text: &str| read(text).expect_err(text).to_string();
        assert!(reason("[[query]]\nname = 'a'\ntxt = 'b'").contains("line 3"));
        let untyped = "[[query]]\nname = 'a'\nlanguage = 'sql'\ntext = 'x'\n[[query.parameters]]\nname = 'p'\ntype = 'date'";
        assert!(reason(untyped).contains("`boolean`"), "{}", reason(untyped));
        assert!(reason("[[query]]\nname = 'a'\nlanguage = 'auto'\ntext = ''").contains("sql"));
        assert_eq!(read("# nothing"), Err(FileError::Empty));
        let table = "[[query]]\nname = 'a'\nlanguage = 'sql'\ntext = 'x'\n[[query.parameters]]\nname = 'p'\ntype = 'text'\ndefault = {a = 1}";
        assert!(reason(table).contains("the default of `p`"));
    }
}
