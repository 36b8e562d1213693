//! Functions of times.

use std::borrow::Cow;
use std::fmt::Write as _;

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, NaiveDateTime};
use chrono_tz::Tz;
use datafusion::arrow::array::ArrayRef;
use datafusion::common::Result;

use super::super::call::{Call, Function, Kind, Returns};
use super::super::time_format::TimeFormat;
use super::super::time_text::Zone;
use super::Scalar;

use Kind::{Double, Text, Time};

pub(super) const FUNCTIONS: &[Scalar] = &[
    Scalar::new(
        "fromMillis(number)",
        Function::of("insights::fromMillis", &[Double], Returns::Time, |c| {
            let numbers = c.double(0)?;
            c.times(None, |row| {
                Ok(numbers.get(row).and_then(super::convert::whole))
            })
        }),
    ),
    Scalar::new(
        "toMillis(time)",
        Function::of("insights::toMillis", &[Time], Returns::Integer, |c| {
            let (times, _) = c.time(0)?;
            c.integers(|row| Ok(times.get(row)))
        }),
    ),
    Scalar::new(
        "parseDate(text, format[, zone])",
        Function::of(
            "insights::parseDate",
            &[Text, Text, Text],
            Returns::Integer,
            parse_date,
        )
        .required(2),
    )
    .checked(|i, constant| match i {
        1 => TimeFormat::joda(constant).map(drop),
        2 => zone(constant).map(drop),
        _ => Ok(()),
    }),
    Scalar::new(
        "formatDate(time, format[, zone])",
        Function::of(
            "insights::formatDate",
            &[Time, Text, Text],
            Returns::Text,
            format_date,
        )
        .required(2),
    )
    .checked(|i, constant| match i {
        1 => match StrftimeItems::new(constant).any(|item| matches!(item, Item::Error)) {
            true => Err(format!("`{constant}` is no pattern like `%Y-%m-%d %H:%M`")),
            false => Ok(()),
        },
        2 => zone(constant).map(drop),
        _ => Ok(()),
    }),
];

fn zone(name: &str) -> Result<Zone, String> {
    Zone::parse(name).ok_or_else(|| format!("`{name}` is no time zone like `Europe/Berlin`"))
}

/// The zone of a row: UTC where the call names none.
fn zone_at(call: &Call, i: usize) -> Result<impl Fn(usize) -> Option<Zone>> {
    let names = if call.has(i) {
        Some(call.text(i)?)
    } else {
        None
    };
    let constant = names.as_ref().and_then(|n| n.constant()).map(Zone::parse);
    Ok(move |row| match (&names, constant) {
        (None, _) => Some(Zone::Utc),
        (Some(_), Some(zone)) => zone,
        (Some(names), None) => Zone::parse(names.get(row)?),
    })
}

/// A time in Java's pattern. Without a zone in the text it is in that of the call.
fn parse_date(call: &Call) -> Result<ArrayRef> {
    let (texts, patterns, zone) = (call.text(0)?, call.text(1)?, zone_at(call, 2)?);
    let constant = patterns.constant().and_then(|p| TimeFormat::joda(p).ok());
    call.integers(|row| {
        let read = |text: &str| {
            let written = match &constant {
                Some(format) => format.read(text),
                None => TimeFormat::joda(patterns.get(row)?).ok()?.read(text),
            }?;
            match written.zone {
                Some(_) => written.instant_ms(),
                None => zone(row)?.instant(written.local),
            }
        };
        Ok(texts.get(row).and_then(read))
    })
}

/// A time in the pattern of strftime.
fn format_date(call: &Call) -> Result<ArrayRef> {
    let ((times, _), patterns, zone) = (call.time(0)?, call.text(1)?, zone_at(call, 2)?);
    call.texts(|row| {
        let (Some(ms), Some(pattern), Some(zone)) = (times.get(row), patterns.get(row), zone(row))
        else {
            return Ok(None);
        };
        Ok(written(ms, pattern, zone).map(Cow::Owned))
    })
}

fn written(ms: i64, pattern: &str, zone: Zone) -> Option<String> {
    let mut out = String::new();
    // A pattern that is none is an error of the formatter.
    let result = match zone {
        Zone::Named(zone) => {
            let local: DateTime<Tz> = DateTime::from_timestamp_millis(ms)?.with_timezone(&zone);
            write!(out, "{}", local.format(pattern))
        }
        other => {
            let local: NaiveDateTime = other.local(ms)?;
            let offset = chrono::FixedOffset::east_opt(other.offset_seconds(local)?)?;
            let instant = DateTime::from_timestamp_millis(ms)?.with_timezone(&offset);
            write!(out, "{}", instant.format(pattern))
        }
    };
    result.ok().map(|()| out)
}

#[cfg(test)]
mod tests {
    use super::super::super::call::testing::{call, int, one, text};
    use super::super::scalar;
    use datafusion::logical_expr::ColumnarValue;

    fn result(name: &str, arguments: Vec<ColumnarValue>) -> Option<String> {
        one(call(scalar(name).expect("known").function, arguments))
    }

    #[test]
    fn times_are_read_and_written() {
        let java = "yyyy-MM-dd HH:mm";
        for (name, arguments, expected) in [
            (
                "parseDate",
                vec![text("2024-02-29 12:00"), text(java)],
                Some("1709208000000"),
            ),
            (
                "parseDate",
                vec![text("2024-02-29 12:00"), text(java), text("Europe/Berlin")],
                Some("1709204400000"),
            ),
            ("parseDate", vec![text("soon"), text(java)], None),
            (
                "formatDate",
                vec![
                    text("2024-02-29T12:00:00Z"),
                    text("%H:%M %Z"),
                    text("Europe/Berlin"),
                ],
                Some("13:00 CET"),
            ),
            (
                "strftime",
                vec![text("2024-02-29T12:00:00Z"), text("%Y/%m/%d")],
                Some("2024/02/29"),
            ),
            (
                "formatDate",
                vec![text("2024-02-29T12:00:00Z"), text("%!")],
                None,
            ),
            (
                "toMillis",
                vec![text("2024-02-29T12:00:00.120Z")],
                Some("1709208000120"),
            ),
            (
                "fromMillis",
                vec![int(1_709_208_000_120)],
                Some("2024-02-29T12:00:00.120"),
            ),
        ] {
            assert_eq!(result(name, arguments).as_deref(), expected, "{name}");
        }
        let format = scalar("formatDate").expect("known");
        assert!(format.check(1, "%!").is_err());
        assert!(format.check(2, "Mars/Phobos").is_err());
        assert!(format.check(2, "+02:00").is_ok());
    }
}
