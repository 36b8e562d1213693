//! The natural order of values, as bytes that compare like them.
//!
//! Ascending, all that is no number comes before all numbers. Numbers go by their value.
//! In other texts runs of digits and runs of anything else are compared run by run, runs
//! of digits by their length and then their value (`a9` before `a10`). A missing value
//! is no number either, and the first of all; descending is the exact reverse.
//!
//! **Shape** of a key: for a number 2 and its bits so that they order; else 1 and the
//! runs, digits as `0`, length, digits, others escaped and ended by a zero byte, and a
//! zero byte at the end. **Source**: "sort" in the CloudWatch Logs user guide.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BinaryBuilder};
use datafusion::common::Result;
use datafusion::logical_expr::Expr;
use tarn_store::scan::predicate::parse_number;

use super::super::call::{Call, Function, Kind, Returns};

const NO_NUMBER: u8 = 1;
const NUMBER: u8 = 2;

/// Bytes that order like the text does naturally.
pub(crate) fn sort_key(text: Expr) -> Expr {
    const KEY: Function = Function::of(
        "insights::sort_key",
        &[Kind::Text],
        Returns::Binary,
        |call| keys(call, push_key),
    );
    KEY.udf().call(vec![text])
}

/// As [`sort_key`], and the text can be had back by [`sortable_text`]: so the least and
/// the greatest of texts are those of bytes.
pub(crate) fn sortable(text: Expr) -> Expr {
    const KEY: Function = Function::of(
        "insights::sortable",
        &[Kind::Text],
        Returns::Binary,
        |call| {
            keys(call, |text, key| {
                push_key(text, key);
                key.extend_from_slice(text.as_bytes());
                // Texts of CloudTrail events are no longer than an event, 256 KB.
                let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
                key.extend_from_slice(&length.to_be_bytes());
            })
        },
    );
    KEY.udf().call(vec![text])
}

pub(crate) fn sortable_text(key: Expr) -> Expr {
    const TEXT: Function = Function::of(
        "insights::sortable_text",
        &[Kind::Binary],
        Returns::Text,
        |call| texts_of(call, text_at_end),
    );
    TEXT.udf().call(vec![key])
}

/// A value with its time before it, for the value at the earliest or latest time; of
/// several at one time the least or the greatest.
///
/// **Shape**: never null, so that a missing value counts as one.
pub(crate) fn timed(time: Expr, text: Expr) -> Expr {
    const TIMED: Function = Function::of(
        "insights::timed",
        &[Kind::Time, Kind::Text],
        Returns::Binary,
        with_time,
    );
    TIMED.udf().call(vec![time, text])
}

pub(crate) fn timed_text(timed: Expr) -> Expr {
    const TEXT: Function = Function::of(
        "insights::timed_text",
        &[Kind::Binary],
        Returns::Text,
        |call| {
            texts_of(call, |bytes| match bytes.get(8..)?.split_first()? {
                (1, text) => std::str::from_utf8(text).ok(),
                _ => None,
            })
        },
    );
    TEXT.udf().call(vec![timed])
}

fn keys(call: &Call, push: impl Fn(&str, &mut Vec<u8>)) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let mut column = BinaryBuilder::with_capacity(call.rows, call.rows * 24);
    let mut key = Vec::new();
    for row in 0..call.rows {
        match texts.get(row) {
            Some(text) => {
                key.clear();
                push(text, &mut key);
                column.append_value(&key);
            }
            None => column.append_null(),
        }
    }
    Ok(Arc::new(column.finish()))
}

fn texts_of(call: &Call, text: impl Fn(&[u8]) -> Option<&str>) -> Result<ArrayRef> {
    let keys = call.binary(0)?;
    call.texts(|row| Ok(keys.get(row).and_then(&text).map(Cow::Borrowed)))
}

fn with_time(call: &Call) -> Result<ArrayRef> {
    let ((times, _), texts) = (call.time(0)?, call.text(1)?);
    let mut column = BinaryBuilder::with_capacity(call.rows, call.rows * 24);
    let mut value = Vec::new();
    for row in 0..call.rows {
        let Some(ms) = times.get(row) else {
            column.append_null();
            continue;
        };
        value.clear();
        value.extend_from_slice(&ordered_integer(ms));
        match texts.get(row) {
            Some(text) => {
                value.push(1);
                value.extend_from_slice(text.as_bytes());
            }
            None => value.push(0),
        }
        column.append_value(&value);
    }
    Ok(Arc::new(column.finish()))
}

fn push_key(text: &str, key: &mut Vec<u8>) {
    if let Some(number) = parse_number(text) {
        key.push(NUMBER);
        key.extend_from_slice(&ordered_float(number));
        return;
    }
    key.push(NO_NUMBER);
    let mut rest = text.as_bytes();
    while let Some(first) = rest.first() {
        let is_digits = first.is_ascii_digit();
        let end = rest
            .iter()
            .position(|byte| byte.is_ascii_digit() != is_digits)
            .unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        if is_digits {
            key.push(b'0');
            let length = u32::try_from(run.len()).unwrap_or(u32::MAX);
            key.extend_from_slice(&length.to_be_bytes());
            key.extend_from_slice(run);
        } else {
            for byte in run {
                match byte {
                    // Zero ends a run, so it and its escape go under others.
                    0 | 1 => key.extend_from_slice(&[1, byte + 1]),
                    other => key.push(*other),
                }
            }
            key.push(0);
        }
    }
    key.push(0);
}

fn text_at_end(key: &[u8]) -> Option<&str> {
    let (rest, length) = key.split_last_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let text = rest.get(rest.len().checked_sub(length)?..)?;
    std::str::from_utf8(text).ok()
}

/// Bytes that order like the number.
fn ordered_float(number: f64) -> [u8; 8] {
    // Adding zero makes -0 the 0 that it equals.
    let bits = (number + 0.0).to_bits();
    let is_negative = bits >> 63 == 1;
    let ordered = if is_negative { !bits } else { bits | 1 << 63 };
    ordered.to_be_bytes()
}

fn ordered_integer(number: i64) -> [u8; 8] {
    (number.cast_unsigned() ^ 1 << 63).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Vec<u8> {
        let mut key = Vec::new();
        push_key(text, &mut key);
        key
    }

    #[test]
    fn natural_order() {
        let ascending = [
            "",
            "\0",
            "\u{1}",
            "!",
            "10.0.0.1",
            "10.0.0.9",
            "10.0.0.10",
            "A",
            "a",
            "a1",
            "a9",
            "a10",
            "a10b",
            "a10c",
            "ab",
            "ab1",
            "ab!",
            "b",
            "-1e9",
            "-2",
            "0",
            "0.5",
            "3",
            "12",
            "1e3",
        ];
        for (i, low) in ascending.iter().enumerate() {
            for high in &ascending[i + 1..] {
                assert!(key(low) < key(high), "{low:?} before {high:?}");
            }
        }
        assert_eq!(key("-0"), key("0"));
        assert_eq!(key("1.0"), key("1"));
    }

    #[test]
    fn texts_come_back() {
        for text in ["", "a1", "17", "é\0"] {
            let mut key = key(text);
            key.extend_from_slice(text.as_bytes());
            key.extend_from_slice(&(text.len() as u32).to_be_bytes());
            assert_eq!(text_at_end(&key), Some(text));
        }
        assert!(ordered_integer(-5) < ordered_integer(0));
    }
}
