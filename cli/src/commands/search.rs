//! `tarn search`: words anywhere in the events.
//!
//! The words become the terms of an Insights search, so a search, `query` and
//! the API find the same.

use std::io::{self, Write};

use serde_json::Value;
use tarn_query::Language;

use crate::args::SearchArgs;
use crate::ask::{Asker, Question};
use crate::context::Context;
use crate::exit::{self, Exit};

pub fn run(context: &Context, args: &SearchArgs) -> anyhow::Result<Exit> {
    let terms = terms(&args.words);
    if terms.trim().is_empty() {
        return Err(exit::usage("there are no words to search for"));
    }
    let asker = Asker::open(context)?;
    let cancel = context.interrupts.cancel();
    let question = |text, language| Question {
        text,
        language,
        parameters: &[],
        given: &[],
        saved_as: None,
        run: &args.run,
    };
    if args.count {
        let text = format!("search {terms} | stats count(*) as events");
        if args.run.explain || args.run.output.is_some() {
            return asker.answer(&question(&text, Language::Insights), &cancel);
        }
        let rows = asker.rows(&question(&text, Language::Insights), &cancel)?;
        let count = rows
            .first()
            .and_then(|row| row.get("events"))
            .and_then(Value::as_u64)
            .unwrap_or(0);
        writeln!(io::stdout().lock(), "{count}")?;
        return Ok(match args.run.exit_status && count == 0 {
            true => Exit::NoRows,
            false => Exit::Done,
        });
    }
    if args.list_accounts {
        let text = format!(
            "search {terms} | stats count(*) as events, min(@timestamp) as first, max(@timestamp) as last \
             by @account | sort events desc | display @account as account, events, first, last"
        );
        return asker.answer(&question(&text, Language::Insights), &cancel);
    }
    if args.list_files {
        let text = format!(
            "search {terms} | parse @source /(?s)^(?<file>.*?)(#[0-9]+)?$/ \
             | stats count(*) as events, min(@timestamp) as first, max(@timestamp) as last by file \
             | sort events desc, file asc | display file, events, first, last"
        );
        return asker.answer(&question(&text, Language::Insights), &cancel);
    }
    asker.answer(&question(&terms, Language::Search), &cancel)
}

/// The search that the words of a command line ask for.
///
/// The shell has taken the quotes off `'not authorized'`, so an argument with
/// blanks is a phrase, unless it shows that it is a search by itself: by
/// quotes, parentheses or an operator.
fn terms(words: &[String]) -> String {
    let term = |word: &String| {
        let is_search = word.starts_with('/')
            || word.contains(['"', '(', ')', '\'', '|'])
            || word
                .split_whitespace()
                .any(|part| matches!(part, "AND" | "OR" | "NOT"));
        match word.trim().contains(char::is_whitespace) && !is_search {
            true => format!("\"{}\"", word.trim()),
            false => word.clone(),
        }
    };
    words.iter().map(term).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(words: &[&str]) -> String {
        terms(&words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn an_argument_with_blanks_is_a_phrase() {
        assert_eq!(
            joined(&["alice", "not authorized"]),
            "alice \"not authorized\""
        );
    }

    #[test]
    fn a_search_in_one_argument_stays_one() {
        assert_eq!(
            joined(&["\"access denied\" NOT bob"]),
            "\"access denied\" NOT bob"
        );
        assert_eq!(joined(&["alice OR bob"]), "alice OR bob");
        assert_eq!(joined(&["a", "OR", "b"]), "a OR b");
    }
}
