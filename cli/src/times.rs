//! Times as they are printed.

use chrono::{DateTime, NaiveDate, SecondsFormat};

/// ISO 8601 in UTC with milliseconds, from milliseconds since 1970.
pub fn iso(time_ms: i64) -> String {
    match DateTime::from_timestamp_millis(time_ms) {
        Some(time) => time.to_rfc3339_opts(SecondsFormat::Millis, true),
        // Beyond the calendar's years: the number is all there is to tell.
        None => time_ms.to_string(),
    }
}

/// The day (UTC) of a time in milliseconds since 1970.
pub fn day(time_ms: i64) -> Option<NaiveDate> {
    Some(DateTime::from_timestamp_millis(time_ms)?.date_naive())
}
