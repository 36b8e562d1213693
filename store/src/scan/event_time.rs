//! `eventTime` as text, made from the event's time.
//!
//! Nearly every record spells its time `YYYY-MM-DDTHH:MM:SSZ`, which the time
//! column gives back; splits mark the records that spell it in another way, and
//! the record decides those.

use chrono::{DateTime, Datelike};

use super::predicate::{Comparison, Matcher};
use crate::event::parse_time;
use crate::path::{FieldPath, Step};

/// Whether a path is `eventTime`.
pub(crate) fn is_event_time(path: &FieldPath) -> bool {
    matches!(path.steps(), [Step::Key(key)] if key == "eventTime")
}

/// The usual spelling of a time; none where it has no such spelling.
pub(crate) fn usual_text(time_ms: i64) -> Option<String> {
    let time = DateTime::from_timestamp_millis(time_ms)?;
    let has_spelling = time_ms % 1000 == 0 && (0..=9999).contains(&time.year());
    has_spelling.then(|| time.format("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// A test of the usual spelling, for many times.
pub(crate) enum TimeTest<'m> {
    All,
    /// Times from the first up to but not including the second.
    Between(i64, i64),
    OneOf(Vec<i64>),
    EachText(&'m Matcher),
}

impl<'m> TimeTest<'m> {
    /// `bounds` hold every time that will be asked about.
    pub fn new(matcher: &'m Matcher, bounds: (i64, i64)) -> Self {
        let exact = |text: &str| {
            parse_time(text).filter(|time| usual_text(*time).is_some_and(|usual| usual == text))
        };
        match matcher {
            Matcher::Present => Self::All,
            Matcher::Equals(text) => Self::OneOf(exact(text).into_iter().collect()),
            Matcher::OneOf(texts) => {
                let mut times: Vec<i64> = texts.iter().filter_map(|t| exact(t)).collect();
                times.sort_unstable();
                Self::OneOf(times)
            }
            Matcher::StartsWith(prefix) => Self::Between(
                first_time(bounds, &|text| text >= prefix.as_str()),
                first_time(bounds, &|text| {
                    text >= prefix.as_str() && !text.starts_with(prefix.as_str())
                }),
            ),
            Matcher::Compare { op, text: bound } => {
                let at = first_time(bounds, &|text| text >= bound.as_str());
                let after = first_time(bounds, &|text| text > bound.as_str());
                match op {
                    Comparison::Less => Self::Between(i64::MIN, at),
                    Comparison::LessOrEqual => Self::Between(i64::MIN, after),
                    Comparison::Equal => Self::Between(at, after),
                    Comparison::GreaterOrEqual => Self::Between(at, i64::MAX),
                    Comparison::Greater => Self::Between(after, i64::MAX),
                }
            }
            other => Self::EachText(other),
        }
    }

    /// Whether the usual spelling of the time passes.
    pub fn passes(&self, time_ms: i64) -> bool {
        match self {
            Self::All => true,
            Self::Between(start, end) => *start <= time_ms && time_ms < *end,
            Self::OneOf(times) => times.binary_search(&time_ms).is_ok(),
            Self::EachText(matcher) => {
                usual_text(time_ms).is_some_and(|text| matcher.matches(&text))
            }
        }
    }
}

/// The first full second within the bounds whose spelling has a property that
/// holds from some text on; `i64::MAX` where none has. Later times are greater
/// texts, so it is found by halving.
fn first_time(bounds: (i64, i64), has: &dyn Fn(&str) -> bool) -> i64 {
    // Years of four digits: beyond them nothing has the usual spelling.
    const SECONDS: (i64, i64) = (-62_167_219_200, 253_402_300_799);
    let mut low = bounds.0.div_euclid(1000).clamp(SECONDS.0, SECONDS.1);
    let mut high = bounds.1.div_euclid(1000).clamp(SECONDS.0, SECONDS.1) + 1;
    let end = high;
    while low < high {
        let middle = low + (high - low) / 2;
        if usual_text(middle * 1000).is_some_and(|text| has(&text)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    if low == end { i64::MAX } else { low * 1000 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_of_times_are_tests_of_their_texts() {
        let start = 1_672_531_190_000;
        let times: Vec<i64> = (0..40).map(|i| start + i * 1000).collect();
        let bounds = (times[0], times[39]);
        let text = |t: &str| t.to_owned();
        let mut matchers = vec![
            Matcher::Present,
            Matcher::Equals(text("2023-01-01T00:00:00Z")),
            Matcher::Equals(text("2023-01-01T00:00:00.000Z")),
            Matcher::OneOf(
                ["2023-01-01T00:00:01Z", "2022-12-31T23:59:59Z", "x"]
                    .map(text)
                    .into(),
            ),
            Matcher::EndsWith(text("5Z")),
        ];
        for part in [
            "2023",
            "2022-12-31T23:59:5",
            "2",
            "",
            "3",
            "2023-01-01T00:00:07Z",
            "1",
        ] {
            matchers.push(Matcher::StartsWith(text(part)));
            for op in [
                Comparison::Less,
                Comparison::LessOrEqual,
                Comparison::Equal,
                Comparison::GreaterOrEqual,
                Comparison::Greater,
            ] {
                matchers.push(Matcher::Compare {
                    op,
                    text: text(part),
                });
            }
        }
        for matcher in &matchers {
            let test = TimeTest::new(matcher, bounds);
            for time in &times {
                let spelled = usual_text(*time).expect("a full second");
                assert_eq!(
                    test.passes(*time),
                    matcher.matches(&spelled),
                    "{matcher} of {spelled}"
                );
            }
        }
    }
}
