//! Text to syntax tree: the only folder that names pest.
//!
//! The grammar decides what is a query; the files here turn its matches into the typed
//! tree and refuse what the grammar cannot see (a limit too large, more stars than
//! names, a search in mid-pipeline). Where the grammar itself refuses, pest knows only
//! the furthest place it reached; [`super::diagnose`] makes a reason of that.

mod commands;
mod expected;
mod expr;
mod literals;
mod search;

use pest::Parser;
use pest::error::{ErrorVariant, InputLocation};

use super::ast::{Command, CommandKind, Pipeline};
use super::diagnose;
use super::scene::Failure;
use super::tokens;
use super::{MAX_NESTING, MAX_STATEMENT_BYTES};
use crate::search::{Search, TimePoint};
use crate::span::{Span, Spanned};
use crate::syntax::{SyntaxError, Warning};

#[derive(pest_derive::Parser)]
#[grammar = "insights/grammar.pest"]
struct Grammar;

/// How many commands may follow one another: their plan is as deep as there are.
const MAX_COMMANDS: usize = 100;

type Pair<'t> = pest::iterators::Pair<'t, Rule>;
type Result<T> = std::result::Result<T, SyntaxError>;

/// A query one level inside another; deeper ones would only serve to exhaust the stack.
const MAX_SUBQUERY_DEPTH: usize = 8;

/// Reads a pipeline.
pub(super) fn pipeline(text: &str) -> Result<(Pipeline, Vec<Warning>)> {
    check_size(text)?;
    if text.trim().is_empty() {
        return Err(SyntaxError::new(Span::default(), "the query is empty")
            .hint("begin with `fields @timestamp, eventName` or a word to search for"));
    }
    if let Some(error) = diagnose::sql_statement(text) {
        return Err(error);
    }
    let read = read_pipeline(text);
    // Bare words can be a mistyped command instead; they are if it would be a query then.
    match (&read, diagnose::mistyped_opening(text)) {
        (Err(_), Some(typo)) => Err(typo.error),
        (Ok(_), Some(typo)) if read_pipeline(&typo.corrected).is_ok() => Err(typo.error),
        _ => read,
    }
}

fn read_pipeline(text: &str) -> Result<(Pipeline, Vec<Warning>)> {
    let pair = match_whole(Rule::whole_pipeline, text)
        .map_err(|failure| diagnose::pipeline(text, &failure))?;
    let mut builder = Builder::default();
    let pipeline = builder.pipeline(Parts::of(pair).need())?;
    Ok((pipeline, builder.warnings))
}

/// Reads a search that stands alone.
pub(super) fn search(text: &str) -> Result<Search> {
    check_size(text)?;
    if text.trim().is_empty() {
        return Err(SyntaxError::new(
            Span::default(),
            "there is nothing to search for",
        ));
    }
    let pair = match_whole(Rule::whole_search, text)
        .map_err(|failure| diagnose::search(text, &failure))?;
    Builder::default().search(Parts::of(pair).need())
}

/// Reads a time that stands alone.
pub(super) fn time(text: &str) -> Result<TimePoint> {
    check_size(text)?;
    let not_a_time = || {
        SyntaxError::new(Span::new(0, text.len()), format!("`{text}` is not a time"))
            .hint(diagnose::TIME_FORMS)
    };
    let Ok(pair) = match_whole(Rule::whole_time, text) else {
        // A date and a time with a blank between need no quotes here.
        let point = TimePoint::Absolute(text.trim().to_string());
        return literals::checked(point).ok_or_else(not_a_time);
    };
    Ok(literals::time_point(Parts::of(pair).need())?.node)
}

/// Refuses what is too long or nested too deep before pest recurses into it.
fn check_size(text: &str) -> Result<()> {
    if text.len() > MAX_STATEMENT_BYTES {
        return Err(SyntaxError::new(
            Span::new(MAX_STATEMENT_BYTES, text.len()),
            format!(
                "a query is at most {MAX_STATEMENT_BYTES} bytes long, this one has {}",
                text.len()
            ),
        ));
    }
    match tokens::too_deep(text) {
        Some(span) => Err(SyntaxError::new(
            span,
            format!("brackets are nested more than {MAX_NESTING} deep"),
        )),
        None => Ok(()),
    }
}

/// Matches a whole text. On failure: where, and what the grammar would have taken there.
fn match_whole(rule: Rule, text: &str) -> std::result::Result<Pair<'_>, Failure> {
    Grammar::parse(rule, text)
        .map(|mut pairs| pairs.next().expect("a match has the pair of its rule"))
        .map_err(|error| {
            let at = match error.location {
                InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
            };
            match error.variant {
                ErrorVariant::ParsingError { positives, .. } => {
                    let expected = expected::of_rules(&positives);
                    Failure::Unexpected { at, expected }
                }
                // The stack is nearly used up: brackets that the size check did not see.
                ErrorVariant::CustomError { message } => Failure::Limit { at, message },
            }
        })
}

/// Where a match stands. pest counts the blanks before a part that was optional and is
/// not there; they belong to nothing.
fn span(pair: &Pair<'_>) -> Span {
    let start = pair.as_span().start();
    Span::new(start, start + pair.as_str().trim_end().len())
}

/// The parts of a match in order, without the keywords, which have done their work.
struct Parts<'t> {
    pairs: std::iter::Peekable<pest::iterators::Pairs<'t, Rule>>,
}

impl<'t> Parts<'t> {
    fn of(pair: Pair<'t>) -> Parts<'t> {
        Parts {
            pairs: pair.into_inner().peekable(),
        }
    }

    fn skip_keywords(&mut self) {
        while self
            .pairs
            .next_if(|pair| is_keyword(pair.as_rule()))
            .is_some()
        {}
    }

    /// The next part, which the grammar promises.
    fn need(&mut self) -> Pair<'t> {
        self.skip_keywords();
        self.pairs.next().expect("the grammar promises this part")
    }

    /// The next part, if it is of this rule.
    fn optional(&mut self, rule: Rule) -> Option<Pair<'t>> {
        self.skip_keywords();
        self.pairs.next_if(|pair| pair.as_rule() == rule)
    }

    /// Whether the next part is of this rule; it is taken if so.
    fn has(&mut self, rule: Rule) -> bool {
        self.optional(rule).is_some()
    }
}

impl<'t> Iterator for Parts<'t> {
    type Item = Pair<'t>;

    fn next(&mut self) -> Option<Pair<'t>> {
        self.skip_keywords();
        self.pairs.next()
    }
}

/// Rules are ordered as the grammar lists them, and lists its keywords together.
fn is_keyword(rule: Rule) -> bool {
    (Rule::kw_source..=Rule::kw_with).contains(&rule)
}

/// Builds the tree of one text and collects what is doubtful in it.
#[derive(Default)]
struct Builder {
    warnings: Vec<Warning>,
    subquery_depth: usize,
}

impl Builder {
    fn pipeline(&mut self, pair: Pair<'_>) -> Result<Pipeline> {
        let mut commands: Vec<Command> = Vec::new();
        for part in Parts::of(pair) {
            let span = span(&part);
            if commands.len() == MAX_COMMANDS {
                let reason = format!("a query has at most {MAX_COMMANDS} commands");
                return Err(SyntaxError::new(span, reason));
            }
            let command = self.command(part)?;
            check_order(&commands, &command, span)?;
            commands.push(Spanned::new(command, span));
        }
        Ok(Pipeline { commands })
    }

    /// A query in parentheses.
    fn subquery(&mut self, pair: Pair<'_>) -> Result<Box<Pipeline>> {
        if self.subquery_depth == MAX_SUBQUERY_DEPTH {
            return Err(SyntaxError::new(
                span(&pair),
                format!("queries are nested more than {MAX_SUBQUERY_DEPTH} deep"),
            ));
        }
        self.subquery_depth += 1;
        let pipeline = self.pipeline(Parts::of(pair).need());
        self.subquery_depth -= 1;
        pipeline.map(Box::new)
    }

    fn warn(&mut self, span: Span, reason: impl Into<String>, hint: impl Into<String>) {
        self.warnings.push(Warning {
            span,
            reason: reason.into(),
            hint: Some(hint.into()),
        });
    }
}

/// The commands that choose the events come before those that work on them.
fn check_order(before: &[Command], command: &CommandKind, span: Span) -> Result<()> {
    let chooses = |kind: &CommandKind| matches!(kind, CommandKind::Source(_));
    let searches = |kind: &CommandKind| matches!(kind, CommandKind::Search(_));
    let (name, in_order) = match command {
        kind if chooses(kind) => ("SOURCE", before.iter().all(|c| chooses(c))),
        kind if searches(kind) => {
            let in_order = before.iter().all(|c| chooses(c) || searches(c));
            ("search", in_order)
        }
        _ => return Ok(()),
    };
    if in_order {
        return Ok(());
    }
    Err(
        SyntaxError::new(span, format!("`{name}` stands before all other commands")).hint(
            "move it to the front; to look for text in between, use `filter @message like \"…\"`",
        ),
    )
}
