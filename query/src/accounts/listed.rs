//! The accounts that are known beside those that events belong to.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Int64Type, TimestampMillisecondType};
use tarn_store::Snapshot;
use tarn_store::accounts::Account;

use crate::engine::{Engine, Priority};
use crate::error::{Code, QueryError};
use crate::language::Language;
use crate::request::QueryRequest;

/// An account that is known, has events, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedAccount {
    /// None for the events that belong to no account.
    pub id: Option<String>,
    /// None where the account is not in the list.
    pub known: Option<Account>,
    pub events: u64,
    /// The times of its first and its last event, in milliseconds since 1970 UTC.
    pub first_ms: Option<i64>,
    pub last_ms: Option<i64>,
}

const EVENTS_BY_ACCOUNT: &str = "SELECT \"@account\" AS account, count(*) AS events, \
     min(eventTime) AS first, max(eventTime) AS last FROM events GROUP BY 1";

/// The query whose answer [`listed`] takes: the events of a store by account.
pub fn events_by_account(store: &str, now_ms: i64) -> QueryRequest {
    QueryRequest {
        language: Language::Sql,
        store: store.to_owned(),
        ..QueryRequest::new(EVENTS_BY_ACCOUNT, now_ms)
    }
}

/// Every account that is known or has events in the request's store, by id; the events
/// without an account come last.
///
/// `request` is of [`events_by_account`]; its times, accounts and limits are its own.
pub async fn listed(
    engine: &Engine,
    snapshot: &Arc<Snapshot>,
    request: &QueryRequest,
    priority: Priority,
) -> Result<Vec<ListedAccount>, QueryError> {
    let known = snapshot.accounts().map_err(|error| {
        QueryError::new(Code::Scan, "the list of accounts cannot be read").caused_by(error)
    })?;
    let of_known = known.into_iter().map(|account| {
        let listed = ListedAccount {
            id: Some(account.id.clone()),
            known: Some(account.clone()),
            events: 0,
            first_ms: None,
            last_ms: None,
        };
        (account.id, listed)
    });
    let mut by_id: BTreeMap<String, ListedAccount> = of_known.collect();
    let mut without_account = None;
    // Accounts may be loaded before the first events.
    if !snapshot.stores().is_empty() {
        let asked = engine.query_among_others(Arc::clone(snapshot), request, priority);
        let mut stream = asked.await?;
        while let Some(batch) = stream.next().await {
            for counted in counted(&batch?)? {
                match counted.id.clone() {
                    None => without_account = Some(counted),
                    Some(id) => {
                        let known = by_id.remove(&id).and_then(|listed| listed.known);
                        by_id.insert(id, ListedAccount { known, ..counted });
                    }
                }
            }
        }
    }
    Ok(by_id.into_values().chain(without_account).collect())
}

/// The rows of the query.
fn counted(batch: &RecordBatch) -> Result<Vec<ListedAccount>, QueryError> {
    let unlike = || QueryError::new(Code::Internal, "events were counted in another form");
    let [account, events, first, last] = batch.columns() else {
        return Err(unlike());
    };
    let accounts = account.as_string_view_opt().ok_or_else(unlike)?;
    let events = events.as_primitive_opt::<Int64Type>().ok_or_else(unlike)?;
    let time = |column: &Arc<dyn Array>| {
        let times = column.as_primitive_opt::<TimestampMillisecondType>();
        times.cloned().ok_or_else(unlike)
    };
    let (first, last) = (time(first)?, time(last)?);
    let rows = accounts.iter().zip(events).zip(first.iter().zip(&last));
    Ok(rows
        .map(|((account, events), (first_ms, last_ms))| ListedAccount {
            id: account.map(str::to_owned),
            known: None,
            events: events.and_then(|n| u64::try_from(n).ok()).unwrap_or(0),
            first_ms,
            last_ms,
        })
        .collect())
}
