//! Which language a query is written in, told from its first words.
//!
//! Nothing is tried out: a text that almost parses as one language must get that
//! language's error and not be taken for a search for its words.

use serde::{Deserialize, Serialize};

use crate::error::{Code, QueryError};
use crate::insights::COMMANDS;
use crate::span::Span;
use crate::suggest;

/// The languages of queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// The text tells, see [`detect`].
    #[default]
    Auto,
    Sql,
    Insights,
    /// Free text: the search terms that may also open a pipeline.
    Search,
}

impl Language {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Sql => "sql",
            Self::Insights => "insights",
            Self::Search => "search",
        }
    }
}

/// The words that open SQL.
const SQL_WORDS: [&str; 3] = ["select", "with", "from"];

/// Words of fewer letters than this are taken for a misspelling only when one edit leads
/// to a keyword: two edits turn `root` into `sort`.
const TWO_EDITS_LETTERS_MIN: usize = 5;

/// The language of a text.
///
/// **Errors**: a first word that is nearly a keyword is an error that names the keyword,
/// because as a search it would find nothing and say nothing.
pub fn detect(text: &str) -> Result<Language, QueryError> {
    let start = after_comments(text);
    let rest = &text[start..];
    if rest.starts_with('(') {
        return Ok(Language::Sql);
    }
    if rest.starts_with('|') {
        return Ok(Language::Insights);
    }
    let length = rest
        .find(|c: char| !(c.is_ascii_alphabetic() || c == '_'))
        .unwrap_or(rest.len());
    let word = &rest[..length];
    // `filter:x` or `select-1` is a term of a search, not the word.
    let is_whole = rest[length..].chars().next().is_none_or(|c| {
        c.is_whitespace() || matches!(c, '*' | '(' | '|' | '/' | '"' | '\'' | '`' | '@')
    });
    let is_one_of = |words: &[&str]| words.iter().any(|w| w.eq_ignore_ascii_case(word));
    if is_whole && (is_one_of(&SQL_WORDS) || explains(word, &rest[length..])) {
        return Ok(Language::Sql);
    }
    let is_command = command_words().any(|w| w.eq_ignore_ascii_case(word));
    if is_whole && is_command && !rest[length..].starts_with('*') {
        return Ok(Language::Insights);
    }
    let is_word = is_whole && !rest[length..].starts_with('*');
    if is_word && let Some(keyword) = misspelt(word) {
        let span = Span::new(start, start + length);
        return Err(
            QueryError::new(Code::UnknownLanguage, format!("`{word}` opens no query"))
                .at(span)
                .hint(format!(
                    "did you mean `{keyword}`? To look for the word itself: search {word}"
                )),
        );
    }
    if has_pipe(rest) {
        return Ok(Language::Insights);
    }
    Ok(Language::Search)
}

/// `EXPLAIN` of a query; on its own it is a word like any other.
fn explains(word: &str, rest: &str) -> bool {
    let next = rest.split_whitespace().next().unwrap_or_default();
    let opens_query = SQL_WORDS.iter().any(|w| w.eq_ignore_ascii_case(next));
    word.eq_ignore_ascii_case("explain") && opens_query
}

/// The words that open a stage of a pipeline.
fn command_words() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().map(|command| command.name)
}

fn misspelt(word: &str) -> Option<&'static str> {
    let letters = word.chars().count();
    let edits_max = match letters {
        0..3 => return None,
        3..TWO_EDITS_LETTERS_MIN => 1,
        _ => 2,
    };
    let word = word.to_lowercase();
    SQL_WORDS
        .into_iter()
        .chain(command_words())
        .map(|keyword| (suggest::edits(&word, &keyword.to_lowercase()), keyword))
        .filter(|(edits, _)| *edits <= edits_max)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, keyword)| keyword)
}

/// Where the text begins behind blanks and the comments of either language.
fn after_comments(text: &str) -> usize {
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let blank = rest.len() - rest.trim_start().len();
        at += blank;
        let rest = &text[at..];
        let comment = if rest.starts_with("--") || rest.starts_with('#') {
            rest.find('\n').map_or(rest.len(), |end| end + 1)
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else {
            return at;
        };
        at += comment;
    }
}

/// Whether a `|` stands outside quotes and regular expressions.
fn has_pipe(text: &str) -> bool {
    let mut chars = text.chars().peekable();
    let mut last = ' ';
    while let Some(c) = chars.next() {
        let opens_regex = c == '/' && (last.is_whitespace() || matches!(last, ':' | '~' | '('));
        if matches!(c, '"' | '\'' | '`') || opens_regex {
            while let Some(inner) = chars.next() {
                match inner {
                    '\\' => {
                        chars.next();
                    }
                    inner if inner == c => break,
                    _ => {}
                }
            }
        }
        if c == '|' {
            return true;
        }
        last = c;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_words_tell() {
        let cases = [
            ("SELECT 1", Language::Sql),
            (
                "  -- why\n/* how */ with x as (select 1) select 1",
                Language::Sql,
            ),
            ("(select 1) union (select 2)", Language::Sql),
            ("select*from events", Language::Sql),
            ("from events", Language::Sql),
            ("EXPLAIN SELECT 1", Language::Sql),
            ("explain this", Language::Search),
            ("# note\nfields @timestamp", Language::Insights),
            ("| stats count(*)", Language::Insights),
            ("STATS count(*) by eventName", Language::Insights),
            ("SOURCE 'x' | limit 1", Language::Insights),
            ("AKIAIOSFODNN7EXAMPLE | limit 5", Language::Insights),
            ("AKIAIOSFODNN7EXAMPLE", Language::Search),
            ("\"a | b\"", Language::Search),
            ("eventName:/Create|Delete/", Language::Search),
            ("arn:aws:iam::111122223333:role/x root", Language::Search),
            ("filter:x", Language::Search),
            ("", Language::Search),
        ];
        for (text, expected) in cases {
            assert_eq!(detect(text).ok(), Some(expected), "{text}");
        }
    }

    #[test]
    fn near_misses_are_named() {
        for (text, keyword) in [
            ("feilds a", "fields"),
            ("slect 1", "select"),
            ("form events", "from"),
        ] {
            let error = detect(text).expect_err(text);
            assert!(
                error
                    .hint
                    .expect("a hint")
                    .contains(&format!("`{keyword}`")),
                "{text}"
            );
        }
        assert_eq!(detect("root").ok(), Some(Language::Search));
        assert_eq!(detect("selec*").ok(), Some(Language::Search));
    }
}
