//! Invariant 6: the sums balance, and whatever was not stored is told.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tarn_store::Cancel;
use tarn_store::catalog::{FileSums, ImportStatus, RecordSums};
use tarn_store::import::select::{AdvancedEventSelector, FieldSelector};
use tarn_store::manage::NewStore;

use crate::support::ask;
use crate::support::corpus::{Content, Corpus, START_MS};
use crate::support::files::{Shape, gzipped, write_folder};
use crate::support::home::{self, Home, NOW_MS};
use crate::support::value::Value;

/// An event of our own, one line.
fn event(id: &str, more: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.11","eventTime":"2024-03-01T00:00:01Z","eventID":"{id}","recipientAccountId":"111122223333"{more}}}"#
    )
}

/// A file of the zoo: what is in it, and what must be said of it.
struct Specimen {
    name: &'static str,
    bytes: Vec<u8>,
    files: FileSums,
    records: RecordSums,
}

fn read() -> FileSums {
    FileSums {
        seen: 1,
        read: 1,
        ..FileSums::default()
    }
}

fn no_log() -> FileSums {
    FileSums {
        seen: 1,
        not_event_logs: 1,
        ..FileSums::default()
    }
}

fn failed() -> FileSums {
    FileSums {
        seen: 1,
        failed: 1,
        ..FileSums::default()
    }
}

fn records(stored: u64, duplicates: u64, rejected: u64) -> RecordSums {
    RecordSums {
        seen: stored + duplicates + rejected,
        stored,
        duplicates,
        rejected,
        ..RecordSums::default()
    }
}

/// Everything that has been found in folders of logs, alone and broken.
fn zoo() -> Vec<Specimen> {
    let specimen = |name, bytes: &[u8], files, records| Specimen {
        name,
        bytes: bytes.to_vec(),
        files,
        records,
    };
    let lines = |lines: &[String]| lines.join("\n").into_bytes();
    let trail = |records: &[String]| format!(r#"{{"Records":[{}]}}"#, records.join(","));
    let gz = gzipped(trail(&[event("gz-1", ""), event("gz-2", "")]).as_bytes());
    let deep = format!(r#","x":{}1{}"#, "[".repeat(300), "]".repeat(300));
    let repeated = [event("twice", ""), event("twice", ""), event("once", "")];
    let mut not_utf8 = event("utf8", r#","x":"?""#).into_bytes();
    if let Some(at) = not_utf8.iter().position(|b| *b == b'?') {
        not_utf8[at] = 0xFF;
    }
    vec![
        specimen("empty", b"", read(), records(0, 0, 0)),
        specimen("no-records", br#"{"Records":[]}"#, read(), records(0, 0, 0)),
        specimen("repeated", &lines(&repeated), read(), records(2, 1, 0)),
        specimen(
            "no-time",
            &lines(&[
                event("a", ""),
                r#"{"eventVersion":"1.0","eventID":"b"}"#.into(),
            ]),
            read(),
            records(1, 0, 1),
        ),
        specimen(
            "bad-time",
            br#"{"eventVersion":"1.0","eventTime":"soon","eventID":"c"}"#,
            read(),
            records(0, 0, 1),
        ),
        specimen(
            "too-deep",
            &lines(&[event("d", &deep)]),
            read(),
            records(0, 0, 1),
        ),
        specimen("not-utf8", &not_utf8, read(), records(0, 0, 1)),
        specimen(
            "broken-line",
            &lines(&[
                event("e", ""),
                r#"{"eventVersion":"1."#.into(),
                event("f", ""),
            ]),
            read(),
            records(2, 0, 1),
        ),
        specimen("whole.json.gz", &gz, read(), records(2, 0, 0)),
        specimen("digest", DIGEST, no_log(), records(0, 0, 0)),
        specimen("config", CONFIG, no_log(), records(0, 0, 0)),
        specimen(
            "notes.txt",
            b"what I found on Tuesday",
            no_log(),
            records(0, 0, 0),
        ),
        specimen("table.csv", b"a,b\n1,2\n", no_log(), records(0, 0, 0)),
        specimen(
            "noise",
            &[0x1f, 0x8b, 8, 0, 1, 2, 3],
            failed(),
            records(0, 0, 0),
        ),
    ]
}

const DIGEST: &[u8] = br#"{"awsAccountId":"111122223333","digestStartTime":"2024-03-01T00:00:00Z",
    "digestEndTime":"2024-03-01T01:00:00Z","digestS3Bucket":"b","digestS3Object":"o","logFiles":[]}"#;
const CONFIG: &[u8] = br#"{"fileVersion":"1.0","configSnapshotId":"x","configurationItems":[]}"#;

/// Each specimen alone: what it is must not depend on its neighbours.
#[test]
fn each_kind_of_file() {
    for specimen in zoo() {
        let home = Home::new();
        let path = home.logs().join(specimen.name);
        fs::create_dir_all(home.logs()).expect("a folder");
        fs::write(&path, &specimen.bytes).expect("a file");
        let session = home.session(1);
        let summary = home::import(&session, &[path]);
        assert_eq!(
            summary.files, specimen.files,
            "{}: {summary:?}",
            specimen.name
        );
        assert_eq!(summary.records, specimen.records, "{}", specimen.name);
        session.close().expect("closed");
    }
}

/// All of them at once, with sums that are the sums of the single ones, every
/// reject kept with its bytes, and every file that was left out named.
#[test]
fn all_kinds_together() {
    let home = Home::new();
    fs::create_dir_all(home.logs()).expect("a folder");
    let (mut files, mut records) = (FileSums::default(), RecordSums::default());
    for specimen in zoo() {
        fs::write(home.logs().join(specimen.name), &specimen.bytes).expect("a file");
        files.seen += 1;
        files.read += specimen.files.read;
        files.not_event_logs += specimen.files.not_event_logs;
        files.failed += specimen.files.failed;
        records.add(&specimen.records);
    }
    std::os::unix::fs::symlink("nowhere", home.logs().join("dangling")).expect("a link");
    files.seen += 1;
    files.failed += 1;

    let session = home.session(2);
    let mut request = home::request(&[home.logs()]);
    request.dry_run = true;
    let dry = home::run(&session, &request);
    assert_eq!((dry.files, dry.import), (files, None));
    assert!(
        home.snapshot().imports().expect("read").is_empty(),
        "nothing was written"
    );

    let mut last = None;
    request.dry_run = false;
    let summary = session
        .import(&request, &mut |p| last = Some(*p), &Cancel::default())
        .expect("imported");
    assert_eq!(summary.files, files, "{summary:?}");
    assert_eq!(summary.records, records);
    let last = last.expect("progress was told");
    assert_eq!(
        (last.files_total, last.files_done),
        (files.seen, files.seen)
    );
    assert_eq!(last.records, records);
    assert_eq!(last.bytes_done, last.bytes_total);

    let named = summary.foreign.len() + summary.failures.len();
    // Digests and their like are no logs by design and need no explanation.
    assert!(named as u64 >= files.failed + 2, "{summary:?}");
    let snapshot = home.snapshot();
    let rejects = snapshot.rejects(summary.import).expect("read");
    assert_eq!(rejects.len() as u64, records.rejected + files.failed);
    for name in [
        "no-time",
        "bad-time",
        "too-deep",
        "not-utf8",
        "broken-line",
        "noise",
    ] {
        let kept = rejects.iter().find(|r| r.path.ends_with(name));
        let kept = kept.unwrap_or_else(|| panic!("{name} is among the rejects"));
        assert!(!kept.reason.is_empty());
        assert!(kept.bytes.contains("event") || name == "noise", "{kept:?}");
    }
    let history = snapshot.imports().expect("read");
    assert_eq!(history.len(), 1);
    assert_eq!((history[0].files, history[0].records), (files, records));
    assert_eq!(history[0].status, ImportStatus::Completed);

    // Again: what was read is unchanged, what failed is tried anew.
    let again = home::run(&session, &request);
    assert_eq!(again.files.failed, files.failed);
    assert_eq!(again.files.seen, files.seen);
    assert_eq!(again.records.stored, 0);
    session.close().expect("closed");
}

/// A file that ends in the middle of a record gives what is before.
#[test]
fn a_truncated_file() {
    let corpus = Corpus::new(71, 60);
    let records: Vec<&[u8]> = corpus
        .deliveries
        .iter()
        .map(|d| d.bytes.as_slice())
        .collect();
    for shape in [Shape::Trail, Shape::TrailGzip, Shape::Ndjson, Shape::Array] {
        let home = Home::new();
        let bytes = shape.write(&records);
        fs::create_dir_all(home.logs()).expect("a folder");
        let log = home.logs().join("cut");
        fs::write(&log, &bytes[..bytes.len() / 2]).expect("a file");
        let session = home.session(1);
        let summary = home::import(&session, &[log]);
        assert!(
            summary.records.stored > 5,
            "{shape:?}: {:?}",
            summary.records
        );
        assert_eq!(
            summary.records.rejected, 1,
            "{shape:?}: the record that is cut"
        );
        session.close().expect("closed");
    }
}

/// The eventName that counts: of a repeated key the last; none that is no text.
fn name_of(content: &Content) -> &str {
    let Value::Object(members) = &content.value else {
        return "";
    };
    match members.iter().rev().find(|(key, _)| key == "eventName") {
        Some((_, Value::Text(name))) => name,
        _ => "",
    }
}

/// What selectors and retention leave out is counted, and not stored.
#[test]
fn selectors_and_retention() {
    let corpus = Corpus::new(72, 200);
    let home = Home::new();
    write_folder(&home.logs(), &corpus.deliveries, 5);
    let session = home.session(2);
    let name_is = |name: &str| AdvancedEventSelector {
        name: String::new(),
        field_selectors: vec![
            FieldSelector {
                field: "eventCategory".into(),
                equals: vec!["Management".into()],
                ..FieldSelector::default()
            },
            FieldSelector {
                field: "eventName".into(),
                equals: vec![name.into()],
                ..FieldSelector::default()
            },
        ],
    };
    let mut stores = Vec::new();
    for (name, selectors, retention_days) in [
        (
            "selecting",
            vec![name_is("GetObject"), name_is("PutObject")],
            None,
        ),
        ("forgetful", Vec::new(), Some(7)),
    ] {
        let new = NewStore {
            name: name.into(),
            selectors,
            retention_days,
            ..NewStore::default()
        };
        stores.push(session.create_store(new).expect("made"));
    }
    let mut request = home::request(&[home.logs()]);
    request.store = "selecting".into();
    let summary = home::run(&session, &request);
    assert!(summary.records.filtered > 50, "{:?}", summary.records);
    let snapshot = home.snapshot();
    let records = ask::records(&snapshot, stores[0].id);
    assert_eq!(records.len() as u64, summary.records.stored);
    let wanted: BTreeSet<usize> = (0..corpus.contents.len())
        .filter(|c| ["GetObject", "PutObject"].contains(&name_of(&corpus.contents[*c])))
        .collect();
    let by_bytes = corpus.by_bytes();
    let stored: BTreeSet<usize> = records.iter().map(|r| by_bytes[r.as_bytes()]).collect();
    assert_eq!(stored, wanted);

    assert!(START_MS + 8 * 86_400_000 < NOW_MS, "the corpus is old");
    request.store = "forgetful".into();
    let summary = home::run(&session, &request);
    assert_eq!(summary.records.expired, corpus.deliveries.len() as u64);
    assert_eq!(home.snapshot().event_count(stores[1].id), 0);
    session.close().expect("closed");
}

/// An interrupted import has counted what it did; the next one does the rest.
#[test]
fn an_interrupted_import() {
    let corpus = Corpus::new(73, 400);
    let home = Home::new();
    let n_files = write_folder(&home.logs(), &corpus.deliveries, 60).len() as u64;
    let session = home.session(2);
    let cancel = Cancel::default();
    let for_step = cancel.clone();
    home.on_step(move |_| for_step.cancel());
    // A first import, so that there are steps before the end.
    let first = session
        .import(
            &home::request(&[home.logs().join("part-0000.log")]),
            &mut |_| {},
            &cancel,
        )
        .expect("stopped is no failure");
    assert_eq!(first.status, ImportStatus::Interrupted);
    assert!(
        first.files.balance() && first.records.balance(),
        "{first:?}"
    );
    home.no_more_steps();
    let stopped = session
        .import(&home::request(&[home.logs()]), &mut |_| {}, &cancel)
        .expect("stopped is no failure");
    assert_eq!(stopped.status, ImportStatus::Interrupted);
    assert!(
        stopped.files.balance() && stopped.records.balance(),
        "{stopped:?}"
    );
    assert!(stopped.files.read < n_files);
    let rest = home::import(&session, &[home.logs()]);
    assert_eq!(rest.files.read + rest.files.unchanged, n_files);
    let picture = home::Picture::of(&corpus, &home.snapshot());
    assert_eq!(
        picture,
        home::Picture::expected(&corpus, 0..corpus.contents.len())
    );
    let statuses: Vec<ImportStatus> = home
        .snapshot()
        .imports()
        .expect("read")
        .iter()
        .map(|i| i.status)
        .collect();
    assert_eq!(
        statuses,
        [
            ImportStatus::Interrupted,
            ImportStatus::Interrupted,
            ImportStatus::Completed
        ]
    );
    session.close().expect("closed");
}

/// A file that grew is read again; what was in it before is a duplicate.
#[test]
fn a_file_that_grows() {
    let corpus = Corpus::new(74, 50);
    let home = Home::new();
    let half = corpus.deliveries.len() / 2;
    let session = home.session(1);
    let log = home.log("growing.json", &corpus.deliveries[..half]);
    let first = home::import(&session, std::slice::from_ref(&log));
    home.log("growing.json", &corpus.deliveries);
    let second = home::import(&session, std::slice::from_ref(&log));
    assert_eq!((second.files.read, second.files.unchanged), (1, 0));
    assert_eq!(
        first.records.stored + second.records.stored,
        corpus.contents.len() as u64
    );
    assert!(Path::new(&log).exists());
    session.close().expect("closed");
}
