//! Times and lengths of time as people type them: `-24h@h`, `now`, `7d`, an ISO date,
//! epoch numbers, `bin(5m)`.
//!
//! One set of units serves every place where a time can be typed. A time stays as it
//! was typed until [`TimePoint::resolve`] is told what "now" is, so that a saved query
//! means the same tomorrow and nothing here reads a clock. Without a zone, UTC is meant.

use std::fmt;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeDelta, Utc};

use crate::span::Spanned;

/// What time is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TimeUnit {
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// Every spelling of each unit; the first is the one that is printed.
///
/// **Source**: "bin" in the CloudWatch Logs Insights function reference, and `mon` from
/// the relative times of Splunk and OpenSearch.
const UNITS: [(TimeUnit, &[&str]); 9] = [
    (
        TimeUnit::Millisecond,
        &["ms", "msec", "msecs", "millisecond", "milliseconds"],
    ),
    (TimeUnit::Second, &["s", "sec", "secs", "second", "seconds"]),
    (TimeUnit::Minute, &["m", "min", "mins", "minute", "minutes"]),
    (TimeUnit::Hour, &["h", "hr", "hrs", "hour", "hours"]),
    (TimeUnit::Day, &["d", "day", "days"]),
    (TimeUnit::Week, &["w", "week", "weeks"]),
    (TimeUnit::Month, &["mo", "mon", "mons", "month", "months"]),
    (
        TimeUnit::Quarter,
        &["q", "qtr", "qtrs", "quarter", "quarters"],
    ),
    (TimeUnit::Year, &["y", "yr", "yrs", "year", "years"]),
];

impl TimeUnit {
    /// The unit of a spelling, in any case.
    pub fn named(word: &str) -> Option<TimeUnit> {
        UNITS
            .iter()
            .find(|(_, words)| words.iter().any(|w| w.eq_ignore_ascii_case(word)))
            .map(|(unit, _)| *unit)
    }

    /// The shortest spelling.
    pub fn symbol(self) -> &'static str {
        match self {
            TimeUnit::Millisecond => "ms",
            TimeUnit::Second => "s",
            TimeUnit::Minute => "m",
            TimeUnit::Hour => "h",
            TimeUnit::Day => "d",
            TimeUnit::Week => "w",
            TimeUnit::Month => "mo",
            TimeUnit::Quarter => "q",
            TimeUnit::Year => "y",
        }
    }
}

/// A length of time: `5m`, `30s`, `1mo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    pub count: u32,
    pub unit: TimeUnit,
}

impl Period {
    /// The length in milliseconds, where the unit has one: months, quarters and years
    /// differ in length.
    pub fn millis(self) -> Option<i64> {
        let unit_ms = match self.unit {
            TimeUnit::Millisecond => 1,
            TimeUnit::Second => 1_000,
            TimeUnit::Minute => 60_000,
            TimeUnit::Hour => 3_600_000,
            TimeUnit::Day => 86_400_000,
            TimeUnit::Week => 604_800_000,
            TimeUnit::Month | TimeUnit::Quarter | TimeUnit::Year => return None,
        };
        // A u32 times a week in milliseconds stays below i64::MAX.
        Some(i64::from(self.count) * unit_ms)
    }

    /// The length in whole months, for the units that are made of months.
    pub fn months(self) -> Option<u32> {
        let unit_months = match self.unit {
            TimeUnit::Month => 1,
            TimeUnit::Quarter => 3,
            TimeUnit::Year => 12,
            _ => return None,
        };
        self.count.checked_mul(unit_months)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.count, self.unit.symbol())
    }
}

/// One step of a relative time, taken from left to right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeStep {
    /// `-24h`, `+30m`, or `7d`, which is seven days back as well.
    Shift { back: bool, by: Period },
    /// `@h`, `@mon`: back to the start of the unit it is in.
    Snap(TimeUnit),
    /// `@w0` to `@w6`: back to the last such weekday, 0 being Sunday. A plain `@w` is
    /// [`TimeUnit::Week`] and goes back to Monday, as in ISO 8601.
    SnapWeekday(u8),
}

/// A moment as typed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TimePoint {
    /// Steps taken from now; none is `now` itself.
    Relative(Vec<TimeStep>),
    /// A date, a date with a time, or an epoch number, in the text as typed.
    Absolute(String),
}

impl TimePoint {
    /// The moment that is meant, in UTC.
    ///
    /// **Shape**: absolute texts are `YYYY-MM-DD`, that with `T` or a blank and
    /// `HH:MM[:SS[.fraction]]`, an optional zone (`Z`, `+02:00`), and epoch seconds (up
    /// to 11 digits) or milliseconds. **Errors**: none of these, or a moment beyond the
    /// calendar's end, is `None`.
    pub fn resolve(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            TimePoint::Relative(steps) => steps.iter().try_fold(now, |at, step| step.take(at)),
            TimePoint::Absolute(text) => absolute(text),
        }
    }
}

impl TimeStep {
    fn take(self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            TimeStep::Shift { back, by } => shift(at, back, by),
            TimeStep::Snap(unit) => snap(at, unit),
            TimeStep::SnapWeekday(weekday) => {
                let behind = (at.weekday().num_days_from_sunday() + 7 - u32::from(weekday % 7)) % 7;
                midnight(at.date_naive().checked_sub_days(Days::new(behind.into()))?)
            }
        }
    }
}

fn shift(at: DateTime<Utc>, back: bool, by: Period) -> Option<DateTime<Utc>> {
    if let Some(millis) = by.millis() {
        let length = TimeDelta::milliseconds(if back { -millis } else { millis });
        return at.checked_add_signed(length);
    }
    let months = Months::new(by.months()?);
    if back {
        at.checked_sub_months(months)
    } else {
        at.checked_add_months(months)
    }
}

fn snap(at: DateTime<Utc>, unit: TimeUnit) -> Option<DateTime<Utc>> {
    let date = at.date_naive();
    let whole = |unit_ms: i64| {
        let ms = at.timestamp_millis();
        DateTime::from_timestamp_millis(ms - ms.rem_euclid(unit_ms))
    };
    match unit {
        TimeUnit::Millisecond => whole(1),
        TimeUnit::Second => whole(1_000),
        TimeUnit::Minute => whole(60_000),
        TimeUnit::Hour => whole(3_600_000),
        TimeUnit::Day => midnight(date),
        TimeUnit::Week => {
            let behind = date.weekday().num_days_from_monday();
            midnight(date.checked_sub_days(Days::new(behind.into()))?)
        }
        TimeUnit::Month => midnight(date.with_day(1)?),
        TimeUnit::Quarter => midnight(date.with_day(1)?.with_month0(date.month0() / 3 * 3)?),
        TimeUnit::Year => midnight(date.with_day(1)?.with_month(1)?),
    }
}

fn midnight(date: NaiveDate) -> Option<DateTime<Utc>> {
    Some(date.and_hms_opt(0, 0, 0)?.and_utc())
}

/// Up to this many digits an epoch number counts seconds (until the year 5138), beyond
/// it milliseconds (from 1973 on).
const EPOCH_SECOND_DIGITS_MAX: usize = 11;

fn absolute(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        let number: i64 = text.parse().ok()?;
        return if text.len() <= EPOCH_SECOND_DIGITS_MAX {
            DateTime::from_timestamp(number, 0)
        } else {
            DateTime::from_timestamp_millis(number)
        };
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return midnight(date);
    }
    for zoned in ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z"] {
        if let Ok(at) = DateTime::parse_from_str(text, zoned) {
            return Some(at.to_utc());
        }
    }
    for zoned in ["%Y-%m-%dT%H:%M%#z", "%Y-%m-%d %H:%M%#z"] {
        if let Ok(at) = DateTime::parse_from_str(text, zoned) {
            return Some(at.to_utc());
        }
    }
    let local = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M",
        "%Y-%m-%d %H:%M",
    ]
    .iter()
    .find_map(|form| NaiveDateTime::parse_from_str(local, form).ok())
    .map(|at| at.and_utc())
}

impl fmt::Display for TimeStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimeStep::Shift { back, by } => write!(f, "{}{by}", if *back { '-' } else { '+' }),
            TimeStep::Snap(unit) => write!(f, "@{}", unit.symbol()),
            TimeStep::SnapWeekday(weekday) => write!(f, "@w{weekday}"),
        }
    }
}

impl fmt::Display for TimePoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimePoint::Relative(steps) if steps.is_empty() => f.write_str("now"),
            TimePoint::Relative(steps) => steps.iter().try_for_each(|step| write!(f, "{step}")),
            TimePoint::Absolute(text) => f.write_str(text),
        }
    }
}

/// A bound on the times of events, written inside a query.
#[derive(Clone, Debug, PartialEq)]
pub enum TimeModifier {
    /// `earliest=…` or `start=…`: events from this moment on.
    Earliest(Spanned<TimePoint>),
    /// `latest=…` or `end=…`: events before this moment.
    Latest(Spanned<TimePoint>),
    /// `last 7d`: from so long ago until now.
    Last(Period),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        absolute(text).unwrap_or_else(|| panic!("{text} is no time"))
    }

    fn back(count: u32, unit: TimeUnit) -> TimeStep {
        let by = Period { count, unit };
        TimeStep::Shift { back: true, by }
    }

    #[test]
    fn steps_are_taken_from_left_to_right() {
        // A Thursday.
        let now = at("2026-10-15T13:47:12.345Z");
        let cases = [
            (vec![], "2026-10-15T13:47:12.345Z"),
            (
                vec![back(24, TimeUnit::Hour), TimeStep::Snap(TimeUnit::Hour)],
                "2026-10-14T13:00:00Z",
            ),
            (vec![TimeStep::Snap(TimeUnit::Week)], "2026-10-12"),
            (vec![TimeStep::SnapWeekday(0)], "2026-10-11"),
            (vec![TimeStep::SnapWeekday(4)], "2026-10-15"),
            (
                vec![TimeStep::Snap(TimeUnit::Quarter), back(1, TimeUnit::Day)],
                "2026-09-30",
            ),
            (
                vec![back(1, TimeUnit::Year), TimeStep::Snap(TimeUnit::Year)],
                "2025-01-01",
            ),
        ];
        for (steps, expected) in cases {
            let point = TimePoint::Relative(steps);
            assert_eq!(point.resolve(now), Some(at(expected)), "{point}");
        }
    }

    #[test]
    fn absolute_times_in_every_form() {
        let noon = at("2024-02-29T12:00:00Z");
        for text in [
            "2024-02-29 12:00",
            "2024-02-29T12:00:00.000",
            "2024-02-29 14:00:00+02:00",
            "2024-02-29T14:00+0200",
            "1709208000",
            "1709208000000",
        ] {
            assert_eq!(absolute(text), Some(noon), "{text}");
        }
        for text in [
            "2023-02-29",
            "yesterday",
            "",
            "12:00",
            "99999999999999999999",
        ] {
            assert_eq!(absolute(text), None, "{text}");
        }
    }

    #[test]
    fn no_step_leaves_the_calendar_with_a_panic() {
        let far = TimePoint::Relative(vec![back(u32::MAX, TimeUnit::Year)]);
        assert_eq!(far.resolve(at("2026-01-01")), None);
        let weeks = TimePoint::Relative(vec![back(u32::MAX, TimeUnit::Week)]);
        assert_eq!(weeks.resolve(at("2026-01-01")), None);
    }
}
