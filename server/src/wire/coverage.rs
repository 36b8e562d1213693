//! What is there of accounts, regions and days.

use serde::{Deserialize, Serialize};
use tarn_query::coverage;
use utoipa::ToSchema;

/// What is there of an account in a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlaceCoverage {
    /// Null where events have none.
    pub account: Option<String>,
    pub region: Option<String>,
    pub events: u64,
    /// The times of its first and its last event.
    pub first: Option<String>,
    pub last: Option<String>,
    /// Days with events.
    pub days: u64,
    /// Days without events, between the first and the last with events.
    pub days_missing: u64,
    /// Those days: `2024-03-04`, or `2024-02-29/2024-03-01`, both ends inclusive.
    pub gaps: Vec<String>,
    /// Seconds from an event to the delivery of its file, the longest.
    pub delay_max_seconds: Option<i64>,
    pub rejects: u64,
}

/// What is there of a day of an account in a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DayCoverage {
    /// Null where events have none.
    pub account: Option<String>,
    pub region: Option<String>,
    #[schema(format = Date)]
    pub day: String,
    pub events: u64,
    /// The times of its first and its last event.
    pub first: Option<String>,
    pub last: Option<String>,
    /// Seconds from an event to the delivery of its file, the longest.
    pub delay_max_seconds: Option<i64>,
    pub rejects: u64,
}

/// Either, as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Coverage {
    // First, because a place has no day.
    Days(Vec<DayCoverage>),
    Places(Vec<PlaceCoverage>),
}

impl Coverage {
    pub fn of(coverage: &coverage::Coverage, by_day: bool) -> Self {
        match by_day {
            true => Self::Days(coverage.by_day().into_iter().map(DayCoverage::of).collect()),
            false => {
                let places = coverage.by_place().into_iter();
                Self::Places(places.map(PlaceCoverage::of).collect())
            }
        }
    }
}

impl PlaceCoverage {
    fn of(place: coverage::PlaceCoverage) -> Self {
        Self {
            account: place.account,
            region: place.region,
            events: place.events,
            first: place.first,
            last: place.last,
            days: place.days,
            days_missing: place.days_missing,
            gaps: place.gaps,
            delay_max_seconds: place.delay_s,
            rejects: place.rejects,
        }
    }
}

impl DayCoverage {
    fn of(day: coverage::DayCoverage) -> Self {
        Self {
            account: day.account,
            region: day.region,
            day: day.day.to_string(),
            events: day.events,
            first: day.first,
            last: day.last,
            delay_max_seconds: day.delay_s,
            rejects: day.rejects,
        }
    }
}
