//! Invariant 3: a batch is visible whole or not at all, at every moment.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tarn_store::{Cancel, Reader, Snapshot};

use crate::support::ask;
use crate::support::corpus::{Corpus, Delivery};
use crate::support::home::{self, Home};

/// Events of a file. Every file here is one batch, and brings no duplicates.
const EVENTS: usize = 40;

/// Files of `EVENTS` events each, none of which another file brings.
fn files(home: &Home, seed: u64, n: usize) -> Vec<std::path::PathBuf> {
    let corpus = Corpus::new(seed, 2 * n * EVENTS);
    let alone: Vec<Delivery> = corpus
        .deliveries
        .iter()
        .filter(|d| corpus.is_alone(d.content))
        .cloned()
        .collect();
    let files: Vec<_> = alone
        .chunks_exact(EVENTS)
        .take(n)
        .enumerate()
        .map(|(i, chunk)| home.log(&format!("{i}.json"), chunk))
        .collect();
    assert_eq!(files.len(), n);
    files
}

/// The number of events that a reader sees: by index, by the plain path and by
/// the catalogue. Each is a whole number of batches.
fn counted(snapshot: &Arc<Snapshot>, when: &str) -> [usize; 3] {
    let Some(store) = snapshot.find_store("default").map(|s| s.id) else {
        return [0; 3];
    };
    let (indexed, plain) = ask::counts(snapshot, store);
    let counts = [indexed, plain, snapshot.event_count(store) as usize];
    assert!(
        counts.iter().all(|n| n % EVENTS == 0),
        "{when}: {counts:?} are no whole batches"
    );
    counts
}

/// The number of events that a reader sees, whoever counts them and however.
fn whole_batches(snapshot: &Arc<Snapshot>, when: &str) -> usize {
    let [indexed, plain, catalogue] = counted(snapshot, when);
    assert_eq!(indexed, plain, "{when}: by index and by the plain path");
    assert_eq!(plain, catalogue, "{when}: by the catalogue");
    plain
}

/// A reader looks at every step of imports, pushes, seals, merges and rebuilds.
#[test]
fn at_every_step() {
    let home = Home::new();
    let files = files(&home, 41, 8);
    let session = home.session(1);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (data, for_step) = (home.data(), Arc::clone(&seen));
    home.on_step(move |step| {
        let n = whole_batches(&home::snapshot(&data), step);
        for_step
            .lock()
            .expect("nothing panics under it")
            .push((step.to_owned(), n));
    });
    home::import(&session, &files[..1]);
    home::import(&session, &files[1..2]);
    home::push(&session, &files[2..3]);
    home::push(&session, &files[3..4]);
    // Of what is in a split, and in the tail, nothing is stored again.
    for (again, push) in [(&files[..1], false), (&files[3..4], true)] {
        let mut again = home::request(again);
        again.push = push;
        again.force = true;
        home::run(&session, &again);
    }
    home::import(&session, &files[4..5]);
    home::push(&session, &files[5..6]);
    session
        .reindex("default", &mut |_| {}, &Cancel::default())
        .expect("rebuilt");
    session.close().expect("the tail is sealed");
    assert_eq!(whole_batches(&home.snapshot(), "in the end"), 6 * EVENTS);

    let seen = seen.lock().expect("nothing panics under it");
    let steps: BTreeSet<&str> = seen.iter().map(|(step, _)| step.as_str()).collect();
    assert_eq!(steps.len(), 14, "{steps:?}");
    let before = seen.iter().position(|(step, _)| step == "events ingested");
    assert_eq!(seen[before.expect("it happened")].1, 0, "not yet published");
    assert!(
        seen.is_sorted_by_key(|(_, n)| *n),
        "what was seen once stays: {seen:?}"
    );
}

/// Readers poll as fast as they can: one that stays open and follows, and one
/// that opens anew each time. Where a split was merged away in between, a scan
/// by index answers from a newer snapshot than the plain one.
#[test]
fn at_every_moment() {
    let home = Home::new();
    let files = files(&home, 42, 16);
    let session = home.session(2);
    home::import(&session, &files[..1]);
    let is_over = AtomicBool::new(false);
    let staying = Reader::open(&home.data()).expect("it opens");
    let following = || staying.snapshot().expect("it reads");
    let opening = || home.snapshot();
    let looking: [&(dyn Fn() -> Arc<Snapshot> + Sync); 2] = [&following, &opening];
    std::thread::scope(|scope| {
        for look in looking {
            let is_over = &is_over;
            scope.spawn(move || {
                let mut last = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let [indexed, plain, n] = counted(&look(), "while imports run");
                    assert_eq!(plain, n);
                    assert!(n >= last && indexed >= n, "{indexed}, {n} after {last}");
                    last = n;
                }
            });
        }
        for (i, file) in files[1..].chunks(1).enumerate() {
            match i % 3 {
                0 => home::push(&session, file),
                _ => home::import(&session, file),
            };
        }
        is_over.store(true, Ordering::Relaxed);
    });
    session.close().expect("closed");
    assert_eq!(whole_batches(&home.snapshot(), "in the end"), 16 * EVENTS);
}

/// What a query reads stays as it was when it began, whatever is published,
/// sealed, merged and removed meanwhile, and although the reader's database has
/// gone on for a later query.
#[test]
fn a_snapshot_holds_still() {
    let home = Home::new();
    let files = files(&home, 43, 5);
    let session = home.session(1);
    home::import(&session, &files[..1]);
    home::push(&session, &files[1..2]);
    let reader = Reader::open(&home.data()).expect("it opens");
    let before = reader.snapshot().expect("it reads");
    let store = home::default_store(&before);
    let records = ask::records(&before, store);
    assert_eq!(records.len(), 2 * EVENTS);
    for file in files[2..].chunks(1) {
        home::import(&session, file);
    }
    session.close().expect("closed");
    let after = reader.snapshot().expect("it reads");
    assert_eq!(ask::records(&after, store).len(), 5 * EVENTS);
    assert!(ask::records(&before, store) == records);
}

/// While splits are merged, a rebuild puts others in their place. What comes of
/// the merge would hold every event a second time.
#[test]
fn a_merge_gives_way_to_a_rebuild() {
    let home = Home::new();
    let files = files(&home, 44, 2);
    let session = Arc::new(home.session(1));
    home::import(&session, &files[..1]);
    let (for_step, mut is_first) = (Arc::clone(&session), true);
    home.on_step(move |step| {
        if step == "merged" && std::mem::take(&mut is_first) {
            let rebuilt = for_step.reindex("default", &mut |_| {}, &Cancel::default());
            assert_eq!(rebuilt.expect("rebuilt").events, 2 * EVENTS as u64);
        }
    });
    home::import(&session, &files[1..]);
    home.no_more_steps();
    let snapshot = home.snapshot();
    assert_eq!(whole_batches(&snapshot, "in the end"), 2 * EVENTS);
    home::check(&snapshot);
}
