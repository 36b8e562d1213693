//! Invariant 2: the same event, delivered any number of times, in any order, by
//! concurrent importers, is stored and returned once; conflicts are kept and
//! counted.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::time::Duration;

use tarn_store::AccountScope;
use tarn_store::owner::Session;

use crate::support::ask;
use crate::support::corpus::{Content, Corpus, Delivery, START_MS};
use crate::support::files::{Shape, write_file, write_folder};
use crate::support::home::{self, Home, Picture};
use crate::support::value::Value;
use crate::support::victim::{Orders, Role, Victim};

/// What the whole corpus makes of a store.
fn whole(corpus: &Corpus) -> Picture {
    Picture::expected(corpus, 0..corpus.contents.len())
}

/// An event of one time and account.
fn content(id: &str, name: &str) -> Content {
    Content {
        time_ms: START_MS,
        account: "111122223333".into(),
        event_id: Some(id.into()),
        value: Value::object([
            ("eventTime", Value::text("2024-03-01T00:00:00Z")),
            ("eventID", Value::text(id)),
            ("eventName", Value::text(name)),
            ("recipientAccountId", Value::text("111122223333")),
        ]),
    }
}

/// Two contents of one identity, and a third event; each delivered once.
fn pair_in_conflict() -> Corpus {
    Corpus::of(vec![
        content("same", "GetObject"),
        content("same", "PutObject"),
        content("other", "GetObject"),
    ])
}

#[test]
fn any_order_and_any_split_over_files() {
    let corpus = Corpus::new(1, 400);
    assert!(corpus.conflicts() > 20);
    for (seed, n_files, threads) in [(1, 1, 1), (2, 7, 2), (3, 40, 3), (4, 200, 4)] {
        let home = Home::new();
        let files = write_folder(&home.logs(), &corpus.shuffled(seed), n_files);
        let session = home.session(threads);
        let summary = home::import(&session, &[home.logs()]);
        assert_eq!(summary.files.read, files.len() as u64);
        assert_eq!(summary.records.stored, corpus.contents.len() as u64);
        assert_eq!(summary.records.conflicts, corpus.conflicts() as u64);
        let repeated = corpus.deliveries.len() - corpus.contents.len();
        assert_eq!(summary.records.duplicates, repeated as u64);
        assert_eq!(Picture::of(&corpus, &home.snapshot()), whole(&corpus));
        session.close().expect("closed");
    }
}

#[test]
fn a_second_import_changes_nothing() {
    let corpus = Corpus::new(2, 300);
    let home = Home::new();
    write_folder(&home.logs(), &corpus.deliveries, 9);
    let session = home.session(2);
    home::import(&session, &[home.logs()]);
    let again = home::import(&session, &[home.logs()]);
    assert_eq!((again.files.unchanged, again.files.read), (9, 0));
    assert_eq!(again.records.seen, 0);
    let mut forced = home::request(&[home.logs()]);
    forced.force = true;
    let forced = home::run(&session, &forced);
    assert_eq!(forced.records.duplicates, corpus.deliveries.len() as u64);
    assert_eq!((forced.records.stored, forced.records.conflicts), (0, 0));
    assert_eq!(Picture::of(&corpus, &home.snapshot()), whole(&corpus));
    session.close().expect("closed");
}

/// One delivery an import, then one a push: whatever lies where, in a split, in
/// the tail or in the same file.
#[test]
fn one_by_one_by_import_and_by_push() {
    let corpus = Corpus::new(3, 40);
    for first_is_push in [false, true] {
        let home = Home::new();
        let session = home.session(1);
        for (i, delivery) in corpus.deliveries.iter().enumerate() {
            let log = home.log(&format!("{i}.json"), std::slice::from_ref(delivery));
            match (i % 3 == 0) == first_is_push {
                true => home::push(&session, &[log]),
                false => home::import(&session, &[log]),
            };
        }
        let open = Picture::of(&corpus, &home.snapshot());
        assert_eq!(open, whole(&corpus), "while the tail is not sealed");
        session.close().expect("closed");
        assert_eq!(Picture::of(&corpus, &home.snapshot()), whole(&corpus));
    }
}

/// The bytes first delivered are the ones kept, and other spellings of them are
/// the same event.
#[test]
fn the_first_spelling_stays() {
    let corpus = Corpus::new(4, 120);
    let home = Home::new();
    let session = home.session(1);
    let (first, later) = corpus.deliveries.split_at(corpus.deliveries.len() / 2);
    home::import(&session, &[home.log("first.json", first)]);
    home::import(&session, &[home.log("later.json", later)]);
    let stored = ask::records(&home.snapshot(), home::default_store(&home.snapshot()));
    let mut kept: Vec<Option<&Delivery>> = vec![None; corpus.contents.len()];
    for delivery in &corpus.deliveries {
        kept[delivery.content].get_or_insert(delivery);
    }
    let mut kept: Vec<&[u8]> = kept.iter().flatten().map(|d| d.bytes.as_slice()).collect();
    kept.sort_unstable();
    let stored: Vec<&[u8]> = stored.iter().map(String::as_bytes).collect();
    assert!(stored == kept, "other spellings were kept than the first");
    session.close().expect("closed");
}

/// A file brings again what is stored, and beside it another content of the
/// same identity.
#[test]
fn a_conflict_beside_a_copy_of_what_is_stored() {
    let corpus = pair_in_conflict();
    let home = Home::new();
    let session = home.session(1);
    home::import(&session, &[home.log("one.json", &corpus.deliveries[..1])]);
    let summary = home::import(&session, &[home.log("both.json", &corpus.deliveries[..2])]);
    assert_eq!((summary.records.stored, summary.records.conflicts), (1, 1));
    assert_eq!(summary.records.duplicates, 1);
    let snapshot = home.snapshot();
    assert_eq!(
        Picture::of(&corpus, &snapshot),
        Picture::expected(&corpus, 0..2)
    );
    let store = home::default_store(&snapshot);
    let found = snapshot.events_by_id(store, "same", &AccountScope::All);
    assert_eq!(found.expect("read").len(), 2, "both are found by their id");
    session.close().expect("closed");
}

/// Candidates are found by the hash of the eventID in lower case: two eventIDs
/// that differ in case only are found for each other, and are two.
#[test]
fn ids_of_one_hash_are_no_conflict() {
    let ids = ["same", "Same", "SAME"];
    let corpus = Corpus::of(ids.map(|id| content(id, "GetObject")).into());
    assert_eq!(corpus.conflicts(), 0);
    let home = Home::new();
    let session = home.session(1);
    home::import(&session, &[home.log("one.json", &corpus.deliveries[..1])]);
    let summary = home::import(&session, &[home.log("two.json", &corpus.deliveries[1..])]);
    assert_eq!((summary.records.stored, summary.records.conflicts), (2, 0));
    assert_eq!(Picture::of(&corpus, &home.snapshot()), whole(&corpus));
    session.close().expect("closed");
}

/// While a batch is on its way, another import publishes the same events. What
/// is new is settled in the publish step.
#[test]
fn what_is_published_meanwhile_is_no_more_new() {
    let corpus = Corpus::new(5, 150);
    let home = Home::new();
    let slow = home.log("slow.json", &corpus.deliveries);
    let quick = home.log("quick.json", &corpus.deliveries[..80]);
    let session = Arc::new(home.session(1));
    let (for_step, mut quick) = (Arc::clone(&session), Some(quick));
    home.on_step(move |step| {
        if step == "split written"
            && let Some(quick) = quick.take()
        {
            let summary = home::import(&for_step, &[quick]);
            assert!(summary.records.stored > 50);
        }
    });
    let summary = home::import(&session, &[slow]);
    home.no_more_steps();
    assert!(summary.records.duplicates > 80, "{:?}", summary.records);
    let snapshot = home.snapshot();
    assert_eq!(Picture::of(&corpus, &snapshot), whole(&corpus));
    let dead: usize = snapshot.splits().iter().map(|s| s.entry.dead.len()).sum();
    assert!(
        dead > 50,
        "{dead} documents were dead when they were published"
    );
    // What is dead stays dead when splits are built anew.
    let rebuilt = session.reindex("default", &mut |_| {}, &tarn_store::Cancel::default());
    assert_eq!(
        rebuilt.expect("rebuilt").events,
        corpus.contents.len() as u64
    );
    assert_eq!(Picture::of(&corpus, &home.snapshot()), whole(&corpus));
}

/// The same, of an event that is pushed meanwhile and waits in the tail.
#[test]
fn what_is_pushed_meanwhile_is_no_more_new() {
    let corpus = Corpus::new(6, 60);
    let home = Home::new();
    let slow = home.log("slow.json", &corpus.deliveries);
    let alone = corpus
        .deliveries
        .iter()
        .find(|d| corpus.is_alone(d.content));
    let pushed = home.log("pushed.json", alone.map(std::slice::from_ref).expect("one"));
    let session = Arc::new(home.session(1));
    let (for_step, mut pushed) = (Arc::clone(&session), Some(pushed));
    home.on_step(move |step| {
        if step == "events ingested"
            && let Some(pushed) = pushed.take()
        {
            assert_eq!(home::push(&for_step, &[pushed]).records.stored, 1);
        }
    });
    home::import(&session, &[slow]);
    home.no_more_steps();
    assert_eq!(Picture::of(&corpus, &home.snapshot()), whole(&corpus));
    let session = Arc::into_inner(session).expect("nobody else has it");
    session.close().expect("the tail is sealed");
    assert_eq!(Picture::of(&corpus, &home.snapshot()), whole(&corpus));
}

#[test]
fn two_imports_at_once_in_one_process() {
    for seed in 0..6 {
        let corpus = Corpus::new(20 + seed, 150);
        let home = Home::new();
        for part in ["a", "b"] {
            let deliveries = corpus.shuffled(seed + part.len() as u64);
            write_folder(&home.logs().join(part), &deliveries, 12);
        }
        let session = home.session(2);
        let start = Barrier::new(2);
        let stored: u64 = std::thread::scope(|scope| {
            let imports = ["a", "b"].map(|part| {
                let (session, start) = (&session, &start);
                let folder = home.logs().join(part);
                scope.spawn(move || {
                    start.wait();
                    home::import(session, &[folder]).records.stored
                })
            });
            imports
                .into_iter()
                .map(|i| i.join().expect("imported"))
                .sum()
        });
        assert_eq!(stored, corpus.contents.len() as u64);
        assert_eq!(Picture::of(&corpus, &home.snapshot()), whole(&corpus));
        session.close().expect("closed");
    }
}

/// Whoever comes first owns the directory, the others hand their work over; as
/// owners leave, others take their place.
#[test]
fn many_processes_at_once() {
    let corpus = Corpus::new(30, 300);
    let home = Home::new();
    write_folder(&home.logs(), &corpus.deliveries, 30);
    let children: Vec<Victim> = (0..4)
        .map(|_| Orders::new(Role::Import, home.path()).start())
        .collect();
    for child in children {
        let report = child.summary();
        assert_eq!(report["summary"]["status"], "Completed");
        let files = &report["summary"]["files"];
        assert_eq!(files["seen"], 30, "{report}");
    }
    assert_eq!(Picture::of(&corpus, &home.snapshot()), whole(&corpus));
}

#[test]
fn a_guest_imports_through_the_owner() {
    let corpus = Corpus::new(31, 120);
    let home = Home::new();
    write_folder(&home.logs(), &corpus.deliveries, 10);
    let session = home.session(1);
    let report = Orders::new(Role::Import, home.path()).start().summary();
    assert_eq!(report["is_guest"], true);
    let records = &report["summary"]["records"];
    assert_eq!(records["stored"], corpus.contents.len(), "{report}");
    assert_eq!(records["conflicts"], corpus.conflicts());
    // What the guest did is the owner's own knowledge.
    let again = home::import(&session, &[home.logs()]);
    assert_eq!(again.files.unchanged, 10);
    session.close().expect("closed");
    assert_eq!(Picture::of(&corpus, &home.snapshot()), whole(&corpus));
}

/// The owner leaves after a guest has found it and before the guest hands over
/// its work.
#[test]
fn a_guest_outlives_the_owner() {
    let corpus = Corpus::new(32, 60);
    let home = Home::new();
    let log = home.logs().join("log");
    write_file(&log, Shape::TrailGzip, &corpus.deliveries);
    let owner = home.session(1);
    let guest = Session::open(&home.data(), &home::options(1)).expect("it finds the owner");
    assert!(guest.is_guest());
    owner.close().expect("closed");
    let summary = home::import(&guest, &[log]);
    assert_eq!(summary.records.stored, corpus.contents.len() as u64);
    guest.close().expect("closed");
    assert_eq!(Picture::of(&corpus, &home.snapshot()), whole(&corpus));
}

/// An owner that closes waits for the work of its guests, and takes more as
/// long as there is some: no other process could do it meanwhile.
#[test]
fn a_leaving_owner_takes_work_while_it_has_some() {
    let corpus = Corpus::new(33, 60);
    let home = Home::new();
    let (first, second) = corpus.deliveries.split_at(corpus.deliveries.len() / 2);
    let logs = [
        home.log("first.json", first),
        home.log("second.json", second),
    ];
    let owner = home.session(1);
    let (begun, has_begun) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    home.on_step(move |step| {
        if step == "intent written" {
            begun.send(()).expect("waited for");
            may_go_on.recv().expect("sent below");
        }
    });
    let guest = || Session::open(&home.data(), &home::options(1)).expect("it finds the owner");
    let (slow, quick) = (guest(), guest());
    let closed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let importing = scope.spawn(|| home::import(&slow, &logs[..1]));
        has_begun.recv().expect("the first import is on its way");
        home.no_more_steps();
        scope.spawn(|| {
            owner.close().expect("closed");
            closed.store(true, Ordering::Relaxed);
        });
        std::thread::sleep(Duration::from_millis(100));
        home::import(&quick, &logs[1..]);
        let late = guest();
        assert!(late.is_guest());
        assert!(!closed.load(Ordering::Relaxed));
        go_on.send(()).expect("waited for");
        importing.join().expect("imported");
    });
    assert_eq!(Picture::of(&corpus, &home.snapshot()), whole(&corpus));
}
