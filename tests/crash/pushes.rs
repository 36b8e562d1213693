//! The life of pushed events: sent a few at a time, one after another or several at
//! once, and told to be stored. What is counted is what is there, at every moment.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tarn_store::import::push::PushRequest;
use tarn_store::owner::Session;
use tarn_store::{Snapshot, WriteOptions};
use tempfile::TempDir;

use super::{Done, Story};
use crate::support::ask;
use crate::support::corpus::Corpus;
use crate::support::files::Shape;
use crate::support::home::{self, Picture};
use crate::support::victim::Role;

/// Events of a body; some repeat and some contradict those of others.
const AT_ONCE: usize = 6;

/// Bodies in a folder of their own, and what is in each.
pub struct Pushes {
    folder: TempDir,
    corpus: Corpus,
    bodies: Vec<BTreeSet<usize>>,
}

fn bodies_of(home: &Path) -> Vec<PathBuf> {
    let folder = fs::read_dir(home.join("bodies")).expect("laid out");
    let mut bodies: Vec<PathBuf> = folder.map(|entry| entry.expect("listed").path()).collect();
    bodies.sort();
    bodies
}

fn push(session: &Session, body: &Path) {
    let request = PushRequest {
        store: "default".to_owned(),
        name: "story".to_owned(),
    };
    let bytes = fs::read(body).expect("a body");
    let pushed = session.push(&request, &bytes).expect("stored");
    assert!(pushed.records.balance(), "{pushed:?}");
}

impl Story for Pushes {
    const ROLE: Role = Role::Pushes;

    fn begin(seed: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let corpus = Corpus::new(seed, 60);
        let bodies = folder.path().join("bodies");
        fs::create_dir_all(&bodies).expect("a folder");
        let mut contents = Vec::new();
        for (n, deliveries) in corpus.shuffled(seed).chunks(AT_ONCE).enumerate() {
            let mut records: Vec<&[u8]> = deliveries.iter().map(|d| &*d.bytes).collect();
            // One in each fourth is no event.
            if n % 4 == 0 {
                records.push(br#"{"eventID":"without a time"}"#);
            }
            let body = Shape::Ndjson.write(&records);
            fs::write(bodies.join(format!("{n:04}")), body).expect("a file");
            contents.push(deliveries.iter().map(|d| d.content).collect());
        }
        Self {
            folder,
            corpus,
            bodies: contents,
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn play(home: &Path, options: &WriteOptions) {
        let session = Session::open(&home.join("data"), options).expect("the directory opens");
        let done = Done::at(home);
        let bodies = bodies_of(home);
        let next = AtomicUsize::new(0);
        // As many at once as the victim has threads.
        std::thread::scope(|scope| {
            for _ in 0..options.threads {
                scope.spawn(|| {
                    while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                        push(&session, body);
                        let name = body.file_name().expect("a number");
                        done.note(&name.to_string_lossy());
                    }
                });
            }
        });
        session.close().expect("closed");
        done.note("closed");
    }

    fn verify(&self, when: &str) -> u64 {
        let data = self.path().join("data");
        let snapshot = home::snapshot_if_made(&data);
        match snapshot.filter(|s| s.find_store("default").is_some()) {
            Some(snapshot) => {
                self.nothing_acknowledged_is_lost(&snapshot, when);
                what_is_counted_is_there(&snapshot, when);
            }
            None => assert_eq!(self.said(), Vec::<String>::new(), "{when}"),
        }
        let session =
            Session::open(&data, &home::options(1)).unwrap_or_else(|e| panic!("{when}: {e}"));
        let recovered = session.recovered();
        for body in bodies_of(self.path()) {
            push(&session, &body);
        }
        let snapshot = home::snapshot(&data);
        what_is_counted_is_there(&snapshot, when);
        session.close().expect("closed");
        let snapshot = home::snapshot(&data);
        what_is_counted_is_there(&snapshot, when);
        let picture = Picture::of(&self.corpus, &snapshot);
        let expected = Picture {
            rejects: picture.rejects,
            ..Picture::expected(&self.corpus, 0..self.corpus.contents.len())
        };
        assert_eq!(picture, expected, "{when}");
        recovered.batches
    }
}

impl Pushes {
    fn nothing_acknowledged_is_lost(&self, snapshot: &Arc<Snapshot>, when: &str) {
        home::check(snapshot);
        let by_bytes = self.corpus.by_bytes();
        let records = ask::records(snapshot, home::default_store(snapshot));
        let stored: BTreeSet<usize> = records.iter().map(|r| by_bytes[r.as_bytes()]).collect();
        assert_eq!(stored.len(), records.len(), "{when}: an event twice");
        for said in self
            .said()
            .iter()
            .filter_map(|name| name.parse::<usize>().ok())
        {
            assert!(
                self.bodies[said].is_subset(&stored),
                "{when}: body {said} has lost events"
            );
        }
    }
}

/// The sums of pushes are written with the events, and with the rejects.
fn what_is_counted_is_there(snapshot: &Arc<Snapshot>, when: &str) {
    let imports = snapshot.imports().expect("they read");
    let sum = |of: fn(&tarn_store::catalog::RecordSums) -> u64| -> u64 {
        imports.iter().map(|import| of(&import.records)).sum()
    };
    assert!(
        imports.iter().all(|i| i.is_push && i.records.balance()),
        "{when}"
    );
    let store = home::default_store(snapshot);
    assert_eq!(sum(|r| r.stored), snapshot.event_count(store), "{when}");
    let rejects = snapshot.rejects(None).expect("they read");
    assert_eq!(sum(|r| r.rejected), rejects.len() as u64, "{when}");
    let conflicts = snapshot.conflicts(None).expect("they read");
    assert_eq!(sum(|r| r.conflicts), conflicts.len() as u64, "{when}");
}
