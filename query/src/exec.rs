//! A scan as an operator of DataFusion: partitions on blocking threads, batches through
//! bounded channels.
//!
//! A partition that nobody reads from any more stops when it hands over its next batch,
//! and at the latest when the query's cancel is set, which the end of the query does.
//! Batches in flight are counted in the query's share of memory.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    EquivalenceProperties, LexOrdering, Partitioning, PhysicalExpr, PhysicalSortExpr,
};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput,
};
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;
use tarn_store::{ScanRequest, ScanStatistics, TimeOrder};

use crate::columns::event_time;
use crate::error::QueryError;
use crate::source::PlannedScan;
use crate::table::QueryScope;

/// Batches that wait between a partition and its reader.
const BATCHES_IN_FLIGHT: usize = 2;

/// Reads the events of one store.
#[derive(Debug, Clone)]
pub struct EventScanExec {
    scope: QueryScope,
    request: ScanRequest,
    scan: Arc<PlannedScan>,
    statistics: Arc<ScanStatistics>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl EventScanExec {
    pub fn plan(scope: QueryScope, request: ScanRequest) -> Result<Self, QueryError> {
        // Its own: a scan that is planned again, ordered or limited, is counted once.
        let statistics = Arc::new(ScanStatistics::default());
        let scan = scope
            .source
            .scan(&request, Arc::clone(&statistics), scope.cancel.clone())?;
        let properties = properties(&request, &scan);
        Ok(Self {
            scope,
            request,
            scan: Arc::new(scan),
            statistics,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }

    pub fn request(&self) -> &ScanRequest {
        &self.request
    }

    pub fn scan(&self) -> &PlannedScan {
        &self.scan
    }

    /// What was pruned and read so far.
    pub fn statistics(&self) -> &ScanStatistics {
        &self.statistics
    }

    /// The same rows in the order of event time, from one partition, and only the first
    /// `fetch` of them, with or without the ties of the last; None where the expression is
    /// no order of event time.
    pub fn ordered(
        &self,
        sort: &PhysicalSortExpr,
        fetch: Option<usize>,
        with_ties: bool,
    ) -> Option<Result<Self, QueryError>> {
        let column = sort.expr.downcast_ref::<Column>()?;
        if self.request.columns.get(column.index())?.source != event_time() {
            return None;
        }
        let mut request = self.request.clone();
        request.order = Some(match sort.options.descending {
            true => TimeOrder::NewestFirst,
            false => TimeOrder::OldestFirst,
        });
        request.limit = smaller(request.limit, fetch);
        request.with_ties = with_ties;
        let planned = Self::plan(self.scope.clone(), request).map(|mut scan| {
            let mut equivalences = scan.properties.equivalence_properties().clone();
            // No event is without a time, so where nulls go says nothing.
            equivalences.add_orderings(LexOrdering::new([sort.clone()]));
            let properties = (*scan.properties).clone().with_eq_properties(equivalences);
            scan.properties = Arc::new(properties);
            scan
        });
        Some(planned)
    }
}

fn properties(request: &ScanRequest, scan: &PlannedScan) -> PlanProperties {
    PlanProperties::new(
        EquivalenceProperties::new(request.schema()),
        // A plan needs a partition to be executed, be there nothing to read.
        Partitioning::UnknownPartitioning(scan.partitions.len().max(1)),
        EmissionType::Incremental,
        Boundedness::Bounded,
    )
}

fn smaller(a: Option<usize>, b: Option<usize>) -> Option<usize> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl ExecutionPlan for EventScanExec {
    fn name(&self) -> &str {
        "EventScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn with_new_children(
        self: Arc<Self>,
        _children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn supports_limit_pushdown(&self) -> bool {
        false
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        let mut request = self.request.clone();
        request.limit = limit;
        let mut limited = Self::plan(self.scope.clone(), request).ok()?;
        limited.properties = Arc::clone(&self.properties);
        Some(Arc::new(limited))
    }

    fn fetch(&self) -> Option<usize> {
        self.request.limit
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let schema = self.schema();
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let consumer = MemoryConsumer::new("EventScanExec");
        let in_flight = Arc::new(consumer.register(context.memory_pool()));
        let mut builder =
            RecordBatchReceiverStream::builder(Arc::clone(&schema), BATCHES_IN_FLIGHT);
        let sender = builder.tx();
        let scan = Arc::clone(&self.scan);
        let reserved = Arc::clone(&in_flight);
        let expected = Arc::clone(&schema);
        builder.spawn_blocking(move || {
            let Some(partition) = scan.partitions.get(partition) else {
                return Ok(());
            };
            let mut failed = None;
            let done = partition.run(&mut |batch| {
                let batch = match counted(batch, &expected, &reserved) {
                    Ok(batch) => batch,
                    Err(error) => {
                        failed = Some(error);
                        return ControlFlow::Break(());
                    }
                };
                match sender.blocking_send(Ok(batch)) {
                    Ok(()) => ControlFlow::Continue(()),
                    // Nobody reads any more.
                    Err(_) => ControlFlow::Break(()),
                }
            });
            done.map_err(|error| DataFusionError::External(Box::new(error)))?;
            failed.map_or(Ok(()), Err)
        });
        let batches = builder.build().map(move |batch| {
            if let Ok(batch) = &batch {
                in_flight.shrink(batch.get_array_memory_size().min(in_flight.size()));
            }
            batch.record_output(&baseline)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }
}

/// The batch under the plan's schema, its memory counted.
///
/// It is not refused: the few batches in flight are bounded by the scan, and operators
/// that see less left over spill sooner, where a scan that failed would end the query.
fn counted(
    batch: RecordBatch,
    schema: &SchemaRef,
    in_flight: &MemoryReservation,
) -> Result<RecordBatch> {
    let batch = batch.with_schema(Arc::clone(schema))?;
    in_flight.grow(batch.get_array_memory_size());
    Ok(batch)
}

impl DisplayAs for EventScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = &self.request;
        let columns: Vec<&str> = request.columns.iter().map(|c| c.name.as_str()).collect();
        write!(f, "EventScanExec: columns=[{}]", columns.join(", "))?;
        write!(f, ", predicate={}", request.predicate)?;
        if let Some(order) = request.order {
            write!(f, ", order={order:?}")?;
        }
        if let Some(limit) = request.limit {
            write!(f, ", limit={limit}")?;
        }
        write!(f, ", partitions={}", self.scan.partitions.len())
    }
}
