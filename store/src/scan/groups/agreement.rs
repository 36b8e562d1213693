//! Groups against the rows of the plain path, on events with every oddity.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, TimestampMillisecondType};
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::*;
use crate::scan::agreement::{Layout, Random, field, request, world};
use crate::scan::{Access, Cancel, ScanRequest};
use crate::snapshot::Snapshot;

const NONE: &str = "∅";

/// By the texts of its keys: what is told of a group.
type Groups = BTreeMap<Vec<String>, Vec<i64>>;

/// Columns that can be grouped by, the time last.
fn columns(random: &mut Random) -> Vec<ScanColumn> {
    let mut columns = Vec::new();
    while columns.len() < 3 {
        let source = match random.below(4) {
            0 => ColumnSource::Boolean(field(random)),
            _ => ColumnSource::Text(field(random)),
        };
        if reads(&source).is_some() {
            let name = format!("c{}", columns.len());
            columns.push(ScanColumn { name, source });
        }
    }
    columns.push(ScanColumn {
        name: "time".into(),
        source: ColumnSource::Timestamp(Field::Time),
    });
    let lake = crate::fields::lake_schema();
    columns.push(ScanColumn {
        name: "list".into(),
        source: ColumnSource::Lake(lake.index_of("resources").expect("there is one")),
    });
    columns
}

/// The places of the columns that hold the time and the list.
const TIME_COLUMN: usize = 3;
const LIST_COLUMN: usize = 4;
const N_MEMBERS: usize = 4;

fn key(random: &mut Random, is_unnested: bool) -> GroupKey {
    match random.below(5) {
        0 | 2 if is_unnested => GroupKey::Member(random.below(N_MEMBERS)),
        0 => GroupKey::Time(TimeBucket::EXACT),
        1 => GroupKey::Time(TimeBucket {
            width_ms: 7_000,
            offset_ms: 3_000,
        }),
        n => GroupKey::Value(n - 2),
    }
}

fn aggregate(random: &mut Random) -> Aggregate {
    match random.below(7) {
        0 => Aggregate::Events,
        1 => Aggregate::FirstTime,
        2 => Aggregate::LastTime,
        3 | 4 => Aggregate::Values(random.below(3)),
        _ => Aggregate::Distinct(random.below(3)),
    }
}

fn texts(array: &dyn Array) -> Vec<String> {
    let options = FormatOptions::new().with_null(NONE);
    let shown = ArrayFormatter::try_new(array, &options).expect("formats");
    (0..array.len())
        .map(|i| shown.value(i).to_string())
        .collect()
}

fn grouping(snapshot: &Arc<Snapshot>, request: &ScanRequest, wanted: GroupRequest) -> Grouping {
    let scan = snapshot
        .scan(request, Arc::default(), Cancel::default())
        .expect("planned");
    let grouping = scan.partitions[0].grouping(wanted);
    grouping.expect("columns that can be grouped by")
}

fn in_split_order(snapshot: &Arc<Snapshot>, request: &ScanRequest, grouping: &Grouping) -> Groups {
    let scan = snapshot
        .scan(request, Arc::default(), Cancel::default())
        .expect("planned");
    let mut all = GroupTable::new(grouping);
    for partition in &scan.partitions {
        let table = partition.group(grouping, &mut |_| true).expect("grouped");
        all.merge(grouping, &table.expect("memory enough"));
    }
    let every: Vec<u32> = (0..all.len() as u32).collect();
    first_ones_are_first(&all, grouping, &every);
    let columns = all.finish(grouping, &every);
    let (keys, told) = columns.split_at(grouping.keys.len());
    let keys: Vec<Vec<String>> = keys.iter().map(|k| texts(k.as_ref())).collect();
    let mut groups = Groups::new();
    for i in 0..all.len() {
        let key = keys.iter().map(|k| k[i].clone()).collect();
        let told = told
            .iter()
            .map(|column| match column.as_primitive_opt::<Int64Type>() {
                Some(counts) => counts.value(i),
                None => {
                    let times = column.as_primitive::<TimestampMillisecondType>();
                    if times.is_valid(i) {
                        times.value(i)
                    } else {
                        -1
                    }
                }
            });
        let told = told.collect();
        assert!(
            groups.insert(key, told).is_none(),
            "each group is told once"
        );
    }
    groups
}

/// Of each aggregate: those that are said to come first do, and none is missing.
fn first_ones_are_first(table: &GroupTable, grouping: &Grouping, every: &[u32]) {
    for i in 0..grouping.aggregates.len() {
        let columns = table.finish(grouping, every);
        let values = columns[grouping.keys.len() + i].as_ref();
        let values = arrow::compute::cast(values, &DataType::Int64).expect("a number");
        let values = values.as_primitive::<Int64Type>();
        for (n, is_descending) in [(1, true), (3, false), (7, true)] {
            let mut sorted: Vec<i64> = values.iter().flatten().collect();
            sorted.sort_unstable();
            if is_descending {
                sorted.reverse();
            }
            let wanted: Vec<u32> = every
                .iter()
                .copied()
                .filter(|group| match sorted.get(n - 1) {
                    Some(last) if n < every.len() => match is_descending {
                        true => values.value(*group as usize) >= *last,
                        false => values.value(*group as usize) <= *last,
                    },
                    _ => true,
                })
                .collect();
            assert_eq!(table.first_by(i, is_descending, n), wanted);
        }
    }
}

/// One row of the plain path: its columns as text, and its time. Of an element the texts
/// of its members follow those of the columns.
type Row = (Vec<String>, i64);

fn plainly(
    snapshot: &Arc<Snapshot>,
    request: &ScanRequest,
    grouping: &Grouping,
    present: &[usize],
) -> Groups {
    let request = ScanRequest {
        access: Access::Plain,
        ..request.clone()
    };
    let scan = snapshot
        .scan(&request, Arc::default(), Cancel::default())
        .expect("planned");
    let mut rows: Vec<Row> = Vec::new();
    for partition in &scan.partitions {
        let mut take = |batch: RecordBatch| {
            let columns: Vec<_> = batch.columns().iter().map(|c| texts(c.as_ref())).collect();
            let times = batch
                .column(TIME_COLUMN)
                .as_primitive::<TimestampMillisecondType>();
            let lists = batch.column(LIST_COLUMN).as_list::<i32>();
            for i in 0..batch.num_rows() {
                let row: Vec<String> = columns.iter().map(|c| c[i].clone()).collect();
                if grouping.unnested.is_none() {
                    rows.push((row, times.value(i)));
                } else if lists.is_valid(i) {
                    let elements = lists.value(i);
                    for element in 0..elements.len() {
                        let member = |member: &ArrayRef| match elements.is_valid(element) {
                            true => texts(member.as_ref())[element].clone(),
                            false => NONE.to_owned(),
                        };
                        let members = elements.as_struct().columns().iter().map(member);
                        let row: Vec<String> = row.iter().cloned().chain(members).collect();
                        let has = |member: &usize| row[LIST_COLUMN + 1 + member] != NONE;
                        if present.iter().all(has) {
                            rows.push((row, times.value(i)));
                        }
                    }
                }
            }
            ControlFlow::Continue(())
        };
        partition.run(&mut take).expect("run");
    }
    let mut of_keys: BTreeMap<Vec<String>, Vec<&Row>> = BTreeMap::new();
    if grouping.keys.is_empty() {
        of_keys.insert(Vec::new(), Vec::new());
    }
    for row in &rows {
        let key = grouping.keys.iter().map(|key| match key {
            GroupKey::Value(column) => row.0[*column].clone(),
            GroupKey::Time(bucket) => {
                let start = bucket.start(row.1);
                assert!(start <= row.1 && row.1 < start + bucket.width_ms);
                texts(&arrow::array::TimestampMillisecondArray::from(vec![start])).remove(0)
            }
            GroupKey::Member(member) => row.0[LIST_COLUMN + 1 + member].clone(),
        });
        of_keys.entry(key.collect()).or_default().push(row);
    }
    let told = |aggregate: &Aggregate, rows: &[&Row]| -> i64 {
        let values = |column: usize| {
            rows.iter()
                .map(move |r| &r.0[column])
                .filter(|v| *v != NONE)
        };
        match aggregate {
            Aggregate::Events => rows.len() as i64,
            Aggregate::Values(column) => values(*column).count() as i64,
            Aggregate::Distinct(column) => values(*column).collect::<BTreeSet<_>>().len() as i64,
            Aggregate::FirstTime => rows.iter().map(|r| r.1).min().unwrap_or(-1),
            Aggregate::LastTime => rows.iter().map(|r| r.1).max().unwrap_or(-1),
        }
    };
    of_keys
        .into_iter()
        .map(|(key, rows)| {
            let told = grouping.aggregates.iter().map(|a| told(a, &rows)).collect();
            (key, told)
        })
        .collect()
}

#[test]
fn groups_agree_with_the_rows_of_the_plain_path() {
    for (layout, seed) in [
        (Layout::OneSorted, 11),
        (Layout::ThreeUnsorted, 12),
        (Layout::Stacked, 13),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut random = Random(seed);
        let snapshot = world(&mut random, layout, folder.path());
        let mut n_groups = 0;
        for round in 0..150 {
            let mut request = request(&mut random);
            (request.order, request.limit) = (None, None);
            request.columns = columns(&mut random);
            if random.below(2) == 0 {
                request.predicate = crate::scan::Predicate::True;
            }
            let is_unnested = random.below(3) == 0;
            let keys = (0..random.below(4)).map(|_| key(&mut random, is_unnested));
            let keys = keys.collect();
            let aggregates = (0..random.below(4))
                .map(|_| aggregate(&mut random))
                .collect();
            let wanted = GroupRequest {
                keys,
                aggregates,
                unnested: is_unnested.then_some(LIST_COLUMN),
                present: match is_unnested && random.below(2) == 0 {
                    true => vec![random.below(N_MEMBERS)],
                    false => Vec::new(),
                },
            };
            let present = wanted.present.clone();
            let grouping = grouping(&snapshot, &request, wanted);
            let groups = in_split_order(&snapshot, &request, &grouping);
            let expected = plainly(&snapshot, &request, &grouping, &present);
            assert_eq!(
                groups, expected,
                "round {round} of {layout:?}, seed {seed}: {:?} {:?}\n{request:#?}",
                grouping.keys, grouping.aggregates
            );
            n_groups += groups.len();
        }
        assert!(n_groups > 1_500, "{n_groups} groups");
    }
}

#[test]
fn groups_that_are_refused_memory_are_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut random = Random(14);
    let snapshot = world(&mut random, Layout::OneSorted, folder.path());
    let mut request = request(&mut random);
    (request.order, request.limit) = (None, None);
    (request.time, request.scope) = (crate::scan::TimeRange::ALL, crate::scan::AccountScope::All);
    request.predicate = crate::scan::Predicate::True;
    request.columns = columns(&mut random);
    let keys = vec![GroupKey::Time(TimeBucket::EXACT)];
    let wanted = GroupRequest {
        keys,
        ..GroupRequest::default()
    };
    let grouping = grouping(&snapshot, &request, wanted);
    let scan = snapshot
        .scan(&request, Arc::default(), Cancel::default())
        .expect("planned");
    let mut told = 0;
    let refused = scan.partitions[0].group(&grouping, &mut |bytes| {
        told = bytes;
        false
    });
    assert!(refused.expect("read").is_none());
    assert!(told > 0);
}
