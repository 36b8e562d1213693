//! The life of events: imported, pushed, merged, built anew, mended, sealed. After
//! another import the store equals one that was never interrupted.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tarn_store::owner::Session;
use tarn_store::{Cancel, Snapshot, WriteOptions};
use tempfile::TempDir;

use super::{Done, Story};
use crate::support::ask;
use crate::support::corpus::{Corpus, Delivery};
use crate::support::files::{Shape, write_file, write_folder};
use crate::support::home::{self, Picture};
use crate::support::victim::Role;

/// What the script does, in order. Each is written down when it is done.
const SCRIPT: [(&str, Action); 10] = [
    ("first", Action::Import),
    ("second", Action::Import),
    // Nothing in it is new.
    ("repeated", Action::Import),
    ("pushed-1", Action::Push),
    // Repeats events of the tail.
    ("pushed-2", Action::Push),
    ("reindex", Action::Reindex),
    ("third", Action::Import),
    ("mend", Action::Mend),
    ("pushed-3", Action::Push),
    // Seals the tail.
    ("close", Action::Close),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Import,
    Push,
    Reindex,
    Mend,
    Close,
}

/// The logs of a script in a folder of their own, and what is in each file.
pub struct Events {
    folder: TempDir,
    corpus: Corpus,
    /// Path and contents.
    files: Vec<(PathBuf, BTreeSet<usize>)>,
}

impl Story for Events {
    const ROLE: Role = Role::Events;

    fn play(home: &Path, options: &WriteOptions) {
        let session = Session::open(&home.join("data"), options).expect("the directory opens");
        let mut session = Some(session);
        let done = Done::at(home);
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
                Action::Mend => {
                    let splits = home::snapshot(&home.join("data"));
                    let split = splits.splits().first().expect("there is one").entry.id;
                    open.expect("open until closed")
                        .mend(split)
                        .expect("rebuilt");
                }
                Action::Close => {
                    if let Some(session) = session.take() {
                        session.close().expect("closed");
                    }
                }
            }
            done.note(name);
        }
    }

    fn begin(seed: u64) -> Self {
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
        scene.add_file(logs.join("repeated/log"), first);
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

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn verify(&self, when: &str) -> u64 {
        let snapshot = home::snapshot_if_made(&self.path().join("data"));
        match snapshot.filter(|s| s.find_store("default").is_some()) {
            Some(snapshot) => self.nothing_acknowledged_is_lost(&snapshot, when),
            None => assert_eq!(
                self.said(),
                Vec::<String>::new(),
                "{when}: there is nothing"
            ),
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
}

impl Events {
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

    /// What a store holds in the end.
    fn expected(&self) -> Picture {
        Picture {
            rejects: 1,
            ..Picture::expected(&self.corpus, 0..self.corpus.contents.len())
        }
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
        let done = done_files(snapshot);
        for (path, contents) in &self.files {
            let folder = path.parent().and_then(Path::file_name);
            let folder = folder.unwrap_or_default().to_string_lossy();
            let was_said = said.contains(&folder.to_string());
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
