//! SQL from its text to a plan over event tables.
//!
//! `sql` reads and plans the statement against CloudTrail Lake's columns; here its tables
//! are found and what it reaches for becomes leaf columns. Only SELECT runs, whichever way
//! a query comes in: the statement was looked at when it was read, and a plan that would
//! do anything but read is refused once more.

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr, LogicalPlan, TableSource};

use crate::accounts::names as account_names;
use crate::columns::Columns;
use crate::error::{Code, QueryError};
use crate::leaf_pass;
use crate::planned::{Planned, Planning};
use crate::request::Stage;
use crate::search_function::Lowering;
use crate::span::Span;
use crate::sql::{self, PlannedSql, TableName};
use crate::table::EventTable;

/// Compiles a query in SQL.
pub fn plan(planning: &Planning<'_>) -> Result<Planned> {
    let request = planning.request;
    let parsed =
        sql::parse(planning.text, &request.parameters, request.now_ms).map_err(external)?;
    let syntax = Stage::new("syntax", parsed.rewritten());
    let is_explain = parsed.is_explain;
    let unused_parameters = parsed.unused_parameters.clone();
    let columns = match parsed.asks_account_name {
        true => Columns::lake_with_account_name(),
        false => Columns::lake(),
    };
    let table = |name: &TableName| -> Result<Arc<dyn TableSource>, QueryError> {
        let store = planning
            .store(&name.text)
            .map_err(|error| match error.span {
                // The name of the request's store stands nowhere in the query.
                None if planning.is_chosen(&name.text) => error,
                _ => error.at(name.span),
            })?;
        let table = EventTable::new(planning.scope.clone(), store, Arc::clone(&columns));
        Ok(provider_as_source(Arc::new(table)))
    };
    let PlannedSql { plan, names } = sql::plan(parsed, planning.state, &table)?;
    refuse_all_but_reading(&plan)?;
    let mut warnings = Vec::new();
    if reads_account_names(&plan) && planning.scope.source.accounts().is_empty() {
        warnings.push(account_names::no_names(Span::default()));
    }
    let unresolved = Stage::new("plan of the statement", plan.display_indent());
    let lowering = Lowering {
        text: planning.text,
        clock: planning.clock(),
    };
    let plan = leaf_pass::run(plan, &lowering)?;
    Ok(Planned {
        plan,
        names,
        warnings,
        unused_parameters,
        stages: vec![syntax, unresolved],
        is_explain,
    })
}

fn external(error: QueryError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// Whether the plan reads `accountName` of a table. Another column that a query calls so
/// belongs to no table.
fn reads_account_names(plan: &LogicalPlan) -> bool {
    let name = account_names::column().name;
    let is_it = |expr: &Expr| match expr {
        Expr::Column(column) => column.relation.is_some() && column.name == name,
        _ => false,
    };
    let mut found = false;
    // Stopped by nothing but the visitor, which does not fail.
    let _ = plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            found |= expr.exists(|part| Ok(is_it(part)))?;
            Ok(TreeNodeRecursion::Continue)
        })
    });
    found
}

fn refuse_all_but_reading(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| match node {
        LogicalPlan::Ddl(_)
        | LogicalPlan::Dml(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::Statement(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::DescribeTable(_) => {
            let error = QueryError::new(Code::NotSelect, "only a SELECT is run");
            Err(external(
                error.hint("a query reads events and changes nothing"),
            ))
        }
        _ => Ok(TreeNodeRecursion::Continue),
    })?;
    Ok(())
}
