//! Times brought to the start, or the end, of the period that they are in.
//!
//! Milliseconds to minutes are counted from 1970, hours as the clocks of the zone show
//! them, and days and longer follow its calendar: a day begins at midnight there, days are
//! counted from 1970, weeks from a Monday, months and longer from January of the year 0.

use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime};
use datafusion::arrow::array::ArrayRef;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::Expr;

use super::super::call::{Call, Function, Kind, Returns};
use super::super::time_text::Zone;
use crate::search::{Period, TimeUnit};

/// The start of the period that a time is in.
pub(crate) fn floor(time: Expr, period: Period, zone: &str) -> Expr {
    const FLOOR: Function = Function::of(
        "insights::datefloor",
        &[Kind::Time, Kind::Integer, Kind::Text, Kind::Text],
        Returns::Time,
        |call| spread(call, floored),
    );
    FLOOR.udf().call(arguments(time, period, zone))
}

/// The start of the next period, or the time itself where a period starts.
pub(crate) fn ceiling(time: Expr, period: Period, zone: &str) -> Expr {
    const CEILING: Function = Function::of(
        "insights::dateceil",
        &[Kind::Time, Kind::Integer, Kind::Text, Kind::Text],
        Returns::Time,
        |call| spread(call, ceiled),
    );
    CEILING.udf().call(arguments(time, period, zone))
}

fn arguments(time: Expr, period: Period, zone: &str) -> Vec<Expr> {
    let text = |text: &str| Expr::Literal(ScalarValue::Utf8View(Some(text.to_owned())), None);
    let count = ScalarValue::Int64(Some(i64::from(period.count)));
    vec![
        time,
        Expr::Literal(count, None),
        text(period.unit.symbol()),
        text(zone),
    ]
}

fn spread(call: &Call, spread: fn(i64, Period, Zone) -> Option<i64>) -> Result<ArrayRef> {
    let (times, _) = call.time(0)?;
    let (counts, units, zones) = (call.integer(1)?, call.text(2)?, call.text(3)?);
    let count = counts.get(0).and_then(|count| u32::try_from(count).ok());
    let unit = units.constant().and_then(TimeUnit::named);
    let zone = zones.constant().and_then(Zone::parse);
    let (Some(count), Some(unit), Some(zone)) = (count, unit, zone) else {
        return exec_err!("{}(): the period and the zone are constants", call.name);
    };
    let period = Period { count, unit };
    call.times(None, |row| {
        Ok(times.get(row).and_then(|ms| spread(ms, period, zone)))
    })
}

fn floored(ms: i64, period: Period, zone: Zone) -> Option<i64> {
    match length(period) {
        Some(length) => {
            let ahead = match period.unit {
                TimeUnit::Hour => zone.local(ms)?.and_utc().timestamp_millis() - ms,
                _ => 0,
            };
            Some(ms - ms.checked_add(ahead)?.checked_rem_euclid(length)?)
        }
        None => zone.instant(floored_local(zone.local(ms)?, period)?),
    }
}

fn ceiled(ms: i64, period: Period, zone: Zone) -> Option<i64> {
    let start = floored(ms, period, zone)?;
    if start == ms {
        return Some(ms);
    }
    match length(period) {
        Some(length) => start.checked_add(length),
        None => zone.instant(next(floored_local(zone.local(ms)?, period)?, period)?),
    }
}

/// The length in milliseconds of a period that is always as long.
fn length(period: Period) -> Option<i64> {
    period.millis().filter(|_| period.unit <= TimeUnit::Hour)
}

/// The start of the period on a calendar, of days and longer.
fn floored_local(local: NaiveDateTime, period: Period) -> Option<NaiveDateTime> {
    let count = i64::from(period.count);
    if let Some(months) = period.months() {
        let since_year_0 = i64::from(local.year()) * 12 + i64::from(local.month0());
        let months = i64::from(months);
        let start = since_year_0 - since_year_0.checked_rem_euclid(months)?;
        let year = i32::try_from(start.div_euclid(12)).ok()?;
        let month = u32::try_from(start.rem_euclid(12)).ok()? + 1;
        return NaiveDate::from_ymd_opt(year, month, 1)?.and_hms_opt(0, 0, 0);
    }
    let (days, epoch) = match period.unit {
        TimeUnit::Week => (
            count.checked_mul(7)?,
            NaiveDate::from_ymd_opt(1969, 12, 29)?,
        ),
        _ => (count, NaiveDate::from_ymd_opt(1970, 1, 1)?),
    };
    let since = (local.date() - epoch).num_days();
    let back = u64::try_from(since.checked_rem_euclid(days)?).ok()?;
    let start = local.date().checked_sub_days(Days::new(back))?;
    start.and_hms_opt(0, 0, 0)
}

fn next(start: NaiveDateTime, period: Period) -> Option<NaiveDateTime> {
    if let Some(months) = period.months() {
        return start.checked_add_months(Months::new(months));
    }
    let count = u64::from(period.count);
    let days = match period.unit {
        TimeUnit::Week => count.checked_mul(7)?,
        _ => count,
    };
    start.checked_add_days(Days::new(days))
}

#[cfg(test)]
mod tests {
    use super::super::convert::{iso_text, read_time};
    use super::*;

    fn shown(
        spread: fn(i64, Period, Zone) -> Option<i64>,
        time: &str,
        count: u32,
        unit: TimeUnit,
        zone: &str,
    ) -> String {
        let zone = Zone::parse(zone).expect("a zone");
        let ms = read_time(time).expect("a time");
        let ms = spread(ms, Period { count, unit }, zone).expect("in range");
        iso_text(ms)
            .expect("in range")
            .trim_end_matches(":00.000Z")
            .to_owned()
    }

    #[test]
    fn starts_of_periods() {
        use TimeUnit::*;
        let time = "2024-02-29T13:47:12.345Z";
        for (count, unit, zone, expected) in [
            (5, Minute, "UTC", "2024-02-29T13:45"),
            (300, Second, "UTC", "2024-02-29T13:45"),
            (1, Hour, "UTC", "2024-02-29T13:00"),
            (6, Hour, "UTC", "2024-02-29T12:00"),
            (1, Hour, "Asia/Kolkata", "2024-02-29T13:30"),
            (1, Hour, "Europe/Berlin", "2024-02-29T13:00"),
            (1, Day, "UTC", "2024-02-29T00:00"),
            (1, Day, "America/New_York", "2024-02-29T05:00"),
            (1, Week, "UTC", "2024-02-26T00:00"),
            (1, Month, "UTC", "2024-02-01T00:00"),
            (1, Quarter, "UTC", "2024-01-01T00:00"),
            (1, Year, "Europe/Berlin", "2023-12-31T23:00"),
        ] {
            let start = shown(floored, time, count, unit, zone);
            assert_eq!(start, expected, "{count} {unit:?} {zone}");
        }
        assert_eq!(
            shown(floored, "1969-12-31T23:59:00Z", 1, Hour, "UTC"),
            "1969-12-31T23:00"
        );
    }

    #[test]
    fn ends_of_periods() {
        use TimeUnit::*;
        let time = "2024-02-29T13:47:00Z";
        for (time, count, unit, expected) in [
            (time, 10, Minute, "2024-02-29T13:50"),
            ("2024-02-29T13:50:00Z", 10, Minute, "2024-02-29T13:50"),
            (time, 1, Day, "2024-03-01T00:00"),
            (time, 1, Month, "2024-03-01T00:00"),
            (time, 1, Week, "2024-03-04T00:00"),
        ] {
            assert_eq!(shown(ceiled, time, count, unit, "UTC"), expected);
        }
    }

    #[test]
    fn a_period_of_nothing_gives_nothing() {
        let nothing = Period {
            count: 0,
            unit: TimeUnit::Minute,
        };
        assert_eq!(floored(5, nothing, Zone::Utc), None);
    }
}
