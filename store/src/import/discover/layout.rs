//! What a path tells of the events in it: account, region, time of delivery.
//!
//! CloudTrail writes to S3 as
//! `[prefix/]AWSLogs/[o-id/]<account>/CloudTrail[-Insight…]/<region>/YYYY/MM/DD/`
//! `<account>_CloudTrail_<region>_YYYYMMDDTHHmmZ_<unique>.json.gz`, and copies
//! keep that, or lose the folders, or the part before the account. All of it is
//! a hint: content decides what a file is and whose events it holds.
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html>

use std::ffi::OsStr;
use std::path::Path;

use chrono::{Days, Months, NaiveDate};

/// A stretch of time in milliseconds since 1970 UTC, its end excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from_ms: i64,
    pub(super) until_ms: i64,
}

/// What a folder's path tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
    /// The year, month or day of delivery, as far as the path goes.
    pub(super) delivered: Option<Span>,
    /// The path is CloudTrail's, so that `delivered` says when its files were.
    pub(super) is_trail: bool,
}

impl Layout {
    pub(super) fn of_folder(path: &Path) -> Self {
        let parts: Vec<&str> = path
            .components()
            .map(|c| c.as_os_str().to_str().unwrap_or_default())
            .collect();
        let Some(trail) = parts.iter().rposition(|p| is_trail_folder(p)) else {
            let tail = parts.get(parts.len().saturating_sub(3)..);
            return Self {
                delivered: tail.and_then(day_of),
                ..Self::default()
            };
        };
        let before = |n: usize| trail.checked_sub(n).and_then(|i| parts.get(i)).copied();
        let in_organization =
            before(3) == Some("AWSLogs") && before(2).is_some_and(|p| p.starts_with("o-"));
        let account = before(1).filter(|account| {
            is_account(account) || before(2) == Some("AWSLogs") || in_organization
        });
        let after = parts.get(trail + 1..).unwrap_or_default();
        let region = after.first().copied().filter(|r| is_region(r));
        let dates = after
            .get(usize::from(region.is_some())..)
            .unwrap_or_default();
        Self {
            account: account.map(str::to_owned),
            region: region.map(str::to_owned),
            delivered: delivery_span(dates),
            is_trail: true,
        }
    }
}

/// What a file's name tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Name<'n> {
    pub(super) account: Option<&'n str>,
    pub(super) region: Option<&'n str>,
    /// Milliseconds since 1970 UTC, of a whole minute or second.
    pub(super) delivered_ms: Option<i64>,
    /// The name is CloudTrail's.
    pub(super) is_trail: bool,
}

impl<'n> Name<'n> {
    pub(super) fn of(name: &'n OsStr) -> Self {
        let Some(name) = name.to_str() else {
            return Self::default();
        };
        let stem = name.split('.').next().unwrap_or_default();
        let mut parts = stem.split('_');
        let (first, second, third) = (parts.next(), parts.next(), parts.next());
        let is_trail = second.is_some_and(is_trail_folder);
        Self {
            account: first.filter(|a| is_trail && is_account(a)),
            region: third.filter(|r| is_trail && is_region(r)),
            delivered_ms: stem.split('_').find_map(compact_time),
            is_trail,
        }
    }
}

/// `CloudTrail` and its siblings with events or digests. What is below
/// `CloudTrail-Lake` are query results, whose dates and account are the query's
/// and not the events'.
fn is_trail_folder(part: &str) -> bool {
    match part.strip_prefix("CloudTrail") {
        Some(rest) => rest.is_empty() || (rest.starts_with('-') && rest != "-Lake"),
        None => false,
    }
}

fn is_account(part: &str) -> bool {
    part.len() == 12 && part.bytes().all(|b| b.is_ascii_digit())
}

fn is_region(part: &str) -> bool {
    part.contains('-') && part.starts_with(|c: char| c.is_ascii_lowercase())
}

/// The number that a part of `len` digits is.
fn number(part: &str, len: usize) -> Option<u32> {
    (part.len() == len && part.bytes().all(|b| b.is_ascii_digit()))
        .then(|| part.parse().ok())
        .flatten()
}

/// The span of `YYYY`, `YYYY/MM` or `YYYY/MM/DD`; what follows is not read.
fn delivery_span(parts: &[&str]) -> Option<Span> {
    let year = number(parts.first()?, 4)?;
    let month = parts.get(1).map(|m| number(m, 2));
    let day = parts.get(2).map(|d| number(d, 2));
    let first = |month, day| NaiveDate::from_ymd_opt(year as i32, month, day);
    let (from, until) = match (month, day) {
        (Some(Some(month)), Some(Some(day))) => {
            let from = first(month, day)?;
            (from, from.checked_add_days(Days::new(1))?)
        }
        (Some(Some(month)), _) => {
            let from = first(month, 1)?;
            (from, from.checked_add_months(Months::new(1))?)
        }
        _ => {
            let from = first(1, 1)?;
            (from, from.checked_add_months(Months::new(12))?)
        }
    };
    Some(Span {
        from_ms: start_ms(from),
        until_ms: start_ms(until),
    })
}

/// The span of exactly `YYYY/MM/DD`.
fn day_of(parts: &[&str]) -> Option<Span> {
    let [year, month, day] = parts else {
        return None;
    };
    number(month, 2)?;
    number(day, 2)?;
    delivery_span(&[year, month, day])
}

fn start_ms(day: NaiveDate) -> i64 {
    day.and_hms_opt(0, 0, 0)
        .map_or(0, |time| time.and_utc().timestamp_millis())
}

/// `YYYYMMDDTHHmmZ` or `YYYYMMDDTHHmmSSZ`.
fn compact_time(part: &str) -> Option<i64> {
    let digits = part.strip_suffix('Z')?;
    let (date, time) = digits.split_once('T')?;
    if date.len() != 8 || !matches!(time.len(), 4 | 6) {
        return None;
    }
    let part = |text: &str, from: usize, len: usize| number(text.get(from..from + len)?, len);
    let day = NaiveDate::from_ymd_opt(
        part(date, 0, 4)? as i32,
        part(date, 4, 2)?,
        part(date, 6, 2)?,
    )?;
    let second = if time.len() == 6 {
        part(time, 4, 2)?
    } else {
        0
    };
    let time = day.and_hms_opt(part(time, 0, 2)?, part(time, 2, 2)?, second)?;
    Some(time.and_utc().timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 86_400_000;
    /// 2024-02-29T00:00:00Z.
    const LEAP_DAY_MS: i64 = 1_709_164_800_000;

    fn folder(path: &str) -> (Option<String>, Option<String>, Option<(i64, i64)>) {
        let layout = Layout::of_folder(Path::new(path));
        let span = layout.delivered.map(|s| {
            (
                (s.from_ms - LEAP_DAY_MS) / DAY_MS,
                (s.until_ms - s.from_ms) / DAY_MS,
            )
        });
        (layout.account, layout.region, span)
    }

    #[test]
    fn folders_of_every_form() {
        let account = Some("111122223333".to_owned());
        let region = Some("eu-west-1".to_owned());
        let both = |days| (account.clone(), region.clone(), days);
        let day = Some((0, 1));
        for path in [
            "/b/pre/fix/AWSLogs/111122223333/CloudTrail/eu-west-1/2024/02/29",
            "AWSLogs/o-abc123/111122223333/CloudTrail-Insight/eu-west-1/2024/02/29",
            "111122223333/CloudTrail-NetworkActivity/eu-west-1/2024/02/29/more",
        ] {
            assert_eq!(folder(path), both(day), "{path}");
        }
        let base = "x/AWSLogs/111122223333/CloudTrail/eu-west-1";
        assert_eq!(folder(base), both(None));
        assert_eq!(folder(&format!("{base}/2024")), both(Some((-59, 366))));
        assert_eq!(folder(&format!("{base}/2024/02")), both(Some((-28, 29))));
        assert_eq!(folder(&format!("{base}/2024/02/30")), both(None));
        let odd = folder("AWSLogs/YOUR_ACCOUNT_ID/CloudTrail/eu-west-1");
        assert_eq!(odd.0.as_deref(), Some("YOUR_ACCOUNT_ID"));
        assert_eq!(folder("backup/CloudTrail/eu-west-1").0, None);
        assert_eq!(folder("logs/2024/02/29"), (None, None, day));
        assert!(!Layout::of_folder(Path::new("logs/2024/02/29")).is_trail);
        let lake = "AWSLogs/111122223333/CloudTrail-Lake/Query/2024/02/29";
        assert_eq!(folder(lake), (None, None, day));
        assert_eq!(folder(""), (None, None, None));
    }

    #[test]
    fn names_of_every_form() {
        let name = |text| Name::of(OsStr::new(text));
        let log = name("111122223333_CloudTrail_eu-west-1_20240229T0105Z_AbCd.json.gz");
        assert_eq!(log.account, Some("111122223333"));
        assert_eq!(log.region, Some("eu-west-1"));
        assert_eq!(log.delivered_ms, Some(LEAP_DAY_MS + 65 * 60_000));
        assert!(log.is_trail);
        let digest = name(
            "111122223333_CloudTrail-Digest_eu-west-1_my_trail_eu-west-1_20240229T000001Z_backfill.json.gz",
        );
        assert_eq!(digest.delivered_ms, Some(LEAP_DAY_MS + 1000));
        for odd in [
            "20240230T0105Z",
            "2024-02-29",
            "é_CloudTrail",
            "",
            "result_1.csv.gz",
        ] {
            assert_eq!(name(odd).delivered_ms, None, "{odd}");
        }
        assert_eq!(
            name("x_20240229T0000Z.json").delivered_ms,
            Some(LEAP_DAY_MS)
        );
        assert!(!name("x_20240229T0000Z.json").is_trail);
    }
}
