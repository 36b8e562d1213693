//! From a request to the parts that answer it. Reads the catalogue and opens
//! the splits that are left (so that the scan keeps them whatever a merge does
//! meanwhile), but nothing in them.

use std::sync::Arc;

use hashbrown::HashSet;

use super::error::ScanError;
use super::full::PlainUnit;
use super::prune::{Pruned, pruned};
use super::request::{Access, AccountScope, Cancel, ScanRequest, ScanStatistics, TimeRange};
use super::run::{Piece, Scan, ScanPartition, Shared, Work};
use super::unit::SplitUnit;
use crate::catalog::SplitEntry;
use crate::scan::predicate::Predicate;
use crate::snapshot::Snapshot;

/// A part of a scan is worth a thread from so many documents on. Few in unit
/// tests, whose splits are small.
const PART_DOCS: u64 = if cfg!(test) { 64 } else { 32 << 10 };
/// Snapshots that are tried until one holds still.
const ATTEMPTS: usize = 5;

impl Snapshot {
    /// Plans the scan. Nothing is read before its partitions run.
    ///
    /// A reader beside a writer may find a split merged away; the scan then
    /// reads a newer snapshot.
    pub fn scan(
        self: &Arc<Self>,
        request: &ScanRequest,
        statistics: Arc<ScanStatistics>,
        cancel: Cancel,
    ) -> Result<Scan, ScanError> {
        let mut snapshot = Arc::clone(self);
        let mut attempt = 1;
        loop {
            match plan(&snapshot, request, &statistics, &cancel) {
                Err(ScanError::SplitGone { .. }) if attempt < ATTEMPTS => {
                    snapshot = Arc::new(snapshot.refreshed()?);
                    attempt += 1;
                }
                planned => return planned.inspect_err(|error| self.note_lost(error)),
            }
        }
    }
}

fn plan(
    snapshot: &Arc<Snapshot>,
    request: &ScanRequest,
    statistics: &Arc<ScanStatistics>,
    cancel: &Cancel,
) -> Result<Scan, ScanError> {
    let mut description = vec![
        format!("time: {}", show_time(&request.time)),
        format!("accounts: {}", show_scope(&request.scope)),
        format!("predicate: {}", request.predicate),
    ];
    for column in &request.columns {
        description.push(format!("column {}: {:?}", column.name, column.source));
    }
    let is_nothing = request.time.is_empty()
        || request.predicate == Predicate::False
        || request.limit == Some(0)
        || matches!(&request.scope, AccountScope::Only(accounts) if accounts.is_empty());
    let (units, plain) = match request.access {
        _ if is_nothing => {
            description.push("nothing can match".into());
            (Vec::new(), None)
        }
        Access::Plain => {
            description.push("plain path: every record of the store is read".into());
            let plain = PlainUnit {
                batches: snapshot.batches_of(request.store),
                with_tail: true,
            };
            (Vec::new(), Some(plain))
        }
        Access::Indexed => (
            units(snapshot, request, statistics, &mut description)?,
            plain(snapshot, request, &mut description),
        ),
    };
    let shared = Arc::new(Shared::new(
        Arc::clone(snapshot),
        request.clone(),
        Arc::clone(statistics),
        cancel.clone(),
    ));
    let plain = plain.map(Arc::new);
    let work = match request.order {
        Some(order) => {
            description.push(format!("order: {order:?}, limit {:?}", request.limit));
            vec![Work::Ordered(units, plain)]
        }
        None => parts(request, &units, plain),
    };
    description.push(format!("partitions: {}", work.len()));
    Ok(Scan {
        schema: Arc::clone(&shared.schema),
        partitions: work
            .into_iter()
            .map(|work| ScanPartition {
                shared: Arc::clone(&shared),
                work,
            })
            .collect(),
        description,
    })
}

/// The splits that may hold an answer, open.
fn units(
    snapshot: &Snapshot,
    request: &ScanRequest,
    statistics: &ScanStatistics,
    description: &mut Vec<String>,
) -> Result<Vec<Arc<SplitUnit>>, ScanError> {
    let mut units = Vec::new();
    let (mut n_splits, mut by_time, mut by_account, mut by_predicate) = (0, 0, 0, 0);
    for handle in snapshot.splits_of(request.store) {
        n_splits += 1;
        match pruned(&handle.entry, request) {
            Some(Pruned::Time) => by_time += 1,
            Some(Pruned::Account) => by_account += 1,
            Some(Pruned::Predicate) => by_predicate += 1,
            None => {
                units.push(Arc::new(SplitUnit::open(snapshot, handle)?));
            }
        }
    }
    ScanStatistics::add(&statistics.splits, n_splits);
    ScanStatistics::add(
        &statistics.splits_pruned,
        by_time + by_account + by_predicate,
    );
    let n_docs: u64 = units.iter().map(|u| u64::from(u.entry.n_docs)).sum();
    description.push(format!(
        "splits: {} of {n_splits} with {n_docs} events; set aside {by_time} by time, \
         {by_account} by account, {by_predicate} by the predicate",
        units.len()
    ));
    Ok(units)
}

/// What no split holds.
fn plain(
    snapshot: &Snapshot,
    request: &ScanRequest,
    description: &mut Vec<String>,
) -> Option<PlainUnit> {
    let overlaps =
        |min_ms: i64, max_ms: i64| min_ms < request.time.end_ms && request.time.start_ms <= max_ms;
    let batches: HashSet<u64> = snapshot
        .uncovered_of(request.store)
        .filter(|(_, entry)| overlaps(entry.time_min_ms, entry.time_max_ms))
        .map(|(number, _)| number)
        .collect();
    let n_pushed = snapshot.tail(request.store).len();
    if batches.is_empty() && n_pushed == 0 {
        return None;
    }
    description.push(format!(
        "read without an index: {n_pushed} pushed events, {} batches without a split",
        batches.len()
    ));
    Some(PlainUnit {
        batches,
        with_tail: true,
    })
}

/// Shares of about the same number of documents, splits cut where need be. What
/// no split holds goes to the last.
fn parts(
    request: &ScanRequest,
    units: &[Arc<SplitUnit>],
    plain: Option<Arc<PlainUnit>>,
) -> Vec<Work> {
    let weights: Vec<u64> = units
        .iter()
        .map(|u| weight(&u.entry, &request.time))
        .collect();
    let total: u64 = weights.iter().sum();
    let n_parts = total
        .div_ceil(PART_DOCS)
        .clamp(1, request.partitions.max(1) as u64);
    let mut parts: Vec<Vec<Piece>> = Vec::new();
    for part in 0..n_parts {
        let (start, end) = (total * part / n_parts, total * (part + 1) / n_parts);
        let mut pieces = Vec::new();
        let mut before = 0;
        for (unit, weight) in units.iter().zip(&weights) {
            let from = start.saturating_sub(before).min(*weight);
            let to = end.saturating_sub(before).min(*weight);
            if from < to {
                pieces.push(Piece {
                    unit: Arc::clone(unit),
                    from,
                    to,
                    of: *weight,
                });
            }
            before += weight;
        }
        parts.push(pieces);
    }
    let n_parts = parts.len();
    parts
        .into_iter()
        .enumerate()
        .map(|(i, pieces)| {
            let is_last = i + 1 == n_parts;
            Work::Pieces(pieces, plain.clone().filter(|_| is_last))
        })
        .collect()
}

/// About how many documents of the split are in the time range, at least one.
fn weight(entry: &SplitEntry, time: &TimeRange) -> u64 {
    let both = entry.time().and(time);
    let length = |range: &TimeRange| range.end_ms.saturating_sub(range.start_ms).max(1) as f64;
    let share = length(&both) / length(&entry.time());
    ((f64::from(entry.n_docs) * share) as u64).max(1)
}

fn show_time(time: &TimeRange) -> String {
    let bound = |time_ms: i64| {
        chrono::DateTime::from_timestamp_millis(time_ms)
            .map_or_else(|| time_ms.to_string(), |t| t.to_rfc3339())
    };
    match (time.start_ms, time.end_ms) {
        (i64::MIN, i64::MAX) => "all".into(),
        (start, i64::MAX) => format!("from {}", bound(start)),
        (i64::MIN, end) => format!("before {}", bound(end)),
        (start, end) => format!("from {} up to {}", bound(start), bound(end)),
    }
}

fn show_scope(scope: &AccountScope) -> String {
    match scope {
        AccountScope::All => "all".into(),
        AccountScope::Only(accounts) => format!("{accounts:?}"),
    }
}
