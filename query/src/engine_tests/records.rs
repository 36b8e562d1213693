//! A store that is a list of records: the obvious scan, for tests of the engine.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions, StringViewArray,
    TimestampMillisecondArray, new_null_array,
};
use datafusion::arrow::datatypes::SchemaRef;
use tarn_store::event::{EventHeader, parse_time};
use tarn_store::json::Json;
use tarn_store::{
    AccountScope, Cancel, ColumnSource, Event, Field, ScanColumn, ScanRequest, ScanStatistics,
    StoreId, TimeOrder, resolve,
};

use crate::error::{Code, QueryError};
use crate::source::{EventSource, Partition, PlannedScan};

/// The events of a store `default`.
#[derive(Debug)]
pub(crate) struct Records {
    pub texts: Arc<Vec<String>>,
    /// Scans that were planned, for tests of what is pushed.
    pub requests: parking_lot::Mutex<Vec<ScanRequest>>,
    /// Batches are given again and again, until somebody stops.
    pub endless: bool,
}

impl Records {
    pub(crate) fn new(texts: &[&str]) -> Arc<Self> {
        Arc::new(Self {
            texts: Arc::new(texts.iter().map(|text| (*text).to_owned()).collect()),
            requests: parking_lot::Mutex::default(),
            endless: false,
        })
    }
}

impl EventSource for Records {
    fn find_store(&self, reference: &str) -> Result<StoreId, QueryError> {
        match reference {
            "default" => Ok(StoreId(1)),
            other => Err(QueryError::new(
                Code::UnknownStore,
                format!("no store {other}"),
            )),
        }
    }

    fn observed_fields(&self, _: StoreId, _: &AccountScope) -> Vec<String> {
        vec!["requestParameters.bucketName".to_owned()]
    }

    fn scan(
        &self,
        request: &ScanRequest,
        _: Arc<ScanStatistics>,
        cancel: Cancel,
    ) -> Result<PlannedScan, QueryError> {
        self.requests.lock().push(request.clone());
        let n = if request.order.is_some() {
            1
        } else {
            request.partitions
        };
        let partition = |i| {
            Box::new(Share {
                texts: Arc::clone(&self.texts),
                request: request.clone(),
                i,
                n,
                cancel: cancel.clone(),
                endless: self.endless,
            }) as Box<dyn Partition>
        };
        Ok(PlannedScan {
            schema: request.schema(),
            partitions: (0..n).map(partition).collect(),
            description: vec!["a list".to_owned()],
        })
    }
}

/// Every `n`th record from the `i`th on.
struct Share {
    texts: Arc<Vec<String>>,
    request: ScanRequest,
    i: usize,
    n: usize,
    cancel: Cancel,
    endless: bool,
}

struct Record<'j> {
    json: Json<'j>,
    header: EventHeader,
}

impl Event for Record<'_> {
    fn json(&self) -> &Json<'_> {
        &self.json
    }
    fn time_ms(&self) -> i64 {
        self.header.time_ms
    }
    fn account(&self) -> &str {
        self.header.account.as_deref().unwrap_or_default()
    }
    fn ingestion_time_ms(&self) -> i64 {
        7
    }
    fn source(&self) -> String {
        "file#1".to_owned()
    }
    fn import(&self) -> String {
        "1".to_owned()
    }
}

impl Partition for Share {
    fn run(&self, emit: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>) -> Result<(), QueryError> {
        let request = &self.request;
        let mut records: Vec<Record<'_>> = self
            .texts
            .iter()
            .skip(self.i)
            .step_by(self.n)
            .map(|text| Record {
                json: Json::parse(text.as_bytes()).expect("valid"),
                header: EventHeader::read(text.as_bytes()).expect("an event"),
            })
            .filter(|r| request.time.holds(r.header.time_ms) && request.scope.holds(r.account()))
            .filter(|r| request.predicate.matches(r))
            .collect();
        if let Some(order) = request.order {
            records.sort_by_key(|r| match order {
                TimeOrder::OldestFirst => r.header.time_ms,
                TimeOrder::NewestFirst => -r.header.time_ms,
            });
        }
        records.truncate(request.limit.unwrap_or(usize::MAX));
        loop {
            if self.cancel.is_cancelled() {
                return Err(QueryError::cancelled());
            }
            for records in records.chunks(request.batch_rows) {
                let batch = batch(&request.schema(), &request.columns, records);
                if emit(batch).is_break() {
                    return Ok(());
                }
            }
            if !self.endless {
                return Ok(());
            }
        }
    }
}

fn batch(schema: &SchemaRef, columns: &[ScanColumn], records: &[Record<'_>]) -> RecordBatch {
    let arrays = columns
        .iter()
        .map(|column| array(column, records))
        .collect();
    let rows = RecordBatchOptions::new().with_row_count(Some(records.len()));
    RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &rows).expect("columns fit")
}

fn array(column: &ScanColumn, records: &[Record<'_>]) -> ArrayRef {
    let texts = |field: &Field| -> Vec<Option<String>> {
        let text = |r: &Record<'_>| match field {
            Field::Path { path, arrays } => {
                resolve::shown(&r.json, path, *arrays).map(|text| text.into_owned())
            }
            Field::Time => Some(r.time_ms().to_string()),
            Field::Account => Some(r.account().to_owned()).filter(|a| !a.is_empty()),
            Field::IngestionTime => Some(r.ingestion_time_ms().to_string()),
            Field::Source => Some(r.source()),
            Field::Import => Some(r.import()),
        };
        records.iter().map(text).collect()
    };
    match &column.source {
        ColumnSource::Text(field) => Arc::new(StringViewArray::from_iter(texts(field))),
        ColumnSource::Boolean(field) => Arc::new(BooleanArray::from_iter(
            texts(field)
                .into_iter()
                .map(|text| text?.parse::<bool>().ok()),
        )),
        ColumnSource::Timestamp(Field::Time) => Arc::new(TimestampMillisecondArray::from_iter(
            records.iter().map(|r| Some(r.time_ms())),
        )),
        ColumnSource::Timestamp(Field::IngestionTime) => {
            Arc::new(TimestampMillisecondArray::from_iter(
                records.iter().map(|r| Some(r.ingestion_time_ms())),
            ))
        }
        ColumnSource::Timestamp(field) => Arc::new(TimestampMillisecondArray::from_iter(
            texts(field).into_iter().map(|text| parse_time(&text?)),
        )),
        ColumnSource::Matches(predicate) => Arc::new(BooleanArray::from_iter(
            records.iter().map(|r| Some(predicate.matches(r))),
        )),
        // These are the store's to build; here nobody may need them.
        ColumnSource::Scalar { .. } | ColumnSource::Lake(_) => {
            new_null_array(column.arrow_field().data_type(), records.len())
        }
    }
}

/// The names of the columns that a scan was asked for.
pub(crate) fn column_names(request: &ScanRequest) -> BTreeSet<&str> {
    request
        .columns
        .iter()
        .map(|column| column.name.as_str())
        .collect()
}
