//! A physical rule: joins by nested loops keep their answer when memory runs out.
//!
//! Where its left side does not fit into memory, DataFusion's operator reads it once more
//! and spills it. Two things go wrong then, and are put right here. What is below the left
//! side cannot be executed a second time (a repartitioning panics), so it is executed as
//! it was before the first. And each partition of the right side tells by itself which
//! rows of the left side had no match, so that such a join gives rows twice, or is not
//! spilled at all; it is given a right side of one partition.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{JoinType, Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::execution_plan::{
    ChildrenPropertiesMode, ReplaceChildrenOptions, reset_plan_states,
};
use datafusion::physical_plan::joins::NestedLoopJoinExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};

/// See the module.
#[derive(Debug)]
pub struct NestedLoopsRule;

impl PhysicalOptimizerRule for NestedLoopsRule {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() else {
                return Ok(Transformed::no(plan));
            };
            let left = Arc::new(AgainExec::new(Arc::clone(join.left())));
            let mut right = Arc::clone(join.right());
            let tells_of_the_left = matches!(
                join.join_type(),
                JoinType::Left
                    | JoinType::LeftSemi
                    | JoinType::LeftAnti
                    | JoinType::LeftMark
                    | JoinType::Full
            );
            if tells_of_the_left && right.output_partitioning().partition_count() > 1 {
                right = Arc::new(CoalescePartitionsExec::new(right));
            }
            let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
            let join = Arc::clone(&plan).replace_children(vec![left, right], options);
            join.map(Transformed::yes)
        })
        .data()
    }

    fn name(&self) -> &str {
        "NestedLoopsRule"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// What is below it, executable any number of times, one after the other.
#[derive(Debug)]
struct AgainExec {
    input: Arc<dyn ExecutionPlan>,
    was_executed: AtomicBool,
}

impl AgainExec {
    fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        Self {
            input,
            was_executed: AtomicBool::new(false),
        }
    }
}

impl ExecutionPlan for AgainExec {
    fn name(&self) -> &str {
        "AgainExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match children.pop() {
            Some(input) if children.is_empty() => Ok(Arc::new(Self::new(input))),
            _ => internal_err!("AgainExec has one input"),
        }
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        // The operator above asks for its one partition.
        match self.was_executed.swap(true, Ordering::Relaxed) {
            false => self.input.execute(partition, context),
            true => reset_plan_states(Arc::clone(&self.input))?.execute(partition, context),
        }
    }
}

impl DisplayAs for AgainExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgainExec")
    }
}
