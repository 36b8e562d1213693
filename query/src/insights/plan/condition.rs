//! Conditions: what the scan decides, what the plan decides, and both together.
//!
//! A condition is true or false of every row, never null. What tests fields of events
//! against constants is gathered into one predicate as far up as `and`, `or` and `not`
//! allow; a predicate beside something computed is a column of the scan, so its answer is
//! the same wherever it stands.

use std::borrow::Cow;

use datafusion::logical_expr::{Expr as PlanExpr, lit};
use tarn_store::{Field, Predicate};

use super::comparison::{self, swapped};
use super::field_test;
use super::scope::Reference;
use super::steps::Step;
use super::value::{Constant, Value};
use super::{Lowering, not_available, of_events};
use crate::error::{Code, QueryError};
use crate::functions::insights::{self as functions, TextTest, Type};
use crate::insights::ast::{CompareOp, Expr, ExprKind, Pattern, Set};
use crate::search::Regex;
use crate::span::{Span, Spanned};

/// A condition, true or false of every row.
#[derive(Debug)]
pub(super) enum Truth {
    /// The scan decides it.
    Store(Predicate),
    Plan(PlanExpr),
}

/// What is compared.
#[derive(Debug)]
pub(super) enum Operand {
    /// A field of the events as it is.
    Field(Field),
    Constant(Constant, Value),
    Value(Value),
}

impl Lowering<'_> {
    /// Keeps the rows for which a condition is true.
    pub(super) fn keep(&mut self, truth: Truth) {
        match truth {
            Truth::Store(Predicate::True) => {}
            truth => {
                let condition = self.condition(truth);
                self.steps.push(Step::Filter(condition));
            }
        }
    }

    /// A condition as an expression.
    pub(super) fn condition(&mut self, truth: Truth) -> PlanExpr {
        match truth {
            Truth::Store(Predicate::True) => lit(true),
            Truth::Store(Predicate::False) => lit(false),
            Truth::Store(predicate) => of_events(self.leaves.matches(predicate)),
            Truth::Plan(expr) => expr,
        }
    }

    /// An expression as a condition: what is not true is false.
    pub(super) fn truth(&mut self, expr: &Expr) -> Result<Truth, QueryError> {
        match &expr.node {
            ExprKind::And(parts) => self.junction(parts, true),
            ExprKind::Or(parts) => self.junction(parts, false),
            ExprKind::Not(inner) => Ok(negated(self.truth(inner)?, true)),
            ExprKind::Compare { op, left, right } => self.compared(*op, left, right),
            ExprKind::Like {
                value,
                negated: is_not,
                pattern,
            } => Ok(negated(self.like(value, pattern)?, *is_not)),
            ExprKind::In {
                value,
                negated: is_not,
                set,
            } => match set {
                Set::List(list) => {
                    let list = self.spread(list);
                    Ok(negated(self.member(value, &list)?, *is_not))
                }
                Set::Subquery(_) => Err(not_available("a query inside `in`", expr.span)
                    .hint("write the values: in [\"a\", \"b\"]")),
            },
            ExprKind::IsNull {
                value,
                negated: is_not,
            } => Ok(negated(self.present(value)?, !*is_not)),
            ExprKind::Call(call) => match self.test_call(call)? {
                Some(truth) => Ok(truth),
                None => self.truthy(expr),
            },
            _ => self.truthy(expr),
        }
    }

    /// A value that stands where a condition is expected.
    fn truthy(&mut self, expr: &Expr) -> Result<Truth, QueryError> {
        Ok(match self.operand(expr)? {
            Operand::Field(field) => Truth::Store(field_test::is_true(&field)),
            Operand::Constant(constant, _) => of_constant(match constant {
                Constant::Boolean(value) => value,
                Constant::Number { value, .. } => value != 0.0,
                Constant::Text(text) => text == "true" || text == "1",
                Constant::Time(_) | Constant::Null => false,
            }),
            Operand::Value(value) if value.kind == Type::Boolean => {
                Truth::Plan(value.expr.is_true())
            }
            Operand::Value(value) if value.kind == Type::Text => {
                let one = (Value::integer(1), expr.span);
                let is_one =
                    comparison::compare(CompareOp::Equal, (value, expr.span), one, self.clock)?;
                Truth::Plan(is_one)
            }
            Operand::Value(value) => {
                let zero = (Value::integer(0), expr.span);
                let present = value.expr.clone().is_not_null();
                let differs =
                    comparison::compare(CompareOp::NotEqual, (value, expr.span), zero, self.clock)?;
                Truth::Plan(present.and(differs))
            }
        })
    }

    pub(super) fn operand(&mut self, expr: &Expr) -> Result<Operand, QueryError> {
        if let ExprKind::Field(name) = &expr.node {
            let reference = self.reference(&Spanned::new(name.clone(), expr.span))?;
            return Ok(match reference {
                Reference::Field(field) => Operand::Field(field),
                Reference::Value(value) => Operand::Value(value),
            });
        }
        let value = self.value(expr)?;
        Ok(match value.constant() {
            Some(constant) => Operand::Constant(constant, value),
            None => Operand::Value(value),
        })
    }

    pub(super) fn value_of_operand(&mut self, operand: Operand) -> Value {
        match operand {
            Operand::Field(field) => self.value_of_field(field),
            Operand::Constant(_, value) | Operand::Value(value) => value,
        }
    }

    fn junction(&mut self, parts: &[Expr], is_and: bool) -> Result<Truth, QueryError> {
        let mut predicates = Vec::new();
        let mut exprs = Vec::new();
        for part in parts {
            match self.truth(part)? {
                Truth::Store(predicate) => predicates.push(predicate),
                Truth::Plan(expr) => exprs.push(expr),
            }
        }
        let predicate = match is_and {
            true => Predicate::and(predicates),
            false => Predicate::or(predicates),
        };
        // What decides it alone, and what decides nothing.
        match (&predicate, is_and) {
            (Predicate::False, true) | (Predicate::True, false) => {
                return Ok(Truth::Store(predicate));
            }
            (Predicate::True, true) | (Predicate::False, false) if !exprs.is_empty() => {}
            _ => {
                let decided = self.condition(Truth::Store(predicate.clone()));
                if exprs.is_empty() {
                    return Ok(Truth::Store(predicate));
                }
                exprs.insert(0, decided);
            }
        }
        Ok(Truth::Plan(balanced(exprs, is_and)))
    }

    fn compared(&mut self, op: CompareOp, left: &Expr, right: &Expr) -> Result<Truth, QueryError> {
        let operands = (self.operand(left)?, self.operand(right)?);
        Ok(match operands {
            (Operand::Field(field), Operand::Constant(constant, _)) => {
                let place = (self.clock, right.span);
                Truth::Store(field_test::compare(&field, op, &constant, place)?)
            }
            (Operand::Constant(constant, _), Operand::Field(field)) => {
                let place = (self.clock, left.span);
                Truth::Store(field_test::compare(&field, swapped(op), &constant, place)?)
            }
            (one, other) => {
                let one = (self.value_of_operand(one), left.span);
                let other = (self.value_of_operand(other), right.span);
                of_expr(comparison::compare(op, one, other, self.clock)?)
            }
        })
    }

    fn like(&mut self, value: &Expr, pattern: &Pattern) -> Result<Truth, QueryError> {
        let test = match pattern {
            Pattern::Regex(regex) => self.regex_test(regex)?,
            Pattern::Substring(part) => match self.operand(part)? {
                Operand::Constant(Constant::Null, _) => {
                    return Ok(Truth::Store(Predicate::False));
                }
                Operand::Constant(_, part) => match part.into_text() {
                    PlanExpr::Literal(text, _) => {
                        TextTest::Contains(text.try_as_str().flatten().unwrap_or("").to_owned())
                    }
                    _ => return Err(constant_needed(pattern_span(pattern))),
                },
                changing => {
                    let part = self.value_of_operand(changing).into_text();
                    let value = self.value(value)?.into_text();
                    let holds = datafusion::functions::string::expr_fn::contains(value, part);
                    return Ok(Truth::Plan(holds.is_true()));
                }
            },
        };
        let operand = self.operand(value)?;
        Ok(self.tested(operand, test, false))
    }

    pub(super) fn regex_test(&mut self, regex: &Spanned<Regex>) -> Result<TextTest, QueryError> {
        let source = self
            .parameters
            .filled(regex.as_str(), regex.span, regex::escape)?;
        TextTest::regex(&source)
            .map_err(|reason| QueryError::new(Code::Syntax, reason).at(regex.span))
    }

    /// A test of one text put to an operand.
    pub(super) fn tested(&mut self, operand: Operand, test: TextTest, when_missing: bool) -> Truth {
        match operand {
            Operand::Field(field) => {
                Truth::Store(field_test::text_test(&field, test, when_missing))
            }
            operand => {
                let text = self.value_of_operand(operand).into_text();
                let tested = Value::new(functions::test(test, when_missing, text), Type::Boolean);
                of_expr(tested.expr)
            }
        }
    }

    /// The members of a set, those of a parameter that is a list one by one.
    fn spread<'e>(&self, list: &'e [Expr]) -> Cow<'e, [Expr]> {
        let items = |expr: &Expr| match &expr.node {
            ExprKind::Parameter(name) => self.parameters.items(name),
            _ => None,
        };
        if list.iter().all(|expr| items(expr).is_none()) {
            return Cow::Borrowed(list);
        }
        let spread = list.iter().flat_map(|expr| match items(expr) {
            None => vec![expr.clone()],
            Some(names) => names
                .into_iter()
                .map(|name| Spanned::new(ExprKind::Parameter(name), expr.span))
                .collect(),
        });
        spread.collect()
    }

    fn member(&mut self, value: &Expr, list: &[Expr]) -> Result<Truth, QueryError> {
        let field = match self.operand(value)? {
            Operand::Field(field) => field,
            _ => return self.equal_to_one(value, list),
        };
        let mut constants: Vec<(Constant, Span)> = Vec::with_capacity(list.len());
        for item in list {
            match self.operand(item)? {
                Operand::Constant(constant, _) => constants.push((constant, item.span)),
                _ => return self.equal_to_one(value, list),
            }
        }
        let predicate = field_test::is_in(&field, &constants, self.clock)?;
        Ok(Truth::Store(predicate))
    }

    /// `in` of what the scan cannot decide as a whole.
    fn equal_to_one(&mut self, value: &Expr, list: &[Expr]) -> Result<Truth, QueryError> {
        let mut parts = Vec::with_capacity(list.len());
        for item in list {
            let truth = self.compared(CompareOp::Equal, value, item)?;
            parts.push(self.condition(truth));
        }
        Ok(of_expr(balanced(parts, false)))
    }

    /// Whether there is a value.
    pub(super) fn present(&mut self, value: &Expr) -> Result<Truth, QueryError> {
        Ok(match self.operand(value)? {
            Operand::Field(field) if field_test::is_time(&field) => of_constant(true),
            Operand::Field(field) => Truth::Store(field_test::is_present(&field)),
            Operand::Constant(constant, _) => of_constant(constant != Constant::Null),
            Operand::Value(value) => Truth::Plan(value.expr.is_not_null()),
        })
    }
}

/// That a text which has to be known while planning is not.
pub(super) fn constant_needed(place: Span) -> QueryError {
    QueryError::new(Code::WrongType, "here stands a text, and no field").at(place)
}

fn pattern_span(pattern: &Pattern) -> Span {
    match pattern {
        Pattern::Substring(part) => part.span,
        Pattern::Regex(regex) => regex.span,
    }
}

pub(super) fn of_constant(holds: bool) -> Truth {
    Truth::Store(match holds {
        true => Predicate::True,
        false => Predicate::False,
    })
}

/// A condition that is an expression, unless it is the same for all rows.
pub(super) fn of_expr(expr: PlanExpr) -> Truth {
    match &expr {
        PlanExpr::Literal(value, _) => {
            of_constant(*value == datafusion::common::ScalarValue::Boolean(Some(true)))
        }
        _ => Truth::Plan(expr),
    }
}

fn negated(truth: Truth, is_not: bool) -> Truth {
    match truth {
        truth if !is_not => truth,
        Truth::Store(predicate) => Truth::Store(predicate.negate()),
        Truth::Plan(expr) => Truth::Plan(!expr),
    }
}

/// All or any of the parts, as a tree no deeper than it must be.
fn balanced(mut parts: Vec<PlanExpr>, is_and: bool) -> PlanExpr {
    while parts.len() > 1 {
        let mut joined = Vec::with_capacity(parts.len().div_ceil(2));
        let mut rest = parts.into_iter();
        while let Some(left) = rest.next() {
            joined.push(match rest.next() {
                Some(right) if is_and => left.and(right),
                Some(right) => left.or(right),
                None => left,
            });
        }
        parts = joined;
    }
    parts.pop().unwrap_or(lit(is_and))
}
