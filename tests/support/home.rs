//! A data directory of a test's own, and what it holds.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tarn_store::import::{ImportRequest, ImportSummary};
use tarn_store::owner::Session;
use tarn_store::{Cancel, OpenError, Reader, Snapshot, StoreId, WriteOptions};
use tempfile::TempDir;

use super::ask;
use super::corpus::{Corpus, Delivery};
use super::files;

/// What the clock of every test says: 2026-06-01T00:00:00Z.
pub const NOW_MS: i64 = 1_780_272_000_000;

fn now_ms() -> i64 {
    NOW_MS
}

/// Done at each step towards durability, by the step's name.
type OnStep = dyn FnMut(&str) + Send;

/// What is done at steps. It is taken out while it is done, because what it
/// does may have steps itself; the number tells whether another was set then.
#[derive(Default)]
struct Steps {
    action: Option<Box<OnStep>>,
    n_set: usize,
}

/// A data directory and a folder of logs, removed at the end.
pub struct Home {
    folder: TempDir,
    steps: Arc<Mutex<Steps>>,
}

impl Default for Home {
    fn default() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            steps: Arc::default(),
        }
    }
}

impl Home {
    pub fn new() -> Self {
        Self::default()
    }

    /// The folder of both.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn logs(&self) -> PathBuf {
        self.folder.path().join("logs")
    }

    /// Writes the deliveries to one file of logs and returns its path.
    pub fn log(&self, name: &str, deliveries: &[Delivery]) -> PathBuf {
        let path = self.logs().join(name);
        files::write_file(&path, files::Shape::Ndjson, deliveries);
        path
    }

    pub fn options(&self, threads: usize) -> WriteOptions {
        let steps = Arc::clone(&self.steps);
        WriteOptions {
            on_step: Some(Arc::new(move |step| {
                let (action, n_set) = {
                    let mut steps = steps.lock().expect("nothing panics under it");
                    (steps.action.take(), steps.n_set)
                };
                let Some(mut action) = action else {
                    return;
                };
                action(step);
                let mut steps = steps.lock().expect("nothing panics under it");
                if steps.n_set == n_set {
                    steps.action = Some(action);
                }
            })),
            ..options(threads)
        }
    }

    /// What is done at each step from now on. Steps of what is done itself are
    /// not told.
    pub fn on_step(&self, action: impl FnMut(&str) + Send + 'static) {
        self.set_steps(Some(Box::new(action)));
    }

    pub fn no_more_steps(&self) {
        self.set_steps(None);
    }

    fn set_steps(&self, action: Option<Box<OnStep>>) {
        let mut steps = self.steps.lock().expect("nothing panics under it");
        steps.action = action;
        steps.n_set += 1;
    }

    /// Takes the directory.
    pub fn session(&self, threads: usize) -> Session {
        Session::open(&self.data(), &self.options(threads)).expect("the directory opens")
    }

    /// What another process would see now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        snapshot(&self.data())
    }
}

/// Options without a look at the steps.
pub fn options(threads: usize) -> WriteOptions {
    WriteOptions {
        threads,
        memory_bytes: 64 << 20,
        clock: now_ms,
        on_step: None,
    }
}

pub fn snapshot(data: &Path) -> Arc<Snapshot> {
    let reader = Reader::open(data).expect("the directory opens for reading");
    reader.snapshot().expect("the catalogue reads")
}

/// The same of a directory whose making may have been cut short.
pub fn snapshot_if_made(data: &Path) -> Option<Arc<Snapshot>> {
    match Reader::open(data) {
        Err(OpenError::Missing { .. }) => None,
        _ => Some(snapshot(data)),
    }
}

/// The store that imports make and fill.
pub fn default_store(snapshot: &Snapshot) -> StoreId {
    snapshot
        .find_store("default")
        .expect("made by the import")
        .id
}

/// A request to import these paths into the default store.
pub fn request(paths: &[PathBuf]) -> ImportRequest {
    ImportRequest {
        store: "default".to_owned(),
        paths: paths.to_vec(),
        ..ImportRequest::default()
    }
}

/// Imports and checks the sums of invariant 6.
pub fn run(session: &Session, request: &ImportRequest) -> ImportSummary {
    let summary = session
        .import(request, &mut |_| {}, &Cancel::default())
        .expect("imported");
    assert!(summary.files.balance(), "{summary:?}");
    assert!(summary.records.balance(), "{summary:?}");
    summary
}

pub fn import(session: &Session, paths: &[PathBuf]) -> ImportSummary {
    run(session, &request(paths))
}

/// Small batches go to the tail.
pub fn push(session: &Session, paths: &[PathBuf]) -> ImportSummary {
    run(
        session,
        &ImportRequest {
            push: true,
            ..request(paths)
        },
    )
}

/// All that can be said of a store's content and that no order of work may
/// change.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// How often each content of the corpus is stored.
    pub contents: BTreeMap<usize, usize>,
    pub conflicts: usize,
    pub rejects: usize,
}

/// Hundreds of contents that are stored once say nothing in a failure; the
/// others do.
impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.contents.keys().last().copied().unwrap_or(0);
        let missing = (0..last).filter(|c| !self.contents.contains_key(c));
        let repeated = self.contents.iter().filter(|(_, n)| **n > 1);
        f.debug_struct("Picture")
            .field("contents", &self.contents.len())
            .field("not among them", &missing.collect::<Vec<_>>())
            .field("repeated", &repeated.collect::<Vec<_>>())
            .field("conflicts", &self.conflicts)
            .field("rejects", &self.rejects)
            .finish()
    }
}

impl Picture {
    /// What a store holds that was given these contents, each at least once.
    pub fn expected(corpus: &Corpus, contents: impl IntoIterator<Item = usize>) -> Self {
        let contents: BTreeMap<usize, usize> = contents.into_iter().map(|c| (c, 1)).collect();
        Self {
            conflicts: corpus.conflicts_among(contents.keys().copied()),
            contents,
            rejects: 0,
        }
    }

    /// Takes the picture, and checks on the way that the directory is sound
    /// and that both ways of access tell the same.
    pub fn of(corpus: &Corpus, snapshot: &Arc<Snapshot>) -> Self {
        check(snapshot);
        let store = default_store(snapshot);
        let by_bytes = corpus.by_bytes();
        let mut contents: BTreeMap<usize, usize> = BTreeMap::new();
        let records = ask::records(snapshot, store);
        assert_eq!(records.len() as u64, snapshot.event_count(store));
        for record in &records {
            let content = by_bytes.get(record.as_bytes());
            let content = content.unwrap_or_else(|| panic!("never delivered: {record}"));
            *contents.entry(*content).or_default() += 1;
        }
        Self {
            contents,
            conflicts: snapshot.conflicts(None).expect("they read").len(),
            rejects: snapshot.rejects(None).expect("they read").len(),
        }
    }
}

/// Reads everything on the disk; fails on any problem.
pub fn check(snapshot: &Arc<Snapshot>) {
    let report = snapshot.check(&mut |_| {}, &Cancel::default());
    assert_eq!(report.problems, Vec::<String>::new());
}
