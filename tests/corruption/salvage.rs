//! Directories that a damaged log keeps from opening: what reads is saved.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tarn_store::owner::Session;
use tarn_store::salvage::salvage;
use tarn_store::{Cancel, OpenError, WriteOptions};

use super::{Copied, Damage, copy_folder};
use crate::support::corpus::{Corpus, Delivery};
use crate::support::home::{self, Home, Picture};
use crate::support::random::Random;

/// A directory as a crash leaves it, with events imported in two files, pushed,
/// sealed and pushed again.
struct Crashed {
    home: Home,
    corpus: Corpus,
    logs: [PathBuf; 4],
    copied: Copied,
}

impl Crashed {
    fn new() -> Self {
        let home = Home::new();
        let corpus = Corpus::new(23, 160);
        // Pushed events that conflict would be sealed at once.
        let (alone, mixed): (Vec<Delivery>, Vec<Delivery>) = corpus
            .deliveries
            .iter()
            .cloned()
            .partition(|d| d.content % 3 == 0 && corpus.is_alone(d.content));
        let (first, second) = mixed.split_at(mixed.len() / 2);
        let (third, fourth) = alone.split_at(alone.len() / 2);
        let logs = [
            home.log("first.json", first),
            home.log("second.json", second),
            home.log("third.json", third),
            home.log("fourth.json", fourth),
        ];
        let copied = Copied {
            folder: tempfile::tempdir().expect("a folder"),
        };
        let session = home.session(1);
        home::import(&session, &logs[..1]);
        home::push(&session, &logs[2..3]);
        session.close().expect("the tail is sealed");
        // From here on everything is in one log.
        let session = home.session(1);
        home::import(&session, &logs[1..2]);
        home::push(&session, &logs[3..]);
        copy_folder(&home.data(), &copied.data());
        drop(session);
        assert!(!copied.data().join("CLOSED").exists());
        Self {
            home,
            corpus,
            logs,
            copied,
        }
    }

    fn copy(&self) -> Copied {
        let folder = tempfile::tempdir().expect("a folder");
        copy_folder(&self.copied.data(), &folder.path().join("data"));
        Copied { folder }
    }

    /// The log that holds something.
    fn log(&self) -> PathBuf {
        let listed = fs::read_dir(self.copied.data().join("db")).expect("listed");
        let logs = listed.map(|entry| entry.expect("an entry").path());
        let log = logs
            .filter(|path| path.extension().is_some_and(|e| e == "log"))
            .max_by_key(|path| fs::metadata(path).expect("there").len())
            .expect("a log");
        Path::new("db").join(log.file_name().expect("a name"))
    }

    fn picture(&self, copied: &Copied) -> Picture {
        let snapshot = copied.open().expect("opens");
        Picture::of(&self.corpus, &snapshot)
    }
}

/// What is stored, as often: conflicts are notes of what was published.
fn contents(picture: &Picture) -> &BTreeMap<usize, usize> {
    &picture.contents
}

fn reindex(data: &Path) -> Session {
    let session = Session::open(data, &home::options(1)).expect("opens");
    session
        .reindex("default", &mut |_| {}, &Cancel::default())
        .expect("rebuilt");
    session
}

#[test]
fn what_reads_is_saved_and_the_rest_comes_by_importing() {
    let crashed = Crashed::new();
    let expected = crashed.picture(&crashed.copied);
    let log = crashed.log();
    let length = fs::metadata(crashed.copied.data().join(&log))
        .expect("there")
        .len() as usize;
    let mut random = Random::new(5);
    let (mut n_saved, mut n_adopted) = (0, 0);
    for _ in 0..12 {
        let copied = crashed.copy();
        let at = random.below(length);
        copied.damage(&log, Damage::Flip { at, bit: 2 });
        // A last record that claims to be longer is one that a crash cut.
        let Err(reason) = copied.open() else {
            continue;
        };
        assert!(
            reason.contains("tarn check --salvage"),
            "byte {at}: {reason}"
        );
        let saved = salvage(&copied.data(), &home::options(1))
            .unwrap_or_else(|error| panic!("byte {at}: {error}"));
        assert_eq!(saved.torn.len(), 1, "byte {at}");
        let name = log.file_name().expect("a name");
        let before = fs::read(saved.copy.join(name)).expect("a copy");
        assert_eq!(before.len(), length, "byte {at}");
        n_saved += 1;
        n_adopted += saved.batches;

        reindex(&copied.data()).close().expect("closed");
        let found = crashed.picture(&copied);
        for (content, n) in contents(&found) {
            assert_eq!(*n, 1, "byte {at}: content {content}");
        }
        // Events of imports lie in tables of their own: none of them is gone.
        let imported = Picture::expected(&crashed.corpus, crashed.imported());
        for content in imported.contents.keys() {
            assert!(
                found.contents.contains_key(content),
                "byte {at}: {content} is lost"
            );
        }
        let session = Session::open(&copied.data(), &home::options(1)).expect("opens");
        for log in &crashed.logs {
            let mut request = home::request(std::slice::from_ref(log));
            request.force = true;
            home::run(&session, &request);
        }
        session.close().expect("closed");
        let found = crashed.picture(&copied);
        assert_eq!(contents(&found), contents(&expected), "byte {at}");
    }
    println!("{n_saved} logs, {n_adopted} batches published again");
    assert!(n_saved >= 9, "{n_saved} damages kept it from opening");
    assert!(n_adopted > 0, "a batch lost its publishing");
}

impl Crashed {
    /// The contents of the files that were imported, and of what was sealed.
    fn imported(&self) -> Vec<usize> {
        let by_bytes = self.corpus.by_bytes();
        let texts = self.logs[..3].iter();
        let texts: Vec<String> = texts
            .map(|log| fs::read_to_string(log).expect("read"))
            .collect();
        let lines = texts.iter().flat_map(|text| text.lines());
        lines
            .filter_map(|line| by_bytes.get(line.as_bytes()).copied())
            .collect()
    }
}

/// Nothing else opens the directory before the catalogue fits: recovery would undo
/// the batches whose publishing is lost.
#[test]
fn one_that_was_cut_short_is_done_again() {
    let crashed = Crashed::new();
    let log = crashed.log();
    let copied = crashed.copy();
    let length = fs::metadata(copied.data().join(&log)).expect("there").len() as usize;
    copied.damage(
        &log,
        Damage::Flip {
            at: length / 2,
            bit: 1,
        },
    );
    let images = Arc::new(Mutex::new(Vec::new()));
    let (from, taken) = (copied.data(), Arc::clone(&images));
    let options = WriteOptions {
        on_step: Some(Arc::new(move |step: &str| {
            let folder = tempfile::tempdir().expect("a folder");
            copy_folder(&from, &folder.path().join("data"));
            let mut taken = taken.lock().expect("nobody panics");
            taken.push((step.to_owned(), Copied { folder }));
        })),
        ..home::options(1)
    };
    salvage(&copied.data(), &options).expect("saved");
    reindex(&copied.data()).close().expect("closed");
    let expected = crashed.picture(&copied);
    let images = std::mem::take(&mut *images.lock().expect("nobody panics"));
    assert_eq!(images.len(), 2);
    for (step, image) in images {
        let reason = image.refusal();
        assert!(
            reason.contains("run `tarn check --salvage` again"),
            "{step}: {reason}"
        );
        assert!(
            Session::open(&image.data(), &home::options(1)).is_err(),
            "{step}"
        );
        salvage(&image.data(), &home::options(1)).unwrap_or_else(|e| panic!("{step}: {e}"));
        reindex(&image.data()).close().expect("closed");
        let found = crashed.picture(&image);
        assert_eq!(contents(&found), contents(&expected), "{step}");
    }
}

#[test]
fn a_directory_that_opens_is_left_alone() {
    let crashed = Crashed::new();
    let refused = salvage(&crashed.copied.data(), &home::options(1));
    assert!(
        matches!(refused, Err(OpenError::NothingToSalvage { .. })),
        "{refused:?}"
    );
    let session = crashed.home.session(1);
    let refused = salvage(&crashed.home.data(), &home::options(1));
    assert!(
        matches!(refused, Err(OpenError::Owned { .. })),
        "{refused:?}"
    );
    drop(session);
}

/// A log that ends too early, told by what the last writer wrote down.
#[test]
fn a_cut_log_after_closing_is_saved_up_to_its_end() {
    let scene = super::Scene::closed(&crate::agreement::answer::Asker::new());
    let copied = scene.copy();
    let log = &scene.files(|name| name.ends_with(".log"))[0];
    let length = fs::metadata(copied.data().join(log)).expect("there").len() as usize;
    copied.damage(log, Damage::Cut { at: length / 2 });
    assert!(copied.refusal().contains("tarn check --salvage"));
    salvage(&copied.data(), &home::options(1)).expect("saved");
    reindex(&copied.data()).close().expect("closed");
    let snapshot = copied.open().expect("opens");
    home::check(&snapshot);
}

#[test]
fn a_damaged_manifest_is_not_salvaged() {
    let scene = super::Scene::closed(&crate::agreement::answer::Asker::new());
    for file in scene.files(|name| name.contains("MANIFEST-") || name.ends_with("CURRENT")) {
        let copied = scene.copy();
        let path = copied.data().join(&file);
        let length = fs::metadata(&path).expect("there").len() as usize;
        copied.damage(&file, Damage::Cut { at: length / 2 });
        let before = copied.refusal();
        let refused = salvage(&copied.data(), &home::options(1)).expect_err("it is damaged");
        let name = file.file_name().expect("a name").to_string_lossy();
        assert!(refused.to_string().contains(name.as_ref()), "{refused}");
        assert_eq!(copied.refusal(), before, "nothing was changed");
    }
}
