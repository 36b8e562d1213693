//! Times as they are printed.

use chrono::{DateTime, SecondsFormat};

/// ISO 8601 in UTC with milliseconds, from milliseconds since 1970.
pub fn iso(time_ms: i64) -> String {
    match DateTime::from_timestamp_millis(time_ms) {
        Some(time) => time.to_rfc3339_opts(SecondsFormat::Millis, true),
        // Beyond the calendar's years: the number is all there is to tell.
        None => time_ms.to_string(),
    }
}
