//! A bound on time as typed at a command line or in a request, in the user's zone; and
//! times as they are told.
//!
//! The forms are those of the languages' own time modifiers ([`TimePoint`]), so that
//! `--since -24h@h` and `earliest=-24h@h` are the same moment. What this adds is the zone:
//! days, months and times without a zone are the user's, hours are hours everywhere.

use chrono::{DateTime, NaiveDateTime, Offset, SecondsFormat, TimeZone, Utc};
use chrono_tz::Tz;

use crate::search::{TimePoint, TimeStep, TimeUnit, parse_time};

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    #[error(
        "`{text}` is not a time: use 7d, -24h@h, now, 2026-01-31, 2026-01-31 13:45, \
         2026-01-31T13:45:00Z or seconds since 1970"
    )]
    NotATime { text: String },
    #[error("`{text}` lies outside the calendar")]
    OutOfRange { text: String },
}

/// Reads a bound.
///
/// **Shape**: `now`; `7d`, `-24h`, `-1mon@mon`, `@d`, `@w1` (see [`TimeStep`]); a date, a
/// date with a time, both with or without a zone; seconds or milliseconds since 1970.
/// **Units**: milliseconds since 1970 UTC.
pub fn parse_time_bound(text: &str, now_ms: i64, zone: Tz) -> Result<i64, TimeError> {
    let text = text.trim();
    let not_a_time = || TimeError::NotATime {
        text: text.to_owned(),
    };
    let point = parse_time(text).map_err(|_| not_a_time())?;
    resolve(&point, now_ms, zone).ok_or_else(|| match point {
        TimePoint::Relative(_) => TimeError::OutOfRange {
            text: text.to_owned(),
        },
        TimePoint::Absolute(_) => not_a_time(),
    })
}

/// ISO 8601 in UTC with milliseconds, from milliseconds since 1970.
pub fn iso(time_ms: i64) -> String {
    match DateTime::from_timestamp_millis(time_ms) {
        Some(time) => time.to_rfc3339_opts(SecondsFormat::Millis, true),
        // Beyond the calendar's years: the number is all there is to tell.
        None => time_ms.to_string(),
    }
}

/// The moment that is meant; None where there is none.
///
/// **Units**: milliseconds since 1970 UTC.
pub fn resolve(point: &TimePoint, now_ms: i64, zone: Tz) -> Option<i64> {
    let now = DateTime::from_timestamp_millis(now_ms)?;
    let at = match point {
        TimePoint::Absolute(text) if has_zone(text) => point.resolve(now)?,
        TimePoint::Absolute(_) => to_utc(point.resolve(now)?.naive_utc(), zone)?,
        TimePoint::Relative(steps) => steps
            .iter()
            .try_fold(now, |at, step| take(*step, at, zone))?,
    };
    Some(at.timestamp_millis())
}

/// One step in the zone. Hours and less are lengths; days and more are dates, which may
/// be 23 or 25 hours long.
fn take(step: TimeStep, at: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
    let one = TimePoint::Relative(vec![step]);
    match step {
        TimeStep::Shift { by, .. } if by.unit <= TimeUnit::Hour => one.resolve(at),
        _ => {
            let offset = zone.offset_from_utc_datetime(&at.naive_utc()).fix();
            let local = at.naive_utc().checked_add_offset(offset)?;
            to_utc(one.resolve(local.and_utc())?.naive_utc(), zone)
        }
    }
}

/// A local time as a moment. Of two (clocks put back) the earlier; of none (clocks put
/// forward) the moment at which they were.
fn to_utc(local: NaiveDateTime, zone: Tz) -> Option<DateTime<Utc>> {
    let found = zone.from_local_datetime(&local).earliest();
    let found = found.or_else(|| {
        let hour_before = local.checked_sub_signed(chrono::TimeDelta::hours(1))?;
        let before = zone.from_local_datetime(&hour_before).latest()?;
        before.checked_add_signed(chrono::TimeDelta::hours(1))
    });
    found.map(|at| at.to_utc())
}

/// Whether the text says which zone it is in; numbers since 1970 need none.
fn has_zone(text: &str) -> bool {
    let text = text.trim();
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return true;
    }
    // A date is ten characters, and its hyphens are no offset.
    let clock = text.get(10..).unwrap_or_default();
    clock.ends_with(['Z', 'z']) || clock.contains(['+', '-'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bound(text: &str, zone: Tz) -> Result<String, TimeError> {
        let now = DateTime::parse_from_rfc3339("2026-10-15T13:47:12.345Z").expect("a time");
        let ms = parse_time_bound(text, now.timestamp_millis(), zone)?;
        let at = DateTime::from_timestamp_millis(ms).expect("in range");
        Ok(at.format("%Y-%m-%dT%H:%M:%S%.3f").to_string())
    }

    #[test]
    fn every_form() {
        for (text, expected) in [
            ("now", "2026-10-15T13:47:12.345"),
            ("7d", "2026-10-08T13:47:12.345"),
            ("-24h@h", "2026-10-14T13:00:00.000"),
            ("now-1mon@mon", "2026-09-01T00:00:00.000"),
            ("@w1+2h", "2026-10-12T02:00:00.000"),
            ("2024-02-29", "2024-02-29T00:00:00.000"),
            ("2024-02-29 13:45", "2024-02-29T13:45:00.000"),
            ("2024-02-29T13:45:01.5+02:00", "2024-02-29T11:45:01.500"),
            ("1709208000", "2024-02-29T12:00:00.000"),
            ("1709208000123", "2024-02-29T12:00:00.123"),
        ] {
            assert_eq!(bound(text, Tz::UTC).as_deref(), Ok(expected), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "7 d",
            "@",
            "@w9",
            "d",
            "-",
            "2024-13-01",
            "nowish",
            "5x",
        ] {
            assert!(bound(text, Tz::UTC).is_err(), "{text}");
        }
    }

    #[test]
    fn dates_are_the_users_and_hours_are_hours() {
        let berlin = Tz::Europe__Berlin;
        assert_eq!(
            bound("2024-07-01", berlin).as_deref(),
            Ok("2024-06-30T22:00:00.000")
        );
        assert_eq!(
            bound("2024-07-01T00:00Z", berlin).as_deref(),
            Ok("2024-07-01T00:00:00.000")
        );
        assert_eq!(
            bound("@d", berlin).as_deref(),
            Ok("2026-10-14T22:00:00.000")
        );
        assert_eq!(
            bound("-2h", berlin).as_deref(),
            Ok("2026-10-15T11:47:12.345")
        );
        // Clocks went forward at 02:00; the day has 23 hours.
        assert_eq!(
            bound("2024-03-31 02:30", berlin).as_deref(),
            Ok("2024-03-31T01:30:00.000")
        );
        assert_eq!(
            bound("1709208000", berlin).as_deref(),
            Ok("2024-02-29T12:00:00.000")
        );
    }
}
