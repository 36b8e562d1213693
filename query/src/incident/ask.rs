//! Questions about a session, put to the engine.
//!
//! The texts are ours; what comes from outside is bound as values.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::TimestampMillisecondType;
use tarn_store::{Snapshot, TimeRange};
use tokio::time::Instant;

use super::record::Record;
use crate::engine::{Engine, Priority};
use crate::error::{Code, QueryError};
use crate::language::Language;
use crate::parameters::ParameterValue;
use crate::request::QueryRequest;
use crate::results::{cell_json, cell_text};

/// Asks on behalf of one request.
pub(super) struct Asking<'a> {
    pub engine: &'a Engine,
    pub snapshot: &'a Arc<Snapshot>,
    /// Whose store, accounts, time and limits hold.
    pub request: &'a QueryRequest,
    pub priority: Priority,
    pub asked_at: Instant,
}

/// Values by the names that stand for them.
pub(super) type Values = Vec<(String, ParameterValue)>;

pub(super) fn one(name: &str, value: &str) -> (String, ParameterValue) {
    (name.to_owned(), ParameterValue::Text(value.to_owned()))
}

pub(super) fn list(name: &str, values: &[String]) -> (String, ParameterValue) {
    (name.to_owned(), ParameterValue::List(values.to_vec()))
}

/// A row of counts: a value, how many events have it, the first and the last of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counted {
    pub value: Option<String>,
    pub calls: u64,
    pub first_ms: Option<i64>,
    pub last_ms: Option<i64>,
}

impl Asking<'_> {
    /// The events of a condition, in the order that `and_then` says.
    pub async fn records(
        &self,
        condition: &str,
        and_then: &str,
        values: Values,
        time: TimeRange,
    ) -> Result<Vec<Record>, QueryError> {
        let mut records = Vec::new();
        self.each_record(condition, and_then, values, time, |record| {
            records.push(record);
            true
        })
        .await?;
        Ok(records)
    }

    /// The same, one by one, until `take` has enough.
    pub async fn each_record(
        &self,
        condition: &str,
        and_then: &str,
        values: Values,
        time: TimeRange,
        mut take: impl FnMut(Record) -> bool,
    ) -> Result<(), QueryError> {
        let text =
            format!("filter {condition} | {and_then} | display @timestamp, @account, @message");
        self.each(text, values, time, |batch| {
            let [times, accounts, messages] = batch.columns() else {
                return Err(unlike());
            };
            let times = times.as_primitive_opt::<TimestampMillisecondType>();
            let times = times.ok_or_else(unlike)?;
            for row in 0..batch.num_rows() {
                let account = cell_text(accounts.as_ref(), row);
                let message = cell_text(messages.as_ref(), row);
                let record = Record::read(
                    times.value(row),
                    account.map(Cow::into_owned),
                    message.as_deref().unwrap_or_default(),
                );
                if !take(record) {
                    return Ok(false);
                }
            }
            Ok(true)
        })
        .await
    }

    /// How many events of a condition have each value of an expression, most first.
    pub async fn counts(
        &self,
        condition: &str,
        by: &str,
        n_max: usize,
        values: Values,
        time: TimeRange,
    ) -> Result<Vec<Counted>, QueryError> {
        let text = format!(
            "filter {condition} | stats count(*) as calls, min(@timestamp) as first, max(@timestamp) as last by {by} as value \
             | sort calls desc, value asc | limit {n_max} | display value, calls, first, last"
        );
        let mut counted = Vec::new();
        self.each(text, values, time, |batch| {
            let [value, calls, first, last] = batch.columns() else {
                return Err(unlike());
            };
            let time = |column: &Arc<dyn Array>| {
                let times = column.as_primitive_opt::<TimestampMillisecondType>();
                times.cloned().ok_or_else(unlike)
            };
            let (first, last) = (time(first)?, time(last)?);
            for row in 0..batch.num_rows() {
                let calls = cell_json(calls.as_ref(), row);
                counted.push(Counted {
                    value: cell_text(value.as_ref(), row).map(Cow::into_owned),
                    calls: calls.as_u64().unwrap_or(0),
                    first_ms: first.is_valid(row).then(|| first.value(row)),
                    last_ms: last.is_valid(row).then(|| last.value(row)),
                });
            }
            Ok(true)
        })
        .await?;
        Ok(counted)
    }

    /// How many values an expression has among the events of a condition.
    pub async fn distinct(
        &self,
        condition: &str,
        of: &str,
        values: Values,
        time: TimeRange,
    ) -> Result<u64, QueryError> {
        let text = format!("filter {condition} | stats count_distinct({of}) as n");
        let mut n = 0;
        self.each(text, values, time, |batch| {
            if let (Some(column), 1..) = (batch.columns().first(), batch.num_rows()) {
                n = cell_json(column.as_ref(), 0).as_u64().unwrap_or(0);
            }
            Ok(true)
        })
        .await?;
        Ok(n)
    }

    /// Every batch of an answer, until `take` has enough.
    async fn each(
        &self,
        text: String,
        parameters: Values,
        time: TimeRange,
        mut take: impl FnMut(&RecordBatch) -> Result<bool, QueryError>,
    ) -> Result<(), QueryError> {
        let request = QueryRequest {
            text,
            language: Language::Insights,
            parameters,
            time,
            limit: None,
            is_followed: false,
            timeout: self
                .request
                .timeout
                .map(|timeout| timeout.saturating_sub(self.asked_at.elapsed())),
            ..self.request.clone()
        };
        let snapshot = Arc::clone(self.snapshot);
        let asked = self
            .engine
            .query_among_others(snapshot, &request, self.priority);
        let mut stream = asked.await?;
        while let Some(batch) = stream.next().await {
            if !take(&batch?)? {
                break;
            }
        }
        Ok(())
    }
}

fn unlike() -> QueryError {
    QueryError::new(Code::Internal, "events of a session came in another form")
}
