//! Expressions, with parentheses only where precedence asks for them.

use std::fmt::{self, Display, Formatter, Write};

use super::write_list;
use crate::insights::ast::{
    Arguments, ArithmeticOp, Call, CompareOp, Expr, ExprKind, Literal, Pattern, Set,
};
use crate::search::{write_quoted, write_step};

/// How strongly a node holds its parts together; the grammar's order of precedence.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Strength {
    Or,
    And,
    Not,
    Test,
    Sum,
    Product,
    Power,
    Negation,
    Primary,
}

fn strength(kind: &ExprKind) -> Strength {
    match kind {
        ExprKind::Or(_) => Strength::Or,
        ExprKind::And(_) => Strength::And,
        ExprKind::Not(_) => Strength::Not,
        ExprKind::Compare { .. }
        | ExprKind::Like { .. }
        | ExprKind::In { .. }
        | ExprKind::IsNull { .. } => Strength::Test,
        ExprKind::Arithmetic { op, .. } => match op {
            ArithmeticOp::Add | ArithmeticOp::Subtract => Strength::Sum,
            ArithmeticOp::Multiply | ArithmeticOp::Divide | ArithmeticOp::Modulo => {
                Strength::Product
            }
            ArithmeticOp::Power => Strength::Power,
        },
        ExprKind::Negate(_) => Strength::Negation,
        ExprKind::Literal(_)
        | ExprKind::Period(_)
        | ExprKind::Field(_)
        | ExprKind::Parameter(_)
        | ExprKind::Call(_)
        | ExprKind::Access { .. } => Strength::Primary,
    }
}

/// Writes an operand, in parentheses when it is weaker than its place allows.
fn write_operand(f: &mut Formatter<'_>, expr: &Expr, weakest: Strength) -> fmt::Result {
    if strength(&expr.node) < weakest {
        write!(f, "({expr})")
    } else {
        write!(f, "{expr}")
    }
}

/// An operand that must not be of the same strength either.
fn write_stronger(f: &mut Formatter<'_>, expr: &Expr, than: Strength) -> fmt::Result {
    if strength(&expr.node) <= than {
        write!(f, "({expr})")
    } else {
        write!(f, "{expr}")
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.node {
            ExprKind::Literal(literal) => write!(f, "{literal}"),
            ExprKind::Period(period) => write!(f, "{period}"),
            ExprKind::Field(field) => write!(f, "{field}"),
            ExprKind::Parameter(name) => write!(f, "{{{{{name}}}}}"),
            ExprKind::Call(call) => write!(f, "{call}"),
            ExprKind::Access { base, path } => {
                write!(f, "{base}")?;
                path.iter().try_for_each(|segment| write_step(f, segment))
            }
            ExprKind::And(parts) => write_joined(f, parts, " and ", Strength::And),
            ExprKind::Or(parts) => write_joined(f, parts, " or ", Strength::Or),
            ExprKind::Not(inner) => {
                f.write_str("not ")?;
                write_operand(f, inner, Strength::Not)
            }
            ExprKind::Negate(inner) => {
                f.write_char('-')?;
                // Two signs side by side would open a comment.
                write_stronger(f, inner, Strength::Negation)
            }
            ExprKind::Arithmetic { op, left, right } => {
                let own = strength(&self.node);
                if *op == ArithmeticOp::Power {
                    write_stronger(f, left, own)?;
                    write!(f, " {op} ")?;
                    write_operand(f, right, own)
                } else {
                    write_operand(f, left, own)?;
                    write!(f, " {op} ")?;
                    write_stronger(f, right, own)
                }
            }
            ExprKind::Compare { op, left, right } => {
                write_operand(f, left, Strength::Test)?;
                write!(f, " {op} ")?;
                write_stronger(f, right, Strength::Test)
            }
            ExprKind::Like {
                value,
                negated,
                pattern,
            } => {
                write_operand(f, value, Strength::Test)?;
                f.write_str(if *negated { " not like " } else { " like " })?;
                match pattern {
                    Pattern::Regex(regex) => write!(f, "{}", regex.node),
                    Pattern::Substring(text) => write_operand(f, text, Strength::Primary),
                }
            }
            ExprKind::In {
                value,
                negated,
                set,
            } => {
                write_operand(f, value, Strength::Test)?;
                f.write_str(if *negated { " not in " } else { " in " })?;
                match set {
                    Set::List(list) => {
                        f.write_char('[')?;
                        write_list(f, list, ", ")?;
                        f.write_char(']')
                    }
                    Set::Subquery(pipeline) => write!(f, "({pipeline})"),
                }
            }
            ExprKind::IsNull { value, negated } => {
                write_operand(f, value, Strength::Test)?;
                f.write_str(if *negated { " is not null" } else { " is null" })
            }
        }
    }
}

fn write_joined(f: &mut Formatter<'_>, parts: &[Expr], word: &str, own: Strength) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str(word)?;
        }
        write_stronger(f, part, own)?;
    }
    Ok(())
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Text(text) => write_quoted(f, text),
            Literal::Number(number) => f.write_str(number.as_str()),
            Literal::Boolean(value) => write!(f, "{value}"),
            Literal::Null => f.write_str("null"),
        }
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.function.node)?;
        match &self.arguments {
            Arguments::Star => f.write_char('*')?,
            Arguments::List(list) => write_list(f, list, ", ")?,
        }
        f.write_char(')')
    }
}

impl Display for ArithmeticOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char(match self {
            ArithmeticOp::Add => '+',
            ArithmeticOp::Subtract => '-',
            ArithmeticOp::Multiply => '*',
            ArithmeticOp::Divide => '/',
            ArithmeticOp::Modulo => '%',
            ArithmeticOp::Power => '^',
        })
    }
}

impl Display for CompareOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CompareOp::Equal => "=",
            CompareOp::NotEqual => "!=",
            CompareOp::Less => "<",
            CompareOp::LessOrEqual => "<=",
            CompareOp::Greater => ">",
            CompareOp::GreaterOrEqual => ">=",
        })
    }
}
