//! `unnest` and `expand`: a row for each element of a list; and `json field=`.
//!
//! What is no list is a list of itself. A missing value keeps its row, an empty list has
//! no rows.

use datafusion::logical_expr::Expr as PlanExpr;

use super::Lowering;
use super::scope::Means;
use super::steps::{Computed, Step};
use crate::error::QueryError;
use crate::functions::insights::{self as functions, Type};
use crate::insights::ast::{JsonField, Unnest};
use crate::search::FieldRef;
use crate::span::Spanned;
use tarn_store::path::FieldPath;

impl Lowering<'_> {
    pub(super) fn unnest(&mut self, unnest: &Unnest) -> Result<(), QueryError> {
        let value = self.value(&unnest.list)?;
        let list = list_of(value);
        self.unnested(&unnest.name, list);
        Ok(())
    }

    pub(super) fn expand(&mut self, field: &Spanned<FieldRef>) -> Result<(), QueryError> {
        let reference = self.reference(field)?;
        let list = list_of(self.value_of(reference));
        self.unnested(&field.dotted(), list);
        Ok(())
    }

    /// `json field=f "a.b" as x`.
    pub(super) fn json_field(&mut self, json: &JsonField) -> Result<(), QueryError> {
        let reference = self.reference(&json.input)?;
        let text = self.value_of(reference).into_text();
        let value = functions::value_at(text, &FieldPath::parse(&json.path));
        self.create(&json.name, value, Type::Text);
        Ok(())
    }

    fn unnested(&mut self, name: &str, list: PlanExpr) {
        let column = self.fresh(name);
        self.steps.push(Step::Extend(vec![Computed {
            expr: list,
            column: column.clone(),
        }]));
        self.steps.push(Step::Unnest(column.clone()));
        self.is_order_pending = !self.order.is_empty();
        self.name_created(name, Means::Column(column, Type::Text));
    }
}

fn list_of(value: super::value::Value) -> PlanExpr {
    match value.kind {
        Type::List => value.expr,
        _ => functions::elements(value.into_text()),
    }
}
