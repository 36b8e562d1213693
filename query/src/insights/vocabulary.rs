//! The words that open a command, each with an example, and the nearest one to a typo.
//!
//! The grammar is what decides; this table serves suggestions, completion and the
//! choice of a language, and a test holds the two together.

use crate::suggest::edits;

/// A command as a reader of help or an error sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandName {
    /// In the spelling of AWS's documentation.
    pub name: &'static str,
    /// One whole command.
    pub example: &'static str,
}

const fn command(name: &'static str, example: &'static str) -> CommandName {
    CommandName { name, example }
}

/// Every command and every other word for one, the common ones first.
pub const COMMANDS: [CommandName; 38] = [
    command(
        "fields",
        "fields @timestamp, eventName, userIdentity.arn as who",
    ),
    command(
        "filter",
        "filter eventName = \"CreateUser\" and ispresent(errorCode)",
    ),
    command("stats", "stats count(*) as calls by eventName, bin(1h)"),
    command("sort", "sort calls desc"),
    command("limit", "limit 20"),
    command("search", "search AKIAIOSFODNN7EXAMPLE errorCode:*"),
    command(
        "parse",
        "parse userIdentity.arn \"*:user/*\" as prefix, user",
    ),
    command("display", "display eventName, calls"),
    command("dedup", "dedup userIdentity.arn, eventName"),
    command("where", "where eventSource like /^iam/"),
    command("order", "order by eventTime desc"),
    command("head", "head 10"),
    command("tail", "tail 10"),
    command("source", "source default start=-7d end=now"),
    command("filterIndex", "filterIndex eventName in [\"CreateUser\"]"),
    command("unmask", "unmask @message"),
    command(
        "json",
        "json field=requestParameters \"policy.id\" as policyId",
    ),
    command(
        "unnest",
        "unnest jsonParse(@message).resources into resource",
    ),
    command("expand", "expand resources"),
    command(
        "join",
        "join type=left left=a right=b where a.arn = b.arn (source default | fields arn)",
    ),
    command(
        "lookup",
        "lookup accounts id as recipientAccountId OUTPUT name",
    ),
    command(
        "cidrlookup",
        "cidrlookup networks sourceIPAddress OUTPUT site",
    ),
    command(
        "appendcols",
        "appendcols ( filter ispresent(errorCode) | stats count(*) as errors )",
    ),
    command("pattern", "pattern @message"),
    command("anomaly", "anomaly"),
    command("diff", "diff previousDay"),
    command("logcompare", "logcompare timeshift 7d"),
    command(
        "relevantfields",
        "relevantfields where ispresent(errorCode)",
    ),
    command("countFrequent", "countFrequent userIdentity.arn"),
    command("count_frequent", "count_frequent userIdentity.arn"),
    command("outlier", "outlier action=remove calls"),
    command(
        "sessionize",
        "sessionize userIdentity.arn maxspan 30m as session",
    ),
    command("autoregress", "autoregress calls p=1-3"),
    command("accum", "accum calls as total"),
    command("filldown", "filldown calls"),
    command("fillmissing", "fillmissing with 0 for calls"),
    command("addtotals", "addtotals col=true calls"),
    command("estimate", "estimate"),
];

/// The command that a word opens, in any case.
pub fn command_named(word: &str) -> Option<&'static CommandName> {
    COMMANDS
        .iter()
        .find(|command| command.name.eq_ignore_ascii_case(word))
}

/// The command that a mistyped word is most like: one edit away for short words, two for
/// longer ones. None for a command itself and for what resembles none.
pub fn nearest_command(word: &str) -> Option<&'static CommandName> {
    if command_named(word).is_some() {
        return None;
    }
    let length = word.chars().count();
    let edits_max = if length <= 4 { 1 } else { 2 };
    // Most words are far from every command by their length alone.
    COMMANDS
        .iter()
        .filter(|command| command.name.len().abs_diff(length) <= edits_max)
        .map(|command| {
            (
                edits(&word.to_lowercase(), &command.name.to_lowercase()),
                command,
            )
        })
        .filter(|(edits, _)| *edits <= edits_max)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, command)| command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_parses_by_its_example() {
        for command in &COMMANDS {
            let first = command.example.split(' ').next();
            assert_eq!(first, Some(command.name), "the example shows the command");
            if let Err(error) = crate::insights::parse(command.example) {
                panic!("{}: {error} at {:?}", command.example, error.span);
            }
        }
    }

    #[test]
    fn typos_find_their_command() {
        let cases = [
            ("feilds", Some("fields")),
            ("Filtr", Some("filter")),
            ("stat", Some("stats")),
            ("lmit", Some("limit")),
            ("sotr", Some("sort")),
            ("countfrequnet", Some("countFrequent")),
            ("fields", None),
            ("AKIAIOSFODNN7EXAMPLE", None),
            ("alice", None),
            ("role", None),
            ("", None),
        ];
        for (word, expected) in cases {
            assert_eq!(nearest_command(word).map(|c| c.name), expected, "{word}");
        }
    }
}
