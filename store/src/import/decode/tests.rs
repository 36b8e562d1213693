//! Every shape a file may have, and every way it may be broken.

use std::io::{self, Cursor, Read, Write};
use std::ops::ControlFlow;

use flate2::{Compression, write::GzEncoder};

use super::*;

/// What a file gave, in a form that is easy to compare.
#[derive(Debug)]
struct Found {
    records: Vec<String>,
    accounts: Vec<Option<String>>,
    /// Byte offset, reason, bytes.
    rejects: Vec<(u64, String, String)>,
    end: Decoded,
}

/// A reader that gives its bytes in pieces of one size.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.1.min(out.len()).min(self.0.len());
        let (now, later) = self.0.split_at(n);
        out[..n].copy_from_slice(now);
        self.0 = later;
        Ok(n)
    }
}

fn small() -> DecodeLimits {
    DecodeLimits {
        record_bytes_max: 4000,
        reject_bytes_max: 100,
        ..DecodeLimits::default()
    }
}

fn run(reader: &mut dyn Read, limits: &DecodeLimits) -> Result<Found, DecodeError> {
    let (mut records, mut accounts, mut rejects) = (Vec::new(), Vec::new(), Vec::new());
    let mut expected_position = 0;
    let hints = SourceHints {
        account: Some("path"),
    };
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    let end = decode(reader, hints, limits, &mut |item| {
        let at = match item {
            Item::Record {
                bytes,
                position,
                account,
                ..
            } => {
                records.push(text(bytes));
                accounts.push(account.map(str::to_owned));
                position
            }
            Item::Reject {
                bytes,
                position,
                byte_offset,
                reason,
            } => {
                rejects.push((byte_offset, reason, text(bytes)));
                position
            }
        };
        assert_eq!(at, expected_position);
        expected_position += 1;
        ControlFlow::Continue(())
    })?;
    assert_eq!(end.records, records.len() as u64);
    assert_eq!(end.rejects, rejects.len() as u64);
    Ok(Found {
        records,
        accounts,
        rejects,
        end,
    })
}

/// Decodes plain and gzipped, whole and byte by byte, and checks that all agree.
fn found(file: impl AsRef<[u8]>) -> Found {
    let file = file.as_ref();
    let whole = run(&mut Cursor::new(file), &small()).expect("an event log");
    let zipped = gzip(file);
    let others = [
        run(&mut Pieces(file, 1), &small()),
        run(&mut Pieces(file, 61), &small()),
        run(&mut Pieces(&zipped, 7), &small()),
        run(&mut Cursor::new(gzip(&zipped)), &small()),
    ];
    for other in others {
        let other = other.expect("an event log");
        assert!(other.records == whole.records);
        assert_eq!(other.accounts, whole.accounts);
        assert_eq!(other.rejects, whole.rejects);
        assert_eq!(other.end.kind, whole.end.kind);
        assert_eq!(other.end.content_sha256, whole.end.content_sha256);
    }
    whole
}

fn error(file: impl AsRef<[u8]>) -> DecodeError {
    run(&mut Cursor::new(file.as_ref()), &small()).expect_err("no event log")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::new(6));
    gz.write_all(bytes).expect("to memory");
    gz.finish().expect("to memory")
}

/// An event with what makes cutting hard.
fn event(n: usize) -> String {
    format!(
        r#"{{"eventVersion":"1.08","eventID":"{n}","requestParameters":{{"policy":"{{\"a\":[\"\\\\\"}}]","list":[1,{{"x":{{}}}}]}},"é":"}}{{"}}"#
    )
}

fn events(n: usize) -> Vec<String> {
    (0..n).map(event).collect()
}

/// As a string inside JSON.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("text")
}

#[test]
fn trail_log_files() {
    let expected = events(30);
    let compact = format!(r#"{{"Records":[{}]}}"#, expected.join(","));
    let spaced = format!(
        "\u{feff} \n{{ \"a\": {{\"Records\": [1]}}, \"Records\" : [\n  {}\n ] , \"b\": [\"]}}\"] \n}}\n",
        expected.join(" ,\r\n  ")
    );
    for file in [compact, spaced] {
        let found = found(file);
        assert_eq!(found.records, expected);
        assert!(found.rejects.is_empty());
        assert_eq!(found.end.kind, FileKind::TrailLog);
        assert_eq!(found.accounts[0].as_deref(), Some("path"));
    }
}

#[test]
fn log_files_joined() {
    let one = format!(r#"{{"Records":[{}]}}"#, event(1));
    let two = format!("\u{feff}{{\"Records\":[{},{}]}}", event(2), event(3));
    let expected = [event(1), event(2), event(3)];
    assert_eq!(found(format!("{one}{two}")).records, expected);
    assert_eq!(found(format!("{one}\n{two}\n")).records, expected);
    assert_eq!(
        found(format!("[{one},\n{}]", two.trim_start_matches('\u{feff}'))).records,
        expected
    );
    let mut members = gzip(one.as_bytes());
    members.extend(gzip(b""));
    members.extend(gzip(two.as_bytes()));
    members.extend([0; 512]);
    let found = run(&mut Cursor::new(members), &small()).expect("gzip");
    assert_eq!(found.records, expected);
    assert!(found.rejects.is_empty());
}

#[test]
fn events_on_lines_and_over_lines() {
    let lines = events(5);
    let expected = lines.clone();
    for join in ["\n", "\r\n", "\n\n  \n", "", ",\n", "\u{1e}"] {
        let found = found(lines.join(join));
        assert_eq!(found.records, expected, "joined by {join:?}");
        assert!(found.rejects.is_empty());
        assert_eq!(found.end.kind, FileKind::Events);
    }
    let value: serde_json::Value = serde_json::from_str(&event(1)).expect("JSON");
    let pretty = serde_json::to_string_pretty(&value).expect("JSON");
    let flush_left: String = pretty.lines().map(|l| format!("{}\n", l.trim())).collect();
    for text in [&pretty, flush_left.trim()] {
        let found = found(format!("{text}\n{text}\n{}\n{text}", event(2)));
        assert_eq!(found.records, [text, text, event(2).as_str(), text]);
        assert!(found.rejects.is_empty(), "{:?}", found.rejects);
    }
}

#[test]
fn events_without_a_known_first_key() {
    let object = r#"{"awsRegion":"x","eventID":"1","zone":[{"eventVersion":1}]}"#;
    let other = r#"{"configurationItem":{"a":1}}"#;
    assert_eq!(found(format!("{object}\n{other}")).records, [object, other]);
}

#[test]
fn arrays() {
    let expected = events(4);
    let found_all = found(format!("[\n{}\n]", expected.join(",\n")));
    assert_eq!(found_all.records, expected);
    assert_eq!(found_all.end.kind, FileKind::EventArray);
    let mixed = found(format!(
        r#"[{},null,"text, ]",12,[{{}}],{}]"#,
        event(1),
        event(2)
    ));
    assert_eq!(mixed.records, [event(1), event(2)]);
    let rejected: Vec<_> = mixed.rejects.iter().map(|r| r.2.as_str()).collect();
    assert_eq!(rejected, ["null", r#""text, ]""#, "12", "[{}]"]);
}

#[test]
fn nothing_to_take() {
    for (file, kind) in [
        ("", FileKind::Empty),
        (" \n ", FileKind::Empty),
        ("\u{feff}", FileKind::Empty),
        ("[]", FileKind::EventArray),
        (r#"{"Records":[]}"#, FileKind::TrailLog),
        (r#"{"Records": [ ] , "x": null }"#, FileKind::TrailLog),
        (r#"{"Events":[]}"#, FileKind::LookupEvents),
    ] {
        let found = found(file);
        assert_eq!((found.end.records, found.end.rejects), (0, 0), "{file:?}");
        assert_eq!(found.end.kind, kind, "{file:?}");
    }
}

#[test]
fn lookup_events_output() {
    let element = |n| {
        format!(
            r#"{{"EventId": "{n}", "Resources": [{{"ResourceName":"}}"}}], "CloudTrailEvent": {}, "Username": "u"}}"#,
            quoted(&event(n))
        )
    };
    let whole = format!(
        "{{\n \"Events\": [\n {},\n {} ],\n \"NextToken\": \"x\"\n}}",
        element(1),
        element(2)
    );
    let found_whole = found(whole);
    assert_eq!(found_whole.records, [event(1), event(2)]);
    assert_eq!(found_whole.end.kind, FileKind::LookupEvents);
    let lines = found(format!(
        "{}\n{{\"CloudTrailEvent\": \"oops\"}}\n{}",
        element(1),
        element(2)
    ));
    assert_eq!(lines.records, [event(1), event(2)]);
    assert_eq!(lines.rejects[0].1, "the message inside is not an event");
}

#[test]
fn event_bridge_envelopes() {
    let envelope = |kind: &str, detail: &str| {
        format!(
            r#"{{"version":"0","id":"1","detail-type":"{kind}","source":"aws.s3","account":"111122223333","time":"2024-01-01T00:00:00Z","resources":[],"detail":{detail}}}"#
        )
    };
    let call = "AWS API Call via CloudTrail";
    let file = [
        envelope(call, &event(1)),
        envelope("AWS Console Sign In via CloudTrail", &event(2)),
        envelope("EC2 Instance State-change Notification", r#"{"state":"x"}"#),
        envelope(call, "null"),
    ];
    for text in [file.join("\n"), format!("[{}]", file.join(","))] {
        let found = found(text);
        assert_eq!(found.records, [event(1), event(2)]);
        assert_eq!(found.accounts[0].as_deref(), Some("111122223333"));
        assert_eq!(found.rejects.len(), 2);
        assert!(found.rejects[0].1.contains("EC2 Instance State-change"));
    }
    assert_eq!(
        found(envelope(call, &event(1))).end.kind,
        FileKind::EventBridge
    );
}

#[test]
fn cloud_watch_logs() {
    let data = format!(
        r#"{{"messageType":"DATA_MESSAGE","owner":"111122223333","logGroup":"g","logEvents":[{{"id":"1","timestamp":1,"message":{}}},{{"id":"2","message":{}}},{{"id":"3"}},{{"message":"hello"}}]}}"#,
        quoted(&event(1)),
        quoted(&event(2)),
    );
    let control = r#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logEvents":[{"message":"Checking health"}]}"#;
    let found_data = found(format!("{control}{data}"));
    assert_eq!(found_data.records, [event(1), event(2)]);
    assert_eq!(found_data.accounts[1].as_deref(), Some("111122223333"));
    assert_eq!(found_data.end.control_messages, 1);
    assert_eq!(found_data.rejects.len(), 2);
    assert_eq!(found_data.end.kind, FileKind::CloudWatchLogs);

    let exported = found(format!(
        "2024-01-31T00:00:00.000Z {}\n2024-01-31T00:00:01.000Z {}\n2024-01-31T00:00:02.000Z {{\"a\": \"cut\n2024-01-31T00:00:03.000Z {}\n2024 x\n",
        event(1),
        event(2),
        event(3)
    ));
    assert_eq!(exported.records, [event(1), event(2), event(3)]);
    assert_eq!(exported.end.kind, FileKind::CloudWatchLogs);
    assert_eq!(exported.rejects[0].2, "{\"a\": \"cut\n");
    assert_eq!(exported.rejects[1].2, "2024 x\n");

    let filtered = found(format!(
        r#"{{"events":[{{"logStreamName":"s","message":{},"eventId":"1"}}],"searchedLogStreams":[]}}"#,
        quoted(&event(1))
    ));
    assert_eq!(filtered.records, [event(1)]);
}

#[test]
fn an_event_bridge_event_inside_a_log_message() {
    let inner = format!(
        r#"{{"detail-type":"AWS API Call via CloudTrail","account":"999","detail":{}}}"#,
        event(1)
    );
    let found = found(format!(
        r#"{{"messageType":"DATA_MESSAGE","owner":"1","logEvents":[{{"message":{}}}]}}"#,
        quoted(&inner)
    ));
    assert_eq!(found.records, [event(1)]);
    assert_eq!(found.accounts[0].as_deref(), Some("999"));
}

#[test]
fn query_results() {
    let field = |n| format!("\"{}\"", event(n).replace('"', "\"\""));
    let file = format!(
        "# Execution Time: 2022-08-08T21:51:51Z Query Statement: SELECT eventID, eventJson\nFROM x\neventID,eventJson,sourceIPAddress\r\n1,{},\"a,\nb\"\r\n2,,\n\n3,{},x",
        field(1),
        field(3)
    );
    let results = found(file);
    assert_eq!(results.records, [event(1), event(3)]);
    assert_eq!(results.rejects.len(), 1);
    assert_eq!(results.end.kind, FileKind::ResultCsv);
    let athena = format!("\"eventjson\"\n{}\n", field(2));
    assert_eq!(found(athena).records, [event(2)]);
    assert_eq!(
        found("\u{feff}eventID,EVENTJSON\n").end.kind,
        FileKind::ResultCsv
    );
    let cut = format!("eventJson\n{}\n\"{{\"\"eventVersion", field(1));
    let cut = found(cut);
    assert_eq!((cut.end.records, cut.end.rejects), (1, 1));
    assert!(cut.rejects[0].1.starts_with("truncated at byte"));
    let other = error("file,source,repository\na,b,c\n");
    assert!(other.is_foreign());
    assert!(
        other.to_string().contains("file, source, repository"),
        "{other}"
    );
}

#[test]
fn digests_and_signatures_are_no_event_logs() {
    let digest = r#"{"awsAccountId":"1","digestStartTime":"2024-01-01T00:00:00Z","digestEndTime":"x","previousDigestSignature":null,"logFiles":[{"s3Bucket":"b"}]}"#;
    let found_digest = found(digest);
    assert_eq!(found_digest.end.kind, FileKind::Digest);
    assert_eq!(found_digest.end.digest.as_deref(), Some(digest.as_bytes()));
    assert_eq!((found_digest.end.records, found_digest.end.rejects), (0, 0));
    assert!(!FileKind::Digest.is_event_log());
    let among = found(format!("{}\n{digest}\n", event(1)));
    assert_eq!((among.end.records, among.end.rejects), (1, 1));
    let signature = found(r#"{"version":"1.0","files":[],"hashSignature":"00"}"#);
    assert_eq!(signature.end.kind, FileKind::ResultSignature);
    let config = found(format!(
        r#"{{"fileVersion":"1.0","configurationItems":[{}]}}"#,
        vec![r#"{"a":1}"#; 3000].join(",")
    ));
    assert_eq!(config.end.kind, FileKind::ConfigDelivery);
    assert_eq!((config.end.records, config.end.rejects), (0, 0));
}

#[test]
fn other_files_are_named() {
    let seen = |file: &[u8]| match error(file) {
        DecodeError::Unrecognised { seen } => seen,
        other => panic!("{other}"),
    };
    assert_eq!(seen(b"\x89PNG\r\n\x1a\n...."), "a PNG image");
    assert_eq!(seen(b"<!DOCTYPE html><html>"), "an HTML page");
    assert_eq!(seen(b"PK\x03\x04...."), "a zip archive; unpack it first");
    assert_eq!(seen(b"PAR1...."), "a Parquet file");
    assert_eq!(seen(b"\xff\xfe{\x00"), "UTF-16 text; save it as UTF-8");
    assert_eq!(seen(b"{ not json }"), r#"it begins with "{ not json }""#);
    assert_eq!(
        seen(b"[section]\nkey = 1"),
        r#"it begins with "[section]\nkey = 1""#
    );
    assert_eq!(seen(b"[1, 2]"), r#"it begins with "[1, 2]""#);
    assert_eq!(seen(&gzip(b"\x00\x00\x00")), "nothing but zero bytes");
    assert!(error("hello").is_foreign());
}

#[test]
fn a_bad_line_does_not_take_others_along() {
    let good = |n| format!("{}\n", event(n));
    for bad in [
        "{\"eventVersion\":\"1\",\"x\":{\"y\":1}\n",
        "{\"eventVersion\":\"1\",\"x\":{\"y\":\"open}}\n",
        "{\"eventVersion\":\"1\",\"x\":\"a\"\",\"y\":1}\n",
        "{\"other\":\"1\",\"x\":\"open\n",
        "{\"other\":{\"y\":1\n",
        "{\"other\":[1,2\n",
        "{\"eventVersion\":\n",
        "{\"eventVersion\":\"1\",\n",
        "{\"eventVersion\":\"1\",\"x\":{\n",
        "{\"eventVersion\":\"1\",\"x\":[\r\n",
        "{\"other\":\n",
        "{\"other\":[\n",
        "not JSON at all\n",
        "\"text\"\n",
        "}\n",
        "\0\0\0\n",
    ] {
        let found = found(format!("{}{bad}{}{}", good(1), good(2), good(3)));
        assert_eq!(found.records, [event(1), event(2), event(3)], "{bad:?}");
        assert_eq!(found.rejects.len(), 1, "{bad:?}: {:?}", found.rejects);
        assert_eq!(found.rejects[0].0, good(1).len() as u64, "{bad:?}");
        assert_eq!(found.rejects[0].2, bad, "{bad:?}");
    }
}

#[test]
fn cut_lines_in_a_row_and_before_the_end_are_rejects_of_their_own() {
    let cut = ["{\"a\":\n", "{\"eventVersion\":\"1\",\n", "{\"b\":[{\n"];
    for after in [String::new(), "\n".to_owned(), format!("\n{}", event(2))] {
        let found = found(format!("{}{}{after}", cut.concat(), event(1)));
        let rejects: Vec<&str> = found.rejects.iter().map(|r| r.2.as_str()).collect();
        assert_eq!(rejects, cut, "{after:?}");
        assert_eq!(found.records[0], event(1), "{after:?}");
    }
    let stream = "2024-01-31T00:00:00.000Z ";
    let found = found(format!("{stream}{{\"a\":\n{stream}{}\n", event(1)));
    assert_eq!(found.records, [event(1)]);
    assert_eq!(found.rejects.len(), 1, "{:?}", found.rejects);
}

#[test]
fn lines_that_go_on_are_no_cut_lines() {
    let whole = "{\"eventVersion\":\n{\"x\":[\n{\"y\":1},\n{\"y\":2}]}}";
    let found = found(format!("{whole}\n{}\n", event(1)));
    assert_eq!(found.records, [whole.to_owned(), event(1)]);
    assert!(found.rejects.is_empty());
}

#[test]
fn a_value_with_bad_content_is_still_cut_out() {
    let bad = [
        r#"{"eventVersion" "1"}"#.to_owned(),
        r#"{"other" 1, "x": {"y": 2}}"#.to_owned(),
        r#"{"other": }"#.to_owned(),
        r#"{"eventVersion":'x'}"#.to_owned(),
    ];
    let found = found(format!("{}\n{}\n{}", event(1), bad.join("\n"), event(2)));
    assert_eq!(found.records.len(), 6, "{:?}", found.rejects);
    assert_eq!(found.records[1..5], bad);
}

#[test]
fn bytes_that_are_not_utf8_pass() {
    let mut file = br#"{"Records":[{"eventVersion":""#.to_vec();
    file.extend([0xff, 0xc3, 0x28, b'"', b'}', b',']);
    file.extend(event(1).bytes());
    file.extend(b"]}");
    let found = run(&mut Cursor::new(file), &small()).expect("a log");
    assert_eq!(found.records.len(), 2);
    assert_eq!(found.records[1], event(1));
}

#[test]
fn a_broken_record_in_a_log_file() {
    let with = |bad: &str| {
        found(format!(
            r#"{{"Records":[{},{bad},{},{}]}}"#,
            event(1),
            event(2),
            event(3)
        ))
    };
    for bad in [
        r#"{"eventVersion":"1","x":{"y":1}"#,
        r#"{"eventVersion":"1","x":"y}"#,
    ] {
        let found = with(bad);
        assert_eq!(found.records, [event(1), event(2), event(3)], "{bad}");
        assert_eq!(found.rejects.len(), 1, "{:?}", found.rejects);
        assert!(found.rejects[0].2.starts_with(bad));
    }
    let found_stray = with(r#"{"eventVersion":"1"}}"#);
    assert_eq!(found_stray.records.len(), 4);
    assert_eq!(found_stray.rejects[0].2, "}");
    let last = found(format!(r#"{{"Records":[{},{{"a":{{"b":1}}]}}"#, event(1)));
    assert_eq!(last.records, [event(1)]);
    assert_eq!(last.rejects[0].2, r#"{"a":{"b":1}"#);
    assert_eq!(last.rejects.len(), 1, "{:?}", last.rejects);
}

/// Each of these records needs a look ahead; all of them must not need the same
/// look again.
#[test]
fn nothing_but_broken_records() {
    let n = 300_000;
    let file = format!("{{\"Records\":[{}]}}", "{}x".repeat(n));
    let found = run(&mut Cursor::new(file), &DecodeLimits::default()).expect("a log");
    assert_eq!((found.records.len(), found.rejects.len()), (n, n));
}

#[test]
fn records_that_are_too_long() {
    let long = format!(r#"{{"eventVersion":"1","x":"{}"}}"#, "ab}".repeat(5000));
    let later = format!(r#"{{"x":"{}","eventVersion":"1"}}"#, "ab}".repeat(5000));
    for long in [long, later] {
        for file in [
            format!(r#"{{"Records":[{},{long},{}]}}"#, event(1), event(2)),
            format!("{}\n{long}\n{}", event(1), event(2)),
            format!("[{},{long},{}]", event(1), event(2)),
        ] {
            let found = found(file);
            assert!(found.records == [event(1), event(2)]);
            assert_eq!(found.rejects.len(), 1);
            assert_eq!(found.rejects[0].1, "longer than 4000 bytes");
            assert_eq!(found.rejects[0].2.len(), 100, "capped");
        }
    }
    let of_len = |len: usize| format!(r#"{{"eventVersion":"1","x":"{}"}}"#, "a".repeat(len - 27));
    assert_eq!(of_len(4000).len(), 4000);
    assert_eq!(found(of_len(4000)).records, [of_len(4000)]);
    assert_eq!(found(of_len(4001)).end.rejects, 1);
}

#[test]
fn a_file_that_ends_early() {
    let whole = format!(r#"{{"Records":[{}]}}"#, events(20).join(","));
    for cut in 13..whole.len() {
        let found = run(&mut Cursor::new(&whole.as_bytes()[..cut]), &small()).expect("a log");
        assert_eq!(found.records, events(20)[..found.records.len()]);
        assert_eq!(found.rejects.len(), 1, "cut at {cut}");
        let (offset, reason, _) = &found.rejects[0];
        assert_eq!(
            reason,
            &format!("truncated at byte {cut}: the file ends inside a record or array")
        );
        assert!(*offset <= cut as u64);
    }
    let lines = found(format!("{}\n{}", event(1), &event(2)[..40]));
    assert_eq!(lines.records, [event(1)]);
    assert_eq!(lines.rejects[0].2, &event(2)[..40]);
}

#[test]
fn a_gzip_stream_that_ends_early() {
    let file = format!(r#"{{"Records":[{}]}}"#, events(300).join(","));
    let zipped = gzip(file.as_bytes());
    let mut most = 0;
    for cut in 20..zipped.len() {
        let found = match run(&mut Cursor::new(&zipped[..cut]), &small()) {
            Ok(found) => found,
            Err(DecodeError::Damaged { .. }) if most == 0 => continue,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(found.records, events(300)[..found.records.len()]);
        most = most.max(found.records.len());
        assert_eq!(found.rejects.len(), 1, "cut at {cut}");
        assert!(found.rejects[0].1.contains("the gzip stream ends early"));
        assert_eq!(found.end.content_sha256, None);
    }
    assert_eq!(most, 300);
    let mut trailing = zipped;
    trailing.extend_from_slice(b"junk");
    let found = run(&mut Cursor::new(trailing), &small()).expect("a log");
    assert_eq!((found.end.records, found.end.rejects), (300, 1));
    assert!(found.rejects[0].1.contains("after the gzip stream"));
}

#[test]
fn gzip_bombs() {
    let mut gz = GzEncoder::new(Vec::new(), Compression::new(9));
    gz.write_all(b"{\"eventVersion\":\"1\"}")
        .expect("to memory");
    for _ in 0..40 {
        gz.write_all(&vec![b' '; 1 << 20]).expect("to memory");
    }
    let bomb = gz.finish().expect("to memory");
    assert!(matches!(error(&bomb), DecodeError::Expands { .. }));
    let limits = DecodeLimits {
        expanded_bytes_max: 1000,
        ..small()
    };
    let error = run(&mut Cursor::new(events(30).join("\n")), &limits).expect_err("too much");
    assert!(error.to_string().contains("limits: 1000 bytes"), "{error}");
}

#[test]
fn nesting_is_no_danger() {
    let deep = format!("{{\"a\":{}", "[".repeat(3000));
    assert_eq!(found(&deep).rejects.len(), 1);
    let mut envelopes = "{\"Events\":[".repeat(300);
    envelopes.push('1');
    assert_eq!(found(envelopes).rejects.len(), 1);
    let mut strings = event(1);
    for _ in 0..5 {
        strings = format!(r#"{{"message":{}}}"#, quoted(&strings));
    }
    let limits = DecodeLimits {
        record_bytes_max: 1 << 20,
        ..small()
    };
    let found = run(&mut Cursor::new(&strings), &limits).expect("a log");
    assert_eq!(found.end.records, 1);
}

#[test]
fn a_reader_that_fails_and_a_sink_that_stops() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("disk"))
        }
    }
    let file = format!("{}\n{}", event(1), event(2));
    let mut reader = Cursor::new(&file).chain(Failing);
    let error = run(&mut reader, &small()).expect_err("cannot be read");
    assert!(matches!(error, DecodeError::Read { .. }));
    assert!(!error.is_foreign());

    let mut taken = 0;
    let end = decode(
        &mut Cursor::new(&file),
        SourceHints::default(),
        &small(),
        &mut |_| {
            taken += 1;
            ControlFlow::Break(())
        },
    )
    .expect("a log");
    assert!(end.stopped);
    assert_eq!(taken, 1);
}

#[test]
fn the_hash_is_of_the_uncompressed_bytes() {
    let file = b"{\"Records\":[]}";
    let expected: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(file).into();
    let found = run(&mut Cursor::new(gzip(file)), &small()).expect("a log");
    assert_eq!(found.end.content_sha256, Some(expected));
    assert_eq!(found.end.bytes, file.len() as u64);
    assert_eq!(found.end.stored_bytes, gzip(file).len() as u64);
}

/// Whatever the bytes are, decoding ends, does not panic, and gives the same
/// however the bytes arrive.
#[test]
fn damage_anywhere() {
    let quoted_event = quoted(&event(3));
    let seeds = [
        format!(
            r#"{{"a":[1],"Records":[{}],"b":"x"}}"#,
            events(4).join(", ")
        ),
        events(4).join("\n"),
        format!("[{}]", events(3).join(",\n")),
        format!(
            r#"{{"Events":[{{"CloudTrailEvent":{quoted_event}}},{{"CloudTrailEvent":{quoted_event}}}]}}"#
        ),
        format!(
            r#"{{"messageType":"DATA_MESSAGE","owner":"1","logEvents":[{{"message":{quoted_event}}}]}}"#
        ),
        format!(
            "2024-01-31T00:00:00.000Z {}\n2024-01-31T00:00:00.000Z {}\n",
            event(1),
            event(2)
        ),
        format!(
            "a,eventJson\n1,\"{}\"\n2,\"{}\"\n",
            event(1).replace('"', "\"\""),
            event(2).replace('"', "\"\"")
        ),
    ];
    let limits = DecodeLimits {
        record_bytes_max: 300,
        reject_bytes_max: 40,
        ..DecodeLimits::default()
    };
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for _ in 0..1000 {
        let mut file = seeds[next(seeds.len())].clone().into_bytes();
        for _ in 0..1 + next(4) {
            let at = next(file.len());
            let piece = br#"{}[]",:\ 1"#;
            match next(4) {
                0 => drop(file.remove(at)),
                1 => file.insert(at, piece[next(piece.len())]),
                2 => file[at] = [b'\n', 0, 0xff, b'"'][next(4)],
                _ => {
                    let to = (at + next(80)).min(file.len());
                    file.splice(at..to, event(9).into_bytes());
                }
            }
        }
        let show = |result: Result<Found, DecodeError>| match result {
            Ok(found) => format!("{found:?}"),
            Err(error) => error.to_string(),
        };
        let whole = show(run(&mut Cursor::new(&file), &limits));
        for size in [1, 5, 64] {
            let pieces = show(run(&mut Pieces(&file, size), &limits));
            assert!(
                pieces == whole,
                "{}\n{whole}\n{pieces}",
                file.escape_ascii()
            );
        }
    }
}

/// Public logs of about 60 accounts, beside the repository where there are any.
#[test]
fn real_logs() {
    use super::super::discover::{DiscoverOptions, discover};

    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/cloudtrail");
    if !std::path::Path::new(folder).exists() {
        eprintln!("skipped: {folder} is not there");
        return;
    }
    let found = discover(&[folder.into()], &DiscoverOptions::default()).expect("a folder");
    let (mut logs, mut records, mut others) = (0, 0, Vec::new());
    for file in &found.files {
        let mut reader = std::fs::File::open(&file.path).expect("a file");
        match run(&mut reader, &DecodeLimits::default()) {
            Ok(found) => {
                logs += 1;
                assert_eq!(found.end.kind, FileKind::TrailLog);
                assert!(found.rejects.is_empty());
                for record in &found.records {
                    records += 1;
                    serde_json::from_str::<serde_json::Value>(record).expect("JSON");
                }
            }
            Err(error) => others.push(error),
        }
    }
    assert_eq!((logs, records), (162, 6_491));
    assert!(matches!(
        others.as_slice(),
        [DecodeError::NoEventJson { .. }]
    ));
}

/// Wherever a bit is turned over, what comes before is taken, however the file is
/// read.
#[test]
fn gzip_that_is_damaged_inside() {
    let file = events(40).join("\n");
    let zipped = gzip(file.as_bytes());
    let mut n_taken = 0;
    for at in 10..zipped.len() - 8 {
        let mut damaged = zipped.clone();
        damaged[at] ^= 4;
        let whole = run(&mut Cursor::new(&damaged), &small());
        let pieces = run(&mut Pieces(&damaged, 1), &small());
        match (whole, pieces) {
            (Ok(whole), Ok(pieces)) => {
                assert_eq!(whole.records, pieces.records, "{at}");
                assert_eq!(whole.rejects, pieces.rejects, "{at}");
                n_taken += whole.records.len();
            }
            (Err(whole), Err(pieces)) => assert_eq!(whole.to_string(), pieces.to_string(), "{at}"),
            (whole, pieces) => panic!("{at}: {whole:?}, in pieces {pieces:?}"),
        }
    }
    assert!(
        n_taken > zipped.len(),
        "{n_taken} of {} files",
        zipped.len()
    );
}
