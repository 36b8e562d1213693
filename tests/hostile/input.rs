//! Files with odd content: what cannot be taken is a reject with its place, its bytes
//! and a reason, and what stands beside it is taken.

use std::fs::{self, File};
use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use tarn_store::catalog::RejectEntry;

use crate::support::ask;
use crate::support::files::gzipped;
use crate::support::home::{self, Home};

/// No file here takes a tenth of it, unless its time grows with the square of its size.
const TIME_MAX: Duration = Duration::from_secs(120);

/// An event of our own whose `x` is this text of JSON, or what should be.
fn event(x: &str) -> Vec<u8> {
    event_at("\"2024-03-01T00:00:01Z\"", x)
}

fn event_at(time: &str, x: &str) -> Vec<u8> {
    format!(r#"{{"eventTime":{time},"eventID":"e","x":{x}}}"#).into_bytes()
}

/// A record that is delivered among others.
struct Specimen {
    name: &'static str,
    record: Vec<u8>,
    /// None where it is stored; else what its reject says.
    rejected: Option<&'static str>,
}

fn stored(name: &'static str, record: Vec<u8>) -> Specimen {
    Specimen {
        name,
        record,
        rejected: None,
    }
}

fn rejected(name: &'static str, reason: &'static str, record: Vec<u8>) -> Specimen {
    Specimen {
        name,
        record,
        rejected: Some(reason),
    }
}

fn nested(depth: usize) -> Vec<u8> {
    event(&format!("{}{}", "[".repeat(depth), "]".repeat(depth)))
}

fn nested_objects(depth: usize) -> Vec<u8> {
    event(&format!(
        "{}1{}",
        "{\"k\":".repeat(depth),
        "}".repeat(depth)
    ))
}

/// An object of so many members, no two of the same name.
fn members(n: usize) -> Vec<u8> {
    let members: Vec<String> = (0..n).map(|i| format!("\"{i:x}\":1")).collect();
    event(&format!("{{{}}}", members.join(",")))
}

fn specimens() -> Vec<Specimen> {
    let text = |len: usize| event(&format!("\"{}\"", "a".repeat(len)));
    let bytes = |x: &[u8]| -> Vec<u8> {
        let record = String::from_utf8(event("\"?\"")).expect("text");
        let (before, after) = record.split_once('?').expect("there");
        [before.as_bytes(), x, after.as_bytes()].concat()
    };
    let at = |time: &str| event_at(&format!("\"{time}\""), "1");
    let no_time = "is not a time";
    vec![
        stored("120 levels", nested(120)),
        rejected(
            "1,000 levels",
            "nested deeper than 128 levels",
            nested(1_000),
        ),
        rejected(
            "100,000 levels",
            "nested deeper than 128 levels",
            nested(100_000),
        ),
        rejected(
            "objects",
            "nested deeper than 128 levels",
            nested_objects(100_000),
        ),
        stored("a record of 10 MB", text(10_000_000)),
        rejected(
            "a string of 20 MB",
            "longer than 16777216 bytes",
            text(20_000_000),
        ),
        stored("many members", members(100_000)),
        stored("a key twice", event(r#"1,"x":{"a":1,"a":[2]}"#)),
        stored("an empty key", event(r#"{"":{"":1}}"#)),
        stored(
            "keys with signs",
            event(r#"{"a.b":1,"\u0000":2,"\u0001":3,"[0]":4}"#),
        ),
        rejected("no UTF-8", "not UTF-8 at byte", bytes(b"\xc3\x28")),
        rejected("cut UTF-8", "not UTF-8 at byte", bytes(b"\xf0\x9f\x92")),
        rejected(
            "a surrogate as bytes",
            "not UTF-8 at byte",
            bytes(b"\xed\xa0\x80"),
        ),
        rejected("NUL", "control character", bytes(b"\0")),
        rejected("a bell", "control character", bytes(b"\x07")),
        stored("NUL, escaped", bytes(br"\u0000")),
        rejected("a lone surrogate", "not JSON", bytes(br"\ud800")),
        rejected(
            "a surrogate pair, turned",
            "not JSON",
            bytes(br"\udc00\ud800"),
        ),
        stored("a surrogate pair", bytes(br"\ud83d\ude00")),
        stored("1e999", event("1e999")),
        stored("-0", event("-0")),
        stored("2^64", event("18446744073709551616")),
        stored("40 digits", event(&"7".repeat(40))),
        stored("4,000 digits", event(&"7".repeat(4_000))),
        rejected(
            "5,000 digits",
            "number out of range",
            event(&"7".repeat(5_000)),
        ),
        stored("a huge exponent", event("1e99999999999999999999")),
        rejected("NaN", "not JSON", event("NaN")),
        rejected("a leading zero", "not JSON", event("007")),
        stored("the year 0", at("0000-01-01T00:00:00Z")),
        stored("the year 9999", at("9999-12-31T23:59:59Z")),
        stored("no zone", at("2024-03-01T00:00:01")),
        rejected("the 30th of February", no_time, at("2024-02-30T00:00:00Z")),
        rejected("24 o'clock", no_time, at("2024-02-28T24:00:00Z")),
        rejected("the year 99999", no_time, at("99999-01-01T00:00:00Z")),
        rejected("an empty time", no_time, at("")),
        rejected(
            "a time that is a number",
            no_time,
            event_at("1709251201", "1"),
        ),
        rejected("a time that is null", "no eventTime", event_at("null", "1")),
    ]
}

/// A record that shows that the file was read on.
fn good(n: usize) -> Vec<u8> {
    format!(r#"{{"eventTime":"2024-03-02T00:00:00Z","eventID":"good-{n}"}}"#).into_bytes()
}

/// Each between two records that are stored, in lines and in an array.
#[test]
fn odd_records_among_others() {
    for specimen in specimens() {
        let (first, last) = (good(1), good(2));
        let lines = [&first, &specimen.record, &last].map(Vec::as_slice);
        let log = [
            br#"{"Records":["#.as_slice(),
            &lines.join(&b","[..]),
            b"]}".as_slice(),
        ];
        check(&specimen, &lines.join(&b"\n"[..]), first.len() as u64 + 1);
        check(&specimen, &log.concat(), first.len() as u64 + 13);
        check(&specimen, &gzipped(&log.concat()), first.len() as u64 + 13);
    }
}

/// Imports one file in which the specimen begins at `offset`.
fn check(specimen: &Specimen, file: &[u8], offset: u64) {
    let name = specimen.name;
    let home = Home::new();
    fs::create_dir_all(home.logs()).expect("a folder");
    fs::write(home.logs().join("odd.json"), file).expect("a file");
    let session = home.session(1);
    let begun = Instant::now();
    let summary = home::import(&session, &[home.logs()]);
    assert!(begun.elapsed() < TIME_MAX, "{name}: {:?}", begun.elapsed());
    assert_eq!(summary.files.read, 1, "{name}: {summary:?}");
    let snapshot = home.snapshot();
    let records = ask::records(&snapshot, home::default_store(&snapshot));
    let mut expected = vec![good(1), good(2)];
    let rejects = snapshot.rejects(None).expect("read");
    match specimen.rejected {
        None => {
            expected.push(specimen.record.clone());
            assert_eq!(rejects, [], "{name}");
        }
        Some(reason) => {
            let [reject] = rejects.as_slice() else {
                panic!("{name}: {rejects:#?}");
            };
            check_reject(name, reject, reason, &specimen.record, offset);
        }
    }
    let mut records: Vec<Vec<u8>> = records.into_iter().map(String::into_bytes).collect();
    records.sort();
    expected.sort();
    assert!(records == expected, "{name}: {} records", records.len());
}

fn check_reject(name: &str, reject: &RejectEntry, reason: &str, record: &[u8], offset: u64) {
    assert!(reject.reason.contains(reason), "{name}: {}", reject.reason);
    assert_eq!(reject.position, Some(1), "{name}");
    assert_eq!(reject.byte_offset, Some(offset), "{name}");
    // Bytes that are no text are escaped, so only the beginning is the record's own.
    let begins = &record[..reject.bytes.len().min(20)];
    assert!(
        reject.bytes.as_bytes().starts_with(begins),
        "{name}: {}",
        reject.bytes
    );
    assert!(
        reject.bytes.len() <= 64 << 10,
        "{name}: {}",
        reject.bytes.len()
    );
}

/// What can be unpacked is taken, and where a stream breaks is told.
#[test]
fn odd_gzip() {
    let lines = |range: std::ops::Range<usize>| -> Vec<u8> {
        range
            .flat_map(|n| [good(n), b"\n".to_vec()].concat())
            .collect()
    };
    let (one, two) = (gzipped(&lines(0..10)), gzipped(&lines(10..20)));
    let many = gzipped(&lines(0..5000));
    let zeros = vec![0; 1000];
    let cases: [(&str, Vec<u8>, Option<u64>, &str); 6] = [
        (
            "members in a row",
            [one.as_slice(), &two].concat(),
            Some(20),
            "",
        ),
        ("padding", [one.as_slice(), &zeros].concat(), Some(10), ""),
        ("gzip in gzip", gzipped(&one), Some(10), ""),
        (
            "something behind",
            [one.as_slice(), b"more"].concat(),
            Some(10),
            "not gzip",
        ),
        ("cut", many[..many.len() / 2].to_vec(), None, "ends early"),
        (
            "cut in a header",
            [one.as_slice(), &two[..5]].concat(),
            Some(10),
            "ends early",
        ),
    ];
    for (name, bytes, wanted, reason) in cases {
        let home = Home::new();
        fs::create_dir_all(home.logs()).expect("a folder");
        fs::write(home.logs().join("odd.json.gz"), bytes).expect("a file");
        let session = home.session(1);
        let summary = home::import(&session, &[home.logs()]);
        let stored = summary.records.stored;
        match wanted {
            Some(wanted) => assert_eq!(stored, wanted, "{name}"),
            None => assert!(stored > 100 && stored < 4900, "{name}: {stored}"),
        }
        let rejects = home.snapshot().rejects(None).expect("read");
        assert_eq!(rejects.is_empty(), reason.is_empty(), "{name}: {rejects:?}");
        for reject in rejects {
            assert!(reject.reason.contains(reason), "{name}: {}", reject.reason);
            assert!(reject.byte_offset.is_some(), "{name}: {reject:?}");
        }
    }
}

/// A file that would fill any memory or disk is given up at a size that harms nothing;
/// the files beside it are taken.
#[test]
fn a_gzip_bomb() {
    let home = Home::new();
    fs::create_dir_all(home.logs()).expect("a folder");
    let bomb = File::create(home.logs().join("bomb.json.gz")).expect("a file");
    let mut bomb = GzEncoder::new(bomb, Compression::best());
    bomb.write_all(b"{\"Records\":[").expect("written");
    bomb.write_all(&vec![b' '; 64 << 20]).expect("written");
    bomb.finish().expect("written");
    fs::write(home.logs().join("good.json"), good(1)).expect("a file");
    let session = home.session(1);
    let summary = home::import(&session, &[home.logs()]);
    assert_eq!((summary.files.read, summary.files.failed), (1, 1));
    assert_eq!(summary.records.stored, 1);
    let (path, reason) = &summary.failures[0];
    assert!(
        path.ends_with("bomb.json.gz") && reason.contains("expands too far"),
        "{reason}"
    );
}
