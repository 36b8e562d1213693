//! `tarn coverage`: whose events are there, from when to when, and what is missing.
//!
//! An auditor's first question. A day without events between days with events
//! is a gap; whether that is a quiet account or a trail that was off is for the
//! reader to say.

use std::collections::BTreeMap;
use std::io;

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime};
use serde_json::{Value, json};
use tarn_query::Language;

use crate::args::{CoverageArgs, RunArgs};
use crate::ask::{Asker, Question, Row};
use crate::commands::imports;
use crate::context::Context;
use crate::exit::Exit;
use crate::listing::Listing;
use crate::log_path::LogPath;
use crate::sizes;

/// One day of one account in one region.
#[derive(Debug, Clone, Default, PartialEq)]
struct Day {
    events: u64,
    /// ISO 8601, so that the order of the texts is the order of the times.
    first: String,
    last: String,
    /// Seconds from an event to the delivery of its file, the longest.
    delay_s: Option<i64>,
    rejects: u64,
}

impl Day {
    /// Takes the events of another delivery of the day.
    fn add(&mut self, other: Self) {
        if self.events == 0 || other.first < self.first {
            self.first = other.first;
        }
        self.last = std::mem::take(&mut self.last).max(other.last);
        self.delay_s = self.delay_s.max(other.delay_s);
        self.events += other.events;
        self.rejects += other.rejects;
    }
}

/// Account and region; either is empty where an event has none.
type Place = (String, String);
type Calendar = BTreeMap<NaiveDate, Day>;

/// Events of one place, day and delivery. The longest delay among them is that
/// of the first event, so no delay is computed event by event.
///
/// The time of the delivery is in the name of a file that CloudTrail wrote.
const QUERY: &str = "SELECT \"@account\" AS account, awsRegion AS region, date_trunc('day', eventTime) AS day, \
    regexp_extract(\"@source\", '_(\\d{8}T\\d{4})Z_', 1) AS delivered, \
    count(*) AS events, min(eventTime) AS first, max(eventTime) AS last \
    FROM events GROUP BY 1, 2, 3, 4";

pub fn run(context: &Context, args: &CoverageArgs) -> anyhow::Result<Exit> {
    let asker = Asker::open(context)?;
    let run = RunArgs {
        store: args.store.clone(),
        since: args.since.clone(),
        until: args.until.clone(),
        account: args.account.clone(),
        ..RunArgs::default()
    };
    let question = Question {
        text: QUERY,
        language: Language::Sql,
        parameters: &[],
        run: &run,
    };
    let mut places: BTreeMap<Place, Calendar> = BTreeMap::new();
    for row in asker.rows(&question, &context.interrupts.cancel())? {
        let Some((place, date, day)) = read(&row) else {
            continue;
        };
        let days = places.entry(place).or_default();
        days.entry(date).or_default().add(day);
    }
    add_rejects(context, args, &mut places)?;
    let listing = match args.days {
        true => by_day(&places),
        false => by_place(&places),
    };
    listing.write(
        &mut io::stdout().lock(),
        args.listing.output,
        &context.terminal,
    )?;
    Ok(Exit::Done)
}

fn read(row: &Row) -> Option<(Place, NaiveDate, Day)> {
    let text = |name: &str| {
        row.get(name)
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned()
    };
    let date = text("day").get(..10)?.parse().ok()?;
    let day = Day {
        events: row.get("events")?.as_u64()?,
        delay_s: delay_s(&text("first"), &text("delivered")),
        first: text("first"),
        last: text("last"),
        rejects: 0,
    };
    Some(((text("account"), text("region")), date, day))
}

/// Seconds from an event to the delivery of its file, where both are times.
fn delay_s(event: &str, delivered: &str) -> Option<i64> {
    let event = DateTime::parse_from_rfc3339(event).ok()?;
    let delivered = NaiveDateTime::parse_from_str(delivered, "%Y%m%dT%H%M").ok()?;
    Some((delivered.and_utc().timestamp_millis() - event.timestamp_millis()) / 1000)
}

/// Counts rejects under the place and day that the path of their file names.
fn add_rejects(
    context: &Context,
    args: &CoverageArgs,
    places: &mut BTreeMap<Place, Calendar>,
) -> anyhow::Result<()> {
    let range = context.time_range(
        args.since.as_deref(),
        args.until.as_deref(),
        context.zone(None)?,
    )?;
    let scope = context.scope(context.snapshot()?.as_ref(), &args.account)?;
    for reject in imports::rejects_of_store(context, &args.store)? {
        let path = LogPath::read(&reject.path);
        let account = path.account.unwrap_or_default();
        let Some(date) = path.date else { continue };
        let start_ms = date
            .and_time(chrono::NaiveTime::MIN)
            .and_utc()
            .timestamp_millis();
        if !scope.holds(&account)
            || start_ms >= range.end_ms
            || start_ms.saturating_add(86_400_000) <= range.start_ms
        {
            continue;
        }
        let place = (account, path.region.unwrap_or_default());
        places
            .entry(place)
            .or_default()
            .entry(date)
            .or_default()
            .rejects += 1;
    }
    Ok(())
}

fn by_place(places: &BTreeMap<Place, Calendar>) -> Listing {
    let mut listing = Listing::new(&[
        "account",
        "region",
        "events",
        "first",
        "last",
        "days",
        "daysMissing",
        "gaps",
        "delayMax",
        "rejects",
    ]);
    for ((account, region), calendar) in places {
        let days = calendar.values();
        let with_events = days.clone().filter(|day| day.events > 0).count();
        let gaps = gaps(calendar);
        let missing: u64 = gaps.iter().map(|(from, to)| days_between(*from, *to)).sum();
        listing.push(vec![
            text_or_null(account),
            text_or_null(region),
            json!(days.clone().map(|day| day.events).sum::<u64>()),
            json!(
                days.clone()
                    .map(|day| &day.first)
                    .filter(|first| !first.is_empty())
                    .min()
            ),
            json!(
                days.clone()
                    .map(|day| &day.last)
                    .filter(|last| !last.is_empty())
                    .max()
            ),
            json!(with_events),
            json!(missing),
            json!(
                gaps.iter()
                    .map(|(from, to)| range_text(*from, *to))
                    .collect::<Vec<_>>()
            ),
            json!(
                days.clone()
                    .filter_map(|day| day.delay_s)
                    .max()
                    .map(delay_text)
            ),
            json!(days.map(|day| day.rejects).sum::<u64>()),
        ]);
    }
    listing
}

fn by_day(places: &BTreeMap<Place, Calendar>) -> Listing {
    let mut listing = Listing::new(&[
        "account", "region", "day", "events", "first", "last", "delayMax", "rejects",
    ]);
    let mut push = |place: &Place, date: NaiveDate, day: &Day| {
        listing.push(vec![
            text_or_null(&place.0),
            text_or_null(&place.1),
            json!(date.to_string()),
            json!(day.events),
            text_or_null(&day.first),
            text_or_null(&day.last),
            json!(day.delay_s.map(delay_text)),
            json!(day.rejects),
        ]);
    };
    for (place, calendar) in places {
        let mut missing = gaps(calendar).into_iter().peekable();
        for (date, day) in calendar {
            while let Some((from, to)) = missing.next_if(|(from, _)| from < date) {
                let dates = from.iter_days().take_while(|gap| *gap <= to);
                dates
                    .filter(|gap| !calendar.contains_key(gap))
                    .for_each(|gap| push(place, gap, &Day::default()));
            }
            push(place, *date, day);
        }
    }
    listing
}

/// Runs of days without events between the first and the last day with events,
/// both ends inclusive.
fn gaps(calendar: &Calendar) -> Vec<(NaiveDate, NaiveDate)> {
    let with_events: Vec<NaiveDate> = calendar
        .iter()
        .filter(|(_, day)| day.events > 0)
        .map(|(date, _)| *date)
        .collect();
    let mut gaps = Vec::new();
    for pair in with_events.windows(2) {
        let [before, after] = pair else { continue };
        let (from, to) = (
            before.checked_add_days(Days::new(1)),
            after.checked_sub_days(Days::new(1)),
        );
        if let (Some(from), Some(to)) = (from, to)
            && from <= to
        {
            gaps.push((from, to));
        }
    }
    gaps
}

fn days_between(from: NaiveDate, to: NaiveDate) -> u64 {
    u64::try_from((to - from).num_days() + 1).unwrap_or(0)
}

fn range_text(from: NaiveDate, to: NaiveDate) -> String {
    match from == to {
        true => from.to_string(),
        false => format!("{from}/{to}"),
    }
}

fn delay_text(seconds: i64) -> String {
    let length = std::time::Duration::from_secs(seconds.unsigned_abs());
    let sign = if seconds < 0 { "-" } else { "" };
    format!("{sign}{}", sizes::duration(length))
}

fn text_or_null(text: &str) -> Value {
    match text.is_empty() {
        true => Value::Null,
        false => json!(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calendar(days: &[(&str, u64)]) -> Calendar {
        let day = |events| Day {
            events,
            ..Day::default()
        };
        days.iter()
            .map(|(date, events)| (date.parse().unwrap(), day(*events)))
            .collect()
    }

    #[test]
    fn gaps_are_days_without_events_between_days_with() {
        let calendar = calendar(&[
            ("2024-02-27", 0),
            ("2024-02-28", 5),
            ("2024-03-02", 1),
            ("2024-03-03", 1),
            ("2024-03-05", 2),
        ]);
        let texts: Vec<String> = gaps(&calendar)
            .into_iter()
            .map(|(from, to)| range_text(from, to))
            .collect();
        assert_eq!(texts, ["2024-02-29/2024-03-01", "2024-03-04"]);
    }

    #[test]
    fn deliveries_of_a_day_are_one_day() {
        let delivery = |first: &str, last: &str, delivered| Day {
            events: 2,
            first: first.to_owned(),
            last: last.to_owned(),
            delay_s: delay_s(first, delivered),
            rejects: 0,
        };
        let mut day = Day::default();
        day.add(delivery(
            "2024-03-01T10:00:00.500Z",
            "2024-03-01T10:03:00.000Z",
            "20240301T1005",
        ));
        day.add(delivery(
            "2024-03-01T09:00:00.000Z",
            "2024-03-01T09:01:00.000Z",
            "20240301T0907",
        ));
        day.add(delivery(
            "2024-03-01T23:59:00.000Z",
            "2024-03-01T23:59:00.000Z",
            "",
        ));
        assert_eq!((day.events, day.delay_s), (6, Some(420)));
        assert_eq!(day.first, "2024-03-01T09:00:00.000Z");
        assert_eq!(day.last, "2024-03-01T23:59:00.000Z");
        assert_eq!(
            delay_s("2024-03-01T10:00:00.500Z", "20240301T1005"),
            Some(299)
        );
    }

    #[test]
    fn a_day_of_rejects_alone_is_part_of_a_gap() {
        let calendar = calendar(&[("2024-03-01", 1), ("2024-03-02", 0), ("2024-03-03", 1)]);
        assert_eq!(gaps(&calendar).len(), 1);
    }
}
