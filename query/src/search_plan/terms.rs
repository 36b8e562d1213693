//! The tests of one value that searches are made of.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use regex::Regex;
use tarn_store::json::{Json, Kind};
use tarn_store::tokens::tokens;
use tarn_store::{TextPredicate, TextTest};

use crate::patterns;
use crate::search::Cidr;

/// These words side by side, in either case.
#[derive(Debug)]
pub(super) struct Words(TextTest, String);

impl Words {
    pub(super) fn new(text: &str) -> Self {
        Self(TextTest::Phrase(text.to_owned()), text.to_owned())
    }
}

impl TextPredicate for Words {
    fn matches(&self, text: &str) -> bool {
        self.0.matches_value(text)
    }

    fn description(&self) -> String {
        format!("has {:?}", self.1)
    }
}

/// Words side by side of which the last may go on: `arn:aws:sts*`.
#[derive(Debug)]
pub(super) struct PrefixPhrase {
    lower: String,
}

impl PrefixPhrase {
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            lower: prefix.to_lowercase(),
        }
    }

    /// The words before the last, with what parts them from it, and the last; None of a
    /// prefix that is one word.
    pub(super) fn split(prefix: &str) -> Option<(String, String)> {
        let last = tokens(prefix).last()?;
        let (before, rest) = (prefix.get(..last.start)?, prefix.get(last.start..)?);
        // What follows the last word is part of no word.
        let is_word = last.end == prefix.len();
        match (before.is_empty(), is_word) {
            (true, true) => None,
            (_, true) => Some((before.to_owned(), rest.to_owned())),
            (_, false) => Some((prefix.to_owned(), last.text.into_owned())),
        }
    }
}

impl TextPredicate for PrefixPhrase {
    fn matches(&self, text: &str) -> bool {
        let lower = text.to_lowercase();
        let opens_with_word = self.lower.starts_with(char::is_alphanumeric);
        lower
            .match_indices(&self.lower)
            .any(|(at, _)| !(opens_with_word && lower[..at].ends_with(char::is_alphanumeric)))
    }

    fn description(&self) -> String {
        format!("has {:?}*", self.lower)
    }
}

/// Pieces in this order with anything between them, in either case: `*prod*bucket`.
#[derive(Debug)]
pub(super) struct Pieces {
    lower: Vec<String>,
}

impl Pieces {
    pub(super) fn new(parts: &[String]) -> Self {
        Self {
            lower: parts.iter().map(|part| part.to_lowercase()).collect(),
        }
    }

    /// Whether the pieces from the `n`th on follow in `rest`.
    fn follow(&self, n: usize, rest: &str) -> bool {
        let Some(piece) = self.lower.get(n) else {
            return true;
        };
        let is_last = n + 1 == self.lower.len();
        if !is_last {
            return rest
                .find(piece.as_str())
                .is_some_and(|at| self.follow(n + 1, &rest[at + piece.len()..]));
        }
        // An end without a star is the end of a word.
        piece.is_empty()
            || rest.match_indices(piece.as_str()).any(|(at, _)| {
                let after = &rest[at + piece.len()..];
                !(piece.ends_with(char::is_alphanumeric)
                    && after.starts_with(char::is_alphanumeric))
            })
    }
}

impl TextPredicate for Pieces {
    fn matches(&self, text: &str) -> bool {
        let lower = text.to_lowercase();
        let Some(first) = self.lower.first() else {
            return true;
        };
        if first.is_empty() {
            return self.follow(1, &lower);
        }
        let opens_with_word = first.starts_with(char::is_alphanumeric);
        lower.match_indices(first.as_str()).any(|(at, _)| {
            let is_inside = opens_with_word && lower[..at].ends_with(char::is_alphanumeric);
            !is_inside && self.follow(1, &lower[at + first.len()..])
        })
    }

    fn description(&self) -> String {
        format!("has {:?}", self.lower.join("*"))
    }
}

/// An address inside a network.
#[derive(Debug)]
pub(super) struct InNetwork(pub(super) Cidr);

impl TextPredicate for InNetwork {
    fn matches(&self, text: &str) -> bool {
        text.parse::<IpAddr>()
            .is_ok_and(|address| self.0.contains(address))
    }

    fn description(&self) -> String {
        format!("is in {}/{}", self.0.address, self.0.prefix_bits)
    }
}

/// A regular expression, found anywhere in the value.
#[derive(Debug)]
pub(super) struct Pattern(Regex);

impl Pattern {
    pub(super) fn new(source: &str) -> Result<Self, String> {
        patterns::regex(source).map(Self)
    }
}

impl TextPredicate for Pattern {
    fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    fn description(&self) -> String {
        format!("~ /{}/", self.0.as_str())
    }
}

/// A test of any string or number of a record, given the record's text.
pub(super) struct Anywhere {
    pub(super) one: Arc<dyn TextPredicate>,
}

impl fmt::Debug for Anywhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.description())
    }
}

impl TextPredicate for Anywhere {
    fn matches(&self, record: &str) -> bool {
        Json::parse(record.as_bytes()).is_ok_and(|json| any_value(&json, self.one.as_ref()))
    }

    fn description(&self) -> String {
        format!("any value {}", self.one.description())
    }
}

fn any_value(json: &Json<'_>, one: &dyn TextPredicate) -> bool {
    match &json.kind {
        Kind::String(text) => one.matches(text),
        Kind::Number => one.matches(json.raw),
        Kind::Array(elements) => elements.iter().any(|element| any_value(element, one)),
        Kind::Object(members) => members.iter().any(|(_, value)| any_value(value, one)),
        Kind::Null | Kind::Bool(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_begin_at_words() {
        let test = PrefixPhrase::new("AWS:sts");
        assert!(test.matches("arn:aws:sts::1:assumed-role/x"));
        assert!(!test.matches("arn:xaws:sts"));
        let split = |prefix| PrefixPhrase::split(prefix);
        assert_eq!(split("desc"), None);
        assert_eq!(split("user/bo"), Some(("user/".into(), "bo".into())));
        assert_eq!(split("user/"), Some(("user/".into(), "user".into())));
    }

    #[test]
    fn pieces_follow_each_other() {
        let test = |parts: &[&str]| {
            Pieces::new(&parts.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>())
        };
        assert!(test(&["", "bucket", ""]).matches("PutBucketPolicy"));
        assert!(test(&["put", "policy"]).matches("s3:PutBucketPolicy"));
        assert!(!test(&["put", "bucket"]).matches("PutBucketPolicy"));
        assert!(!test(&["bucket", ""]).matches("PutBucketPolicy"));
        assert!(!test(&["policy", "put"]).matches("PutBucketPolicy"));
    }

    #[test]
    fn any_value_but_no_key() {
        let one: Arc<dyn TextPredicate> = Arc::new(Words::new("key"));
        let test = Anywhere { one };
        assert!(test.matches(r#"{"a":[{"b":"the KEY"}]}"#));
        assert!(!test.matches(r#"{"key":true}"#));
    }

    #[test]
    fn networks_and_patterns() {
        let network = Cidr::parse("10.0.0.0/8").expect("a network");
        assert!(InNetwork(network).matches("10.1.2.3"));
        assert!(!InNetwork(network).matches("AWS Internal"));
        assert!(Pattern::new("^a.*z$").expect("compiles").matches("a to z"));
        assert!(Pattern::new("(").is_err());
    }
}
