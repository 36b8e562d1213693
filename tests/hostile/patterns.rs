//! Patterns that take exponential time or memory elsewhere.

use tarn_query::Code;

use super::store::{Store, refused};

/// The pattern stands where the caret points.
fn refused_at(store: &Store, sql: &str, pattern: &str, reason: &str) {
    let error = store.sql(sql).expect_err(sql);
    assert_eq!(error.code, Code::Syntax, "{sql}: {error}");
    assert!(error.message.contains(reason), "{sql}: {error}");
    let span = error.span.expect("a place");
    let quoted = format!("'{pattern}'");
    assert_eq!(
        sql.get(span.start..span.end),
        Some(quoted.as_str()),
        "{sql}"
    );
}

/// Expressions take linear time, however they are written.
#[test]
fn expressions_that_go_back() {
    let store = Store::new();
    let text = format!("{}!", "a".repeat(5_000));
    for pattern in [
        "(a+)+$",
        "(a|a)*$",
        "(a|aa)+$",
        "(.*a){20}$",
        "^(([a-z])+.)+[A-Z]([a-z])+$",
    ] {
        let sql = format!("SELECT regexp_like('{text}', '{pattern}') AS x");
        assert_eq!(store.sql(&sql).expect(pattern), 1);
        let insights = format!("filter @message like /{pattern}/");
        assert!(store.insights(&insights).is_ok(), "{pattern}");
        assert!(store.search(&format!("/{pattern}/")).is_ok(), "{pattern}");
    }
}

/// Expressions that compile to too much are refused at their place, in every language.
#[test]
fn expressions_too_large() {
    let store = Store::new();
    let reason = "the regular expression is too large";
    for pattern in [
        "a{1000}{1000}{1000}",
        "(a{0,1000}){1000}",
        "(((a{100}){100}){100}){100}",
    ] {
        for sql in [
            format!("SELECT regexp_extract(eventName, '{pattern}') FROM events"),
            format!("SELECT regexp_like(eventName, '{pattern}') FROM events"),
            format!("SELECT 1 FROM events WHERE regexp_like(eventName, '{pattern}')"),
        ] {
            refused_at(&store, &sql, pattern, reason);
        }
        // What is no constant of the text has no place.
        for sql in [
            format!("SELECT 1 FROM events WHERE regexp_like(eventName, concat('', '{pattern}'))"),
            format!("SELECT regexp_like(eventName, concat('{pattern}', eventName)) FROM events"),
        ] {
            let error = store.sql(&sql).expect_err(&sql);
            assert_ne!(error.code, Code::Internal, "{sql}: {error}");
            assert!(error.message.contains(reason), "{sql}: {error}");
        }
        for answer in [
            store.insights(&format!("filter eventName like /{pattern}/")),
            store.insights(&format!("parse @message /(?<x>{pattern})/")),
            store.search(&format!("/{pattern}/")),
        ] {
            let error = answer.expect_err(pattern);
            assert_eq!(error.code, Code::Syntax, "{error}");
            assert!(
                error.span.is_some() && error.message.contains(reason),
                "{error}"
            );
        }
    }
}

/// Patterns of many wildcards are refused at their place.
#[test]
fn wildcards_without_end() {
    let store = Store::new();
    let reason = "the pattern is too large";
    for part in ["_%", "%a", "%_a"] {
        let pattern = part.repeat(2_000);
        for sql in [
            format!("SELECT 1 FROM events WHERE eventJson LIKE '{pattern}'"),
            format!("SELECT eventName NOT LIKE '{pattern}' FROM events"),
            format!("SELECT 1 FROM events WHERE eventName ILIKE '{pattern}' ESCAPE '!'"),
        ] {
            refused_at(&store, &sql, &pattern, reason);
        }
        let sql = format!("SELECT eventName LIKE concat(eventName, '{pattern}') FROM events");
        let code = refused(part, store.sql(&sql));
        assert_eq!(code, Code::Execution);
    }
    let many = "%".repeat(5_000);
    for pattern in [&format!("{many}b"), &many, &"_%".repeat(100)] {
        let sql = format!("SELECT count(*) FROM events WHERE eventJson LIKE '{pattern}'");
        assert!(store.sql(&sql).is_ok(), "{:?}", store.sql(&sql));
    }
}
