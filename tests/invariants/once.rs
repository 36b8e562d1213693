//! Invariant 2: the same event, delivered any number of times, in any order, by
//! concurrent importers, is stored and returned once; conflicts are kept and
//! counted.

use std::sync::{Arc, Barrier};

use tarn_store::owner::Session;

use crate::support::corpus::{Corpus, Delivery};
use crate::support::files::write_folder;
use crate::support::home::{self, Home, Picture};

/// What the whole corpus makes of a store.
fn whole(corpus: &Corpus) -> Picture {
    Picture::expected(corpus, 0..corpus.contents.len())
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
