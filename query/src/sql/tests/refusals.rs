//! What is refused, and where an error points.

use super::*;

#[test]
fn only_one_query_is_read() {
    for sql in [
        "DELETE FROM events",
        "SELECT 1; DROP TABLE x",
        "SELECT * INTO t FROM events",
        "COPY events TO 'f.csv'",
        "SET x = 1",
        "WITH a AS (DELETE FROM events) SELECT 1",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
        "CREATE EXTERNAL TABLE t (a array<struct<b: string>>) WHATEVER",
    ] {
        let error = parse(sql, &[], 0).expect_err(sql);
        assert!(error.span.is_some(), "{sql}");
    }
    for sql in [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM TABLE(f(1))",
        "SELECT * FROM events TABLESAMPLE BERNOULLI (10)",
        "SELECT TOP 1 eventID FROM events",
        "SELECT * FROM events FOR UPDATE",
        "",
        "   ;",
    ] {
        assert!(parse(sql, &[], 0).is_err(), "{sql}");
    }
    assert!(
        parse("EXPLAIN SELECT 1", &[], 0)
            .expect("parses")
            .is_explain
    );
    // A file's path is a name like any other, and no store has it.
    let parsed = parse("SELECT * FROM '/etc/passwd'", &[], 0);
    assert!(parsed.is_err() || parsed.is_ok_and(|p| p.tables.len() == 1));
}

#[test]
fn errors_point_at_the_text() {
    let at = |sql: &str| {
        let error = parse(sql, &[], 0).expect_err(sql);
        let span = error.span.expect("a place");
        (span.of(sql).to_owned(), span.start, error.hint)
    };
    let (_, start, hint) = at("SELECT a FORM events WHERE b");
    assert_eq!(start, 14);
    assert_eq!(hint.as_deref(), Some("did you mean FROM by `FORM`?"));
    assert_eq!(at("SELECT é, FROM FROM x").1, 11);
    assert_eq!(at("SELECT a FROM x WHERE").1, 21);
    assert_eq!(at("SELECT (a FROM x").0, "F");
    assert_eq!(at("SELECT 'abc").1, 7);
    assert_eq!(
        at("SELECT a FROM 0233062b-51c6-4d18-8dec-a8c90da840d9 WHERE )").0,
        ")"
    );
    assert_eq!(at("SELECT cast(a AS nosuch) FROM x").0, "nosuch");
}
