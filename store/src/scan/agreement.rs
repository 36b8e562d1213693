//! The indexed scan against the plain path, on events with every oddity.
//!
//! Events and predicates come from a seeded generator; whatever the layout of
//! the splits, both ways must give the same rows.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use super::*;
use crate::catalog::{BatchEntry, SourceEntry, SplitEntry};
use crate::event::EventHeader;
use crate::fields;
use crate::index::cache::SplitCache;
use crate::index::merge::{combined, stack};
use crate::index::reader::SplitReader;
use crate::index::writer::{Document, SplitBuilder};
use crate::json::Json;
use crate::kv::columns::Column;
use crate::kv::db::{Changes, Db};
use crate::kv::keys::EventKey;
use crate::kv::value::{Provenance, StoredEvent, TailEvent};
use crate::path::{Arrays, FieldPath};
use crate::snapshot::Snapshot;
use crate::tokens::{id_hash, is_id_like};

const STORE: StoreId = StoreId(3);

/// Numbers that look random and are the same in every run.
pub(super) struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.below(from.len())]
    }
}

/// Two tokens that a split's id file does not tell apart. Events hold the first.
const OF_ONE_HASH: [&str; 2] = ["id00000000057875", "id00000000101992"];

const SCALARS: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "12",
    "-7",
    "12.0",
    "1e2",
    "9223372036854775807",
    "9223372036854775808",
    "\"\"",
    "\"12\"",
    "\"true\"",
    "\"GetObject\"",
    "\"Get Object/v2\"",
    "\"getobject\"",
    "\"AKIAIOSFODNN7EXAMPLE\"",
    "\"id00000000057875\"",
    "\"x akiaiosfodnn7example y\"",
    "\"0f3b2c1d-0000-4a4a-8b8b-0123456789ab\"",
    "\"é☃\"",
    "\"q\\\"uo\\u0074e\"",
    "\"{}\"",
    "\"2023-01-01T00:00:05Z\"",
    "\"10.0.0.1\"",
];

/// A long text, once as a token and once as words.
fn long(random: &mut Random) -> String {
    match random.below(2) {
        0 => format!("\"{}\"", "x1".repeat(2500)),
        _ => format!("\"{}GetObject\"", "word ".repeat(1000)),
    }
}

fn value(random: &mut Random, depth: usize) -> String {
    match random.below(if depth < 3 { 14 } else { 9 }) {
        0..=7 => random.pick(SCALARS).to_owned(),
        8 if random.below(4) == 0 => long(random),
        8 => "12".into(),
        9 | 10 => {
            let n = random.below(4);
            let elements: Vec<String> = (0..n).map(|_| value(random, depth + 1)).collect();
            format!("[{}]", elements.join(", "))
        }
        _ => object(
            random,
            depth + 1,
            &["a", "b", "0", "b.c", "k[1]", "ключ", "a"],
        ),
    }
}

fn object(random: &mut Random, depth: usize, keys: &[&str]) -> String {
    let mut members = Vec::new();
    for key in keys {
        if random.below(2) == 0 {
            members.push(format!("\"{key}\": {}", value(random, depth)));
        }
    }
    format!("{{{}}}", members.join(","))
}

/// What may stand at `resources`: mostly lists as CloudTrail has them.
fn resources(random: &mut Random) -> String {
    const MEMBERS: &[&str] = &[
        "\"ARN\":\"arn:aws:s3:::b\"",
        "\"ARN\":\"arn:aws:s3:::c\"",
        "\"type\":\"AWS::S3::Bucket\"",
        "\"accountId\":\"111122223331\"",
        "\"ARN\":null",
        "\"more\":[1]",
    ];
    let n = random.below(4);
    let elements: Vec<String> = (0..n)
        .map(|_| match random.below(30) {
            0 => value(random, 2),
            1 => format!("{{\"ARN\":{}}}", value(random, 2)),
            _ => {
                let n = random.below(4);
                let members: Vec<&str> = (0..n).map(|_| random.pick(MEMBERS)).collect();
                format!("{{{}}}", members.join(","))
            }
        })
        .collect();
    match random.below(10) {
        0 => value(random, 1),
        _ => format!("[{}]", elements.join(",")),
    }
}

/// What may stand at `eventID`.
fn event_id(random: &mut Random, n: usize) -> String {
    let uuid = format!("0f3b2c1d-0000-4a4a-8b8b-0123456789{:02x}", n % 97);
    match random.below(8) {
        0 => format!("\"{}\"", uuid.to_uppercase()),
        1 | 5 => format!("\"id-{}\"", n % 10),
        2 => format!("\"{uuid}\",\"eventID\":\"id-{}\"", n % 10),
        3 => format!("[\"{uuid}\"]"),
        _ => format!("\"{uuid}\""),
    }
}

/// A map whose value is an object, or the text of one.
fn response(random: &mut Random) -> String {
    let credentials = match random.below(6) {
        0 => "\"{\\\"key\\\":\\\"in text\\\",\\\"n\\\":{}}\"".to_owned(),
        1 => "\"{not json\"".to_owned(),
        2 => format!("{{\"key\":{}}}", value(random, 2)),
        3 => value(random, 2),
        _ => format!("{{\"key\":\"k{}\"}}", random.below(3)),
    };
    format!("{{\"credentials\":{credentials}}}")
}

fn record(random: &mut Random, n: usize) -> String {
    let second = random.below(20);
    let time = match random.below(8) {
        0 => format!("2023-01-01T00:00:{second:02}.500Z"),
        1 => format!("2023-01-01 00:00:{second:02}"),
        _ => format!("2023-01-01T00:00:{second:02}Z"),
    };
    let account = match random.below(4) {
        0 => String::new(),
        a => format!("\"recipientAccountId\":\"11112222333{a}\","),
    };
    let region = random.pick(&["\"us-east-1\"", "\"eu-west-1\"", "null", "7"]);
    let long_key = match random.below(20) {
        0 => format!("\"{}\": 12,", "k".repeat(600)),
        _ => String::new(),
    };
    let rest = object(
        random,
        0,
        &[
            "eventName",
            "requestParameters",
            "userIdentity",
            "open",
            "readOnly",
            "open",
        ],
    );
    let (resources, event_id) = (resources(random), event_id(random, n));
    let response = response(random);
    let rest = rest.trim_start_matches('{');
    let comma = if rest == "}" { "" } else { "," };
    format!(
        "{{{long_key}\"eventTime\":\"{time}\",{account}\"awsRegion\":{region},\"eventID\":{event_id},\"resources\":{resources},\"responseElements\":{response}{comma}{rest}"
    )
}

const PATHS: &[&str] = &[
    "eventName",
    "open",
    "open.a",
    "open.b",
    "open.0",
    "open.b\\.c",
    "open.a.b",
    "open.a.0.b",
    "open[1]",
    "open.k\\[1]",
    "open.ключ",
    "requestParameters",
    "requestParameters.a",
    "resources",
    "resources.ARN",
    "resources.type",
    "resources.0",
    "responseElements.credentials",
    "responseElements.credentials.key",
    "userIdentity.a",
    "readOnly",
    "eventTime",
    "eventID",
    "awsRegion",
    "nowhere",
    "recipientAccountId",
    "eventTime.x",
    "0",
    "",
];

pub(super) fn field(random: &mut Random) -> Field {
    match random.below(12) {
        0 => Field::Time,
        1 => Field::Account,
        2 if random.below(3) == 0 => Field::Source,
        2 => Field::Import,
        3 if random.below(3) == 0 => Field::IngestionTime,
        _ => {
            let path = match random.below(25) {
                0 => FieldPath::of_keys(["k".repeat(600)]),
                _ => FieldPath::parse(random.pick(PATHS)),
            };
            let arrays = [Arrays::Any, Arrays::Exact][random.below(2)];
            Field::path(path, arrays)
        }
    }
}

const TEXTS: &[&str] = &[
    "",
    "12",
    "-7",
    "12.0",
    "true",
    "false",
    "GetObject",
    "Get Object/v2",
    "AKIAIOSFODNN7EXAMPLE",
    OF_ONE_HASH[0],
    OF_ONE_HASH[1],
    "0f3b2c1d-0000-4a4a-8b8b-0123456789ab",
    "é☃",
    "{}",
    "[]",
    "2023-01-01T00:00:05Z",
    "id-5",
    "Get",
    "2023-01-01T00:00:1",
    "1672531205000",
    "us-east-1",
    "111122223331",
    "o",
    "GetObject GetObject",
    "q\"uote",
    "9223372036854775808",
    "[12]",
    "[12, 12]",
    "word",
    "1",
];

#[derive(Debug)]
struct HasE;

impl TextPredicate for HasE {
    fn matches(&self, text: &str) -> bool {
        text.contains('e') || text.contains('2')
    }

    fn description(&self) -> String {
        "has an e or a 2".into()
    }
}

const COMPARISONS: [Comparison; 5] = [
    Comparison::Equal,
    Comparison::Less,
    Comparison::LessOrEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
];

fn matcher(random: &mut Random) -> Matcher {
    let text = random.pick(TEXTS).to_owned();
    let op = COMPARISONS[random.below(5)];
    match random.below(10) {
        0 => Matcher::Present,
        1 | 2 => Matcher::Equals(text),
        3 => Matcher::OneOf((0..3).map(|_| random.pick(TEXTS).to_owned()).collect()),
        4 => Matcher::StartsWith(text),
        5 => Matcher::EndsWith(text),
        6 => Matcher::Contains(text),
        7 => Matcher::Compare { op, text },
        8 => Matcher::Number {
            op,
            value: [12.0, -7.0, 100.0, 9.3e18, 1_672_531_205_000.0][random.below(5)],
        },
        _ => Matcher::Test(Arc::new(HasE)),
    }
}

fn predicate(random: &mut Random, depth: usize) -> Predicate {
    let parts = |random: &mut Random| -> Vec<Predicate> {
        (0..1 + random.below(3))
            .map(|_| predicate(random, depth + 1))
            .collect()
    };
    match random.below(if depth < 3 { 12 } else { 7 }) {
        0 => Predicate::Text(TextTest::Phrase(random.pick(TEXTS).to_owned())),
        1 if random.below(3) == 0 => {
            Predicate::Text(TextTest::Prefix(random.pick(TEXTS).to_owned()))
        }
        1..=6 => Predicate::Field(FieldTest {
            field: field(random),
            matcher: matcher(random),
            when_missing: random.below(3) == 0,
        }),
        7 | 8 => Predicate::And(parts(random)),
        9 | 10 => Predicate::Or(parts(random)),
        _ => Predicate::Not(Box::new(predicate(random, depth + 1))),
    }
}

fn scalar(random: &mut Random) -> ColumnSource {
    let path = random.pick(&[
        "responseElements.credentials.key",
        "responseElements.credentials.n",
        "responseElements.credentials",
        "open.a.b",
        "eventName",
    ]);
    let path = FieldPath::parse(path);
    let base = random.below(path.steps().len());
    ColumnSource::Scalar { path, base }
}

fn columns(random: &mut Random) -> Vec<ScanColumn> {
    let n = random.below(4);
    let mut columns: Vec<ScanColumn> = (0..n)
        .map(|i| ScanColumn {
            name: format!("c{i}"),
            source: match random.below(8) {
                6 => scalar(random),
                7 => {
                    ColumnSource::Lake(fields::lake_schema().index_of("resources").expect("listed"))
                }
                0 => ColumnSource::Boolean(field(random)),
                1 => ColumnSource::Timestamp(field(random)),
                2 => ColumnSource::Matches(Box::new(predicate(random, 2))),
                3 => ColumnSource::Lake(random.below(fields::lake_schema().fields().len())),
                _ => ColumnSource::Text(field(random)),
            },
        })
        .collect();
    if n > 0 {
        columns.push(ScanColumn {
            name: "raw".into(),
            source: ColumnSource::Text(Field::path(FieldPath::default(), Arrays::Exact)),
        });
    }
    columns
}

/// How the events of a world lie in splits.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Layout {
    OneSorted,
    ThreeUnsorted,
    /// Two splits merged into one, and one more.
    Stacked,
}

/// Batches of events in a store, each whole in a split but the last, which has
/// none; dead events and pushed ones.
pub(super) fn world(
    random: &mut Random,
    layout: Layout,
    folder: &std::path::Path,
) -> Arc<Snapshot> {
    let db = Db::open_primary(&folder.join("db"), folder).expect("opened");
    let mut changes = Changes::default();
    let source = SourceEntry {
        path: "logs/a.json.gz".into(),
    };
    changes.put_entry(Column::Sources, 9_u64.to_be_bytes(), &source);
    let n_batches = 4_u64;
    let mut of_batches: Vec<Vec<(EventKey, String)>> = Vec::new();
    for batch in 1..=n_batches {
        let mut events: Vec<(i64, String, String)> = (0..150)
            .map(|n| {
                let record = record(random, n);
                let header = EventHeader::read(record.as_bytes()).expect(&record);
                (header.time_ms, header.account.unwrap_or_default(), record)
            })
            .collect();
        events.sort();
        let dead = vec![3, 70];
        let entry = BatchEntry {
            store: STORE,
            import: 1,
            n_events: events.len() as u32,
            time_min_ms: events[0].0,
            time_max_ms: events[events.len() - 1].0,
            dead,
        };
        changes.put_entry(Column::Batches, batch.to_be_bytes(), &entry);
        let mut of_batch = Vec::new();
        for (ordinal, (time_ms, account, record)) in events.into_iter().enumerate() {
            let key = EventKey {
                store: STORE,
                time_ms,
                account,
                batch,
                ordinal: ordinal as u32,
            };
            let provenance = Provenance {
                import: batch,
                source: 9,
                position: ordinal as u32,
                arrived_ms: 1000 * batch as i64,
            };
            let value = StoredEvent::encode(&provenance, record.as_bytes());
            changes.put(Column::Events, key.encode(), value);
            of_batch.push((key, record));
        }
        of_batches.push(of_batch);
    }
    for sequence in 0..5_u64 {
        let record = record(random, sequence as usize);
        let header = EventHeader::read(record.as_bytes()).expect("an event");
        let provenance = Provenance {
            import: 8,
            source: 9,
            position: 0,
            arrived_ms: 5,
        };
        let pushed = TailEvent {
            time_ms: header.time_ms,
            account: header.account.unwrap_or_default(),
            event: StoredEvent {
                provenance,
                record: record.into_bytes(),
            },
        };
        let mut key = STORE.0.to_be_bytes().to_vec();
        key.extend_from_slice(&sequence.to_be_bytes());
        changes.put(Column::Tail, key, pushed.encode());
    }
    // Events of the last batch are in no split.
    of_batches.pop();
    let groups: Vec<Vec<(EventKey, String)>> = match layout {
        Layout::OneSorted => {
            let mut all: Vec<_> = of_batches.into_iter().flatten().collect();
            all.sort();
            vec![all]
        }
        // What is stacked is in order, one after the other.
        Layout::Stacked => of_batches,
        Layout::ThreeUnsorted => of_batches
            .into_iter()
            .map(|mut events| {
                events.rotate_left(40);
                events
            })
            .collect(),
    };
    let mut splits = Vec::new();
    for (id, events) in groups.into_iter().enumerate() {
        splits.push(split(folder, id as u64, &events));
    }
    if layout == Layout::Stacked {
        let inputs: Vec<SplitEntry> = splits.drain(..2).collect();
        splits.push(stacked(folder, 99, &inputs));
    }
    for split in &splits {
        changes.put_entry(Column::Splits, split.id.to_be_bytes(), split);
    }
    db.write(changes).expect("written");
    let snapshot = Snapshot::load(Arc::new(db), folder, Arc::new(SplitCache::default()));
    Arc::new(snapshot.expect("loaded"))
}

/// Two splits as a merge makes them one.
fn stacked(folder: &std::path::Path, id: u64, inputs: &[SplitEntry]) -> SplitEntry {
    let path = |id: u64| folder.join(SplitEntry::file_name(id));
    let readers: Vec<_> = inputs
        .iter()
        .map(|input| Arc::new(SplitReader::open(&path(input.id)).expect("opened")))
        .collect();
    let bytes = stack(&readers, &path(id)).expect("merged");
    let inputs: Vec<_> = inputs.iter().cloned().map(Arc::new).collect();
    combined(id, STORE, bytes, &inputs)
}

fn split(folder: &std::path::Path, id: u64, events: &[(EventKey, String)]) -> SplitEntry {
    let path = folder.join(SplitEntry::file_name(id));
    let mut builder = SplitBuilder::new(&path, 16 << 20).expect("begun");
    let mut dead = Vec::new();
    let mut batches = BTreeSet::new();
    for (doc, (key, record)) in events.iter().enumerate() {
        let json = Json::parse(record.as_bytes()).expect("valid");
        let header = EventHeader::of(&json).expect("an event");
        if [3, 70].contains(&key.ordinal) {
            dead.push(doc as u32);
        }
        batches.insert(key.batch);
        builder
            .add(&Document {
                time_ms: key.time_ms,
                account: &key.account,
                batch: key.batch,
                ordinal: key.ordinal,
                identity: header.identity,
                region: header.region.as_deref(),
                json: &json,
            })
            .expect("added");
    }
    let built = builder.finish().expect("written");
    SplitEntry {
        id,
        store: STORE,
        version: 1,
        n_docs: built.n_docs,
        bytes: built.bytes,
        time_min_ms: built.time_min_ms,
        time_max_ms: built.time_max_ms,
        sorted: built.sorted,
        runs: Vec::new(),
        accounts: built.accounts,
        regions: built.regions,
        dead,
        batches: batches.into_iter().collect(),
    }
}

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

pub(super) fn request(random: &mut Random) -> ScanRequest {
    let start = 1_672_531_200_000;
    let order = [
        None,
        None,
        Some(TimeOrder::NewestFirst),
        Some(TimeOrder::OldestFirst),
    ][random.below(4)];
    ScanRequest {
        store: STORE,
        scope: match random.below(4) {
            0 => AccountScope::Only(["111122223331", ""].map(String::from).into()),
            1 => AccountScope::Only(["111122223332".to_owned()].into()),
            _ => AccountScope::All,
        },
        time: match random.below(3) {
            0 => TimeRange {
                start_ms: start + 4_000,
                end_ms: start + 9_500,
            },
            1 => TimeRange {
                start_ms: i64::MIN,
                end_ms: start + 12_000,
            },
            _ => TimeRange::ALL,
        },
        predicate: predicate(random, 0),
        columns: columns(random),
        order,
        limit: order.and_then(|_| [None, Some(1), Some(7), Some(40)][random.below(4)]),
        with_ties: order.is_some() && random.below(3) == 0,
        partitions: 1 + random.below(3),
        batch_rows: [3, 64, 8192][random.below(3)],
        access: Access::Indexed,
    }
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

/// Ranges and tests that begin and end at just the time of an event, the first
/// and last of every split among them.
#[test]
fn the_ends_of_times_are_exact() {
    for layout in [Layout::OneSorted, Layout::ThreeUnsorted] {
        let folder = tempfile::tempdir().expect("a folder");
        let snapshot = world(&mut Random(8), layout, folder.path());
        let mut request = request(&mut Random(8));
        (request.scope, request.order, request.limit) = (AccountScope::All, None, None);
        request.columns = vec![ScanColumn {
            name: "time".into(),
            source: ColumnSource::Timestamp(Field::Time),
        }];
        let mut agree = |time: TimeRange, predicate: Predicate| {
            (request.time, request.predicate) = (time, predicate);
            request.access = Access::Indexed;
            let indexed = rows(&snapshot, &request);
            request.access = Access::Plain;
            assert_eq!(indexed, rows(&snapshot, &request), "{request:?}");
        };
        let ends = snapshot
            .splits()
            .iter()
            .flat_map(|s| [s.entry.time_min_ms, s.entry.time_max_ms]);
        for time_ms in ends.chain([1_672_531_205_000]) {
            for (start_ms, end_ms) in [
                (time_ms, time_ms + 1),
                (i64::MIN, time_ms),
                (i64::MIN, time_ms + 1),
                (time_ms, i64::MAX),
                (time_ms + 1, i64::MAX),
            ] {
                agree(TimeRange { start_ms, end_ms }, Predicate::True);
            }
            for op in COMPARISONS {
                let value = time_ms as f64;
                let test = FieldTest {
                    field: Field::Time,
                    matcher: Matcher::Number { op, value },
                    when_missing: false,
                };
                agree(TimeRange::ALL, Predicate::Field(test));
            }
        }
    }
}

#[test]
fn the_tokens_of_one_hash_are_that() {
    let [first, second] = OF_ONE_HASH.map(|token| id_hash(token) >> 32);
    assert_eq!(first, second);
    assert!(OF_ONE_HASH.iter().all(|token| is_id_like(token)));
    let scalar = format!("\"{}\"", OF_ONE_HASH[0]);
    assert!(SCALARS.contains(&scalar.as_str()));
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
