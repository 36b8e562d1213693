//! One CloudTrail record: what its place and identity are made of.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use serde::{Deserialize, Serialize};

use crate::content;
use crate::json::{Json, JsonError, Kind};
use crate::tokens::id_hash;

/// The fields that give an event its key and its identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventHeader {
    /// Milliseconds since 1970 UTC.
    pub time_ms: i64,
    /// `recipientAccountId`, where the record has one.
    pub account: Option<String>,
    pub event_id: Option<String>,
    /// `awsRegion`, where the record has one.
    pub region: Option<String>,
    /// See [`identity_hash`].
    pub identity: u64,
}

/// Why a record is not an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    #[error("not JSON: {0}")]
    Json(#[from] JsonError),
    #[error("{found} where an event, a JSON object, was expected")]
    NotAnObject { found: &'static str },
    #[error("no eventTime: not a CloudTrail event")]
    NoTime,
    #[error("eventTime {found} is not a time; expected ISO 8601 such as 2026-05-31T08:00:00Z")]
    BadTime { found: String },
}

impl EventHeader {
    /// Reads what an event needs to be stored.
    ///
    /// A record without `eventTime` has no place in time and is refused; every
    /// other field may be missing or of an odd type.
    pub fn read(record: &[u8]) -> Result<Self, EventError> {
        let json = Json::parse(record)?;
        Self::of(&json)
    }

    pub fn of(json: &Json<'_>) -> Result<Self, EventError> {
        let found = match &json.kind {
            Kind::Object(_) => None,
            Kind::Array(_) => Some("an array"),
            Kind::String(_) => Some("a string"),
            Kind::Number => Some("a number"),
            Kind::Bool(_) => Some("a boolean"),
            Kind::Null => Some("null"),
        };
        if let Some(found) = found {
            return Err(EventError::NotAnObject { found });
        }
        let time = json
            .get("eventTime")
            .filter(|t| !t.is_null())
            .ok_or(EventError::NoTime)?;
        let time_ms = time
            .as_str()
            .and_then(parse_time)
            .ok_or_else(|| EventError::BadTime {
                found: time.raw.chars().take(80).collect(),
            })?;
        let text = |key: &str| {
            json.get(key)
                .and_then(Json::as_str)
                .filter(|t| !t.is_empty())
                .map(str::to_owned)
        };
        let event_id = text("eventID");
        Ok(Self {
            time_ms,
            account: text("recipientAccountId"),
            identity: match &event_id {
                Some(id) => identity_hash(id),
                None => id_hash(&content::canonical(json)),
            },
            event_id,
            region: text("awsRegion"),
        })
    }
}

/// The hash by which a split's id file finds an event: of its eventID in lower
/// case (for a UUID that is the hash of the search token, so it costs no entry
/// of its own), or of its content where it has no eventID.
pub fn identity_hash(event_id: &str) -> u64 {
    id_hash(&event_id.to_lowercase())
}

/// A time as CloudTrail and its exports write it, in milliseconds since 1970
/// UTC: ISO 8601 with `T` or a blank, with or without fraction, `Z`, an offset
/// or nothing (UTC), or a date alone.
pub fn parse_time(text: &str) -> Option<i64> {
    if let Some(time_ms) = parse_usual_time(text.as_bytes()) {
        return Some(time_ms);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_millis());
    }
    let text = text.strip_suffix(" UTC").unwrap_or(text);
    for format in [
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
    ] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return Some(time.and_utc().timestamp_millis());
        }
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis())
}

/// Whether a text is a time spelled `YYYY-MM-DDTHH:MM:SSZ`, so that the time
/// alone gives it back.
pub fn is_usual_time(text: &str) -> bool {
    parse_usual_time(text.as_bytes()).is_some()
}

/// `YYYY-MM-DDTHH:MM:SSZ`, which nearly every record has, without the general
/// parser.
fn parse_usual_time(text: &[u8]) -> Option<i64> {
    let [
        y0,
        y1,
        y2,
        y3,
        b'-',
        m0,
        m1,
        b'-',
        d0,
        d1,
        b'T',
        h0,
        h1,
        b':',
        i0,
        i1,
        b':',
        s0,
        s1,
        b'Z',
    ] = text
    else {
        return None;
    };
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0_u32, |n, d| {
            d.is_ascii_digit().then(|| n * 10 + u32::from(d - b'0'))
        })
    };
    let year = number(&[*y0, *y1, *y2, *y3])?;
    let day = NaiveDate::from_ymd_opt(year as i32, number(&[*m0, *m1])?, number(&[*d0, *d1])?)?;
    let time = day.and_hms_opt(
        number(&[*h0, *h1])?,
        number(&[*i0, *i1])?,
        number(&[*s0, *s1])?,
    )?;
    Some(time.and_utc().timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let second = Some(1_685_620_799_000);
        for text in [
            "2023-06-01T11:59:59Z",
            "2023-06-01T11:59:59.000Z",
            "2023-06-01T13:59:59+02:00",
            "2023-06-01 11:59:59.000",
            "2023-06-01T11:59:59",
            "2023-06-01 11:59:59 UTC",
        ] {
            assert_eq!(parse_time(text), second, "{text}");
        }
        assert_eq!(parse_time("1969-12-31T23:59:59.999Z"), Some(-1));
        assert!(parse_time("0000-01-01T00:00:00Z").is_some());
        assert!(parse_time("9999-12-31T23:59:59Z").is_some());
        for text in [
            "",
            "yesterday",
            "2023-02-30T00:00:00Z",
            "2023-06-01T25:00:00Z",
        ] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }

    #[test]
    fn identity_is_the_event_id_else_the_content() {
        let read = |text: &str| EventHeader::read(text.as_bytes());
        let a =
            read(r#"{"eventTime":"2023-06-01T11:59:59Z","eventID":"A-1","x":1}"#).expect("read");
        let b =
            read(r#"{"x":2,"eventID":"A-1","eventTime":"2023-06-01T11:59:59Z"}"#).expect("read");
        assert_eq!(a.identity, b.identity);
        let c = read(r#"{"eventTime":"2023-06-01T11:59:59Z","x":1}"#).expect("read");
        let d = read(r#"{"x":1, "eventTime":"2023-06-01T11:59:59Z"}"#).expect("read");
        assert_eq!(c, d);
        assert_ne!(a.identity, c.identity);
    }

    #[test]
    fn what_is_no_event_says_why() {
        let why = |text: &str| {
            EventHeader::read(text.as_bytes())
                .expect_err("refused")
                .to_string()
        };
        assert!(why("[1]").contains("an array"));
        assert!(why("{}").contains("no eventTime"));
        assert!(why(r#"{"eventTime":"soon"}"#).contains("soon"));
        assert!(why(r#"{"eventTime":12}"#).contains("12"));
        assert!(why("{").contains("not JSON"));
    }
}
