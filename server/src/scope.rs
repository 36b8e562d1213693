//! Which events a request asks for: of which store, when, and whose.

use std::sync::Arc;

use tarn_query::{Tz, accounts, time};
use tarn_store::{AccountScope, Snapshot, TimeRange};

use crate::error::Problem;
use crate::params::Params;
use crate::state::{ServerState, blocking};

/// The accounts that a request names, each by its id, its name or an organizational unit;
/// all where it names none.
pub async fn of_accounts(
    state: &ServerState,
    references: Vec<String>,
) -> Result<AccountScope, Problem> {
    if references.is_empty() {
        return Ok(AccountScope::All);
    }
    let snapshot = state
        .snapshot()
        .await
        .map_err(|error| Problem::of_open(&error))?;
    let scope = blocking(move || accounts::scope(&snapshot, &references)).await;
    scope.map_err(|error| Problem::of_query(&error, ""))
}

/// The store that a request names, or the server's own, and what is published now.
pub async fn of_store(
    state: &ServerState,
    reference: Option<String>,
) -> Result<(String, Arc<Snapshot>), Problem> {
    let reference = reference.unwrap_or_else(|| state.settings().store.clone());
    let snapshot = state
        .snapshot()
        .await
        .map_err(|error| Problem::of_open(&error))?;
    if snapshot.find_store(&reference).is_none() {
        let names = snapshot.stores().iter().map(|store| store.name.as_str());
        return Err(Problem::no_such_store(&reference, names));
    }
    Ok((reference, snapshot))
}

/// The time between `since` and `until`; a missing bound is open.
pub fn of_times(params: &Params, now_ms: i64, zone: Tz) -> Result<TimeRange, Problem> {
    let bound = |name: &str, open: i64| match params.one(name)? {
        None => Ok(open),
        Some(text) => time::parse_time_bound(&text, now_ms, zone)
            .map_err(|error| Problem::bad_request(format!("{name}: {error}"))),
    };
    let range = TimeRange {
        start_ms: bound("since", TimeRange::ALL.start_ms)?,
        end_ms: bound("until", TimeRange::ALL.end_ms)?,
    };
    match range.is_empty() {
        true => Err(Problem::bad_request("since is not before until")),
        false => Ok(range),
    }
}
