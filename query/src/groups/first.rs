//! A physical rule: a sort that wants the first few groups by what was counted has the
//! operator leave out the others, whose keys are then never made.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;

use super::GroupScanExec;
use crate::time_order::{is_merge, over};

/// See the module.
#[derive(Debug)]
pub struct FirstGroupsRule;

impl PhysicalOptimizerRule for FirstGroupsRule {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_down(|plan| {
            let Some((sort, n)) = plan
                .downcast_ref::<SortExec>()
                .and_then(|sort| Some((sort, sort.fetch()?)))
            else {
                return Ok(Transformed::no(plan));
            };
            let by = sort.expr().first();
            let Some(column) = by.expr.downcast_ref::<Column>() else {
                return Ok(Transformed::no(plan));
            };
            let wanted = Wanted {
                place: column.index(),
                is_descending: by.options.descending,
                n,
            };
            match first(sort.input(), wanted)? {
                Some(input) => over(&plan, input).map(Transformed::yes),
                None => Ok(Transformed::no(plan)),
            }
        })
        .data()
    }

    fn name(&self) -> &str {
        "FirstGroupsRule"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The first rows by the column at a place, and all that tie with the last of them.
#[derive(Clone, Copy)]
struct Wanted {
    place: usize,
    is_descending: bool,
    n: usize,
}

/// The plan with an operator that gives only what is wanted; none where that is not told
/// by its groups.
fn first(plan: &Arc<dyn ExecutionPlan>, wanted: Wanted) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if let Some(groups) = plan.downcast_ref::<GroupScanExec>() {
        let first = groups.first_by(wanted.place, wanted.is_descending, wanted.n);
        return Ok(first.map(|groups| Arc::new(groups) as _));
    }
    let below = match plan.downcast_ref::<ProjectionExec>() {
        Some(projection) => {
            let made = projection.expr().get(wanted.place);
            let Some(column) = made.and_then(|made| made.expr.downcast_ref::<Column>()) else {
                return Ok(None);
            };
            Wanted {
                place: column.index(),
                ..wanted
            }
        }
        None if is_merge(plan) => wanted,
        None => return Ok(None),
    };
    let [input] = plan.children()[..] else {
        return Ok(None);
    };
    match first(input, below)? {
        Some(input) => over(plan, input).map(Some),
        None => Ok(None),
    }
}
