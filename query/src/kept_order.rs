//! A physical rule: what is done to each row on its way out keeps the rows' order.
//!
//! The sort of plain rows lies below what is computed of them. DataFusion takes no order
//! for wanted there, so it spreads the sorted batches over threads to compute, and puts
//! them together as they come: rows in another order, and with a limit other rows.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, Partitioning};

use crate::time_order::over;

/// To be run when sorts are where they stay.
#[derive(Debug)]
pub struct KeptOrderRule;

impl PhysicalOptimizerRule for KeptOrderRule {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(in_order(&plan)?.unwrap_or(plan))
    }

    fn name(&self) -> &str {
        "KeptOrderRule"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The plan without what spreads a sorted input; None where there is no such thing.
fn in_order(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let [input] = plan.children()[..] else {
        return Ok(None);
    };
    if let Some(repartition) = plan.downcast_ref::<RepartitionExec>() {
        let is_spread = matches!(repartition.partitioning(), Partitioning::RoundRobinBatch(_))
            && input.output_partitioning().partition_count() == 1
            && is_sorted(input);
        return match is_spread {
            true => Ok(Some(in_order(input)?.unwrap_or_else(|| Arc::clone(input)))),
            false => Ok(None),
        };
    }
    if !is_row_by_row(plan) {
        return Ok(None);
    }
    match in_order(input)? {
        Some(input) => over(plan, input).map(Some),
        None => Ok(None),
    }
}

/// Whether the rows come in an order, also one by a column that is not handed on.
fn is_sorted(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.output_ordering().is_some()
        || is_row_by_row(plan) && plan.children().into_iter().all(is_sorted)
}

fn is_row_by_row(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.downcast_ref::<ProjectionExec>().is_some()
        || plan.downcast_ref::<FilterExec>().is_some()
        || plan.downcast_ref::<GlobalLimitExec>().is_some()
        || plan.downcast_ref::<LocalLimitExec>().is_some()
        || plan.downcast_ref::<CoalescePartitionsExec>().is_some()
        || plan.downcast_ref::<CooperativeExec>().is_some()
}
