//! Events out: from a request to Arrow batches.
//!
//! `plan` picks the splits that may hold an answer (`prune`) and cuts the work
//! into partitions; `run` drives one: `unit` says which documents are asked
//! about, `evaluate` which may match and which must, `record` fetches what has
//! to be asked, `batch` makes columns. `ordered` does the same in the order of
//! time, over the `split_rows` of each split. `full` answers the plain way, out of `materialise`.

#[cfg(test)]
mod agreement;
mod batch;
mod error;
mod evaluate;
mod event_time;
mod fields;
mod full;
mod materialise;
mod members;
mod ordered;
mod path_columns;
mod plan;
pub mod predicate;
mod prune;
mod record;
mod request;
mod run;
mod split_rows;
mod unit;

pub use error::ScanError;
pub use fields::{Kinds, ObservedField};
pub use predicate::{
    Comparison, Event, Field, FieldTest, Matcher, Predicate, TextPredicate, TextTest,
};
pub use record::StoredRecord;
pub use request::{
    Access, AccountScope, Cancel, ColumnSource, ScanColumn, ScanRequest, ScanStatistics, StoreId,
    TimeOrder, TimeRange,
};
pub use run::{Scan, ScanPartition};
