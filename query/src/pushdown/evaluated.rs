//! Expressions over one column and constants, evaluated once for each distinct value.
//!
//! `lower(errorcode) LIKE '%denied%'` is a test of one text like any other: DataFusion
//! evaluates it, the scan decides on which texts.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringViewArray,
};
use datafusion::arrow::datatypes::{DataType, Field as ArrowField, Schema, SchemaRef};
use datafusion::common::{Column, DFSchema};
use datafusion::execution::context::ExecutionProps;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};
use tarn_store::{ColumnSource, Field, FieldTest, Matcher, Predicate, TextPredicate};

use super::{Sets, boolean, infallible, is_single, present};
use crate::columns::Columns;

/// Texts on which an expression is tried before it is pushed, so that constants that a
/// function refuses are found.
const TRIED: [&str; 4] = ["", "a", "arn:aws:iam::111122223333:user/é", "-1"];

pub(super) fn sets(expr: &Expr, columns: &Columns) -> Option<Sets> {
    let column = only_column(expr)?;
    if !infallible::is_infallible(expr) {
        return None;
    }
    match columns.source(&column.name)? {
        ColumnSource::Text(field) if is_single(field) => text_sets(expr, column, field),
        source @ ColumnSource::Boolean(field) if is_single(field) => {
            boolean_sets(expr, column, field, present(source)?)
        }
        _ => None,
    }
}

fn only_column(expr: &Expr) -> Option<&Column> {
    let columns: HashSet<&Column> = expr.column_refs();
    let mut columns = columns.into_iter();
    match (columns.next(), columns.next()) {
        (Some(column), None) => Some(column),
        _ => None,
    }
}

fn text_sets(expr: &Expr, column: &Column, field: &Field) -> Option<Sets> {
    let evaluation = Arc::new(Evaluation::new(expr, column, DataType::Utf8View)?);
    let of_null = evaluation.of_text(None).ok()?;
    for text in TRIED {
        evaluation.of_text(Some(text)).ok()?;
    }
    let test = |wanted| {
        Predicate::Field(FieldTest {
            field: field.clone(),
            matcher: Matcher::Test(Arc::new(Evaluated {
                evaluation: Arc::clone(&evaluation),
                wanted,
            })),
            when_missing: of_null == Some(wanted),
        })
    };
    Some(Sets {
        is_true: test(true),
        is_false: test(false),
    })
}

/// A boolean has three values, so the expression is a choice of them.
fn boolean_sets(expr: &Expr, column: &Column, field: &Field, present: Predicate) -> Option<Sets> {
    let evaluation = Evaluation::new(expr, column, DataType::Boolean)?;
    let mut results = Vec::new();
    for value in [Some(true), Some(false), None] {
        let events = match value {
            Some(value) => boolean(field, value),
            None => present.clone().negate(),
        };
        results.push((events, evaluation.of_boolean(value).ok()?));
    }
    let where_it_is = |wanted| {
        let chosen = results.iter().filter(|(_, result)| *result == Some(wanted));
        Predicate::or(chosen.map(|(events, _)| events.clone()))
    };
    Some(Sets {
        is_true: where_it_is(true),
        is_false: where_it_is(false),
    })
}

/// An expression ready to be evaluated on one row of one column.
struct Evaluation {
    expr: Arc<dyn PhysicalExpr>,
    schema: SchemaRef,
    shown: String,
}

/// Why an expression has no value for a row: it is an error of DataFusion's, or no
/// boolean. Either keeps it from being pushed.
struct NoValue;

impl Evaluation {
    fn new(expr: &Expr, column: &Column, data_type: DataType) -> Option<Self> {
        let field = Arc::new(ArrowField::new(&column.name, data_type, true));
        let qualified = vec![(column.relation.clone(), Arc::clone(&field))];
        let schema = DFSchema::new_with_metadata(qualified, Default::default()).ok()?;
        let physical = create_physical_expr(
            expr,
            &schema,
            &ExecutionProps::new(),
            &PhysicalPlanningContext::default(),
        );
        Some(Self {
            expr: physical.ok()?,
            schema: Arc::new(Schema::new(vec![field])),
            shown: expr.to_string(),
        })
    }

    fn of_text(&self, text: Option<&str>) -> Result<Option<bool>, NoValue> {
        self.of(Arc::new(StringViewArray::from(vec![text])))
    }

    fn of_boolean(&self, value: Option<bool>) -> Result<Option<bool>, NoValue> {
        self.of(Arc::new(BooleanArray::from(vec![value])))
    }

    fn of(&self, column: ArrayRef) -> Result<Option<bool>, NoValue> {
        let row = RecordBatch::try_new(Arc::clone(&self.schema), vec![column]);
        let row = row.map_err(|_| NoValue)?;
        let value = self.expr.evaluate(&row).map_err(|_| NoValue)?;
        let value = value.into_array(1).map_err(|_| NoValue)?;
        let value = value.as_boolean_opt().ok_or(NoValue)?;
        match value.len() {
            1 => Ok((!value.is_null(0)).then(|| value.value(0))),
            _ => Err(NoValue),
        }
    }
}

impl fmt::Debug for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[derive(Debug)]
struct Evaluated {
    evaluation: Arc<Evaluation>,
    wanted: bool,
}

impl TextPredicate for Evaluated {
    fn matches(&self, text: &str) -> bool {
        // Nothing on the list of the infallible fails; should it, the row does not match.
        matches!(self.evaluation.of_text(Some(text)), Ok(Some(value)) if value == self.wanted)
    }

    fn description(&self) -> String {
        let word = if self.wanted { "is true" } else { "is false" };
        format!("{} {word}", self.evaluation.shown)
    }
}
