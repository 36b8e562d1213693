//! Records out of RocksDB, as predicates and columns see them.

use std::sync::Arc;

use hashbrown::HashMap;
use parking_lot::Mutex;

use super::error::ScanError;
use super::members::Members;
use super::predicate::{Event, Field, Predicate};
use super::request::{ColumnSource, ScanRequest, ScanStatistics};
use crate::catalog::SourceEntry;
use crate::json::Json;
use crate::kv::columns::Column;
use crate::kv::keys::EventKey;
use crate::kv::value::{Provenance, StoredEvent};
use crate::snapshot::{PushedEvent, Snapshot};

/// A record with its place and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Where it lies. A pushed event has no place yet: its batch is
    /// [`PUSHED_BATCH`], its ordinal the order of its arrival.
    pub key: EventKey,
    pub provenance: Provenance,
    /// `path#position` of the file that it came from; empty where it was not
    /// asked for.
    pub source: Arc<str>,
    /// The record's own bytes.
    pub record: Vec<u8>,
}

/// Stands in keys of pushed events for the batch that they will be part of:
/// it will be newer than all others.
pub const PUSHED_BATCH: u64 = u64::MAX;

/// A record, read.
pub(crate) struct Record<'r> {
    pub stored: &'r StoredRecord,
    pub json: Json<'r>,
}

impl StoredRecord {
    pub(crate) fn read(&self) -> Result<Record<'_>, ScanError> {
        self.read_members(&Members::All)
    }

    /// Reads these members of the record and passes over the others.
    pub(crate) fn read_members(&self, members: &Members) -> Result<Record<'_>, ScanError> {
        let json = match members {
            Members::All => Json::parse(&self.record),
            Members::Only(keys) => {
                Json::parse_members(&self.record, &|key: &str| keys.contains(key))
            }
        };
        let json = json.map_err(|e| ScanError::Corrupt {
            place: place(&self.key),
            reason: e.to_string(),
        })?;
        Ok(Record { stored: self, json })
    }
}

fn place(key: &EventKey) -> String {
    format!(
        "the event of batch {} ordinal {} (store {}, time {} ms, account {:?})",
        key.batch, key.ordinal, key.store.0, key.time_ms, key.account
    )
}

impl Event for Record<'_> {
    fn json(&self) -> &Json<'_> {
        &self.json
    }

    fn time_ms(&self) -> i64 {
        self.stored.key.time_ms
    }

    fn account(&self) -> &str {
        &self.stored.key.account
    }

    fn ingestion_time_ms(&self) -> i64 {
        self.stored.provenance.arrived_ms
    }

    fn source(&self) -> String {
        self.stored.source.to_string()
    }

    fn import(&self) -> String {
        self.stored.provenance.import.to_string()
    }
}

/// Fetches records of one snapshot and counts them.
pub(crate) struct Records {
    snapshot: Arc<Snapshot>,
    statistics: Arc<ScanStatistics>,
    /// The files' names by number; none where nobody asks for the source.
    sources: Option<Mutex<HashMap<u64, Arc<str>>>>,
}

impl Records {
    pub fn new(
        snapshot: Arc<Snapshot>,
        statistics: Arc<ScanStatistics>,
        with_source: bool,
    ) -> Self {
        Self {
            snapshot,
            statistics,
            sources: with_source.then(Mutex::default),
        }
    }

    /// The records of the first of these keys, in their order: of all, or of as
    /// many as are enough memory for a chunk of work. At least one.
    pub fn fetch_some(&self, keys: Vec<EventKey>) -> Result<Vec<StoredRecord>, ScanError> {
        const GROUP: usize = if cfg!(test) { 8 } else { 64 };
        const CHUNK_BYTES: usize = if cfg!(test) { 8 << 10 } else { 16 << 20 };
        let mut fetched = Vec::with_capacity(keys.len());
        let mut n_bytes = 0;
        let mut keys = keys.into_iter().peekable();
        while keys.peek().is_some() && n_bytes < CHUNK_BYTES {
            let group = self.fetch(keys.by_ref().take(GROUP).collect())?;
            n_bytes += group.iter().map(|r| r.record.len()).sum::<usize>();
            fetched.extend(group);
        }
        Ok(fetched)
    }

    /// The records of these keys, in their order.
    pub fn fetch(&self, keys: Vec<EventKey>) -> Result<Vec<StoredRecord>, ScanError> {
        let encoded: Vec<Vec<u8>> = keys.iter().map(EventKey::encode).collect();
        let values = self.snapshot.db().get_many(Column::Events, &encoded)?;
        keys.into_iter()
            .zip(values)
            .map(|(key, value)| match value {
                Some(value) => self.stored(key, &value),
                None => Err(ScanError::Corrupt {
                    place: place(&key),
                    reason:
                        "a split names it, but it is not stored: a file of db/ is missing or cut; \
                             restore it from a backup"
                            .into(),
                }),
            })
            .collect()
    }

    /// A record from its key and value.
    pub fn stored(&self, key: EventKey, value: &[u8]) -> Result<StoredRecord, ScanError> {
        let event = StoredEvent::decode(value).map_err(|e| ScanError::Corrupt {
            place: place(&key),
            reason: e.to_string(),
        })?;
        self.counted(key, event)
    }

    /// A pushed event, the `arrival`-th that is visible.
    pub fn pushed(
        &self,
        store: super::request::StoreId,
        arrival: usize,
        pushed: &PushedEvent,
    ) -> Result<StoredRecord, ScanError> {
        let key = EventKey {
            store,
            time_ms: pushed.event.time_ms,
            account: pushed.event.account.clone(),
            batch: PUSHED_BATCH,
            ordinal: arrival.try_into().unwrap_or(u32::MAX),
        };
        self.counted(key, pushed.event.event.clone())
    }

    fn counted(&self, key: EventKey, event: StoredEvent) -> Result<StoredRecord, ScanError> {
        ScanStatistics::add(&self.statistics.records_read, 1);
        ScanStatistics::add(&self.statistics.bytes_read, event.record.len() as u64);
        let source = match &self.sources {
            None => Arc::from(""),
            Some(names) => {
                let path = self.source_path(names, event.provenance.source)?;
                Arc::from(format!("{path}#{}", event.provenance.position))
            }
        };
        Ok(StoredRecord {
            key,
            provenance: event.provenance,
            source,
            record: event.record,
        })
    }

    /// The path of a file; empty for an event that came from none.
    fn source_path(
        &self,
        names: &Mutex<HashMap<u64, Arc<str>>>,
        number: u64,
    ) -> Result<Arc<str>, ScanError> {
        if let Some(path) = names.lock().get(&number) {
            return Ok(Arc::clone(path));
        }
        let entry: Option<SourceEntry> = self
            .snapshot
            .db()
            .entry(Column::Sources, &number.to_be_bytes())?;
        let path: Arc<str> = entry.map(|e| e.path).unwrap_or_default().into();
        names.lock().insert(number, Arc::clone(&path));
        Ok(path)
    }
}

/// Whether a request asks for the file that a record came from.
pub(crate) fn asks_for_source(request: &ScanRequest) -> bool {
    let in_column = |source: &ColumnSource| match source {
        ColumnSource::Text(field)
        | ColumnSource::Boolean(field)
        | ColumnSource::Timestamp(field) => *field == Field::Source,
        ColumnSource::Matches(predicate) => in_predicate(predicate),
        ColumnSource::Scalar { .. } | ColumnSource::Lake(_) => false,
    };
    in_predicate(&request.predicate) || request.columns.iter().any(|c| in_column(&c.source))
}

fn in_predicate(predicate: &Predicate) -> bool {
    match predicate {
        Predicate::And(parts) | Predicate::Or(parts) => parts.iter().any(in_predicate),
        Predicate::Not(inner) => in_predicate(inner),
        Predicate::Field(test) => test.field == Field::Source,
        Predicate::True | Predicate::False | Predicate::Text(_) => false,
    }
}
