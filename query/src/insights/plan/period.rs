//! `bin`, `datefloor`, `dateceil`: times as the periods that they are in.

use super::Lowering;
use super::field_test;
use super::value::Value;
use crate::error::{Code, QueryError};
use crate::functions::insights::{self as functions, Type};
use crate::insights::ast::{Call, Expr, ExprKind};
use crate::search::{Period, TimeUnit};
use crate::span::Span;

/// Whether an expression brings times to periods, so that its values are bins.
pub(super) fn is_binned(expr: &Expr) -> bool {
    match &expr.node {
        ExprKind::Call(call) => ["bin", "datefloor", "dateceil"].iter().any(|n| call.is(n)),
        _ => false,
    }
}

impl Lowering<'_> {
    /// `bin(5m)`: the period that the time of the row is in.
    pub(super) fn bin(&mut self, call: &Call, place: Span) -> Result<Value, QueryError> {
        let period = match call.list() {
            [period] => self.period(period)?,
            [_, _] => return self.rounded(call, functions::floor),
            _ => return Err(usage("bin(5m)", call.function.span)),
        };
        let Some(time) = self.row_time() else {
            return Err(QueryError::new(
                Code::UnknownField,
                "bin() needs `@timestamp`, which these rows have no more",
            )
            .at(place)
            .hint("keep a time in stats (`by bin(5m) as t`) and write datefloor(t, 1h)"));
        };
        let zone = self.clock.zone.name();
        Ok(Value::new(
            functions::floor(time.into_time(), period, zone),
            Type::Time,
        ))
    }

    /// `datefloor(time, 5m)` and `dateceil(time, 5m)`.
    pub(super) fn rounded(
        &mut self,
        call: &Call,
        spread: fn(datafusion::logical_expr::Expr, Period, &str) -> datafusion::logical_expr::Expr,
    ) -> Result<Value, QueryError> {
        let [time, period] = call.list() else {
            let name = call.function.node.to_lowercase();
            return Err(usage(
                &format!("{name}(@timestamp, 5m)"),
                call.function.span,
            ));
        };
        let period = self.period(period)?;
        let value = self.value(time)?;
        let time = match value.constant() {
            // A constant has to be a time.
            Some(constant) => {
                let ms = field_test::moment(&constant, (self.clock, time.span))?;
                Value::integer(ms).into_time()
            }
            None => value.into_time(),
        };
        let zone = self.clock.zone.name();
        Ok(Value::new(spread(time, period, zone), Type::Time))
    }

    fn period(&mut self, expr: &Expr) -> Result<Period, QueryError> {
        let ExprKind::Period(period) = expr.node else {
            return Err(
                QueryError::new(Code::WrongType, "here stands a length of time")
                    .at(expr.span)
                    .hint("write it like 5m, 1h or 1d"),
            );
        };
        if period.count == 0 {
            let error = QueryError::new(Code::WrongType, "a period of nothing holds no events");
            return Err(error.at(expr.span));
        }
        let most = match period.unit {
            TimeUnit::Millisecond => 1000,
            TimeUnit::Second | TimeUnit::Minute => 60,
            TimeUnit::Hour => 24,
            _ => u32::MAX,
        };
        if period.count > most {
            let unit = period.unit.symbol();
            let reason = format!("CloudWatch would take {most}{unit} for `{period}`");
            self.warn(expr.span, reason, None);
        }
        Ok(period)
    }
}

fn usage(form: &str, place: Span) -> QueryError {
    QueryError::new(Code::WrongType, format!("it is called as {form}")).at(place)
}
