//! From a search's syntax tree to the predicate that it is.
//!
//! A word means the same in any value and in one field: its tokens side by side with what
//! parts them, in either case of letters, so `eventName:putobject` and `putobject` find
//! the same event, and `arn:aws:iam::111122223333:user/bob` does not find `bobby`. Values
//! are searched, never keys.

mod marks;
mod rows;
mod terms;

pub use self::marks::{Hit, Marks};
pub use self::rows::plan;

use std::sync::Arc;

use chrono_tz::Tz;
use tarn_store::fields::{self, Kept};
use tarn_store::path::Arrays;
use tarn_store::scan::predicate::parse_number;
use tarn_store::{Comparison, Field, FieldTest, Matcher, Predicate, TextPredicate, TextTest};

use self::terms::{Anywhere, InNetwork, Pattern, Pieces, PrefixPhrase, Words};
use crate::error::{Code, QueryError};
use crate::resolve;
use crate::search::{
    Bound, Comparison as Order, FieldTest as Test, Node, NodeKind, Search, Term, TimeModifier,
    TimePoint, parse_time,
};
use crate::span::{Span, Spanned};
use crate::syntax::Warning;
use crate::time;

/// When "now" is, and whose days are meant.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    pub now_ms: i64,
    pub zone: Tz,
}

/// A search ready to be scanned for.
#[derive(Debug, Clone, PartialEq)]
pub struct Lowered {
    pub predicate: Predicate,
    pub warnings: Vec<Warning>,
}

/// The predicate of a search, its times among it.
///
/// **Errors**: a regular expression that does not compile, a time that is none.
pub fn lower(search: &Search, clock: Clock) -> Result<Lowered, QueryError> {
    let mut lowering = Lowering {
        clock,
        warnings: Vec::new(),
    };
    let mut parts = Vec::new();
    if let Some(terms) = &search.terms {
        parts.push(lowering.node(terms)?);
    }
    for modifier in &search.time {
        parts.push(time_predicate(modifier, clock)?);
    }
    Ok(Lowered {
        predicate: Predicate::and(parts),
        warnings: lowering.warnings,
    })
}

/// The events that a time written in a query keeps.
pub fn time_predicate(
    modifier: &Spanned<TimeModifier>,
    clock: Clock,
) -> Result<Predicate, QueryError> {
    let moment = |point: &TimePoint, span: Span| {
        time::resolve(point, clock.now_ms, clock.zone).ok_or_else(|| {
            QueryError::new(Code::TimeRange, format!("`{point}` is not a time")).at(span)
        })
    };
    Ok(match &modifier.node {
        TimeModifier::Earliest(point) => {
            time_test(Comparison::GreaterOrEqual, moment(point, point.span)?)
        }
        TimeModifier::Latest(point) => time_test(Comparison::Less, moment(point, point.span)?),
        TimeModifier::Last(period) => {
            let back = parse_time(&format!("-{period}"))?;
            Predicate::and([
                time_test(Comparison::GreaterOrEqual, moment(&back, modifier.span)?),
                time_test(Comparison::Less, clock.now_ms),
            ])
        }
    })
}

fn time_test(op: Comparison, ms: i64) -> Predicate {
    // Milliseconds of any calendar date are whole as a float.
    test(
        Field::Time,
        Matcher::Number {
            op,
            value: ms as f64,
        },
    )
}

fn test(field: Field, matcher: Matcher) -> Predicate {
    Predicate::Field(FieldTest {
        field,
        matcher,
        when_missing: false,
    })
}

struct Lowering {
    clock: Clock,
    warnings: Vec<Warning>,
}

impl Lowering {
    fn node(&mut self, node: &Node) -> Result<Predicate, QueryError> {
        Ok(match &node.node {
            NodeKind::Everything => Predicate::True,
            NodeKind::And(parts) => Predicate::and(self.nodes(parts)?),
            NodeKind::Or(parts) => Predicate::or(self.nodes(parts)?),
            NodeKind::Not(inner) => self.node(inner)?.negate(),
            NodeKind::Anywhere(term) => anywhere(term, node.span)?,
            NodeKind::Field { field, test } => {
                let resolved = resolve::field(field);
                self.warn_of_case(&resolved, field.span);
                self.field(resolved, test, node.span)?
            }
        })
    }

    fn nodes(&mut self, nodes: &[Node]) -> Result<Vec<Predicate>, QueryError> {
        nodes.iter().map(|node| self.node(node)).collect()
    }

    fn warn_of_case(&mut self, field: &Field, span: Span) {
        let Field::Path { path, .. } = field else {
            return;
        };
        if let Some(right) = resolve::respelled(path) {
            self.warnings.push(Warning {
                span,
                reason: format!("no event has a field `{path}`: names are exact"),
                hint: Some(format!("did you mean `{right}`?")),
            });
        }
    }

    fn field(&self, field: Field, asked: &Test, span: Span) -> Result<Predicate, QueryError> {
        Ok(match asked {
            Test::Exists => test(field, Matcher::Present),
            Test::Is(Term::Word(word)) if is_id(&field) => {
                // Tested as a whole, such a field is found without reading records.
                let spellings = [word.clone(), word.to_lowercase(), word.to_uppercase()];
                test(field, Matcher::OneOf(spellings.into()))
            }
            Test::Is(term) => test(text_of(field), Matcher::Test(value_test(term, span)?)),
            Test::Compare { op, value } => self.bound(&field, order(*op), value, span)?,
            Test::Range { low, high } => {
                let low = match low {
                    Bound::Open => Predicate::True,
                    Bound::Inclusive(value) => {
                        self.bound(&field, Comparison::GreaterOrEqual, value, span)?
                    }
                    Bound::Exclusive(value) => {
                        self.bound(&field, Comparison::Greater, value, span)?
                    }
                };
                let high = match high {
                    Bound::Open => Predicate::True,
                    Bound::Inclusive(value) => {
                        self.bound(&field, Comparison::LessOrEqual, value, span)?
                    }
                    Bound::Exclusive(value) => self.bound(&field, Comparison::Less, value, span)?,
                };
                // Open at both ends it still asks for a value.
                match (low, high) {
                    (Predicate::True, Predicate::True) => test(field, Matcher::Present),
                    (low, high) => Predicate::and([low, high]),
                }
            }
        })
    }

    /// One side of a range: of times for a time, of numbers where the bound is one, else of
    /// texts.
    fn bound(
        &self,
        field: &Field,
        op: Comparison,
        value: &str,
        span: Span,
    ) -> Result<Predicate, QueryError> {
        if is_time(field) {
            let not_a_time =
                |_| QueryError::new(Code::TimeRange, format!("`{value}` is not a time")).at(span);
            let ms = time::parse_time_bound(value, self.clock.now_ms, self.clock.zone)
                .map_err(not_a_time)?;
            let field = match field {
                Field::IngestionTime => Field::IngestionTime,
                _ => Field::Time,
            };
            return Ok(test(
                field,
                Matcher::Number {
                    op,
                    value: ms as f64,
                },
            ));
        }
        let matcher = match parse_number(value) {
            Some(value) => Matcher::Number { op, value },
            None => Matcher::Compare {
                op,
                text: value.to_owned(),
            },
        };
        Ok(test(field.clone(), matcher))
    }
}

fn order(op: Order) -> Comparison {
    match op {
        Order::Less => Comparison::Less,
        Order::LessOrEqual => Comparison::LessOrEqual,
        Order::Greater => Comparison::Greater,
        Order::GreaterOrEqual => Comparison::GreaterOrEqual,
    }
}

/// A term in any value of the event.
fn anywhere(term: &Term, span: Span) -> Result<Predicate, QueryError> {
    Ok(match term {
        Term::Word(text) | Term::Phrase(text) => Predicate::Text(TextTest::Phrase(text.clone())),
        Term::Prefix(prefix) => match PrefixPhrase::split(prefix) {
            // One token: the index knows what begins so.
            None => Predicate::Text(TextTest::Prefix(prefix.clone())),
            Some((before, last)) => Predicate::and([
                Predicate::Text(TextTest::Phrase(before)),
                Predicate::Text(TextTest::Prefix(last)),
                in_any_value(value_test(term, span)?),
            ]),
        },
        Term::Wildcard(_) | Term::Cidr(_) | Term::Regex(_) => in_any_value(value_test(term, span)?),
    })
}

/// A test that no index knows, put to each value of the record.
fn in_any_value(one: Arc<dyn TextPredicate>) -> Predicate {
    let record = Field::path(Default::default(), Arrays::Any);
    test(record, Matcher::Test(Arc::new(Anywhere { one })))
}

/// The test of one value.
fn value_test(term: &Term, span: Span) -> Result<Arc<dyn TextPredicate>, QueryError> {
    Ok(match term {
        Term::Word(text) | Term::Phrase(text) => Arc::new(Words::new(text)),
        Term::Prefix(prefix) => Arc::new(PrefixPhrase::new(prefix)),
        Term::Wildcard(parts) => Arc::new(Pieces::new(parts)),
        Term::Cidr(network) => Arc::new(InNetwork(*network)),
        Term::Regex(regex) => Arc::new(
            Pattern::new(regex.as_str())
                .map_err(|reason| QueryError::new(Code::Syntax, reason).at(span))?,
        ),
    })
}

/// The time as a text is the one that was delivered.
fn text_of(field: Field) -> Field {
    match field {
        Field::Time => Field::path(
            tarn_store::path::FieldPath::of_keys(["eventTime"]),
            Arrays::Any,
        ),
        other => other,
    }
}

fn is_time(field: &Field) -> bool {
    match field {
        Field::Time | Field::IngestionTime => true,
        Field::Path { path, .. } => path.to_string() == "eventTime",
        _ => false,
    }
}

/// Whether nearly every event has another value of the field.
fn is_id(field: &Field) -> bool {
    let Field::Path { path, .. } = field else {
        return false;
    };
    let known = fields::known(&path.to_string());
    known.is_some_and(|known| known.kept != Kept::Column && !is_time(field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::parse;

    fn shown(text: &str) -> String {
        let clock = Clock {
            now_ms: 1_700_000_000_000,
            zone: Tz::UTC,
        };
        let search = parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let lowered = lower(&search, clock).unwrap_or_else(|e| panic!("{text}: {e}"));
        lowered.predicate.to_string()
    }

    #[test]
    fn terms_become_tests() {
        for (text, expected) in [
            ("AKIAIOSFODNN7EXAMPLE", r#"text has "AKIAIOSFODNN7EXAMPLE""#),
            ("put* or -get", r#"(text has "put"* or not text has "get")"#),
            ("errorCode:*", "errorCode is present"),
            ("eventName:PutObject", r#"eventName has "PutObject""#),
            ("eventID:AbC", r#"eventID in {"ABC", "AbC", "abc"}"#),
            ("requestParameters.n:>=5", "requestParameters.n >= 5"),
            (
                "last 1h",
                "(@timestamp >= 1699996400000 and @timestamp < 1700000000000)",
            ),
            ("*", "everything"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn a_name_in_the_wrong_case_is_doubted() {
        let search = parse("eventname:x").expect("a search");
        let clock = Clock {
            now_ms: 0,
            zone: Tz::UTC,
        };
        let lowered = lower(&search, clock).expect("lowers");
        assert_eq!(
            lowered.warnings[0].hint.as_deref(),
            Some("did you mean `eventName`?")
        );
    }
}
