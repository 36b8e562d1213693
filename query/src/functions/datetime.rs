//! Functions on times, as Trino has them: in milliseconds, and in UTC where no zone is.
//!
//! A column with a zone is read by that zone's clock. A time that the calendar cannot
//! hold is null.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeDelta, Timelike};
use datafusion::arrow::array::{ArrayRef, Date32Array};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, plan_err};

use super::call::{Call, Function, Kind, Returns, Texts, time_type};
use super::time_format::TimeFormat;
use super::time_text::{self, Written, Zone};

use Kind::{Any, Double, Integer, Text, Time};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::of(
        "from_iso8601_timestamp",
        &[Text],
        Returns::Time,
        from_iso8601_timestamp,
    ),
    Function::of(
        "from_iso8601_date",
        &[Text],
        Returns::Date,
        from_iso8601_date,
    ),
    Function::of("to_iso8601", &[Any], Returns::Text, to_iso8601),
    Function::of(
        "from_unixtime",
        &[Double, Any],
        Returns::Decided(in_zone),
        from_unixtime,
    )
    .required(1),
    Function::of("to_unixtime", &[Time], Returns::Double, to_unixtime),
    Function::of("date", &[Time], Returns::Date, date),
    Function::of("date_format", &[Time, Text], Returns::Text, date_format),
    Function::of("date_parse", &[Text, Text], Returns::Time, date_parse),
    Function::of(
        "format_datetime",
        &[Time, Text],
        Returns::Text,
        format_datetime,
    ),
    Function::of(
        "parse_datetime",
        &[Text, Text],
        Returns::Time,
        parse_datetime,
    ),
    Function::of(
        "date_add",
        &[Text, Integer, Any],
        Returns::Decided(like_third),
        date_add,
    ),
    Function::of(
        "date_diff",
        &[Text, Time, Time],
        Returns::Integer,
        date_diff,
    ),
    Function::of(
        "at_timezone",
        &[Time, Any],
        Returns::Decided(in_zone),
        at_timezone,
    ),
    Function::of(
        "with_timezone",
        &[Time, Any],
        Returns::Decided(in_zone),
        with_timezone,
    ),
    Function::of(
        "last_day_of_month",
        &[Time],
        Returns::Date,
        last_day_of_month,
    ),
    Function::of("year", &[Time], Returns::Integer, |c| {
        part(c, |t| i64::from(t.year()))
    }),
    Function::of("quarter", &[Time], Returns::Integer, |c| {
        part(c, |t| i64::from(t.quarter()))
    }),
    Function::of("month", &[Time], Returns::Integer, |c| {
        part(c, |t| i64::from(t.month()))
    }),
    Function::of("week", &[Time], Returns::Integer, |c| {
        part(c, |t| i64::from(t.iso_week().week()))
    }),
    Function::of("year_of_week", &[Time], Returns::Integer, |c| {
        part(c, |t| i64::from(t.iso_week().year()))
    }),
    Function::of("day", &[Time], Returns::Integer, |c| {
        part(c, |t| i64::from(t.day()))
    }),
    Function::of("day_of_week", &[Time], Returns::Integer, |c| {
        part(c, |t| i64::from(t.weekday().number_from_monday()))
    }),
    Function::of("day_of_year", &[Time], Returns::Integer, |c| {
        part(c, |t| i64::from(t.ordinal()))
    }),
    Function::of("hour", &[Time], Returns::Integer, |c| {
        part(c, |t| i64::from(t.hour()))
    }),
    Function::of("minute", &[Time], Returns::Integer, |c| {
        part(c, |t| i64::from(t.minute()))
    }),
    Function::of("second", &[Time], Returns::Integer, |c| {
        part(c, |t| i64::from(t.second()))
    }),
    Function::of("millisecond", &[Time], Returns::Integer, |c| {
        part(c, |t| i64::from(t.nanosecond() / 1_000_000 % 1000))
    }),
];

/// The time as Trino casts it to text: `2023-01-02 03:04:05.000`, with the zone where
/// it has one.
pub(super) fn trino_text(ms: i64, zone: Option<&Arc<str>>) -> Option<String> {
    let shown_in = Zone::of_type(zone);
    let local = shown_in.local(ms)?;
    let text = local.format("%Y-%m-%d %H:%M:%S%.3f");
    Some(match zone {
        Some(_) => format!("{text} {}", shown_in.name()),
        None => text.to_string(),
    })
}

fn part(call: &Call, of: impl Fn(NaiveDateTime) -> i64) -> Result<ArrayRef> {
    let (times, zone) = call.time(0)?;
    let zone = Zone::of_type(zone.as_ref());
    call.integers(|row| Ok(times.get(row).and_then(|ms| zone.local(ms)).map(&of)))
}

fn from_iso8601_timestamp(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    call.times(None, |row| {
        let Some(text) = texts.get(row) else {
            return Ok(None);
        };
        match time_text::parse(text).and_then(Written::instant_ms) {
            Some(ms) => Ok(Some(ms)),
            None => call.fail(|| format!("{text:?} is not an ISO 8601 time")),
        }
    })
}

fn from_iso8601_date(call: &Call) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    dates(call, |row| {
        let Some(text) = texts.get(row) else {
            return Ok(None);
        };
        match time_text::parse_date(text) {
            Some(date) => Ok(Some(date)),
            None => call.fail(|| format!("{text:?} is not an ISO 8601 date")),
        }
    })
}

fn dates(
    call: &Call,
    mut date: impl FnMut(usize) -> Result<Option<NaiveDate>>,
) -> Result<ArrayRef> {
    let column: Date32Array = (0..call.rows)
        .map(|row| Ok(date(row)?.map(|d| d.to_epoch_days())))
        .collect::<Result<_>>()?;
    Ok(Arc::new(column))
}

fn to_iso8601(call: &Call) -> Result<ArrayRef> {
    let of_date = matches!(call.data_type(0), Some(DataType::Date32 | DataType::Date64));
    let (times, zone) = call.time(0)?;
    let format = if of_date {
        TimeFormat::joda("yyyy-MM-dd")
    } else if zone.is_some() {
        TimeFormat::joda("yyyy-MM-dd'T'HH:mm:ss.SSSZZ")
    } else {
        TimeFormat::joda("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'")
    };
    let zone = Zone::of_type(zone.as_ref());
    call.texts(|row| {
        let (Some(ms), Ok(format)) = (times.get(row), &format) else {
            return Ok(None);
        };
        Ok(zone.local(ms).map(|t| Cow::Owned(format.write(t, zone))))
    })
}

/// The zone that a call's last argument names, which must be a constant.
fn in_zone(fields: &[FieldRef], constants: &[Option<&ScalarValue>]) -> Result<Field> {
    let zone = match (fields.len(), constants.get(1)) {
        (1, _) => None,
        (_, Some(Some(constant))) => match constant.try_as_str() {
            Some(Some(name)) => match Zone::parse(name) {
                Some(_) => Some(Arc::from(name)),
                None => return plan_err!("{name:?} is not a time zone"),
            },
            _ => return plan_err!("a time zone is text"),
        },
        _ => return plan_err!("a time zone is written out, not computed"),
    };
    Ok(Field::new("", time_type(zone), true))
}

fn zone_of_result(call: &Call) -> Option<Arc<str>> {
    match call.return_type {
        DataType::Timestamp(_, zone) => zone.clone(),
        _ => None,
    }
}

fn from_unixtime(call: &Call) -> Result<ArrayRef> {
    let seconds = call.double(0)?;
    call.times(zone_of_result(call), |row| {
        // A float becomes the nearest integer in range, so nothing wraps.
        Ok(seconds
            .get(row)
            .filter(|s| s.is_finite())
            .map(|s| (s * 1000.0).round() as i64))
    })
}

fn to_unixtime(call: &Call) -> Result<ArrayRef> {
    let (times, _) = call.time(0)?;
    call.doubles(|row| Ok(times.get(row).map(|ms| ms as f64 / 1000.0)))
}

fn date(call: &Call) -> Result<ArrayRef> {
    let (times, zone) = call.time(0)?;
    let zone = Zone::of_type(zone.as_ref());
    dates(call, |row| {
        Ok(times
            .get(row)
            .and_then(|ms| zone.local(ms))
            .map(|t| t.date()))
    })
}

fn last_day_of_month(call: &Call) -> Result<ArrayRef> {
    let (times, zone) = call.time(0)?;
    let zone = Zone::of_type(zone.as_ref());
    dates(call, |row| {
        Ok(times.get(row).and_then(|ms| zone.local(ms)).and_then(|t| {
            t.date()
                .with_day(1)?
                .checked_add_months(Months::new(1))?
                .checked_sub_days(Days::new(1))
        }))
    })
}

/// The patterns of an argument, each read once: nearly always it is a constant.
struct Formats {
    texts: Texts,
    read: fn(&str) -> Result<TimeFormat, String>,
    last: Option<(String, Option<TimeFormat>)>,
}

impl Formats {
    fn get(&mut self, row: usize, call: &Call) -> Result<Option<&TimeFormat>> {
        let Some(text) = self.texts.get(row) else {
            return Ok(None);
        };
        if self.last.as_ref().is_none_or(|(last, _)| last != text) {
            let format = match (self.read)(text) {
                Ok(format) => Some(format),
                Err(reason) => call.fail(|| format!("{text:?}: {reason}"))?,
            };
            self.last = Some((text.to_owned(), format));
        }
        Ok(self.last.as_ref().and_then(|(_, format)| format.as_ref()))
    }
}

fn date_format(call: &Call) -> Result<ArrayRef> {
    write(call, TimeFormat::mysql)
}

fn format_datetime(call: &Call) -> Result<ArrayRef> {
    write(call, TimeFormat::joda)
}

fn write(call: &Call, read: fn(&str) -> Result<TimeFormat, String>) -> Result<ArrayRef> {
    let (times, zone) = call.time(0)?;
    let zone = Zone::of_type(zone.as_ref());
    let mut formats = Formats {
        texts: call.text(1)?,
        read,
        last: None,
    };
    call.texts(|row| {
        let (Some(ms), Some(format)) = (times.get(row), formats.get(row, call)?) else {
            return Ok(None);
        };
        Ok(zone.local(ms).map(|t| Cow::Owned(format.write(t, zone))))
    })
}

fn date_parse(call: &Call) -> Result<ArrayRef> {
    parse(call, TimeFormat::mysql)
}

fn parse_datetime(call: &Call) -> Result<ArrayRef> {
    parse(call, TimeFormat::joda)
}

fn parse(call: &Call, read: fn(&str) -> Result<TimeFormat, String>) -> Result<ArrayRef> {
    let texts = call.text(0)?;
    let mut formats = Formats {
        texts: call.text(1)?,
        read,
        last: None,
    };
    call.times(None, |row| {
        let (Some(text), Some(format)) = (texts.get(row), formats.get(row, call)?) else {
            return Ok(None);
        };
        match format.read(text).and_then(Written::instant_ms) {
            Some(ms) => Ok(Some(ms)),
            None => call.fail(|| format!("{text:?} is not a time of this pattern")),
        }
    })
}

/// The type of a call's third argument: a date stays one.
fn like_third(fields: &[FieldRef], _: &[Option<&ScalarValue>]) -> Result<Field> {
    let data_type = match fields.get(2).map(|f| f.data_type()) {
        Some(DataType::Date32 | DataType::Date64) => DataType::Date32,
        Some(DataType::Timestamp(_, zone)) => time_type(zone.clone()),
        Some(DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) => {
            time_type(None)
        }
        Some(other) => return plan_err!("date_add() takes a time, not {other}"),
        None => return plan_err!("date_add() takes 3 arguments, not {}", fields.len()),
    };
    Ok(Field::new("", data_type, true))
}

/// A unit of time, as `date_add` and `date_diff` name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Months(i64),
    Milliseconds(i64),
}

impl Unit {
    fn parse(text: &str) -> Option<Unit> {
        const SECOND: i64 = 1000;
        const DAY: i64 = 86_400 * SECOND;
        Some(match text.to_ascii_lowercase().trim_end_matches('s') {
            "millisecond" => Unit::Milliseconds(1),
            "second" => Unit::Milliseconds(SECOND),
            "minute" => Unit::Milliseconds(60 * SECOND),
            "hour" => Unit::Milliseconds(3600 * SECOND),
            "day" => Unit::Milliseconds(DAY),
            "week" => Unit::Milliseconds(7 * DAY),
            "month" => Unit::Months(1),
            "quarter" => Unit::Months(3),
            "year" => Unit::Months(12),
            _ => return None,
        })
    }
}

fn add(time: NaiveDateTime, n: i64, unit: Unit) -> Option<NaiveDateTime> {
    match unit {
        Unit::Milliseconds(each) => {
            time.checked_add_signed(TimeDelta::try_milliseconds(n.checked_mul(each)?)?)
        }
        Unit::Months(each) => {
            let months = n.checked_mul(each)?;
            let by = Months::new(u32::try_from(months.unsigned_abs()).ok()?);
            if months < 0 {
                time.checked_sub_months(by)
            } else {
                time.checked_add_months(by)
            }
        }
    }
}

fn date_add(call: &Call) -> Result<ArrayRef> {
    let units = call.text(0)?;
    let amounts = call.integer(1)?;
    let (times, _) = call.time(2)?;
    let zone = zone_of_result(call);
    let clock = Zone::of_type(zone.as_ref());
    let sum = |row: usize| -> Result<Option<NaiveDateTime>> {
        let (Some(unit), Some(n), Some(ms)) = (units.get(row), amounts.get(row), times.get(row))
        else {
            return Ok(None);
        };
        let Some(unit) = unit_of(call, unit)? else {
            return Ok(None);
        };
        Ok(clock.local(ms).and_then(|t| add(t, n, unit)))
    };
    if *call.return_type == DataType::Date32 {
        return dates(call, |row| Ok(sum(row)?.map(|t| t.date())));
    }
    call.times(zone, |row| Ok(sum(row)?.and_then(|t| clock.instant(t))))
}

fn unit_of(call: &Call, text: &str) -> Result<Option<Unit>> {
    match Unit::parse(text) {
        Some(unit) => Ok(Some(unit)),
        None => call.fail(|| {
            format!("{text:?} is not a unit (millisecond, second, minute, hour, day, week, month, quarter, year)")
        }),
    }
}

fn date_diff(call: &Call) -> Result<ArrayRef> {
    let units = call.text(0)?;
    let (from, _) = call.time(1)?;
    let (to, zone) = call.time(2)?;
    let zone = Zone::of_type(zone.as_ref());
    call.integers(|row| {
        let (Some(unit), Some(from), Some(to)) = (units.get(row), from.get(row), to.get(row))
        else {
            return Ok(None);
        };
        let Some(unit) = unit_of(call, unit)? else {
            return Ok(None);
        };
        Ok(match unit {
            Unit::Milliseconds(each) => to.checked_sub(from).map(|ms| ms / each),
            Unit::Months(each) => match (zone.local(from), zone.local(to)) {
                (Some(from), Some(to)) => Some(whole_months(from, to) / each),
                _ => None,
            },
        })
    })
}

/// Whole months from one time to another, negative backwards.
fn whole_months(from: NaiveDateTime, to: NaiveDateTime) -> i64 {
    if to < from {
        return -whole_months(to, from);
    }
    let months = |t: NaiveDateTime| i64::from(t.year()) * 12 + i64::from(t.month0());
    let crossed = months(to) - months(from);
    let complete = u32::try_from(crossed)
        .ok()
        .and_then(|n| from.checked_add_months(Months::new(n)))
        .is_some_and(|t| t <= to);
    if complete { crossed } else { crossed - 1 }
}

fn at_timezone(call: &Call) -> Result<ArrayRef> {
    let (times, _) = call.time(0)?;
    call.times(zone_of_result(call), |row| Ok(times.get(row)))
}

fn with_timezone(call: &Call) -> Result<ArrayRef> {
    let (times, was) = call.time(0)?;
    let was = Zone::of_type(was.as_ref());
    let zone = zone_of_result(call);
    let clock = Zone::of_type(zone.as_ref());
    call.times(zone, |row| {
        Ok(times
            .get(row)
            .and_then(|ms| was.local(ms))
            .and_then(|t| clock.instant(t)))
    })
}

/// The text of a column of times as Trino casts it, for casts.
pub(super) fn times_as_text(call: &Call) -> Result<ArrayRef> {
    let (times, zone) = call.time(0)?;
    call.texts(|row| {
        Ok(times
            .get(row)
            .and_then(|ms| trino_text(ms, zone.as_ref()))
            .map(Cow::Owned))
    })
}

#[cfg(test)]
mod tests {
    use super::super::call::testing::{call, call_try, int, one, text};
    use super::super::named;
    use super::*;
    use datafusion::arrow::array::{Array, AsArray};
    use datafusion::arrow::datatypes::{Date32Type, TimestampMillisecondType};
    use datafusion::logical_expr::ColumnarValue;

    fn time(value: &str) -> ColumnarValue {
        let ms = time_text::parse(value)
            .and_then(Written::instant_ms)
            .expect("a time");
        ColumnarValue::Scalar(ScalarValue::TimestampMillisecond(Some(ms), None))
    }

    fn run(name: &str, args: Vec<ColumnarValue>) -> Result<ArrayRef> {
        call(named(FUNCTIONS, name), args)
    }

    fn shown(result: Result<ArrayRef>) -> Option<String> {
        let array = result.expect("no error");
        let zone = match array.data_type() {
            DataType::Timestamp(_, zone) => zone.clone(),
            other => panic!("a time, not {other}"),
        };
        let times = array.as_primitive::<TimestampMillisecondType>();
        times
            .is_valid(0)
            .then(|| trino_text(times.value(0), zone.as_ref()))
            .flatten()
    }

    #[test]
    fn iso_times() {
        let read = |t| shown(run("from_iso8601_timestamp", vec![text(t)]));
        assert_eq!(
            read("2023-01-02T03:04:05Z").as_deref(),
            Some("2023-01-02 03:04:05.000")
        );
        assert!(run("from_iso8601_timestamp", vec![text("x")]).is_err());
        assert!(call_try(named(FUNCTIONS, "from_iso8601_timestamp"), vec![text("x")]).is_ok());
        assert_eq!(
            one(run("to_iso8601", vec![time("2023-01-02 03:04:05")])).as_deref(),
            Some("2023-01-02T03:04:05.000Z")
        );
    }

    #[test]
    fn dates_and_parts() {
        let of = |name| one(run(name, vec![time("2023-01-01 03:04:05.678")]));
        assert_eq!(of("day_of_week").as_deref(), Some("7"));
        assert_eq!(of("week").as_deref(), Some("52"));
        assert_eq!(of("year_of_week").as_deref(), Some("2022"));
        assert_eq!(of("quarter").as_deref(), Some("1"));
        assert_eq!(of("millisecond").as_deref(), Some("678"));
        assert_eq!(of("date").as_deref(), Some("2023-01-01"));
        assert_eq!(of("last_day_of_month").as_deref(), Some("2023-01-31"));
    }

    #[test]
    fn addition_keeps_the_type_and_the_end_of_the_month() {
        let added = |unit, n, t| shown(run("date_add", vec![text(unit), int(n), time(t)]));
        assert_eq!(
            added("month", 1, "2023-01-31").as_deref(),
            Some("2023-02-28 00:00:00.000")
        );
        assert_eq!(
            added("DAY", -30, "2023-01-31").as_deref(),
            Some("2023-01-01 00:00:00.000")
        );
        assert_eq!(added("year", i64::MAX, "2023-01-31"), None);
        let date = ColumnarValue::Scalar(ScalarValue::Date32(Some(0)));
        let next = run("date_add", vec![text("week"), int(1), date]).expect("no error");
        assert_eq!(next.as_primitive::<Date32Type>().value(0), 7);
        assert!(run("date_add", vec![text("eon"), int(1), time("2023-01-31")]).is_err());
    }

    #[test]
    fn differences_count_whole_units() {
        let diff = |unit, a, b| one(run("date_diff", vec![text(unit), time(a), time(b)]));
        assert_eq!(
            diff("hour", "2023-01-01 00:00", "2023-01-01 02:59").as_deref(),
            Some("2")
        );
        assert_eq!(
            diff("month", "2023-01-31", "2023-02-28").as_deref(),
            Some("1")
        );
        assert_eq!(
            diff("month", "2023-01-15", "2023-02-14").as_deref(),
            Some("0")
        );
        assert_eq!(
            diff("year", "2024-02-29", "2020-02-29").as_deref(),
            Some("-4")
        );
    }

    #[test]
    fn zones() {
        let moved = shown(run(
            "at_timezone",
            vec![time("2023-07-01 00:00"), text("Europe/Berlin")],
        ));
        assert_eq!(
            moved.as_deref(),
            Some("2023-07-01 02:00:00.000 Europe/Berlin")
        );
        let said = shown(run(
            "with_timezone",
            vec![time("2023-07-01 00:00"), text("+02:00")],
        ));
        assert_eq!(said.as_deref(), Some("2023-07-01 00:00:00.000 +02:00"));
        assert!(run("at_timezone", vec![time("2023-07-01"), text("Nowhere")]).is_err());
    }

    #[test]
    fn unix_seconds_have_fractions() {
        let t = run(
            "from_unixtime",
            vec![ColumnarValue::Scalar(ScalarValue::from(1.5_f64))],
        );
        assert_eq!(shown(t).as_deref(), Some("1970-01-01 00:00:01.500"));
        assert_eq!(
            one(run("to_unixtime", vec![time("1970-01-01 00:00:01.500")])).as_deref(),
            Some("1.5")
        );
        let huge = run(
            "from_unixtime",
            vec![ColumnarValue::Scalar(ScalarValue::from(1e300_f64))],
        );
        assert!(huge.is_ok());
    }

    #[test]
    fn patterns() {
        let t = || time("2023-07-09 15:04:05");
        assert_eq!(
            one(run("date_format", vec![t(), text("%Y/%m/%d")])).as_deref(),
            Some("2023/07/09")
        );
        assert_eq!(
            shown(run(
                "date_parse",
                vec![text("09-07-2023 15"), text("%d-%m-%Y %H")]
            ))
            .as_deref(),
            Some("2023-07-09 15:00:00.000")
        );
        assert!(run("date_format", vec![t(), text("%U")]).is_err());
        assert!(run("parse_datetime", vec![text("x"), text("yyyy")]).is_err());
    }
}
