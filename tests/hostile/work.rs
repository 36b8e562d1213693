//! Work without end, or with more than fits into memory: an answer, or an error that says
//! what ran out.

use std::time::{Duration, Instant};

use tarn_query::Code;

use super::store::{Store, listed, refused};

/// Queries that would go on for ever are stopped by their memory or their time.
#[test]
fn work_without_end() {
    const TIMEOUT: Duration = Duration::from_secs(3);
    let mut store = Store::new();
    store.timeout = TIMEOUT;
    for text in [
        "SELECT count(*) FROM events a, events b, events c, events d WHERE a.eventID || b.eventID || c.eventID = d.eventID",
        "SELECT a.eventJson FROM events a, events b, events c, events d ORDER BY a.eventJson, b.eventJson",
        "SELECT count(*) FROM events a LEFT JOIN events b ON a.eventID < b.eventID LEFT JOIN events c ON b.eventID < c.eventID",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t",
        "WITH RECURSIVE t(n) AS (SELECT 'x' UNION ALL SELECT n || n FROM t) SELECT length(n) FROM t",
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT t.n + 1 FROM t, events) SELECT n FROM t",
        "SELECT count(*) FROM events a, events b, UNNEST(sequence(1, 100000)) AS t(n)",
    ] {
        let begun = Instant::now();
        let code = refused(text, store.sql(text));
        let is_end = matches!(
            code,
            Code::MemoryExceeded | Code::TimedOut | Code::Execution
        );
        assert!(is_end, "{text}: {code:?}");
        // Whoever waits does not wait for the step that the query is in.
        assert!(
            begun.elapsed() < 3 * TIMEOUT,
            "{text}: {:?}",
            begun.elapsed()
        );
    }
}

/// A CTE is planned where it is named, so that a few make a plan without end.
#[test]
fn trees_of_ctes() {
    let store = Store::new();
    let tree = |n: usize| {
        let next = |i: usize| format!("t{} AS (SELECT a.x FROM t{i} a, t{i} b)", i + 1);
        format!(
            "WITH t0 AS (SELECT 1 AS x), {} SELECT count(*) FROM t{n}",
            listed(n, ",", next)
        )
    };
    assert_eq!(store.number(&tree(3)).expect("answered"), 1);
    assert_eq!(refused("a tree", store.sql(&tree(12))), Code::Syntax);
}

#[test]
fn joins_of_many_tables() {
    let store = Store::new();
    let crossed = |n: usize| {
        let tables = listed(n, ", ", |i| format!("events a{i}"));
        format!("SELECT 1 FROM {tables} LIMIT 1")
    };
    let error = store.sql(&crossed(51)).expect_err("too many");
    assert_eq!(error.code, Code::Syntax);
    let text = crossed(51);
    let span = error.span.expect("a place");
    assert!(
        text.get(span.start..)
            .is_some_and(|at| at.starts_with("events")),
        "{error}"
    );
    let one_by_one = listed(300, " UNION ALL ", |_| "SELECT 1 FROM events".to_owned());
    assert_eq!(refused("300 unions", store.sql(&one_by_one)), Code::Syntax);
}

/// Joins upon joins hold what they need, in time that grows with their number.
#[test]
fn joins_of_one_id() {
    let store = Store::with_memory(16 << 20);
    let counted = store.number("SELECT count(eventID) FROM events");
    let events = counted.expect("counted");
    let joined = |n: usize| {
        let ids = "(SELECT DISTINCT eventID FROM events)";
        let next = |i: usize| format!("JOIN {ids} i{i} ON i{i}.eventID = e.eventID");
        format!("SELECT count(*) FROM events e {}", listed(n, " ", next))
    };
    for n in [1, 11] {
        let number = store.number(&joined(n)).expect("answered in time");
        assert_eq!(number, events, "{n} joins");
    }
}

/// A join by nested loops that does not fit into memory reads its left side once more;
/// the answer is the same.
#[test]
fn nested_loops_in_little_memory() {
    let (little, enough) = (Store::with_memory(4 << 20), Store::with_memory(1 << 30));
    let few = "(SELECT * FROM events WHERE eventID < '2')";
    for join in [
        format!("events a JOIN {few} b ON a.eventJson < b.eventID"),
        format!("{few} b JOIN events a ON a.eventJson < b.eventID"),
        format!("events a LEFT JOIN {few} b ON a.eventID > concat(b.eventID, 'f')"),
        format!("{few} a LEFT JOIN events b ON a.eventID > concat(b.eventID, 'f')"),
        format!("events a RIGHT JOIN {few} b ON a.eventID > concat(b.eventID, 'f')"),
        format!("events a FULL JOIN {few} b ON a.eventID > concat(b.eventID, 'f')"),
    ] {
        let text =
            format!("SELECT count(*) + sum(length(a.eventJson)) + count(b.eventJson) FROM {join}");
        let wanted = enough.number(&text);
        let got = little.number(&text);
        assert_eq!(got.expect(&text), wanted.expect(&text), "{text}");
    }
}

/// A sort of whole records spills.
#[test]
fn sorts_beyond_memory() {
    let store = Store::with_memory(4 << 20);
    let events = store
        .number("SELECT count(*) FROM events")
        .expect("counted");
    let rows = store.sql("SELECT eventJson FROM events ORDER BY eventJson");
    assert_eq!(rows.expect("sorted") as i64, events);
}
