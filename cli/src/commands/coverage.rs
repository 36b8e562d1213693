//! `tarn coverage`: whose events are there, from when to when, and what is missing.
//!
//! An auditor's first question. A day without events between days with events
//! is a gap; whether that is a quiet account or a trail that was off is for the
//! reader to say.

use std::collections::BTreeMap;
use std::io;

use chrono::{Days, NaiveDate};
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

/// Account and region; either is empty where an event has none.
type Place = (String, String);
type Calendar = BTreeMap<NaiveDate, Day>;

/// The delivery time is in the name of a file that CloudTrail wrote.
const QUERY: &str = "SELECT \"@account\" AS account, awsRegion AS region, date_trunc('day', eventTime) AS day, \
    count(*) AS events, min(eventTime) AS first, max(eventTime) AS last, \
    max(date_diff('second', eventTime, \
        try_date_parse(regexp_extract(\"@source\", '_(\\d{8}T\\d{4})Z_', 1), '%Y%m%dT%H%i'))) AS delay \
    FROM events GROUP BY 1, 2, 3";

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
        places.entry(place).or_default().insert(date, day);
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
        first: text("first"),
        last: text("last"),
        delay_s: row.get("delay").and_then(Value::as_i64),
        rejects: 0,
    };
    Some(((text("account"), text("region")), date, day))
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
    for reject in imports::rejects_of_store(context, &args.store)? {
        let path = LogPath::read(&reject.path);
        let account = path.account.unwrap_or_default();
        let Some(date) = path.date else { continue };
        let start_ms = date
            .and_time(chrono::NaiveTime::MIN)
            .and_utc()
            .timestamp_millis();
        let is_wanted = args.account.is_empty() || args.account.contains(&account);
        if !is_wanted
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
    fn a_day_of_rejects_alone_is_part_of_a_gap() {
        let calendar = calendar(&[("2024-03-01", 1), ("2024-03-02", 0), ("2024-03-03", 1)]);
        assert_eq!(gaps(&calendar).len(), 1);
    }
}
