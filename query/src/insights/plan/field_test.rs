//! Tests of one field against constants: predicates that the scan decides.
//!
//! The rules for missing fields and for types stand here and in `comparison`, which has
//! them for computed values. A missing field passes no `=`, `<`, `like` or `in`; `!=`,
//! `not like` and `not in` are the negation of those, so that a missing field passes. A
//! number is compared with what the field's text is as a number, a text with the text.
//! JSON's booleans are `true` and `false`, and the numbers 1 and 0. A field that leads to
//! several values, through lists, passes when one of them does.

use std::collections::BTreeSet;
use std::sync::Arc;

use tarn_store::path::{Arrays, FieldPath};
use tarn_store::{Comparison, Field, FieldTest, Matcher, Predicate};

use super::value::Constant;
use crate::error::{Code, QueryError};
use crate::functions::insights::TextTest;
use crate::insights::ast::CompareOp;
use crate::search_plan::Clock;
use crate::span::Span;
use crate::time;

/// The test with the answer false where the field is missing.
pub(super) fn test(field: &Field, matcher: Matcher) -> Predicate {
    Predicate::Field(FieldTest {
        field: field.clone(),
        matcher,
        when_missing: false,
    })
}

pub(super) fn is_present(field: &Field) -> Predicate {
    test(field, Matcher::Present)
}

/// Whether the field is text for truth: `filter readOnly`.
pub(super) fn is_true(field: &Field) -> Predicate {
    boolean(field, true)
}

/// A test of the text; of a time, of its ISO 8601 form.
pub(super) fn text_test(field: &Field, asked: TextTest, when_missing: bool) -> Predicate {
    let matcher = match asked {
        asked if is_time(field) => Matcher::Test(Arc::new(TextTest::OfTime(Box::new(asked)))),
        TextTest::Contains(part) => Matcher::Contains(part),
        TextTest::StartsWith(part) => Matcher::StartsWith(part),
        TextTest::EndsWith(part) => Matcher::EndsWith(part),
        // An element of a list is a value of the field.
        TextTest::ListContains(wanted) => {
            let in_text = Matcher::Test(Arc::new(TextTest::ListContains(wanted.clone())));
            return Predicate::or([test(field, Matcher::Equals(wanted)), test(field, in_text)]);
        }
        other => Matcher::Test(Arc::new(other)),
    };
    Predicate::Field(FieldTest {
        field: field.clone(),
        matcher,
        when_missing,
    })
}

/// Whether the field is missing or the empty text.
pub(super) fn is_empty(field: &Field) -> Predicate {
    Predicate::Field(FieldTest {
        field: field.clone(),
        matcher: Matcher::Equals(String::new()),
        when_missing: true,
    })
}

/// `field op constant`.
///
/// **Errors**: a time is compared with what is none.
pub(super) fn compare(
    field: &Field,
    op: CompareOp,
    constant: &Constant,
    place: (Clock, Span),
) -> Result<Predicate, QueryError> {
    Ok(match op {
        CompareOp::Equal => equal(field, constant, place)?,
        CompareOp::NotEqual => equal(field, constant, place)?.negate(),
        CompareOp::Less => ordered(field, Comparison::Less, constant, place)?,
        CompareOp::LessOrEqual => ordered(field, Comparison::LessOrEqual, constant, place)?,
        CompareOp::Greater => ordered(field, Comparison::Greater, constant, place)?,
        CompareOp::GreaterOrEqual => ordered(field, Comparison::GreaterOrEqual, constant, place)?,
    })
}

/// Whether the field equals one of the constants.
pub(super) fn is_in(
    field: &Field,
    constants: &[(Constant, Span)],
    clock: Clock,
) -> Result<Predicate, QueryError> {
    let mut texts = BTreeSet::new();
    let mut others = Vec::new();
    for (constant, span) in constants {
        match constant {
            Constant::Text(text) if !is_time(field) => {
                texts.insert(text.clone());
            }
            other => others.push(equal(field, other, (clock, *span))?),
        }
    }
    if !texts.is_empty() {
        others.insert(0, test(field, Matcher::OneOf(texts)));
    }
    Ok(Predicate::or(others))
}

/// The milliseconds since 1970 that a constant means where a time stands.
///
/// **Errors**: it is no time.
pub(super) fn moment(constant: &Constant, (clock, span): (Clock, Span)) -> Result<i64, QueryError> {
    let text = match constant {
        Constant::Time(ms) => return Ok(*ms),
        Constant::Text(text) => text.clone(),
        Constant::Number { value, .. } => format!("{value:.0}"),
        Constant::Boolean(_) | Constant::Null => String::new(),
    };
    time::parse_time_bound(&text, clock.now_ms, clock.zone).map_err(|_| {
        QueryError::new(Code::WrongType, "a time is compared with what is no time")
            .at(span)
            .hint("write \"2026-01-31 13:45\", or milliseconds since 1970")
    })
}

pub(super) fn is_time(field: &Field) -> bool {
    matches!(field, Field::Time | Field::IngestionTime)
}

/// Whether the field is the text of the event's time.
pub(super) fn is_event_time(field: &Field) -> bool {
    *field == Field::path(FieldPath::of_keys(["eventTime"]), Arrays::Any)
}

fn equal(
    field: &Field,
    constant: &Constant,
    place: (Clock, Span),
) -> Result<Predicate, QueryError> {
    if is_time(field) && *constant != Constant::Null {
        return time_test(field, Comparison::Equal, constant, place);
    }
    Ok(match constant {
        Constant::Text(text) => test(field, Matcher::Equals(text.clone())),
        Constant::Number {
            digits: Some(digits),
            ..
        } => test(field, Matcher::Equals(digits.clone())),
        Constant::Number { value, .. } => number(field, Comparison::Equal, *value),
        Constant::Boolean(value) => boolean(field, *value),
        Constant::Time(ms) => number(field, Comparison::Equal, *ms as f64),
        Constant::Null => is_present(field).negate(),
    })
}

fn ordered(
    field: &Field,
    op: Comparison,
    constant: &Constant,
    place: (Clock, Span),
) -> Result<Predicate, QueryError> {
    if is_time(field) && *constant != Constant::Null {
        return time_test(field, op, constant, place);
    }
    Ok(match constant {
        Constant::Text(text) => test(
            field,
            Matcher::Compare {
                op,
                text: text.clone(),
            },
        ),
        Constant::Number { value, .. } => number(field, op, *value),
        Constant::Boolean(value) => number(field, op, f64::from(u8::from(*value))),
        Constant::Time(ms) => number(field, op, *ms as f64),
        Constant::Null => Predicate::False,
    })
}

fn time_test(
    field: &Field,
    op: Comparison,
    constant: &Constant,
    place: (Clock, Span),
) -> Result<Predicate, QueryError> {
    let ms = moment(constant, place)?;
    // Milliseconds of any calendar date are whole as a float.
    let value = ms as f64;
    Ok(test(field, Matcher::Number { op, value }))
}

/// A comparison with a number; 1 and 0 also equal JSON's booleans.
fn number(field: &Field, op: Comparison, value: f64) -> Predicate {
    let by_value = test(field, Matcher::Number { op, value });
    match op {
        Comparison::Equal if value == 1.0 || value == 0.0 => {
            let word = if value == 1.0 { "true" } else { "false" };
            Predicate::or([by_value, test(field, Matcher::Equals(word.to_owned()))])
        }
        _ => by_value,
    }
}

fn boolean(field: &Field, value: bool) -> Predicate {
    let words = if value { ["true", "1"] } else { ["false", "0"] };
    test(field, Matcher::OneOf(words.map(str::to_owned).into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tz;

    fn shown(op: CompareOp, constant: Constant) -> String {
        let field = Field::path(FieldPath::parse("a.b"), Arrays::Any);
        let clock = Clock {
            now_ms: 0,
            zone: Tz::UTC,
        };
        match compare(&field, op, &constant, (clock, Span::default())) {
            Ok(predicate) => predicate.to_string(),
            Err(error) => error.message,
        }
    }

    #[test]
    fn constants_of_each_type() {
        let number = |value| Constant::Number {
            value,
            digits: None,
        };
        let text = |text: &str| Constant::Text(text.to_owned());
        for (op, constant, expected) in [
            (CompareOp::Equal, text("x"), r#"a.b = "x""#),
            (CompareOp::NotEqual, text("x"), r#"not a.b = "x""#),
            (CompareOp::Less, text("x"), r#"a.b < "x""#),
            (CompareOp::GreaterOrEqual, number(5.0), "a.b >= 5"),
            (CompareOp::Equal, number(200.0), "a.b = 200"),
            (
                CompareOp::Equal,
                number(1.0),
                r#"(a.b = 1 or a.b = "true")"#,
            ),
            (
                CompareOp::Equal,
                Constant::Boolean(false),
                r#"a.b in {"0", "false"}"#,
            ),
            (CompareOp::Equal, Constant::Null, "not a.b is present"),
            (CompareOp::NotEqual, Constant::Null, "a.b is present"),
        ] {
            assert_eq!(shown(op, constant), expected);
        }
    }
}
