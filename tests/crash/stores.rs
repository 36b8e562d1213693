//! The life of stores: made, filled, limited, deleted, brought back, purged.
//! What happens to one leaves the others as they are.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use tarn_store::data_store::{RESTORE_DAYS, StoreStatus};
use tarn_store::manage::{NewStore, StoreUpdate};
use tarn_store::owner::Session;
use tarn_store::{EventDataStore, Snapshot, WriteOptions};
use tempfile::TempDir;

use super::{Done, Story};
use crate::support::ask;
use crate::support::corpus::{Corpus, Delivery};
use crate::support::files::{Shape, write_file, write_folder};
use crate::support::home;
use crate::support::victim::Role;

/// The store whose events expire, and the one that is deleted. `default` keeps.
const BRIEF: &str = "brief";
const GONE: &str = "gone";
/// Everything of the corpus is older than that.
const KEPT_DAYS: u32 = 7;

/// When nobody can restore what was deleted at the time of the tests' clock.
fn too_late_ms() -> i64 {
    home::NOW_MS + i64::from(RESTORE_DAYS) * 86_400_000
}

fn new_store(name: &str) -> NewStore {
    NewStore {
        name: name.to_owned(),
        ..NewStore::default()
    }
}

/// Logs that go into every store.
pub struct Stores {
    folder: TempDir,
    imported: BTreeSet<usize>,
    pushed: BTreeSet<usize>,
    corpus: Corpus,
}

impl Story for Stores {
    const ROLE: Role = Role::Stores;

    fn begin(seed: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let corpus = Corpus::new(seed, 60);
        let (alone, mixed): (Vec<Delivery>, Vec<Delivery>) = corpus
            .deliveries
            .iter()
            .cloned()
            .partition(|d| d.content % 5 == 0 && corpus.is_alone(d.content));
        let logs = folder.path().join("logs");
        // One file is one batch, however many workers there are.
        write_folder(&logs.join("imported"), &mixed, 1);
        write_file(&logs.join("pushed/log"), Shape::Ndjson, &alone);
        let contents = |deliveries: &[Delivery]| deliveries.iter().map(|d| d.content).collect();
        Self {
            imported: contents(&mixed),
            pushed: contents(&alone),
            corpus,
            folder,
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn play(home: &Path, options: &WriteOptions) {
        let data = home.join("data");
        let done = Done::at(home);
        let open = |clock: fn() -> i64| {
            let options = WriteOptions {
                clock,
                ..options.clone()
            };
            Session::open(&data, &options).expect("the directory opens")
        };
        let session = open(options.clock);
        let fill = |store: &str, logs: &str, push: bool| {
            let mut request = home::request(&[home.join("logs").join(logs)]);
            request.store = store.to_owned();
            request.push = push;
            home::run(&session, &request);
            done.note(&format!("{store} {logs}"));
        };
        fill("default", "imported", false);
        for store in [BRIEF, GONE] {
            session.create_store(new_store(store)).expect("made");
            done.note(&format!("{store} made"));
            fill(store, "imported", false);
            fill(store, "pushed", true);
        }
        let limit = StoreUpdate {
            retention_days: Some(Some(KEPT_DAYS)),
            ..StoreUpdate::default()
        };
        session.update_store(BRIEF, limit).expect("changed");
        done.note("brief limited");
        // Nothing new; what is too old goes.
        fill(BRIEF, "imported", false);
        for _ in 0..2 {
            session.delete_store(GONE).expect("deleted");
            done.note("gone deleted");
            session.restore_store(GONE).expect("brought back");
            done.note("gone restored");
        }
        session.delete_store(GONE).expect("deleted");
        done.note("gone deleted");
        session.close().expect("closed");
        done.note("closed");
        let session = open(too_late_ms);
        done.note("gone purged");
        session.close().expect("closed");
    }

    fn verify(&self, when: &str) -> u64 {
        let said = self.said();
        let data = self.path().join("data");
        let session =
            Session::open(&data, &home::options(1)).unwrap_or_else(|e| panic!("{when}: {e}"));
        let undone = session.recovered().batches;
        self.compare(&home::snapshot(&data), &said, when);
        drop(session);

        // The end of the story, from wherever it was.
        let session = Session::open(&data, &home::options(1)).expect("opens again");
        for store in [BRIEF, GONE] {
            // It may be there, or deleted, or both.
            let _ = session.create_store(new_store(store));
        }
        let _ = session.restore_store(GONE);
        session.delete_store(GONE).expect("deleted");
        session.close().expect("closed");
        let late = WriteOptions {
            clock: too_late_ms,
            ..home::options(1)
        };
        let session = Session::open(&data, &late).expect("opens again");
        session.close().expect("closed");
        let snapshot = home::snapshot(&data);
        home::check(&snapshot);
        assert!(snapshot.find_store(GONE).is_none(), "{when}: it is purged");
        let n_files = fs::read_dir(data.join("splits")).expect("a folder").count();
        assert_eq!(n_files, snapshot.splits().len(), "{when}: split files");
        undone
    }
}

impl Stores {
    /// Each store is as it was said to be, or as the next step would have made
    /// it.
    fn compare(&self, snapshot: &Arc<Snapshot>, said: &[String], when: &str) {
        home::check(snapshot);
        for store in ["default", BRIEF, GONE] {
            let was_said = |what: &str| said.contains(&format!("{store} {what}"));
            let Some(found) = snapshot.find_store(store) else {
                let may_be_purged = store == GONE && said.last().is_some_and(|s| s == "closed");
                let is_known = was_said("made") || was_said("imported");
                let was_purged = was_said("purged");
                assert!(
                    !is_known || may_be_purged || was_purged,
                    "{when}: {store} is lost"
                );
                continue;
            };
            assert!(!was_said("purged"), "{when}: {store} was purged");
            self.compare_status(found, said, when);
            let stored = self.stored(snapshot, found, when);
            if found.retention_days.is_some() {
                let sealed_late: BTreeSet<usize> = &stored & &self.imported;
                assert!(sealed_late.is_empty(), "{when}: {store} kept the expired");
                continue;
            }
            for (logs, contents) in [("imported", &self.imported), ("pushed", &self.pushed)] {
                let n_there = contents.intersection(&stored).count();
                let is_whole = n_there == contents.len();
                let is_none = n_there == 0;
                assert!(
                    is_whole || (is_none && !was_said(logs)),
                    "{when}: of {store}'s {logs} {n_there} of {} are there",
                    contents.len()
                );
            }
        }
    }

    fn compare_status(&self, store: &EventDataStore, said: &[String], when: &str) {
        let was_said = |what: &str| said.iter().any(|s| *s == format!("{} {what}", store.name));
        if was_said("limited") {
            assert_eq!(store.retention_days, Some(KEPT_DAYS), "{when}");
        }
        let last = said.iter().rev().find_map(|s| s.strip_prefix("gone "));
        if store.name == GONE && said.iter().any(|s| s == "closed") {
            assert!(!store.is_enabled(), "{when}: its deletion is lost");
        }
        // What was said, or one change more.
        if store.name == GONE && last == Some("pushed") && !was_said("deleted") {
            let since_ms = home::NOW_MS;
            let deleted = StoreStatus::PendingDeletion { since_ms };
            assert!(
                [StoreStatus::Enabled, deleted].contains(&store.status),
                "{when}"
            );
        }
    }

    fn stored(
        &self,
        snapshot: &Arc<Snapshot>,
        store: &EventDataStore,
        when: &str,
    ) -> BTreeSet<usize> {
        let by_bytes = self.corpus.by_bytes();
        let records = ask::records(snapshot, store.id);
        let stored: BTreeSet<usize> = records.iter().map(|r| by_bytes[r.as_bytes()]).collect();
        assert_eq!(stored.len(), records.len(), "{when}: an event twice");
        stored
    }
}
