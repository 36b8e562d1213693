//! Expressions that give a value for every text, whatever it holds.
//!
//! The list is of what was looked at, not of what might be: an expression that is not on
//! it stays with DataFusion, where it meets only the rows that the other filters leave.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Cast, Expr, Operator, Volatility};

/// Functions that fail on no text. Arguments beyond the text have to be constants; a
/// constant that a function refuses shows when the expression is tried out.
const FUNCTIONS: [&str; 27] = [
    "ascii",
    "btrim",
    "character_length",
    "coalesce",
    "concat",
    "concat_ws",
    "contains",
    "ends_with",
    "initcap",
    "left",
    "length",
    "levenshtein",
    "lower",
    "ltrim",
    "nullif",
    "octet_length",
    "position",
    "replace",
    "reverse",
    "right",
    "rtrim",
    "split_part",
    "starts_with",
    "strpos",
    "substr",
    "translate",
    "upper",
];

pub(super) fn is_infallible(expr: &Expr) -> bool {
    let mut holds = true;
    let walked = expr.apply(|node| {
        holds &= node_is_infallible(node);
        Ok(if holds {
            TreeNodeRecursion::Continue
        } else {
            TreeNodeRecursion::Stop
        })
    });
    walked.is_ok() && holds
}

fn node_is_infallible(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(_)
        | Expr::Column(_)
        | Expr::Literal(_, _)
        | Expr::Not(_)
        | Expr::IsNotNull(_)
        | Expr::IsNull(_)
        | Expr::IsTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNotFalse(_)
        | Expr::IsNotUnknown(_)
        | Expr::Between(_)
        | Expr::InList(_)
        | Expr::Case(_)
        | Expr::TryCast(_) => true,
        // Patterns that are built from the row may be no patterns.
        Expr::Like(like) => matches!(&*like.pattern, Expr::Literal(_, _)),
        Expr::BinaryExpr(binary) => matches!(
            binary.op,
            Operator::Eq
                | Operator::NotEq
                | Operator::Lt
                | Operator::LtEq
                | Operator::Gt
                | Operator::GtEq
                | Operator::And
                | Operator::Or
                | Operator::IsDistinctFrom
                | Operator::IsNotDistinctFrom
                | Operator::StringConcat
        ),
        Expr::Cast(cast) => is_text(cast.field.data_type()) || is_widening(cast),
        Expr::ScalarFunction(call) => {
            let name = call.func.name();
            let is_known = FUNCTIONS.contains(&name) || name.starts_with("try_");
            is_known && call.func.signature().volatility == Volatility::Immutable
        }
        _ => false,
    }
}

pub(super) fn is_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    )
}

/// A cast to a wider number of what a function like `length` gives.
fn is_widening(cast: &Cast) -> bool {
    let gives_integer = matches!(&*cast.expr, Expr::ScalarFunction(call)
        if matches!(call.func.name(), "character_length" | "length" | "octet_length" | "strpos" | "position"));
    gives_integer && matches!(cast.field.data_type(), DataType::Int64 | DataType::Float64)
}
