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
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, SortExpr};
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
    let is_place = match plan {
        LogicalPlan::Filter(filter) => has_subquery(&filter.predicate),
        plan => matches!(plan, LogicalPlan::TableScan(_)),
    };
    if is_place {
        let Some((timed, time)) = with_time(plan)? else {
            return Ok(None);
        };
        let oldest_first = order == TimeOrder::OldestFirst;
        let by_time = SortExpr::new(Expr::Column(time), oldest_first, false);
        let sorted = LogicalPlanBuilder::from(timed).sort([by_time])?;
        return sorted.build().map(Some);
    }
    match plan {
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
        _ => Ok(None),
    }
}

/// The plan with the times of its events among its columns, and which column that is.
/// None where its rows are not those of a table of events.
fn with_time(plan: &LogicalPlan) -> Result<Option<(LogicalPlan, Column)>> {
    match plan {
        LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) => {
            let [input] = plan.inputs()[..] else {
                return Ok(None);
            };
            let Some((input, time)) = with_time(input)? else {
                return Ok(None);
            };
            let timed = plan.with_new_exprs(plan.expressions(), vec![input])?;
            let time = match plan {
                LogicalPlan::SubqueryAlias(named) => {
                    Column::new(Some(named.alias.clone()), time.name)
                }
                _ => time,
            };
            Ok(Some((timed, time)))
        }
        LogicalPlan::TableScan(scan) => {
            let provider = source_as_provider(&scan.source)?;
            let Some(table) = provider.downcast_ref::<EventTable>() else {
                return Ok(None);
            };
            let (table, time) = table_with_time(table);
            let time = Column::new(Some(scan.table_name.clone()), time);
            let scan =
                TableScanBuilder::new(scan.table_name.clone(), provider_as_source(Arc::new(table)))
                    .with_filters(scan.filters.clone())
                    .with_fetch(scan.fetch)
                    .build()?;
            Ok(Some((LogicalPlan::TableScan(scan), time)))
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
fn table_with_time(table: &EventTable) -> (EventTable, String) {
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
