//! The planner of expressions: what depends on the types of operands.
//!
//! Access by name and position ends in two shapes, `get_field` on structs and
//! `element_at` on maps and arrays. Comparisons and casts have files of their own.

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{DFSchema, DataFusionError, Result, TableReference};
use datafusion::functions::core::get_field;
use datafusion::logical_expr::expr::{InList, Like, ScalarFunction};
use datafusion::logical_expr::planner::{
    ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr,
};
use datafusion::logical_expr::{
    BinaryExpr, Cast, Expr, ExprSchemable, GetFieldAccess, Operator, lit,
};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::cast::cast;
use super::comparison::{comparable, times_interval};
use super::typed::Typed;
use super::types::SqlType;
use crate::error::{Code, QueryError};
use crate::functions::string::{LIKE_PATTERN, backslash_escaped};
use crate::functions::{self, casts, is_text, map_array};
use crate::suggest;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Expressions;

pub(super) fn refused(code: Code, reason: impl Into<String>) -> DataFusionError {
    DataFusionError::External(Box::new(QueryError::new(code, reason)))
}

pub(super) fn refused_with_hint(code: Code, reason: String, hint: String) -> DataFusionError {
    DataFusionError::External(Box::new(QueryError::new(code, reason).hint(hint)))
}

/// The call of a function of ours.
pub(super) fn call(name: &str, args: Vec<Expr>) -> Result<Expr> {
    match functions::by_name(name) {
        Some(udf) => Ok(Expr::ScalarFunction(ScalarFunction::new_udf(udf, args))),
        None => Err(refused(
            Code::Internal,
            format!("there is no function {name}"),
        )),
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

pub(super) fn compared(left: Expr, op: Operator, right: Expr) -> Expr {
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

/// A value as text, where LIKE and the like want one.
pub(super) fn as_text(expr: Expr, schema: &DFSchema) -> Result<Expr> {
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
            Some(escaped) => Ok(lit(escaped)),
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

pub(super) fn text_literal(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::time_type;
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
}
