//! `limit`, `head` and `tail`: so many rows of the order that the rows have.

use super::Lowering;
use super::steps::Step;
use crate::error::QueryError;
use crate::insights::ast::Limit;

impl Lowering<'_> {
    pub(super) fn limit(&mut self, limit: &Limit) -> Result<(), QueryError> {
        if !limit.any {
            self.sort_now();
        }
        // More rows than that no machine has.
        let rows = usize::try_from(limit.rows.node).unwrap_or(usize::MAX);
        self.steps.push(Step::Limit(rows));
        Ok(())
    }
}
