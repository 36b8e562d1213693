//! The order of plain rows: newest first, and of a followed query oldest first.
//!
//! A query that asks for events and says nothing of their order means the newest: nobody
//! reads the first ten of a year. Rows that are followed go on at their end, so there the
//! newest comes last. Where rows are put together, counted or ordered by the query, their
//! order is the query's own.

use std::sync::Arc;

use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, Result};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::logical_plan::TableScanBuilder;
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, LogicalPlanBuilder, SortExpr};
use tarn_store::{ScanColumn, TimeOrder};

use crate::columns::event_time;
use crate::leaves::TIMESTAMP;
use crate::table::EventTable;

/// The plan with its rows in the order, if it has rows of events and none of its own.
///
/// **Shape**: the columns are those of the plan.
pub fn run(plan: LogicalPlan, order: TimeOrder) -> Result<LogicalPlan> {
    let Some(sorted) = sorted(&plan, order)? else {
        return Ok(plan);
    };
    if sorted.schema().fields().len() == plan.schema().fields().len() {
        return Ok(sorted);
    }
    let columns = plan.schema().columns().into_iter().map(Expr::Column);
    LogicalPlanBuilder::from(sorted).project(columns)?.build()
}

/// The plan with a sort right above its scan, or above a filter that asks other queries:
/// it becomes a join, which keeps no order. None where there is no place for a sort.
fn sorted(plan: &LogicalPlan, order: TimeOrder) -> Result<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Filter(filter) if has_subquery(&filter.predicate) => {
            let Some(LogicalPlan::Sort(sort)) = sorted(&filter.input, order)? else {
                return Ok(None);
            };
            let filtered = Filter::try_new(filter.predicate.clone(), sort.input)?;
            let filtered = LogicalPlanBuilder::from(LogicalPlan::Filter(filtered));
            filtered.sort(sort.expr)?.build().map(Some)
        }
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::SubqueryAlias(_) => {
            let [input] = plan.inputs()[..] else {
                return Ok(None);
            };
            match sorted(input, order)? {
                Some(input) => plan
                    .with_new_exprs(plan.expressions(), vec![input])
                    .map(Some),
                None => Ok(None),
            }
        }
        LogicalPlan::TableScan(scan) => {
            let provider = source_as_provider(&scan.source)?;
            let Some(table) = provider.downcast_ref::<EventTable>() else {
                return Ok(None);
            };
            let (table, time) = with_time(table);
            let time = Column::new(Some(scan.table_name.clone()), time);
            let scan =
                TableScanBuilder::new(scan.table_name.clone(), provider_as_source(Arc::new(table)))
                    .with_filters(scan.filters.clone())
                    .with_fetch(scan.fetch)
                    .build()?;
            let oldest_first = order == TimeOrder::OldestFirst;
            let by_time = SortExpr::new(Expr::Column(time), oldest_first, false);
            let sorted = LogicalPlanBuilder::from(LogicalPlan::TableScan(scan)).sort([by_time])?;
            sorted.build().map(Some)
        }
        _ => Ok(None),
    }
}

fn has_subquery(expr: &Expr) -> bool {
    let is_subquery = |part: &Expr| {
        Ok(matches!(
            part,
            Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
                | Expr::ScalarSubquery(_)
        ))
    };
    expr.exists(is_subquery).unwrap_or(true)
}

/// The table with a column of event times, and its name.
fn with_time(table: &EventTable) -> (EventTable, String) {
    let columns = table.columns();
    if let Some(time) = columns.time_column() {
        return (table.clone(), time.to_owned());
    }
    let mut name = TIMESTAMP.to_owned();
    while columns.source(&name).is_some() {
        name.push('\'');
    }
    let time = ScanColumn {
        name: name.clone(),
        source: event_time(),
    };
    (table.with_columns(Arc::new(columns.with(&[time]))), name)
}
