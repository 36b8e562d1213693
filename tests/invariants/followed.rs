//! Invariants 2 and 3 for those who follow a store: what a snapshot shows that an
//! earlier one did not is each event once, however it arrived and moved since.

use std::sync::Arc;

use tarn_store::Snapshot;

use crate::support::ask;
use crate::support::corpus::{Corpus, Delivery};
use crate::support::home::{self, Home};

/// Looks at a store now and then.
#[derive(Default)]
struct Follower {
    seen: Option<Arc<Snapshot>>,
    shown: Vec<String>,
}

impl Follower {
    fn look(&mut self, home: &Home) -> Arc<Snapshot> {
        let now = home.snapshot();
        let arrivals = now.arrivals(self.seen.as_deref()).expect("compared");
        let arrivals = Arc::new(arrivals);
        let records = ask::records(&arrivals, home::default_store(&now));
        assert!(!arrivals.is_empty() || records.is_empty());
        self.shown.extend(records);
        self.seen = Some(Arc::clone(&now));
        now
    }
}

/// The pushed events that no split holds yet.
fn n_pushed(snapshot: &Snapshot) -> u64 {
    let splits = snapshot.splits().iter();
    let in_splits = splits.map(|s| u64::from(s.entry.n_docs) - s.entry.dead.len() as u64);
    snapshot.event_count(home::default_store(snapshot)) - in_splits.sum::<u64>()
}

#[test]
fn every_event_is_shown_once_through_pushes_seals_and_merges() {
    let corpus = Corpus::new(23, 360);
    let home = Home::new();
    let session = home.session(2);
    let mut often = Follower::default();
    let mut seldom = Follower::default();
    let (most, last) = corpus.deliveries.split_at(corpus.deliveries.len() - 40);
    for (n, part) in most.chunks(40).enumerate() {
        let log = home.log(&format!("{n}.json"), part);
        match n % 3 {
            0 => home::import(&session, &[log]),
            _ => home::push(&session, &[log]),
        };
        often.look(&home);
        if n % 4 == 0 {
            seldom.look(&home);
        }
    }
    let is_quiet = |d: &&Delivery| corpus.is_alone(d.content);
    let quiet: Vec<Delivery> = last.iter().filter(is_quiet).cloned().collect();
    home::push(&session, &[home.log("quiet.json", &quiet)]);
    let before = often.look(&home);
    seldom.look(&home);
    assert!(n_pushed(&before) > 0, "there is nothing to seal");
    session.close().expect("sealed");
    let after = often.look(&home);
    seldom.look(&home);
    assert_eq!(n_pushed(&after), 0);
    let all = ask::records(&after, home::default_store(&after));
    assert!(all.len() > 300);
    for mut follower in [often, seldom] {
        follower.shown.sort();
        assert_eq!(follower.shown, all);
        let last = follower.seen.expect("looked");
        assert!(last.arrivals(Some(&last)).expect("compared").is_empty());
    }
}
