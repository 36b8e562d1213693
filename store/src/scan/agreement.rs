//! The indexed scan against the plain path, on events with every oddity.
//!
//! Events and predicates come from a seeded generator; whatever the layout of
//! the splits, both ways must give the same rows.

mod events;
mod questions;
mod world;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use self::events::Random;
use self::questions::request;
use self::world::{Layout, STORE, stacked, world};
use super::*;
use crate::catalog::SplitEntry;
use crate::kv::columns::Column;
use crate::kv::db::Changes;
use crate::path::{Arrays, FieldPath};
use crate::snapshot::Snapshot;

/// The rows as text, and their number; sorted where the order is open.
fn rows(snapshot: &Arc<Snapshot>, request: &ScanRequest) -> Vec<String> {
    let scan = snapshot
        .scan(request, Arc::default(), Cancel::default())
        .expect("planned");
    assert!(scan.partitions.len() <= request.partitions.max(1));
    let mut rows = Vec::new();
    for partition in &scan.partitions {
        partition
            .run(&mut |batch: RecordBatch| {
                assert_eq!(batch.schema(), scan.schema);
                assert!(batch.num_rows() <= request.batch_rows && batch.num_rows() > 0);
                rows.extend(texts_of(&batch));
                ControlFlow::Continue(())
            })
            .expect("run");
    }
    if request.order.is_none() {
        rows.sort();
    }
    rows
}

fn texts_of(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::new().with_null("∅");
    let columns: Vec<ArrayFormatter<'_>> = batch
        .columns()
        .iter()
        .map(|c| ArrayFormatter::try_new(c.as_ref(), &options).expect("formats"))
        .collect();
    (0..batch.num_rows())
        .map(|row| {
            let cells: Vec<String> = columns.iter().map(|c| c.value(row).to_string()).collect();
            cells.join(" | ")
        })
        .collect()
}

fn agree(layout: Layout, seed: u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut random = Random(seed);
    let snapshot = world(&mut random, layout, folder.path());
    assert_eq!(snapshot.event_count(STORE), 4 * 148 + 5);
    let (mut n_rows, mut n_some) = (0, 0);
    for round in 0..400 {
        let mut request = request(&mut random);
        let indexed = rows(&snapshot, &request);
        request.access = Access::Plain;
        let plain = rows(&snapshot, &request);
        assert!(
            indexed == plain,
            "round {round} of {layout:?}, seed {seed}: {} indexed rows, {} plain\n{request:#?}\n\
             indexed only: {:#?}\nplain only: {:#?}",
            indexed.len(),
            plain.len(),
            indexed
                .iter()
                .filter(|r| !plain.contains(r))
                .take(3)
                .collect::<Vec<_>>(),
            plain
                .iter()
                .filter(|r| !indexed.contains(r))
                .take(3)
                .collect::<Vec<_>>(),
        );
        n_rows += plain.len();
        n_some += usize::from(!plain.is_empty() && plain.len() < 500);
    }
    assert!(
        n_rows > 3_000 && n_some > 80,
        "{n_rows} rows, {n_some} selective answers"
    );
}

#[test]
fn a_sorted_split_agrees_with_the_plain_path() {
    for seed in 1..4 {
        agree(Layout::OneSorted, seed);
    }
}

#[test]
fn unsorted_splits_agree_with_the_plain_path() {
    for seed in 1..4 {
        agree(Layout::ThreeUnsorted, seed);
    }
}

#[test]
fn merged_splits_agree_with_the_plain_path() {
    for seed in 1..4 {
        agree(Layout::Stacked, seed);
    }
}

#[test]
fn limits_stop_early_and_cancelling_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut random = Random(5);
    let snapshot = world(&mut random, Layout::OneSorted, folder.path());
    let mut request = request(&mut random);
    request.scope = AccountScope::All;
    request.time = TimeRange::ALL;
    request.predicate = Predicate::True;
    request.columns = vec![ScanColumn {
        name: "time".into(),
        source: ColumnSource::Timestamp(Field::Time),
    }];
    (request.order, request.limit, request.partitions) = (None, Some(30), 3);
    assert_eq!(rows(&snapshot, &request).len(), 3 * 30, "so many from each");

    request.order = Some(TimeOrder::NewestFirst);
    let statistics: Arc<ScanStatistics> = Arc::default();
    let scan = snapshot
        .scan(&request, Arc::clone(&statistics), Cancel::default())
        .expect("planned");
    let mut n_rows = 0;
    let mut count = |batch: RecordBatch| {
        n_rows += batch.num_rows();
        ControlFlow::Continue(())
    };
    scan.partitions[0].run(&mut count).expect("run");
    assert_eq!(n_rows, 30);
    let scanned = statistics.events_scanned.load(Ordering::Relaxed);
    assert!(
        scanned < 400,
        "{scanned} events of the split and of what is in none"
    );

    let cancel = Cancel::default();
    let scan = snapshot
        .scan(&request, Arc::default(), cancel.clone())
        .expect("planned");
    cancel.cancel();
    let ended = scan.partitions[0].run(&mut |_| ControlFlow::Continue(()));
    assert!(matches!(ended, Err(ScanError::Cancelled)));
}

#[test]
fn a_split_that_was_merged_away_is_found_in_its_successor() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut random = Random(6);
    let snapshot = world(&mut random, Layout::ThreeUnsorted, folder.path());
    let mut request = request(&mut random);
    (request.predicate, request.order, request.limit) = (Predicate::True, None, None);
    let before = rows(&snapshot, &request);
    let fresh = Arc::new(snapshot.refreshed().expect("loaded"));
    drop(snapshot);

    let inputs: Vec<SplitEntry> = fresh.splits()[..2]
        .iter()
        .map(|handle| SplitEntry::clone(&handle.entry))
        .collect();
    let mut changes = Changes::default();
    for input in &inputs {
        changes.delete(Column::Splits, input.id.to_be_bytes());
    }
    let output = stacked(folder.path(), 99, &inputs);
    changes.put_entry(Column::Splits, output.id.to_be_bytes(), &output);
    fresh.db().write(changes).expect("written");
    let reopened = Arc::new(fresh.with_closed_splits());
    for input in &inputs {
        let path = folder.path().join(SplitEntry::file_name(input.id));
        std::fs::remove_file(path).expect("removed");
    }
    assert_eq!(rows(&reopened, &request), before);
}

#[test]
fn events_are_found_by_id_and_fields_are_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut random = Random(7);
    let snapshot = world(&mut random, Layout::ThreeUnsorted, folder.path());
    let all = |scope: &AccountScope| {
        let mut request = request(&mut Random(3));
        request.predicate = Predicate::Field(FieldTest {
            field: Field::path(FieldPath::parse("eventID"), Arrays::Exact),
            matcher: Matcher::Equals("id-5".into()),
            when_missing: false,
        });
        request.scope = scope.clone();
        request.time = TimeRange::ALL;
        request.limit = None;
        request.columns.clear();
        rows(&snapshot, &request).len()
    };
    for scope in [
        AccountScope::All,
        AccountScope::Only(["111122223331".to_owned()].into()),
    ] {
        let found = snapshot.events_by_id(STORE, "ID-5", &scope).expect("read");
        assert!(found.len() > 1, "repeated ids are all found");
        assert_eq!(found.len(), all(&scope));
        assert!(found.is_sorted_by(|a, b| a.key <= b.key));
        assert!(
            found
                .iter()
                .all(|r| r.source.starts_with("logs/a.json.gz#"))
        );
        let observed = snapshot.observed_fields(STORE, &scope).expect("read");
        let of = |path: &str| observed.iter().find(|f| f.path == path).cloned();
        assert!(of("open.a").is_some_and(|f| f.kinds.text && f.kinds.integer && f.kinds.other));
        assert!(of("nowhere").is_none());
        let everything = of("eventTime").map_or(0, |f| f.events);
        assert!(of("eventID").is_some_and(|f| f.events == everything));
    }
}
