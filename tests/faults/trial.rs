//! An action on a directory of its own, with a fault, and what must be true then.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tarn_store::manage::NewStore;
use tarn_store::owner::{Session, SessionError};
use tarn_store::{Cancel, OpenError, Snapshot, StoreId, WriteOptions};
use tempfile::TempDir;

use crate::support::ask;
use crate::support::corpus::{Corpus, Delivery};
use crate::support::faults::{Faults, Order};
use crate::support::files::write_folder;
use crate::support::home::{self, Picture};

/// What a disk is asked for. Each starts from the same directory: events in a
/// split and in the tail, and a second store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// New events; a merge follows.
    Import,
    /// To the tail.
    Push,
    /// What the tail holds already: it is sealed first.
    PushAgain,
    Reindex,
    /// A store is made, deleted and brought back.
    Stores,
    /// The directory is left and taken, which seals the tail.
    Reopen,
    /// A store that nobody can restore any more leaves the disk.
    Purge,
}

pub const ACTIONS: [Action; 7] = [
    Action::Import,
    Action::Push,
    Action::PushAgain,
    Action::Reindex,
    Action::Stores,
    Action::Reopen,
    Action::Purge,
];

/// The store that is purged, deleted long before the tests' clock.
const OLD: &str = "old-store";

fn long_ago_ms() -> i64 {
    home::NOW_MS - 30 * 86_400_000
}

/// A directory to begin with, laid out once and copied for every fault.
pub struct Scene {
    folder: TempDir,
    corpus: Corpus,
    pub stored: BTreeSet<usize>,
    new: BTreeSet<usize>,
    pushed: BTreeSet<usize>,
}

fn contents(deliveries: &[Delivery]) -> BTreeSet<usize> {
    deliveries.iter().map(|d| d.content).collect()
}

impl Scene {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let corpus = Corpus::new(31, 90);
        let (alone, mixed): (Vec<Delivery>, Vec<Delivery>) = corpus
            .deliveries
            .iter()
            .cloned()
            .partition(|d| d.content % 3 == 0 && corpus.is_alone(d.content));
        let (in_tail, pushed) = alone.split_at(alone.len() / 2);
        let (in_split, new) = mixed.split_at(mixed.len() / 2);
        let logs = folder.path().join("logs");
        for (name, deliveries) in [
            ("in-split", in_split),
            ("in-tail", in_tail),
            ("new", new),
            ("pushed", pushed),
        ] {
            write_folder(&logs.join(name), deliveries, 2);
        }
        let scene = Self {
            stored: contents(&[in_split, in_tail].concat()),
            new: contents(new),
            pushed: contents(pushed),
            corpus,
            folder,
        };
        scene.lay_out();
        scene
    }

    fn lay_out(&self) {
        let begin = self.folder.path().join("begin");
        let long_ago = WriteOptions {
            clock: long_ago_ms,
            ..home::options(1)
        };
        let session = Session::open(&begin, &long_ago).expect("the directory opens");
        home::import(&session, &[self.logs("in-split")]);
        let new = NewStore {
            name: OLD.to_owned(),
            ..NewStore::default()
        };
        session.create_store(new).expect("made");
        let mut request = home::request(&[self.logs("new")]);
        request.store = OLD.to_owned();
        home::run(&session, &request);
        home::push(&session, &[self.logs("in-tail")]);
        // Not closed: the tail would be sealed.
        drop(session);
    }

    pub fn logs(&self, name: &str) -> PathBuf {
        self.folder.path().join("logs").join(name)
    }

    /// The contents that the store holds after the action.
    pub fn after(&self, action: Action) -> BTreeSet<usize> {
        match action {
            Action::Import => &self.stored | &self.new,
            Action::Push => &self.stored | &self.pushed,
            _ => self.stored.clone(),
        }
    }

    /// Another trial of the action, on a copy of the directory.
    pub fn trial(&self, action: Action) -> Trial<'_> {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        copy(&self.folder.path().join("begin"), &data);
        let session = (action != Action::Purge).then(|| open(&data).expect("the directory opens"));
        if action == Action::Purge {
            let long_ago = WriteOptions {
                clock: long_ago_ms,
                ..home::options(1)
            };
            let session = Session::open(&data, &long_ago).expect("the directory opens");
            session.delete_store(OLD).expect("deleted");
        }
        Trial {
            scene: self,
            action,
            faults: Faults::under(folder.path()),
            data,
            session,
            _folder: folder,
        }
    }
}

pub fn open(data: &Path) -> Result<Session, OpenError> {
    Session::open(data, &home::options(1))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("listed");
        let kind = entry.file_type().expect("known");
        let target = to.join(entry.file_name());
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}

/// One action with one fault.
pub struct Trial<'s> {
    scene: &'s Scene,
    action: Action,
    pub faults: Arc<Faults>,
    pub data: PathBuf,
    pub session: Option<Session>,
    _folder: TempDir,
}

impl Trial<'_> {
    pub fn act(&mut self) -> Result<(), SessionError> {
        match self.action {
            Action::Import => self.import("new", false),
            Action::Push => self.import("pushed", true),
            Action::PushAgain => self.import("in-tail", true),
            Action::Reindex => {
                let session = self.session()?;
                session
                    .reindex("default", &mut |_| {}, &Cancel::default())
                    .map(|_| ())
            }
            Action::Stores => self.change_stores(),
            Action::Reopen => {
                let closed = self
                    .session
                    .take()
                    .map_or(Ok(()), |session| session.close());
                closed.and_then(|()| self.session().map(|_| ()))
            }
            Action::Purge => self.session().map(|_| ()),
        }
    }

    fn session(&mut self) -> Result<&Session, SessionError> {
        if self.session.is_none() {
            self.session = Some(open(&self.data)?);
        }
        Ok(self.session.as_ref().expect("opened above"))
    }

    fn import(&mut self, logs: &str, push: bool) -> Result<(), SessionError> {
        let mut request = home::request(&[self.scene.logs(logs)]);
        request.push = push;
        // The second time, what was done the first time is offered again.
        request.force = true;
        let session = self.session()?;
        let summary = session.import(&request, &mut |_| {}, &Cancel::default())?;
        assert!(summary.records.balance(), "{summary:?}");
        assert_eq!(summary.failures, [], "the logs lie on another disk");
        Ok(())
    }

    fn change_stores(&mut self) -> Result<(), SessionError> {
        const NAME: &str = "changed-store";
        let known =
            |error: &SessionError| matches!(error, SessionError::Store(_)) && error.is_usage();
        let session = self.session()?;
        let new = NewStore {
            name: NAME.to_owned(),
            ..NewStore::default()
        };
        // What an earlier try came to before it failed is there.
        for done in [session.create_store(new), session.restore_store(NAME)] {
            match done {
                Err(error) if !known(&error) => return Err(error),
                _ => {}
            }
        }
        session.delete_store(NAME)?;
        session.restore_store(NAME)?;
        Ok(())
    }

    /// Acts with the fault. Returns how many calls failed.
    pub fn fail(mut self, name: &str, order: Order) -> usize {
        let when = format!("{:?}, {name}, {order:?}", self.action);
        self.faults.order(order);
        let done = self.act();
        let n_refused = self.faults.heal().refused;
        if let Err(error) = &done {
            assert!(n_refused > 0, "{when}: {error}");
            let text = error.to_string();
            let root = self.data.display().to_string();
            assert!(text.contains(&root), "{when}: says not where: {text}");
        }
        let snapshot = home::snapshot(&self.data);
        self.check_sound(&snapshot, done.is_ok(), &when);
        self.act()
            .unwrap_or_else(|e| panic!("{when}: fails when the disk is well: {e}"));
        let snapshot = home::snapshot(&self.data);
        self.check_sound(&snapshot, true, &when);
        self.end(&when);
        n_refused
    }

    /// What is acknowledged is there, and what is not is there whole or not at
    /// all.
    fn check_sound(&self, snapshot: &Arc<Snapshot>, is_done: bool, when: &str) {
        let report = snapshot.check(&mut |_| {}, &Cancel::default());
        assert_eq!(report.problems, Vec::<String>::new(), "{when}");
        let stored = self.stored(snapshot, home::default_store(snapshot), when);
        let after = self.scene.after(self.action);
        let is_meant = stored == after || (!is_done && stored == self.scene.stored);
        assert!(
            is_meant,
            "{when}: holds {} contents, was to hold {}, held {}, done: {is_done}",
            stored.len(),
            after.len(),
            self.scene.stored.len(),
        );
        match (self.action, snapshot.find_store(OLD)) {
            (Action::Purge, old) => assert!(!(is_done && old.is_some()), "{when}: not purged"),
            (_, Some(old)) => {
                assert_eq!(
                    self.stored(snapshot, old.id, when),
                    self.scene.new,
                    "{when}"
                );
            }
            (_, None) => panic!("{when}: the other store is gone"),
        }
    }

    fn stored(&self, snapshot: &Arc<Snapshot>, store: StoreId, when: &str) -> BTreeSet<usize> {
        let by_bytes = self.scene.corpus.by_bytes();
        let records = ask::records(snapshot, store);
        let stored: BTreeSet<usize> = records.iter().map(|r| by_bytes[r.as_bytes()]).collect();
        assert_eq!(stored.len(), records.len(), "{when}: an event twice");
        stored
    }

    /// Opened once more, nothing of the fault is left.
    fn end(mut self, when: &str) {
        self.session
            .take()
            .map_or(Ok(()), |session| session.close())
            .unwrap_or_else(|e| panic!("{when}: {e}"));
        let session = open(&self.data).unwrap_or_else(|e| panic!("{when}: {e}"));
        session.close().expect("closed");
        let snapshot = home::snapshot(&self.data);
        let picture = Picture::of(&self.scene.corpus, &snapshot);
        let of_other_store = match self.action {
            Action::Purge => 0,
            _ => self.scene.corpus.conflicts_among(self.scene.new.clone()),
        };
        let expected = Picture::expected(&self.scene.corpus, self.scene.after(self.action));
        assert_eq!(picture.contents, expected.contents, "{when}");
        assert_eq!(
            picture.conflicts,
            expected.conflicts + of_other_store,
            "{when}"
        );
        let n_files = fs::read_dir(self.data.join("splits"))
            .expect("a folder")
            .count();
        assert_eq!(n_files, snapshot.splits().len(), "{when}: split files");
    }
}
