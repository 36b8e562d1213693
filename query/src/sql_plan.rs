//! SQL from its statement to a plan over event tables.
//!
//! Only SELECT runs, whichever way a query comes in: of statements a query alone is
//! planned, and a plan that would do anything but read is refused once more.

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::planner::{NullOrdering, ParserOptions, SqlToRel};
use datafusion::sql::sqlparser::ast::Statement;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::error::{Code, QueryError};
use crate::leaf_pass;
use crate::planned::{Planned, Planning};
use crate::request::Stage;
use crate::search_function::Lowering;
use crate::system_columns;
use crate::tables::PlannerContext;

/// Compiles a query in SQL.
pub fn plan(planning: &Planning<'_>) -> Result<Planned> {
    let mut statements = Parser::parse_sql(&GenericDialect {}, planning.text)
        .map_err(|error| DataFusionError::SQL(Box::new(error), None))?;
    let mut statement = match (statements.pop(), statements.is_empty()) {
        (Some(statement @ Statement::Query(_)), true) => statement,
        _ => return Err(not_select()),
    };
    system_columns::mark(&mut statement);
    let shown = statement.to_string();
    let context = PlannerContext {
        tables: planning.tables(),
        state: planning.state,
        types: None,
    };
    let planner = SqlToRel::new_with_options(&context, options());
    let plan = planner.sql_statement_to_plan(statement)?;
    refuse_all_but_reading(&plan)?;
    let lowering = Lowering {
        text: planning.text,
        clock: planning.clock(),
    };
    let unresolved = Stage::new("unresolved plan", plan.display_indent());
    let plan = leaf_pass::run(plan, &lowering)?;
    Ok(Planned {
        plan,
        names: Vec::new(),
        warnings: Vec::new(),
        stages: vec![Stage::new("syntax", shown), unresolved],
    })
}

fn options() -> ParserOptions {
    ParserOptions {
        enable_ident_normalization: true,
        // Trino's, whatever the direction.
        default_null_ordering: NullOrdering::NullsLast,
        ..ParserOptions::new()
    }
}

fn not_select() -> DataFusionError {
    let error = QueryError::new(Code::NotSelect, "only one SELECT runs at a time");
    DataFusionError::External(Box::new(error.hint("events are never changed by a query")))
}

fn refuse_all_but_reading(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| match node {
        LogicalPlan::Ddl(_)
        | LogicalPlan::Dml(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::Statement(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::DescribeTable(_) => Err(not_select()),
        _ => Ok(TreeNodeRecursion::Continue),
    })?;
    Ok(())
}
