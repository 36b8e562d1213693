//! From the rewritten syntax tree to a logical plan.
//!
//! DataFusion's own planner does the work, over a context that has the session's
//! functions, our planners of expressions and relations, and no table but those that the
//! statement names.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef, SchemaRef};
use datafusion::common::{DataFusionError, Result, TableReference, plan_err};
use datafusion::config::ConfigOptions;
use datafusion::datasource::cte_worktable::CteWorkTable;
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, RelationPlanner};
use datafusion::logical_expr::{
    AggregateUDF, HigherOrderUDF, LogicalPlan, ScalarUDF, TableSource, WindowUDF,
};
use datafusion::sql::planner::{NullOrdering, ParserOptions, SqlToRel};
use datafusion::sql::sqlparser::ast::Statement;

use super::expressions::Expressions;
use super::unnest::{self, UnnestPlanner};
use super::{ParsedSql, TableName};
use crate::error::QueryError;
use crate::system_columns;

/// A plan and the names of its columns.
#[derive(Debug, Clone)]
pub struct PlannedSql {
    /// **Shape**: columns in the order of the SELECT list, their names in lower case and
    /// unique.
    pub plan: LogicalPlan,
    /// What the result calls each column, as typed; names may repeat.
    pub names: Vec<String>,
}

/// Finds the table that a name means.
pub type Tables<'t> = dyn Fn(&TableName) -> Result<Arc<dyn TableSource>, QueryError> + 't;

/// Plans a parsed query.
///
/// `tables` finds what stands behind each name after FROM; where it knows none of a name
/// of several words, it is asked for the last of them.
///
/// **Errors**: DataFusion's, of unknown columns, functions and wrong types; ours are
/// inside them as [`QueryError`]s.
/// **Cost**: no I/O but what `tables` does.
pub fn plan(parsed: ParsedSql, state: &SessionState, tables: &Tables<'_>) -> Result<PlannedSql> {
    let mut sources: HashMap<String, Arc<dyn TableSource>> = HashMap::new();
    for table in &parsed.tables {
        if !sources.contains_key(&table.text) {
            let source = tables(table).or_else(|error| {
                let last_word = TableName {
                    text: table.last_word.clone(),
                    ..table.clone()
                };
                tables(&last_word).map_err(|_| DataFusionError::External(Box::new(error)))
            })?;
            sources.insert(table.text.clone(), source);
        }
    }
    let mut expr_planners: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(Expressions)];
    expr_planners.extend(state.expr_planners().iter().cloned());
    let context = Context {
        state,
        sources,
        expr_planners,
        relation_planners: vec![Arc::new(UnnestPlanner)],
    };
    let options = ParserOptions::new()
        .with_enable_ident_normalization(true)
        .with_default_null_ordering(NullOrdering::NullsLast)
        .with_collect_spans(false);
    let planner = SqlToRel::new_with_options(&context, options);
    let mut statement = Statement::Query(parsed.query);
    system_columns::mark(&mut statement);
    let plan = planner.sql_statement_to_plan(statement)?;
    let plan = unnest::flatten(plan)?;
    let columns: Vec<String> = plan
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    let names = parsed.names.resolve(&columns);
    Ok(PlannedSql { plan, names })
}

/// What the planner may know.
struct Context<'s> {
    state: &'s SessionState,
    sources: HashMap<String, Arc<dyn TableSource>>,
    expr_planners: Vec<Arc<dyn ExprPlanner>>,
    relation_planners: Vec<Arc<dyn RelationPlanner>>,
}

impl ContextProvider for Context<'_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        match self.sources.get(name.table()) {
            Some(source) => Ok(Arc::clone(source)),
            None => plan_err!("there is no event data store {:?}", name.table()),
        }
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> Result<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(
            name, schema,
        ))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.expr_planners
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        &self.relation_planners
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        crate::functions::by_name(name).or_else(|| self.state.scalar_functions().get(name).cloned())
    }

    fn get_higher_order_meta(&self, name: &str) -> Option<Arc<HigherOrderUDF>> {
        self.state.higher_order_functions().get(name).cloned()
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.state.aggregate_functions().get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.state.window_functions().get(name).cloned()
    }

    fn get_variable_type(&self, names: &[String]) -> Option<DataType> {
        self.get_variable_field(names)
            .map(|field| field.data_type().clone())
    }

    fn get_variable_field(&self, names: &[String]) -> Option<FieldRef> {
        system_columns::field(names)
    }

    fn options(&self) -> &ConfigOptions {
        self.state.config_options()
    }

    fn udf_names(&self) -> Vec<String> {
        let ours = crate::functions::scalar().map(|udf| udf.name().to_owned());
        ours.chain(self.state.scalar_functions().keys().cloned())
            .collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        self.state
            .higher_order_functions()
            .keys()
            .cloned()
            .collect()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.state.aggregate_functions().keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.state.window_functions().keys().cloned().collect()
    }
}
