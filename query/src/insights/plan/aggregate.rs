//! Functions over the rows of a group.
//!
//! Text is taken for numbers where a function reckons; what is none does not count.
//! `min` and `max` of texts follow the natural order, as `sort` does. Percentiles are
//! exact, between neighbours interpolated.

use datafusion::functions_aggregate::expr_fn::{
    array_agg, avg, count, count_distinct, max, median, min, percentile_cont, stddev_pop, sum,
    var_pop,
};
use datafusion::functions_nested::expr_fn::array_sort;
use datafusion::logical_expr::{Expr as PlanExpr, ExprFunctionExt, SortExpr, lit};

use super::calls::wrong_count;
use super::condition::{Operand, Truth};
use super::value::{Constant, Value};
use super::{Lowering, field_test};
use crate::error::{Code, QueryError};
use crate::functions::insights::{self as functions, Type};
use crate::insights::ast::{Arguments, Call, Expr};
use crate::span::Span;

/// What `stats` knows, in the documentation's spelling.
pub(super) const NAMES: [&str; 18] = [
    "count",
    "count_distinct",
    "countDistinct",
    "sum",
    "avg",
    "min",
    "max",
    "pct",
    "median",
    "stddev",
    "variance",
    "values",
    "collect_values",
    "earliest",
    "latest",
    "sortsFirst",
    "sortsLast",
    "percentile",
];

/// Aggregates of the language that do not run yet.
pub(super) const LATER: [&str; 5] = ["topk", "rate", "countOverTime", "sumOverTime", "histogram"];

pub(super) fn is_aggregate(call: &Call) -> bool {
    NAMES.iter().any(|name| call.is(name))
}

/// An aggregate of the plan, and what is made of its result.
pub(super) struct Aggregate {
    pub expr: PlanExpr,
    pub kind: Type,
    /// From the result of the aggregate to the value that is meant.
    pub finish: fn(PlanExpr) -> PlanExpr,
}

impl Aggregate {
    fn of(expr: PlanExpr, kind: Type) -> Aggregate {
        Aggregate {
            expr,
            kind,
            finish: |result| result,
        }
    }

    fn finished(self, finish: fn(PlanExpr) -> PlanExpr) -> Aggregate {
        Aggregate { finish, ..self }
    }
}

impl Lowering<'_> {
    /// The aggregate that a call is, over the rows that there are before `stats`.
    pub(super) fn aggregate(&mut self, call: &Call, span: Span) -> Result<Aggregate, QueryError> {
        let name = call.function.to_lowercase();
        if name == "count" {
            return self.count(call);
        }
        if let Arguments::Star = call.arguments {
            let error = QueryError::new(Code::WrongType, "only count() takes a `*`");
            return Err(error.at(call.function.span));
        }
        if name == "pct" || name == "percentile" {
            return self.percentile(call);
        }
        let [argument] = call.list() else {
            let usage = format!("{}(field)", call.function.node);
            return Err(wrong_count(&usage, call.list(), call.function.span));
        };
        let value = self.value(argument)?;
        let number = |value: Value| value.into_double();
        Ok(match name.as_str() {
            "count_distinct" | "countdistinct" => {
                Aggregate::of(count_distinct(value.expr), Type::Integer)
            }
            "sum" => match value.kind {
                Type::Integer | Type::Boolean => {
                    Aggregate::of(sum(value.into_integer()), Type::Integer)
                }
                _ => Aggregate::of(sum(number(value)), Type::Double),
            },
            "avg" => Aggregate::of(avg(number(value)), Type::Double),
            "median" => Aggregate::of(median(number(value)), Type::Double),
            "stddev" => Aggregate::of(stddev_pop(number(value)), Type::Double),
            "variance" => Aggregate::of(var_pop(number(value)), Type::Double),
            "min" | "sortsfirst" => extreme(value, min, argument)?,
            "max" | "sortslast" => extreme(value, max, argument)?,
            "values" | "collect_values" => self.distinct_values(value, argument)?,
            "earliest" => self.at_the_end(value, min, span)?,
            _ => self.at_the_end(value, max, span)?,
        })
    }

    /// `count(*)`, `count(field)` where there is one, `count(condition)` where it is true.
    fn count(&mut self, call: &Call) -> Result<Aggregate, QueryError> {
        let argument = match call.list() {
            [] => return Ok(Aggregate::of(count(lit(1_i64)), Type::Integer)),
            [argument] => argument,
            list => return Err(wrong_count("count(field)", list, call.function.span)),
        };
        let counted = match self.operand(argument)? {
            Operand::Field(field) if field_test::is_time(&field) => count(lit(1_i64)),
            Operand::Field(field) => {
                let present = self.condition(Truth::Store(field_test::is_present(&field)));
                counted_if(present)?
            }
            operand => match self.value_of_operand(operand) {
                value if value.kind == Type::Boolean => counted_if(value.expr)?,
                value => count(value.expr),
            },
        };
        Ok(Aggregate::of(counted, Type::Integer))
    }

    fn percentile(&mut self, call: &Call) -> Result<Aggregate, QueryError> {
        let [argument, percent] = call.list() else {
            return Err(wrong_count(
                "pct(field, 95)",
                call.list(),
                call.function.span,
            ));
        };
        let share = match self.value(percent)?.constant() {
            Some(Constant::Number { value, .. }) if (0.0..=100.0).contains(&value) => value / 100.0,
            _ => {
                let error = QueryError::new(Code::WrongType, "a percentile is from 0 to 100");
                return Err(error.at(percent.span));
            }
        };
        let number = self.value(argument)?.into_double();
        let order = SortExpr::new(number, true, false);
        Ok(Aggregate::of(
            percentile_cont(order, lit(share)),
            Type::Double,
        ))
    }

    /// The values that occur, each once and in natural order.
    fn distinct_values(&self, value: Value, argument: &Expr) -> Result<Aggregate, QueryError> {
        if value.kind == Type::List {
            return Err(no_list(argument));
        }
        let text = value.into_text();
        let present = text.clone().is_not_null();
        let distinct = array_agg(text).distinct().filter(present).build();
        let sorted = |list| array_sort(list, lit("ASC"), lit("NULLS FIRST"));
        Ok(Aggregate::of(distinct.map_err(internal)?, Type::List).finished(sorted))
    }

    /// The value in the row of the earliest time, or the latest.
    fn at_the_end(
        &mut self,
        value: Value,
        end: fn(PlanExpr) -> PlanExpr,
        span: Span,
    ) -> Result<Aggregate, QueryError> {
        let Some(time) = self.row_time() else {
            return Err(QueryError::new(
                Code::UnknownField,
                "it goes by `@timestamp`, which these rows have no more",
            )
            .at(span));
        };
        let (kind, finish) = kept_as_text(value.kind);
        let timed = functions::timed(time.into_time(), value.into_text());
        Ok(Aggregate::of(end(timed), kind).finished(finish))
    }
}

/// How a value that was kept as text becomes what it was.
fn kept_as_text(kind: Type) -> (Type, fn(PlanExpr) -> PlanExpr) {
    match kind {
        Type::Integer => (Type::Integer, |timed| {
            Value::new(functions::timed_text(timed), Type::Text).into_integer()
        }),
        Type::Double => (Type::Double, |timed| {
            Value::new(functions::timed_text(timed), Type::Text).into_double()
        }),
        Type::Time => (Type::Time, |timed| {
            Value::new(functions::timed_text(timed), Type::Text).into_time()
        }),
        Type::Text | Type::Boolean | Type::List => {
            (Type::Text, |timed| functions::timed_text(timed))
        }
    }
}

/// The least or the greatest.
fn extreme(
    value: Value,
    of: fn(PlanExpr) -> PlanExpr,
    argument: &Expr,
) -> Result<Aggregate, QueryError> {
    Ok(match value.kind {
        Type::List => return Err(no_list(argument)),
        Type::Text => Aggregate::of(of(functions::sortable(value.into_text())), Type::Text)
            .finished(functions::sortable_text),
        Type::Boolean => Aggregate::of(of(value.into_integer()), Type::Integer),
        kind => Aggregate::of(of(value.expr), kind),
    })
}

fn counted_if(condition: PlanExpr) -> Result<PlanExpr, QueryError> {
    count(lit(1_i64))
        .filter(condition)
        .build()
        .map_err(internal)
}

fn no_list(argument: &Expr) -> QueryError {
    QueryError::new(Code::WrongType, "a list is no value to compare").at(argument.span)
}

fn internal(error: datafusion::common::DataFusionError) -> QueryError {
    QueryError::new(Code::Internal, "an aggregate could not be planned").caused_by(error)
}
