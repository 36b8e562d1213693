//! A value that a query computes: its expression and its type, and what it is as another.
//!
//! Fields are text, and an expression takes them for what it needs: a number where it
//! reckons, a time where it counts them. What cannot be taken so is null, never an error.

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::execution::context::ExecutionProps;
use datafusion::functions::core::expr_fn::nullif;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{ColumnarValue, Expr, cast, lit};
use datafusion::physical_expr::create_physical_expr;
use std::sync::Arc;

use crate::functions::insights::{self as functions, Type};
use crate::insights::ast::{ArithmeticOp, Number};

/// An expression over the columns of a row, and what it gives.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Value {
    pub expr: Expr,
    pub kind: Type,
    /// A number's digits as typed, which a float may not hold.
    digits: Option<String>,
}

/// A value that is known while the query is planned.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Constant {
    Text(String),
    Number {
        value: f64,
        /// The digits of a whole number that the float does not hold.
        digits: Option<String>,
    },
    Boolean(bool),
    /// Milliseconds since 1970.
    Time(i64),
    Null,
}

impl Value {
    pub fn new(expr: Expr, kind: Type) -> Value {
        Value {
            expr: folded(expr),
            kind,
            digits: None,
        }
    }

    pub fn text_constant(text: impl Into<String>) -> Value {
        Value::new(text_literal(text), Type::Text)
    }

    pub fn integer(value: i64) -> Value {
        Value::new(lit(value), Type::Integer)
    }

    pub fn boolean(value: bool) -> Value {
        Value::new(lit(value), Type::Boolean)
    }

    pub fn null() -> Value {
        Value::new(null(Type::Text), Type::Text)
    }

    pub fn number(number: &Number) -> Value {
        let value = match number.as_i64() {
            Some(value) => Value::integer(value),
            None => Value::new(lit(number.as_f64()), Type::Double),
        };
        Value {
            digits: Some(number.as_str().to_owned()),
            ..value
        }
    }

    /// What is known of the value before any row is.
    pub fn constant(&self) -> Option<Constant> {
        let Expr::Literal(value, _) = &self.expr else {
            return None;
        };
        if value.is_null() {
            return Some(Constant::Null);
        }
        Some(match value {
            ScalarValue::Int64(Some(value)) => Constant::Number {
                value: *value as f64,
                digits: ((*value as f64) as i128 != i128::from(*value)).then(|| value.to_string()),
            },
            ScalarValue::Float64(Some(value)) => Constant::Number {
                value: *value,
                // Literals too long for an integer come here.
                digits: self.digits.clone().filter(|digits| {
                    digits.bytes().all(|b| b.is_ascii_digit())
                        && format!("{value:.0}") != digits.trim_start_matches('0')
                }),
            },
            ScalarValue::Boolean(Some(value)) => Constant::Boolean(*value),
            ScalarValue::TimestampMillisecond(Some(ms), _) => Constant::Time(*ms),
            value => Constant::Text(value.try_as_str().flatten()?.to_owned()),
        })
    }

    pub fn is_null(&self) -> bool {
        self.constant() == Some(Constant::Null)
    }

    /// As text.
    pub fn into_text(self) -> Expr {
        if let Some(digits) = self.digits {
            return text_literal(digits);
        }
        if self.is_null() {
            return null(Type::Text);
        }
        folded(match self.kind {
            Type::Text => self.expr,
            Type::Integer | Type::Boolean => cast(self.expr, DataType::Utf8View),
            Type::Double => functions::number_text(self.expr),
            Type::Time => functions::time_text(self.expr),
            Type::List => functions::list_text(self.expr),
        })
    }

    /// As a float, to reckon with: booleans are 1 and 0, times milliseconds since 1970.
    pub fn into_double(self) -> Expr {
        if self.is_null() {
            return null(Type::Double);
        }
        folded(match self.kind {
            Type::Double => self.expr,
            Type::Integer => cast(self.expr, DataType::Float64),
            Type::Boolean | Type::Time => cast(cast(self.expr, DataType::Int64), DataType::Float64),
            Type::Text => functions::lenient_number(self.expr),
            Type::List => null(Type::Double),
        })
    }

    /// As a whole number; fractions are cut.
    pub fn into_integer(self) -> Expr {
        if self.is_null() {
            return null(Type::Integer);
        }
        match self.kind {
            Type::Integer => self.expr,
            Type::Boolean | Type::Time => folded(cast(self.expr, DataType::Int64)),
            Type::List => null(Type::Integer),
            Type::Text | Type::Double => match functions::scalar("toLong") {
                Some(to_long) => folded(to_long.call(vec![self.into_text()])),
                None => null(Type::Integer),
            },
        }
    }

    /// As a time: numbers are milliseconds since 1970.
    pub fn into_time(self) -> Expr {
        if self.is_null() {
            return null(Type::Time);
        }
        match self.kind {
            Type::Time => self.expr,
            Type::Text => folded(functions::time_of_text(self.expr)),
            Type::List | Type::Boolean => null(Type::Time),
            Type::Integer | Type::Double => folded(functions::time_of_number(self.into_double())),
        }
    }

    /// As a value of another type.
    pub fn into_type(self, kind: Type) -> Expr {
        match kind {
            Type::Text => self.into_text(),
            Type::Integer => self.into_integer(),
            Type::Double => self.into_double(),
            Type::Time => self.into_time(),
            Type::Boolean | Type::List if self.kind == kind => self.expr,
            Type::Boolean | Type::List => null(kind),
        }
    }

    /// Whether the value is whole wherever it is not null.
    fn is_whole(&self) -> bool {
        matches!(self.kind, Type::Integer | Type::Boolean | Type::Time)
    }
}

/// Values as expressions of one type, the narrowest that holds them all.
pub(super) fn of_one_type(values: Vec<Value>) -> (Vec<Expr>, Type) {
    let mut kinds: Vec<Type> = values
        .iter()
        .filter(|value| !value.is_null())
        .map(|value| value.kind)
        .collect();
    kinds.dedup();
    let kind = match kinds.as_slice() {
        [] => Type::Text,
        [one] => *one,
        many if many
            .iter()
            .all(|k| matches!(k, Type::Integer | Type::Double)) =>
        {
            Type::Double
        }
        _ => Type::Text,
    };
    let exprs = values.into_iter().map(|value| value.into_type(kind));
    (exprs.collect(), kind)
}

/// `left op right` of numbers; division by zero is null.
pub(super) fn arithmetic(op: ArithmeticOp, left: Value, right: Value) -> Value {
    use ArithmeticOp::*;
    let is_whole = left.is_whole() && right.is_whole();
    if is_whole && matches!(op, Add | Subtract | Multiply) {
        let (left, right) = (left.into_integer(), right.into_integer());
        let expr = match op {
            Add => left + right,
            Subtract => left - right,
            _ => left * right,
        };
        return Value::new(expr, Type::Integer);
    }
    let (left, right) = (left.into_double(), right.into_double());
    let expr = match op {
        Add => left + right,
        Subtract => left - right,
        Multiply => left * right,
        Divide => left / not_zero(right),
        Modulo => left % not_zero(right),
        Power => match functions::scalar("pow") {
            Some(pow) => pow.call(vec![left, right]),
            None => null(Type::Double),
        },
    };
    Value::new(expr, Type::Double)
}

fn not_zero(divisor: Expr) -> Expr {
    match &divisor {
        Expr::Literal(ScalarValue::Float64(Some(value)), _) if *value != 0.0 => divisor,
        _ => nullif(divisor, lit(0.0)),
    }
}

pub(super) fn text_literal(text: impl Into<String>) -> Expr {
    Expr::Literal(ScalarValue::Utf8View(Some(text.into())), None)
}

pub(super) fn null(kind: Type) -> Expr {
    let value = match kind {
        Type::Text => ScalarValue::Utf8View(None),
        Type::Integer => ScalarValue::Int64(None),
        Type::Double => ScalarValue::Float64(None),
        Type::Boolean => ScalarValue::Boolean(None),
        Type::Time => ScalarValue::TimestampMillisecond(None, None),
        Type::List => ScalarValue::new_null_list(DataType::Utf8View, true, 1),
    };
    Expr::Literal(value, None)
}

/// The expression, or the value that it always has. Tests of constants decide whether a
/// test can be left to the scan, so they have to be constants when they are looked at.
fn folded(expr: Expr) -> Expr {
    if matches!(expr, Expr::Literal(..) | Expr::Column(_)) || !expr.column_refs().is_empty() {
        return expr;
    }
    match evaluated(&expr) {
        Some(value) => Expr::Literal(value, None),
        None => expr,
    }
}

fn evaluated(expr: &Expr) -> Option<ScalarValue> {
    let physical = create_physical_expr(
        expr,
        &DFSchema::empty(),
        &ExecutionProps::new(),
        &PhysicalPlanningContext::default(),
    );
    let one_row = RecordBatchOptions::new().with_row_count(Some(1));
    let schema = Arc::new(Schema::empty());
    let row = RecordBatch::try_new_with_options(schema, Vec::new(), &one_row).ok()?;
    match physical.ok()?.evaluate(&row).ok()? {
        ColumnarValue::Scalar(value) => Some(value),
        ColumnarValue::Array(array) => ScalarValue::try_from_array(&array, 0).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: f64) -> Constant {
        Constant::Number {
            value,
            digits: None,
        }
    }

    #[test]
    fn constants_are_reckoned_while_planning() {
        let ten = || Value::integer(10);
        for (value, expected) in [
            (
                arithmetic(ArithmeticOp::Multiply, ten(), ten()),
                number(100.0),
            ),
            (
                arithmetic(ArithmeticOp::Divide, ten(), Value::integer(4)),
                number(2.5),
            ),
            (
                arithmetic(ArithmeticOp::Divide, ten(), Value::integer(0)),
                Constant::Null,
            ),
            (
                arithmetic(ArithmeticOp::Modulo, ten(), Value::integer(4)),
                number(2.0),
            ),
            (
                arithmetic(ArithmeticOp::Power, ten(), Value::integer(2)),
                number(100.0),
            ),
            (
                arithmetic(ArithmeticOp::Add, ten(), Value::text_constant("1.5")),
                number(11.5),
            ),
            (
                arithmetic(ArithmeticOp::Add, ten(), Value::text_constant("x")),
                Constant::Null,
            ),
        ] {
            assert_eq!(value.constant(), Some(expected));
        }
    }

    #[test]
    fn digits_beyond_a_float_are_kept() {
        let digits = |text| match Value::number(&Number::new(text)).constant() {
            Some(Constant::Number { digits, .. }) => digits,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            digits("9007199254740993").as_deref(),
            Some("9007199254740993")
        );
        assert_eq!(digits("9007199254740992"), None);
        assert_eq!(
            digits("123456789012345678901234567890").as_deref(),
            Some("123456789012345678901234567890")
        );
        assert_eq!(digits("012345678901"), None);
        assert_eq!(
            Value::number(&Number::new("007")).into_text(),
            text_literal("007")
        );
    }

    #[test]
    fn the_narrowest_type_of_several() {
        let kind = |values| of_one_type(values).1;
        assert_eq!(kind(vec![Value::integer(1), Value::null()]), Type::Integer);
        let double = Value::new(lit(0.5), Type::Double);
        assert_eq!(kind(vec![Value::integer(1), double]), Type::Double);
        assert_eq!(
            kind(vec![Value::integer(1), Value::text_constant("x")]),
            Type::Text
        );
    }
}
