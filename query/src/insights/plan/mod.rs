//! From the syntax tree of a pipeline to a plan over the events of a store.
//!
//! ```text
//! command ──▶ steps ──▶ LogicalPlan       one command, one file
//!    │          ▲
//!    │  names   │  expressions
//!    └▶ scope ──┴─ expr, condition ──▶ leaves, predicates
//! ```
//!
//! A test of one field against constants becomes a predicate, which the scan decides in a
//! filter as well as in the middle of an expression; what else an expression computes,
//! DataFusion computes from leaf columns. Nothing in a plan fails on a value: what has no
//! meaning is null.
//!
//! Order is a property of the rows until a command needs it: events come newest first, a
//! `sort` changes that, and only `limit`, `dedup` or the end of the pipeline has the rows
//! sorted.
//!
//! **Source**: "Logs Insights QL" in the CloudWatch Logs user guide. What it leaves open
//! (missing values, untyped text) is settled in `field_test`.

mod aggregate;
mod calls;
mod comparison;
mod condition;
mod dedup;
mod expr;
mod field_test;
mod limit;
mod names;
mod output;
mod parameters;
mod parse_command;
mod period;
mod scope;
mod sort;
mod source;
mod stats;
mod steps;
mod unnest;
mod value;

use std::collections::HashSet;

use datafusion::common::{Column, DataFusionError};
use datafusion::logical_expr::{Expr as PlanExpr, SortExpr};
use tarn_store::{Field, StoreId, TimeRange};

use self::output::Shown;
use self::scope::Scope;
use self::stats::Aggregation;
use self::steps::{EVENTS, Events, ROW, Step};
use super::ast::{Command, CommandKind};
use super::{COMMANDS, parse};
use crate::accounts::names as account_names;
use crate::error::{Code, QueryError};
use crate::leaves::LeafSet;
use crate::parameters::Parameters;
use crate::planned::{CHOSEN_STORE, Planned, Planning};
use crate::request::Stage;
use crate::search_plan::{self, Clock};
use crate::span::Span;
use crate::syntax::Warning;

/// Compiles a pipeline.
///
/// **Shape**: the columns are those of the last `display`, else those of every `fields`
/// and of what `parse` and its like create, else those of `stats`, else `@timestamp` and
/// `@message`. **Errors**: with their place in the text.
pub(crate) fn plan(planning: &Planning<'_>) -> Result<Planned, DataFusionError> {
    let parsed = parse(planning.text).map_err(|error| external(error.into()))?;
    let mut lowering = Lowering::new(planning);
    lowering.warnings.extend(parsed.warnings);
    for command in &parsed.pipeline.commands {
        lowering.command(command).map_err(external)?;
    }
    lowering.finish(&parsed.pipeline.to_string())
}

fn external(error: QueryError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// A pipeline on its way to a plan.
struct Lowering<'q> {
    planning: &'q Planning<'q>,
    parameters: Parameters<'q>,
    clock: Clock,
    /// The stores to read; none yet means the one of the request.
    stores: Vec<StoreId>,
    /// The times of events that the request and the query leave.
    range: TimeRange,
    leaves: LeafSet,
    steps: Vec<Step>,
    scope: Scope,
    /// While the aggregates of a `stats` are read.
    aggregation: Option<Aggregation>,
    order: Vec<SortExpr>,
    /// The rows are to be brought into `order` before anybody counts on it.
    is_order_pending: bool,
    shown: Shown,
    warnings: Vec<Warning>,
    /// Fields that were looked up, because each is doubted once.
    doubted: HashSet<Field>,
    /// Fields that events have, gathered when the first is doubted.
    observed: Option<Vec<String>>,
    /// Names of computed columns that are taken.
    taken: HashSet<String>,
}

impl<'q> Lowering<'q> {
    fn new(planning: &'q Planning<'q>) -> Self {
        let mut leaves = LeafSet::new();
        let newest = SortExpr::new(of_events(leaves.timestamp()), false, false);
        let order = match planning.request.is_followed {
            // Followed rows come as their events arrive.
            true => Vec::new(),
            false => vec![newest],
        };
        Self {
            planning,
            parameters: Parameters::new(&planning.request.parameters),
            clock: planning.clock(),
            stores: Vec::new(),
            range: planning.time(),
            leaves,
            steps: Vec::new(),
            scope: Scope::of_events(),
            aggregation: None,
            is_order_pending: !order.is_empty(),
            order,
            shown: Shown::default(),
            warnings: Vec::new(),
            doubted: HashSet::new(),
            observed: None,
            taken: HashSet::new(),
        }
    }

    fn command(&mut self, command: &Command) -> Result<(), QueryError> {
        match &command.node {
            CommandKind::Source(source) => self.source(source),
            CommandKind::Search(search) => {
                let lowered = search_plan::lower(search, self.clock)?;
                self.warnings.extend(lowered.warnings);
                let source = self.planning.scope.source.as_ref();
                let doubt = account_names::doubt(&lowered.predicate, source);
                self.warnings.extend(doubt);
                self.narrow(&search.time)?;
                self.keep(condition::Truth::Store(lowered.predicate));
                Ok(())
            }
            CommandKind::Filter(condition) | CommandKind::FilterIndex(condition) => {
                let truth = self.truth(condition)?;
                self.keep(truth);
                Ok(())
            }
            CommandKind::Fields(list) | CommandKind::Unmask(list) => self.fields(list),
            CommandKind::Display(list) => self.display(list),
            CommandKind::Parse(parse) => self.parse(parse, command.span),
            CommandKind::JsonField(json) => self.json_field(json),
            CommandKind::Stats(stats) => self.stats(stats),
            CommandKind::Sort(keys) => self.sort(keys),
            CommandKind::Limit(limit) => self.limit(limit),
            CommandKind::Dedup(keys) => self.dedup(keys),
            CommandKind::Unnest(unnest) => self.unnest(unnest),
            CommandKind::Expand(field) => self.expand(field),
            CommandKind::Join(_)
            | CommandKind::Lookup(_)
            | CommandKind::CidrLookup(_)
            | CommandKind::AppendCols(_)
            | CommandKind::Pattern(_)
            | CommandKind::Anomaly
            | CommandKind::Diff(_)
            | CommandKind::LogCompare(_)
            | CommandKind::RelevantFields(_)
            | CommandKind::CountFrequent(_)
            | CommandKind::Outlier(_)
            | CommandKind::Sessionize(_)
            | CommandKind::AutoRegress(_)
            | CommandKind::Accum(_)
            | CommandKind::FillDown(_)
            | CommandKind::FillMissing(_)
            | CommandKind::AddTotals(_)
            | CommandKind::Estimate => Err(self.not_yet(command.span)),
        }
    }

    /// That a command is known and cannot be run; it is named by its first word.
    fn not_yet(&self, span: Span) -> QueryError {
        let text = span.of(self.planning.text);
        let length = text
            .find(|c: char| !(c.is_ascii_alphabetic() || c == '_'))
            .unwrap_or(text.len());
        let (word, _) = text.split_at(length);
        let place = Span::new(span.start, span.start + length);
        not_available(&format!("the command `{word}`"), place)
    }

    /// A column that no other has the name of, its name as near to `name` as can be.
    fn fresh(&mut self, name: &str) -> Column {
        let mut free = name.to_owned();
        let mut occurrence = 1;
        while !self.taken.insert(free.clone()) {
            occurrence += 1;
            free = format!("{name} #{occurrence}");
        }
        Column::new(Some(ROW), free)
    }

    fn warn(&mut self, span: Span, reason: impl Into<String>, hint: Option<String>) {
        self.warnings.push(Warning {
            span,
            reason: reason.into(),
            hint,
        });
    }

    /// The stores that the pipeline reads.
    fn stores(&self) -> Result<Vec<StoreId>, QueryError> {
        match self.stores.is_empty() {
            true => Ok(vec![self.planning.store(CHOSEN_STORE[0])?]),
            false => Ok(self.stores.clone()),
        }
    }

    fn finish(mut self, syntax: &str) -> Result<Planned, DataFusionError> {
        self.sort_now();
        let shown = self.outputs();
        let names = shown.iter().map(|(_, name)| name.clone()).collect();
        let stores = self.stores().map_err(external)?;
        let events = Events {
            leaves: self.leaves,
            scope: self.planning.scope.clone(),
            stores,
        };
        let plan = steps::build(events, self.steps, shown)?;
        Ok(Planned {
            plan,
            names,
            warnings: self.warnings,
            unused_parameters: self.parameters.unused().cloned().collect(),
            stages: vec![Stage::new("syntax", syntax)],
            is_explain: false,
        })
    }
}

/// A column of the scan as the steps name it.
fn of_events(leaf: PlanExpr) -> PlanExpr {
    match leaf {
        PlanExpr::Column(column) => PlanExpr::Column(Column::new(Some(EVENTS), column.name)),
        other => other,
    }
}

/// That something is read and known, and cannot be run.
fn not_available(what: &str, place: Span) -> QueryError {
    let runs = COMMANDS[..9].iter().map(|command| command.name);
    let runs: Vec<&str> = runs.collect();
    QueryError::new(Code::Unsupported, format!("{what} is not available yet"))
        .at(place)
        .hint(format!("these commands are: {}", runs.join(", ")))
}
