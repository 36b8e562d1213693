//! `sort a desc, b`: by values, in the natural order of texts.
//!
//! Rows that are equal in every key follow in a fixed order: events newest first, rows of
//! `stats` by their other columns. So a `limit` behind a sort is no matter of luck.

use datafusion::logical_expr::{Expr as PlanExpr, SortExpr};
use tarn_store::Field;

use super::Lowering;
use super::field_test::is_event_time;
use super::scope::{Means, Reference};
use super::steps::Step;
use crate::error::{Code, QueryError};
use crate::functions::insights::{Type, sort_key};
use crate::insights::ast::{Direction, ExprKind, SortKey};
use crate::span::Spanned;

impl Lowering<'_> {
    pub(super) fn sort(&mut self, keys: &[SortKey]) -> Result<(), QueryError> {
        let mut order: Vec<SortExpr> = Vec::new();
        for key in keys {
            let expr = self.sort_expr(key)?;
            let is_ascending = key.direction == Direction::Ascending;
            if !order.iter().any(|known| known.expr == expr) {
                order.push(SortExpr::new(expr, is_ascending, is_ascending));
            }
        }
        for tie in self.ties() {
            if !order.iter().any(|known| known.expr == tie.expr) {
                order.push(tie);
            }
        }
        self.order = order;
        self.is_order_pending = true;
        Ok(())
    }

    /// Brings the rows into their order, if they are not in it.
    pub(super) fn sort_now(&mut self) {
        if self.is_order_pending && !self.order.is_empty() {
            self.steps.push(Step::Sort(self.order.clone()));
        }
        self.is_order_pending = false;
    }

    fn sort_expr(&mut self, key: &SortKey) -> Result<PlanExpr, QueryError> {
        let value = match &key.expr.node {
            ExprKind::Field(name) => {
                let name = Spanned::new(name.clone(), key.expr.span);
                match self.reference(&name)? {
                    // The scan has the events in the order of this very time.
                    Reference::Field(field) if is_event_time(&field) => {
                        self.value_of_field(Field::Time)
                    }
                    reference => self.value_of(reference),
                }
            }
            _ => self.value(&key.expr)?,
        };
        match value.kind {
            Type::Text => Ok(sort_key(value.into_text())),
            Type::List => {
                Err(QueryError::new(Code::WrongType, "lists have no order").at(key.expr.span))
            }
            _ => Ok(value.expr),
        }
    }

    /// What decides between rows that no key tells apart.
    fn ties(&mut self) -> Vec<SortExpr> {
        if self.scope.has_events {
            let time = self.value_of_field(Field::Time).expr;
            return vec![SortExpr::new(time, false, false)];
        }
        let columns = self.scope.columns().iter();
        let orderable = columns.filter_map(|column| match &column.means {
            Means::Column(column, kind) if *kind != Type::List => Some(column.clone()),
            _ => None,
        });
        orderable
            .map(|column| SortExpr::new(PlanExpr::Column(column), true, true))
            .collect()
    }
}
