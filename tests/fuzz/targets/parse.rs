//! Records to events: what reads as JSON, what has a place in time, and what of a
//! file is taken whatever shape it comes in.
//!
//! Input: lines, some of which are records.

use std::io::Cursor;

use serde_json::value::RawValue;
use tarn_store::content::canonical;
use tarn_store::event::{EventHeader, identity_hash, is_usual_time, parse_time};
use tarn_store::import::decode::DecodeLimits;
use tarn_store::json::{DEPTH_MAX, Json, Kind};

use super::decode::decoded;
use crate::support::files::Shape;

/// A line that is longer is none of a record: decoding rejects it.
const LINE_BYTES_MAX: usize = 4 << 10;

/// See the module.
pub fn run(input: &[u8]) {
    let lines: Vec<&[u8]> = input.split(|b| *b == b'\n').collect();
    for line in &lines {
        json(line);
        header(line);
    }
    if let Ok(text) = std::str::from_utf8(lines[0]) {
        time(text);
    }
    let records: Vec<&[u8]> = lines.into_iter().filter(|line| is_record(line)).collect();
    if !records.is_empty() {
        every_shape(&records);
    }
}

/// A line that is an event, and nothing but it.
fn is_record(line: &[u8]) -> bool {
    let is_object = line.starts_with(b"{") && line.ends_with(b"}");
    let Ok(json) = Json::parse(line) else {
        return false;
    };
    // What is known for something else is taken for that.
    let is_other = json.members().any(|(key, _)| {
        [
            "Records",
            "Events",
            "detail",
            "logEvents",
            "message",
            "CloudTrailEvent",
            "events",
        ]
        .contains(&key)
    });
    let is_event = EventHeader::of(&json).is_ok() && json.get("eventName").is_some();
    line.len() <= LINE_BYTES_MAX && is_object && is_event && !is_other
}

/// Records come out of a file of any shape as they went in, and nothing else does.
fn every_shape(records: &[&[u8]]) {
    for shape in Shape::ALL {
        let file = shape.write(records);
        let (found, end) = decoded(&mut Cursor::new(&file), &DecodeLimits::default());
        assert!(end.is_ok(), "{shape:?}: {end:?}");
        let taken: Vec<&[u8]> = found
            .iter()
            .map(|f| {
                assert_eq!(f.reason, None, "{shape:?}: {}", f.bytes.escape_ascii());
                f.bytes.as_slice()
            })
            .collect();
        assert_eq!(taken.len(), records.len(), "{shape:?}");
        for (taken, record) in taken.iter().zip(records) {
            assert_eq!(
                taken.escape_ascii().to_string(),
                record.escape_ascii().to_string(),
                "{shape:?}"
            );
        }
    }
}

/// Our reader and another one take the same texts.
fn json(bytes: &[u8]) {
    let ours = Json::parse(bytes);
    let theirs = serde_json::from_slice::<&RawValue>(bytes);
    match &ours {
        Ok(json) => {
            let theirs = theirs.expect("ours reads it");
            assert_eq!(json.raw, theirs.get());
            pieces(bytes, json);
            let again = Json::parse(json.raw.as_bytes()).expect("a value's own bytes");
            assert_eq!(canonical(json), canonical(&again));
        }
        // The other one does not look at surrogates, depth and digits.
        Err(error) if theirs.is_ok() => {
            let is_odd = bytes.windows(2).any(|w| w == b"\\u")
                || nesting(bytes) >= DEPTH_MAX
                || bytes.iter().filter(|b| b.is_ascii_digit()).count() > 4000;
            assert!(is_odd, "{error}: {}", bytes.escape_ascii());
        }
        Err(_) => {}
    }
}

fn nesting(bytes: &[u8]) -> usize {
    bytes.iter().filter(|b| matches!(b, b'[' | b'{')).count()
}

/// Reading some members gives what reading all gives.
fn pieces(bytes: &[u8], json: &Json<'_>) {
    let Kind::Object(all) = &json.kind else {
        return;
    };
    let wanted = all.first().map(|(key, _)| key.as_ref());
    let some = Json::parse_members(bytes, &|key| Some(key) == wanted).expect("all of it reads");
    assert_eq!(some.raw, json.raw);
    if let Some(key) = wanted {
        assert_eq!(some.get(key).map(|v| v.raw), json.get(key).map(|v| v.raw));
    }
}

fn header(bytes: &[u8]) {
    let Ok(header) = EventHeader::read(bytes) else {
        return;
    };
    let json = Json::parse(bytes).expect("its header was read");
    assert_eq!(EventHeader::of(&json).as_ref(), Ok(&header));
    if let Some(id) = &header.event_id {
        assert_eq!(header.identity, identity_hash(id));
    }
    let text = json.get("eventTime").and_then(Json::as_str);
    assert_eq!(text.and_then(parse_time), Some(header.time_ms));
    text.into_iter().for_each(time);
}

/// A time in the usual spelling is told by its number alone.
fn time(text: &str) {
    let Some(time_ms) = parse_time(text) else {
        assert!(!is_usual_time(text), "{text}");
        return;
    };
    if is_usual_time(text) {
        let spelled = arrow::temporal_conversions::timestamp_ms_to_datetime(time_ms);
        let spelled = spelled
            .expect("a year of four digits")
            .format("%Y-%m-%dT%H:%M:%SZ");
        assert_eq!(spelled.to_string(), text);
    }
}
