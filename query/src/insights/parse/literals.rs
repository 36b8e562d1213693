//! Names, texts, numbers, lengths of time and times.

use chrono::DateTime;
use pest::Parser;

use super::{Grammar, Pair, Parts, Result, Rule, span};
use crate::insights::ast::{Literal, Name, Number};
use crate::insights::diagnose;
use crate::search::{
    FieldRef, Period, Regex, Segment, TimeModifier, TimePoint, TimeStep, TimeUnit,
};
use crate::span::Spanned;
use crate::syntax::SyntaxError;

/// A text in quotes, without them.
pub(super) fn string(pair: &Pair<'_>) -> String {
    unquote(pair.as_str())
}

/// Takes the quotes off, and the backslashes before quotes and backslashes.
fn unquote(text: &str) -> String {
    let inner = text
        .get(1..text.len().saturating_sub(1))
        .unwrap_or_default();
    let mut value = String::with_capacity(inner.len());
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        let escaped = chars.next_if(|next| c == '\\' && matches!(next, '"' | '\'' | '\\'));
        value.push(escaped.unwrap_or(c));
    }
    value
}

/// A name in backticks, without them.
fn unbacktick(text: &str) -> String {
    let inner = text
        .get(1..text.len().saturating_sub(1))
        .unwrap_or_default();
    inner.replace("``", "`")
}

pub(super) fn field(pair: Pair<'_>) -> Spanned<FieldRef> {
    let span = span(&pair);
    let segments = Parts::of(pair)
        .filter(|part| part.as_rule() != Rule::reserved)
        .map(segment)
        .collect();
    Spanned::new(FieldRef::new(segments), span)
}

/// One step of a field: its head, a key after a dot, or `[…]`.
pub(super) fn segment(pair: Pair<'_>) -> Segment {
    let with_at = pair.as_str().starts_with("@`");
    let rule = pair.as_rule();
    let text = pair.as_str();
    match (rule, Parts::of(pair).next()) {
        (Rule::subscript, Some(inner)) => match inner.as_rule() {
            // Beyond any array a number is a key, which leads nowhere all the same.
            Rule::integer => match inner.as_str().parse() {
                Ok(index) => Segment::Index(index),
                Err(_) => Segment::key(inner.as_str()),
            },
            _ => Segment::quoted(string(&inner)),
        },
        (_, Some(inner)) if inner.as_rule() == Rule::backticked => {
            let at = if with_at { "@" } else { "" };
            Segment::quoted(format!("{at}{}", unbacktick(inner.as_str())))
        }
        (_, Some(inner)) => Segment::key(inner.as_str()),
        (_, None) => Segment::key(text),
    }
}

/// The name of a new column.
pub(super) fn name(pair: Pair<'_>) -> Name {
    let span = span(&pair);
    let with_at = pair.as_str().starts_with("@`");
    let inner = Parts::of(pair).need();
    let text = match inner.as_rule() {
        Rule::string => string(&inner),
        Rule::backticked if with_at => format!("@{}", unbacktick(inner.as_str())),
        Rule::backticked => unbacktick(inner.as_str()),
        _ => inner.as_str().to_string(),
    };
    Spanned::new(text, span)
}

/// `as name`.
pub(super) fn alias(pair: Pair<'_>) -> Name {
    name(Parts::of(pair).need())
}

/// `a, b, c`.
pub(super) fn names(pair: Pair<'_>) -> Vec<Name> {
    Parts::of(pair).map(name).collect()
}

/// A text, a number, a truth value or null.
pub(super) fn literal(pair: &Pair<'_>) -> Spanned<Literal> {
    let literal = match pair.as_rule() {
        Rule::string => Literal::Text(string(pair)),
        Rule::boolean => Literal::Boolean(pair.as_str().eq_ignore_ascii_case("true")),
        Rule::null => Literal::Null,
        _ => Literal::Number(Number::new(pair.as_str())),
    };
    Spanned::new(literal, span(pair))
}

/// A count of rows, or the like.
pub(super) fn whole_number(pair: &Pair<'_>) -> Result<Spanned<u64>> {
    parse_or(pair, "this number is too large")
}

fn parse_or<T: std::str::FromStr>(pair: &Pair<'_>, reason: &str) -> Result<Spanned<T>> {
    pair.as_str()
        .parse()
        .map(|value| Spanned::new(value, span(pair)))
        .map_err(|_| SyntaxError::new(span(pair), reason))
}

/// `1` or `1-3`.
pub(super) fn lags(pair: Pair<'_>) -> Result<Spanned<(u32, u32)>> {
    let whole = span(&pair);
    let mut parts = Parts::of(pair);
    let first: Spanned<u32> = parse_or(&parts.need(), "this number is too large")?;
    let last = match parts.next() {
        Some(last) => *parse_or::<u32>(&last, "this number is too large")?,
        None => *first,
    };
    if *first == 0 || last < *first {
        return Err(SyntaxError::new(whole, "lags count up from 1")
            .hint("write `p=2`, or `p=1-3` for the first to the third"));
    }
    Ok(Spanned::new((*first, last), whole))
}

/// `5m`, or `5 minutes` where that is allowed.
pub(super) fn period(pair: Pair<'_>) -> Result<Spanned<Period>> {
    let whole = span(&pair);
    let mut parts = Parts::of(pair);
    let count = parse_or(&parts.need(), "this length of time is too large")?;
    let unit = unit(&parts.need());
    let period = Period {
        count: count.node,
        unit,
    };
    Ok(Spanned::new(period, whole))
}

fn unit(pair: &Pair<'_>) -> TimeUnit {
    TimeUnit::named(pair.as_str()).expect("the grammar's units are the units")
}

/// A regex with its slashes, and whether an `i` behind them asks for either case.
pub(super) fn regex(pair: Pair<'_>) -> (Spanned<Regex>, bool) {
    let whole = span(&pair);
    let mut parts = Parts::of(pair);
    let body = bare_regex(&parts.need());
    if parts.has(Rule::ignore_case) {
        let regex = Regex::new(&format!("(?i){}", body.as_str()));
        (Spanned::new(regex, whole), true)
    } else {
        (Spanned::new(body.node, whole), false)
    }
}

/// A regex with its slashes alone.
pub(super) fn bare_regex(pair: &Pair<'_>) -> Spanned<Regex> {
    let text = pair.as_str();
    let body = text
        .get(1..text.len().saturating_sub(1))
        .unwrap_or_default();
    Spanned::new(Regex::new(body), span(pair))
}

pub(super) fn time_modifier(pair: Pair<'_>) -> Result<Spanned<TimeModifier>> {
    let whole = span(&pair);
    let mut parts = Parts::of(pair);
    let key = parts.need();
    let modifier = if key.as_rule() == Rule::time_last {
        TimeModifier::Last(period(parts.need())?.node)
    } else {
        let earliest = Parts::of(key).has(Rule::earliest);
        let point = time_point(parts.need())?;
        if earliest {
            TimeModifier::Earliest(point)
        } else {
            TimeModifier::Latest(point)
        }
    };
    Ok(Spanned::new(modifier, whole))
}

pub(super) fn time_point(pair: Pair<'_>) -> Result<Spanned<TimePoint>> {
    let whole = span(&pair);
    let typed = pair.as_str();
    let mut steps = Vec::new();
    for part in Parts::of(pair) {
        match part.as_rule() {
            Rule::string => return quoted_time(&part),
            Rule::absolute_time => {
                return checked(TimePoint::Absolute(part.as_str().to_string()))
                    .map(|point| Spanned::new(point, whole))
                    .ok_or_else(|| {
                        SyntaxError::new(whole, format!("`{typed}` is not a time"))
                            .hint(diagnose::TIME_FORMS)
                    });
            }
            Rule::time_step => steps.push(time_step(Parts::of(part).need())?),
            _ => {}
        }
    }
    Ok(Spanned::new(TimePoint::Relative(steps), whole))
}

/// A time in quotes is any time, and may hold blanks.
fn quoted_time(pair: &Pair<'_>) -> Result<Spanned<TimePoint>> {
    let text = string(pair);
    let not_a_time = || {
        SyntaxError::new(span(pair), format!("`{text}` is not a time")).hint(diagnose::TIME_FORMS)
    };
    let point = match Grammar::parse(Rule::whole_time, &text) {
        Ok(mut pairs) => {
            let whole = pairs.next().expect("a match has the pair of its rule");
            let inner = Parts::of(whole).need();
            if inner.as_str().starts_with(['"', '\'']) {
                return Err(not_a_time());
            }
            time_point(inner).map_err(|_| not_a_time())?.node
        }
        Err(_) => checked(TimePoint::Absolute(text.trim().to_string())).ok_or_else(not_a_time)?,
    };
    Ok(Spanned::new(point, span(pair)))
}

/// The time, if it is one: whether an absolute text is a date does not depend on now.
pub(super) fn checked(point: TimePoint) -> Option<TimePoint> {
    point.resolve(DateTime::UNIX_EPOCH).map(|_| point)
}

fn time_step(pair: Pair<'_>) -> Result<TimeStep> {
    let rule = pair.as_rule();
    let whole = span(&pair);
    let mut parts = Parts::of(pair);
    if rule == Rule::shift {
        // Without a sign a length of time is so long ago: `earliest=7d`.
        let back = parts
            .optional(Rule::sign)
            .is_none_or(|sign| sign.as_str() == "-");
        let count = parse_or(&parts.need(), "this length of time is too large")?.node;
        let unit = unit(&parts.need());
        return Ok(TimeStep::Shift {
            back,
            by: Period { count, unit },
        });
    }
    let inner = parts.need();
    if inner.as_rule() == Rule::snap_weekday {
        let weekday = parse_or(&Parts::of(inner).need(), "weekdays count from 0 to 6")?;
        return Ok(TimeStep::SnapWeekday(*weekday));
    }
    match unit(&inner) {
        TimeUnit::Millisecond => Err(SyntaxError::new(whole, "times are whole milliseconds")),
        unit => Ok(TimeStep::Snap(unit)),
    }
}
