//! Times as people write them in SQL, and zones by name or offset.
//!
//! Lake compares `eventTime` with text in every form that its documentation shows:
//! `2023-01-22 00:00:00`, `…00.000`, `2022-05-18T21:51:39Z`, `2020-01-01`. A time
//! without a zone is UTC.

use std::sync::Arc;

use chrono::{
    DateTime, FixedOffset, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Utc,
};
use chrono_tz::Tz;

/// A time zone: a name of the IANA database, or a fixed offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    Utc,
    Named(Tz),
    Fixed(FixedOffset),
}

impl Zone {
    /// Reads `UTC`, `Z`, `America/New_York`, `+05:30`, `-0800` or `+05`.
    pub fn parse(text: &str) -> Option<Zone> {
        if matches!(text, "Z" | "z") || ["utc", "gmt"].contains(&text.to_ascii_lowercase().as_str())
        {
            return Some(Zone::Utc);
        }
        if let Some(offset) = parse_offset(text) {
            return Some(Zone::Fixed(offset));
        }
        text.parse().ok().map(Zone::Named)
    }

    /// The zone of a column's type; none is UTC.
    pub fn of_type(name: Option<&Arc<str>>) -> Zone {
        name.and_then(|n| Zone::parse(n)).unwrap_or(Zone::Utc)
    }

    /// What clocks in the zone show at an instant.
    pub fn local(self, ms: i64) -> Option<NaiveDateTime> {
        let instant = DateTime::<Utc>::from_timestamp_millis(ms)?;
        Some(match self {
            Zone::Utc => instant.naive_utc(),
            Zone::Named(zone) => instant.with_timezone(&zone).naive_local(),
            Zone::Fixed(offset) => instant.with_timezone(&offset).naive_local(),
        })
    }

    /// The instant at which clocks in the zone show a time, in milliseconds; the first
    /// of two where clocks are set back, the moment after the gap where they are set
    /// forward.
    pub fn instant(self, local: NaiveDateTime) -> Option<i64> {
        let Zone::Named(zone) = self else {
            let offset = i64::from(self.offset_seconds(local)?);
            return local
                .and_utc()
                .timestamp_millis()
                .checked_sub(offset * 1000);
        };
        match zone.from_local_datetime(&local) {
            LocalResult::Single(time) | LocalResult::Ambiguous(time, _) => {
                Some(time.timestamp_millis())
            }
            LocalResult::None => {
                let after = local.checked_add_signed(chrono::TimeDelta::hours(1))?;
                Some(
                    zone.from_local_datetime(&after)
                        .earliest()?
                        .timestamp_millis(),
                )
            }
        }
    }

    /// Seconds east of UTC at a local time.
    pub fn offset_seconds(self, local: NaiveDateTime) -> Option<i32> {
        Some(match self {
            Zone::Utc => 0,
            Zone::Fixed(offset) => offset.local_minus_utc(),
            Zone::Named(zone) => zone
                .from_local_datetime(&local)
                .earliest()?
                .offset()
                .fix()
                .local_minus_utc(),
        })
    }

    pub fn name(self) -> String {
        match self {
            Zone::Utc => "UTC".to_owned(),
            Zone::Named(zone) => zone.name().to_owned(),
            Zone::Fixed(offset) => offset.to_string(),
        }
    }
}

/// `+05:30`, `-0800`, `+05`.
fn parse_offset(text: &str) -> Option<FixedOffset> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'+' => (1, text.get(1..)?),
        b'-' => (-1, text.get(1..)?),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 4 => (digits.get(..2)?, digits.get(2..)?),
        None => (digits, "0"),
    };
    let hours = number(hours, 2)?;
    let minutes = number(minutes, 2)?;
    if hours > 14 || minutes > 59 {
        return None;
    }
    let seconds = i32::try_from(hours * 3600 + minutes * 60).ok()?;
    FixedOffset::east_opt(sign * seconds)
}

fn number(digits: &str, most: usize) -> Option<u32> {
    let plain = !digits.is_empty() && digits.len() <= most;
    (plain && digits.bytes().all(|b| b.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

/// A time as written: what the clock shows, and where, if it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Written {
    pub local: NaiveDateTime,
    pub zone: Option<Zone>,
}

impl Written {
    /// The instant in milliseconds since 1970 UTC; parts of a millisecond are cut.
    pub fn instant_ms(self) -> Option<i64> {
        self.zone.unwrap_or(Zone::Utc).instant(self.local)
    }

    /// Whether the time has parts of a millisecond.
    pub fn finer_than_ms(self) -> bool {
        use chrono::Timelike;
        !self.local.nanosecond().is_multiple_of(1_000_000)
    }
}

/// Reads a date, or a date and a time parted by a blank or `T`, and a zone.
pub(crate) fn parse(text: &str) -> Option<Written> {
    let text = text.trim();
    let end_of_date = text.find([' ', 'T', 't']).unwrap_or(text.len());
    let (date, rest) = text.split_at(end_of_date);
    let date = parse_date(date)?;
    let rest = rest.trim_start_matches(['T', 't']).trim_start();
    if rest.is_empty() {
        return Some(Written {
            local: date.and_time(NaiveTime::MIN),
            zone: None,
        });
    }
    let end_of_time = rest
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, ':' | '.' | ',')))
        .unwrap_or(rest.len());
    let (time, zone) = rest.split_at(end_of_time);
    let zone = zone.trim();
    let zone = if zone.is_empty() {
        None
    } else {
        Some(Zone::parse(zone)?)
    };
    if time.is_empty() {
        return Some(Written {
            local: date.and_time(NaiveTime::MIN),
            zone,
        });
    }
    Some(Written {
        local: date.and_time(parse_clock(time)?),
        zone,
    })
}

/// `2023-01-22`, `2023-1-2`, `2023-01`, `2023`.
pub(crate) fn parse_date(text: &str) -> Option<NaiveDate> {
    let mut parts = text.split('-');
    let year = number(parts.next()?, 4)?;
    let month = parts.next().map_or(Some(1), |m| number(m, 2))?;
    let day = parts.next().map_or(Some(1), |d| number(d, 2))?;
    if parts.next().is_some() {
        return None;
    }
    NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)
}

/// `HH[:MM[:SS[.fraction]]]`, the fraction of up to nine digits.
fn parse_clock(text: &str) -> Option<NaiveTime> {
    let (clock, fraction) = match text.split_once(['.', ',']) {
        Some((clock, fraction)) => (clock, fraction),
        None => (text, "0"),
    };
    let mut parts = clock.split(':');
    let hour = number(parts.next()?, 2)?;
    let minute = parts.next().map_or(Some(0), |m| number(m, 2))?;
    let second = parts.next().map_or(Some(0), |s| number(s, 2))?;
    if parts.next().is_some() {
        return None;
    }
    let digits = fraction.len();
    let nanosecond = number(fraction, 9)? * 10_u32.pow(u32::try_from(9 - digits.min(9)).ok()?);
    NaiveTime::from_hms_nano_opt(hour, minute, second, nanosecond)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> Option<i64> {
        parse(text).and_then(Written::instant_ms)
    }

    #[test]
    fn every_spelling_of_one_time() {
        let wanted = ms("2023-01-22 16:53:53.000");
        assert_eq!(wanted, Some(1_674_406_433_000));
        for text in [
            "2023-01-22 16:53:53",
            "2023-01-22T16:53:53Z",
            "2023-01-22 16:53:53 UTC",
            "2023-1-22 16:53:53",
            "2023-01-22T17:53:53+01:00",
            "2023-01-22 17:53:53.000 Europe/Berlin",
            " 2023-01-22T16:53:53,0 ",
        ] {
            assert_eq!(ms(text), wanted, "{text}");
        }
        assert_eq!(ms("2020-01-01"), Some(1_577_836_800_000));
        assert_eq!(ms("2020-01-01 10:30"), Some(1_577_874_600_000));
        assert!(parse("2020-01-01 00:00:00.0001").is_some_and(Written::finer_than_ms));
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "yesterday",
            "${date_filter}",
            "2023-13-01",
            "2023-02-30",
            "2023-01-01 25:00",
            "2023-01-01T%",
            "2023-01-01 00:00:00 Nowhere/Land",
            "2023-01-01-01",
            "2023-01-01 00:00:00.1234567890",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn clocks_that_are_set_forward_and_back() {
        let zone = Zone::parse("Europe/Berlin").expect("known");
        let local = |text: &str| parse(text).expect("a time").local;
        // 02:30 does not exist on that day; 02:30 exists twice on the other.
        assert_eq!(
            zone.instant(local("2023-03-26 02:30")),
            ms("2023-03-26T01:30Z")
        );
        assert_eq!(
            zone.instant(local("2023-10-29 02:30")),
            ms("2023-10-29T00:30Z")
        );
        assert_eq!(zone.local(0), Some(local("1970-01-01 01:00")));
    }
}
