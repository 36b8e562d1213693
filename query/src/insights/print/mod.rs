//! A syntax tree back as text that reads as the same tree.
//!
//! `{}` writes a pipeline on one line, `{:#}` one command on a line. Parentheses stand
//! only where precedence asks for them, keywords are in lower case, and options that
//! have their default are left out.

mod expr;

use std::fmt::{self, Display, Formatter, Write};

use crate::insights::ast::{
    AddTotals, AppendCols, CidrLookup, Command, CommandKind, DiffAgainst, Direction, Fill, Join,
    JoinKind, Lookup, LookupOutput, Name, NamedExpr, Outlier, OutlierAction, Parse, ParseMethod,
    Pipeline, Projection, SelectorArgument, SelectorValue, SortKey, Source, SourceItem, Stats,
};
use crate::search::{FieldRef, is_plain_key, write_backticked, write_quoted};
use crate::span::Spanned;

impl Display for Pipeline {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let separator = if f.alternate() { "\n| " } else { " | " };
        write_list(f, &self.commands, separator)
    }
}

impl Display for Command {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.node {
            CommandKind::Source(source) => write!(f, "{source}"),
            CommandKind::Search(search) => write!(f, "search {search}"),
            CommandKind::Filter(condition) => write!(f, "filter {condition}"),
            CommandKind::FilterIndex(condition) => write!(f, "filterIndex {condition}"),
            CommandKind::Fields(list) => write_command(f, "fields", list),
            CommandKind::Display(list) => write_command(f, "display", list),
            CommandKind::Unmask(list) => write_command(f, "unmask", list),
            CommandKind::Parse(parse) => write!(f, "{parse}"),
            CommandKind::JsonField(json) => {
                write!(f, "json field={} ", json.input.node)?;
                write_quoted(f, &json.path)?;
                write_alias(f, Some(&json.name))
            }
            CommandKind::Stats(stats) => write!(f, "{stats}"),
            CommandKind::Sort(keys) => write_command(f, "sort", keys),
            CommandKind::Limit(limit) => {
                write!(
                    f,
                    "limit {}{}",
                    if limit.any { "any " } else { "" },
                    limit.rows.node
                )
            }
            CommandKind::Dedup(fields) => write_fields(f, "dedup", fields),
            CommandKind::Unnest(unnest) => {
                write!(f, "unnest {} into ", unnest.list)?;
                write_name(f, &unnest.name)
            }
            CommandKind::Expand(field) => write!(f, "expand {}", field.node),
            CommandKind::Join(join) => write!(f, "{join}"),
            CommandKind::Lookup(lookup) => write!(f, "{lookup}"),
            CommandKind::CidrLookup(lookup) => write!(f, "{lookup}"),
            CommandKind::AppendCols(append) => write!(f, "{append}"),
            CommandKind::Pattern(expr) => write!(f, "pattern {expr}"),
            CommandKind::Anomaly => f.write_str("anomaly"),
            CommandKind::Diff(against) => f.write_str(match against {
                None => "diff",
                Some(DiffAgainst::PreviousDay) => "diff previousDay",
                Some(DiffAgainst::PreviousWeek) => "diff previousWeek",
                Some(DiffAgainst::PreviousMonth) => "diff previousMonth",
            }),
            CommandKind::LogCompare(shift) => write!(f, "logcompare timeshift {}", shift.node),
            CommandKind::RelevantFields(relevant) => {
                write_fields(f, "relevantfields", &relevant.fields)?;
                write!(f, " where {}", relevant.condition)
            }
            CommandKind::CountFrequent(fields) => write_fields(f, "countFrequent", fields),
            CommandKind::Outlier(outlier) => write!(f, "{outlier}"),
            CommandKind::Sessionize(sessionize) => {
                write_fields(f, "sessionize", &sessionize.keys)?;
                if let Some(max_span) = &sessionize.max_span {
                    write!(f, " maxspan {}", max_span.node)?;
                }
                write_alias(f, sessionize.name.as_ref())
            }
            CommandKind::AutoRegress(regress) => {
                write!(f, "autoregress {}", regress.field.node)?;
                write_alias(f, regress.name.as_ref())?;
                match regress.lags.as_ref().map(|lags| lags.node) {
                    None => Ok(()),
                    Some((first, last)) if first == last => write!(f, " p={first}"),
                    Some((first, last)) => write!(f, " p={first}-{last}"),
                }
            }
            CommandKind::Accum(accum) => {
                write!(f, "accum {}", accum.field.node)?;
                write_alias(f, accum.name.as_ref())
            }
            CommandKind::FillDown(columns) => {
                f.write_str("filldown")?;
                for (i, column) in columns.iter().enumerate() {
                    write!(f, "{}{}", if i == 0 { " " } else { ", " }, column.node)?;
                }
                Ok(())
            }
            CommandKind::FillMissing(fills) if fills.is_empty() => f.write_str("fillmissing"),
            CommandKind::FillMissing(fills) => write_command(f, "fillmissing with", fills),
            CommandKind::AddTotals(totals) => write!(f, "{totals}"),
            CommandKind::Estimate => f.write_str("estimate"),
        }
    }
}

// ---------------------------------------------------------- names and lists of them

/// A column's name, in backticks unless it is made of plain words and dots. What cannot
/// stand in backticks goes into quotes.
fn write_name(f: &mut impl Write, name: &str) -> fmt::Result {
    if name.is_empty() || name.contains(['\n', '\r']) {
        return write_quoted(f, name);
    }
    let body = name.trim_start_matches('@');
    let plain = name.len() - body.len() <= 2
        && body.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && body.split('.').all(is_plain_key)
        && body
            .split('.')
            .next()
            .is_some_and(|head| !head.contains(['@', '$']));
    if plain {
        f.write_str(name)
    } else {
        write_backticked(f, name)
    }
}

fn write_names(f: &mut impl Write, names: &[Name]) -> fmt::Result {
    for (i, name) in names.iter().enumerate() {
        f.write_str(if i == 0 { " as " } else { ", " })?;
        write_name(f, name)?;
    }
    Ok(())
}

fn write_alias(f: &mut impl Write, alias: Option<&Name>) -> fmt::Result {
    alias.map_or(Ok(()), |name| write_names(f, std::slice::from_ref(name)))
}

fn write_list<T: Display>(f: &mut Formatter<'_>, list: &[T], separator: &str) -> fmt::Result {
    for (i, item) in list.iter().enumerate() {
        if i > 0 {
            f.write_str(separator)?;
        }
        write!(f, "{item}")?;
    }
    Ok(())
}

fn write_command<T: Display>(f: &mut Formatter<'_>, command: &str, list: &[T]) -> fmt::Result {
    write!(f, "{command} ")?;
    write_list(f, list, ", ")
}

fn write_fields(f: &mut impl Write, command: &str, fields: &[Spanned<FieldRef>]) -> fmt::Result {
    f.write_str(command)?;
    for (i, field) in fields.iter().enumerate() {
        write!(f, "{}{}", if i == 0 { " " } else { ", " }, field.node)?;
    }
    Ok(())
}

impl Display for NamedExpr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.expr)?;
        write_alias(f, self.alias.as_ref())
    }
}

impl Display for Projection {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Projection::All => f.write_char('*'),
            Projection::Expr(expr) => write!(f, "{expr}"),
        }
    }
}

impl Display for SortKey {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.expr)?;
        match self.direction {
            Direction::Ascending => Ok(()),
            Direction::Descending => f.write_str(" desc"),
        }
    }
}

// ------------------------------------------------------------- commands with parts

impl Display for Source {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("source")?;
        for (i, item) in self.items.iter().enumerate() {
            f.write_str(if i == 0 { " " } else { ", " })?;
            match item {
                SourceItem::Store(name) => write_quoted(f, name)?,
                SourceItem::Selector {
                    function,
                    arguments,
                } => {
                    write!(f, "{}(", function.node)?;
                    write_list(f, arguments, ", ")?;
                    f.write_char(')')?;
                }
            }
        }
        self.time
            .iter()
            .try_for_each(|modifier| write!(f, " {}", modifier.node))
    }
}

impl Display for SelectorArgument {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{}: ", name.node)?;
        }
        write!(f, "{}", self.value.node)
    }
}

impl Display for SelectorValue {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            SelectorValue::Literal(literal) => write!(f, "{literal}"),
            SelectorValue::List(list) => {
                f.write_char('[')?;
                for (i, value) in list.iter().enumerate() {
                    write!(f, "{}{}", if i == 0 { "" } else { ", " }, value.node)?;
                }
                f.write_char(']')
            }
            SelectorValue::Object(members) => {
                f.write_char('{')?;
                for (i, (key, value)) in members.iter().enumerate() {
                    f.write_str(if i == 0 { "" } else { ", " })?;
                    write_quoted(f, key)?;
                    write!(f, ": {}", value.node)?;
                }
                f.write_char('}')
            }
        }
    }
}

impl Display for Parse {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("parse ")?;
        if let Some(input) = &self.input {
            write!(f, "{} ", input.node)?;
        }
        match &self.method {
            ParseMethod::Glob { pattern, names } => {
                write_quoted(f, pattern)?;
                write_names(f, names)
            }
            ParseMethod::Regex {
                pattern,
                names,
                multi,
            } => {
                write!(f, "{}", pattern.node)?;
                write_names(f, names)?;
                f.write_str(if *multi { " multi" } else { "" })
            }
            ParseMethod::Logfmt { name } => {
                f.write_str("logfmt")?;
                write_alias(f, Some(name))
            }
            ParseMethod::Csv { names } => {
                f.write_str("csv")?;
                write_names(f, names)
            }
        }
    }
}

impl Display for Stats {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write_command(f, "stats", &self.aggregates)?;
        if !self.by.is_empty() {
            write_command(f, " by", &self.by)?;
        }
        match &self.offset {
            Some(offset) => write!(f, " offset {}", offset.node),
            None => Ok(()),
        }
    }
}

impl Display for Join {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            JoinKind::Inner => "join",
            JoinKind::Left => "join type=left",
        })?;
        write_option(f, "left", self.left.as_ref())?;
        write_option(f, "right", self.right.as_ref())?;
        // Without its own parentheses the condition's last name would call the subquery.
        write!(f, " where ({}) ({})", self.condition, self.other)
    }
}

fn write_option(f: &mut impl Write, key: &str, value: Option<&Name>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, " {key}={}", value.node))
}

impl Display for Lookup {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("lookup ")?;
        write_name(f, &self.table)?;
        for (i, key) in self.keys.iter().enumerate() {
            f.write_str(if i == 0 { " " } else { ", " })?;
            write_name(f, &key.column)?;
            if let Some(field) = &key.field {
                write!(f, " as {}", field.node)?;
            }
        }
        write!(f, " {}", self.output)
    }
}

impl Display for CidrLookup {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("cidrlookup ")?;
        write_name(f, &self.table)?;
        write!(f, " {}", self.address.node)?;
        write_alias(f, self.network_column.as_ref())?;
        write!(f, " {}", self.output)
    }
}

impl Display for LookupOutput {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(if self.only_new { "outputnew" } else { "output" })?;
        for (i, (column, alias)) in self.columns.iter().enumerate() {
            f.write_str(if i == 0 { " " } else { ", " })?;
            write_name(f, column)?;
            write_alias(f, alias.as_ref())?;
        }
        Ok(())
    }
}

impl Display for AppendCols {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("appendcols")?;
        if self.overwrite {
            f.write_str(" override=true")?;
        }
        if let Some(rows_max) = &self.rows_max {
            write!(f, " max={}", rows_max.node)?;
        }
        write!(f, " ({})", self.other)
    }
}

impl Display for Outlier {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self.action {
            OutlierAction::Transform => "outlier",
            OutlierAction::Remove => "outlier action=remove",
        })?;
        if let Some(factor) = &self.range_factor {
            write!(f, " param={}", factor.as_str())?;
        }
        if self.use_lower {
            f.write_str(" uselower=true")?;
        }
        if self.mark {
            f.write_str(" mark=true")?;
        }
        write_fields(f, "", &self.fields)
    }
}

impl Display for Fill {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.value.node)?;
        write_fields(f, " for", &self.fields)
    }
}

impl Display for AddTotals {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("addtotals")?;
        write_option(f, "fieldname", self.name.as_ref())?;
        if !self.row {
            f.write_str(" row=false")?;
        }
        if self.column {
            f.write_str(" col=true")?;
        }
        write_fields(f, "", &self.fields)
    }
}
