//! What the query engine asks of a store: to plan a scan, and to run its partitions.
//!
//! The question is small so that tests can answer it from a list of records and the
//! engine need not know where events lie.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use tarn_store::accounts::Account;
use tarn_store::groups::{GroupRequest, GroupTable, Grouping};
use tarn_store::path::{Arrays, FieldPath};
use tarn_store::{
    Access, AccountScope, Cancel, Field, FieldTest, Matcher, Predicate, ScanError, ScanPartition,
    ScanRequest, ScanStatistics, Snapshot, StoreId, TimeRange,
};

use crate::accounts::names::{self, AccountNames, NamingPartition};
use crate::error::{Code, QueryError};
use crate::suggest;

/// One immutable view of the events.
pub trait EventSource: fmt::Debug + Send + Sync {
    /// The store that a name, UUID or ARN means.
    ///
    /// **Errors**: there is none, or it cannot be read now.
    fn find_store(&self, reference: &str) -> Result<StoreId, QueryError>;

    /// The paths of fields that events of the store have, for suggestions.
    fn observed_fields(&self, store: StoreId, accounts: &AccountScope) -> Vec<String>;

    /// What is known of accounts.
    fn accounts(&self) -> Vec<Account> {
        Vec::new()
    }

    /// Whether an event of the store has a value at a path, in any element of its lists.
    fn has_field(&self, store: StoreId, accounts: &AccountScope, path: FieldPath) -> bool {
        let request = ScanRequest {
            store,
            scope: accounts.clone(),
            time: TimeRange::ALL,
            predicate: Predicate::Field(FieldTest {
                field: Field::path(path, Arrays::Any),
                matcher: Matcher::Present,
                when_missing: false,
            }),
            columns: Vec::new(),
            order: None,
            limit: Some(1),
            with_ties: false,
            partitions: 1,
            batch_rows: 1,
            access: Access::Indexed,
        };
        let Ok(scan) = self.scan(&request, Arc::default(), Cancel::default()) else {
            return false;
        };
        let mut is_there = false;
        for partition in &scan.partitions {
            // What is damaged is told by the query itself.
            let _ = partition.run(&mut |batch| {
                is_there |= batch.num_rows() > 0;
                ControlFlow::Break(())
            });
        }
        is_there
    }

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

    /// The groups that [`Partition::group`] can tell; none where it knows not how.
    fn grouping(&self, _wanted: GroupRequest) -> Option<Grouping> {
        None
    }

    /// The groups of the partition's events; none where `reserve` refuses the memory, in
    /// bytes, that they take.
    fn group(
        &self,
        _grouping: &Grouping,
        _reserve: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<GroupTable>, QueryError> {
        Ok(None)
    }
}

impl fmt::Debug for PlannedScan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlannedScan")
            .field("partitions", &self.partitions.len())
            .field("description", &self.description)
            .finish()
    }
}

/// The published events of a data directory that have not expired.
pub struct SnapshotSource {
    snapshot: Arc<Snapshot>,
    /// When the query is asked, in milliseconds since 1970 UTC: a store's retention counts
    /// back from here.
    now_ms: i64,
    /// Read when a scan first asks for them.
    names: OnceLock<Arc<AccountNames>>,
}

impl SnapshotSource {
    pub fn new(snapshot: Arc<Snapshot>, now_ms: i64) -> Self {
        Self {
            snapshot,
            now_ms,
            names: OnceLock::new(),
        }
    }

    /// The same for every scan of the query.
    fn names(&self) -> Result<Arc<AccountNames>, QueryError> {
        if let Some(names) = self.names.get() {
            return Ok(Arc::clone(names));
        }
        let accounts = self.snapshot.accounts().map_err(|error| {
            QueryError::new(Code::Scan, "the list of accounts cannot be read").caused_by(error)
        })?;
        let names = self
            .names
            .get_or_init(|| Arc::new(AccountNames::new(accounts)));
        Ok(Arc::clone(names))
    }

    /// The times of a store's events that have not expired.
    fn retained(&self, store: StoreId) -> TimeRange {
        let store = self.snapshot.stores().iter().find(|s| s.id == store);
        let expires_before_ms = store.and_then(|s| s.expires_before_ms(self.now_ms));
        TimeRange {
            start_ms: expires_before_ms.unwrap_or(i64::MIN),
            ..TimeRange::ALL
        }
    }
}

impl EventSource for SnapshotSource {
    fn find_store(&self, reference: &str) -> Result<StoreId, QueryError> {
        let stores = self.snapshot.stores();
        let in_any_case = || {
            stores
                .iter()
                .find(|s| s.name.eq_ignore_ascii_case(reference))
        };
        let Some(store) = self.snapshot.find_store(reference).or_else(in_any_case) else {
            let names: Vec<&str> = stores.iter().map(|store| store.name.as_str()).collect();
            let hint =
                suggest::did_you_mean(reference, names.iter().copied()).unwrap_or_else(|| {
                    match names.is_empty() {
                        true => "nothing has been imported yet: tarn import PATH".to_owned(),
                        false => format!("there are: {}", names.join(", ")),
                    }
                });
            let message = format!("there is no event data store `{reference}`");
            return Err(QueryError::new(Code::UnknownStore, message).hint(hint));
        };
        if !store.is_enabled() {
            let message = format!("the event data store `{}` is deleted", store.name);
            return Err(QueryError::new(Code::UnknownStore, message)
                .hint(format!("bring it back: tarn stores restore {}", store.name)));
        }
        Ok(store.id)
    }

    fn observed_fields(&self, store: StoreId, accounts: &AccountScope) -> Vec<String> {
        // A suggestion is not worth a second error.
        let observed = self
            .snapshot
            .observed_fields(store, accounts)
            .unwrap_or_default();
        observed.into_iter().map(|field| field.path).collect()
    }

    fn accounts(&self) -> Vec<Account> {
        // A warning is not worth an error.
        self.snapshot.accounts().unwrap_or_default()
    }

    fn scan(
        &self,
        request: &ScanRequest,
        statistics: Arc<ScanStatistics>,
        cancel: Cancel,
    ) -> Result<PlannedScan, QueryError> {
        let names = match names::are_asked_for(request) {
            true => Some(self.names()?),
            false => None,
        };
        let mut asked = match &names {
            Some(names) => names.asked_of_store(request),
            None => request.clone(),
        };
        asked.time = asked.time.and(&self.retained(asked.store));
        let scan = self
            .snapshot
            .scan(&asked, statistics, cancel)
            .map_err(scan_error)?;
        let boxed = |partition| Box::new(partition) as Box<dyn Partition>;
        let partitions = scan.partitions.into_iter().map(boxed).collect();
        Ok(PlannedScan {
            schema: scan.schema,
            partitions: match &names {
                Some(names) => NamingPartition::all(partitions, request, names),
                None => partitions,
            },
            description: scan.description,
        })
    }
}

impl fmt::Debug for SnapshotSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SnapshotSource")
    }
}

impl Partition for ScanPartition {
    fn run(&self, emit: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>) -> Result<(), QueryError> {
        ScanPartition::run(self, emit).map_err(scan_error)
    }

    fn grouping(&self, wanted: GroupRequest) -> Option<Grouping> {
        ScanPartition::grouping(self, wanted)
    }

    fn group(
        &self,
        grouping: &Grouping,
        reserve: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<GroupTable>, QueryError> {
        ScanPartition::group(self, grouping, reserve).map_err(scan_error)
    }
}

fn scan_error(error: ScanError) -> QueryError {
    match error {
        ScanError::Cancelled => QueryError::cancelled(),
        other => QueryError::new(Code::Scan, other.to_string()).caused_by(other),
    }
}
