//! From a filter of a plan to a predicate of the scan, exact or not at all.
//!
//! SQL's logic has three values and a predicate has two, so every expression is turned
//! into two predicates: of the events for which it is true, and of those for which it is
//! false. `NOT` swaps them, and an event in neither is one for which the expression is
//! null. What a predicate cannot tell exactly stays with DataFusion.
//!
//! A pushed expression is evaluated on values of events that other conditions or the
//! account scope would have kept from it, hence only expressions that cannot fail are
//! pushed ([`infallible`]).

mod evaluated;
mod infallible;
mod instant;
mod like;

use std::collections::BTreeSet;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{Between, InList, Like};
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, Operator};
use tarn_store::path::Arrays;
use tarn_store::{ColumnSource, Comparison, Field, FieldTest, Matcher, Predicate, TimeRange};

use crate::columns::Columns;

/// For which events an expression is true, and for which it is false.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sets {
    pub is_true: Predicate,
    pub is_false: Predicate,
}

impl Sets {
    fn constant(value: Option<bool>) -> Self {
        let all_if = |holds| {
            if holds {
                Predicate::True
            } else {
                Predicate::False
            }
        };
        Self {
            is_true: all_if(value == Some(true)),
            is_false: all_if(value == Some(false)),
        }
    }

    /// An expression that is never null.
    fn two_valued(is_true: Predicate) -> Self {
        Self {
            is_false: is_true.clone().negate(),
            is_true,
        }
    }

    fn negated_if(self, negated: bool) -> Self {
        match negated {
            false => self,
            true => Self {
                is_true: self.is_false,
                is_false: self.is_true,
            },
        }
    }

    /// A test that is null where the field has no value.
    fn of_test(field: &Field, matcher: Matcher) -> Self {
        let test = |when_missing| {
            Predicate::Field(FieldTest {
                field: field.clone(),
                matcher: matcher.clone(),
                when_missing,
            })
        };
        Self {
            is_true: test(false),
            is_false: test(true).negate(),
        }
    }
}

/// The predicate that holds for exactly the events for which the filter is true; None
/// where there is none.
pub fn predicate(filter: &Expr, columns: &Columns) -> Option<Predicate> {
    sets(filter, columns).map(|sets| sets.is_true)
}

/// Takes the bounds of the event time out of a conjunction.
///
/// **Shape**: the range and what is left hold together for the same events as the
/// predicate.
pub fn split_time(predicate: Predicate) -> (TimeRange, Predicate) {
    let parts = match predicate {
        Predicate::And(parts) => parts,
        other => vec![other],
    };
    let mut range = TimeRange::ALL;
    let mut left = Vec::with_capacity(parts.len());
    for part in parts {
        match instant::range_of(&part) {
            Some(bounds) => range = range.and(&bounds),
            None => left.push(part),
        }
    }
    (range, Predicate::and(left))
}

pub(crate) fn sets(expr: &Expr, columns: &Columns) -> Option<Sets> {
    match expr {
        Expr::Alias(alias) => sets(&alias.expr, columns),
        Expr::Literal(value, _) => constant(value),
        Expr::Column(_) => bare(expr, columns),
        Expr::Not(inner) => sets(inner, columns).map(|sets| sets.negated_if(true)),
        Expr::IsTrue(inner) => truth(inner, columns, |sets| sets.is_true),
        Expr::IsFalse(inner) => truth(inner, columns, |sets| sets.is_false),
        Expr::IsNotTrue(inner) => truth(inner, columns, |sets| sets.is_true.negate()),
        Expr::IsNotFalse(inner) => truth(inner, columns, |sets| sets.is_false.negate()),
        Expr::IsUnknown(inner) => truth(inner, columns, is_null),
        Expr::IsNotUnknown(inner) => truth(inner, columns, |sets| is_null(sets).negate()),
        Expr::IsNull(inner) => null_test(inner, columns),
        Expr::IsNotNull(inner) => null_test(inner, columns).map(|sets| sets.negated_if(true)),
        Expr::BinaryExpr(binary) => match binary.op {
            Operator::And | Operator::Or => junction(expr, binary.op, columns),
            _ => binary_test(binary, columns),
        }
        .or_else(|| evaluated::sets(expr, columns)),
        Expr::Between(between) => between_test(between, columns),
        Expr::InList(list) => in_list(list, columns).or_else(|| evaluated::sets(expr, columns)),
        Expr::Like(like) => like_test(like, columns).or_else(|| evaluated::sets(expr, columns)),
        Expr::ScalarFunction(call) => {
            let name = call.func.name();
            text_function(name, &call.args, columns).or_else(|| evaluated::sets(expr, columns))
        }
        _ => evaluated::sets(expr, columns),
    }
}

fn is_null(sets: Sets) -> Predicate {
    Predicate::or([sets.is_true, sets.is_false]).negate()
}

fn truth(inner: &Expr, columns: &Columns, holds: fn(Sets) -> Predicate) -> Option<Sets> {
    sets(inner, columns).map(|sets| Sets::two_valued(holds(sets)))
}

fn constant(value: &ScalarValue) -> Option<Sets> {
    match value {
        ScalarValue::Boolean(value) => Some(Sets::constant(*value)),
        ScalarValue::Null => Some(Sets::constant(None)),
        _ => None,
    }
}

/// A column that is itself true or false.
fn bare(expr: &Expr, columns: &Columns) -> Option<Sets> {
    match source(expr, columns)? {
        ColumnSource::Matches(predicate) => Some(Sets::two_valued((**predicate).clone())),
        ColumnSource::Boolean(field) if is_single(field) => Some(Sets {
            is_true: boolean(field, true),
            is_false: boolean(field, false),
        }),
        _ => None,
    }
}

fn boolean(field: &Field, value: bool) -> Predicate {
    Predicate::Field(FieldTest {
        field: field.clone(),
        matcher: Matcher::Equals(value.to_string()),
        when_missing: false,
    })
}

/// The parts of a chain of ANDs or ORs, however long, without recursion along it.
fn junction(expr: &Expr, op: Operator, columns: &Columns) -> Option<Sets> {
    let mut parts = Vec::new();
    let mut open = vec![expr];
    while let Some(part) = open.pop() {
        match part {
            Expr::BinaryExpr(binary) if binary.op == op => {
                open.push(&binary.right);
                open.push(&binary.left);
            }
            other => parts.push(sets(other, columns)?),
        }
    }
    let (is_true, is_false): (Vec<_>, Vec<_>) = parts
        .into_iter()
        .map(|part| (part.is_true, part.is_false))
        .unzip();
    Some(match op {
        Operator::And => Sets {
            is_true: Predicate::and(is_true),
            is_false: Predicate::or(is_false),
        },
        _ => Sets {
            is_true: Predicate::or(is_true),
            is_false: Predicate::and(is_false),
        },
    })
}

fn null_test(inner: &Expr, columns: &Columns) -> Option<Sets> {
    if let Some(column) = source(inner, columns) {
        return present(column).map(|present| Sets::two_valued(present.negate()));
    }
    if let Some(sets) = sets(inner, columns) {
        return Some(Sets::two_valued(is_null(sets)));
    }
    evaluated::sets(&Expr::IsNull(Box::new(inner.clone())), columns)
}

/// Whether the column has a value; None where a predicate cannot tell.
fn present(column: &ColumnSource) -> Option<Predicate> {
    let test = |field: &Field, matcher| {
        Predicate::Field(FieldTest {
            field: field.clone(),
            matcher,
            when_missing: false,
        })
    };
    match column {
        ColumnSource::Text(field) if is_single(field) => Some(test(field, Matcher::Present)),
        ColumnSource::Boolean(field) if is_single(field) => {
            let either = ["true", "false"].map(str::to_owned);
            Some(test(field, Matcher::OneOf(BTreeSet::from(either))))
        }
        ColumnSource::Timestamp(Field::Time | Field::IngestionTime) | ColumnSource::Matches(_) => {
            Some(Predicate::True)
        }
        ColumnSource::Timestamp(field) if is_single(field) => {
            Some(test(field, instant::is_a_time()))
        }
        _ => None,
    }
}

fn binary_test(binary: &BinaryExpr, columns: &Columns) -> Option<Sets> {
    let (left, right) = (&*binary.left, &*binary.right);
    if let Some(value) = literal(right) {
        return compare(left, binary.op, value, columns);
    }
    // `'x' = column`
    let swapped = binary.op.swap()?;
    compare(right, swapped, literal(left)?, columns)
}

fn compare(expr: &Expr, op: Operator, value: &ScalarValue, columns: &Columns) -> Option<Sets> {
    let is_comparison = op.supports_propagation();
    if is_comparison && value.is_null() && source(uncast(expr), columns).is_some() {
        return Some(Sets::constant(None));
    }
    if let Some(sets) = instant::compare(expr, op, value, columns) {
        return Some(sets);
    }
    if let (Some(operand), ScalarValue::Boolean(Some(value))) = (bare(expr, columns), value) {
        return match op {
            Operator::Eq => Some(operand.negated_if(!value)),
            Operator::NotEq => Some(operand.negated_if(*value)),
            _ => None,
        };
    }
    let field = text_field(expr, columns)?;
    let text = text_of(value)?;
    let ordered = |op| Matcher::Compare {
        op,
        text: text.to_owned(),
    };
    let (matcher, negated) = match op {
        Operator::Eq => (Matcher::Equals(text.to_owned()), false),
        Operator::NotEq => (Matcher::Equals(text.to_owned()), true),
        Operator::Lt => (ordered(Comparison::Less), false),
        Operator::LtEq => (ordered(Comparison::LessOrEqual), false),
        Operator::Gt => (ordered(Comparison::Greater), false),
        Operator::GtEq => (ordered(Comparison::GreaterOrEqual), false),
        Operator::RegexMatch => (like::regex(text, false)?, false),
        Operator::RegexIMatch => (like::regex(text, true)?, false),
        Operator::RegexNotMatch => (like::regex(text, false)?, true),
        Operator::RegexNotIMatch => (like::regex(text, true)?, true),
        _ => return None,
    };
    Some(Sets::of_test(field, matcher).negated_if(negated))
}

fn between_test(between: &Between, columns: &Columns) -> Option<Sets> {
    let at_least = compare(
        &between.expr,
        Operator::GtEq,
        literal(&between.low)?,
        columns,
    )?;
    let at_most = compare(
        &between.expr,
        Operator::LtEq,
        literal(&between.high)?,
        columns,
    )?;
    let sets = Sets {
        is_true: Predicate::and([at_least.is_true, at_most.is_true]),
        is_false: Predicate::or([at_least.is_false, at_most.is_false]),
    };
    Some(sets.negated_if(between.negated))
}

fn in_list(list: &InList, columns: &Columns) -> Option<Sets> {
    let field = text_field(&list.expr, columns)?;
    let mut texts = BTreeSet::new();
    let mut has_null = false;
    for item in &list.list {
        let value = literal(item)?;
        match value.is_null() {
            true => has_null = true,
            false => {
                texts.insert(text_of(value)?.to_owned());
            }
        }
    }
    let mut sets = Sets::of_test(field, Matcher::OneOf(texts));
    if has_null {
        // What equals none of the others may equal the null.
        sets.is_false = Predicate::False;
    }
    Some(sets.negated_if(list.negated))
}

fn like_test(like: &Like, columns: &Columns) -> Option<Sets> {
    // DataFusion refuses any other escape character when it plans the filter.
    if like.escape_char.is_some_and(|escape| escape != '\\') {
        return None;
    }
    let field = text_field(&like.expr, columns)?;
    let pattern = literal(&like.pattern)?;
    if pattern.is_null() {
        return Some(Sets::constant(None));
    }
    let matcher = like::matcher(text_of(pattern)?, like.case_insensitive)?;
    Some(Sets::of_test(field, matcher).negated_if(like.negated))
}

/// Functions of a text and a constant that a matcher knows.
fn text_function(name: &str, args: &[Expr], columns: &Columns) -> Option<Sets> {
    let [text, constant] = args else {
        return None;
    };
    let field = text_field(text, columns)?;
    let constant = text_of(literal(constant)?)?.to_owned();
    let matcher = match name {
        "starts_with" => Matcher::StartsWith(constant),
        "ends_with" => Matcher::EndsWith(constant),
        "regexp_like" => like::regex(&constant, false)?,
        _ => return None,
    };
    Some(Sets::of_test(field, matcher))
}

/// What the column stands for, where the expression is a column.
fn source<'c>(expr: &Expr, columns: &'c Columns) -> Option<&'c ColumnSource> {
    match expr {
        Expr::Alias(alias) => source(&alias.expr, columns),
        Expr::Column(column) => columns.source(&column.name),
        _ => None,
    }
}

/// The field of a column of texts that a test sees exactly as an expression does: one
/// value or none.
fn text_field<'c>(expr: &Expr, columns: &'c Columns) -> Option<&'c Field> {
    match source(uncast(expr), columns)? {
        ColumnSource::Text(field) if is_single(field) => Some(field),
        _ => None,
    }
}

/// Where elements of arrays are meant, a column shows all of them as one text.
fn is_single(field: &Field) -> bool {
    !matches!(
        field,
        Field::Path {
            arrays: Arrays::Any,
            ..
        }
    )
}

/// The expression below casts from one kind of string to another.
fn uncast(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => uncast(&alias.expr),
        Expr::Cast(Cast { expr: inner, field }) if infallible::is_text(field.data_type()) => {
            match &**inner {
                column @ Expr::Column(_) => column,
                cast @ Expr::Cast(_) => uncast(cast),
                _ => expr,
            }
        }
        _ => expr,
    }
}

fn literal(expr: &Expr) -> Option<&ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value),
        Expr::Alias(alias) => literal(&alias.expr),
        _ => None,
    }
}

fn text_of(value: &ScalarValue) -> Option<&str> {
    value.try_as_str().flatten()
}

#[cfg(test)]
mod tests;
