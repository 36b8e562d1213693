//! UNNEST after FROM, which in Trino sees the tables before it.
//!
//! DataFusion plans such an UNNEST as a lateral join and cannot run one. So it is planned
//! here as a small plan over one empty row, and every join with such a plan becomes the
//! plan of its left side with the arrays unnested beside its columns.
//!
//! An array of rows gives one column for each field, as in Trino; named by a single
//! alias (`UNNEST(resources) AS t(r)`, Athena's documentation) it gives the row itself.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Fields};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{
    Column, DFSchema, DataFusionError, NullHandling, Result, TableReference, UnnestOptions,
};
use datafusion::functions::core::get_field;
use datafusion::logical_expr::expr::{Alias, ScalarFunction};
use datafusion::logical_expr::planner::{
    PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning,
};
use datafusion::logical_expr::{
    Expr, ExprSchemable, Filter, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Projection,
    SubqueryAlias, Unnest, lit,
};

use datafusion::sql::sqlparser::ast::{TableAlias, TableFactor};

use crate::error::{Code, QueryError};
use crate::functions::{self, map_array};

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct UnnestPlanner;

fn refused(code: Code, reason: impl Into<String>) -> DataFusionError {
    DataFusionError::External(Box::new(QueryError::new(code, reason)))
}

/// The call of a function of ours.
fn call(name: &str, args: Vec<Expr>) -> Result<Expr> {
    match functions::by_name(name) {
        Some(udf) => Ok(Expr::ScalarFunction(ScalarFunction::new_udf(udf, args))),
        None => Err(refused(
            Code::Internal,
            format!("there is no function {name}"),
        )),
    }
}

/// An array to unnest, and the fields of its elements where they are rows.
struct Array {
    expr: Expr,
    fields: Option<Fields>,
}

impl RelationPlanner for UnnestPlanner {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let TableFactor::UNNEST {
            alias,
            array_exprs,
            with_ordinality,
            ..
        } = relation
        else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let nothing = DFSchema::empty();
        let mut arrays = Vec::with_capacity(array_exprs.len() + 1);
        for array in array_exprs {
            let expr = context.sql_expr_to_logical_expr(array, &nothing)?;
            arrays.push(Array::of(expr, &nothing)?);
        }
        if with_ordinality {
            arrays.push(Array::ordinals(&arrays)?);
        }
        let (plan, alias) = plan(arrays, alias, with_ordinality)?;
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
            plan, alias,
        ))))
    }
}

impl Array {
    fn of(expr: Expr, schema: &DFSchema) -> Result<Array> {
        let (expr, item) = match expr.get_type(schema)? {
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                (expr, item.data_type().clone())
            }
            DataType::Map(entries, _) => {
                let expr = call("map_entries", vec![expr])?;
                let item = match expr.get_type(schema)? {
                    DataType::List(item) => item.data_type().clone(),
                    _ => entries.data_type().clone(),
                };
                (expr, item)
            }
            other => {
                return Err(refused(
                    Code::WrongType,
                    format!("UNNEST takes arrays and maps, not {other}"),
                ));
            }
        };
        let fields = match item {
            DataType::Struct(fields) => Some(fields),
            _ => None,
        };
        Ok(Array { expr, fields })
    }

    /// 1, 2, … beside the elements of the others.
    fn ordinals(others: &[Array]) -> Result<Array> {
        let arrays = others.iter().map(|array| array.expr.clone()).collect();
        Ok(Array {
            expr: call(map_array::ORDINALS, arrays)?,
            fields: None,
        })
    }

    fn columns(&self) -> usize {
        self.fields.as_ref().map_or(1, |fields| fields.len())
    }
}

/// The name of the column that holds the array of a position.
fn holder(at: usize) -> String {
    format!("unnest #{at}")
}

/// The arrays unnested, over one empty row.
fn plan(
    arrays: Vec<Array>,
    alias: Option<TableAlias>,
    with_ordinality: bool,
) -> Result<(LogicalPlan, Option<TableAlias>)> {
    let names: Vec<String> = match &alias {
        Some(alias) => alias.columns.iter().map(|c| c.name.value.clone()).collect(),
        None => Vec::new(),
    };
    let expanded: usize = arrays.iter().map(Array::columns).sum();
    // Rows stay rows where there is one name for each array.
    let whole_rows = !names.is_empty() && names.len() != expanded && names.len() == arrays.len();
    if !names.is_empty() && !whole_rows && names.len() != expanded {
        return Err(refused(
            Code::Syntax,
            format!(
                "UNNEST gives {expanded} columns here, and {} are named",
                names.len()
            ),
        ));
    }
    let own_name = alias.as_ref().map(|a| a.name.value.clone());
    let held = arrays
        .iter()
        .enumerate()
        .map(|(at, array)| array.expr.clone().alias(holder(at)));
    let plan = LogicalPlanBuilder::empty(true).project(held)?;
    let holders = (0..arrays.len())
        .map(|at| Column::new_unqualified(holder(at)))
        .collect();
    let options = UnnestOptions::new().with_null_handling(NullHandling::Drop);
    let plan = plan.unnest_columns_with_options(holders, options)?;

    let single = arrays.len() == 1 || (with_ordinality && arrays.len() == 2);
    let mut names = names.into_iter();
    let mut columns = Vec::with_capacity(expanded);
    for (at, array) in arrays.iter().enumerate() {
        let element = Expr::Column(Column::new_unqualified(holder(at)));
        match array.fields.as_ref().filter(|_| !whole_rows) {
            Some(fields) => {
                for field in fields {
                    let args = vec![element.clone(), lit(field.name().clone())];
                    let value = Expr::ScalarFunction(ScalarFunction::new_udf(get_field(), args));
                    let name = names.next().unwrap_or_else(|| field.name().clone());
                    columns.push(value.alias(name));
                }
            }
            None => {
                let is_ordinality = with_ordinality && at + 1 == arrays.len();
                let name = names.next().unwrap_or_else(|| match &own_name {
                    _ if is_ordinality => "ordinality".to_owned(),
                    Some(name) if single => name.clone(),
                    _ => format!("_col{at}"),
                });
                columns.push(element.alias(name));
            }
        }
    }
    let plan = plan.project(columns)?.build()?;
    let alias = alias.map(|alias| TableAlias {
        columns: Vec::new(),
        ..alias
    });
    Ok((plan, alias))
}

/// The plan with every join with an UNNEST turned into an unnesting of its left side.
pub(super) fn flatten(plan: LogicalPlan) -> Result<LogicalPlan> {
    let flattened = plan.transform_up_with_subqueries(|node| {
        let node = match node {
            LogicalPlan::Join(join) => match lateral(&join.right) {
                Some(right) => return unnested(&join, right).map(Transformed::yes),
                None => LogicalPlan::Join(join),
            },
            other => other,
        };
        Ok(Transformed::no(node))
    })?;
    if !flattened.transformed {
        return Ok(flattened.data);
    }
    // The nodes above were made with the schemas of the joins.
    let plan = flattened
        .data
        .transform_up_with_subqueries(|node| node.recompute_schema().map(Transformed::yes))?;
    Ok(plan.data)
}

/// The parts of a planned UNNEST that refers to tables before it.
struct Lateral<'p> {
    alias: Option<&'p TableReference>,
    columns: &'p [Expr],
    unnest: &'p Unnest,
    held: &'p [Expr],
}

fn lateral(plan: &LogicalPlan) -> Option<Lateral<'_>> {
    let (alias, plan) = match plan {
        LogicalPlan::SubqueryAlias(SubqueryAlias { input, alias, .. }) => {
            (Some(alias), input.as_ref())
        }
        other => (None, other),
    };
    let LogicalPlan::Subquery(subquery) = plan else {
        return None;
    };
    let LogicalPlan::Projection(Projection { expr, input, .. }) = subquery.subquery.as_ref() else {
        return None;
    };
    let LogicalPlan::Unnest(unnest) = input.as_ref() else {
        return None;
    };
    match unnest.input.as_ref() {
        LogicalPlan::Projection(held)
            if matches!(held.input.as_ref(), LogicalPlan::EmptyRelation(_)) =>
        {
            Some(Lateral {
                alias,
                columns: expr,
                unnest,
                held: &held.expr,
            })
        }
        _ => None,
    }
}

fn unnested(join: &Join, right: Lateral) -> Result<LogicalPlan> {
    let is_true = |filter: &Expr| *filter == lit(true);
    let keeps_left = match join.join_type {
        JoinType::Inner => false,
        JoinType::Left if join.on.is_empty() && join.filter.as_ref().is_none_or(is_true) => true,
        _ => {
            return Err(refused(
                Code::Unsupported,
                "UNNEST is joined by CROSS JOIN, or by LEFT JOIN … ON TRUE",
            ));
        }
    };
    let left_columns: Vec<Expr> = join
        .left
        .schema()
        .columns()
        .into_iter()
        .map(Expr::Column)
        .collect();
    let held = right.held.iter().map(|expr| inner(expr.clone()));
    let held = held.collect::<Result<Vec<_>>>()?;
    let plan = LogicalPlanBuilder::from(Arc::unwrap_or_clone(Arc::clone(&join.left)))
        .project(left_columns.iter().cloned().chain(held))?;
    let handling = if keeps_left {
        NullHandling::PreserveAndExpandEmpty
    } else {
        NullHandling::Drop
    };
    let options = UnnestOptions::new().with_null_handling(handling);
    let plan = plan.unnest_columns_with_options(right.unnest.exec_columns.clone(), options)?;
    let columns = right.columns.iter().map(|column| match column {
        Expr::Alias(Alias { expr, name, .. }) => expr
            .as_ref()
            .clone()
            .alias_qualified(right.alias.cloned(), name),
        other => other.clone(),
    });
    let plan = plan
        .project(left_columns.into_iter().chain(columns))?
        .build()?;
    let mut filters: Vec<Expr> = join
        .on
        .iter()
        .map(|(left, right)| left.clone().eq(right.clone()))
        .collect();
    if !keeps_left {
        filters.extend(join.filter.iter().filter(|f| !is_true(f)).cloned());
    }
    match filters.into_iter().reduce(Expr::and) {
        Some(predicate) => Filter::try_new(predicate, Arc::new(plan)).map(LogicalPlan::Filter),
        None => Ok(plan),
    }
}

/// An expression over the outer row, as one over the row itself.
fn inner(expr: Expr) -> Result<Expr> {
    let inner = expr.transform_up(|part| {
        Ok(match part {
            Expr::OuterReferenceColumn(_, column) => Transformed::yes(Expr::Column(column)),
            other => Transformed::no(other),
        })
    })?;
    Ok(inner.data)
}
