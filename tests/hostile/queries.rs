//! Statements made to exhaust the stack, the memory or the patience of the process: each
//! is answered, or refused with a reason, in bounded time.

use tarn_query::{Code, Language};

use super::store::{STACK_BYTES, Store, listed, refused};

/// Runs a test on the stack that a server's threads have.
fn on_a_small_stack(test: fn()) {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    let handle = thread.spawn(test).expect("a thread");
    if let Err(panic) = handle.join() {
        std::panic::resume_unwind(panic);
    }
}

fn wrapped(n: usize, before: &str, core: &str, after: &str) -> String {
    format!("{}{core}{}", before.repeat(n), after.repeat(n))
}

/// What nests as deep as is allowed is answered, what nests deeper is refused before
/// anything recurses.
#[test]
fn deep_statements() {
    on_a_small_stack(ask_deep_statements);
}

fn ask_deep_statements() {
    let store = Store::new();
    let sql = |before: &str, core: &str, after: &str| {
        let (before, core, after) = (before.to_owned(), core.to_owned(), after.to_owned());
        move |n| format!("SELECT {}", wrapped(n, &before, &core, &after))
    };
    let queries = |n| wrapped(n, "SELECT * FROM (", "SELECT 1 AS x", ")");
    /// A statement of so many levels.
    type Nested = Box<dyn Fn(usize) -> String>;
    let sql_forms: [(&str, usize, Nested); 9] = [
        ("brackets", 60, Box::new(sql("(", "1", ")"))),
        ("NOT", 250, Box::new(sql("NOT ", "true", ""))),
        ("signs", 250, Box::new(sql("- ", "1", ""))),
        (
            "CASE",
            60,
            Box::new(sql("CASE WHEN true THEN ", "1", " END")),
        ),
        ("functions", 60, Box::new(sql("lower(", "'A'", ")"))),
        ("arrays", 60, Box::new(sql("ARRAY[", "1", "]"))),
        ("casts", 60, Box::new(sql("CAST(", "1", " AS bigint)"))),
        ("sums", 290, Box::new(sql("1 + ", "1", ""))),
        ("queries", 10, Box::new(queries)),
    ];
    for (name, allowed, text) in &sql_forms {
        let answer = store.sql(&text(*allowed));
        assert_eq!(answer.expect(name), 1, "{name}");
        for n in [500, 10_000] {
            let refused = refused(name, store.sql(&text(n)));
            assert_eq!(refused, Code::Syntax, "{name} {n}");
        }
    }
    let insights_forms: [(&str, usize, &str, &str, &str); 4] = [
        ("brackets", 60, "(", "1", ")"),
        ("functions", 60, "lower(", "eventName", ")"),
        ("not", 200, "not ", "true", ""),
        ("signs", 200, "- ", "1", ""),
    ];
    for (name, allowed, before, core, after) in insights_forms {
        let text = |n| format!("fields {} as x | limit 3", wrapped(n, before, core, after));
        assert!(store.insights(&text(allowed)).is_ok(), "{name}");
        for n in [500, 10_000] {
            let refused = refused(name, store.insights(&text(n)));
            assert_eq!(refused, Code::Syntax, "{name} {n}");
        }
    }
    for (name, allowed, before, core, after) in
        [("brackets", 60, "(", "a", ")"), ("not", 8, "not ", "a", "")]
    {
        let text = |n| wrapped(n, before, core, after);
        assert!(store.search(&text(allowed)).is_ok(), "{name}");
        for n in [500, 10_000] {
            let refused = refused(name, store.search(&text(n)));
            assert_eq!(refused, Code::Syntax, "{name} {n}");
        }
    }
}

/// Long and flat is answered.
#[test]
fn long_statements() {
    let store = Store::new();
    let name = |i: usize| format!("'name {i}'");
    let equal = |i: usize| format!("eventName = 'name {i}'");
    let unequal = |i: usize| format!("eventName <> 'name {i}'");
    let column = |i: usize| format!("eventName || '{i}' AS c{i}");
    let sql = [
        format!(
            "SELECT 1 FROM events WHERE eventName IN ({})",
            listed(1_000, ",", name)
        ),
        format!(
            "SELECT 1 FROM events WHERE {}",
            listed(1_000, " OR ", equal)
        ),
        format!(
            "SELECT 1 FROM events WHERE {}",
            listed(1_000, " AND ", unequal)
        ),
        format!("SELECT {} FROM events LIMIT 3", listed(1_000, ",", column)),
        listed(200, " UNION ALL ", |i| format!("SELECT {i} AS n")),
        format!("SELECT '{}' AS x", "x".repeat(10_000)),
        format!("SELECT 1 AS \"{}\"", "x".repeat(100_000)),
        format!("SELECT 1 /* {} */ AS x", "long ".repeat(10_000)),
    ];
    for text in &sql {
        let shown: String = text.chars().take(60).collect();
        assert!(store.sql(text).is_ok(), "{shown}: {:?}", store.sql(text));
    }
    let equal = |i: usize| format!("eventName = \"name {i}\"");
    let insights = [
        format!("filter eventName in [{}]", listed(1_000, ",", name)),
        format!("filter {}", listed(1_000, " or ", equal)),
        format!(
            "fields {}",
            listed(500, ",", |i| format!("eventName as c{i}"))
        ),
        format!(
            "fields eventName {}",
            "| filter eventName = 'x' ".repeat(50)
        ),
    ];
    for text in &insights {
        let shown: String = text.chars().take(60).collect();
        assert!(
            store.insights(text).is_ok(),
            "{shown}: {:?}",
            store.insights(text)
        );
    }
    let words = listed(1_000, " or ", |i| format!("word{i}"));
    assert_eq!(store.search(&words).expect("answered"), 0);
    let endless = format!("SELECT {}", "1 + ".repeat(1 << 20));
    assert_eq!(refused("4 MB", store.sql(&endless)), Code::Syntax);
    let endless = "| limit 10 ".repeat(1 << 17);
    assert_eq!(refused("1 MB", store.insights(&endless)), Code::Syntax);
}

/// A hundred stages are answered, and a thousand are refused before anything recurses.
#[test]
fn a_thousand_stages() {
    on_a_small_stack(ask_a_thousand_stages);
}

fn ask_a_thousand_stages() {
    let store = Store::new();
    for stage in [
        "| limit 10 ",
        "| filter eventName != 'x' ",
        "| fields eventName as eventName ",
        "| sort eventName ",
        "| dedup eventName ",
    ] {
        let text = |n| format!("fields eventName {}", stage.repeat(n));
        let answer = store.insights(&text(99));
        assert!(answer.is_ok(), "{stage}: {answer:?}");
        let refused = refused(stage, store.insights(&text(1_000)));
        assert_eq!(refused, Code::Syntax, "{stage}");
    }
}

/// Results that are many times as large as what they are made of are refused before they
/// are made.
#[test]
fn results_without_end() {
    let store = Store::new();
    let doubled = |n: usize| {
        let next = |i: usize| format!("t{} AS (SELECT x || x AS x FROM t{i})", i + 1);
        format!(
            "WITH t0 AS (SELECT eventJson AS x FROM events), {} SELECT length(x) AS n FROM t{n}",
            listed(n, ",", next)
        )
    };
    let texts = [
        // Little enough to be made, so that who takes the bound out is told.
        "SELECT cardinality(sequence(1, 10000000)) AS n".to_owned(),
        "SELECT repeat('x', 10000000000)".to_owned(),
        "SELECT cardinality(repeat('x', 1000000000)) AS n".to_owned(),
        "SELECT cardinality(repeat(eventID, 10000000)) AS n FROM events".to_owned(),
        "SELECT length(lpad('x', 2000000000, 'ab')) AS n".to_owned(),
        "SELECT length(rpad(eventID, 1000000, 'ab')) AS n FROM events".to_owned(),
        "SELECT cardinality(sequence(1, 10000000000)) AS n".to_owned(),
        "SELECT cardinality(sequence(1, 100000000)) AS n".to_owned(),
        "SELECT cardinality(sequence(-9223372036854775807, 9223372036854775807)) AS n".to_owned(),
        "SELECT cardinality(sequence(1, 1000000 + length(eventID))) AS n FROM events".to_owned(),
        "SELECT length(replace(replace(eventJson, 'e', eventJson), 'e', eventJson)) AS n FROM events".to_owned(),
        "SELECT length(regexp_replace(regexp_replace(eventJson, '.', eventJson), '.', eventJson)) AS n FROM events".to_owned(),
        doubled(40),
    ];
    for text in texts {
        let shown: String = text.chars().take(90).collect();
        let error = store.sql(&text).expect_err(&shown);
        let is_told = error.message.contains("a function may give")
            || error.message.contains("exceeds the maximum")
            || error.message.contains("too large");
        assert!(is_told, "{shown}: {error}");
    }
    for text in [
        "SELECT cardinality(sequence(1, 10000)) AS n FROM events",
        "SELECT cardinality(sequence(DATE '2000-01-01', DATE '2026-01-01', INTERVAL '1' DAY)) AS n",
        "SELECT repeat(eventName, 100) AS n FROM events",
        "SELECT lpad(eventName, 200, '-') AS n FROM events",
    ] {
        assert!(store.sql(text).is_ok(), "{text}: {:?}", store.sql(text));
    }
}

/// Signs that editors, terminals and attackers leave behind.
#[test]
fn odd_text() {
    let store = Store::new();
    let texts = [
        "",
        " ",
        "\0",
        "\u{feff}",
        ";",
        ";;",
        "'",
        "\"",
        "`",
        "/*",
        "--",
        "#",
        "/",
        "//",
        "|",
        "||",
        "| |",
        "SELECT '",
        "SELECT \"",
        "SELECT 1 /*",
        "SELECT 1 --",
        "SELECT \0",
        "SELECT '\0'",
        "SELECT 1 AS \"\0\"",
        "SELECT 1 AS \"\"",
        "SELECT '\u{202e}x' AS \"\u{202e}\"",
        "SELECT 1 AS \u{1f600}",
        "SELECT ${",
        "SELECT {{",
        "SELECT {{}}",
        "SELECT * FROM \"",
        "SELECT * FROM {{a}}",
        "SELECT 1e999999999",
        "SELECT 99999999999999999999999999999999999999999999",
        "SELECT -9223372036854775808 / -1",
        "SELECT 1 / 0",
        "SELECT CAST('1e999' AS double)",
        "SELECT DATE '0000-00-00'",
        "SELECT TIMESTAMP '99999-01-01 00:00:00'",
        "SELECT INTERVAL '999999999999' YEAR",
        "SELECT substr('é', 9223372036854775807, 9223372036854775807)",
        "SELECT * FROM events LIMIT 99999999999999999999",
        "SELECT * FROM events OFFSET -1",
        "SELECT U&'\\d800'",
        "SELECT x'zz'",
        "fields",
        "fields `",
        "fields \"",
        "filter /",
        "filter a like /(/",
        "parse @message /(?<a>/",
        "parse @message '***' as a",
        "stats",
        "stats count(*) by bin(0s)",
        "stats count(*) by bin(99999999999999999999y)",
        "limit 99999999999999999999",
        "sort",
        "SOURCE",
        "dedup",
        "fields \0",
        "fields `\0`",
        "fields a[99999999999999999999]",
        "fields a.99999999999999999999",
        "\u{1f600}",
        "a:",
        ":a",
        "a:[",
        "a:[b TO",
        "a:/",
        "earliest=-99999999999999999999y",
        "-",
        "--x",
        "not",
        "and",
        "or",
        "(",
        ")",
        "()",
        "\\",
        "*",
        "**",
        "a*b*c*d*e*",
    ];
    for text in texts {
        for language in [
            Language::Auto,
            Language::Sql,
            Language::Insights,
            Language::Search,
        ] {
            if let Err(error) = store.ask(language, text) {
                assert_ne!(error.code, Code::Internal, "{text:?} {language:?}: {error}");
                assert!(!error.render(text).is_empty());
            }
        }
    }
}
