//! Requests of every kind, out of a seed.

use std::sync::Arc;

use super::events::Random;
use super::world::STORE;
use crate::fields;
use crate::path::{Arrays, FieldPath};
use crate::scan::*;

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
    "resources.a",
    "resources.0",
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

fn field(random: &mut Random) -> Field {
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

fn matcher(random: &mut Random) -> Matcher {
    let text = random.pick(TEXTS).to_owned();
    let op = [
        Comparison::Equal,
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Greater,
        Comparison::GreaterOrEqual,
    ][random.below(5)];
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

fn columns(random: &mut Random) -> Vec<ScanColumn> {
    let n = random.below(4);
    let mut columns: Vec<ScanColumn> = (0..n)
        .map(|i| ScanColumn {
            name: format!("c{i}"),
            source: match random.below(6) {
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

pub fn request(random: &mut Random) -> ScanRequest {
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
        partitions: 1 + random.below(3),
        batch_rows: [3, 64, 8192][random.below(3)],
        access: Access::Indexed,
    }
}
