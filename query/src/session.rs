//! The one DataFusion session that all queries plan with.
//!
//! Making one costs three milliseconds, planning a query less than two. What differs from
//! query to query (the clock, the memory) is set on a copy or given to the execution.

use std::sync::Arc;

use datafusion::catalog::MemoryCatalogProviderList;
use datafusion::common::Result;
use datafusion::execution::SessionStateDefaults;
use datafusion::execution::config::SessionConfig;
use datafusion::execution::registry::FunctionRegistry;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;

use crate::functions;
use crate::search_function;
use crate::time_order::TimeOrderRule;

/// Rows of a batch.
const BATCH_ROWS: usize = 8192;

/// The session: functions, rules and settings, and nothing that leads to a file.
pub fn state(runtime: Arc<RuntimeEnv>, threads: usize) -> Result<SessionState> {
    let mut state = SessionStateBuilder::new()
        .with_config(config(threads))
        .with_runtime_env(runtime)
        .with_catalog_list(Arc::new(MemoryCatalogProviderList::new()))
        .with_expr_planners(SessionStateDefaults::default_expr_planners())
        .with_scalar_functions(SessionStateDefaults::default_scalar_functions())
        .with_higher_order_functions(SessionStateDefaults::default_higher_order_functions())
        .with_aggregate_functions(SessionStateDefaults::default_aggregate_functions())
        .with_window_functions(SessionStateDefaults::default_window_functions())
        .with_physical_optimizer_rules(physical_rules())
        .build();
    functions::register(&mut state)?;
    state.register_udf(search_function::udf())?;
    Ok(state)
}

fn config(threads: usize) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(threads.max(1))
        .with_batch_size(BATCH_ROWS)
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(false);
    let options = config.options_mut();
    // Trino puts nulls last whatever the direction.
    options.sql_parser.default_null_ordering = "nulls_last".to_owned();
    // TimeOrderRule does it, through more operators.
    options.optimizer.enable_sort_pushdown = false;
    // A scan takes no filter that comes up while it runs.
    options.optimizer.enable_dynamic_filter_pushdown = false;
    config
}

/// DataFusion's rules with ours before the last, which only checks.
fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    let check = rules
        .iter()
        .position(|rule| rule.name() == "SanityCheckPlan");
    rules.insert(check.unwrap_or(rules.len()), Arc::new(TimeOrderRule));
    rules
}
