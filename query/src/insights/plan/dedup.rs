//! `dedup a, b`: of the rows that agree in all keys the first, in the order of the rows.
//!
//! A row in which a key is missing agrees with none.

use datafusion::logical_expr::Expr;

use super::Lowering;
use super::steps::Step;
use crate::error::QueryError;
use crate::search::FieldRef;
use crate::span::Spanned;

impl Lowering<'_> {
    pub(super) fn dedup(&mut self, keys: &[Spanned<FieldRef>]) -> Result<(), QueryError> {
        let mut columns: Vec<Expr> = Vec::new();
        for key in keys {
            let reference = self.reference(key)?;
            let column = self.value_of(reference).expr;
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        let counter = self.fresh("dedup");
        self.steps.push(Step::Dedup {
            keys: columns,
            order: self.order.clone(),
            counter,
        });
        self.is_order_pending = !self.order.is_empty();
        Ok(())
    }
}
