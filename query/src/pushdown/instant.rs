//! Comparisons of times with constants.
//!
//! DataFusion compares a time with text in nanoseconds and puts a cast around the column;
//! the event's time has milliseconds. The bound is rounded to the millisecond that gives
//! the same answer for every event, so the cast can go.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Cast, Expr, Operator};
use tarn_store::event::parse_time;
use tarn_store::{
    ColumnSource, Comparison, Field, FieldTest, Matcher, Predicate, TextPredicate, TimeRange,
};

use super::{Sets, is_single, source};
use crate::columns::Columns;

const NS_PER_MS: i128 = 1_000_000;
const MS_PER_DAY: i128 = 86_400_000;

/// Milliseconds beyond this are not whole as a float.
const MS_MAX: i128 = 1 << 53;

/// The sets of `expr op value` where the expression is a column of times.
pub(super) fn compare(
    expr: &Expr,
    op: Operator,
    value: &ScalarValue,
    columns: &Columns,
) -> Option<Sets> {
    let (column, unit) = time_column(expr, columns)?;
    let ColumnSource::Timestamp(field) = column else {
        return None;
    };
    let (op, negated) = match op {
        Operator::Eq => (Comparison::Equal, false),
        Operator::NotEq => (Comparison::Equal, true),
        Operator::Lt => (Comparison::Less, false),
        Operator::LtEq => (Comparison::LessOrEqual, false),
        Operator::Gt => (Comparison::Greater, false),
        Operator::GtEq => (Comparison::GreaterOrEqual, false),
        _ => return None,
    };
    let bounds = match unit {
        Unit::Instant => instant_bounds(op, nanoseconds(value)?),
        Unit::Day => day_bounds(op, day(value)?)?,
    };
    let sets = match field {
        Field::Time | Field::IngestionTime => bounds.sets_of_digits(field),
        field if is_single(field) => bounds.sets_of_text(field),
        _ => return None,
    };
    Some(sets.negated_if(negated))
}

/// A matcher of the texts that are times.
pub(super) fn is_a_time() -> Matcher {
    Matcher::Test(Arc::new(TimeTest {
        bounds: Bounds::all(),
        inside: true,
    }))
}

/// The range of event times that a predicate is; None where it is anything else.
pub(super) fn range_of(predicate: &Predicate) -> Option<TimeRange> {
    let Predicate::Field(FieldTest {
        field: Field::Time,
        matcher: Matcher::Number { op, value },
        ..
    }) = predicate
    else {
        return None;
    };
    if value.fract() != 0.0 || value.abs() > MS_MAX as f64 {
        return None;
    }
    // Whole and within 2^53, see above.
    let ms = *value as i64;
    let mut range = TimeRange::ALL;
    match op {
        Comparison::Equal => (range.start_ms, range.end_ms) = (ms, ms + 1),
        Comparison::Less => range.end_ms = ms,
        Comparison::LessOrEqual => range.end_ms = ms + 1,
        Comparison::Greater => range.start_ms = ms + 1,
        Comparison::GreaterOrEqual => range.start_ms = ms,
    }
    Some(range)
}

/// What a column of times was cast to before it was compared.
enum Unit {
    Instant,
    Day,
}

fn time_column<'c>(expr: &Expr, columns: &'c Columns) -> Option<(&'c ColumnSource, Unit)> {
    match expr {
        Expr::Alias(alias) => time_column(&alias.expr, columns),
        Expr::Column(_) => source(expr, columns).map(|column| (column, Unit::Instant)),
        Expr::Cast(Cast { expr: inner, field }) => {
            let (column, unit) = time_column(inner, columns)?;
            match (field.data_type(), unit) {
                // Finer than milliseconds, and UTC: the same instant.
                (DataType::Timestamp(to, zone), Unit::Instant)
                    if *to != TimeUnit::Second && is_utc(zone.as_deref()) =>
                {
                    Some((column, Unit::Instant))
                }
                (DataType::Date32, Unit::Instant) => Some((column, Unit::Day)),
                _ => None,
            }
        }
        _ => None,
    }
}

fn is_utc(zone: Option<&str>) -> bool {
    zone.is_none_or(|zone| matches!(zone, "UTC" | "Z" | "+00:00" | "+00" | "Etc/UTC"))
}

fn nanoseconds(value: &ScalarValue) -> Option<i128> {
    let (count, unit, zone) = match value {
        ScalarValue::TimestampSecond(Some(count), zone) => (count, 1_000_000_000, zone),
        ScalarValue::TimestampMillisecond(Some(count), zone) => (count, 1_000_000, zone),
        ScalarValue::TimestampMicrosecond(Some(count), zone) => (count, 1_000, zone),
        ScalarValue::TimestampNanosecond(Some(count), zone) => (count, 1, zone),
        _ => return None,
    };
    is_utc(zone.as_deref()).then(|| i128::from(*count) * unit)
}

fn day(value: &ScalarValue) -> Option<i128> {
    match value {
        ScalarValue::Date32(Some(day)) => Some(i128::from(*day)),
        _ => None,
    }
}

/// From `start_ms` up to but not including `end_ms`; open where there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bounds {
    start_ms: Option<i128>,
    end_ms: Option<i128>,
}

fn instant_bounds(op: Comparison, ns: i128) -> Bounds {
    let floor = ns.div_euclid(NS_PER_MS);
    let is_whole = ns.rem_euclid(NS_PER_MS) == 0;
    let ceiling = if is_whole { floor } else { floor + 1 };
    match op {
        Comparison::Equal if is_whole => Bounds::between(floor, floor + 1),
        Comparison::Equal => Bounds::between(0, 0),
        Comparison::Less => Bounds::before(ceiling),
        Comparison::LessOrEqual => Bounds::before(floor + 1),
        Comparison::Greater => Bounds::from(floor + 1),
        Comparison::GreaterOrEqual => Bounds::from(ceiling),
    }
}

/// None before 1970, where a cast to days does not round down.
fn day_bounds(op: Comparison, day: i128) -> Option<Bounds> {
    if day < 1 {
        return None;
    }
    let start = day * MS_PER_DAY;
    let end = start + MS_PER_DAY;
    Some(match op {
        Comparison::Equal => Bounds::between(start, end),
        Comparison::Less => Bounds::before(start),
        Comparison::LessOrEqual => Bounds::before(end),
        Comparison::Greater => Bounds::from(end),
        Comparison::GreaterOrEqual => Bounds::from(start),
    })
}

impl Bounds {
    fn all() -> Self {
        Self {
            start_ms: None,
            end_ms: None,
        }
    }

    fn from(start_ms: i128) -> Self {
        Self {
            start_ms: Some(start_ms),
            ..Self::all()
        }
    }

    fn before(end_ms: i128) -> Self {
        Self {
            end_ms: Some(end_ms),
            ..Self::all()
        }
    }

    fn between(start_ms: i128, end_ms: i128) -> Self {
        Self {
            start_ms: Some(start_ms),
            end_ms: Some(end_ms),
        }
    }

    fn hold(&self, ms: i64) -> bool {
        let ms = i128::from(ms);
        self.start_ms.is_none_or(|start| start <= ms) && self.end_ms.is_none_or(|end| ms < end)
    }

    /// Of a field that is always there, in milliseconds.
    fn sets_of_digits(&self, field: &Field) -> Sets {
        let is_true = [
            self.start_ms
                .map(|ms| number(field, Comparison::GreaterOrEqual, ms)),
            self.end_ms.map(|ms| number(field, Comparison::Less, ms)),
        ];
        let is_false = [
            self.start_ms.map(|ms| number(field, Comparison::Less, ms)),
            self.end_ms
                .map(|ms| number(field, Comparison::GreaterOrEqual, ms)),
        ];
        Sets {
            is_true: Predicate::and(is_true.into_iter().flatten()),
            is_false: Predicate::or(is_false.into_iter().flatten()),
        }
    }

    /// Of a field that holds times as text; other text is null.
    fn sets_of_text(&self, field: &Field) -> Sets {
        let test = |inside| {
            Predicate::Field(FieldTest {
                field: field.clone(),
                matcher: Matcher::Test(Arc::new(TimeTest {
                    bounds: *self,
                    inside,
                })),
                when_missing: false,
            })
        };
        Sets {
            is_true: test(true),
            is_false: test(false),
        }
    }
}

fn number(field: &Field, op: Comparison, ms: i128) -> Predicate {
    if ms.abs() > MS_MAX {
        // Beyond any time: every event is on the same side.
        let is_less = matches!(op, Comparison::Less | Comparison::LessOrEqual);
        return if is_less == (ms > 0) {
            Predicate::True
        } else {
            Predicate::False
        };
    }
    Predicate::Field(FieldTest {
        field: field.clone(),
        matcher: Matcher::Number {
            op,
            value: ms as f64,
        },
        when_missing: false,
    })
}

/// Whether a text is a time inside, or outside, the bounds.
#[derive(Debug)]
struct TimeTest {
    bounds: Bounds,
    inside: bool,
}

impl TextPredicate for TimeTest {
    fn matches(&self, text: &str) -> bool {
        parse_time(text).is_some_and(|ms| self.bounds.hold(ms) == self.inside)
    }

    fn description(&self) -> String {
        let word = if self.inside { "in" } else { "not in" };
        let end = |ms: Option<i128>| ms.map_or_else(|| "..".to_owned(), |ms| ms.to_string());
        let Bounds { start_ms, end_ms } = self.bounds;
        format!("is a time {word} [{}, {})", end(start_ms), end(end_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_round_to_the_same_answer() {
        let ns = 1_500_000; // between 1 ms and 2 ms
        for (op, holds_1, holds_2) in [
            (Comparison::Less, true, false),
            (Comparison::LessOrEqual, true, false),
            (Comparison::Greater, false, true),
            (Comparison::GreaterOrEqual, false, true),
            (Comparison::Equal, false, false),
        ] {
            let bounds = instant_bounds(op, ns);
            assert_eq!(
                (bounds.hold(1), bounds.hold(2)),
                (holds_1, holds_2),
                "{op:?}"
            );
        }
        for (op, expected) in [
            (Comparison::Less, [true, false, false]),
            (Comparison::LessOrEqual, [true, true, false]),
            (Comparison::Greater, [false, false, true]),
            (Comparison::GreaterOrEqual, [false, true, true]),
            (Comparison::Equal, [false, true, false]),
        ] {
            let bounds = instant_bounds(op, -NS_PER_MS);
            assert_eq!([-2, -1, 0].map(|ms| bounds.hold(ms)), expected, "{op:?}");
        }
    }

    #[test]
    fn text_that_is_no_time_is_on_neither_side() {
        let bounds = Bounds::from(0);
        for (text, inside, outside) in [
            ("2024-01-01T00:00:00Z", true, false),
            ("1969-01-01", false, true),
            ("soon", false, false),
        ] {
            let test = |inside| TimeTest { bounds, inside }.matches(text);
            assert_eq!((test(true), test(false)), (inside, outside), "{text}");
        }
    }
}
