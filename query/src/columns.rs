//! The columns of a table of events: under which name a query has what of each event.
//!
//! SQL has CloudTrail Lake's columns and, behind them, the leaf columns that the query
//! reaches into structs and maps for; Logs Insights QL has leaf columns alone. Which
//! field a column stands for is told here and nowhere else, so that the pushdown of
//! filters and the scan cannot mean two things by a name.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use tarn_store::fields::{self, FieldType};
use tarn_store::path::{Arrays, FieldPath};
use tarn_store::{ColumnSource, Field, ScanColumn};

use crate::accounts::names;

/// The columns of one table, in order.
#[derive(Debug, Clone)]
pub struct Columns {
    list: Vec<ScanColumn>,
    by_name: HashMap<String, usize>,
    schema: SchemaRef,
}

impl Columns {
    /// Of columns of one name the first is found by it.
    pub fn new(list: Vec<ScanColumn>) -> Self {
        let mut by_name = HashMap::with_capacity(list.len());
        for (i, column) in list.iter().enumerate() {
            by_name.entry(column.name.clone()).or_insert(i);
        }
        let fields: Vec<_> = list.iter().map(ScanColumn::arrow_field).collect();
        Self {
            list,
            by_name,
            schema: Arc::new(Schema::new(fields)),
        }
    }

    /// CloudTrail Lake's table. Columns that hold one value are leaf columns, so that a
    /// scan gives them without reading the record.
    pub fn lake() -> Arc<Self> {
        static LAKE: LazyLock<Arc<Columns>> = LazyLock::new(|| {
            let schema = fields::lake_schema();
            let columns = schema.fields().iter().enumerate();
            let list = columns.map(|(i, field)| ScanColumn {
                name: field.name().clone(),
                source: lake_source(i, field.name()),
            });
            Arc::new(Columns::new(list.collect()))
        });
        Arc::clone(&LAKE)
    }

    /// CloudTrail Lake's table with the name of the account behind its columns.
    pub fn lake_with_account_name() -> Arc<Self> {
        static NAMING: LazyLock<Arc<Columns>> =
            LazyLock::new(|| Arc::new(Columns::lake().with(&[names::column()])));
        Arc::clone(&NAMING)
    }

    /// These columns and those of `more` whose names are new.
    pub fn with(&self, more: &[ScanColumn]) -> Self {
        let mut list = self.list.clone();
        let new = more.iter().filter(|c| !self.by_name.contains_key(&c.name));
        list.extend(new.cloned());
        Self::new(list)
    }

    pub fn source(&self, name: &str) -> Option<&ColumnSource> {
        let at = self.by_name.get(name)?;
        self.list.get(*at).map(|column| &column.source)
    }

    pub fn list(&self) -> &[ScanColumn] {
        &self.list
    }

    pub fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The name of the column that holds the time of the event.
    pub fn time_column(&self) -> Option<&str> {
        let is_time = |column: &&ScanColumn| column.source == event_time();
        self.list
            .iter()
            .find(is_time)
            .map(|column| column.name.as_str())
    }
}

/// The time of the event.
pub fn event_time() -> ColumnSource {
    ColumnSource::Timestamp(Field::Time)
}

fn lake_source(index: usize, lower: &str) -> ColumnSource {
    let Some(name) = fields::spelled(lower) else {
        return ColumnSource::Lake(index);
    };
    if name == fields::EVENT_JSON {
        return ColumnSource::Text(Field::path(FieldPath::default(), Arrays::Exact));
    }
    match fields::known(name) {
        Some(known) => leaf_source(&FieldPath::of_keys([name]), known.field_type)
            .unwrap_or(ColumnSource::Lake(index)),
        None => ColumnSource::Lake(index),
    }
}

/// How SQL reads the field of a type; None where it holds more than one value.
pub fn leaf_source(path: &FieldPath, field_type: FieldType) -> Option<ColumnSource> {
    let field = Field::path(path.clone(), Arrays::Exact);
    match field_type {
        FieldType::String => Some(ColumnSource::Text(field)),
        FieldType::Boolean => Some(ColumnSource::Boolean(field)),
        FieldType::Timestamp if *path == FieldPath::of_keys(["eventTime"]) => Some(event_time()),
        FieldType::Timestamp => Some(ColumnSource::Timestamp(field)),
        FieldType::Struct | FieldType::StructList | FieldType::Map => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lakes_columns_keep_their_types() {
        let columns = Columns::lake();
        let lake = fields::lake_schema();
        for (ours, lakes) in columns.schema().fields().iter().zip(lake.fields()) {
            assert_eq!(ours.name(), lakes.name());
            assert_eq!(ours.data_type(), lakes.data_type(), "{}", ours.name());
        }
        assert_eq!(columns.time_column(), Some("eventtime"));
        assert!(matches!(
            columns.source("requestparameters"),
            Some(ColumnSource::Lake(_))
        ));
        assert!(matches!(
            columns.source("readonly"),
            Some(ColumnSource::Boolean(_))
        ));
    }
}
