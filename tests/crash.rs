//! kill -9 at every step of the way to the disk, and at any time, and power loss
//! at every step: nothing acknowledged is lost, nothing half done is seen, and
//! after another import the store equals one that was never interrupted.
//!
//! The victim is this test binary ([`crate::support::victim`]): it carries out
//! [`script`], writing down what it was told is done. A killed process loses
//! nothing that it has written; what a machine without power loses is told by
//! [`crate::support::platter`].

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tarn_store::owner::Session;
use tarn_store::{Cancel, Snapshot, WriteOptions};
use tempfile::TempDir;

use crate::support::ask;
use crate::support::corpus::{Corpus, Delivery};
use crate::support::files::{Shape, write_file, write_folder};
use crate::support::home::{self, Picture};
#[cfg(target_os = "linux")]
use crate::support::platter::Platter;
use crate::support::random::Random;
use crate::support::victim::{Orders, Role};

/// What the script does, in order. Each is written down when it is done.
const SCRIPT: [(&str, Action); 8] = [
    ("first", Action::Import),
    ("second", Action::Import),
    ("pushed-1", Action::Push),
    // Repeats an event of the tail, which is sealed to compare with it.
    ("pushed-2", Action::Push),
    ("reindex", Action::Reindex),
    ("third", Action::Import),
    ("pushed-3", Action::Push),
    // Seals the tail.
    ("close", Action::Close),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Import,
    Push,
    Reindex,
    Close,
}

/// Every step that the store tells of, so that none is left out unnoticed.
const STEPS: [&str; 10] = [
    "intent written",
    "events staged",
    "split written",
    "events ingested",
    "published",
    "merged",
    "swapped",
    "pushed",
    "sealed",
    "reindexed",
];

/// The type of [`WriteOptions::on_step`].
type OnStep = Arc<dyn Fn(&str) + Send + Sync>;

/// Kills this process at its `n`-th step, counted from 1.
pub fn kill_at(n: usize) -> OnStep {
    let steps = AtomicUsize::new(0);
    Arc::new(move |_| {
        if steps.fetch_add(1, Ordering::Relaxed) + 1 == n {
            let _ = rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::KILL,
            );
        }
    })
}

/// Imports, pushes and rebuilds; notes each in `done` when it was told so.
pub fn script(home: &Path, options: &WriteOptions) {
    let session = Session::open(&home.join("data"), options).expect("the directory opens");
    let mut done = fs::File::options()
        .create(true)
        .append(true)
        .open(home.join("done"))
        .expect("a file");
    let mut session = Some(session);
    for (name, action) in SCRIPT {
        let open = session.as_ref();
        let logs = [home.join("logs").join(name)];
        match action {
            Action::Import => {
                home::import(open.expect("open until closed"), &logs);
            }
            Action::Push => {
                home::push(open.expect("open until closed"), &logs);
            }
            Action::Reindex => {
                open.expect("open until closed")
                    .reindex("default", &mut |_| {}, &Cancel::default())
                    .expect("rebuilt");
            }
            Action::Close => {
                if let Some(session) = session.take() {
                    session.close().expect("closed");
                }
            }
        }
        done.write_all(format!("{name}\n").as_bytes())
            .expect("written");
    }
}

/// The logs of a script in a folder of their own, and what is in each file.
struct Scene {
    folder: TempDir,
    corpus: Corpus,
    /// Path and contents.
    files: Vec<(PathBuf, BTreeSet<usize>)>,
}

impl Scene {
    fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let corpus = Corpus::new(seed, 260);
        let logs = folder.path().join("logs");
        let mut scene = Self {
            folder,
            corpus,
            files: Vec::new(),
        };
        // Pushes that reach the tail bring what is in no other file.
        let (alone, mixed): (Vec<Delivery>, Vec<Delivery>) = scene
            .corpus
            .deliveries
            .iter()
            .cloned()
            .partition(|d| d.content % 4 == 0 && scene.corpus.is_alone(d.content));
        let (pushed, last) = alone.split_at(alone.len() / 2);
        let (first, rest) = mixed.split_at(mixed.len() / 3);
        let (second, rest) = rest.split_at(rest.len() / 2);
        let (repeating, third) = rest.split_at(rest.len() / 2);
        scene.add_folder(&logs.join("first"), first, 4);
        scene.add_folder(&logs.join("second"), second, 3);
        scene.add_file(logs.join("pushed-1/log"), pushed);
        let repeating = [repeating, &pushed[..3]].concat();
        scene.add_file(logs.join("pushed-2/log"), &repeating);
        scene.add_folder(&logs.join("third"), third, 2);
        scene.add_file(logs.join("pushed-3/log"), last);
        let broken = br#"{"eventID":"without a time"}"#;
        fs::write(logs.join("first/broken"), broken).expect("a file");
        scene
            .files
            .push((logs.join("first/broken"), BTreeSet::new()));
        scene
    }

    fn add_folder(&mut self, folder: &Path, deliveries: &[Delivery], n_files: usize) {
        let files = write_folder(folder, deliveries, n_files);
        let per_file = deliveries.len().div_ceil(n_files).max(1);
        for (path, chunk) in files.into_iter().zip(deliveries.chunks(per_file)) {
            self.files
                .push((path, chunk.iter().map(|d| d.content).collect()));
        }
    }

    fn add_file(&mut self, path: PathBuf, deliveries: &[Delivery]) {
        write_file(&path, Shape::Ndjson, deliveries);
        let contents = deliveries.iter().map(|d| d.content).collect();
        self.files.push((path, contents));
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// What a store holds in the end.
    fn expected(&self) -> Picture {
        Picture {
            rejects: 1,
            ..Picture::expected(&self.corpus, 0..self.corpus.contents.len())
        }
    }

    fn victim(&self, stop_at: Option<usize>) -> Orders {
        Orders {
            stop_at,
            threads: 1,
            ..Orders::new(Role::Script, self.path())
        }
    }

    /// What the victim wrote down as done, a line each.
    fn said(&self) -> String {
        fs::read_to_string(self.path().join("done")).unwrap_or_default()
    }

    /// Checks what a killed process has left, finishes its work, and compares.
    /// Returns what was undone.
    fn verify(&self, when: &str) -> u64 {
        let is_made = self.path().join("data/FORMAT").exists();
        let snapshot = is_made.then(|| home::snapshot(&self.path().join("data")));
        match snapshot.filter(|s| s.find_store("default").is_some()) {
            Some(snapshot) => self.nothing_acknowledged_is_lost(&snapshot, when),
            None => assert_eq!(self.said(), "", "{when}: there is nothing"),
        }
        let session = Session::open(&self.path().join("data"), &home::options(1))
            .unwrap_or_else(|e| panic!("{when}: {e}"));
        let recovered = session.recovered();
        let snapshot = home::snapshot(&self.path().join("data"));
        home::check(&snapshot);
        let files = fs::read_dir(self.path().join("data/splits")).expect("a folder");
        assert_eq!(
            files.count(),
            snapshot.splits().len(),
            "{when}: split files"
        );
        let done = done_files(&snapshot);
        let summary = home::import(&session, &[self.path().join("logs")]);
        assert_eq!(summary.files.unchanged, done.len() as u64, "{when}");
        let read = self.files.len() - done.len();
        assert_eq!(summary.files.read, read as u64, "{when}");
        session.close().expect("closed");
        let snapshot = home::snapshot(&self.path().join("data"));
        let picture = Picture::of(&self.corpus, &snapshot);
        assert_eq!(picture, self.expected(), "{when}");
        recovered.batches
    }

    /// The files of what the victim wrote down, and those that the catalogue
    /// calls done, have their events there.
    fn nothing_acknowledged_is_lost(&self, snapshot: &Arc<Snapshot>, when: &str) {
        let store = home::default_store(snapshot);
        let by_bytes = self.corpus.by_bytes();
        let stored: BTreeSet<usize> = ask::records(snapshot, store)
            .iter()
            .map(|record| by_bytes[record.as_bytes()])
            .collect();
        let said = self.said();
        let said: Vec<&str> = said.lines().collect();
        let done = done_files(snapshot);
        for (path, contents) in &self.files {
            let folder = path.parent().and_then(Path::file_name);
            let folder = folder.unwrap_or_default().to_string_lossy();
            let was_said = said.contains(&folder.as_ref());
            let is_done = done.contains(&path.canonicalize().expect("a file of ours"));
            assert!(is_done || !was_said, "{when}: {path:?} was done");
            if is_done {
                assert!(
                    contents.is_subset(&stored),
                    "{when}: {path:?} has lost events"
                );
            }
        }
    }
}

/// The paths of the files that imports finished.
fn done_files(snapshot: &Snapshot) -> BTreeSet<PathBuf> {
    let imports = snapshot.imports().expect("they read");
    imports
        .iter()
        .flat_map(|import| snapshot.import_files(import.id).expect("they read"))
        .map(|(path, _)| PathBuf::from(path))
        .collect()
}

#[test]
fn killed_at_every_step() {
    let names = {
        let scene = Scene::new(11);
        let seen = Arc::new(Mutex::new(Vec::new()));
        let seeing = Arc::clone(&seen);
        let options = WriteOptions {
            on_step: Some(Arc::new(move |step: &str| {
                seeing.lock().expect("nobody panics").push(step.to_owned());
            })),
            ..home::options(1)
        };
        script(scene.path(), &options);
        scene.verify("never killed");
        seen.lock().expect("nobody panics").clone()
    };
    let distinct: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(
        distinct,
        BTreeSet::from(STEPS),
        "the script goes through every step"
    );
    assert!(names.len() >= 20, "{} moments", names.len());

    let undone = AtomicU64::new(0);
    let next = AtomicUsize::new(0);
    // Victims mostly wait for the disk.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(name) = names.get(at) else {
                        break;
                    };
                    let n = at + 1;
                    let scene = Scene::new(11);
                    let status = scene.victim(Some(n)).start().wait();
                    let when = format!("killed at step {n}, {name:?}");
                    assert!(!status.success(), "{when}: it lives");
                    undone.fetch_add(scene.verify(&when), Ordering::Relaxed);
                }
            });
        }
    });
    let undone = undone.into_inner();
    assert!(undone >= 10, "{undone} batches were on their way at a kill");
}

/// How long the script takes when nobody kills it.
fn duration() -> Duration {
    let scene = Scene::new(12);
    let begun = Instant::now();
    assert!(scene.victim(None).start().wait().success());
    begun.elapsed()
}

/// Kills at random times, more of them with `TARN_TESTS_KILLS`.
#[test]
fn killed_at_any_time() {
    let kills = std::env::var("TARN_TESTS_KILLS").ok();
    let kills: u64 = kills.and_then(|n| n.parse().ok()).unwrap_or(8);
    let whole = duration();
    let mut random = Random::new(13);
    let mut killed = 0;
    for seed in 0..kills {
        let scene = Scene::new(100 + seed);
        let victim = Orders {
            threads: 3,
            ..scene.victim(None)
        };
        let victim = victim.start();
        let delay = whole * random.below(1000) as u32 / 1000;
        std::thread::sleep(delay);
        killed += u64::from(victim.kill());
        scene.verify(&format!("killed after {delay:?}, seed {seed}"));
    }
    assert!(
        killed * 2 > kills,
        "{killed} of {kills} were alive to be killed"
    );
}

/// The second process dies while it recovers, or somewhere behind; the third at
/// a step of what is left.
#[test]
fn killed_again_and_again() {
    let mut random = Random::new(14);
    for seed in 0..5 {
        let scene = Scene::new(200 + seed);
        let first = 2 + random.below(25);
        assert!(!scene.victim(Some(first)).start().wait().success());
        let second = scene.victim(None).start();
        let delay = Duration::from_millis(random.below(120) as u64);
        std::thread::sleep(delay);
        second.kill();
        let third = 1 + random.below(6);
        scene.victim(Some(third)).start().wait();
        scene.verify(&format!(
            "killed at step {first}, after {delay:?} and at step {third}, seed {seed}"
        ));
    }
}

/// What was not synced is gone: RocksDB's log, splits, and the names of files.
#[cfg(target_os = "linux")]
#[test]
fn power_lost_at_every_step() {
    let scene = Scene::new(15);
    let platter = Platter::under(scene.path());
    let moments = Arc::new(Mutex::new(Vec::new()));
    let path = scene.path().to_owned();
    let (taking, noting) = (Arc::clone(&platter), Arc::clone(&moments));
    let lose = move |step: &str| {
        let mut moments = noting.lock().expect("nobody panics");
        let image = path.join(format!("image-{}", moments.len()));
        taking.image("data", &image);
        let said = fs::read_to_string(path.join("done")).unwrap_or_default();
        moments.push((step.to_owned(), image, said));
    };
    let options = WriteOptions {
        on_step: Some(Arc::new(lose.clone())),
        ..home::options(1)
    };
    script(scene.path(), &options);
    lose("everything is done");
    drop(platter);

    let moments = moments.lock().expect("nobody panics").clone();
    assert!(moments.len() >= 20, "{} moments", moments.len());
    for (step, image, said) in moments {
        let data = scene.path().join("data");
        fs::remove_dir_all(&data).expect("left by the last one");
        if image.join("data").exists() {
            fs::rename(image.join("data"), data).expect("both ours");
        }
        fs::write(scene.path().join("done"), said).expect("a file");
        scene.verify(&format!("power lost at {step:?}"));
    }
}
