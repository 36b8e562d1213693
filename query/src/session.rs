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

use crate::compact::CompactRule;
use crate::functions;
use crate::groups::{FirstGroupsRule, GroupScanRule};
use crate::kept_order::KeptOrderRule;
use crate::nested_loops::NestedLoopsRule;
use crate::search_function;
use crate::time_order::TimeOrderRule;

/// Rows of a batch at most, and at least.
const BATCH_ROWS: (usize, usize) = (8192, 256);

/// Operators hold some batches of each thread at once whose rows may be whole records.
/// With little memory batches are so small that this many of them fit.
const BATCHES_HELD: usize = 32;
const RECORD_BYTES: usize = 2 << 10;

/// A thread's sort sets aside this part of the thread's part of the memory at most.
const MERGE_SHARE: usize = 12;

/// The session: functions, rules and settings, and nothing that leads to a file.
pub fn state(
    runtime: Arc<RuntimeEnv>,
    threads: usize,
    memory_bytes: usize,
) -> Result<SessionState> {
    let mut state = SessionStateBuilder::new()
        .with_config(config(threads.max(1), memory_bytes))
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

fn config(threads: usize, memory_bytes: usize) -> SessionConfig {
    let mut config = SessionConfig::new()
        .with_target_partitions(threads)
        .with_batch_size(batch_rows(threads, memory_bytes))
        .with_create_default_catalog_and_schema(false)
        .with_information_schema(false);
    let options = config.options_mut();
    // Trino puts nulls last whatever the direction.
    options.sql_parser.default_null_ordering = "nulls_last".to_owned();
    // TimeOrderRule does it, through more operators.
    options.optimizer.enable_sort_pushdown = false;
    // A scan takes no filter that comes up while it runs.
    options.optimizer.enable_dynamic_filter_pushdown = false;
    // Each sort of each thread sets this aside for merging what it spills.
    let for_merge = memory_bytes / threads / MERGE_SHARE;
    let default = options.execution.sort_spill_reservation_bytes;
    options.execution.sort_spill_reservation_bytes = default.min(for_merge);
    config
}

fn batch_rows(threads: usize, memory_bytes: usize) -> usize {
    let (most, least) = BATCH_ROWS;
    (memory_bytes / threads / BATCHES_HELD / RECORD_BYTES).clamp(least, most)
}

/// DataFusion's rules and ours.
fn physical_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    let check = rules
        .iter()
        .position(|rule| rule.name() == "SanityCheckPlan");
    let last = check.unwrap_or(rules.len());
    rules.insert(last, Arc::new(CompactRule));
    rules.insert(last, Arc::new(NestedLoopsRule));
    rules.insert(last, Arc::new(KeptOrderRule));
    rules.insert(last, Arc::new(TimeOrderRule));
    rules.insert(last, Arc::new(FirstGroupsRule));
    // Before operators are put between the two steps of an aggregation.
    let between = rules
        .iter()
        .position(|rule| rule.name() == "EnsureRequirements");
    rules.insert(between.unwrap_or(0), Arc::new(GroupScanRule));
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_memory_makes_small_batches() {
        assert_eq!(batch_rows(2, 2 << 30), 8192);
        assert_eq!(batch_rows(2, 64 << 20), 512);
        assert_eq!(batch_rows(64, 1 << 20), 256);
    }
}
