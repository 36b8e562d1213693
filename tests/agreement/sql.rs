//! Random queries in SQL. Each function is a rule of a grammar: what it gives
//! is printed already, and proptest makes a failing query smaller by the rules.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::literals::{parts, regexes, texts, words};
use super::{Order, Query};
use crate::support::corpus::SECONDS;

/// What gives a text or nothing: columns, fields of structs, keys of maps,
/// places in arrays, paths into JSON, system columns.
const FIELDS: &[&str] = &[
    "eventName",
    "awsRegion",
    "eventSource",
    "userAgent",
    "errorMessage",
    "errorCode",
    "eventID",
    "requestID",
    "recipientAccountId",
    "EVENTTYPE",
    "userIdentity.type",
    "userIdentity.arn",
    "useridentity.username",
    "userIdentity.accountId",
    "userIdentity.accessKeyId",
    "userIdentity.sessionContext.attributes.mfaAuthenticated",
    "requestParameters.a",
    "requestParameters['A']",
    "requestParameters.mixed",
    "requestParameters['b.c']",
    "requestParameters['k[1]']",
    "element_at(requestParameters, 'two words')",
    "element_at(requestParameters, '0')",
    "element_at(responseElements, 'a')",
    "element_at(responseElements, 'ключ')",
    "responseElements['back\\slash']",
    "element_at(additionalEventData, '')",
    "additionalEventData['colon:slash/key']",
    "json_extract_scalar(eventJson, '$.requestParameters.a.b')",
    "json_extract_scalar(element_at(requestParameters, 'b'), '$.a')",
    "json_extract_scalar(requestParameters, '$.b.a')",
    "json_extract_scalar(requestParameters, '$.mixed')",
    "json_extract_scalar(eventJson, '$.eventName')",
    "json_extract_scalar(eventJson, '$.resources[1].ARN')",
    "element_at(resources, 1).arn",
    "eventJson",
    "\"@account\"",
];

/// What of a grammar's sentences may fail when they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failing {
    Never,
    Sometimes,
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn field() -> impl Strategy<Value = String> + Clone {
    select(FIELDS).prop_map(str::to_owned)
}

fn text_literal() -> impl Strategy<Value = String> {
    texts().prop_map(|text| literal(&text))
}

/// An expression that gives a text.
fn text() -> BoxedStrategy<String> {
    prop_oneof![
        12 => field(),
        1 => field().prop_map(|f| format!("lower({f})")),
        1 => (field(), 1..6, 1..40).prop_map(|(f, from, n)| format!("substr({f}, {from}, {n})")),
        1 => (field(), text_literal()).prop_map(|(f, other)| format!("coalesce({f}, {other})")),
        1 => (field(), field()).prop_map(|(f, g)| format!("{f} || {g}")),
        1 => (field(), field()).prop_map(|(f, g)| format!("if({f} IS NULL, {g}, {f})")),
    ]
    .boxed()
}

/// An expression that gives a number.
fn number(failing: Failing) -> BoxedStrategy<String> {
    let safe = prop_oneof![
        3 => text().prop_map(|t| format!("length({t})")),
        2 => text().prop_map(|t| format!("try_cast({t} AS bigint)")),
        2 => text().prop_map(|t| format!("try_cast({t} AS double)")),
        1 => Just("cardinality(resources)".to_owned()),
    ];
    let unsafe_ = prop_oneof![
        text().prop_map(|t| format!("cast({t} AS bigint)")),
        text().prop_map(|t| format!("cast({t} AS double)")),
        (text(), 0..14).prop_map(|(t, n)| format!("100 / (length({t}) - {n})")),
        (text(), 0..14).prop_map(|(t, n)| format!("100 % (length({t}) - {n})")),
    ];
    match failing {
        Failing::Never => safe.boxed(),
        Failing::Sometimes => prop_oneof![6 => safe, 1 => unsafe_].boxed(),
    }
}

fn comparison() -> impl Strategy<Value = &'static str> {
    select(&["=", "<>", "<", "<=", ">", ">="][..])
}

fn not() -> impl Strategy<Value = &'static str> {
    select(&["", "NOT "][..])
}

/// A LIKE pattern: a part of a text among wildcards.
fn pattern() -> impl Strategy<Value = String> {
    (
        parts(),
        select(&["{}%", "%{}", "%{}%", "{}", "_{}%", "%{}_"][..]),
    )
        .prop_map(|(part, shape)| literal(&shape.replace("{}", &part)))
}

fn moment() -> impl Strategy<Value = String> {
    (0..SECONDS, select(&["", ".250"][..])).prop_map(|(second, fraction)| {
        let (minute, second) = (second / 60, second % 60);
        format!("timestamp '2024-03-01 00:{minute:02}:{second:02}{fraction}'")
    })
}

/// A single test of an event.
fn test(failing: Failing) -> BoxedStrategy<String> {
    prop_oneof![
        4 => (text(), comparison(), text_literal()).prop_map(|(t, op, l)| format!("{t} {op} {l}")),
        2 => (text(), not(), vec(text_literal(), 1..4))
            .prop_map(|(t, not, list)| format!("{t} {not}IN ({})", list.join(", "))),
        3 => (text(), not(), pattern()).prop_map(|(t, not, p)| format!("{t} {not}LIKE {p}")),
        2 => (text(), not()).prop_map(|(t, not)| format!("{t} IS {not}NULL")),
        2 => (text(), regexes()).prop_map(|(t, r)| format!("regexp_like({t}, {})", literal(r))),
        1 => (text(), not(), text_literal(), text_literal())
            .prop_map(|(t, not, low, high)| format!("{t} {not}BETWEEN {low} AND {high}")),
        1 => (text(), comparison(), text()).prop_map(|(t, op, u)| format!("{t} {op} {u}")),
        1 => (text(), text()).prop_map(|(t, u)| format!("{t} IS DISTINCT FROM {u}")),
        3 => (number(failing), comparison(), -8..80)
            .prop_map(|(n, op, m)| format!("{n} {op} {m}")),
        1 => (number(failing), not()).prop_map(|(n, not)| format!("{n} IS {not}NULL")),
        2 => (comparison(), moment()).prop_map(|(op, time)| format!("eventTime {op} {time}")),
        1 => (moment(), moment()).prop_map(|(a, b)| format!("eventTime BETWEEN {a} AND {b}")),
        1 => select(&["readOnly", "managementEvent", "readOnly IS NULL", "readOnly = false"][..])
            .prop_map(str::to_owned),
        1 => words().prop_map(|word| format!("search({})", literal(word))),
    ]
    .boxed()
}

fn condition(failing: Failing) -> BoxedStrategy<String> {
    test(failing)
        .prop_recursive(3, 8, 3, |inner| {
            prop_oneof![
                1 => vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" AND "))),
                2 => vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" OR "))),
                2 => inner.clone().prop_map(|part| format!("NOT ({part})")),
                1 => (inner, select(&["IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NULL"][..]))
                    .prop_map(|(part, truth)| format!("(({part}) {truth})")),
            ]
        })
        .boxed()
}

/// ` WHERE …` or nothing.
fn filter(failing: Failing) -> BoxedStrategy<String> {
    let of_subquery = (not(), field(), condition(Failing::Never))
        .prop_map(|(not, f, c)| format!("{f} {not}IN (SELECT {f} FROM events WHERE {c})"));
    let filtered = prop_oneof![12 => condition(failing), 1 => of_subquery];
    option::weighted(0.8, filtered)
        .prop_map(|c| c.map_or(String::new(), |c| format!(" WHERE {c}")))
        .boxed()
}

fn aggregate() -> BoxedStrategy<String> {
    prop_oneof![
        Just("count(*)".to_owned()),
        text().prop_map(|t| format!("count({t})")),
        text().prop_map(|t| format!("count(DISTINCT {t})")),
        text().prop_map(|t| format!("min({t})")),
        text().prop_map(|t| format!("max({t})")),
        number(Failing::Never).prop_map(|n| format!("max({n})")),
        text().prop_map(|t| format!("sum(length({t}))")),
        Just("min(eventTime)".to_owned()),
        Just("max(eventTime)".to_owned()),
        condition(Failing::Never).prop_map(|c| format!("count_if({c})")),
    ]
    .boxed()
}

/// `1, 2, …, n`
fn places(n: usize) -> String {
    let places: Vec<String> = (1..=n).map(|place| place.to_string()).collect();
    places.join(", ")
}

fn limit() -> impl Strategy<Value = Option<usize>> {
    option::of(select(&[0_usize, 1, 7, 40][..]))
}

/// Columns under names of their own.
fn columns(columns: &[String]) -> String {
    let mut list = String::new();
    for (n, column) in columns.iter().enumerate() {
        let comma = if n > 0 { ", " } else { "" };
        let _ = write!(list, "{comma}{column} AS c{n}");
    }
    list
}

/// Rows of events, newest first as they come.
fn newest_first() -> impl Strategy<Value = Query> {
    (vec(text(), 1..4), limit()).prop_flat_map(|(shown, limit)| {
        let failing = match limit {
            None => Failing::Sometimes,
            // Whether a limit is reached before a failure is not said.
            Some(_) => Failing::Never,
        };
        filter(failing).prop_map(move |filter| {
            let all = format!("SELECT eventTime, {} FROM events{filter}", columns(&shown));
            let text = match limit {
                None => all.clone(),
                Some(limit) => format!("{all} LIMIT {limit}"),
            };
            Query {
                text,
                order: Order::Leading(1),
                uncut: limit.map(|_| all),
            }
        })
    })
}

/// Rows of events, each in its place.
fn sorted() -> impl Strategy<Value = Query> {
    let direction = select(&["", " DESC", " NULLS FIRST", " DESC NULLS LAST"][..]);
    let shown = prop_oneof![3 => text(), 1 => Just("eventTime".to_owned())];
    let shown = vec(shown, 1..4);
    (shown, direction, filter(Failing::Never), limit()).prop_map(
        |(shown, direction, filter, limit)| {
            let limit = limit.map_or(String::new(), |n| format!(" LIMIT {n}"));
            let shown = columns(&shown);
            Query {
                text: format!(
                    "SELECT {shown} FROM events{filter} ORDER BY 1{direction}, eventJson{limit}"
                ),
                order: Order::Total,
                uncut: None,
            }
        },
    )
}

/// Columns that may fail, in no order.
fn computed() -> impl Strategy<Value = Query> {
    let shown = prop_oneof![text(), number(Failing::Sometimes)];
    (vec(shown, 1..4), filter(Failing::Sometimes)).prop_map(|(shown, filter)| Query {
        text: format!("SELECT {} FROM events{filter}", columns(&shown)),
        order: Order::Leading(0),
        uncut: None,
    })
}

fn grouped() -> impl Strategy<Value = Query> {
    let keys = vec(text(), 0..3);
    let having = select(&["", "", "", " HAVING count(*) > 1"][..]);
    let aggregates = vec(aggregate(), 1..4);
    (
        keys,
        aggregates,
        filter(Failing::Sometimes),
        having,
        limit(),
    )
        .prop_map(|(keys, aggregates, filter, having, limit)| {
            let n = keys.len();
            let shown = columns(&[keys, aggregates].concat());
            let groups = match n {
                0 => String::new(),
                n => format!(" GROUP BY {}", places(n)),
            };
            let (end, order) = match limit {
                Some(limit) if n > 0 => {
                    let end = format!(" ORDER BY {} LIMIT {limit}", places(n));
                    (end, Order::Total)
                }
                _ => (String::new(), Order::Leading(0)),
            };
            Query {
                text: format!("SELECT {shown} FROM events{filter}{groups}{having}{end}"),
                order,
                uncut: None,
            }
        })
}

fn distinct() -> impl Strategy<Value = Query> {
    (vec(text(), 1..3), filter(Failing::Sometimes), limit()).prop_map(|(shown, filter, limit)| {
        let limit = limit.map_or(String::new(), |n| format!(" LIMIT {n}"));
        let places = places(shown.len());
        let shown = columns(&shown);
        Query {
            text: format!("SELECT DISTINCT {shown} FROM events{filter} ORDER BY {places}{limit}"),
            order: Order::Total,
            uncut: None,
        }
    })
}

/// Events of a derived table, tested once more from outside.
fn derived() -> impl Strategy<Value = Query> {
    let outer = prop_oneof![
        (comparison(), text_literal()).prop_map(|(op, l)| format!("c0 {op} {l}")),
        (not(), pattern()).prop_map(|(not, p)| format!("c0 {not}LIKE {p}")),
        not().prop_map(|not| format!("c0 IS {not}NULL")),
        Just("c0 = c1".to_owned()),
    ];
    let of = (text(), text(), filter(Failing::Sometimes), outer);
    of.prop_map(|(a, b, filter, outer)| Query {
        text: format!(
            "SELECT c1, c0 FROM (SELECT {} FROM events{filter}) WHERE {outer}",
            columns(&[a, b])
        ),
        order: Order::Leading(0),
        uncut: None,
    })
}

fn joined() -> impl Strategy<Value = Query> {
    let kind = select(&["JOIN", "LEFT JOIN", "FULL JOIN"][..]);
    let table = || (text(), filter(Failing::Never));
    (kind, table(), table()).prop_map(|(kind, (a, of_a), (b, of_b))| {
        let table = |column: &str, filter: &str| {
            format!("(SELECT eventID AS id, {column} AS c FROM events{filter})")
        };
        Query {
            text: format!(
                "SELECT a.id, a.c, b.c FROM {} a {kind} {} b ON a.id = b.id",
                table(&a, &of_a),
                table(&b, &of_b)
            ),
            order: Order::Leading(0),
            uncut: None,
        }
    })
}

/// A row for each element of a list.
fn unnested() -> impl Strategy<Value = Query> {
    let member = || select(&["arn", "type", "accountId"][..]);
    (member(), member(), field(), filter(Failing::Never)).prop_map(|(a, b, field, filter)| Query {
        text: format!(
            "SELECT {field} AS f, r.{a} AS a, r.{b} AS b \
             FROM (SELECT * FROM events{filter}) CROSS JOIN UNNEST(resources) AS t(r)"
        ),
        order: Order::Leading(0),
        uncut: None,
    })
}

fn combined() -> impl Strategy<Value = Query> {
    let word = select(&["UNION", "UNION ALL", "EXCEPT", "INTERSECT"][..]);
    let table = || (field(), filter(Failing::Sometimes));
    (word, table(), table()).prop_map(|(word, (a, of_a), (b, of_b))| Query {
        text: format!("SELECT {a} FROM events{of_a} {word} SELECT {b} FROM events{of_b}"),
        order: Order::Leading(0),
        uncut: None,
    })
}

/// Queries of every kind.
pub fn queries() -> impl Strategy<Value = Query> {
    prop_oneof![
        3 => newest_first(),
        3 => sorted(),
        3 => computed(),
        4 => grouped(),
        2 => distinct(),
        2 => derived(),
        1 => joined(),
        1 => unnested(),
        1 => combined(),
    ]
}

/// How many events a condition lets through, and of how many it is true.
pub fn counts() -> impl Strategy<Value = Query> {
    condition(Failing::Never).prop_map(|condition| Query {
        text: format!(
            "SELECT filtered.n, shown.n \
             FROM (SELECT count(*) AS n FROM events WHERE {condition}) filtered \
             CROSS JOIN (SELECT count(CASE WHEN {condition} THEN 1 END) AS n FROM events) shown"
        ),
        order: Order::Total,
        uncut: None,
    })
}
