//! A physical rule: a sort by event time over a scan becomes the order of the scan.
//!
//! Splits hold their events in the order of time, so the newest ten of a hundred million
//! are read and no more. DataFusion's own rule for this does not look through filters and
//! gives up where partitions are merged; an ordered scan has a single partition, so
//! whatever merges below the sort can go.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, Result};
use datafusion::physical_expr::PhysicalSortExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::{ExecutionPlan, Partitioning};

use crate::exec::EventScanExec;

#[derive(Debug)]
pub struct TimeOrderRule;

impl PhysicalOptimizerRule for TimeOrderRule {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|plan| {
            let merged = plan.downcast_ref::<SortPreservingMergeExec>();
            let mut above = Vec::new();
            let mut at = merged.map_or(&plan, SortPreservingMergeExec::input);
            while merged.is_some()
                && let Some(projection) = at.downcast_ref::<ProjectionExec>()
            {
                above.push(at);
                at = projection.input();
            }
            let Some(sort) = at.downcast_ref::<SortExec>() else {
                return Ok(Transformed::no(plan));
            };
            // A sort within partitions has a parent that wants them as they are.
            if merged.is_none() && sort.preserve_partitioning() {
                return Ok(Transformed::no(plan));
            }
            let fetch = merged
                .and_then(SortPreservingMergeExec::fetch)
                .or(sort.fetch());
            let (by_time, is_all) = match sort.expr().as_ref() {
                [by_time] => (by_time, true),
                // Of rows of the same time others than the first may be wanted.
                [by_time, ..] if fetch.is_some() => (by_time, false),
                _ => return Ok(Transformed::no(plan)),
            };
            let wanted = Wanted {
                fetch,
                with_ties: !is_all,
            };
            let Some(ordered) = ordered(sort.input(), by_time, wanted)? else {
                return Ok(Transformed::no(plan));
            };
            let mut sorted: Arc<dyn ExecutionPlan> = match (is_all, fetch) {
                (true, None) => ordered,
                (true, Some(_)) => Arc::new(GlobalLimitExec::new(ordered, 0, fetch)),
                (false, _) => {
                    Arc::new(SortExec::new(sort.expr().clone(), ordered).with_fetch(fetch))
                }
            };
            for projection in above.into_iter().rev() {
                sorted = over(projection, sorted)?;
            }
            Ok(Transformed::new(sorted, true, TreeNodeRecursion::Jump))
        })
        .data()
    }

    fn name(&self) -> &str {
        "TimeOrderRule"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// How many of the first rows are wanted; below a filter nobody knows.
#[derive(Clone, Copy)]
struct Wanted {
    fetch: Option<usize>,
    with_ties: bool,
}

/// The plan over an ordered scan, in one partition; None where an operator below the sort
/// mixes the order up.
fn ordered(
    plan: &Arc<dyn ExecutionPlan>,
    sort: &PhysicalSortExpr,
    wanted: Wanted,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(scan) = plan.downcast_ref::<EventScanExec>() {
        // A sort of everything for its own sake is no better with one partition.
        if wanted.with_ties && wanted.fetch.is_none() {
            return Ok(None);
        }
        return match scan.ordered(sort, wanted.fetch, wanted.with_ties) {
            Some(Ok(scan)) => Ok(Some(Arc::new(scan))),
            Some(Err(error)) => Err(DataFusionError::External(Box::new(error))),
            None => Ok(None),
        };
    }
    if is_merge(plan) {
        let [input] = plan.children()[..] else {
            return Ok(None);
        };
        return ordered(input, sort, wanted);
    }
    let (input, below, wanted) = if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
        let below = column_below(sort, |i| {
            projection
                .expr()
                .get(i)?
                .expr
                .downcast_ref::<Column>()
                .cloned()
        });
        (projection.input(), below, wanted)
    } else if let Some(filter) = plan.downcast_ref::<FilterExec>() {
        if filter.fetch().is_some() {
            return Ok(None);
        }
        let below = match filter.projection() {
            None => Some(sort.clone()),
            Some(kept) => {
                let schema = filter.input().schema();
                column_below(sort, |i| {
                    let index = *kept.get(i)?;
                    Some(Column::new(schema.fields().get(index)?.name(), index))
                })
            }
        };
        let unknown = Wanted {
            fetch: None,
            ..wanted
        };
        (filter.input(), below, unknown)
    } else {
        return Ok(None);
    };
    let Some(below) = below else {
        return Ok(None);
    };
    let Some(input) = ordered(input, &below, wanted)? else {
        return Ok(None);
    };
    over(plan, input).map(Some)
}

/// The operator over another input, whose properties are not those of the first.
pub fn over(
    operator: &Arc<dyn ExecutionPlan>,
    input: Arc<dyn ExecutionPlan>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
    Arc::clone(operator).replace_children(vec![input], options)
}

/// Operators that only move batches between threads, and do nothing with one partition.
pub fn is_merge(plan: &Arc<dyn ExecutionPlan>) -> bool {
    if let Some(merge) = plan.downcast_ref::<CoalescePartitionsExec>() {
        return merge.fetch().is_none();
    }
    if let Some(repartition) = plan.downcast_ref::<RepartitionExec>() {
        return matches!(repartition.partitioning(), Partitioning::RoundRobinBatch(_));
    }
    plan.downcast_ref::<CooperativeExec>().is_some()
}

/// The sort by the column that the sorted one is made of.
fn column_below(
    sort: &PhysicalSortExpr,
    below: impl Fn(usize) -> Option<Column>,
) -> Option<PhysicalSortExpr> {
    let column = sort.expr.downcast_ref::<Column>()?;
    Some(PhysicalSortExpr {
        expr: Arc::new(below(column.index())?),
        options: sort.options,
    })
}
