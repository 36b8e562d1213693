//! What texts read as, and what is said of those that read as nothing.

use super::ast::{CommandKind, Direction, ExprKind, ParseMethod, Projection};
use super::{MAX_NESTING, MAX_STATEMENT_BYTES, parse};
use crate::search;

/// The printed form of what a text reads as.
fn read(text: &str) -> String {
    match parse(text) {
        Ok(parsed) => parsed.pipeline.to_string(),
        Err(error) => panic!("{text}: {error} at {:?}", error.span),
    }
}

#[test]
fn operators_hold_as_tightly_as_documented() {
    // Parentheses that change nothing are not printed, so each pair is one tree.
    for (bare, grouped) in [
        ("a or b and not c = d", "a or (b and (not (c = d)))"),
        ("not a like /x/ and b", "(not (a like /x/)) and b"),
        ("a + b * c ^ d ^ e > 1", "(a + (b * (c ^ (d ^ e)))) > 1"),
        ("a - b - c = d", "((a - b) - c) = d"),
        ("a + 1 in [2] = true", "((a + 1) in [2]) = true"),
        ("-a ^ 2", "(-a) ^ 2"),
        (
            "!ispresent(a) or b !~ /x/",
            "(not ispresent(a)) or (b not like /x/)",
        ),
        (
            "a = 1 AND b NOT IN ['x'] OR c IS NOT NULL",
            "(a = 1 and (b not in [\"x\"])) or (c is not null)",
        ),
    ] {
        assert_eq!(
            read(&format!("filter {bare}")),
            read(&format!("filter {grouped}")),
            "{bare}"
        );
    }
    assert_ne!(read("filter (a or b) and c"), read("filter a or b and c"));
}

#[test]
fn spellings_of_one_thing_are_one_tree() {
    for (text, same) in [
        ("WHERE a = 'x'", "filter a=\"x\""),
        ("| head 5", "limit 5"),
        ("order by a desc", "SORT a DESC"),
        (
            "fields `a`.b , c\n  # why\n| limit 1 ;",
            "fields `a`.b, c | limit 1",
        ),
        (
            "stats count(*) by bin (5 minutes)",
            "stats count(*) by bin(5m)",
        ),
        ("filter a =~ /x\\/y/", "filter a like /x\\/y/"),
        ("filter a in (1, 2)", "filter a in [1, 2,]"),
        ("AKIA1 -b", "search AKIA1 and not b"),
        (
            "source x start=-1d | word",
            "SOURCE 'x' earliest=-1d | search word",
        ),
        ("-- pasted\nfields a", "fields a"),
    ] {
        assert_eq!(read(text), read(same), "{text}");
    }
}

#[test]
fn keywords_end_where_words_end() {
    assert_eq!(
        read("filter bya = 1 and android and nothing"),
        "filter bya = 1 and android and nothing"
    );
    assert_eq!(
        read("fields a as count, b as by"),
        "fields a as count, b as by"
    );
    assert_eq!(
        read("filter in.x = 1 and `in` = 2"),
        "filter `in`.x = 1 and `in` = 2"
    );
    assert_eq!(read("not-found and/or"), "search not-found and/or");
    assert_eq!(read("filter:x"), "search filter:x");
}

#[test]
fn places_are_those_of_the_text() {
    let text = "fields a.b  as x , count(*)\t| sort f(a, b)  desc  ";
    let parsed = parse(text).expect("a query");
    let spans: Vec<_> = parsed
        .pipeline
        .commands
        .iter()
        .map(|c| c.span.of(text))
        .collect();
    assert_eq!(spans, ["fields a.b  as x , count(*)", "sort f(a, b)  desc"]);
    let [fields, sort] = parsed.pipeline.commands.as_slice() else {
        panic!("two commands");
    };
    let CommandKind::Fields(projections) = &fields.node else {
        panic!("fields");
    };
    let [Projection::Expr(first), Projection::Expr(second)] = projections.as_slice() else {
        panic!("two expressions");
    };
    assert_eq!(first.expr.span.of(text), "a.b");
    assert_eq!(
        first.alias.as_ref().map(|name| name.span.of(text)),
        Some("x")
    );
    assert_eq!(second.expr.span.of(text), "count(*)");
    let CommandKind::Sort(keys) = &sort.node else {
        panic!("sort");
    };
    let [key] = keys.as_slice() else {
        panic!("one key");
    };
    assert_eq!(key.expr.span.of(text), "f(a, b)");
    assert_eq!(key.direction, Direction::Descending);
}

#[test]
fn parse_takes_each_of_its_forms() {
    let method = |text: &str| {
        let mut commands = parse(text).expect("a query").pipeline.commands;
        match commands.pop().map(|command| command.node) {
            Some(CommandKind::Parse(parse)) => (parse.input.map(|i| i.dotted()), parse.method),
            other => panic!("{other:?}"),
        }
    };
    let (input, glob) = method("parse @message \"u=* r=*\" as user, role");
    assert_eq!(input.as_deref(), Some("@message"));
    assert!(matches!(glob, ParseMethod::Glob { names, .. } if names.len() == 2));
    let (input, regex) = method("parse /(?<x>\\d+)\\/y/ multi");
    assert_eq!(input, None);
    assert!(matches!(
        regex,
        ParseMethod::Regex { pattern, multi: true, .. } if pattern.as_str() == "(?<x>\\d+)/y"
    ));
    let (input, _) = method("parse logfmt logfmt as m");
    assert_eq!(
        input.as_deref(),
        Some("logfmt"),
        "a field may have that name"
    );
}

#[test]
fn what_holds_a_colon_may_be_a_word() {
    for text in [
        "arn:aws:iam::111122223333:user/alice",
        "https://example.com/a?b=c",
        "2001:db8::1",
        "fe80::1",
        "AROAEXAMPLEID1234567:session",
        "2026-01-31T00:00:00Z",
    ] {
        let search = search::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let node = search.terms.map(|node| node.node);
        let word = search::NodeKind::Anywhere(search::Term::Word(text.to_string()));
        assert_eq!(node, Some(word), "{text}");
    }
    let search = search::parse("userIdentity.arn:arn:aws:iam::1:user/x").expect("a search");
    let node = search.terms.expect("terms").node;
    assert!(matches!(node, search::NodeKind::Field { .. }), "{node:?}");
}

#[test]
fn what_is_doubtful_is_read_and_told() {
    let warned = |text: &str| parse(text).expect("a query").warnings;
    let warnings = warned("filter eventName like \"Describe%\"");
    let hint = warnings
        .first()
        .and_then(|w| w.hint.as_deref())
        .unwrap_or_default();
    assert!(hint.contains("like /^Describe/"), "{hint}");
    assert_eq!(warned("filter a like /x/i").len(), 1);
    assert!(warned("filter a like \"50% off\" and b = \"%\"").is_empty());
}

/// Each text with the part that the error marks, and a part of the reason or the hint.
#[test]
fn errors_point_at_the_mistake() {
    for (text, marked, told) in [
        ("", "", "empty"),
        ("filter a == 1", "==", "write `=`"),
        ("filter a <> 1", "<>", "write `!=`"),
        ("filter a = 1 && b = 2", "&&", "write `and`"),
        ("filter a = 1 || b = 2", "||", "write `or`"),
        ("filter a = \"x", "\"", "never closed"),
        (
            "filter a = \"x | filter b = \"y\" | limit 3",
            "\"",
            "no partner",
        ),
        ("filter a like /x", "/", "never closed"),
        ("fields `a, b", "`", "never closed"),
        ("filter (a = 1", "(", "never closed"),
        ("filter a = 1)", ")", "closes nothing"),
        ("filter a in (1]", "]", "cannot close"),
        ("feilds @timestamp, eventName", "feilds", "`fields`"),
        ("fields a | fitler b = 1", "fitler", "`filter`"),
        ("fields a | shrug", "shrug", "unknown command"),
        ("fields a | | limit 1", "|", "no command before"),
        ("fields a |", "|", "no command follows"),
        ("fields a\nsort b", "sort", "| sort"),
        ("fields a b", "b", "comma"),
        ("filter a in [\"x\" \"y\"]", "\"y\"", "comma"),
        ("stats count(*) eventName", "eventName", "`by` is missing"),
        ("stats count(*) group by a", "group", "just `by`"),
        ("stats by a", "by", "count(*)"),
        (
            "stats count(distinct a) by b",
            "distinct",
            "count_distinct(a)",
        ),
        ("stats count(*) by bin(5x)", "5x", "5m"),
        ("select a from b", "select", "SQL"),
        ("fields a | select b", "select", "`fields`"),
        ("filter a:b", ":", "a = "),
        ("filter a = 10.0.0.1", "10.0.0.1", "quotes"),
        ("filter a = Create User", "Create User", "quotes"),
        ("filter by = 1", "by", "`` `by` ``"),
        ("limit ten", "ten", "whole number"),
        (
            "limit 99999999999999999999",
            "99999999999999999999",
            "too large",
        ),
        ("parse a \"* *\" as x", "\"* *\"", "2 stars for 1 name"),
        (
            "fields a | search b",
            "search b",
            "before all other commands",
        ),
        ("eventName = \"x\"", "=", "`:`"),
        ("eventName=x", "=", "filter eventName"),
        ("search earliest=yesterday", "yesterday", "not a time"),
        ("search (a last 7d)", "last 7d", "whole query"),
        (
            "join type=outer where a = b (source x)",
            "outer",
            "inner, left",
        ),
        ("outlier speed=1 a", "speed", "uselower"),
    ] {
        let error = parse(text).expect_err(text);
        assert_eq!(error.span.of(text), marked, "{text}: {error:?}");
        let all = format!("{} {}", error.reason, error.hint.unwrap_or_default());
        assert!(all.contains(told), "{text}: {all}");
    }
}

#[test]
fn a_word_near_a_command_is_a_search_when_it_can_be_nothing_else() {
    assert_eq!(read("fail denied"), "search fail denied");
    assert_eq!(read("search feilds @timestamp"), "search feilds @timestamp");
}

/// Brackets, prefixes, powers and queries inside queries: on a small stack, and without
/// a second try at what stands in brackets.
#[test]
fn depth_costs_neither_the_stack_nor_time() {
    let deep = |open: &str, n: usize| format!("filter {}", open.repeat(n));
    let closed = |open: &str, close: &str, n: usize| {
        format!("filter {}a{}", open.repeat(n), close.repeat(n))
    };
    let n = MAX_NESTING;
    let texts = [
        closed("(", ")", n),
        closed("f(", ")", n),
        closed("not (", ")", n),
        closed("a in [", "]", n),
        deep("(", n),
        deep("f(", n),
        deep("a in (filter ", n),
        deep("a in (filter (", n / 2),
        deep("a in (join where a = b (filter (", n / 3),
        deep("a in (join where a = b (filter -x in (", n / 3),
        deep("a in (join where a = b (fields * (", n / 3),
        format!("search {}", "a:(".repeat(n)),
        format!("search {}", "not (".repeat(n)),
        closed("not ", "", 20_000),
        closed("- ", "", 20_000),
        closed("a ^ ", "", 20_000),
        closed("a = not ", "", 10_000),
        closed("a + ", "", 20_000),
        format!("search {}a", "not ".repeat(20_000)),
        format!("search {}a", "-".repeat(50_000)),
        "(".repeat(MAX_STATEMENT_BYTES),
        "`".repeat(MAX_STATEMENT_BYTES),
        "\"'".repeat(MAX_STATEMENT_BYTES / 2),
        "/".repeat(MAX_STATEMENT_BYTES),
    ];
    let reader = std::thread::Builder::new()
        .stack_size(2 << 20)
        .spawn(move || {
            for text in texts {
                let before = std::time::Instant::now();
                // Whether it is a query matters less than that there is an answer.
                drop(parse(&text));
                let took = before.elapsed();
                assert!(
                    took.as_secs() < 5,
                    "{took:?} for {}",
                    text.get(..60).unwrap_or(&text)
                );
            }
        });
    reader.expect("a thread").join().expect("no overflow");
}

#[test]
fn limits_are_told() {
    let long = format!("filter a = \"{}\"", "x".repeat(MAX_STATEMENT_BYTES));
    assert!(parse(&long).is_err_and(|e| e.reason.contains("100000 bytes")));
    let deep = format!("filter {}a", "(".repeat(MAX_NESTING + 1));
    assert!(parse(&deep).is_err_and(|e| e.reason.contains("64 deep")));
    let wide = vec!["a = 1"; 5_000].join(" or ");
    let parsed = parse(&format!("filter {wide}")).expect("width is no depth");
    let kind = parsed.pipeline.commands.into_iter().next().map(|c| c.node);
    assert!(matches!(
        kind,
        Some(CommandKind::Filter(expr)) if matches!(&expr.node, ExprKind::Or(parts) if parts.len() == 5_000)
    ));
}

#[test]
fn sql_that_goes_on_as_a_pipeline_is_found() {
    let place = |text: &str| super::pipeline_in_sql(text).map(|span| span.start);
    assert_eq!(place("select a from b | stats count(*)"), Some(16));
    assert_eq!(place("select a || 'x | limit 1' from b"), None);
}
