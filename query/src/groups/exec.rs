//! The operator: partitions of the scan on blocking threads, each with a table of groups
//! of its own, put together in the end.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, internal_datafusion_err, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{
    BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput,
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, Distribution, ExecutionPlan, PlanProperties,
};
use futures::{StreamExt, TryStreamExt, stream};
use tarn_store::groups::{Aggregate, GroupKey, GroupRequest, GroupTable, Grouping};

use crate::exec::EventScanExec;

/// The groups that are wanted: `n` by an aggregate, and the ties of the last.
#[derive(Debug, Clone, Copy)]
pub struct First {
    pub aggregate: usize,
    pub is_descending: bool,
    pub n: usize,
}

/// Groups the events of one store.
#[derive(Debug, Clone)]
pub struct GroupScanExec {
    scan: Arc<EventScanExec>,
    wanted: GroupRequest,
    first: Option<First>,
    /// DataFusion's way to the same rows, where memory does not suffice for this one, or
    /// there are times before 1970.
    otherwise: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl GroupScanExec {
    /// Groups with the rows of `otherwise`; none where the store does not group so.
    pub fn try_new(
        scan: Arc<EventScanExec>,
        wanted: GroupRequest,
        schema: SchemaRef,
        otherwise: Arc<dyn ExecutionPlan>,
    ) -> Option<Arc<dyn ExecutionPlan>> {
        let grouping = grouping(&scan, &wanted)?;
        if !grouping.fits(&schema) {
            return None;
        }
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Some(Arc::new(Self {
            scan,
            wanted,
            first: None,
            otherwise,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }))
    }

    pub fn scan(&self) -> &Arc<EventScanExec> {
        &self.scan
    }

    pub fn n_keys(&self) -> usize {
        self.wanted.keys.len()
    }

    /// Whether the elements of a list are grouped, and not events.
    pub fn is_unnested(&self) -> bool {
        self.wanted.unnested.is_some()
    }

    /// The key that is the operator's column at a place.
    pub fn key(&self, place: usize) -> Option<GroupKey> {
        self.wanted.keys.get(place).copied()
    }

    /// The first groups by the column at a place; none where it is a key, or there is but
    /// one group.
    pub fn first_by(&self, place: usize, is_descending: bool, n: usize) -> Option<Self> {
        let aggregate = place.checked_sub(self.n_keys())?;
        let first = First {
            aggregate,
            is_descending,
            n,
        };
        (self.n_keys() > 0).then(|| Self {
            first: Some(first),
            ..self.clone()
        })
    }

    /// The aggregate that is the operator's column at a place.
    pub fn aggregate(&self, place: usize) -> Option<Aggregate> {
        let place = place.checked_sub(self.n_keys())?;
        self.wanted.aggregates.get(place).copied()
    }
}

fn grouping(scan: &EventScanExec, wanted: &GroupRequest) -> Option<Grouping> {
    let partition = scan.scan().partitions.first()?;
    partition.grouping(wanted.clone())
}

impl ExecutionPlan for GroupScanExec {
    fn name(&self) -> &str {
        "GroupScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.otherwise]
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([otherwise]) = <[_; 1]>::try_from(children) else {
            return internal_err!("GroupScanExec has one child");
        };
        Ok(Arc::new(Self {
            otherwise,
            ..Self::clone(&self)
        }))
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let grouping = grouping(&self.scan, &self.wanted)
            .ok_or_else(|| internal_datafusion_err!("the scan does not group so"))?;
        let groups = Groups {
            scan: Arc::clone(&self.scan),
            grouping: Arc::new(grouping),
            first: self.first,
            schema: self.schema(),
            batch_rows: context.session_config().batch_size().max(1),
            memory: MemoryConsumer::new("GroupScanExec").register(context.memory_pool()),
        };
        let otherwise = Arc::clone(&self.otherwise);
        let batches = async move {
            match groups.run().await? {
                Some((batches, memory)) => {
                    let batches = batches.into_iter().map(move |batch| {
                        // Held until the last batch is handed over.
                        let _held = &memory;
                        Ok(batch)
                    });
                    Ok(stream::iter(batches).boxed())
                }
                None => otherwise.execute(partition, context).map(StreamExt::boxed),
            }
        };
        let baseline = BaselineMetrics::new(&self.metrics, partition);
        let batches = stream::once(batches).try_flatten();
        let batches = batches.map(move |batch| batch.record_output(&baseline));
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.schema(),
            batches,
        )))
    }
}

/// One run of the operator.
struct Groups {
    scan: Arc<EventScanExec>,
    grouping: Arc<Grouping>,
    first: Option<First>,
    schema: SchemaRef,
    batch_rows: usize,
    memory: MemoryReservation,
}

impl Groups {
    /// The rows; none where they have to come the other way.
    async fn run(self) -> Result<Option<Rows>> {
        let n_partitions = self.scan.scan().partitions.len();
        let mut workers = Vec::with_capacity(n_partitions);
        for i in 0..n_partitions {
            let (scan, grouping) = (Arc::clone(&self.scan), Arc::clone(&self.grouping));
            let memory = self.memory.new_empty();
            workers.push(SpawnedTask::spawn_blocking(move || {
                partition_groups(&scan, i, &grouping, n_partitions, memory)
            }));
        }
        let mut tables = Vec::with_capacity(n_partitions);
        let mut memories = Vec::with_capacity(n_partitions);
        // Each is waited for: one that goes on would hold memory that the other way needs.
        for worker in workers {
            if let Some((table, memory)) = worker.join().await.map_err(external)?? {
                tables.push(table);
                memories.push(memory);
            }
        }
        if tables.len() < n_partitions {
            return Ok(None);
        }
        let merged = SpawnedTask::spawn_blocking(move || self.merged(tables));
        merged.join().await.map_err(external)?
    }

    fn merged(self, tables: Vec<GroupTable>) -> Result<Option<Rows>> {
        let mut tables = tables.into_iter();
        let mut all = tables
            .next()
            .unwrap_or_else(|| GroupTable::new(&self.grouping));
        for table in tables {
            all.merge(&self.grouping, &table);
        }
        // DataFusion's functions round times before 1970 up, the store rounds them down.
        // They are so rare that there is no second way to be fast about them.
        if all.earliest_key_ms().is_some_and(|ms| ms < 0) {
            return Ok(None);
        }
        let groups = match self.first {
            Some(first) => all.first_by(first.aggregate, first.is_descending, first.n),
            None => (0..all.len() as u32).collect(),
        };
        let columns = all.finish(&self.grouping, &groups);
        let options = RecordBatchOptions::new().with_row_count(Some(groups.len()));
        let rows = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        if self.memory.try_grow(rows.get_array_memory_size()).is_err() {
            return Ok(None);
        }
        let starts = (0..rows.num_rows()).step_by(self.batch_rows);
        let slice = |start| rows.slice(start, self.batch_rows.min(rows.num_rows() - start));
        let batches = starts.map(slice).collect();
        Ok(Some((batches, self.memory)))
    }
}

/// Batches, and the memory that is set aside for them.
type Rows = (Vec<RecordBatch>, MemoryReservation);

type PartitionGroups = Option<(GroupTable, MemoryReservation)>;

fn partition_groups(
    scan: &EventScanExec,
    partition: usize,
    grouping: &Grouping,
    n_partitions: usize,
    memory: MemoryReservation,
) -> Result<PartitionGroups> {
    let Some(partition) = scan.scan().partitions.get(partition) else {
        return Ok(Some((GroupTable::new(grouping), memory)));
    };
    let mut reserve = |table_bytes: usize| {
        // What all partitions share is counted by each of them in part.
        let shared = grouping.bytes() / n_partitions;
        memory.try_resize(table_bytes + shared).is_ok()
    };
    let table = partition.group(grouping, &mut reserve).map_err(external)?;
    Ok(table.map(|table| (table, memory)))
}

fn external(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

impl DisplayAs for GroupScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.schema();
        let names: Vec<&str> = fields.fields().iter().map(|f| f.name().as_str()).collect();
        let (keys, aggregates) = names.split_at(self.n_keys().min(names.len()));
        write!(f, "GroupScanExec: by=[{}]", keys.join(", "))?;
        write!(f, ", aggregates=[{}]", aggregates.join(", "))?;
        if let Some(list) = self.wanted.unnested {
            let columns = &self.scan.request().columns;
            let name = columns.get(list).map_or("", |column| &column.name);
            write!(f, ", elements of {name}")?;
        }
        write!(f, ", predicate={}", self.scan.request().predicate)?;
        write!(f, ", partitions={}", self.scan.scan().partitions.len())?;
        if let Some(First { n, .. }) = self.first {
            write!(f, ", first {n} with ties")?;
        }
        write!(
            f,
            "; below: the way that is taken where memory is short or times are before 1970"
        )
    }
}
