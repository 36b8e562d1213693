//! What the query engine asks of a store: to plan a scan, and to run its partitions.
//!
//! The question is small so that tests can answer it from a list of records and the
//! engine need not know where events lie.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use tarn_store::{Cancel, ScanRequest, ScanStatistics};

use crate::error::QueryError;

/// Plans scans of one immutable view of the events.
pub trait EventSource: fmt::Debug + Send + Sync {
    /// Plans a scan and reads nothing.
    ///
    /// **Errors**: the store is gone or its catalogue cannot be read.
    fn scan(
        &self,
        request: &ScanRequest,
        statistics: Arc<ScanStatistics>,
        cancel: Cancel,
    ) -> Result<PlannedScan, QueryError>;
}

/// A scan that is ready to run.
///
/// **Shape**: each partition gives batches of `schema`, and each event that matches is in
/// exactly one of them. `description` says for `--explain` what will be read.
pub struct PlannedScan {
    pub schema: SchemaRef,
    pub partitions: Vec<Box<dyn Partition>>,
    pub description: Vec<String>,
}

/// A part of a scan that one thread runs.
pub trait Partition: Send + Sync {
    /// Reads and hands over the batches, on the calling thread, until `emit` breaks.
    ///
    /// **Errors**: cancelled, or what was read is damaged.
    fn run(&self, emit: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>) -> Result<(), QueryError>;
}

impl fmt::Debug for PlannedScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlannedScan")
            .field("partitions", &self.partitions.len())
            .field("description", &self.description)
            .finish()
    }
}
