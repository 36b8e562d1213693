//! An aggregation over the elements of a list of the scan becomes one of the scan's own.
//!
//! `FROM events CROSS JOIN UNNEST(resources) AS t(r) … GROUP BY r.arn` arrives as an
//! aggregation over an unnesting of a scan, with projections in between and a filter of
//! `r.arn IS NOT NULL`. Keys may be members of the element and columns of the event.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{NullHandling, Result, ScalarValue};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, IsNotNullExpr, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::unnest::UnnestExec;
use tarn_store::Access;
use tarn_store::groups::{GroupKey, GroupRequest};

use super::exec::GroupScanExec;
use super::keys::{self, Keys};
use super::{Aggregation, aggregate_of, column};
use crate::exec::EventScanExec;

/// An unnesting of one list of a scan, and what is done to its elements before they are
/// grouped.
struct Unnesting {
    scan: Arc<EventScanExec>,
    /// The columns of the unnesting, in the scan's columns; none for the element.
    events: Vec<Option<Arc<dyn PhysicalExpr>>>,
    /// The place of the element among them, and of the list in the scan.
    element: usize,
    list: usize,
    /// What the aggregation's input is in the columns of the unnesting.
    columns: Vec<Arc<dyn PhysicalExpr>>,
    /// Filters, in the same.
    filters: Vec<Arc<dyn PhysicalExpr>>,
}

/// The operator in the place of an aggregation over elements; none where it is of another
/// shape.
pub fn over_elements(
    aggregation: &Aggregation<'_>,
    plan: &Arc<dyn ExecutionPlan>,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(unnesting) = Unnesting::below(aggregation.first.input())? else {
        return Ok(None);
    };
    let request = unnesting.scan.request();
    if request.limit.is_some() || request.order.is_some() || request.access != Access::Indexed {
        return Ok(None);
    }
    let mut wanted = GroupRequest {
        unnested: Some(unnesting.list),
        ..GroupRequest::default()
    };
    for (expr, name) in aggregation.first.group_expr().expr() {
        let expr = keys::below(expr, &unnesting.columns)?;
        match unnesting.key(&expr, name)? {
            Some(key) => wanted.keys.push(key),
            None => return Ok(None),
        }
    }
    let of_events = unnesting.columns_of_events()?;
    for function in aggregation.first.aggr_expr() {
        match aggregate_of(function, &of_events, &request.columns)? {
            Some(aggregate) => wanted.aggregates.push(aggregate),
            None => return Ok(None),
        }
    }
    for filter in &unnesting.filters {
        match unnesting.present(filter) {
            Some(member) => wanted.present.push(member),
            None => return Ok(None),
        }
    }
    Ok(GroupScanExec::try_new(
        Arc::clone(&unnesting.scan),
        wanted,
        plan.schema(),
        Arc::clone(plan),
    ))
}

impl Unnesting {
    /// Walks down from the input of an aggregation.
    fn below(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Self>> {
        let mut plan = plan;
        let mut columns = own_columns(plan);
        let mut filters: Vec<Arc<dyn PhysicalExpr>> = Vec::new();
        loop {
            if let Some(unnest) = plan.downcast_ref::<UnnestExec>() {
                return Self::of(unnest, columns, filters);
            }
            let below: Vec<Arc<dyn PhysicalExpr>>;
            let input;
            if let Some(projection) = plan.downcast_ref::<ProjectionExec>() {
                let made = projection.expr().iter();
                below = made.map(|made| Arc::clone(&made.expr)).collect();
                input = projection.input();
                for filter in &mut filters {
                    *filter = keys::below(filter, &below)?;
                }
            } else if let Some(filter) = plan.downcast_ref::<FilterExec>() {
                let all = own_columns(filter.input());
                below = match filter.projection() {
                    Some(places) => {
                        let places = places.iter().filter_map(|place| all.get(*place).cloned());
                        places.collect()
                    }
                    None => all,
                };
                input = filter.input();
                for filter in &mut filters {
                    *filter = keys::below(filter, &below)?;
                }
                conjuncts(filter.predicate(), &mut filters);
            } else {
                return Ok(None);
            }
            for column in &mut columns {
                *column = keys::below(column, &below)?;
            }
            plan = input;
        }
    }

    fn of(
        unnest: &UnnestExec,
        columns: Vec<Arc<dyn PhysicalExpr>>,
        filters: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Option<Self>> {
        let [list] = unnest.list_column_indices() else {
            return Ok(None);
        };
        let is_plain = list.depth == 1
            && unnest.struct_column_indices().is_empty()
            && unnest.options().null_handling == NullHandling::Drop;
        if !is_plain {
            return Ok(None);
        }
        let element = list.index_in_input_schema;
        let input = unnest.input();
        let (scan, made) = match input.downcast_ref::<ProjectionExec>() {
            Some(projection) => {
                let made = projection.expr().iter().map(|made| Arc::clone(&made.expr));
                (projection.input(), made.collect())
            }
            None => (input, own_columns(input)),
        };
        let Some(scan) = scan.downcast_ref::<EventScanExec>() else {
            return Ok(None);
        };
        let list = made
            .get(element)
            .and_then(|list| list.downcast_ref::<Column>());
        let Some(list) = list.map(Column::index) else {
            return Ok(None);
        };
        let events = made.into_iter().enumerate();
        let events = events.map(|(place, made)| (place != element).then_some(made));
        Ok(Some(Self {
            scan: Arc::new(scan.clone()),
            events: events.collect(),
            element,
            list,
            columns,
            filters,
        }))
    }

    /// The key that an expression of the unnesting's columns is.
    fn key(&self, expr: &Arc<dyn PhysicalExpr>, name: &str) -> Result<Option<GroupKey>> {
        if let Some(member) = self.member(expr) {
            return Ok(Some(GroupKey::Member(member)));
        }
        let exprs = [(keys::below(expr, &self.scanned())?, name.to_owned())];
        let keys = Keys::of(&exprs, &self.scan.request().columns).as_values();
        Ok(keys.and_then(|keys| keys.first().copied()))
    }

    /// The place of the member that an expression reads of the element.
    fn member(&self, expr: &Arc<dyn PhysicalExpr>) -> Option<usize> {
        let function = expr.downcast_ref::<ScalarFunctionExpr>()?;
        let [element, name] = function.args() else {
            return None;
        };
        if function.fun().name() != "get_field"
            || element.downcast_ref::<Column>()?.index() != self.element
        {
            return None;
        }
        let name = name.downcast_ref::<Literal>()?.value().try_as_str()??;
        let schema = self.scan.schema();
        let DataType::List(item) = schema.fields().get(self.list)?.data_type() else {
            return None;
        };
        let DataType::Struct(members) = item.data_type() else {
            return None;
        };
        members.iter().position(|member| member.name() == name)
    }

    /// The member that a filter wants to be there; none where it wants something else.
    fn present(&self, filter: &Arc<dyn PhysicalExpr>) -> Option<usize> {
        self.member(filter.downcast_ref::<IsNotNullExpr>()?.arg())
    }

    /// The columns of the unnesting, in the scan's. The element is none of an event: it
    /// stands as null, of which no aggregate is known.
    fn scanned(&self) -> Vec<Arc<dyn PhysicalExpr>> {
        let null = || Arc::new(Literal::new(ScalarValue::Null)) as _;
        let events = self.events.iter().cloned();
        events.map(|event| event.unwrap_or_else(null)).collect()
    }

    /// The columns of the aggregation's input, in the scan's.
    fn columns_of_events(&self) -> Result<Vec<Arc<dyn PhysicalExpr>>> {
        let scanned = self.scanned();
        let columns = self.columns.iter();
        columns
            .map(|column| keys::below(column, &scanned))
            .collect()
    }
}

/// The columns of a plan as expressions of itself.
fn own_columns(plan: &Arc<dyn ExecutionPlan>) -> Vec<Arc<dyn PhysicalExpr>> {
    let schema = plan.schema();
    let fields = schema.fields().iter().enumerate();
    fields.map(|(place, field)| column(field, place)).collect()
}

fn conjuncts(expr: &Arc<dyn PhysicalExpr>, all: &mut Vec<Arc<dyn PhysicalExpr>>) {
    match expr.downcast_ref::<BinaryExpr>() {
        Some(binary) if *binary.op() == Operator::And => {
            conjuncts(binary.left(), all);
            conjuncts(binary.right(), all);
        }
        _ => all.push(Arc::clone(expr)),
    }
}
