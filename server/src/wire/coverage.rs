//! What is there of accounts, regions and days.

use serde::{Deserialize, Serialize};
use tarn_query::coverage::{Coverage, DayCoverage, PlaceCoverage};
use utoipa::ToSchema;

/// What is there of an account in a region, or of one of their days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CoverageRow {
    /// Null where events have none.
    pub account: Option<String>,
    pub region: Option<String>,
    /// The day, where days are asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = Date)]
    pub day: Option<String>,
    pub events: u64,
    /// The times of its first and its last event.
    pub first: Option<String>,
    pub last: Option<String>,
    /// Seconds from an event to the delivery of its file, the longest.
    pub delay_max_seconds: Option<i64>,
    pub rejects: u64,
    /// Where days are not asked for.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub of_place: Option<DaysOfPlace>,
}

/// The days of an account in a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DaysOfPlace {
    /// Days with events.
    pub days: u64,
    /// Days without events, between the first and the last with events.
    pub days_missing: u64,
    /// Those days: `2024-03-04`, or `2024-02-29/2024-03-01`, both ends inclusive.
    pub gaps: Vec<String>,
}

impl CoverageRow {
    pub fn all(coverage: &Coverage, by_day: bool) -> Vec<Self> {
        match by_day {
            true => coverage.by_day().into_iter().map(Self::of_day).collect(),
            false => coverage
                .by_place()
                .into_iter()
                .map(Self::of_place)
                .collect(),
        }
    }

    fn of_place(place: PlaceCoverage) -> Self {
        Self {
            account: place.account,
            region: place.region,
            day: None,
            events: place.events,
            first: place.first,
            last: place.last,
            delay_max_seconds: place.delay_s,
            rejects: place.rejects,
            of_place: Some(DaysOfPlace {
                days: place.days,
                days_missing: place.days_missing,
                gaps: place.gaps,
            }),
        }
    }

    fn of_day(day: DayCoverage) -> Self {
        Self {
            account: day.account,
            region: day.region,
            day: Some(day.day.to_string()),
            events: day.events,
            first: day.first,
            last: day.last,
            delay_max_seconds: day.delay_s,
            rejects: day.rejects,
            of_place: None,
        }
    }
}
