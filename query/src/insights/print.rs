//! A syntax tree back as text that reads as the same tree.
//!
//! `{}` writes a pipeline on one line, `{:#}` one command on a line. Parentheses stand
//! only where precedence asks for them, keywords are in lower case, and options that
//! have their default are left out.

use std::fmt::{self, Display, Formatter, Write};

use super::ast::{
    AddTotals, AppendCols, Arguments, ArithmeticOp, Call, CidrLookup, Command, CommandKind,
    CompareOp, DiffAgainst, Direction, Expr, ExprKind, Fill, Join, JoinKind, Literal, Lookup,
    LookupOutput, Name, NamedExpr, Outlier, OutlierAction, Parse, ParseMethod, Pattern, Pipeline,
    Projection, SelectorArgument, SelectorValue, Set, SortKey, Source, SourceItem, Stats,
};
use crate::search::{FieldRef, is_plain_key, write_backticked, write_quoted, write_step};
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

// -------------------------------------------------------------------- expressions

/// How strongly a node holds its parts together; the grammar's order of precedence.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Strength {
    Or,
    And,
    Not,
    Test,
    Sum,
    Product,
    Power,
    Negation,
    Primary,
}

fn strength(kind: &ExprKind) -> Strength {
    match kind {
        ExprKind::Or(_) => Strength::Or,
        ExprKind::And(_) => Strength::And,
        ExprKind::Not(_) => Strength::Not,
        ExprKind::Compare { .. }
        | ExprKind::Like { .. }
        | ExprKind::In { .. }
        | ExprKind::IsNull { .. } => Strength::Test,
        ExprKind::Arithmetic { op, .. } => match op {
            ArithmeticOp::Add | ArithmeticOp::Subtract => Strength::Sum,
            ArithmeticOp::Multiply | ArithmeticOp::Divide | ArithmeticOp::Modulo => {
                Strength::Product
            }
            ArithmeticOp::Power => Strength::Power,
        },
        ExprKind::Negate(_) => Strength::Negation,
        ExprKind::Literal(_)
        | ExprKind::Period(_)
        | ExprKind::Field(_)
        | ExprKind::Parameter(_)
        | ExprKind::Call(_)
        | ExprKind::Access { .. } => Strength::Primary,
    }
}

/// Writes an operand, in parentheses when it is weaker than its place allows.
fn write_operand(f: &mut Formatter<'_>, expr: &Expr, weakest: Strength) -> fmt::Result {
    if strength(&expr.node) < weakest {
        write!(f, "({expr})")
    } else {
        write!(f, "{expr}")
    }
}

/// An operand that must not be of the same strength either.
fn write_stronger(f: &mut Formatter<'_>, expr: &Expr, than: Strength) -> fmt::Result {
    if strength(&expr.node) <= than {
        write!(f, "({expr})")
    } else {
        write!(f, "{expr}")
    }
}

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.node {
            ExprKind::Literal(literal) => write!(f, "{literal}"),
            ExprKind::Period(period) => write!(f, "{period}"),
            ExprKind::Field(field) => write!(f, "{field}"),
            ExprKind::Parameter(name) => write!(f, "{{{{{name}}}}}"),
            ExprKind::Call(call) => write!(f, "{call}"),
            ExprKind::Access { base, path } => {
                write!(f, "{base}")?;
                path.iter().try_for_each(|segment| write_step(f, segment))
            }
            ExprKind::And(parts) => write_joined(f, parts, " and ", Strength::And),
            ExprKind::Or(parts) => write_joined(f, parts, " or ", Strength::Or),
            ExprKind::Not(inner) => {
                f.write_str("not ")?;
                write_operand(f, inner, Strength::Not)
            }
            ExprKind::Negate(inner) => {
                f.write_char('-')?;
                // Two signs side by side would open a comment.
                write_stronger(f, inner, Strength::Negation)
            }
            ExprKind::Arithmetic { op, left, right } => {
                let own = strength(&self.node);
                if *op == ArithmeticOp::Power {
                    write_stronger(f, left, own)?;
                    write!(f, " {op} ")?;
                    write_operand(f, right, own)
                } else {
                    write_operand(f, left, own)?;
                    write!(f, " {op} ")?;
                    write_stronger(f, right, own)
                }
            }
            ExprKind::Compare { op, left, right } => {
                write_operand(f, left, Strength::Test)?;
                write!(f, " {op} ")?;
                write_stronger(f, right, Strength::Test)
            }
            ExprKind::Like {
                value,
                negated,
                pattern,
            } => {
                write_operand(f, value, Strength::Test)?;
                f.write_str(if *negated { " not like " } else { " like " })?;
                match pattern {
                    Pattern::Regex(regex) => write!(f, "{}", regex.node),
                    Pattern::Substring(text) => write_operand(f, text, Strength::Primary),
                }
            }
            ExprKind::In {
                value,
                negated,
                set,
            } => {
                write_operand(f, value, Strength::Test)?;
                f.write_str(if *negated { " not in " } else { " in " })?;
                match set {
                    Set::List(list) => {
                        f.write_char('[')?;
                        write_list(f, list, ", ")?;
                        f.write_char(']')
                    }
                    Set::Subquery(pipeline) => write!(f, "({pipeline})"),
                }
            }
            ExprKind::IsNull { value, negated } => {
                write_operand(f, value, Strength::Test)?;
                f.write_str(if *negated { " is not null" } else { " is null" })
            }
        }
    }
}

fn write_joined(f: &mut Formatter<'_>, parts: &[Expr], word: &str, own: Strength) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str(word)?;
        }
        write_stronger(f, part, own)?;
    }
    Ok(())
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Text(text) => write_quoted(f, text),
            Literal::Number(number) => f.write_str(number.as_str()),
            Literal::Boolean(value) => write!(f, "{value}"),
            Literal::Null => f.write_str("null"),
        }
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.function.node)?;
        match &self.arguments {
            Arguments::Star => f.write_char('*')?,
            Arguments::List(list) => write_list(f, list, ", ")?,
        }
        f.write_char(')')
    }
}

impl Display for ArithmeticOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char(match self {
            ArithmeticOp::Add => '+',
            ArithmeticOp::Subtract => '-',
            ArithmeticOp::Multiply => '*',
            ArithmeticOp::Divide => '/',
            ArithmeticOp::Modulo => '%',
            ArithmeticOp::Power => '^',
        })
    }
}

impl Display for CompareOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            CompareOp::Equal => "=",
            CompareOp::NotEqual => "!=",
            CompareOp::Less => "<",
            CompareOp::LessOrEqual => "<=",
            CompareOp::Greater => ">",
            CompareOp::GreaterOrEqual => ">=",
        })
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
