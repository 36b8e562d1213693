//! From one kind of value to another: a field is text, and means what it is used as.

use std::borrow::Cow;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::common::Result;
use datafusion::logical_expr::Expr;
use tarn_store::scan::predicate::parse_number;

use super::super::call::{Call, Function, Kind, Returns};
use super::super::json::push_json_string;
use super::super::time_text;

/// The number that a text is, exactly as the scan reads numbers; null of any other text.
pub(crate) fn number(text: Expr) -> Expr {
    const NUMBER: Function =
        Function::of("insights::number", &[Kind::Text], Returns::Double, |call| {
            doubles(call, parse_number)
        });
    NUMBER.udf().call(vec![text])
}

/// As [`number`], with `true` for 1 and `false` for 0, which is how Logs Insights QL holds
/// JSON's booleans.
pub(crate) fn lenient_number(text: Expr) -> Expr {
    const NUMBER: Function = Function::of(
        "insights::lenient_number",
        &[Kind::Text],
        Returns::Double,
        |call| doubles(call, read_lenient),
    );
    NUMBER.udf().call(vec![text])
}

/// The text of a number: whole ones without a fraction.
pub(crate) fn number_text(number: Expr) -> Expr {
    const TEXT: Function = Function::of(
        "insights::number_text",
        &[Kind::Double],
        Returns::Text,
        |call| {
            let numbers = call.double(0)?;
            call.texts(|row| Ok(numbers.get(row).map(|n| Cow::Owned(written(n)))))
        },
    );
    TEXT.udf().call(vec![number])
}

/// The text of a time: ISO 8601 in UTC with milliseconds.
pub(crate) fn time_text(time: Expr) -> Expr {
    const TEXT: Function = Function::of(
        "insights::time_text",
        &[Kind::Time],
        Returns::Text,
        |call| {
            let (times, _) = call.time(0)?;
            call.texts(|row| Ok(times.get(row).and_then(iso_text).map(Cow::Owned)))
        },
    );
    TEXT.udf().call(vec![time])
}

/// The time that a number of milliseconds since 1970 is.
pub(crate) fn time_of_number(ms: Expr) -> Expr {
    const TIME: Function = Function::of(
        "insights::time_of_number",
        &[Kind::Double],
        Returns::Time,
        |call| {
            let numbers = call.double(0)?;
            call.times(None, |row| Ok(numbers.get(row).and_then(whole)))
        },
    );
    TIME.udf().call(vec![ms])
}

/// The time that a text is: ISO 8601, or milliseconds since 1970.
pub(crate) fn time_of_text(text: Expr) -> Expr {
    const TIME: Function = Function::of(
        "insights::time_of_text",
        &[Kind::Text],
        Returns::Time,
        |call| {
            let texts = call.text(0)?;
            call.times(None, |row| Ok(texts.get(row).and_then(read_time)))
        },
    );
    TIME.udf().call(vec![text])
}

/// A list as JSON text.
pub(crate) fn list_text(list: Expr) -> Expr {
    const TEXT: Function = Function::of(
        "insights::list_text",
        &[Kind::Any],
        Returns::Text,
        list_as_json,
    );
    TEXT.udf().call(vec![list])
}

/// A number from text where booleans count as 1 and 0.
pub(super) fn read_lenient(text: &str) -> Option<f64> {
    match text {
        "true" => Some(1.0),
        "false" => Some(0.0),
        text => parse_number(text),
    }
}

/// A number as text: whole ones without a fraction.
pub(super) fn written(number: f64) -> String {
    // Display writes the shortest digits that read back, and no fraction of whole ones.
    format!("{number}")
}

/// ISO 8601 in UTC with milliseconds; None outside the calendar.
pub(super) fn iso_text(ms: i64) -> Option<String> {
    let time = chrono::DateTime::from_timestamp_millis(ms)?;
    Some(time.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

/// A number cut to a whole one that fits.
pub(super) fn whole(number: f64) -> Option<i64> {
    // The bounds are exact as floats: -2^63, and 2^63 which is the first too large.
    let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number);
    fits.then_some(number as i64)
}

/// Milliseconds since 1970 of a text that is a time.
pub(super) fn read_time(text: &str) -> Option<i64> {
    match parse_number(text) {
        Some(ms) => whole(ms),
        None => time_text::parse(text)?.instant_ms(),
    }
}

fn doubles(call: &Call, read: impl Fn(&str) -> Option<f64>) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    call.doubles(|row| Ok(texts.get(row).and_then(&read)))
}

fn list_as_json(call: &Call) -> Result<ArrayRef> {
    let lists = call.list(0)?;
    call.texts(|row| {
        if lists.is_null(row) {
            return Ok(None);
        }
        let items = lists.value(row);
        let mut json = String::from("[");
        if let Some(texts) = items.as_string_view_opt() {
            for (i, text) in texts.iter().enumerate() {
                if i > 0 {
                    json.push(',');
                }
                match text {
                    Some(text) => push_json_string(&mut json, text),
                    None => json.push_str("null"),
                }
            }
        }
        json.push(']');
        Ok(Some(Cow::Owned(json)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts() {
        for (text, number) in [
            ("17", Some(17.0)),
            ("-1.5e3", Some(-1500.0)),
            ("true", Some(1.0)),
            ("false", Some(0.0)),
            ("inf", None),
            ("", None),
            ("17 ", None),
        ] {
            assert_eq!(read_lenient(text), number, "{text}");
        }
        assert_eq!((written(5.0), written(0.5)), ("5".into(), "0.5".into()));
        assert_eq!(whole(-1.9), Some(-1));
        assert_eq!(whole(9.3e18), None);
        assert_eq!(whole(f64::NAN), None);
    }

    #[test]
    fn times_are_read_in_both_forms() {
        let ms = Some(1_709_208_000_120);
        assert_eq!(read_time("2024-02-29T12:00:00.120Z"), ms);
        assert_eq!(read_time("1709208000120"), ms);
        assert_eq!(read_time("soon"), None);
        assert_eq!(
            iso_text(1_709_208_000_120).as_deref(),
            Some("2024-02-29T12:00:00.120Z")
        );
    }
}
