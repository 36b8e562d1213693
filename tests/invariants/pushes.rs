//! Invariants 1, 2, 3 and 6 of events that are sent a few at a time: each push is told
//! what became of it, is seen at once by everyone, and counts in the import that all
//! pushes of a process are.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tarn_store::Cancel;
use tarn_store::catalog::{ImportStatus, RecordSums};
use tarn_store::import::push::{PushError, PushRequest, Pushed};
use tarn_store::owner::{Refusal, Session, SessionError};

use crate::support::ask;
use crate::support::corpus::Corpus;
use crate::support::files::{Shape, gzipped};
use crate::support::home::{self, Home, Picture};

fn request(name: &str) -> PushRequest {
    PushRequest {
        store: "default".to_owned(),
        name: name.to_owned(),
    }
}

fn push(session: &Session, body: &[u8]) -> Pushed {
    let pushed = session.push(&request("test"), body).expect("stored");
    assert!(pushed.records.balance(), "{pushed:?}");
    pushed
}

fn event(id: usize, more: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.11","eventTime":"2026-05-01T00:00:01Z","eventID":"{id}","recipientAccountId":"111122223333"{more}}}"#
    )
}

/// Many at once, of which some repeat and some contradict each other: the sums that
/// each was told add up to what is there, and to the one import that they count as.
#[test]
fn many_at_once() {
    let corpus = Corpus::new(31, 400);
    let home = Home::new();
    let session = home.session(2);
    let deliveries = corpus.shuffled(5);
    let bodies: Vec<Vec<u8>> = deliveries
        .chunks(3)
        .map(|chunk| Shape::Ndjson.write(&chunk.iter().map(|d| &*d.bytes).collect::<Vec<_>>()))
        .collect();
    let next = AtomicUsize::new(0);
    let told = Mutex::new(RecordSums::default());
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let pushed = push(&session, body);
                    told.lock().expect("nobody panics").add(&pushed.records);
                }
            });
        }
    });
    let told = told.into_inner().expect("nobody panics");
    assert_eq!(told.seen, deliveries.len() as u64);
    assert_eq!(told.stored, corpus.contents.len() as u64);
    assert_eq!(told.conflicts, corpus.conflicts() as u64);

    let snapshot = home.snapshot();
    let imports = snapshot.imports().expect("they read");
    assert_eq!(imports.len(), 1, "all pushes are one import");
    assert_eq!((imports[0].records, imports[0].is_push), (told, true));
    assert_eq!(imports[0].status, ImportStatus::Running);
    let whole = Picture::expected(&corpus, 0..corpus.contents.len());
    assert_eq!(Picture::of(&corpus, &snapshot), whole);
    session.close().expect("closed");
    let snapshot = home.snapshot();
    let imports = snapshot.imports().expect("they read");
    assert_eq!(
        (imports[0].records, imports[0].status),
        (told, ImportStatus::Completed)
    );
    assert!(imports[0].ended_ms.is_some());
    assert_eq!(Picture::of(&corpus, &snapshot), whole, "sealed");
}

/// A client that is not sure sends again, at the same moment or later.
#[test]
fn the_same_push_again() {
    let home = Home::new();
    let session = home.session(1);
    let body = [event(1, ""), event(2, "")].join("\n").into_bytes();
    let stored = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let sums = push(&session, &body).records;
                assert_eq!(sums.stored + sums.duplicates, 2);
                stored.fetch_add(sums.stored as usize, Ordering::Relaxed);
            });
        }
    });
    assert_eq!(stored.into_inner(), 2);
    assert_eq!(push(&session, &gzipped(&body)).records.duplicates, 2);
    assert_eq!(
        home.snapshot().splits().len(),
        0,
        "nothing had to be sealed"
    );
    let other = push(&session, event(1, r#","x":1"#).as_bytes()).records;
    assert_eq!((other.stored, other.conflicts), (1, 1));
    assert_eq!(home.snapshot().conflicts(None).expect("they read").len(), 1);
}

/// What is pushed while a tail is sealed is neither lost nor there twice.
#[test]
fn sealing_goes_on_beside_pushes() {
    let home = Home::new();
    let session = home.session(1);
    let n_bodies = 120;
    std::thread::scope(|scope| {
        let pushing = scope.spawn(|| {
            for n in 0..n_bodies {
                let body: Vec<String> = (0..50).map(|i| event(n * 50 + i, "")).collect();
                assert_eq!(
                    push(&session, body.join("\n").as_bytes()).records.stored,
                    50
                );
            }
        });
        while !pushing.is_finished() {
            session.seal_due().expect("sealed");
            let snapshot = home.snapshot();
            if let Some(store) = snapshot.find_store("default") {
                let records = ask::records(&snapshot, store.id);
                let distinct: BTreeSet<&String> = records.iter().collect();
                assert_eq!(distinct.len(), records.len(), "an event twice");
                assert_eq!(records.len() % 50, 0, "half a push");
            }
        }
    });
    let snapshot = home.snapshot();
    assert!(!snapshot.splits().is_empty(), "2,000 events are due");
    assert!(snapshot.tail_count() < 6_000);
    let store = home::default_store(&snapshot);
    assert_eq!(snapshot.event_count(store), n_bodies as u64 * 50);
    home::check(&snapshot);
    session.merge_due(&Cancel::default()).expect("merged");
    assert_eq!(home.snapshot().event_count(store), n_bodies as u64 * 50);
}

/// Rejects are told with their places in what was sent, and kept with their bytes.
#[test]
fn what_is_rejected_is_told_and_kept() {
    let home = Home::new();
    let session = home.session(1);
    let body = format!(
        "{}\n{{\"eventID\":\"no time\"}}\n{}",
        event(1, ""),
        event(2, "")
    );
    for n in 0..2 {
        let pushed = session
            .push(&request("shipper-7"), body.as_bytes())
            .expect("stored");
        let sums = pushed.records;
        assert_eq!((sums.seen, sums.rejected, sums.stored), (3, 1, 2 - 2 * n));
        assert_eq!((pushed.rejects.len(), pushed.rejects[0].position), (1, 1));
        assert_eq!(pushed.reject_reasons[0].1, 1);
    }
    let snapshot = home.snapshot();
    let rejects = snapshot.rejects(None).expect("they read");
    let places: Vec<_> = rejects
        .iter()
        .map(|r| (r.path.as_str(), r.position))
        .collect();
    // Each has a place of its own in all that came under the name.
    assert_eq!(places, [("shipper-7", Some(1)), ("shipper-7", Some(4))]);
    assert_eq!(rejects[0].bytes, r#"{"eventID":"no time"}"#);
}

#[test]
fn what_holds_no_events_is_refused() {
    let home = Home::new();
    let session = home.session(1);
    let refused = |body: &[u8]| session.push(&request("test"), body).expect_err("refused");
    assert!(matches!(refused(b""), SessionError::Push(PushError::Empty)));
    assert_eq!(refused(b"hello").refusal(), Some(Refusal::Invalid));
    let digest = br#"{"awsAccountId":"1","digestStartTime":"2024-03-01T00:00:00Z","digestEndTime":"2024-03-01T01:00:00Z","digestS3Bucket":"b","digestS3Object":"o","logFiles":[]}"#;
    assert_eq!(refused(digest).refusal(), Some(Refusal::Invalid));
    let bomb = gzipped(&vec![b' '; 40 << 20]);
    assert_eq!(refused(&bomb).refusal(), Some(Refusal::TooLarge));
    let nowhere = PushRequest {
        store: "nowhere".to_owned(),
        name: "test".to_owned(),
    };
    let error = session.push(&nowhere, event(1, "").as_bytes());
    let error = error.expect_err("there is none");
    assert_eq!(error.refusal(), Some(Refusal::NotFound));
    assert_eq!(
        push(&session, br#"{"Records":[]}"#).records,
        RecordSums::default()
    );
    let imports = home.snapshot().imports().expect("they read");
    assert!(imports.iter().all(|i| i.records == RecordSums::default()));
}

/// A process that does not have the directory hands over what is sent to it, and
/// takes its place when it leaves.
#[test]
fn a_guest_hands_over_and_takes_over() {
    let home = Home::new();
    let owner = home.session(1);
    let guest = home.session(1);
    assert!(guest.is_guest());
    assert_eq!(push(&guest, event(1, "").as_bytes()).records.stored, 1);
    assert_eq!(push(&owner, event(1, "").as_bytes()).records.duplicates, 1);
    let refused = guest.push(&request("test"), b"hello").expect_err("refused");
    assert_eq!(refused.refusal(), Some(Refusal::Invalid));
    let tmp = home.data().join("tmp");
    let spooled = std::fs::read_dir(tmp).expect("a folder").flatten();
    let spooled = spooled.filter(|e| e.file_name().to_string_lossy().starts_with("push-"));
    assert_eq!(spooled.count(), 0, "what was handed over is removed");
    assert!(
        !guest.take_over().expect("it looks"),
        "the other one is there"
    );
    owner.close().expect("closed");
    drop(owner);
    assert!(guest.take_over().expect("it takes"), "nobody is there");
    assert_eq!(push(&guest, event(2, "").as_bytes()).records.stored, 1);
    let snapshot = home.snapshot();
    assert_eq!(snapshot.event_count(home::default_store(&snapshot)), 2);
    assert_eq!(
        snapshot.imports().expect("they read").len(),
        2,
        "one a process"
    );
}
