//! Where the words of a search stand in an event that it found.
//!
//! Whether a value is a hit decides the same test that found the event; where in the value
//! it is, a regular expression of the word shows. Words behind `not` are in no event that
//! is shown, and times are no text.

use std::ops::Range;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use tarn_store::TextPredicate;
use tarn_store::json::{Json, Kind};
use tarn_store::path::{FieldPath, Step};

use super::value_test;
use crate::error::QueryError;
use crate::search::{FieldTest, Node, NodeKind, Search, Term};

/// What a search looks for, to be found again in its events.
pub struct Marks {
    sought: Vec<Sought>,
}

/// A value of an event that holds what was sought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// As a query names it.
    pub path: String,
    pub value: String,
    /// The bytes of the value that were sought, in order and apart.
    pub marks: Vec<Range<usize>>,
}

struct Sought {
    /// The names of a field without positions; none is any field.
    field: Option<Vec<String>>,
    what: What,
}

enum What {
    /// A value that is there, or within a range: the whole of it.
    Value,
    Term {
        test: Arc<dyn TextPredicate>,
        place: Option<Place>,
    },
}

/// Finds a term in a value in which it is.
struct Place {
    regex: Regex,
    begins_at_word: bool,
    ends_at_word: bool,
}

impl Marks {
    /// **Errors**: a regular expression that does not compile.
    pub fn of(search: &Search) -> Result<Self, QueryError> {
        let mut marks = Self { sought: Vec::new() };
        if let Some(terms) = &search.terms {
            marks.take(terms)?;
        }
        Ok(marks)
    }

    fn take(&mut self, node: &Node) -> Result<(), QueryError> {
        match &node.node {
            NodeKind::Everything | NodeKind::Not(_) => {}
            NodeKind::And(parts) | NodeKind::Or(parts) => {
                for part in parts {
                    self.take(part)?;
                }
            }
            NodeKind::Anywhere(term) => {
                let what = sought(term, node)?;
                self.sought.push(Sought { field: None, what });
            }
            NodeKind::Field { field, test } => {
                let what = match test {
                    FieldTest::Is(term) => sought(term, node)?,
                    FieldTest::Exists | FieldTest::Range { .. } | FieldTest::Compare { .. } => {
                        What::Value
                    }
                };
                let names = names(&FieldPath::parse(&field.node.dotted()));
                let field = Some(names);
                self.sought.push(Sought { field, what });
            }
        }
        Ok(())
    }

    /// The values of an event that hold what is sought, in the order of the event.
    pub fn hits(&self, event: &str) -> Vec<Hit> {
        let mut hits = Vec::new();
        if let Ok(json) = Json::parse(event.as_bytes()) {
            self.look(&json, &mut Vec::new(), &mut hits);
        }
        hits
    }

    fn look(&self, json: &Json<'_>, path: &mut Vec<Step>, hits: &mut Vec<Hit>) {
        match &json.kind {
            Kind::String(text) => self.value(text, path, hits),
            Kind::Number | Kind::Bool(_) => self.value(json.raw, path, hits),
            Kind::Null => {}
            Kind::Array(elements) => {
                for (i, element) in elements.iter().enumerate() {
                    path.push(Step::Index(i));
                    self.look(element, path, hits);
                    path.pop();
                }
            }
            Kind::Object(members) => {
                for (name, value) in members {
                    path.push(Step::Key(name.to_string()));
                    self.look(value, path, hits);
                    path.pop();
                }
            }
        }
    }

    fn value(&self, value: &str, path: &[Step], hits: &mut Vec<Hit>) {
        let mut marks = Vec::new();
        let mut own = None;
        for sought in &self.sought {
            let is_here = sought.field.as_ref().is_none_or(|field| {
                let own = own.get_or_insert_with(|| names(&FieldPath::new(path.to_vec())));
                own.starts_with(field)
            });
            if is_here {
                sought.what.mark(value, &mut marks);
            }
        }
        if marks.is_empty() {
            return;
        }
        hits.push(Hit {
            path: FieldPath::new(path.to_vec()).to_string(),
            value: value.to_owned(),
            marks: apart(marks),
        });
    }
}

/// The keys of a path: what is in an array has the name of the array.
fn names(path: &FieldPath) -> Vec<String> {
    let keys = path.steps().iter().filter_map(|step| match step {
        Step::Key(key) if key.bytes().all(|b| b.is_ascii_digit()) => None,
        Step::Key(key) => Some(key.clone()),
        Step::Index(_) => None,
    });
    keys.collect()
}

fn sought(term: &Term, node: &Node) -> Result<What, QueryError> {
    Ok(What::Term {
        test: value_test(term, node.span)?,
        place: Place::of(term),
    })
}

impl What {
    fn mark(&self, value: &str, marks: &mut Vec<Range<usize>>) {
        let whole = 0..value.len();
        match self {
            Self::Value => marks.push(whole),
            Self::Term { test, place } if test.matches(value) => {
                let n_before = marks.len();
                if let Some(place) = place {
                    marks.extend(place.find(value));
                }
                // Letters that have another length in the other case.
                if marks.len() == n_before {
                    marks.push(whole);
                }
            }
            Self::Term { .. } => {}
        }
    }
}

impl Place {
    /// None where the whole value is what is sought.
    fn of(term: &Term) -> Option<Self> {
        let (source, begins, ends) = match term {
            Term::Word(text) | Term::Phrase(text) => {
                (regex::escape(text), text.as_str(), text.as_str())
            }
            Term::Prefix(text) => (regex::escape(text), text.as_str(), ""),
            Term::Wildcard(parts) => {
                let first = parts.first().map_or("", String::as_str);
                let last = parts.last().map_or("", String::as_str);
                // A star at an end takes nothing in.
                let inner = parts.iter().filter(|part| !part.is_empty());
                let escaped: Vec<String> = inner.map(|part| regex::escape(part)).collect();
                (escaped.join(".*?"), first, last)
            }
            Term::Regex(regex) => {
                let regex = crate::patterns::regex(regex.as_str()).ok()?;
                return Some(Self {
                    regex,
                    begins_at_word: false,
                    ends_at_word: false,
                });
            }
            Term::Cidr(_) => return None,
        };
        let mut builder = RegexBuilder::new(&source);
        let builder = builder.case_insensitive(true).dot_matches_new_line(true);
        Some(Self {
            regex: builder.build().ok()?,
            begins_at_word: begins.starts_with(char::is_alphanumeric),
            ends_at_word: ends.ends_with(char::is_alphanumeric),
        })
    }

    fn find<'v>(&'v self, value: &'v str) -> impl Iterator<Item = Range<usize>> + 'v {
        let is_apart = |found: &Range<usize>| {
            let before = value.get(..found.start).unwrap_or_default();
            let after = value.get(found.end..).unwrap_or_default();
            let goes_on_before = self.begins_at_word && before.ends_with(char::is_alphanumeric);
            let goes_on_behind = self.ends_at_word && after.starts_with(char::is_alphanumeric);
            !goes_on_before && !goes_on_behind
        };
        let found = self.regex.find_iter(value).map(|found| found.range());
        found.filter(move |range| !range.is_empty() && is_apart(range))
    }
}

/// Ranges in order, those that overlap made one.
fn apart(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| (range.start, range.end));
    let mut apart: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match apart.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => apart.push(range),
        }
    }
    apart
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::parse;

    const EVENT: &str = r#"{"eventName":"GetObject","n":12,"requestParameters":
        {"items":[{"id":"i-1"},{"id":"i-2 and I-2"}],"text":"Get it, forget it"},"İ":"İstanbul"}"#;

    /// Hits with their marks in brackets.
    fn marked(search: &str) -> Vec<String> {
        let search = parse(search).expect("a search");
        let hits = Marks::of(&search).expect("marks").hits(EVENT);
        let shown = hits.into_iter().map(|hit| {
            let mut value = hit.value;
            for mark in hit.marks.into_iter().rev() {
                value.insert(mark.end, ']');
                value.insert(mark.start, '[');
            }
            format!("{}={value}", hit.path)
        });
        shown.collect()
    }

    #[test]
    fn words_are_marked_where_they_stand() {
        for (search, expected) in [
            ("getobject", vec!["eventName=[GetObject]"]),
            ("get", vec!["requestParameters.text=[Get] it, forget it"]),
            (
                "get*",
                vec![
                    "eventName=[Get]Object",
                    "requestParameters.text=[Get] it, forget it",
                ],
            ),
            ("i-2", vec!["requestParameters.items[1].id=[i-2] and [I-2]"]),
            (
                "\"it, forget\"",
                vec!["requestParameters.text=Get [it, forget] it"],
            ),
            ("12", vec!["n=[12]"]),
            ("eventName:get* NOT 13", vec!["eventName=[Get]Object"]),
            (
                "requestParameters.items.id:*",
                vec![
                    "requestParameters.items[0].id=[i-1]",
                    "requestParameters.items[1].id=[i-2 and I-2]",
                ],
            ),
            ("n:>=5", vec!["n=[12]"]),
            ("*obj*", vec!["eventName=Get[Obj]ect"]),
            ("/f.r/", vec!["requestParameters.text=Get it, [for]get it"]),
            ("İstanbul", vec!["İ=[İstanbul]"]),
            ("*", vec![]),
        ] {
            assert_eq!(marked(search), expected, "{search}");
        }
    }

    #[test]
    fn marks_do_not_overlap() {
        assert_eq!(apart(vec![4..6, 0..2, 1..3]), [0..3, 4..6]);
    }
}
