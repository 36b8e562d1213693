//! The words of both languages that Tab completes, besides names of fields.

use tarn_query::functions;
use tarn_query::insights::COMMANDS;

/// What SQL has and people type; the whole grammar would drown it.
const SQL: [&str; 41] = [
    "select",
    "distinct",
    "from",
    "where",
    "group by",
    "order by",
    "having",
    "limit",
    "offset",
    "with",
    "as",
    "join",
    "left join",
    "full join",
    "cross join",
    "on",
    "using",
    "union all",
    "intersect",
    "except",
    "and",
    "or",
    "not",
    "in",
    "between",
    "like",
    "is null",
    "is not null",
    "exists",
    "case",
    "when",
    "then",
    "else",
    "end",
    "cast",
    "over",
    "partition by",
    "desc",
    "nulls last",
    "interval",
    "timestamp",
];

/// Words within a command of Logs Insights QL.
const PIPED: [&str; 8] = ["by", "asc", "desc", "as", "like", "in", "not", "regex"];

const AGGREGATES: [&str; 12] = [
    "count",
    "count_distinct",
    "sum",
    "avg",
    "min",
    "max",
    "pct",
    "stddev",
    "earliest",
    "latest",
    "approx_distinct",
    "array_agg",
];

const FUNCTIONS: [&str; 12] = [
    "bin",
    "ispresent",
    "isblank",
    "isempty",
    "coalesce",
    "concat",
    "strlen",
    "datefloor",
    "dateceil",
    "isipv4insubnet",
    "isvalidip",
    "fromMillis",
];

/// All of them, each once.
pub fn words() -> Vec<String> {
    let ours = functions::scalar().map(|function| function.name().to_owned());
    let commands = COMMANDS.iter().map(|command| command.name.to_owned());
    let listed = SQL
        .iter()
        .chain(&PIPED)
        .chain(&AGGREGATES)
        .chain(&FUNCTIONS);
    let mut words: Vec<String> = listed
        .map(|word| (*word).to_owned())
        .chain(commands)
        // Twins of functions that give null where those fail.
        .chain(ours.filter(|name| !name.starts_with("try_")))
        .collect();
    words.sort();
    words.dedup();
    words
}
