//! Expressions: literals, names, arithmetic, and paths into what functions return.

use super::Lowering;
use super::aggregate::is_aggregate;
use super::scope::{Reference, path_of};
use super::value::{Value, arithmetic};
use crate::error::{Code, QueryError};
use crate::functions::insights::{self as functions, Type};
use crate::insights::ast::{ArithmeticOp, Expr, ExprKind, Literal};
use crate::search::Period;
use crate::span::{Span, Spanned};

impl Lowering<'_> {
    /// The value of an expression in each row.
    pub(super) fn value(&mut self, expr: &Expr) -> Result<Value, QueryError> {
        if let Some(value) = self.column_written(expr) {
            return Ok(value);
        }
        match &expr.node {
            ExprKind::Literal(literal) => self.literal(literal, expr.span),
            ExprKind::Parameter(name) => self.parameters.constant(name, expr.span),
            ExprKind::Period(_) => Err(QueryError::new(
                Code::WrongType,
                "a length of time is no value",
            )
            .at(expr.span)
            .hint(
                "write it in bin(5m), datefloor(@timestamp, 5m), or behind a time: @timestamp - 5m",
            )),
            ExprKind::Field(name) => {
                let reference = self.reference(&Spanned::new(name.clone(), expr.span))?;
                Ok(self.value_of(reference))
            }
            ExprKind::Call(call) => self.call(call, expr.span),
            ExprKind::Access { base, path } => {
                let json = self.value(base)?.into_text();
                let value = functions::value_at(json, &path_of(path));
                Ok(Value::new(value, Type::Text))
            }
            ExprKind::Negate(inner) => {
                let value = self.value(inner)?;
                Ok(arithmetic(ArithmeticOp::Subtract, Value::integer(0), value))
            }
            ExprKind::Arithmetic { op, left, right } => self.arithmetic(*op, left, right),
            ExprKind::And(_)
            | ExprKind::Or(_)
            | ExprKind::Not(_)
            | ExprKind::Compare { .. }
            | ExprKind::Like { .. }
            | ExprKind::In { .. }
            | ExprKind::IsNull { .. } => {
                let truth = self.truth(expr)?;
                Ok(Value::new(self.condition(truth), Type::Boolean))
            }
        }
    }

    /// The column that an expression repeats: `sort count(*)`.
    fn column_written(&mut self, expr: &Expr) -> Option<Value> {
        if matches!(expr.node, ExprKind::Literal(_) | ExprKind::Field(_)) {
            return None;
        }
        if let Some(value) = self.aggregated_key(expr) {
            return Some(value);
        }
        // `stats count(*) by a | stats count(*)`: the second counts what the first put out.
        let is_new = self.takes_aggregates()
            && matches!(&expr.node, ExprKind::Call(call) if is_aggregate(call));
        if self.scope.has_events || is_new {
            return None;
        }
        let means = self.scope.written(expr)?.means.clone();
        let reference: Reference = means.into();
        Some(self.value_of(reference))
    }

    fn literal(&mut self, literal: &Literal, span: Span) -> Result<Value, QueryError> {
        Ok(match literal {
            Literal::Text(text) => {
                Value::text_constant(self.parameters.filled(text, span, str::to_owned)?)
            }
            Literal::Number(number) => Value::number(number),
            Literal::Boolean(value) => Value::boolean(*value),
            Literal::Null => Value::null(),
        })
    }

    fn arithmetic(
        &mut self,
        op: ArithmeticOp,
        left: &Expr,
        right: &Expr,
    ) -> Result<Value, QueryError> {
        use ArithmeticOp::{Add, Subtract};
        // `@timestamp - 5m` is a time.
        if let (Add | Subtract, ExprKind::Period(period)) = (op, &right.node) {
            let time = self.value(left)?;
            let length = Value::integer(fixed_length(*period, right.span)?);
            let whole = Value::new(time.into_time(), Type::Time);
            let moved = arithmetic(op, whole, length).into_time();
            return Ok(Value::new(moved, Type::Time));
        }
        let (left, right) = (self.value(left)?, self.value(right)?);
        Ok(arithmetic(op, left, right))
    }
}

fn fixed_length(period: Period, place: Span) -> Result<i64, QueryError> {
    period.millis().ok_or_else(|| {
        QueryError::new(Code::WrongType, format!("`{period}` is not always as long"))
            .at(place)
            .hint("count in days or weeks")
    })
}
