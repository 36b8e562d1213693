//! What SQL's planner may know: the stores as tables, and the functions of the session.
//!
//! There is no catalogue behind it. A table is a store of the snapshot that the query
//! reads, found by the name that the query writes; nothing can be created, and no name
//! leads to a file.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{DataFusionError, Result, TableReference, not_impl_err};
use datafusion::datasource::cte_worktable::CteWorkTable;
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::planner::{
    ContextProvider, ExprPlanner, RelationPlanner, TypePlanner,
};
use datafusion::logical_expr::{
    AggregateUDF, Expr, HigherOrderUDF, ScalarUDF, TableSource, WindowUDF,
};
use tarn_store::StoreId;

use crate::columns::Columns;
use crate::error::{QueryError, find_word};
use crate::system_columns;
use crate::table::{EventTable, QueryScope};

/// The name that stands for the store that the request chose.
pub const CHOSEN_STORE: &str = "events";

/// The placeholder for it in queries that AWS generates.
const EDS_ID: &str = "$eds_id";

/// The tables of one query.
pub struct Tables<'q> {
    pub scope: &'q QueryScope,
    /// The store of the request, by name, UUID or ARN.
    pub chosen: &'q str,
    /// The query's text, for the places of errors.
    pub text: &'q str,
}

impl Tables<'_> {
    /// The store that a name in a query means.
    ///
    /// **Errors**: there is none, with the place of the name.
    pub fn store(&self, name: &str) -> Result<StoreId, QueryError> {
        let is_chosen = [CHOSEN_STORE, EDS_ID]
            .iter()
            .any(|n| n.eq_ignore_ascii_case(name));
        let reference = if is_chosen { self.chosen } else { name };
        let found = self.scope.source.find_store(reference);
        found.map_err(|error| match find_word(self.text, name) {
            Some(span) if !is_chosen => error.at(span),
            _ => error,
        })
    }

    fn table(&self, name: &TableReference) -> Result<EventTable, QueryError> {
        // A database before the table is one that the query had elsewhere.
        let store = self.store(name.table())?;
        Ok(EventTable::new(self.scope.clone(), store, Columns::lake()))
    }
}

/// The tables and a session's functions, as SQL's planner asks for them.
pub struct PlannerContext<'q> {
    pub tables: Tables<'q>,
    pub state: &'q SessionState,
    pub types: Option<Arc<dyn TypePlanner>>,
}

impl ContextProvider for PlannerContext<'_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        let table = self
            .tables
            .table(&name)
            .map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(provider_as_source(Arc::new(table)))
    }

    fn get_table_function_source(
        &self,
        name: &str,
        _args: Vec<Expr>,
    ) -> Result<Arc<dyn TableSource>> {
        not_impl_err!("`{name}` is no table: FROM takes event data stores and subqueries")
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> Result<Arc<dyn TableSource>> {
        Ok(provider_as_source(Arc::new(CteWorkTable::new(
            name, schema,
        ))))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        self.state.expr_planners()
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        self.state.relation_planners()
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        self.types.clone()
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.state.scalar_functions().get(name).cloned()
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
        self.state.scalar_functions().keys().cloned().collect()
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
