//! The leaf columns that a query turns out to need, gathered while it is planned.
//!
//! A planner asks for what it reads and gets column expressions; at the end the set
//! becomes the table that has these columns:
//!
//! ```text
//! let mut leaves = LeafSet::new();
//! let name  = leaves.text(path);             // what `path` shows, as text
//! let time  = leaves.timestamp();            // @timestamp
//! let found = leaves.matches(predicate);     // a boolean column, never null
//! let table = leaves.into_table(scope, store);
//! LogicalPlanBuilder::scan("events", provider_as_source(Arc::new(table)), None)?
//!     .filter(found)?.project([time, name])
//! ```
//!
//! A test that looks at every element of an array is no function of the column that shows
//! them, so tests are columns of their own ([`LeafSet::matches`]): the scan decides them,
//! in a filter as well as in the middle of an expression.

use std::sync::Arc;

use datafusion::common::Column;
use datafusion::logical_expr::Expr;
use tarn_store::path::{Arrays, FieldPath};
use tarn_store::{ColumnSource, Field, Predicate, ScanColumn, StoreId};

use crate::columns::{Columns, event_time};
use crate::table::{EventTable, QueryScope};

/// The name of the column of event times in Logs Insights QL.
pub const TIMESTAMP: &str = "@timestamp";

/// Leaf columns, each once.
#[derive(Debug, Clone, Default)]
pub struct LeafSet {
    columns: Vec<ScanColumn>,
}

impl LeafSet {
    pub fn new() -> Self {
        Self::default()
    }

    /// The field of a path as text, elements of arrays meant where no position is given:
    /// one value as it is, several as a JSON array, none as null. The empty path is the
    /// record as delivered.
    pub fn text(&mut self, path: FieldPath) -> Expr {
        self.field(Field::path(path, Arrays::Any))
    }

    /// Any field as text: of the record, or of what is known about it (its account, the
    /// file that it came from).
    pub fn field(&mut self, field: Field) -> Expr {
        let name = field.to_string();
        self.expr(name, ColumnSource::Text(field))
    }

    /// The event's time, in milliseconds.
    pub fn timestamp(&mut self) -> Expr {
        self.expr(TIMESTAMP.to_owned(), event_time())
    }

    /// When the record arrived, in milliseconds.
    pub fn ingestion_time(&mut self) -> Expr {
        let name = Field::IngestionTime.to_string();
        self.expr(name, ColumnSource::Timestamp(Field::IngestionTime))
    }

    /// Whether the event matches. As a filter, or as a part of one, it is decided by the
    /// scan and costs no column.
    pub fn matches(&mut self, predicate: Predicate) -> Expr {
        let name = predicate.to_string();
        self.expr(name, ColumnSource::Matches(Box::new(predicate)))
    }

    fn expr(&mut self, name: String, source: ColumnSource) -> Expr {
        Expr::Column(Column::new_unqualified(self.add(name, source)))
    }

    /// The name of the column with this source, which is `name` unless another has it.
    pub fn add(&mut self, name: String, source: ColumnSource) -> String {
        if let Some(known) = self.columns.iter().find(|column| column.source == source) {
            return known.name.clone();
        }
        let is_taken = |name: &str| self.columns.iter().any(|column| column.name == name);
        let mut free = name.clone();
        let mut occurrence = 1;
        while is_taken(&free) {
            occurrence += 1;
            free = format!("{name} #{occurrence}");
        }
        let column = ScanColumn {
            name: free.clone(),
            source,
        };
        self.columns.push(column);
        free
    }

    pub fn columns(&self) -> &[ScanColumn] {
        &self.columns
    }

    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The table that has these columns and no other.
    pub fn into_table(self, scope: QueryScope, store: StoreId) -> EventTable {
        EventTable::new(scope, store, Arc::new(Columns::new(self.columns)))
    }
}

#[cfg(test)]
mod tests {
    use tarn_store::{FieldTest, Matcher};

    use super::*;

    fn has(text: &str, when_missing: bool) -> Predicate {
        Predicate::Field(FieldTest {
            field: Field::path(FieldPath::parse("a.b"), Arrays::Any),
            matcher: Matcher::Equals(text.into()),
            when_missing,
        })
    }

    #[test]
    fn each_column_is_there_once() {
        let mut leaves = LeafSet::new();
        let path = || FieldPath::parse("a.b");
        assert_eq!(leaves.text(path()), leaves.text(path()));
        assert_eq!(
            leaves.matches(has("x", false)),
            leaves.matches(has("x", false))
        );
        assert_ne!(
            leaves.matches(has("x", false)),
            leaves.matches(has("x", true))
        );
        assert_ne!(
            leaves.text(FieldPath::of_keys(["@timestamp"])),
            leaves.timestamp()
        );
        assert_eq!(leaves.columns().len(), 5);
    }
}
