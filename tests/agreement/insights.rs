//! Random queries in Logs Insights QL. Each function is a rule of a grammar:
//! what it gives is printed already, and proptest makes a failing query smaller
//! by the rules.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::literals::{parts, regexes, texts, words};
use super::{Order, Query};
use crate::support::corpus::{SECONDS, START_MS};

/// Fields: scalars, whole containers, places in arrays, any element of them,
/// keys of every kind, and system fields.
const FIELDS: &[&str] = &[
    "eventName",
    "awsRegion",
    "eventSource",
    "userAgent",
    "errorMessage",
    "eventID",
    "recipientAccountId",
    "readOnly",
    "userIdentity",
    "userIdentity.type",
    "userIdentity.arn",
    "userIdentity.userName",
    "userIdentity.accessKeyId",
    "userIdentity.sessionContext.attributes.mfaAuthenticated",
    "requestParameters",
    "requestParameters.a",
    "requestParameters.A",
    "requestParameters.a.b",
    "requestParameters.a.a.a",
    "requestParameters.mixed",
    "requestParameters.mixed.0",
    "requestParameters.`b.c`",
    "requestParameters.b.c",
    "requestParameters.`k[1]`",
    "requestParameters.k[1].x",
    "requestParameters.0",
    "responseElements.a",
    "responseElements.a[0]",
    "responseElements.`ключ`",
    "responseElements.`two words`",
    "responseElements.`back\\slash`",
    "additionalEventData.`colon:slash/key`",
    "additionalEventData.b",
    "resources",
    "resources.ARN",
    "resources.1.ARN",
    "resources[0].type",
    "@account",
    "@message",
];

/// Keys of groups that are no fields.
const COMPUTED_KEYS: &[&str] = &[
    "bin(1m)",
    "bin(10s)",
    "datefloor(@timestamp, 1m)",
    "strlen(userAgent) % 3",
];

fn literal(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn field() -> impl Strategy<Value = String> + Clone {
    select(FIELDS).prop_map(str::to_owned)
}

fn text_literal() -> impl Strategy<Value = String> {
    texts().prop_map(|text| literal(&text))
}

fn number_literal() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "0",
            "1",
            "12",
            "-7",
            "12.0",
            "1.1",
            "1000",
            "9007199254740993",
            "9223372036854775807",
            "1e400",
        ][..],
    )
}

/// A regular expression between slashes.
fn regex() -> impl Strategy<Value = String> {
    regexes().prop_map(|source| format!("/{}/", source.replace('/', "\\/")))
}

/// A value that is computed from the event.
fn value() -> BoxedStrategy<String> {
    prop_oneof![
        8 => field(),
        1 => field().prop_map(|f| format!("strlen({f})")),
        1 => field().prop_map(|f| format!("toupper({f})")),
        1 => field().prop_map(|f| format!("substr({f}, 2, 5)")),
        1 => (field(), field()).prop_map(|(f, g)| format!("coalesce({f}, {g})")),
        1 => (field(), field()).prop_map(|(f, g)| format!("concat({f}, \"-\", {g})")),
        1 => field().prop_map(|f| format!("{f} + 1")),
        1 => (field(), 0..14).prop_map(|(f, n)| format!("100 / (strlen({f}) - {n})")),
    ]
    .boxed()
}

fn comparison() -> impl Strategy<Value = &'static str> {
    select(&["=", "!=", "<", "<=", ">", ">="][..])
}

fn not() -> impl Strategy<Value = &'static str> {
    select(&["", "not "][..])
}

fn test() -> BoxedStrategy<String> {
    let moment = START_MS..START_MS + SECONDS as i64 * 1000;
    let constant = prop_oneof![
        3 => text_literal(),
        2 => number_literal().prop_map(str::to_owned),
        1 => select(&["true", "false", "null"][..]).prop_map(str::to_owned),
    ]
    .boxed();
    prop_oneof![
        5 => (value(), comparison(), constant.clone()).prop_map(|(v, op, c)| format!("{v} {op} {c}")),
        2 => (value(), not(), vec(constant, 1..4))
            .prop_map(|(v, not, list)| format!("{v} {not}in [{}]", list.join(", "))),
        2 => (value(), not(), regex()).prop_map(|(v, not, r)| format!("{v} {not}like {r}")),
        2 => (value(), not(), parts()).prop_map(|(v, not, p)| format!("{v} {not}like {}", literal(&p))),
        2 => (select(&["ispresent", "isempty", "isblank"][..]), value())
            .prop_map(|(f, v)| format!("{f}({v})")),
        1 => (value(), not()).prop_map(|(v, not)| format!("{v} is {not}null")),
        1 => (value(), comparison(), value()).prop_map(|(v, op, w)| format!("{v} {op} {w}")),
        1 => (field(), parts()).prop_map(|(f, p)| format!("strcontains({f}, {})", literal(&p))),
        1 => (comparison(), moment).prop_map(|(op, ms)| format!("@timestamp {op} {ms}")),
        1 => Just("readOnly".to_owned()),
    ]
    .boxed()
}

fn condition() -> BoxedStrategy<String> {
    test()
        .prop_recursive(3, 8, 3, |inner| {
            prop_oneof![
                1 => vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" and "))),
                2 => vec(inner.clone(), 2..4).prop_map(|parts| format!("({})", parts.join(" or "))),
                2 => inner.prop_map(|part| format!("not ({part})")),
            ]
        })
        .boxed()
}

/// A search: words, phrases, prefixes and fields.
fn search() -> BoxedStrategy<String> {
    let term = prop_oneof![
        4 => words().prop_map(str::to_owned),
        1 => parts().prop_map(|part| literal(&part)),
        1 => (select(&["eventName", "userAgent", "requestParameters.a"][..]), words())
            .prop_map(|(f, word)| format!("{f}:{}", literal(word))),
        1 => select(FIELDS).prop_map(|f| format!("{f}:*")),
    ];
    let negated = (select(&["", "", "not "][..]), term).prop_map(|(not, t)| format!("{not}{t}"));
    (vec(negated, 1..4), select(&[" ", " or "][..]))
        .prop_map(|(terms, word)| terms.join(word))
        .boxed()
}

/// The beginning of a pipeline: which events.
fn chosen() -> BoxedStrategy<String> {
    prop_oneof![
        6 => condition().prop_map(|c| format!("filter {c}")),
        1 => search().prop_map(|words| format!("search {words}")),
        1 => (search(), condition()).prop_map(|(s, c)| format!("search {s} | filter {c}")),
        1 => (parsed(), text_literal()).prop_map(|(p, l)| format!("{p} | filter p0 != {l}")),
    ]
    .boxed()
}

/// Columns `p0` and `p1` out of a field.
fn parsed() -> impl Strategy<Value = String> {
    let method = select(
        &[
            "\"arn:*:user/*\" as p0, p1",
            "\"* *\" as p0, p1",
            "/(?<p0>[a-z]+).(?<p1>.*)/",
            "/^(.)(.)/ as p0, p1",
        ][..],
    );
    (field(), method).prop_map(|(f, method)| format!("parse {f} {method}"))
}

fn limit() -> impl Strategy<Value = Option<usize>> {
    option::of(select(&[1_usize, 7, 40][..]))
}

fn columns(columns: &[String]) -> String {
    let named = columns.iter().enumerate();
    let named: Vec<String> = named.map(|(n, c)| format!("{c} as c{n}")).collect();
    named.join(", ")
}

fn newest_first() -> impl Strategy<Value = Query> {
    (chosen(), vec(value(), 1..4), limit()).prop_map(|(chosen, shown, limit)| {
        let all = format!("{chosen} | fields @timestamp, {}", columns(&shown));
        let text = match limit {
            None => all.clone(),
            Some(limit) => format!("{all} | limit {limit}"),
        };
        Query {
            text,
            order: Order::Leading(1),
            uncut: limit.map(|_| all),
        }
    })
}

/// Sorted by a value; of rows that agree in it some may be beyond the limit.
fn sorted() -> impl Strategy<Value = Query> {
    let direction = select(&["asc", "desc"][..]);
    (chosen(), vec(value(), 1..4), direction, limit()).prop_map(
        |(chosen, shown, direction, limit)| {
            let shown = columns(&shown);
            let all = format!("{chosen} | fields {shown} | sort c0 {direction}");
            let text = match limit {
                None => all.clone(),
                Some(limit) => format!("{all} | limit {limit}"),
            };
            Query {
                text,
                order: Order::Leading(1),
                uncut: limit.map(|_| all),
            }
        },
    )
}

fn aggregate() -> BoxedStrategy<String> {
    prop_oneof![
        2 => Just("count(*)".to_owned()),
        1 => value().prop_map(|v| format!("count({v})")),
        1 => value().prop_map(|v| format!("count_distinct({v})")),
        1 => value().prop_map(|v| format!("min({v})")),
        1 => value().prop_map(|v| format!("max({v})")),
        1 => field().prop_map(|f| format!("sum(strlen({f}))")),
        1 => condition().prop_map(|c| format!("count({c})")),
        1 => Just("max(@timestamp)".to_owned()),
    ]
    .boxed()
}

fn grouped() -> impl Strategy<Value = Query> {
    let key = prop_oneof![
        6 => value(),
        2 => select(COMPUTED_KEYS).prop_map(str::to_owned),
    ];
    let end = select(&["", " | filter n > 1", " | sort n desc"][..]);
    (chosen(), vec(aggregate(), 0..3), vec(key, 0..3), end).prop_map(
        |(chosen, aggregates, keys, end)| {
            let more: String = aggregates.iter().map(|a| format!(", {a}")).collect();
            let keys = match keys.len() {
                0 => String::new(),
                _ => format!(" by {}", keys.join(", ")),
            };
            Query {
                text: format!("{chosen} | stats count(*) as n{more}{keys}{end}"),
                order: Order::Leading(usize::from(end.contains("sort"))),
                uncut: None,
            }
        },
    )
}

/// The newest row of each key; rows of one time are told apart by their record.
fn deduplicated() -> impl Strategy<Value = Query> {
    (chosen(), vec(field(), 1..3)).prop_map(|(chosen, keys)| Query {
        text: format!(
            "{chosen} | sort @timestamp desc, @message | dedup {} | fields @timestamp, {}",
            keys.join(", "),
            columns(&keys)
        ),
        order: Order::Leading(1),
        uncut: None,
    })
}

/// Queries of every kind.
pub fn queries() -> impl Strategy<Value = Query> {
    prop_oneof![
        3 => newest_first(),
        3 => sorted(),
        4 => grouped(),
        1 => deduplicated(),
    ]
}
