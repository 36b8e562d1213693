//! Whose events are there, from when to when, and what is missing.
//!
//! An auditor's first question. A day without events between days with events
//! is a gap; whether that is a quiet account or a trail that was off is for the
//! reader to say.

mod calendar;
mod log_path;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{NaiveDate, NaiveTime};
use serde_json::{Map, Value};
use tarn_store::{AccountScope, Snapshot, TimeRange};

use self::calendar::{Calendar, Day, days_between, delay_s, gaps, range_text};
use self::log_path::LogPath;
use crate::engine::{Engine, Priority};
use crate::error::{Code, QueryError};
use crate::language::Language;
use crate::request::QueryRequest;

/// What is there of an account in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceCoverage {
    /// None where an event has none.
    pub account: Option<String>,
    pub region: Option<String>,
    pub events: u64,
    /// Of its events, ISO 8601.
    pub first: Option<String>,
    pub last: Option<String>,
    /// Days with events.
    pub days: u64,
    /// Days without, between the first and the last with events.
    pub days_missing: u64,
    /// Those days, as `2024-03-04` or `2024-02-29/2024-03-01`, both ends inclusive.
    pub gaps: Vec<String>,
    /// Seconds from an event to the delivery of its file, the longest.
    pub delay_s: Option<i64>,
    pub rejects: u64,
}

/// What is there of a day of an account in a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayCoverage {
    pub account: Option<String>,
    pub region: Option<String>,
    pub day: NaiveDate,
    pub events: u64,
    pub first: Option<String>,
    pub last: Option<String>,
    /// Seconds from an event to the delivery of its file, the longest.
    pub delay_s: Option<i64>,
    pub rejects: u64,
}

/// What is there, by account and region.
pub struct Coverage(BTreeMap<Place, Calendar>);

/// Account and region; either is empty where an event has none.
type Place = (String, String);

const DAY_MS: i64 = 86_400_000;

/// Events of one place, day and delivery. The longest delay among them is that
/// of the first event, so no delay is computed event by event.
///
/// The time of the delivery is in the name of a file that CloudTrail wrote.
const QUERY: &str = "SELECT \"@account\" AS account, awsRegion AS region, date_trunc('day', eventTime) AS day, \
    regexp_extract(\"@source\", '_(\\d{8}T\\d{4})Z_', 1) AS delivered, \
    count(*) AS events, min(eventTime) AS first, max(eventTime) AS last \
    FROM events GROUP BY 1, 2, 3, 4";

/// The query whose answer [`Coverage::of`] takes.
pub fn request(store: &str, time: TimeRange, scope: AccountScope, now_ms: i64) -> QueryRequest {
    QueryRequest {
        language: Language::Sql,
        store: store.to_owned(),
        time,
        scope,
        ..QueryRequest::new(QUERY, now_ms)
    }
}

impl Coverage {
    /// Of the store, the time and the accounts of the request, which is of [`request`].
    pub async fn of(
        engine: &Engine,
        snapshot: &Arc<Snapshot>,
        request: &QueryRequest,
        priority: Priority,
    ) -> Result<Self, QueryError> {
        let stream = engine.query_among_others(Arc::clone(snapshot), request, priority);
        let mut places: BTreeMap<Place, Calendar> = BTreeMap::new();
        for row in stream.await?.rows().await? {
            let Some((place, date, day)) = read(&row) else {
                continue;
            };
            let days = places.entry(place).or_default();
            days.entry(date).or_default().add(day);
        }
        // Reads from the disk.
        let (snapshot, request) = (Arc::clone(snapshot), request.clone());
        let added = tokio::task::spawn_blocking(move || {
            add_rejects(&snapshot, &request, &mut places)?;
            Ok(Self(places))
        });
        added.await.map_err(|panicked| {
            QueryError::new(Code::Internal, "reading the rejects failed").caused_by(panicked)
        })?
    }

    pub fn by_place(&self) -> Vec<PlaceCoverage> {
        let places = self.0.iter();
        let by_place = places.map(|((account, region), calendar)| {
            let days = calendar.values();
            let texts = |text: fn(&Day) -> &String| {
                let texts = calendar.values().map(text);
                texts.filter(|text| !text.is_empty())
            };
            let gaps = gaps(calendar);
            PlaceCoverage {
                account: known(account),
                region: known(region),
                events: days.clone().map(|day| day.events).sum(),
                first: texts(|day| &day.first).min().cloned(),
                last: texts(|day| &day.last).max().cloned(),
                days: days.clone().filter(|day| day.events > 0).count() as u64,
                days_missing: gaps.iter().map(|(from, to)| days_between(*from, *to)).sum(),
                gaps: gaps
                    .iter()
                    .map(|(from, to)| range_text(*from, *to))
                    .collect(),
                delay_s: days.clone().filter_map(|day| day.delay_s).max(),
                rejects: days.map(|day| day.rejects).sum(),
            }
        });
        by_place.collect()
    }

    /// Days without events, between others, are among them.
    pub fn by_day(&self) -> Vec<DayCoverage> {
        let mut by_day = Vec::new();
        let mut push = |(account, region): &Place, date: NaiveDate, day: &Day| {
            by_day.push(DayCoverage {
                account: known(account),
                region: known(region),
                day: date,
                events: day.events,
                first: known(&day.first),
                last: known(&day.last),
                delay_s: day.delay_s,
                rejects: day.rejects,
            });
        };
        for (place, calendar) in &self.0 {
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
        by_day
    }
}

fn known(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

fn read(row: &Map<String, Value>) -> Option<(Place, NaiveDate, Day)> {
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

/// Counts rejects under the place and day that the path of their file names.
fn add_rejects(
    snapshot: &Snapshot,
    request: &QueryRequest,
    places: &mut BTreeMap<Place, Calendar>,
) -> Result<(), QueryError> {
    let Some(store) = snapshot.find_store(&request.store) else {
        return Ok(());
    };
    for reject in snapshot.each_reject(None) {
        let reject = reject.map_err(|error| {
            QueryError::new(Code::Scan, "the rejects cannot be read").caused_by(error)
        })?;
        let path = LogPath::read(&reject.path);
        let account = path.account.unwrap_or_default();
        let Some(date) = path.date else { continue };
        let start_ms = date.and_time(NaiveTime::MIN).and_utc().timestamp_millis();
        if reject.store != store.id
            || !request.scope.holds(&account)
            || start_ms >= request.time.end_ms
            || start_ms.saturating_add(DAY_MS) <= request.time.start_ms
        {
            continue;
        }
        let place = (account, path.region.unwrap_or_default());
        let days = places.entry(place).or_default();
        days.entry(date).or_default().rejects += 1;
    }
    Ok(())
}
