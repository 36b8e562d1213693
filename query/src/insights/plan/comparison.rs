//! Comparisons of values that a plan computes, by the rules of `field_test`: true or
//! false of every row, a missing value equal to none.

use std::cmp::Ordering;

use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::{Expr, Operator, binary_expr, is_true, lit};

use super::field_test::moment;
use super::value::{Constant, Value, text_literal};
use crate::error::QueryError;
use crate::functions::insights::{self as functions, Type};
use crate::insights::ast::CompareOp;
use crate::search_plan::Clock;
use crate::span::Span;

/// `left op right`.
///
/// **Errors**: a time is compared with a constant that is none.
pub(super) fn compare(
    op: CompareOp,
    left: (Value, Span),
    right: (Value, Span),
    clock: Clock,
) -> Result<Expr, QueryError> {
    // A constant stands on the right.
    let (op, left, right) = match (left.0.constant(), right.0.constant()) {
        (Some(_), None) => (swapped(op), right, left),
        _ => (op, left, right),
    };
    if let (Some(left), Some(right)) = (left.0.constant(), right.0.constant()) {
        return Ok(lit(of_constants(op, &left, &right)));
    }
    let equal = |op| match op {
        CompareOp::NotEqual => CompareOp::Equal,
        other => other,
    };
    let holds = match right.0.constant() {
        Some(Constant::Null) => null_test(equal(op), left.0.expr),
        Some(constant) => with_constant(equal(op), left.0, right.0, &constant, (clock, right.1))?,
        None => of_two(equal(op), left.0, right.0),
    };
    let holds = is_true(holds);
    Ok(if op == CompareOp::NotEqual {
        !holds
    } else {
        holds
    })
}

/// Whether two constants compare so.
fn of_constants(op: CompareOp, left: &Constant, right: &Constant) -> bool {
    let ordering = match (number(left), number(right)) {
        (Some(left), Some(right)) => left.partial_cmp(&right),
        _ => match (left, right) {
            (Constant::Null, Constant::Null) => return op == CompareOp::Equal,
            (Constant::Text(left), Constant::Text(right)) => Some(left.cmp(right)),
            _ => None,
        },
    };
    match (op, ordering) {
        (CompareOp::NotEqual, ordering) => ordering != Some(Ordering::Equal),
        (_, None) => false,
        (CompareOp::Equal, Some(ordering)) => ordering.is_eq(),
        (CompareOp::Less, Some(ordering)) => ordering.is_lt(),
        (CompareOp::LessOrEqual, Some(ordering)) => ordering.is_le(),
        (CompareOp::Greater, Some(ordering)) => ordering.is_gt(),
        (CompareOp::GreaterOrEqual, Some(ordering)) => ordering.is_ge(),
    }
}

fn number(constant: &Constant) -> Option<f64> {
    match constant {
        Constant::Number { value, .. } => Some(*value),
        Constant::Boolean(value) => Some(f64::from(u8::from(*value))),
        Constant::Time(ms) => Some(*ms as f64),
        Constant::Text(_) | Constant::Null => None,
    }
}

/// `= null` asks whether a value is missing; no other comparison with null holds.
fn null_test(op: CompareOp, value: Expr) -> Expr {
    match op {
        CompareOp::Equal => value.is_null(),
        _ => lit(false),
    }
}

fn with_constant(
    op: CompareOp,
    left: Value,
    right: Value,
    constant: &Constant,
    place: (Clock, Span),
) -> Result<Expr, QueryError> {
    Ok(match (left.kind, constant) {
        // Lists equal nothing.
        (Type::List, _) => lit(false),
        (Type::Time, constant) => {
            let ms = moment(constant, place)?;
            holds(op, left.into_integer(), lit(ms))
        }
        (Type::Text, Constant::Text(_)) => holds(op, left.expr, right.into_text()),
        (
            Type::Text,
            Constant::Number {
                digits: Some(digits),
                ..
            },
        ) if op == CompareOp::Equal => holds(op, left.expr, text_literal(digits.clone())),
        (Type::Text, Constant::Boolean(value)) if op == CompareOp::Equal => {
            let words = if *value {
                ["true", "1"]
            } else {
                ["false", "0"]
            };
            let [word, digit] = words.map(text_literal);
            holds(op, left.expr.clone(), word).or(holds(op, left.expr, digit))
        }
        (Type::Text, Constant::Number { value, .. }) => {
            let by_value = holds(op, functions::number(left.expr.clone()), lit(*value));
            let word = match (op, *value) {
                (CompareOp::Equal, 1.0) => "true",
                (CompareOp::Equal, 0.0) => "false",
                _ => return Ok(by_value),
            };
            is_true(by_value).or(holds(op, left.expr, text_literal(word)))
        }
        (Type::Text, _) => holds(op, functions::number(left.expr), right.into_double()),
        // A number or a boolean, and a text that is to be one.
        (_, Constant::Text(text)) => {
            let right = match text.as_str() {
                "true" if left.kind == Type::Boolean => Value::integer(1),
                "false" if left.kind == Type::Boolean => Value::integer(0),
                _ => right,
            };
            match Value::new(right.into_double(), Type::Double) {
                number if number.is_null() => lit(false),
                number => of_two(op, left, number),
            }
        }
        _ => of_two(op, left, right),
    })
}

/// Both change from row to row, or are numbers.
fn of_two(op: CompareOp, left: Value, right: Value) -> Expr {
    match (left.kind, right.kind) {
        (Type::List, _) | (_, Type::List) => lit(false),
        // By value where both are numbers, else by text.
        (Type::Text, Type::Text) => {
            let numbers = holds(
                op,
                functions::number(left.expr.clone()),
                functions::number(right.expr.clone()),
            );
            coalesce(vec![numbers, holds(op, left.expr, right.expr)])
        }
        (Type::Time, Type::Text) | (Type::Text, Type::Time) | (Type::Time, Type::Time) => {
            holds(op, left.into_time(), right.into_time())
        }
        (Type::Double | Type::Text, _) | (_, Type::Double | Type::Text) => {
            holds(op, left.into_double(), right.into_double())
        }
        _ => holds(op, left.into_integer(), right.into_integer()),
    }
}

fn holds(op: CompareOp, left: Expr, right: Expr) -> Expr {
    let op = match op {
        CompareOp::Equal => Operator::Eq,
        CompareOp::NotEqual => Operator::NotEq,
        CompareOp::Less => Operator::Lt,
        CompareOp::LessOrEqual => Operator::LtEq,
        CompareOp::Greater => Operator::Gt,
        CompareOp::GreaterOrEqual => Operator::GtEq,
    };
    binary_expr(left, op, right)
}

pub(super) fn swapped(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Less => CompareOp::Greater,
        CompareOp::LessOrEqual => CompareOp::GreaterOrEqual,
        CompareOp::Greater => CompareOp::Less,
        CompareOp::GreaterOrEqual => CompareOp::LessOrEqual,
        same => same,
    }
}
