//! Events out: from a request to Arrow batches.

pub mod predicate;
mod request;

pub use predicate::{
    Comparison, Event, Field, FieldTest, Matcher, Predicate, TextPredicate, TextTest,
};
pub use request::{
    Access, AccountScope, Cancel, ColumnSource, ScanColumn, ScanRequest, ScanStatistics, StoreId,
    TimeOrder, TimeRange,
};
