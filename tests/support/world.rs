//! Stores whose events lie in every place that events can lie in.

use std::path::PathBuf;
use std::sync::Arc;

use tarn_store::accounts::Account;
use tarn_store::owner::Session;
use tarn_store::{Cancel, Snapshot, StoreId};

use super::corpus::{Corpus, Delivery};
use super::home::{self, Home};

/// How the events lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One split in order of time.
    OneSplit,
    /// Several splits that overlap in time, and a tail.
    SplitsAndTail,
    /// One split, merged from several that overlap, so in no order.
    Merged,
    /// Splits with dead documents, and a tail.
    DeadDocuments,
    /// Everything built anew from the events, and a tail.
    Rebuilt,
}

impl Layout {
    pub const ALL: [Self; 5] = [
        Self::OneSplit,
        Self::SplitsAndTail,
        Self::Merged,
        Self::DeadDocuments,
        Self::Rebuilt,
    ];
}

/// A store and what is in it.
pub struct World {
    pub corpus: Corpus,
    pub snapshot: Arc<Snapshot>,
    pub store: StoreId,
    /// It keeps the tail from being sealed.
    session: Session,
    /// Removed with the world.
    home: Home,
}

/// So many copies of one record make a push too large for the tail: its events
/// become a split of their own, and no merge follows.
const COPIES: usize = 1001;

impl World {
    /// A store of about 240 events, the same for the same seed and layout.
    pub fn build(seed: u64, layout: Layout) -> Self {
        Self::of(Corpus::new(seed, 240), layout)
    }

    /// A store of these events. Of the last quarter of the deliveries, some layouts leave
    /// out what is not alone.
    pub fn of(corpus: Corpus, layout: Layout) -> Self {
        let home = Home::new();
        let session = Arc::new(home.session(1));
        let parts: Vec<&[Delivery]> = corpus
            .deliveries
            .chunks(corpus.deliveries.len().div_ceil(4))
            .collect();
        let log = |n: usize| vec![home.log(&format!("{n}.json"), parts[n])];
        match layout {
            Layout::OneSplit => {
                home::import(&session, &[log(0), log(1), log(2), log(3)].concat());
            }
            Layout::SplitsAndTail => {
                for (n, part) in parts.iter().enumerate().take(3) {
                    push_as_split(&session, &home, n, part);
                }
                push_quietly(&session, &home, &corpus, parts[3]);
            }
            Layout::Merged => {
                for n in 0..4 {
                    home::import(&session, &log(n));
                }
            }
            Layout::DeadDocuments => {
                race(&session, &home, &corpus);
                push_quietly(&session, &home, &corpus, parts[3]);
            }
            Layout::Rebuilt => {
                for (n, part) in parts.iter().enumerate().take(3) {
                    push_as_split(&session, &home, n, part);
                }
                session
                    .reindex("default", &mut |_| {}, &Cancel::default())
                    .expect("rebuilt");
                push_quietly(&session, &home, &corpus, parts[3]);
            }
        }
        let session = Arc::into_inner(session).expect("no step holds it any more");
        let snapshot = home.snapshot();
        let world = Self {
            store: home::default_store(&snapshot),
            corpus,
            snapshot,
            session,
            home,
        };
        world.check(layout);
        world
    }

    /// Puts a list of accounts in the place of the one before.
    pub fn put_accounts(&mut self, accounts: Vec<Account>) {
        self.session.put_accounts(accounts).expect("saved");
        self.snapshot = self.home.snapshot();
    }

    /// A layout that is not what it says would test nothing.
    fn check(&self, layout: Layout) {
        let splits = self.snapshot.splits();
        let dead: usize = splits.iter().map(|s| s.entry.dead.len()).sum();
        let docs: u64 = splits.iter().map(|s| u64::from(s.entry.n_docs)).sum();
        let tail = self.snapshot.event_count(self.store) - (docs - dead as u64);
        let has_order = splits.iter().all(|s| s.entry.sorted);
        let is_meant = match layout {
            Layout::OneSplit => splits.len() == 1 && has_order && tail == 0,
            Layout::SplitsAndTail => splits.len() == 3 && tail > 0,
            Layout::Merged => splits.len() == 1 && !has_order && tail == 0,
            Layout::DeadDocuments => splits.len() == 2 && dead > 20 && tail > 0,
            Layout::Rebuilt => splits.len() == 1 && has_order && tail > 0,
        };
        assert!(
            is_meant,
            "{layout:?}: {} splits, in order: {has_order}, {dead} dead, {tail} in the tail",
            splits.len()
        );
    }
}

/// Pushes deliveries as a batch that becomes a split and is not merged.
fn push_as_split(session: &Session, home: &Home, n: usize, deliveries: &[Delivery]) {
    home::push(session, &[crowded(home, n, deliveries)]);
}

fn crowded(home: &Home, n: usize, deliveries: &[Delivery]) -> PathBuf {
    let copies = std::iter::repeat_n(&deliveries[0], COPIES);
    let crowd: Vec<Delivery> = deliveries.iter().chain(copies).cloned().collect();
    home.log(&format!("crowd-{n}.json"), &crowd)
}

/// Pushes what conflicts with nothing, so that it stays in the tail.
fn push_quietly(session: &Session, home: &Home, corpus: &Corpus, deliveries: &[Delivery]) {
    let quiet: Vec<Delivery> = deliveries
        .iter()
        .filter(|d| corpus.is_alone(d.content))
        .cloned()
        .collect();
    home::push(session, &[home.log("quiet.json", &quiet)]);
}

/// Two batches of the same events: one is published while the other is on its
/// way, so that some of its documents are dead from the beginning.
fn race(session: &Arc<Session>, home: &Home, corpus: &Corpus) {
    let n = corpus.deliveries.len();
    let slow = crowded(home, 0, &corpus.deliveries[..n / 2]);
    let mut quick = Some(crowded(home, 1, &corpus.deliveries[n / 4..3 * n / 4]));
    let for_step = Arc::clone(session);
    home.on_step(move |step| {
        if step == "split written"
            && let Some(quick) = quick.take()
        {
            home::push(&for_step, &[quick]);
        }
    });
    home::push(session, &[slow]);
    home.no_more_steps();
}
