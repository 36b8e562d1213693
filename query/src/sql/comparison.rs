//! The two sides of a comparison, brought to types that can be compared.
//!
//! Lake is lenient where Trino is not: a time meets text, a boolean `'true'`, a number
//! text that may be none. Constants take the type of the column, so that a scan can
//! decide the comparison; a text column meets a number by `try_cast`, which fails on no
//! value.

use chrono::Timelike;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::planner::{PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, Operator, TryCast, lit};

use super::expressions::{as_text, compared, refused, refused_with_hint, text_literal};
use crate::error::Code;
use crate::functions::{is_text, time_text, time_type};

/// The two sides of a comparison, brought to types that can be compared.
pub(super) fn comparable(left: Expr, right: Expr, schema: &DFSchema) -> Result<(Expr, Expr)> {
    let left_type = left.get_type(schema)?;
    let right_type = right.get_type(schema)?;
    if left_type == right_type {
        return Ok((left, right));
    }
    if is_text(&right_type) {
        let (left, right) = with_text(left, &left_type, right, schema)?;
        return Ok((left, right));
    }
    if is_text(&left_type) {
        let (right, left) = with_text(right, &right_type, left, schema)?;
        return Ok((left, right));
    }
    if left_type == DataType::Boolean
        && let Some(truth) = truth_of_number(&right)
    {
        return Ok((left, lit(truth)));
    }
    if right_type == DataType::Boolean
        && let Some(truth) = truth_of_number(&left)
    {
        return Ok((lit(truth), right));
    }
    Ok((left, right))
}

fn truth_of_number(expr: &Expr) -> Option<bool> {
    match expr {
        Expr::Literal(ScalarValue::Int64(Some(0)), _) => Some(false),
        Expr::Literal(ScalarValue::Int64(Some(1)), _) => Some(true),
        _ => None,
    }
}

/// A value of another type beside a text.
fn with_text(
    other: Expr,
    other_type: &DataType,
    text: Expr,
    schema: &DFSchema,
) -> Result<(Expr, Expr)> {
    let literal = text_literal(&text).map(str::to_owned);
    match other_type {
        t if is_text(t) || t.is_null() => Ok((other, text)),
        DataType::Timestamp(_, _) => {
            let text = match literal {
                Some(written) => time_literal(&written)?,
                None => Expr::TryCast(TryCast::new(Box::new(text), time_type(None))),
            };
            Ok((other, text))
        }
        DataType::Date32 | DataType::Date64 => match literal {
            Some(written) => {
                let time = time_literal(&written)?;
                let midnight = matches!(
                    &time,
                    Expr::Literal(ScalarValue::TimestampMillisecond(Some(ms), _), _) if ms % 86_400_000 == 0
                );
                let wanted = if midnight {
                    DataType::Date32
                } else {
                    time_type(None)
                };
                let other = Expr::Cast(Cast::new(Box::new(other), wanted.clone()));
                Ok((other, Expr::Cast(Cast::new(Box::new(time), wanted))))
            }
            None => Ok((
                other,
                Expr::TryCast(TryCast::new(Box::new(text), DataType::Date32)),
            )),
        },
        DataType::Boolean => match (literal, &other) {
            // A constant beside a text column: `sessionCredentialFromConsole = true`.
            (None, Expr::Literal(ScalarValue::Boolean(truth), _)) => {
                Ok((lit(ScalarValue::Utf8(truth.map(|t| t.to_string()))), text))
            }
            (Some(written), _) => match written.trim().to_ascii_lowercase().as_str() {
                "true" | "1" => Ok((other, lit(true))),
                "false" | "0" => Ok((other, lit(false))),
                _ => Err(refused(
                    Code::WrongType,
                    format!(
                        "{written:?} is compared with a boolean, and is neither true nor false"
                    ),
                )),
            },
            (None, _) => Ok((
                Expr::Cast(Cast::new(Box::new(other), DataType::Utf8View)),
                text,
            )),
        },
        t if t.is_numeric() => {
            let number = match literal {
                Some(written) => number_literal(&written)?,
                None => Expr::TryCast(TryCast::new(Box::new(text), DataType::Float64)),
            };
            Ok((other, number))
        }
        t if t.is_nested() => Ok((as_text(other, schema)?, text)),
        _ => Ok((other, text)),
    }
}

fn number_literal(written: &str) -> Result<Expr> {
    let trimmed = written.trim();
    if let Ok(whole) = trimmed.parse::<i64>() {
        return Ok(lit(whole));
    }
    match trimmed.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(lit(number)),
        _ => Err(refused(
            Code::WrongType,
            format!("{written:?} is compared with a number, and is none"),
        )),
    }
}

/// A time as written, in milliseconds, or in nanoseconds where it is finer.
pub(super) fn time_literal(written: &str) -> Result<Expr> {
    let time = time_text::parse(written);
    let instant = time.and_then(|t| Some((t, t.instant_ms()?)));
    let Some((time, ms)) = instant else {
        return Err(refused_with_hint(
            Code::WrongType,
            format!("{written:?} is compared with a time, and is none"),
            "a time is written '2023-07-01 12:00:00', '2023-07-01T12:00:00Z' or '2023-07-01'"
                .to_owned(),
        ));
    };
    if !time.finer_than_ms() {
        return Ok(lit(ScalarValue::TimestampMillisecond(Some(ms), None)));
    }
    let below = i64::from(time.local.nanosecond() % 1_000_000);
    let ns = ms
        .checked_mul(1_000_000)
        .and_then(|ns| ns.checked_add(below));
    Ok(lit(ScalarValue::TimestampNanosecond(ns, None)))
}

/// An interval so many times: DataFusion has no such product.
pub(super) fn times_interval(
    expr: RawBinaryExpr,
    schema: &DFSchema,
) -> Result<PlannerResult<RawBinaryExpr>> {
    let (interval, number) = match (expr.left.get_type(schema)?, expr.right.get_type(schema)?) {
        (DataType::Interval(_), t) if t.is_numeric() => (&expr.left, &expr.right),
        (t, DataType::Interval(_)) if t.is_numeric() => (&expr.right, &expr.left),
        _ => return Ok(PlannerResult::Original(expr)),
    };
    // The product of a duration and a number is known: an interval of days and less is a
    // duration, and is made one.
    let Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(value)), _) = interval else {
        return Err(refused(
            Code::Unsupported,
            "an interval that is multiplied is written out",
        ));
    };
    if value.months != 0 {
        return Err(refused_with_hint(
            Code::Unsupported,
            "months are not multiplied".to_owned(),
            "date_add('month', n, time) adds so many".to_owned(),
        ));
    }
    let ms = i64::from(value.days) * 86_400_000 + value.nanoseconds / 1_000_000;
    let factor = Expr::Cast(Cast::new(Box::new(number.clone()), DataType::Float64));
    let product = compared(factor, Operator::Multiply, lit(ms as f64));
    let product = Expr::Cast(Cast::new(Box::new(product), DataType::Int64));
    let duration = DataType::Duration(TimeUnit::Millisecond);
    Ok(PlannerResult::Planned(Expr::Cast(Cast::new(
        Box::new(product),
        duration,
    ))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::arrow::datatypes::Field;
    use datafusion::logical_expr::col;

    fn schema() -> DFSchema {
        let fields = vec![
            Field::new("t", time_type(None), true),
            Field::new("s", DataType::Utf8View, true),
            Field::new("b", DataType::Boolean, true),
            Field::new("n", DataType::Int64, true),
            Field::new("m", tarn_store::fields::map_type(), true),
        ];
        DFSchema::from_unqualified_fields(fields.into(), Default::default()).expect("a schema")
    }

    fn eq(left: Expr, right: Expr) -> Result<String> {
        comparable(left, right, &schema()).map(|(l, r)| format!("{l} = {r}"))
    }

    #[test]
    fn constants_take_the_type_of_the_column() {
        assert_eq!(
            eq(col("t"), lit("1970-01-01 00:00:01")).expect("no error"),
            "t = TimestampMillisecond(1000, None)"
        );
        assert_eq!(
            eq(col("b"), lit("False")).expect("no error"),
            "b = Boolean(false)"
        );
        assert_eq!(
            eq(col("b"), lit(1_i64)).expect("no error"),
            "b = Boolean(true)"
        );
        assert_eq!(
            eq(lit(true), col("s")).expect("no error"),
            "Utf8(\"true\") = s"
        );
        assert_eq!(eq(col("n"), lit("7")).expect("no error"), "n = Int64(7)");
        assert_eq!(
            eq(col("s"), lit(7_i64)).expect("no error"),
            "TRY_CAST(s AS Float64) = Int64(7)"
        );
        for wrong in [(col("t"), "x"), (col("b"), "maybe"), (col("n"), "seven")] {
            assert!(eq(wrong.0, lit(wrong.1)).is_err(), "{}", wrong.1);
        }
    }
}
