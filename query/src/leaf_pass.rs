//! A pass over SQL's plan: what it reaches for in structs and maps becomes leaf columns.
//!
//! The plan is made against CloudTrail Lake's columns, because that is what names mean and
//! what `*` stands for. Then every table gets the leaf columns that the query reaches for,
//! and each reach is replaced where its table's columns are in scope: filters, sorts,
//! joins and aliases hand columns on, projections and aggregates end their scope. What is
//! not replaced reads the whole struct or map, slower and to the same effect. Columns that
//! turn out unused go when DataFusion prunes projections.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DataFusionError, Result, TableReference};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::logical_plan::TableScanBuilder;
use datafusion::logical_expr::{
    Expr, Filter, Limit, LogicalPlan, LogicalPlanBuilder, Projection, Sort, SubqueryAlias,
};
use tarn_store::{ColumnSource, ScanColumn};

use crate::columns::Columns;
use crate::error::{Code, QueryError};
use crate::leaves::LeafSet;
use crate::resolve::{self, Reach};
use crate::search_function;
use crate::system_columns;
use crate::table::EventTable;

/// The plan with leaf columns for what it reaches for.
///
/// **Shape**: the columns of the result and their names are those of the plan.
/// **Errors**: a `search()` that stands where no event is in reach.
pub fn run(plan: LogicalPlan, searches: &search_function::Lowering<'_>) -> Result<LogicalPlan> {
    let mut leaves = Leaves::of(&plan, searches)?;
    if leaves.set.is_empty() {
        return Ok(plan);
    }
    let shown: Vec<Expr> = plan
        .schema()
        .columns()
        .into_iter()
        .map(Expr::Column)
        .collect();
    let rewrite = |leaves: &Leaves<'_, '_>, plan: LogicalPlan| {
        plan.transform_up_with_subqueries(|node| leaves.rewrite(node))
    };
    let rewritten = rewrite(&leaves, plan.clone()).or_else(|_| {
        // A derived table with more columns does not fit everywhere, such as beside
        // another in a union.
        leaves.widen = false;
        rewrite(&leaves, plan)
    })?;
    let rewritten = rewritten.data;
    refuse_left_over(&rewritten)?;
    if rewritten.schema().fields().len() == shown.len() {
        return Ok(rewritten);
    }
    LogicalPlanBuilder::from(rewritten).project(shown)?.build()
}

/// Fails where something is left that only a scan can tell.
fn refuse_left_over(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|part| {
                let system_column = || {
                    let column = system_columns::of(part)?;
                    let message = format!("no events are in reach of `{}`", column.name);
                    Some(QueryError::new(Code::UnknownField, message))
                };
                match search_function::out_of_reach(part).or_else(system_column) {
                    Some(error) => Err(DataFusionError::External(Box::new(error))),
                    None => Ok(TreeNodeRecursion::Continue),
                }
            })
        })
    })?;
    Ok(())
}

/// A leaf column that an expression is.
struct Leaf {
    relation: Option<TableReference>,
    name: String,
    source: ColumnSource,
}

struct Leaves<'s, 'q> {
    set: LeafSet,
    searches: &'s search_function::Lowering<'q>,
    /// Whether derived tables hand leaves on.
    widen: bool,
}

impl<'s, 'q> Leaves<'s, 'q> {
    fn of(plan: &LogicalPlan, searches: &'s search_function::Lowering<'q>) -> Result<Self> {
        let mut leaves = Self {
            set: LeafSet::new(),
            searches,
            widen: true,
        };
        plan.apply_with_subqueries(|node| {
            node.apply_expressions(|expr| expr.apply(|part| leaves.gather(part)))
        })?;
        Ok(leaves)
    }

    fn gather(&mut self, expr: &Expr) -> Result<TreeNodeRecursion> {
        if let Some(leaf) = self.leaf(expr)? {
            self.set.add(leaf.name, leaf.source);
            return Ok(TreeNodeRecursion::Jump);
        }
        Ok(TreeNodeRecursion::Continue)
    }

    /// The leaf column that an expression is, by its own name.
    fn leaf(&self, expr: &Expr) -> Result<Option<Leaf>> {
        if let Some(Reach {
            column,
            path,
            source,
        }) = resolve::reach(expr)
        {
            return Ok(Some(Leaf {
                relation: column.relation,
                name: path.to_string(),
                source,
            }));
        }
        if let Some(column) = system_columns::of(expr) {
            return Ok(Some(Leaf {
                relation: column.relation,
                name: column.name.to_owned(),
                source: column.source,
            }));
        }
        let predicate = self.searches.predicate_of(expr)?;
        Ok(predicate.map(|predicate| Leaf {
            relation: None,
            name: predicate.to_string(),
            source: ColumnSource::Matches(Box::new(predicate)),
        }))
    }

    fn rewrite(&self, node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        // What is below has changed its columns.
        let node = node.recompute_schema()?;
        match node {
            LogicalPlan::TableScan(scan) => {
                let provider = source_as_provider(&scan.source)?;
                let Some(table) = provider.downcast_ref::<EventTable>() else {
                    return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
                };
                let columns: Columns = table.columns().with(self.set.columns());
                let table = table.with_columns(Arc::new(columns));
                let rebuilt = TableScanBuilder::new(
                    scan.table_name.clone(),
                    provider_as_source(Arc::new(table)),
                )
                .with_filters(scan.filters.clone())
                .with_fetch(scan.fetch)
                .build()?;
                Ok(Transformed::yes(LogicalPlan::TableScan(rebuilt)))
            }
            LogicalPlan::SubqueryAlias(SubqueryAlias { input, alias, .. }) if self.widen => {
                let input = Arc::new(self.widened(Arc::unwrap_or_clone(input))?);
                let widened = SubqueryAlias::try_new(input, alias)?;
                Ok(Transformed::yes(LogicalPlan::SubqueryAlias(widened)))
            }
            LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Window(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Join(_) => self.replace(node),
            other => Ok(Transformed::yes(other)),
        }
    }

    fn replace(&self, node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let inputs: Vec<_> = node
            .inputs()
            .iter()
            .map(|input| Arc::clone(input.schema()))
            .collect();
        let in_scope = |column: &Column| {
            let found = inputs.iter().filter(|schema| match column.relation {
                Some(_) => schema.has_column(column),
                None => {
                    schema
                        .qualified_fields_with_unqualified_name(&column.name)
                        .len()
                        == 1
                }
            });
            found.count() == 1
        };
        let names = NamePreserver::new(&node);
        let replaced = node.map_expressions(|expr| {
            // A grouping set names its columns itself, and an alias within it is lost.
            if matches!(expr, Expr::GroupingSet(_)) {
                return Ok(Transformed::no(expr));
            }
            let name = names.save(&expr);
            let replaced =
                expr.transform_down(|part| match self.column_for(&part, &in_scope)? {
                    Some(column) => {
                        let column = Expr::Column(column);
                        Ok(Transformed::new(column, true, TreeNodeRecursion::Jump))
                    }
                    None => Ok(Transformed::no(part)),
                })?;
            Ok(match replaced.transformed {
                true => Transformed::yes(name.restore(replaced.data)),
                false => replaced,
            })
        })?;
        let changed = replaced.transformed;
        let node = match changed {
            true => replaced.data.recompute_schema()?,
            false => replaced.data,
        };
        Ok(Transformed::yes(node))
    }

    /// The column that stands for the expression, where it is in scope.
    fn column_for(
        &self,
        expr: &Expr,
        in_scope: &dyn Fn(&Column) -> bool,
    ) -> Result<Option<Column>> {
        let Some(leaf) = self.leaf(expr)? else {
            return Ok(None);
        };
        let known = self
            .set
            .columns()
            .iter()
            .find(|column| column.source == leaf.source);
        let Some(ScanColumn { name, .. }) = known else {
            return Ok(None);
        };
        let column = Column::new(leaf.relation, name.clone());
        Ok(in_scope(&column).then_some(column))
    }

    /// A derived table that hands on a column of events hands on its leaves as well, behind
    /// its own columns, where only this pass looks for them.
    fn widened(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        match plan {
            LogicalPlan::Projection(Projection {
                mut expr, input, ..
            }) => {
                let mut more = Vec::new();
                for column in expr.iter().filter_map(Expr::try_as_col) {
                    for leaf in self.set.columns() {
                        let path = Column::new(column.relation.clone(), leaf.name.clone());
                        let is_below = resolve::begins_with(leaf, &column.name);
                        if is_below && input.schema().has_column(&path) {
                            more.push(Expr::Column(path));
                        }
                    }
                }
                more.retain(|leaf| !expr.contains(leaf));
                expr.extend(more);
                Projection::try_new(expr, input).map(LogicalPlan::Projection)
            }
            LogicalPlan::Filter(Filter {
                predicate, input, ..
            }) => {
                let input = self.widened_input(input)?;
                Filter::try_new(predicate, input).map(LogicalPlan::Filter)
            }
            LogicalPlan::Sort(sort) => {
                let input = self.widened_input(sort.input)?;
                Ok(LogicalPlan::Sort(Sort { input, ..sort }))
            }
            LogicalPlan::Limit(limit) => {
                let input = self.widened_input(limit.input)?;
                Ok(LogicalPlan::Limit(Limit { input, ..limit }))
            }
            other => Ok(other),
        }
    }

    fn widened_input(&self, input: Arc<LogicalPlan>) -> Result<Arc<LogicalPlan>> {
        self.widened(Arc::unwrap_or_clone(input)).map(Arc::new)
    }
}
