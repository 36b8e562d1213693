//! Aggregations that the store does: they are planned so, and the answers are
//! DataFusion's over the plain path, also where the store gives up.

use std::fmt::Write as _;
use std::sync::Arc;

use tarn_query::{Engine, EngineOptions, QueryRequest};
use tarn_store::{Access, Snapshot};

use crate::support::ask::{Row, rows_of};
use crate::support::home::{self, Home, NOW_MS};

/// What the operator calls itself in a plan.
const OPERATOR: &str = "GroupScanExec";

/// Queries and whether the store answers for all of them.
const QUERIES: [(&str, bool); 23] = [
    (
        "SELECT eventName, count(*) FROM events GROUP BY eventName",
        true,
    ),
    ("SELECT DISTINCT eventSource, readOnly FROM events", true),
    (
        "SELECT count(DISTINCT eventName), count(errorCode) FROM events",
        true,
    ),
    (
        "SELECT eventName, count(DISTINCT sourceIPAddress), min(eventTime), max(eventTime) \
         FROM events WHERE eventName LIKE '%e%' GROUP BY 1",
        true,
    ),
    (
        "SELECT date_trunc('hour', eventTime), date_trunc('week', eventTime), count(*) FROM events GROUP BY 1, 2",
        true,
    ),
    (
        "SELECT date_trunc('month', eventTime), count(*) FROM events GROUP BY 1",
        true,
    ),
    (
        "SELECT hour(eventTime), minute(eventTime), count(*) FROM events GROUP BY 1, 2",
        true,
    ),
    (
        "SELECT lower(eventName), day(eventTime), count(errorCode), max(eventTime) FROM events GROUP BY 1, 2",
        true,
    ),
    (
        "SELECT element_at(requestParameters, 'n'), count(*) FROM events GROUP BY 1",
        true,
    ),
    (
        "SELECT n, count(*) FROM (SELECT upper(eventName) AS n FROM events) GROUP BY n",
        true,
    ),
    (
        "SELECT eventName, count(*) FROM events WHERE eventName = 'none' GROUP BY 1",
        true,
    ),
    (
        "SELECT count(*), max(eventTime), count(DISTINCT eventName) FROM events WHERE eventName = 'none'",
        true,
    ),
    (
        "stats count(*), count_distinct(sourceIPAddress) by bin(1h), eventName",
        true,
    ),
    ("stats count(*) by bin(3d)", true),
    (
        "SELECT eventTime, count(*) FROM events GROUP BY eventTime",
        true,
    ),
    (
        "SELECT eventName, sum(length(errorCode)) FROM events GROUP BY 1",
        false,
    ),
    (
        "SELECT eventName, count(*) AS n FROM events GROUP BY 1 ORDER BY n DESC, eventName LIMIT 3",
        true,
    ),
    (
        "SELECT eventName, min(eventTime) AS t FROM events GROUP BY 1 ORDER BY t, eventName DESC LIMIT 4",
        true,
    ),
    (
        "stats count_distinct(sourceIPAddress) as n by eventName | sort n desc, eventName | limit 2",
        true,
    ),
    // Counts over distinct pairs: of pairs, and not of values.
    (
        "SELECT count(b) FROM (SELECT DISTINCT eventSource AS a, eventName AS b FROM events)",
        true,
    ),
    (
        "SELECT a, count(b) FROM (SELECT DISTINCT eventSource AS a, errorCode AS b, eventName FROM events) GROUP BY a",
        true,
    ),
    (
        "SELECT a, count(a) FROM (SELECT DISTINCT eventSource AS a, eventName AS b FROM events) GROUP BY a",
        true,
    ),
    (
        "SELECT a, count(b) FROM (SELECT DISTINCT eventSource AS a, errorCode AS b FROM events) GROUP BY a",
        true,
    ),
];

struct World {
    _home: Home,
    snapshot: Arc<Snapshot>,
}

impl World {
    /// Events of a few days, most of them in a split and some pushed.
    fn new(n: usize, first_year: u32) -> Self {
        let home = Home::new();
        std::fs::create_dir_all(home.logs()).expect("a folder");
        let session = home.session(2);
        for (file, numbers) in [("a.json", 0..n), ("b.json", n..n + 20)] {
            let mut lines = String::new();
            for i in numbers {
                writeln!(lines, "{}", record(i, first_year)).expect("text");
            }
            let path = home.logs().join(file);
            std::fs::write(&path, lines).expect("a file");
            match file {
                "a.json" => home::import(&session, &[path]),
                _ => home::push(&session, &[path]),
            };
        }
        let snapshot = home.snapshot();
        assert_eq!(
            snapshot.event_count(home::default_store(&snapshot)),
            n as u64 + 20
        );
        Self {
            snapshot,
            _home: home,
        }
    }
}

fn record(i: usize, year: u32) -> String {
    let (day, hour, minute) = (1 + i % 4, i % 24, i * 7 % 60);
    let error = match i % 5 {
        0 => r#","errorCode":"AccessDenied""#,
        1 => r#","errorCode":null"#,
        _ => "",
    };
    let n = ["1", "\"1\"", "1.5", "[1]", "true", "null", "{}"][i % 7];
    let read_only = ["true", "\"false\"", "\"maybe\""][i % 3];
    format!(
        r#"{{"eventTime":"{year}-01-0{day}T{hour:02}:{minute:02}:00Z","eventID":"{i}","eventName":"Name{}","eventSource":"s{}","sourceIPAddress":"10.0.0.{}","readOnly":{read_only},"requestParameters":{{"n":{n}}}{error}}}"#,
        i % 11,
        i % 2,
        i % 37,
    )
}

struct Asker {
    engine: Engine,
    runtime: tokio::runtime::Runtime,
    _spill: tempfile::TempDir,
}

impl Asker {
    fn new(memory_bytes: usize) -> Self {
        let spill = tempfile::tempdir().expect("a folder");
        let engine = Engine::new(EngineOptions {
            memory_bytes,
            threads: 2,
            spill_dir: spill.path().join("tmp"),
        });
        Self {
            engine: engine.expect("it starts"),
            runtime: tokio::runtime::Runtime::new().expect("threads"),
            _spill: spill,
        }
    }

    /// The rows, sorted.
    fn rows(&self, world: &World, text: &str, access: Access) -> Vec<Row> {
        let request = request(text, access);
        let mut rows = self.runtime.block_on(async {
            let snapshot = Arc::clone(&world.snapshot);
            let mut stream = self.engine.query(snapshot, &request).await.expect(text);
            let mut rows = Vec::new();
            while let Some(batch) = stream.next().await {
                rows.extend(rows_of(&batch.expect(text)));
            }
            rows
        });
        rows.sort();
        rows
    }

    fn plan(&self, world: &World, text: &str) -> String {
        let snapshot = Arc::clone(&world.snapshot);
        let request = request(text, Access::Indexed);
        let stages = self.engine.explain(snapshot, &request);
        let stages = self.runtime.block_on(stages).expect(text);
        stages.last().expect("stages").text.clone()
    }
}

fn request(text: &str, access: Access) -> QueryRequest {
    QueryRequest {
        access,
        ..QueryRequest::new(text, NOW_MS)
    }
}

#[test]
fn the_stores_groups_are_those_of_the_plain_path() {
    let asker = Asker::new(256 << 20);
    let world = World::new(500, 2024);
    for (text, is_the_stores) in QUERIES {
        let plan = asker.plan(&world, text);
        assert_eq!(plan.contains(OPERATOR), is_the_stores, "{text}\n{plan}");
        let rows = asker.rows(&world, text, Access::Indexed);
        assert_eq!(rows, asker.rows(&world, text, Access::Plain), "{text}");
        assert_eq!(
            rows,
            asker.rows(&world, text, Access::Indexed),
            "{text}, again"
        );
    }
}

#[test]
fn times_before_1970_are_rounded_as_datafusion_does() {
    let asker = Asker::new(256 << 20);
    let world = World::new(100, 1969);
    for (text, _) in QUERIES {
        let rows = asker.rows(&world, text, Access::Indexed);
        assert_eq!(rows, asker.rows(&world, text, Access::Plain), "{text}");
    }
}

/// A table of all eventIDs and principals is too much for the share of memory:
/// DataFusion's aggregation takes over, and spills.
#[test]
fn groups_beyond_the_memory_are_left_to_datafusion() {
    let enough = Asker::new(256 << 20);
    let little = Asker::new(1 << 20);
    let world = World::new(20_000, 2024);
    let text =
        "SELECT eventTime, eventName, sourceIPAddress, count(*) FROM events GROUP BY 1, 2, 3";
    assert!(little.plan(&world, text).contains(OPERATOR));
    let rows = enough.rows(&world, text, Access::Indexed);
    assert!(rows.len() > 10_000, "{} groups", rows.len());
    assert_eq!(rows, little.rows(&world, text, Access::Indexed));
}
