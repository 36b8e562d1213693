//! The days of an account in a region: those with events, and those without between them.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime};

/// One day of one account in one region.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Day {
    pub events: u64,
    /// ISO 8601, so that the order of the texts is the order of the times.
    pub first: String,
    pub last: String,
    /// Seconds from an event to the delivery of its file, the longest.
    pub delay_s: Option<i64>,
    pub rejects: u64,
}

impl Day {
    /// Takes the events of another delivery of the day.
    pub fn add(&mut self, other: Self) {
        if self.events == 0 || other.first < self.first {
            self.first = other.first;
        }
        self.last = std::mem::take(&mut self.last).max(other.last);
        self.delay_s = self.delay_s.max(other.delay_s);
        self.events += other.events;
        self.rejects += other.rejects;
    }
}

pub type Calendar = BTreeMap<NaiveDate, Day>;

/// Seconds from an event to the delivery of its file, where both are times.
pub fn delay_s(event: &str, delivered: &str) -> Option<i64> {
    let event = DateTime::parse_from_rfc3339(event).ok()?;
    let delivered = NaiveDateTime::parse_from_str(delivered, "%Y%m%dT%H%M").ok()?;
    Some((delivered.and_utc().timestamp_millis() - event.timestamp_millis()) / 1000)
}

/// Runs of days without events between the first and the last day with events,
/// both ends inclusive.
pub fn gaps(calendar: &Calendar) -> Vec<(NaiveDate, NaiveDate)> {
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

pub fn days_between(from: NaiveDate, to: NaiveDate) -> u64 {
    u64::try_from((to - from).num_days() + 1).unwrap_or(0)
}

pub fn range_text(from: NaiveDate, to: NaiveDate) -> String {
    match from == to {
        true => from.to_string(),
        false => format!("{from}/{to}"),
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
