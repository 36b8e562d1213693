//! A physical rule: an aggregation over a scan becomes one of the scan's own.
//!
//! DataFusion groups rows, and its texts have to be made for each row first. A split
//! numbers its texts, so the store groups numbers and makes the texts of the groups
//! (`tarn_store::scan::groups`). Two shapes are known:
//!
//! - every key is a column, or the event's time rounded down: the operator gives the
//!   final groups;
//! - keys are made of such columns (`hour(eventTime)`, `lower(eventName)`): the operator
//!   groups by what they are made of, the keys are made for each of these groups, and
//!   DataFusion's final aggregation puts those together whose keys are the same.
//!
//! Elements of a list are grouped like events (`unnested`).
//!
//! What is not known stays with DataFusion, as does a query whose groups are too much for
//! its share of memory: DataFusion's aggregation can spill.

mod exec;
mod first;
mod keys;
mod unnested;

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, SchemaRef};
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::{AggregateExprBuilder, AggregateFunctionExpr};
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode, PhysicalGroupBy};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use tarn_store::groups::{Aggregate, GroupKey, GroupRequest};
use tarn_store::{Access, ScanColumn};

use crate::columns::event_time;
use crate::exec::EventScanExec;

pub use exec::GroupScanExec;
pub use first::FirstGroupsRule;
use keys::Keys;

/// See the module.
#[derive(Debug)]
pub struct GroupScanRule;

impl PhysicalOptimizerRule for GroupScanRule {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            Ok(match replaced(&plan)? {
                Some(replaced) => Transformed::yes(replaced),
                None => Transformed::no(plan),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        "GroupScanRule"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn replaced(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(aggregation) = Aggregation::of(plan) else {
        return Ok(None);
    };
    if let Some(distinct) = aggregation.over_groups(plan) {
        return Ok(Some(distinct));
    }
    match aggregation.scan() {
        Some((scan, columns)) => aggregation.over_scan(plan, &scan, columns),
        None => unnested::over_elements(&aggregation, plan),
    }
}

/// A scan, and what each column of an operator above it is in the scan's columns.
type ScanBelow = (Arc<EventScanExec>, Vec<Arc<dyn PhysicalExpr>>);

/// An aggregation in one or two steps that gives its final rows.
struct Aggregation<'p> {
    last: &'p AggregateExec,
    /// The step that reads the input.
    first: &'p AggregateExec,
}

impl<'p> Aggregation<'p> {
    fn of(plan: &'p Arc<dyn ExecutionPlan>) -> Option<Self> {
        let last = plan.downcast_ref::<AggregateExec>()?;
        let first = match last.mode() {
            AggregateMode::Single | AggregateMode::SinglePartitioned => last,
            AggregateMode::Final | AggregateMode::FinalPartitioned => {
                let first = last.input().downcast_ref::<AggregateExec>()?;
                (*first.mode() == AggregateMode::Partial).then_some(first)?
            }
            AggregateMode::Partial | AggregateMode::PartialReduce => return None,
        };
        let is_plain = first.group_expr().is_single()
            && first.filter_expr().iter().all(Option::is_none)
            && first.limit_options().is_none()
            && last.limit_options().is_none();
        is_plain.then_some(Self { last, first })
    }

    /// The scan that the aggregation reads.
    fn scan(&self) -> Option<ScanBelow> {
        let input = self.first.input();
        if let Some(projection) = input.downcast_ref::<ProjectionExec>() {
            let scan = projection.input().downcast_ref::<EventScanExec>()?;
            let exprs = projection.expr().iter().map(|p| Arc::clone(&p.expr));
            return Some((Arc::new(scan.clone()), exprs.collect()));
        }
        let scan = input.downcast_ref::<EventScanExec>()?;
        let schema = input.schema();
        let column = |(i, field): (usize, &Arc<_>)| column(field, i);
        let columns = schema.fields().iter().enumerate().map(column).collect();
        Some((Arc::new(scan.clone()), columns))
    }

    fn over_scan(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        scan: &Arc<EventScanExec>,
        columns: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let request = scan.request();
        if request.limit.is_some() || request.order.is_some() || request.access != Access::Indexed {
            return Ok(None);
        }
        let mut exprs = Vec::new();
        for (expr, name) in self.first.group_expr().expr() {
            exprs.push((keys::below(expr, &columns)?, name.clone()));
        }
        let mut aggregates = Vec::new();
        for aggregate in self.first.aggr_expr() {
            match aggregate_of(aggregate, &columns, &request.columns)? {
                Some(aggregate) => aggregates.push(aggregate),
                None => return Ok(None),
            }
        }
        let keys = Keys::of(&exprs, &request.columns);
        if let Some(keys) = keys.as_values() {
            return Ok(GroupScanExec::try_new(
                Arc::clone(scan),
                of_events(keys, aggregates),
                plan.schema(),
                Arc::clone(plan),
            ));
        }
        let has_distinct = |a: &Aggregate| matches!(a, Aggregate::Distinct(_));
        if self.is_single_step() || aggregates.iter().any(has_distinct) {
            return Ok(None);
        }
        match keys.as_parts() {
            Some(parts) => self.over_parts(scan, &exprs, parts, aggregates, &columns),
            None => Ok(None),
        }
    }

    fn is_single_step(&self) -> bool {
        std::ptr::eq(self.last, self.first)
    }

    /// Groups by what the keys are made of, then by the keys.
    fn over_parts(
        &self,
        scan: &Arc<EventScanExec>,
        exprs: &[(Arc<dyn PhysicalExpr>, String)],
        parts: Vec<(usize, GroupKey)>,
        aggregates: Vec<Aggregate>,
        columns: &[Arc<dyn PhysicalExpr>],
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let scanned = scan.schema();
        let mut by_parts = Vec::with_capacity(parts.len());
        for (place, _) in &parts {
            let field = scanned.field(*place);
            by_parts.push((column(field, *place), field.name().clone()));
        }
        let mut functions = Vec::new();
        for function in self.first.aggr_expr() {
            functions.push(Arc::new(on_scan(function, columns, &scanned)?));
        }
        let n_functions = functions.len();
        let partial = AggregateExec::try_new(
            AggregateMode::Partial,
            PhysicalGroupBy::new_single(by_parts),
            functions,
            vec![None; n_functions],
            Arc::clone(scan) as _,
            Arc::clone(&scanned),
        )?;
        let partial: Arc<dyn ExecutionPlan> = Arc::new(partial);
        let keys = parts.iter().map(|(_, key)| *key).collect();
        let schema = partial.schema();
        let Some(groups) = GroupScanExec::try_new(
            Arc::clone(scan),
            of_events(keys, aggregates),
            Arc::clone(&schema),
            partial,
        ) else {
            return Ok(None);
        };
        let mut projected = Vec::new();
        for (expr, name) in exprs {
            projected.push(ProjectionExpr {
                expr: keys::on_parts(expr, &parts, &schema)?,
                alias: name.clone(),
            });
        }
        for (i, field) in schema.fields().iter().enumerate().skip(parts.len()) {
            projected.push(ProjectionExpr {
                expr: column(field, i),
                alias: field.name().clone(),
            });
        }
        let made = Arc::new(ProjectionExec::try_new(projected, groups)?);
        let last = AggregateExec::try_new(
            AggregateMode::Final,
            self.first.group_expr().as_final(),
            self.first.aggr_expr().to_vec(),
            self.first.filter_expr().to_vec(),
            made,
            self.first.input_schema(),
        )?;
        let is_same = last.schema().fields() == self.last.schema().fields();
        Ok(is_same.then(|| Arc::new(last) as _))
    }

    /// `count(DISTINCT x)` by some keys arrives as a count of `x` over groups by these keys
    /// and `x`. With one key more, or by fewer, it would count pairs.
    fn over_groups(&self, plan: &Arc<dyn ExecutionPlan>) -> Option<Arc<dyn ExecutionPlan>> {
        let mut input = self.first.input();
        let mut places: Option<Vec<usize>> = None;
        if let Some(projection) = input.downcast_ref::<ProjectionExec>() {
            let place = |p: &ProjectionExpr| Some(p.expr.downcast_ref::<Column>()?.index());
            places = Some(projection.expr().iter().map(place).collect::<Option<_>>()?);
            input = projection.input();
        }
        let groups = input.downcast_ref::<GroupScanExec>()?;
        if groups.is_unnested() {
            return None;
        }
        let place = |expr: &Arc<dyn PhysicalExpr>| {
            let index = expr.downcast_ref::<Column>()?.index();
            match &places {
                Some(places) => places.get(index).copied(),
                None => Some(index),
            }
        };
        let key_places = self.first.group_expr().expr().iter();
        let key_places: Vec<usize> = key_places
            .map(|(expr, _)| place(expr))
            .collect::<Option<_>>()?;
        let keys = key_places.iter().map(|place| groups.key(*place));
        let keys: Vec<GroupKey> = keys.collect::<Option<_>>()?;
        // The only key of the groups that is not one here.
        let mut others = (0..groups.n_keys()).filter(|place| !key_places.contains(place));
        let other = others.next().filter(|_| others.next().is_none());
        let mut aggregates = Vec::new();
        for function in self.first.aggr_expr() {
            let [argument] = &function.expressions()[..] else {
                return None;
            };
            if !function.order_bys().is_empty() || function.is_distinct() {
                return None;
            }
            let place = place(argument)?;
            aggregates.push(match (function.fun().name(), groups.key(place)) {
                ("count", Some(GroupKey::Value(column))) if other == Some(place) => {
                    Aggregate::Distinct(column)
                }
                ("sum", None) => match groups.aggregate(place)? {
                    counted @ (Aggregate::Events | Aggregate::Values(_)) => counted,
                    _ => return None,
                },
                _ => return None,
            });
        }
        // A sum over no group is null, not 0.
        let sums = aggregates
            .iter()
            .any(|a| !matches!(a, Aggregate::Distinct(_)));
        if keys.is_empty() && sums {
            return None;
        }
        GroupScanExec::try_new(
            Arc::clone(groups.scan()),
            of_events(keys, aggregates),
            plan.schema(),
            Arc::clone(plan),
        )
    }
}

fn of_events(keys: Vec<GroupKey>, aggregates: Vec<Aggregate>) -> GroupRequest {
    GroupRequest {
        keys,
        aggregates,
        ..GroupRequest::default()
    }
}

fn column(field: &Field, index: usize) -> Arc<dyn PhysicalExpr> {
    Arc::new(Column::new(field.name(), index))
}

/// The aggregate as the store knows it; none where it does not.
fn aggregate_of(
    function: &AggregateFunctionExpr,
    columns: &[Arc<dyn PhysicalExpr>],
    scanned: &[ScanColumn],
) -> Result<Option<Aggregate>> {
    if !function.order_bys().is_empty() {
        return Ok(None);
    }
    let [argument] = &function.expressions()[..] else {
        return Ok(None);
    };
    let argument = keys::below(argument, columns)?;
    let name = function.fun().name();
    if let Some(literal) = argument.downcast_ref::<Literal>() {
        let is_count = name == "count" && !function.is_distinct() && !literal.value().is_null();
        return Ok(is_count.then_some(Aggregate::Events));
    }
    let Some(column) = argument.downcast_ref::<Column>() else {
        return Ok(None);
    };
    let Some(source) = scanned.get(column.index()).map(|c| &c.source) else {
        return Ok(None);
    };
    let is_time = *source == event_time();
    Ok(match (name, function.is_distinct(), is_time) {
        ("count", false, true) => Some(Aggregate::Events),
        ("count", false, false) => Some(Aggregate::Values(column.index())),
        ("count", true, false) => Some(Aggregate::Distinct(column.index())),
        ("min", _, true) => Some(Aggregate::FirstTime),
        ("max", _, true) => Some(Aggregate::LastTime),
        _ => None,
    })
}

/// The function with arguments that are columns of the scan.
fn on_scan(
    function: &AggregateFunctionExpr,
    columns: &[Arc<dyn PhysicalExpr>],
    scanned: &SchemaRef,
) -> Result<AggregateFunctionExpr> {
    let mut arguments = Vec::new();
    for argument in function.expressions() {
        arguments.push(keys::below(&argument, columns)?);
    }
    AggregateExprBuilder::new(Arc::new(function.fun().clone()), arguments)
        .schema(Arc::clone(scanned))
        .alias(function.name())
        .build()
}
