//! The steps of a pipeline between its syntax and the plan.
//!
//! Which columns the scan has to give is only known when the last command is read, so
//! commands become steps first and the plan is built from them at the end, upwards from
//! the scan.
//!
//! Columns of the scan are qualified with [`EVENTS`], computed ones with [`ROW`], and no
//! two computed ones share a name: a field of any spelling can be named beside them.

use std::sync::Arc;

use datafusion::common::{Column, Result, UnnestOptions};
use datafusion::datasource::provider_as_source;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, SortExpr, TableSource, lit,
};
use tarn_store::StoreId;

use crate::leaves::LeafSet;
use crate::table::QueryScope;

/// The qualifier of the scan's columns.
pub(super) const EVENTS: &str = "events";

/// The qualifier of computed columns.
pub(super) const ROW: &str = "row";

/// What is done with the rows of the step before.
#[derive(Debug)]
pub(super) enum Step {
    Filter(Expr),
    /// Adds columns.
    Extend(Vec<Computed>),
    Aggregate {
        keys: Vec<Computed>,
        aggregates: Vec<Computed>,
        /// What becomes of keys and aggregates: these are all the columns there are then.
        outputs: Vec<Computed>,
    },
    Sort(Vec<SortExpr>),
    Limit(usize),
    /// Keeps the first row, in the order, of each combination of the keys, and every row
    /// in which one of them is missing. The rows come out in no order.
    Dedup {
        keys: Vec<Expr>,
        order: Vec<SortExpr>,
        counter: Column,
    },
    /// A row for each element of a list; the column then holds the element.
    Unnest(Column),
}

/// A column and what it is made of.
#[derive(Debug, Clone)]
pub(super) struct Computed {
    pub expr: Expr,
    pub column: Column,
}

impl Computed {
    fn aliased(&self) -> Expr {
        self.expr
            .clone()
            .alias_qualified(self.column.relation.clone(), &self.column.name)
    }
}

/// Where the rows come from.
pub(super) struct Events {
    pub leaves: LeafSet,
    pub scope: QueryScope,
    /// At least one.
    pub stores: Vec<StoreId>,
}

/// The plan of the steps, with the columns shown, each under its name.
pub(super) fn build(
    events: Events,
    steps: Vec<Step>,
    shown: Vec<(Expr, String)>,
) -> Result<LogicalPlan> {
    let mut plan = scan(events)?;
    let visible: Vec<Expr> = shown.iter().map(|(expr, _)| expr.clone()).collect();
    for step in steps {
        plan = apply(step, plan, &visible)?;
    }
    let shown = shown.into_iter().map(|(expr, name)| expr.alias(name));
    LogicalPlanBuilder::from(plan).project(shown)?.build()
}

fn scan(events: Events) -> Result<LogicalPlan> {
    let one = |store| {
        let table = events
            .leaves
            .clone()
            .into_table(events.scope.clone(), store);
        let source: Arc<dyn TableSource> = provider_as_source(Arc::new(table));
        LogicalPlanBuilder::scan(EVENTS, source, None)
    };
    let mut stores = events.stores.iter().copied();
    let Some(first) = stores.next() else {
        return datafusion::common::internal_err!("a pipeline without a store");
    };
    let mut plan = one(first)?;
    for store in stores {
        plan = plan.union(one(store)?.build()?)?;
    }
    if events.stores.len() > 1 {
        plan = plan.alias(EVENTS)?;
    }
    plan.build()
}

fn apply(step: Step, plan: LogicalPlan, visible: &[Expr]) -> Result<LogicalPlan> {
    match step {
        Step::Filter(condition) => LogicalPlanBuilder::from(plan).filter(condition)?.build(),
        Step::Extend(columns) => {
            let kept = plan.schema().columns().into_iter().map(Expr::Column);
            let all: Vec<Expr> = kept.chain(columns.iter().map(Computed::aliased)).collect();
            LogicalPlanBuilder::from(plan).project(all)?.build()
        }
        Step::Aggregate {
            keys,
            aggregates,
            outputs,
        } => aggregate(plan, keys, aggregates, outputs),
        Step::Sort(order) => LogicalPlanBuilder::from(plan).sort(order)?.build(),
        Step::Limit(rows) => LogicalPlanBuilder::from(plan).limit(0, Some(rows))?.build(),
        Step::Dedup {
            keys,
            order,
            counter,
        } => dedup(plan, keys, order, counter, visible),
        Step::Unnest(column) => unnest(plan, column),
    }
}

fn aggregate(
    plan: LogicalPlan,
    keys: Vec<Computed>,
    aggregates: Vec<Computed>,
    outputs: Vec<Computed>,
) -> Result<LogicalPlan> {
    let exprs =
        |computed: &[Computed]| -> Vec<Expr> { computed.iter().map(|c| c.expr.clone()).collect() };
    let plan = LogicalPlanBuilder::from(plan)
        .aggregate(exprs(&keys), exprs(&aggregates))?
        .build()?;
    // The aggregate names its columns itself: keys, then aggregates.
    let columns = plan.schema().columns().into_iter();
    let named = columns
        .zip(keys.iter().chain(&aggregates))
        .map(|(column, computed)| {
            let relation = computed.column.relation.clone();
            Expr::Column(column).alias_qualified(relation, &computed.column.name)
        });
    let named: Vec<Expr> = named.collect();
    LogicalPlanBuilder::from(plan)
        .project(named)?
        .project(outputs.iter().map(Computed::aliased))?
        .build()
}

fn dedup(
    plan: LogicalPlan,
    keys: Vec<Expr>,
    mut order: Vec<SortExpr>,
    counter: Column,
    visible: &[Expr],
) -> Result<LogicalPlan> {
    // Of equals the one that is shown would be any: what is shown decides.
    for expr in visible {
        if let Expr::Column(column) = expr
            && plan.schema().has_column(column)
            && !order.iter().any(|sort| sort.expr == *expr)
        {
            order.push(SortExpr::new(expr.clone(), true, true));
        }
    }
    let has_gap = keys.iter().map(|key| key.clone().is_null());
    let Some(has_gap) = has_gap.reduce(Expr::or) else {
        return Ok(plan);
    };
    let number = row_number().partition_by(keys).order_by(order).build()?;
    let number = number.alias_qualified(counter.relation.clone(), &counter.name);
    let is_first = Expr::Column(counter).eq(lit(1_u64));
    LogicalPlanBuilder::from(plan)
        .window([number])?
        .filter(is_first.or(has_gap))?
        .build()
}

fn unnest(plan: LogicalPlan, column: Column) -> Result<LogicalPlan> {
    let before = plan.schema().columns();
    let plan = LogicalPlanBuilder::from(plan)
        .unnest_column_with_options(column, UnnestOptions::default())?
        .build()?;
    // The element's column has lost its qualifier.
    let renamed = plan.schema().columns().into_iter().zip(before);
    let renamed: Vec<Expr> = renamed
        .map(|(now, before)| match now == before {
            true => Expr::Column(now),
            false => Expr::Column(now).alias_qualified(before.relation, before.name),
        })
        .collect();
    LogicalPlanBuilder::from(plan).project(renamed)?.build()
}
