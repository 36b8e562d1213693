//! Which queries can be followed while events arrive.
//!
//! The answer to a followed query is the sum of its answers over what arrived in turn.
//! That holds where each event gives its rows by itself. A count, an order or a limit
//! would be one of each arrival and none of them all.

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;

use crate::error::{Code, QueryError};

/// **Errors**: the plan puts events together.
pub fn check(plan: &LogicalPlan, is_explain: bool) -> Result<(), QueryError> {
    let mut n_scans = 0;
    let mut obstacle = is_explain.then_some("explains");
    // Stopped by nothing but the visitor, which does not fail.
    let _ = plan.apply_with_subqueries(|node| {
        n_scans += usize::from(matches!(node, LogicalPlan::TableScan(_)));
        obstacle = obstacle.or_else(|| verb(node));
        Ok(TreeNodeRecursion::Continue)
    });
    if n_scans != 1 {
        obstacle = obstacle.or(Some("does not read the events once"));
    }
    let Some(obstacle) = obstacle else {
        return Ok(());
    };
    let message = format!("a query that {obstacle} cannot be followed");
    let hint = "rows of events can be: fields and filters, SELECT and WHERE; \
                --limit ends after so many rows";
    Err(QueryError::new(Code::Unsupported, message).hint(hint))
}

/// What a part of a plan does with several events; None of a part that takes each by
/// itself.
fn verb(node: &LogicalPlan) -> Option<&'static str> {
    match node {
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::TableScan(_)
        | LogicalPlan::Unnest(_) => None,
        LogicalPlan::Aggregate(_) => Some("puts rows into groups"),
        LogicalPlan::Distinct(_) => Some("leaves out repeated rows"),
        LogicalPlan::Sort(_) => Some("orders its rows"),
        LogicalPlan::Limit(_) => Some("limits its rows"),
        LogicalPlan::Window(_) => Some("compares rows with others"),
        LogicalPlan::Join(_) => Some("joins"),
        _ => Some("puts several sets of rows together"),
    }
}
