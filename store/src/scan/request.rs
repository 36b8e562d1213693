//! What a scan is asked, and what it says of itself.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arrow::datatypes::{DataType, Field as ArrowField, Schema, SchemaRef, TimeUnit};

use super::predicate::{Field, Predicate};
use crate::fields;
use crate::path::FieldPath;

/// The number of a store in keys and catalogue entries.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub struct StoreId(pub u32);

/// Whose events a reader may see. There is no scan without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountScope {
    All,
    /// Only events of these accounts; the empty text stands for events without
    /// an account.
    Only(BTreeSet<String>),
}

impl AccountScope {
    pub fn holds(&self, account: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(accounts) => accounts.contains(account),
        }
    }

    /// The accounts in both.
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, scope) | (scope, Self::All) => scope.clone(),
            (Self::Only(a), Self::Only(b)) => Self::Only(a & b),
        }
    }
}

/// Event times from `start_ms` up to but not including `end_ms`, in
/// milliseconds since 1970 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    pub start_ms: i64,
    pub end_ms: i64,
}

impl TimeRange {
    pub const ALL: Self = Self {
        start_ms: i64::MIN,
        end_ms: i64::MAX,
    };

    pub fn holds(&self, time_ms: i64) -> bool {
        self.start_ms <= time_ms && time_ms < self.end_ms
    }

    /// The times in both.
    pub fn and(&self, other: &Self) -> Self {
        Self {
            start_ms: self.start_ms.max(other.start_ms),
            end_ms: self.end_ms.min(other.end_ms),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.start_ms >= self.end_ms
    }
}

/// Which way an answer is found. The answers are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Pruning, columns, dictionaries and the full-text index.
    Indexed,
    /// Every record of the store from RocksDB: the oracle.
    Plain,
}

/// The order of rows by event time. Rows of one millisecond follow account,
/// batch and ordinal, reversed with the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeOrder {
    OldestFirst,
    NewestFirst,
}

/// A question to one store.
#[derive(Debug, Clone)]
pub struct ScanRequest {
    pub store: StoreId,
    pub scope: AccountScope,
    pub time: TimeRange,
    pub predicate: Predicate,
    pub columns: Vec<ScanColumn>,
    /// With an order there is one partition, and its rows are in that order.
    pub order: Option<TimeOrder>,
    /// At most so many rows over all partitions together when there is an
    /// order, else at most so many from each partition.
    pub limit: Option<usize>,
    /// With an order and a limit: the rows of the last one's millisecond come
    /// along, so that another order among them can be made.
    pub with_ties: bool,
    /// At most so many partitions.
    pub partitions: usize,
    /// Rows of a batch at most.
    pub batch_rows: usize,
    pub access: Access,
}

/// A column that a scan returns.
#[derive(Debug, Clone, PartialEq)]
pub struct ScanColumn {
    pub name: String,
    pub source: ColumnSource,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ColumnSource {
    /// The field as text ([`crate::resolve::shown`]).
    Text(Field),
    /// `true` and `false`, as JSON booleans or as text; anything else is null.
    Boolean(Field),
    /// ISO 8601 text as a time; anything else is null. [`Field::Time`] and
    /// [`Field::IngestionTime`] are times as they are.
    Timestamp(Field),
    /// The scalar at a path of keys as text, null for a container, as JSON
    /// functions reach it: where the value at the first `base` steps is a text,
    /// that text is JSON, and the rest of the path leads into it. With 0 there
    /// is no such text.
    Scalar { path: FieldPath, base: usize },
    /// Whether the event matches; never null.
    Matches(Box<Predicate>),
    /// A top-level column of [`fields::lake_schema`], by its index there.
    Lake(usize),
}

impl ScanColumn {
    /// **Shape**: text is `Utf8View`, times are `Timestamp(Millisecond)`
    /// without a zone and mean UTC.
    pub fn arrow_field(&self) -> ArrowField {
        let (data_type, nullable) = match &self.source {
            ColumnSource::Text(_) | ColumnSource::Scalar { .. } => (DataType::Utf8View, true),
            ColumnSource::Boolean(_) => (DataType::Boolean, true),
            ColumnSource::Timestamp(_) => (DataType::Timestamp(TimeUnit::Millisecond, None), true),
            ColumnSource::Matches(_) => (DataType::Boolean, false),
            ColumnSource::Lake(index) => {
                let schema = fields::lake_schema();
                let field = schema.field(*index);
                (field.data_type().clone(), field.is_nullable())
            }
        };
        ArrowField::new(&self.name, data_type, nullable)
    }
}

impl ScanRequest {
    pub fn schema(&self) -> SchemaRef {
        let fields: Vec<ArrowField> = self.columns.iter().map(ScanColumn::arrow_field).collect();
        Arc::new(Schema::new(fields))
    }
}

/// Tells every thread of a query to stop. Looked at for each chunk of work.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a scan pruned and read; counted while it runs.
#[derive(Debug, Default)]
pub struct ScanStatistics {
    /// Splits of the store.
    pub splits: AtomicU64,
    /// Splits set aside by time, account or catalogue without being opened.
    pub splits_pruned: AtomicU64,
    /// Events of the splits that were opened, in scope and in range.
    pub events_scanned: AtomicU64,
    pub events_matched: AtomicU64,
    /// Records fetched from RocksDB, to decide or to return.
    pub records_read: AtomicU64,
    /// Bytes of those records.
    pub bytes_read: AtomicU64,
}

impl ScanStatistics {
    pub fn add(counter: &AtomicU64, n: u64) {
        counter.fetch_add(n, Ordering::Relaxed);
    }
}
