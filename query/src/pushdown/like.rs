//! Patterns of text as matchers: LIKE, ILIKE and regular expressions.
//!
//! A LIKE pattern that is a text with `%` at its ends is a comparison that a dictionary
//! answers by binary search or a substring scan; any other is compiled once and put to
//! each distinct value.

use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use tarn_store::{Matcher, TextPredicate};

use crate::patterns::{self, Piece, pieces};

/// The matcher of a LIKE pattern, in which a backslash takes the next character as it is.
///
/// **Errors**: None for a pattern that is too large.
pub(super) fn matcher(pattern: &str, ignore_case: bool) -> Option<Matcher> {
    let pieces = pieces(pattern);
    if !ignore_case {
        match pieces.as_slice() {
            [] => return Some(Matcher::Equals(String::new())),
            [Piece::Text(text)] => return Some(Matcher::Equals(text.clone())),
            [Piece::Any] => return Some(Matcher::StartsWith(String::new())),
            [Piece::Text(text), Piece::Any] => return Some(Matcher::StartsWith(text.clone())),
            [Piece::Any, Piece::Text(text)] => return Some(Matcher::EndsWith(text.clone())),
            [Piece::Any, Piece::Text(text), Piece::Any] => {
                return Some(Matcher::Contains(text.clone()));
            }
            _ => {}
        }
    }
    let regex = patterns::like(&pieces, ignore_case).ok()?;
    let word = if ignore_case { "ILIKE" } else { "LIKE" };
    Some(Matcher::Test(Arc::new(RegexTest {
        regex,
        description: format!("{word} {pattern:?}"),
    })))
}

/// The matcher of a regular expression found anywhere in the text; None where the engine
/// does not take it, which is an error that the plan reports.
pub(super) fn regex(pattern: &str, ignore_case: bool) -> Option<Matcher> {
    let regex = RegexBuilder::new(pattern)
        .case_insensitive(ignore_case)
        .build()
        .ok()?;
    let flags = if ignore_case { "i" } else { "" };
    Some(Matcher::Test(Arc::new(RegexTest {
        regex,
        description: format!("~ /{pattern}/{flags}"),
    })))
}

#[derive(Debug)]
struct RegexTest {
    regex: Regex,
    description: String,
}

impl TextPredicate for RegexTest {
    fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    fn description(&self) -> String {
        self.description.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(pattern: &str, ignore_case: bool, text: &str) -> bool {
        matcher(pattern, ignore_case)
            .expect("compiles")
            .matches(text)
    }

    #[test]
    fn plain_patterns_need_no_engine() {
        for (pattern, expected) in [
            ("", Matcher::Equals("".into())),
            ("abc", Matcher::Equals("abc".into())),
            ("a%", Matcher::StartsWith("a".into())),
            ("%a", Matcher::EndsWith("a".into())),
            ("%%a%", Matcher::Contains("a".into())),
            (r"100\%%", Matcher::StartsWith("100%".into())),
            (r"a\", Matcher::Equals(r"a\".into())),
        ] {
            assert_eq!(matcher(pattern, false), Some(expected), "{pattern}");
        }
    }

    #[test]
    fn other_patterns_match_whole_texts() {
        assert!(holds("a_c%e", false, "abc\nde"));
        assert!(!holds("a_c%e", false, "abcdef"));
        assert!(!holds("a_c", false, "aBC"));
        assert!(holds("a_C", true, "Abc"));
        assert!(holds(r"a\_c_", false, "a_cé"));
        assert!(!holds(r"a\_c_", false, "abcd"));
        assert!(regex("^a.c$", false).expect("compiles").matches("abc"));
        assert!(regex("(", false).is_none());
    }
}
