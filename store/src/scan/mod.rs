//! Events out: from a request to Arrow batches.
//!
//! `plan` picks the splits that may hold an answer (`prune`) and cuts the work
//! into partitions; `run` drives one: `unit` says which documents are asked
//! about, `evaluate` which may match and which must, `record` fetches what has
//! to be asked, `batch` makes columns, with `lists` and `text_rows`. `ordered` does the same in the order of
//! time, and `groups` counts without making rows. `full` answers the plain way,
//! out of `materialise`.

#[cfg(test)]
mod agreement;
mod batch;
mod error;
mod evaluate;
mod event_time;
mod fields;
mod full;
pub mod groups;
mod lists;
mod materialise;
mod members;
mod ordered;
mod plan;
pub mod predicate;
mod prune;
mod record;
mod request;
mod run;
mod text_rows;
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
