//! In which form rows are answered, as Accept asks.
//!
//! **Source**: RFC 9110, 12.5.1: the most specific range that fits a form gives its
//! quality, 0 refuses it, and the form of the highest quality is taken.

use std::cmp::Reverse;

use axum::http::{HeaderMap, StatusCode, header};
use tarn_query::results::{
    ArrowIpcWriter, CsvWriter, JsonWriter, NdjsonWriter, ResultWriter, SchemaRef,
};

use crate::chunks::Chunks;
use crate::error::Problem;

/// The forms of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Ndjson,
    Json,
    Csv,
    Arrow,
}

const FORMATS: [Format; 4] = [Format::Ndjson, Format::Json, Format::Csv, Format::Arrow];

impl Format {
    /// The form that Accept asks for; of those that it likes equally the one that it names
    /// first, and `default` where it names none.
    pub fn accepted(headers: &HeaderMap, default: Self) -> Result<Self, Problem> {
        let accept: Vec<&str> = headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect();
        let accept = accept.join(",");
        let ranges: Vec<Range> = accept.split(',').filter_map(Range::parse).collect();
        if ranges.is_empty() {
            return Ok(default);
        }
        let liked = FORMATS
            .into_iter()
            .enumerate()
            .filter_map(|(rank, format)| {
                let fitting = ranges.iter().enumerate().filter(|(_, r)| r.fits(format));
                let (place, range) =
                    fitting.max_by_key(|(place, range)| (range.precision(), Reverse(*place)))?;
                // Of one range that fits several, the default form is meant, or else the first.
                let rank = (format == default, Reverse(rank));
                let key = (range.quality, Reverse(place), rank);
                (range.quality > 0).then_some((key, format))
            });
        let best = liked.max_by_key(|(key, _)| *key);
        best.map(|(_, format)| format).ok_or_else(|| {
            let known = FORMATS.map(|format| format.media_types()[0]).join(", ");
            Problem::new(
                StatusCode::NOT_ACCEPTABLE,
                "no-such-format",
                format!("{accept:?} is not to be had; there are: {known}"),
            )
        })
    }

    /// The type that the answer has, and others that mean it.
    fn media_types(self) -> &'static [&'static str] {
        match self {
            Self::Ndjson => &["application/x-ndjson", "application/ndjson"],
            Self::Json => &["application/json"],
            Self::Csv => &["text/csv"],
            Self::Arrow => &["application/vnd.apache.arrow.stream"],
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            other => other.media_types()[0],
        }
    }

    /// What writes rows of the schema into `out`.
    pub fn writer(self, out: Chunks, schema: &SchemaRef) -> Box<dyn ResultWriter> {
        match self {
            Self::Ndjson => Box::new(NdjsonWriter::new(out, schema)),
            Self::Json => Box::new(JsonWriter::new(out, schema)),
            Self::Csv => Box::new(CsvWriter::new(out, schema, ',', false)),
            Self::Arrow => Box::new(ArrowIpcWriter::new(out, schema)),
        }
    }
}

/// One element of Accept.
struct Range {
    /// Lower case: `type/subtype`, where either may be `*`.
    essence: String,
    /// In thousandths.
    quality: u16,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let essence = parts.next().filter(|e| !e.is_empty())?.to_ascii_lowercase();
        let quality = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            let is_quality = name.trim().eq_ignore_ascii_case("q");
            is_quality.then(|| value.trim().parse::<f32>().ok())?
        });
        let quality = quality.filter(|q| (0.0..=1.0).contains(q)).unwrap_or(1.0);
        Some(Self {
            essence,
            quality: (quality * 1000.0).round() as u16,
        })
    }

    fn fits(&self, format: Format) -> bool {
        format.media_types().iter().any(|media_type| {
            self.essence == *media_type
                || self.essence == "*/*"
                || self
                    .essence
                    .strip_suffix("/*")
                    .is_some_and(|main| media_type.split('/').next() == Some(main))
        })
    }

    fn precision(&self) -> u8 {
        match self.essence.as_str() {
            "*/*" => 0,
            essence if essence.ends_with("/*") => 1,
            _ => 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(accept: &[&str], default: Format) -> Option<Format> {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, value.parse().expect("a header's value"));
        }
        Format::accepted(&headers, default).ok()
    }

    #[test]
    fn formats_by_accept() {
        let cases = [
            ("text/html, application/json;q=0.9", Some(Format::Json)),
            ("*/*", Some(Format::Ndjson)),
            ("", Some(Format::Ndjson)),
            ("application/*", Some(Format::Ndjson)),
            ("text/csv", Some(Format::Csv)),
            ("text/*", Some(Format::Csv)),
            ("TEXT/CSV; header=present", Some(Format::Csv)),
            ("application/vnd.apache.arrow.stream", Some(Format::Arrow)),
            ("application/ndjson", Some(Format::Ndjson)),
            ("text/csv, application/json", Some(Format::Csv)),
            ("application/json, text/csv", Some(Format::Json)),
            ("text/csv;q=0.5, application/json;q=0.8", Some(Format::Json)),
            ("*/*;q=0.1, text/csv;Q=0.2", Some(Format::Csv)),
            ("text/csv;q=0, */*", Some(Format::Ndjson)),
            (
                "application/x-ndjson;q=0, application/*",
                Some(Format::Json),
            ),
            ("image/png", None),
            ("*/*;q=0", None),
            ("text/csv;q=0", None),
        ];
        for (accept, format) in cases {
            assert_eq!(of(&[accept], Format::Ndjson), format, "{accept}");
        }
        assert_eq!(of(&[], Format::Ndjson), Some(Format::Ndjson));
        assert_eq!(of(&["*/*"], Format::Json), Some(Format::Json));
        let two = ["image/png", "text/csv"];
        assert_eq!(of(&two, Format::Ndjson), Some(Format::Csv));
    }
}
