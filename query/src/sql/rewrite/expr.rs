//! Expressions: names and access, calls, and what is left to the planner of types.

use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, CastKind, DataType, Expr, Function, FunctionArguments, Ident,
    Spanned, Value, ValueWithSpan, WindowType,
};
use datafusion::sql::sqlparser::tokenizer::Span as TokenSpan;

use super::{Rewriter, lowered};
use crate::error::QueryError;
use crate::sql::calls::{self, binary, call, not, text};
use crate::sql::scope::words;
use crate::sql::typed::Typed;
use crate::sql::types::SqlType;

impl Rewriter<'_> {
    /// A compound name: a table's column, or a column, and the way into it.
    fn compound(&self, names: Vec<Ident>) -> Expr {
        let mut names = names;
        let is_parameter = names
            .first()
            .is_some_and(|first| self.scopes.is_lambda_parameter(&first.value));
        let table = if is_parameter {
            None
        } else {
            self.scopes.table_of(&names)
        };
        let (root, way) = match table {
            Some((alias, length)) => {
                let mut rest = names.split_off(length);
                let way = rest.split_off(1.min(rest.len()));
                let column = rest.into_iter().map(lowered);
                let table = Ident {
                    value: alias,
                    quote_style: Some('"'),
                    span: names.first().map_or_else(TokenSpan::empty, |n| n.span),
                };
                let root = std::iter::once(table).chain(column).collect();
                (Expr::CompoundIdentifier(root), way)
            }
            None => {
                let way = names.split_off(1.min(names.len()));
                match names.pop() {
                    Some(first) => (Expr::Identifier(lowered(first)), way),
                    None => return Expr::CompoundIdentifier(way),
                }
            }
        };
        if way.is_empty() {
            return root;
        }
        Expr::CompoundFieldAccess {
            root: Box::new(root),
            access_chain: way.into_iter().map(key).collect(),
        }
    }

    /// `a.b[1].c`: names before the first bracket belong to the root, those behind it
    /// are keys.
    pub(super) fn split_access(&self, root: &mut Box<Expr>, chain: &mut Vec<AccessExpr>) {
        let leading = chain
            .iter()
            .take_while(|access| matches!(access, AccessExpr::Dot(Expr::Identifier(_))))
            .count();
        if let (Expr::Identifier(first), true) = (root.as_ref(), leading > 0) {
            let mut names = vec![first.clone()];
            names.extend(chain.drain(..leading).filter_map(|access| match access {
                AccessExpr::Dot(Expr::Identifier(name)) => Some(name),
                _ => None,
            }));
            **root = Expr::CompoundIdentifier(names);
        }
        for access in chain {
            if let AccessExpr::Dot(Expr::Identifier(name)) = access {
                *access = key(name.clone());
            }
        }
    }

    fn cast(
        &self,
        expr: Expr,
        sql_type: &str,
        is_try: bool,
        place: TokenSpan,
    ) -> Result<Expr, Box<QueryError>> {
        match SqlType::parse(sql_type) {
            Ok(sql_type) => {
                let sql_type = sql_type.to_string();
                Ok(Typed::Cast { sql_type, is_try }.on(expr, None))
            }
            Err(reason) => Err(self.syntax(place, reason)),
        }
    }

    /// The final form of an expression whose parts have theirs.
    pub(super) fn rewritten(&mut self, expr: &mut Expr) -> Result<(), Box<QueryError>> {
        // The span of a whole expression is found by a walk, so it is not asked for here.
        let place = match expr {
            Expr::Cast {
                data_type: DataType::Custom(name, _),
                ..
            } => name.span(),
            Expr::TypedString(typed) => typed.value.span,
            _ => TokenSpan::empty(),
        };
        let owned = std::mem::replace(expr, Expr::value(Value::Null));
        *expr = match owned {
            Expr::Identifier(name) => Expr::Identifier(lowered(name)),
            Expr::CompoundIdentifier(names) => self.compound(names),
            Expr::Function(function) => self.function(function),
            Expr::Cast {
                kind,
                expr,
                data_type,
                ..
            } => {
                let sql_type = match &data_type {
                    DataType::Custom(name, modifiers) if modifiers.is_empty() => {
                        words(name).join(".")
                    }
                    other => other.to_string(),
                };
                let is_try = matches!(kind, CastKind::TryCast | CastKind::SafeCast);
                self.cast(*expr, &sql_type, is_try, place)?
            }
            Expr::TypedString(typed) => {
                let sql_type = typed.data_type.to_string();
                let Some(value) = typed.value.value.clone().into_string() else {
                    return Err(self.syntax(place, "a text is expected after the type"));
                };
                if sql_type.eq_ignore_ascii_case("json") {
                    call("json_parse", vec![text(value)])
                } else {
                    self.cast(text(value), &sql_type, false, place)?
                }
            }
            Expr::Like {
                negated,
                expr,
                pattern,
                escape_char,
                ..
            } => self.like(*expr, *pattern, negated, false, escape_char)?,
            Expr::ILike {
                negated,
                expr,
                pattern,
                escape_char,
                ..
            } => self.like(*expr, *pattern, negated, true, escape_char)?,
            Expr::InList {
                expr,
                list,
                negated,
            } => Typed::In { negated }.on(*expr, Some(call("make_array", list))),
            Expr::Between {
                expr,
                negated,
                low,
                high,
            } => {
                use BinaryOperator::{And, GtEq, LtEq};
                let low = binary(*expr.clone(), GtEq, *low);
                let high = binary(*expr, LtEq, *high);
                let both = Expr::Nested(Box::new(binary(low, And, high)));
                if negated { not(both) } else { both }
            }
            Expr::IsDistinctFrom(left, right) => {
                Typed::Distinct { negated: false }.on(*left, Some(*right))
            }
            Expr::IsNotDistinctFrom(left, right) => {
                Typed::Distinct { negated: true }.on(*left, Some(*right))
            }
            Expr::Case {
                case_token,
                end_token,
                operand: Some(operand),
                mut conditions,
                else_result,
            } => {
                for when in &mut conditions {
                    let value = std::mem::replace(&mut when.condition, Expr::value(Value::Null));
                    when.condition = binary(*operand.clone(), BinaryOperator::Eq, value);
                }
                Expr::Case {
                    case_token,
                    end_token,
                    operand: None,
                    conditions,
                    else_result,
                }
            }
            Expr::AtTimeZone {
                timestamp,
                time_zone,
            } => call("at_timezone", vec![*timestamp, *time_zone]),
            Expr::Extract {
                field,
                syntax,
                expr,
            } => match calls::part_of_time(&field) {
                Some(part) => call(part, vec![*expr]),
                None => Expr::Extract {
                    field,
                    syntax,
                    expr,
                },
            },
            Expr::Position { expr, r#in } => call("strpos", vec![*r#in, *expr]),
            Expr::Substring {
                expr,
                substring_from,
                substring_for,
                ..
            } => {
                let from = substring_from
                    .map_or_else(|| Expr::value(Value::Number("1".to_owned(), false)), |e| *e);
                let mut args = vec![*expr, from];
                args.extend(substring_for.map(|e| *e));
                call("substr", args)
            }
            other => other,
        };
        Ok(())
    }

    fn like(
        &self,
        expr: Expr,
        pattern: Expr,
        negated: bool,
        case_insensitive: bool,
        escape: Option<ValueWithSpan>,
    ) -> Result<Expr, Box<QueryError>> {
        let escape = match escape.map(|e| (e.value.into_string(), e.span)) {
            None => None,
            Some((value, span)) => {
                let mut chars = value.as_deref().unwrap_or("").chars();
                match (chars.next(), chars.next()) {
                    (Some(one), None) => Some(one),
                    _ => return Err(self.syntax(span, "ESCAPE takes one character")),
                }
            }
        };
        let typed = Typed::Like {
            negated,
            case_insensitive,
            escape,
        };
        Ok(typed.on(expr, Some(pattern)))
    }

    fn function(&self, mut function: Function) -> Expr {
        if let Some(over) = &mut function.over {
            match over {
                WindowType::NamedWindow(name) => *name = lowered(name.clone()),
                WindowType::WindowSpec(spec) => {
                    spec.window_name = spec.window_name.take().map(lowered);
                }
            }
        }
        if let Some(literal) = self.moment_of(&function) {
            return literal;
        }
        if matches!(function.args, FunctionArguments::None) {
            return Expr::Function(function);
        }
        calls::planned(function)
    }

    /// What `now()` and the like are in this query.
    fn moment_of(&self, function: &Function) -> Option<Expr> {
        let sql_type = plain_time_name(function)?;
        let shown = self.moment.shown()?;
        let shown = if sql_type == "date" {
            shown.get(..10)?.to_owned()
        } else if sql_type == "time" {
            shown.get(11..)?.to_owned()
        } else {
            shown
        };
        let cast = Typed::Cast {
            sql_type: sql_type.to_owned(),
            is_try: false,
        };
        Some(cast.on(text(shown), None))
    }
}

/// The type of the moment that a call without arguments stands for.
fn plain_time_name(function: &Function) -> Option<&'static str> {
    match calls::plain_name(function)?.as_str() {
        "now" | "current_timestamp" | "localtimestamp" => Some("timestamp"),
        "current_date" => Some("date"),
        "current_time" | "localtime" => Some("time"),
        _ => None,
    }
}

/// A key as the planner takes one: text, its case kept.
fn key(name: Ident) -> AccessExpr {
    AccessExpr::Dot(Expr::Value(ValueWithSpan {
        value: Value::SingleQuotedString(name.value),
        span: name.span,
    }))
}

/// Makes a chain of ANDs or ORs as deep as its logarithm, so that what walks the tree
/// by recursion does not run out of stack.
pub(super) fn balanced(expr: Expr) -> Expr {
    let Expr::BinaryOp {
        op: op @ (BinaryOperator::And | BinaryOperator::Or),
        ..
    } = &expr
    else {
        return expr;
    };
    let op = op.clone();
    let mut operands = Vec::new();
    let mut rest = expr;
    loop {
        match rest {
            Expr::BinaryOp {
                left,
                op: inner,
                right,
            } if inner == op => {
                operands.push(*right);
                rest = *left;
            }
            first => {
                operands.push(first);
                break;
            }
        }
    }
    operands.reverse();
    while operands.len() > 1 {
        let mut paired = Vec::with_capacity(operands.len().div_ceil(2));
        let mut operands_left = operands.into_iter();
        while let Some(left) = operands_left.next() {
            paired.push(match operands_left.next() {
                Some(right) => binary(left, op.clone(), right),
                None => left,
            });
        }
        operands = paired;
    }
    operands.pop().unwrap_or(Expr::value(Value::Null))
}
