//! The planner of expressions: what depends on the types of operands.
//!
//! Comparisons follow Lake's leniency rather than Trino's errors: a time with text, a
//! boolean with `'true'`, a number with text that may be none. Constants are brought to
//! the type of the column, so that a scan can decide the comparison; a text column meets
//! a number by `try_cast`, which never fails on a value. Access by name and position ends
//! in two shapes, `get_field` on structs and `element_at` on maps and arrays.

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::{DFSchema, DataFusionError, Result, ScalarValue, TableReference};
use datafusion::functions::core::{get_field, named_struct};
use datafusion::logical_expr::expr::{InList, Like, ScalarFunction};
use datafusion::logical_expr::planner::{
    ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr,
};
use datafusion::logical_expr::{
    BinaryExpr, Cast, Expr, ExprSchemable, GetFieldAccess, Operator, TryCast, lit,
};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::typed::Typed;
use super::types::SqlType;
use crate::error::{Code, QueryError};
use crate::functions::string::{LIKE_PATTERN, backslash_escaped};
use crate::functions::{self, casts, is_text, json_type, map_array, time_text, time_type};
use crate::patterns;
use crate::suggest;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Expressions;

fn refused(code: Code, reason: impl Into<String>) -> DataFusionError {
    DataFusionError::External(Box::new(QueryError::new(code, reason)))
}

fn refused_with_hint(code: Code, reason: String, hint: String) -> DataFusionError {
    DataFusionError::External(Box::new(QueryError::new(code, reason).hint(hint)))
}

/// The call of a function of ours.
fn call(name: &str, args: Vec<Expr>) -> Result<Expr> {
    match functions::by_name(name) {
        Some(udf) => Ok(Expr::ScalarFunction(ScalarFunction::new_udf(udf, args))),
        None => Err(refused(
            Code::Internal,
            format!("there is no function {name}"),
        )),
    }
}

/// `a || b || c` is one call, so that a long chain is no deep tree.
fn concat(left: Expr, right: Expr) -> Result<Expr> {
    match left {
        Expr::ScalarFunction(mut chain) if chain.name() == "concat" => {
            chain.args.push(right);
            Ok(Expr::ScalarFunction(chain))
        }
        left => call("concat", vec![left, right]),
    }
}

impl ExprPlanner for Expressions {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        if let Some(typed) = Typed::of(&expr.op) {
            return planned(typed, expr.left, expr.right, schema).map(PlannerResult::Planned);
        }
        let op = match expr.op {
            BinaryOperator::Eq => Operator::Eq,
            BinaryOperator::NotEq => Operator::NotEq,
            BinaryOperator::Lt => Operator::Lt,
            BinaryOperator::LtEq => Operator::LtEq,
            BinaryOperator::Gt => Operator::Gt,
            BinaryOperator::GtEq => Operator::GtEq,
            BinaryOperator::Multiply => return times_interval(expr, schema),
            // The function counts what it makes; chains of the operator grow without end.
            BinaryOperator::StringConcat => {
                return concat(expr.left, expr.right).map(PlannerResult::Planned);
            }
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let (left, right) = comparable(expr.left, expr.right, schema)?;
        Ok(PlannerResult::Planned(compared(left, op, right)))
    }

    fn plan_field_access(
        &self,
        expr: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let data_type = expr.expr.get_type(schema)?;
        match expr.field_access {
            GetFieldAccess::NamedStructField { name } => {
                let key = name.try_as_str().flatten().unwrap_or_default().to_owned();
                let (expr, _) = member(expr.expr, &data_type, &key)?;
                Ok(PlannerResult::Planned(expr))
            }
            GetFieldAccess::ListIndex { key } => match data_type {
                DataType::Struct(_) => Err(refused(
                    Code::WrongType,
                    "a field of a struct is named by text",
                )),
                text if is_text(&text) => Err(refused_with_hint(
                    Code::WrongType,
                    "text has no elements".to_owned(),
                    "json_array_get(x, 0) is the first element of a JSON array, substr(x, 1, 1) the first character".to_owned(),
                )),
                _ => call("element_at", vec![expr.expr, *key]).map(PlannerResult::Planned),
            },
            range => Ok(PlannerResult::Original(RawFieldAccessExpr {
                expr: expr.expr,
                field_access: range,
            })),
        }
    }

    fn plan_compound_identifier(
        &self,
        field: &Field,
        qualifier: Option<&TableReference>,
        nested_names: &[String],
    ) -> Result<PlannerResult<Vec<Expr>>> {
        let column = datafusion::common::Column::from((qualifier, field));
        let mut reached = (Expr::Column(column), field.data_type().clone());
        for name in nested_names {
            reached = member(reached.0, &reached.1, name)?;
        }
        Ok(PlannerResult::Planned(reached.0))
    }
}

/// What a name leads to in a value of a type.
fn member(expr: Expr, data_type: &DataType, key: &str) -> Result<(Expr, DataType)> {
    match data_type {
        DataType::Struct(fields) => {
            match fields.iter().find(|f| f.name().eq_ignore_ascii_case(key)) {
                Some(field) => {
                    let args = vec![expr, lit(field.name().clone())];
                    let access = ScalarFunction::new_udf(get_field(), args);
                    Ok((Expr::ScalarFunction(access), field.data_type().clone()))
                }
                None => {
                    let names: Vec<&str> = fields.iter().map(|f| f.name().as_str()).collect();
                    let hint = suggest::did_you_mean(key, names.iter().copied())
                        .unwrap_or_else(|| format!("it has {}", names.join(", ")));
                    Err(refused_with_hint(
                        Code::UnknownField,
                        format!("there is no field `{key}` here"),
                        hint,
                    ))
                }
            }
        }
        DataType::Map(_, _) => {
            let value = map_array::map_fields(data_type)
                .map_or(DataType::Utf8View, |(_, value)| value.data_type().clone());
            Ok((call("element_at", vec![expr, lit(key)])?, value))
        }
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(_, _) => {
            Err(refused_with_hint(
                Code::WrongType,
                format!("`{key}` is asked of an array"),
                format!(
                    "x[1].{key} is that of the first element, any_match(x, e -> e.{key} = …) looks at all"
                ),
            ))
        }
        text if is_text(text) => Err(refused_with_hint(
            Code::WrongType,
            format!("`{key}` is asked of text"),
            format!("json_extract_scalar(x, '$.{key}') reads JSON text"),
        )),
        other => Err(refused(
            Code::WrongType,
            format!("`{key}` is asked of a value of type {other}, which has no fields"),
        )),
    }
}

fn planned(typed: Typed, left: Expr, right: Expr, schema: &DFSchema) -> Result<Expr> {
    match typed {
        Typed::Cast { sql_type, is_try } => {
            let wanted =
                SqlType::parse(&sql_type).map_err(|reason| refused(Code::Syntax, reason))?;
            cast(left, &wanted, is_try, schema)
        }
        Typed::Like {
            negated,
            case_insensitive,
            escape,
        } => Ok(Expr::Like(Like::new(
            negated,
            Box::new(as_text(left, schema)?),
            Box::new(pattern(right, escape)?),
            None,
            case_insensitive,
        ))),
        Typed::In { negated } => {
            let items = match right {
                Expr::ScalarFunction(list) => list.args,
                Expr::Alias(alias) => match *alias.expr {
                    Expr::ScalarFunction(list) => list.args,
                    other => vec![other],
                },
                other => vec![other],
            };
            among(left, items, negated, schema)
        }
        Typed::Distinct { negated } => {
            let (left, right) = comparable(left, right, schema)?;
            let op = if negated {
                Operator::IsNotDistinctFrom
            } else {
                Operator::IsDistinctFrom
            };
            Ok(compared(left, op, right))
        }
    }
}

fn compared(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

fn among(left: Expr, items: Vec<Expr>, negated: bool, schema: &DFSchema) -> Result<Expr> {
    let mut pairs = Vec::with_capacity(items.len());
    for item in items {
        pairs.push(comparable(left.clone(), item, schema)?);
    }
    let same_left = pairs.windows(2).all(|w| matches!(w, [a, b] if a.0 == b.0));
    if same_left {
        let left = pairs.first().map_or(left, |(left, _)| left.clone());
        let list = pairs.into_iter().map(|(_, item)| item).collect();
        return Ok(Expr::InList(InList::new(Box::new(left), list, negated)));
    }
    let any = pairs
        .into_iter()
        .map(|(left, item)| compared(left, Operator::Eq, item))
        .reduce(Expr::or)
        .unwrap_or_else(|| lit(false));
    Ok(if negated {
        Expr::Not(Box::new(any))
    } else {
        any
    })
}

// ---- text

/// A value as text, where LIKE and the like want one.
fn as_text(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    let (_, field) = expr.to_field(schema)?;
    match field.data_type() {
        text if is_text(text) || text.is_null() => Ok(expr),
        DataType::Timestamp(_, _) => call(casts::TIME_TO_TEXT, vec![expr]),
        nested if nested.is_nested() => call(casts::TO_JSON, vec![expr]),
        _ => Ok(Expr::Cast(Cast::new(Box::new(expr), DataType::Utf8View))),
    }
}

/// A LIKE pattern with the backslash as its escape character, as arrow has it.
fn pattern(pattern: Expr, escape: Option<char>) -> Result<Expr> {
    if let Some(text) = text_literal(&pattern) {
        return match backslash_escaped(text, escape) {
            Some(escaped) => Ok(lit(patterns::shortest_like(&escaped))),
            None => Err(refused_with_hint(
                Code::Syntax,
                format!("the escape character of the pattern {text:?} escapes nothing"),
                "it stands before %, _ or itself".to_owned(),
            )),
        };
    }
    let mut args = vec![pattern];
    args.extend(escape.map(|c| lit(c.to_string())));
    call(LIKE_PATTERN, args)
}

fn text_literal(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}

// ---- comparisons

/// The two sides of a comparison, brought to types that can be compared.
fn comparable(left: Expr, right: Expr, schema: &DFSchema) -> Result<(Expr, Expr)> {
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
fn time_literal(written: &str) -> Result<Expr> {
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
    use chrono::Timelike;
    let below = i64::from(time.local.nanosecond() % 1_000_000);
    let ns = ms
        .checked_mul(1_000_000)
        .and_then(|ns| ns.checked_add(below));
    Ok(lit(ScalarValue::TimestampNanosecond(ns, None)))
}

// ---- casts

fn cast(expr: Expr, wanted: &SqlType, is_try: bool, schema: &DFSchema) -> Result<Expr> {
    let (_, field) = expr.to_field(schema)?;
    let given = field.data_type();
    let target = wanted.arrow();
    let named = |name: &str| {
        if is_try {
            functions::try_name(name)
        } else {
            name.to_owned()
        }
    };
    if json_type::is_json(&field) {
        return match wanted {
            SqlType::Json => Ok(expr),
            SqlType::Varchar => call(casts::JSON_TO_TEXT, vec![expr]),
            _ => call(&named(casts::JSON_TO), vec![expr, lit(wanted.to_string())]),
        };
    }
    match (wanted, given) {
        (SqlType::Json, _) => call(casts::TO_JSON, vec![expr]),
        (SqlType::Varchar, DataType::Timestamp(_, _)) => call(casts::TIME_TO_TEXT, vec![expr]),
        (SqlType::Varchar, nested) if nested.is_nested() => call(casts::TO_JSON, vec![expr]),
        (SqlType::Timestamp { .. }, text) if is_text(text) => match text_literal(&expr) {
            Some(written) => match (time_literal(written), is_try) {
                (Ok(literal), _) => Ok(plain_cast(literal, target, given, false)),
                (Err(_), true) => Ok(lit(ScalarValue::TimestampMillisecond(None, None))),
                (Err(error), false) => Err(error),
            },
            None => Ok(plain_cast(expr, target, given, is_try)),
        },
        (SqlType::Date, text) if is_text(text) => match text_literal(&expr) {
            Some(written) => match (time_literal(written), is_try) {
                (Ok(literal), _) => Ok(plain_cast(literal, target, given, false)),
                (Err(_), true) => Ok(lit(ScalarValue::Date32(None))),
                (Err(error), false) => Err(error),
            },
            None => Ok(plain_cast(expr, target, given, is_try)),
        },
        (SqlType::Row(wanted), DataType::Struct(given)) if wanted.len() == given.len() => {
            let mut parts = Vec::with_capacity(2 * wanted.len());
            for (at, ((name, sql_type), field)) in wanted.iter().zip(given).enumerate() {
                let args = vec![expr.clone(), lit(field.name().clone())];
                let part = Expr::ScalarFunction(ScalarFunction::new_udf(get_field(), args));
                parts.push(lit(name.clone().unwrap_or_else(|| format!("field{at}"))));
                parts.push(cast(part, sql_type, is_try, schema)?);
            }
            let row = ScalarFunction::new_udf(named_struct(), parts);
            Ok(Expr::ScalarFunction(row))
        }
        // Trino rounds where Rust cuts.
        (SqlType::Integer(_), t) if t.is_floating() => {
            let round = datafusion::functions::math::round();
            let rounded = ScalarFunction::new_udf(round, vec![expr]);
            Ok(plain_cast(
                Expr::ScalarFunction(rounded),
                target,
                given,
                is_try,
            ))
        }
        _ => Ok(plain_cast(expr, target, given, is_try)),
    }
}

fn plain_cast(expr: Expr, target: DataType, given: &DataType, is_try: bool) -> Expr {
    if is_try {
        return Expr::TryCast(TryCast::new(Box::new(expr), target));
    }
    let already = match &expr {
        Expr::Literal(value, _) => value.data_type() == target,
        _ => *given == target,
    };
    if already {
        return expr;
    }
    Expr::Cast(Cast::new(Box::new(expr), target))
}

// ---- intervals

/// An interval so many times: DataFusion has no such product.
fn times_interval(expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
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

    #[test]
    fn patterns_lose_their_escapes() {
        let like = |escape| {
            let typed = Typed::Like {
                negated: false,
                case_insensitive: false,
                escape,
            };
            planned(typed, col("s"), lit("a\\b#%"), &schema()).map(|e| e.to_string())
        };
        assert_eq!(like(None).expect("no error"), "s LIKE Utf8(\"a\\\\b#%\")");
        assert_eq!(
            like(Some('#')).expect("no error"),
            "s LIKE Utf8(\"a\\\\b\\%\")"
        );
        assert!(like(Some('a')).is_err());
    }

    #[test]
    fn lists_of_constants_stay_lists() {
        let typed = || Typed::In { negated: true };
        let list = datafusion::functions_nested::make_array::make_array(vec![lit("1"), lit("2")]);
        let got = planned(typed(), col("n"), list, &schema()).expect("no error");
        assert_eq!(got.to_string(), "n NOT IN ([Int64(1), Int64(2)])");
    }

    #[test]
    fn members_of_maps_keep_their_case() {
        let (got, t) =
            member(col("m"), &tarn_store::fields::map_type(), "bucketName").expect("no error");
        assert_eq!(got.to_string(), "element_at(m, Utf8(\"bucketName\"))");
        assert_eq!(t, DataType::Utf8View);
        assert!(member(col("s"), &DataType::Utf8View, "k").is_err());
    }

    #[test]
    fn floats_are_rounded() {
        let cast = |e, t: &str| {
            let t = SqlType::parse(t).expect("a type");
            cast(e, &t, false, &schema()).map(|e| e.to_string())
        };
        assert_eq!(
            cast(lit(1.6), "bigint").expect("no error"),
            "CAST(round(Float64(1.6)) AS Int64)"
        );
        assert_eq!(cast(col("s"), "varchar").expect("no error"), "s");
        assert_eq!(
            cast(col("t"), "varchar").expect("no error"),
            "time_to_varchar(t)"
        );
        assert_eq!(cast(col("m"), "varchar").expect("no error"), "to_json(m)");
        assert_eq!(
            cast(lit("2023-01-01"), "timestamp").expect("no error"),
            "TimestampMillisecond(1672531200000, None)"
        );
    }
}
