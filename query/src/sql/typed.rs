//! What the AST pass cannot decide, because it does not know types, and leaves for later.
//!
//! A cast, LIKE or IN means different things on text, numbers, maps and JSON. The pass
//! writes each as a binary operator that no dialect has; the planner of expressions meets
//! it with its operands planned, knows their types, and puts the right expression there.

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Value};

const PREFIX: &str = "tarn:";

/// An operation whose form depends on the types of its operands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Typed {
    /// To the type of this name. There is no right operand.
    Cast { sql_type: String, is_try: bool },
    /// Like the pattern on the right.
    Like {
        negated: bool,
        case_insensitive: bool,
        escape: Option<char>,
    },
    /// Among the arguments of the call on the right.
    In { negated: bool },
    /// `IS [NOT] DISTINCT FROM` the right.
    Distinct { negated: bool },
}

impl Typed {
    /// The operation on its operands, as an expression of the AST.
    pub fn on(self, left: Expr, right: Option<Expr>) -> Expr {
        Expr::BinaryOp {
            left: Box::new(left),
            op: BinaryOperator::Custom(self.written()),
            right: Box::new(right.unwrap_or(Expr::Value(Value::Null.into()))),
        }
    }

    fn written(&self) -> String {
        let flag = |on: bool| if on { '1' } else { '0' };
        match self {
            Typed::Cast { sql_type, is_try } => format!("{PREFIX}cast{}{sql_type}", flag(*is_try)),
            Typed::Like {
                negated,
                case_insensitive,
                escape,
            } => {
                let escape = escape.map(String::from).unwrap_or_default();
                format!(
                    "{PREFIX}like{}{}{escape}",
                    flag(*negated),
                    flag(*case_insensitive)
                )
            }
            Typed::In { negated } => format!("{PREFIX}in{}", flag(*negated)),
            Typed::Distinct { negated } => format!("{PREFIX}distinct{}", flag(*negated)),
        }
    }

    /// The operation that an operator of the AST stands for.
    pub fn of(op: &BinaryOperator) -> Option<Typed> {
        let BinaryOperator::Custom(text) = op else {
            return None;
        };
        let rest = text.strip_prefix(PREFIX)?;
        if let Some(rest) = rest.strip_prefix("cast") {
            let (is_try, sql_type) = flagged(rest)?;
            return Some(Typed::Cast {
                sql_type: sql_type.to_owned(),
                is_try,
            });
        }
        if let Some(rest) = rest.strip_prefix("like") {
            let (negated, rest) = flagged(rest)?;
            let (case_insensitive, escape) = flagged(rest)?;
            return Some(Typed::Like {
                negated,
                case_insensitive,
                escape: escape.chars().next(),
            });
        }
        if let Some(rest) = rest.strip_prefix("in") {
            return Some(Typed::In {
                negated: flagged(rest)?.0,
            });
        }
        let (negated, _) = flagged(rest.strip_prefix("distinct")?)?;
        Some(Typed::Distinct { negated })
    }
}

fn flagged(text: &str) -> Option<(bool, &str)> {
    match text.strip_prefix('1') {
        Some(rest) => Some((true, rest)),
        None => Some((false, text.strip_prefix('0')?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_read_back() {
        let all = [
            Typed::Cast {
                sql_type: "map(varchar, json)".to_owned(),
                is_try: true,
            },
            Typed::Like {
                negated: true,
                case_insensitive: false,
                escape: Some('#'),
            },
            Typed::Like {
                negated: false,
                case_insensitive: true,
                escape: None,
            },
            Typed::In { negated: true },
            Typed::Distinct { negated: false },
        ];
        for typed in all {
            let Expr::BinaryOp { op, .. } = typed.clone().on(Expr::value(Value::Null), None) else {
                panic!("a binary operator")
            };
            assert_eq!(Typed::of(&op), Some(typed));
        }
        assert_eq!(Typed::of(&BinaryOperator::Plus), None);
        assert_eq!(Typed::of(&BinaryOperator::Custom("->".to_owned())), None);
    }
}
