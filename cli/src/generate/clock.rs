//! Times as CloudTrail writes them, appended to byte buffers.
//!
//! Every event holds two or three times, so they are written digit by digit instead of
//! through a format string.

/// Seconds in a day.
pub const DAY_S: i64 = 86_400;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// A time of the Gregorian calendar in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    pub year: u32,
    pub month: u32,
    pub day: u32,
    pub hour: u32,
    pub minute: u32,
    pub second: u32,
}

impl Civil {
    /// The calendar's reading of seconds since 1970.
    ///
    /// **Source:** `civil_from_days`, H. Hinnant, "chrono-Compatible Low-Level Date
    /// Algorithms".
    pub fn of(time_s: i64) -> Self {
        let second_of_day = time_s.rem_euclid(DAY_S) as u32;
        let days = time_s.div_euclid(DAY_S) + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097) as u32;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        let year = (i64::from(year_of_era) + era * 400) as u32 + u32::from(month <= 2);
        Civil {
            year,
            month,
            day: day_of_year - (153 * shifted_month + 2) / 5 + 1,
            hour: second_of_day / 3_600,
            minute: second_of_day / 60 % 60,
            second: second_of_day % 60,
        }
    }
}

/// The day of the week, Monday being 0.
pub fn weekday(time_s: i64) -> u32 {
    // 1970-01-01 was a Thursday.
    (time_s.div_euclid(DAY_S) + 3).rem_euclid(7) as u32
}

/// Appends `2026-05-03T12:34:56Z`.
pub fn push_iso(out: &mut Vec<u8>, time_s: i64) {
    let at = Civil::of(time_s);
    push_year(out, at.year);
    out.push(b'-');
    push_two(out, at.month);
    out.push(b'-');
    push_two(out, at.day);
    out.push(b'T');
    push_two(out, at.hour);
    out.push(b':');
    push_two(out, at.minute);
    out.push(b':');
    push_two(out, at.second);
    out.push(b'Z');
}

/// Appends `May 3, 2026, 12:34:56 PM`, the form of times inside requests and responses.
pub fn push_long(out: &mut Vec<u8>, time_s: i64) {
    let at = Civil::of(time_s);
    let month = MONTHS.get(at.month as usize - 1).copied();
    out.extend_from_slice(month.unwrap_or_default().as_bytes());
    out.push(b' ');
    if at.day > 9 {
        out.push(b'0' + (at.day / 10) as u8);
    }
    out.push(b'0' + (at.day % 10) as u8);
    out.extend_from_slice(b", ");
    push_year(out, at.year);
    out.extend_from_slice(b", ");
    let hour = match at.hour % 12 {
        0 => 12,
        hour => hour,
    };
    if hour > 9 {
        out.push(b'1');
    }
    out.push(b'0' + (hour % 10) as u8);
    out.push(b':');
    push_two(out, at.minute);
    out.push(b':');
    push_two(out, at.second);
    out.extend_from_slice(if at.hour < 12 { b" AM" } else { b" PM" });
}

/// Appends `2026` + separator + `05` + separator + `03`.
pub fn push_date(out: &mut Vec<u8>, time_s: i64, separator: &str) {
    let at = Civil::of(time_s);
    push_year(out, at.year);
    out.extend_from_slice(separator.as_bytes());
    push_two(out, at.month);
    out.extend_from_slice(separator.as_bytes());
    push_two(out, at.day);
}

/// Appends `20260503T1234Z`, the delivery time in a log file's name.
pub fn push_minute(out: &mut Vec<u8>, time_s: i64) {
    push_date(out, time_s, "");
    let at = Civil::of(time_s);
    out.push(b'T');
    push_two(out, at.hour);
    push_two(out, at.minute);
    out.push(b'Z');
}

fn push_two(out: &mut Vec<u8>, n: u32) {
    out.push(b'0' + (n / 10 % 10) as u8);
    out.push(b'0' + (n % 10) as u8);
}

fn push_year(out: &mut Vec<u8>, year: u32) {
    push_two(out, year / 100);
    push_two(out, year % 100);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(push: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn forms_match_chrono() {
        for time_s in (0..4_000_000_000i64).step_by(86_399 * 37) {
            let at = chrono::DateTime::from_timestamp(time_s, 0).unwrap();
            let expect = |format| at.format(format).to_string();
            assert_eq!(
                text(|out| push_iso(out, time_s)),
                expect("%Y-%m-%dT%H:%M:%SZ")
            );
            assert_eq!(
                text(|out| push_long(out, time_s)),
                expect("%b %-d, %Y, %-I:%M:%S %p")
            );
            assert_eq!(text(|out| push_minute(out, time_s)), expect("%Y%m%dT%H%MZ"));
            assert_eq!(text(|out| push_date(out, time_s, "/")), expect("%Y/%m/%d"));
            assert_eq!(weekday(time_s).to_string(), {
                use chrono::Datelike;
                at.weekday().num_days_from_monday().to_string()
            });
        }
    }
}
