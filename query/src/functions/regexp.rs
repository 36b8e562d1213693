//! Regular expressions, as Trino's functions use them.
//!
//! The syntax is that of the `regex` crate, which has no look-around and no
//! back-references and runs in linear time on any text. Java's replacement syntax
//! (`$1`, `${name}`, `\$`) is kept. `regexp_like` is DataFusion's, which turns into an
//! operator that a scan can decide.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, ListBuilder, StringViewBuilder};
use datafusion::common::Result;
use regex::{Captures, Regex};

use super::call::{Call, Function, Kind, Returns, Texts};
use super::sized::{RESULT_BYTES_MAX, check_bytes};
use crate::patterns;

use Kind::{Integer, Text};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::of(
        "regexp_extract",
        &[Text, Text, Integer],
        Returns::Text,
        regexp_extract,
    )
    .required(2),
    Function::of(
        "regexp_extract_all",
        &[Text, Text, Integer],
        Returns::Texts,
        regexp_extract_all,
    )
    .required(2),
    Function::of(
        "regexp_replace",
        &[Text, Text, Text],
        Returns::Text,
        regexp_replace,
    )
    .required(2),
    Function::of("regexp_split", &[Text, Text], Returns::Texts, regexp_split),
    Function::of(
        "regexp_count",
        &[Text, Text],
        Returns::Integer,
        regexp_count,
    ),
    Function::of(
        "regexp_position",
        &[Text, Text],
        Returns::Integer,
        regexp_position,
    ),
];

/// The patterns of an argument, each compiled once: nearly always it is a constant.
struct Patterns {
    texts: Texts,
    last: Option<(String, Option<Regex>)>,
}

impl Patterns {
    fn of(call: &Call, i: usize) -> Result<Patterns> {
        Ok(Patterns {
            texts: call.text(i)?,
            last: None,
        })
    }

    fn get(&mut self, row: usize, call: &Call) -> Result<Option<&Regex>> {
        let Some(text) = self.texts.get(row) else {
            return Ok(None);
        };
        if self.last.as_ref().is_none_or(|(last, _)| last != text) {
            let regex = match patterns::regex(text) {
                Ok(regex) => Some(regex),
                Err(reason) => call.fail(|| format!("{text:?}: {reason}"))?,
            };
            self.last = Some((text.to_owned(), regex));
        }
        Ok(self.last.as_ref().and_then(|(_, regex)| regex.as_ref()))
    }
}

/// The group of a row that a call's third argument names; 0, the whole, without one.
fn group(call: &Call, regex: &Regex, wanted: Option<i64>) -> Result<Option<usize>> {
    let Some(wanted) = wanted else {
        return Ok(None);
    };
    match usize::try_from(wanted) {
        Ok(n) if n < regex.captures_len() => Ok(Some(n)),
        _ => call.fail(|| {
            format!(
                "the pattern has {} groups, so there is no group {wanted}",
                regex.captures_len() - 1
            )
        }),
    }
}

fn regexp_extract(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let mut patterns = Patterns::of(call, 1)?;
    let groups = if call.has(2) {
        Some(call.integer(2)?)
    } else {
        None
    };
    call.texts(|row| {
        let (Some(text), Some(regex)) = (texts.get(row), patterns.get(row, call)?) else {
            return Ok(None);
        };
        let wanted = groups.as_ref().map_or(Some(0), |g| g.get(row));
        let Some(n) = group(call, regex, wanted)? else {
            return Ok(None);
        };
        Ok(regex
            .captures(text)
            .and_then(|found| found.get(n))
            .map(|m| Cow::Borrowed(m.as_str())))
    })
}

fn regexp_extract_all(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let mut patterns = Patterns::of(call, 1)?;
    let groups = if call.has(2) {
        Some(call.integer(2)?)
    } else {
        None
    };
    let mut column = ListBuilder::new(StringViewBuilder::new());
    for row in 0..call.rows {
        let found = match (texts.get(row), patterns.get(row, call)?) {
            (Some(text), Some(regex)) => {
                let wanted = groups.as_ref().map_or(Some(0), |g| g.get(row));
                group(call, regex, wanted)?.map(|n| (text, regex, n))
            }
            _ => None,
        };
        let Some((text, regex, n)) = found else {
            column.append_null();
            continue;
        };
        for captures in regex.captures_iter(text) {
            column
                .values()
                .append_option(captures.get(n).map(|m| m.as_str()));
        }
        column.append(true);
    }
    Ok(Arc::new(column.finish()))
}

fn regexp_replace(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let mut patterns = Patterns::of(call, 1)?;
    let with = if call.has(2) {
        Some(call.text(2)?)
    } else {
        None
    };
    call.texts(|row| {
        let (Some(text), Some(regex)) = (texts.get(row), patterns.get(row, call)?) else {
            return Ok(None);
        };
        let with = match &with {
            None => "",
            Some(with) => match with.get(row) {
                Some(with) => with,
                None => return Ok(None),
            },
        };
        match Replacement::parse(with, regex) {
            Ok(replacement) => {
                // What is over the bound is not put together, and refused with the whole.
                let mut bytes = text.len();
                let replaced = regex.replace_all(text, |found: &Captures| {
                    let with = replacement.text(found);
                    bytes = bytes.saturating_add(with.len());
                    match bytes <= RESULT_BYTES_MAX {
                        true => with,
                        false => String::new(),
                    }
                });
                check_bytes(call.name, bytes as u128)?;
                Ok(Some(replaced))
            }
            Err(reason) => call.fail(|| reason),
        }
    })
}

/// A replacement in Java's syntax.
struct Replacement {
    parts: Vec<Piece>,
}

enum Piece {
    Text(String),
    Group(usize),
}

impl Replacement {
    fn parse(text: &str, regex: &Regex) -> Result<Replacement, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' => plain.push(
                    chars
                        .next()
                        .ok_or("the replacement ends with a backslash")?,
                ),
                '$' => {
                    parts.push(Piece::Text(std::mem::take(&mut plain)));
                    parts.push(Piece::Group(referred(&mut chars, regex)?));
                }
                c => plain.push(c),
            }
        }
        parts.push(Piece::Text(plain));
        Ok(Replacement { parts })
    }

    fn text(&self, found: &Captures) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Piece::Text(text) => out.push_str(text),
                Piece::Group(n) => out.push_str(found.get(*n).map_or("", |m| m.as_str())),
            }
        }
        out
    }
}

/// The group that follows a `$`: `{name}`, or as many digits as name a group.
fn referred(
    chars: &mut std::iter::Peekable<std::str::Chars>,
    regex: &Regex,
) -> Result<usize, String> {
    if chars.next_if_eq(&'{').is_some() {
        let mut name = String::new();
        loop {
            match chars.next() {
                Some('}') => break,
                Some(c) => name.push(c),
                None => return Err("`${` in the replacement is not closed".to_owned()),
            }
        }
        return regex
            .capture_names()
            .position(|n| n == Some(name.as_str()))
            .ok_or_else(|| format!("the pattern has no group {name:?}"));
    }
    let mut group: Option<usize> = None;
    while let Some(digit) = chars.peek().and_then(|c| c.to_digit(10)) {
        let longer = group.unwrap_or(0) * 10 + digit as usize;
        if group.is_some() && longer >= regex.captures_len() {
            break;
        }
        group = Some(longer);
        chars.next();
    }
    match group {
        Some(n) if n < regex.captures_len() => Ok(n),
        Some(n) => Err(format!("the pattern has no group {n}")),
        None => Err("`$` in the replacement names no group; a dollar sign is `\\$`".to_owned()),
    }
}

fn regexp_split(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let mut patterns = Patterns::of(call, 1)?;
    let mut column = ListBuilder::new(StringViewBuilder::new());
    for row in 0..call.rows {
        match (texts.get(row), patterns.get(row, call)?) {
            (Some(text), Some(regex)) => {
                for part in regex.split(text) {
                    column.values().append_value(part);
                }
                column.append(true);
            }
            _ => column.append_null(),
        }
    }
    Ok(Arc::new(column.finish()))
}

fn regexp_count(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let mut patterns = Patterns::of(call, 1)?;
    call.integers(|row| {
        let (Some(text), Some(regex)) = (texts.get(row), patterns.get(row, call)?) else {
            return Ok(None);
        };
        Ok(i64::try_from(regex.find_iter(text).count()).ok())
    })
}

fn regexp_position(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let mut patterns = Patterns::of(call, 1)?;
    call.integers(|row| {
        let (Some(text), Some(regex)) = (texts.get(row), patterns.get(row, call)?) else {
            return Ok(None);
        };
        let at = regex.find(text).and_then(|m| text.get(..m.start()));
        Ok(Some(match at {
            Some(before) => i64::try_from(before.chars().count()).unwrap_or(i64::MAX - 1) + 1,
            None => -1,
        }))
    })
}

#[cfg(test)]
mod tests {
    use super::super::call::testing::{call, call_try, int, one, text};
    use super::super::named;
    use super::*;
    use datafusion::logical_expr::ColumnarValue;

    fn run(name: &str, args: Vec<ColumnarValue>) -> Option<String> {
        one(call(named(FUNCTIONS, name), args))
    }

    #[test]
    fn groups_are_extracted() {
        let arn = || text("arn:aws:iam::123456789012:user/alice");
        assert_eq!(
            run("regexp_extract", vec![arn(), text(r"user/(\w+)"), int(1)]).as_deref(),
            Some("alice")
        );
        assert_eq!(
            run("regexp_extract", vec![arn(), text(r"\d{12}")]).as_deref(),
            Some("123456789012")
        );
        assert_eq!(run("regexp_extract", vec![arn(), text("role")]), None);
        assert!(
            call(
                named(FUNCTIONS, "regexp_extract"),
                vec![arn(), text("a"), int(1)]
            )
            .is_err()
        );
        assert!(call(named(FUNCTIONS, "regexp_extract"), vec![arn(), text("(")]).is_err());
        assert_eq!(
            one(call_try(
                named(FUNCTIONS, "regexp_extract"),
                vec![arn(), text("(")]
            )),
            None
        );
        assert_eq!(
            run("regexp_extract_all", vec![text("a1b22"), text(r"\d+")]).as_deref(),
            Some("[1, 22]")
        );
    }

    #[test]
    fn every_match_is_replaced() {
        let replace = |t, p, r| run("regexp_replace", vec![text(t), text(p), text(r)]);
        assert_eq!(
            replace("a1b2", r"(\d)", "<$1>").as_deref(),
            Some("a<1>b<2>")
        );
        assert_eq!(
            replace("a1", r"(?<n>\d)", r"\$${n}").as_deref(),
            Some("a$1")
        );
        assert_eq!(replace("a1", r"(\d)", "$10").as_deref(), Some("a10"));
        assert_eq!(
            run("regexp_replace", vec![text("a1b2"), text(r"\d")]).as_deref(),
            Some("ab")
        );
        assert!(
            call(
                named(FUNCTIONS, "regexp_replace"),
                vec![text("a"), text("a"), text("$")]
            )
            .is_err()
        );
        assert!(
            call(
                named(FUNCTIONS, "regexp_replace"),
                vec![text("a"), text("a"), text("$7")]
            )
            .is_err()
        );
    }

    #[test]
    fn parts_counts_positions() {
        assert_eq!(
            run("regexp_split", vec![text("a1b2"), text(r"\d")]).as_deref(),
            Some("[a, b, ]")
        );
        assert_eq!(
            run("regexp_count", vec![text("a1b2"), text(r"\d")]).as_deref(),
            Some("2")
        );
        assert_eq!(
            run("regexp_position", vec![text("éa1"), text(r"\d")]).as_deref(),
            Some("3")
        );
        assert_eq!(
            run("regexp_position", vec![text("a"), text(r"\d")]).as_deref(),
            Some("-1")
        );
    }
}
