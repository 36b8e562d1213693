//! Files of RocksDB's tables that are gone or cut: a reader opens beside a writer
//! whose files come and go, and still refuses.

use std::fs;
use std::path::{Path, PathBuf};

use tarn_store::Reader;
use tarn_store::owner::Session;

use super::{Damage, Scene};
use crate::agreement::answer::Asker;
use crate::support::corpus::Corpus;
use crate::support::home::{self, Home};

fn tables(data: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(data.join("db")).expect("listed");
    let mut tables: Vec<PathBuf> = listed
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "sst"))
        .collect();
    tables.sort();
    tables
}

#[test]
fn a_reader_refuses_without_any_of_them() {
    let scene = Scene::closed(&Asker::new());
    for table in scene.files(|name| name.ends_with(".sst")) {
        let path = scene.home.data().join(&table);
        let length = fs::metadata(&path).expect("there").len() as usize;
        for cut in [None, Some(0), Some(length / 2), Some(length - 1)] {
            let copied = scene.copy();
            match cut {
                None => fs::remove_file(copied.data().join(&table)).expect("removed"),
                Some(at) => copied.damage(&table, Damage::Cut { at }),
            }
            let reason = copied.refusal();
            let name = table.file_name().expect("a name").to_string_lossy();
            assert!(reason.contains(name.as_ref()), "{cut:?}: {reason}");
            assert!(reason.contains("backup"), "{cut:?}: {reason}");
            let opened = Session::open(&copied.data(), &home::options(1));
            assert!(opened.is_err(), "{cut:?} of {name}");
        }
    }
}

#[test]
fn a_reader_that_is_open_refuses_what_comes_without_its_table() {
    let home = Home::new();
    let corpus = Corpus::new(7, 80);
    let (first, second) = corpus.deliveries.split_at(corpus.deliveries.len() / 2);
    let session = home.session(1);
    home::import(&session, &[home.log("first.json", first)]);
    let reader = Reader::open(&home.data()).expect("opens");
    let before = reader.snapshot().expect("reads");
    let tables_before = tables(&home.data());
    home::import(&session, &[home.log("second.json", second)]);
    let is_new = |path: &PathBuf| !tables_before.contains(path);
    let new = tables(&home.data()).into_iter().find(is_new).expect("one");
    let aside = home.path().join("aside");
    fs::rename(&new, &aside).expect("moved");
    let Err(refused) = reader.snapshot() else {
        panic!("events that are published are not there");
    };
    let name = new.file_name().expect("a name").to_string_lossy();
    assert!(refused.to_string().contains(name.as_ref()), "{refused}");
    assert!(before.event_count(home::default_store(&before)) > 0);

    fs::rename(&aside, &new).expect("moved back");
    let after = Reader::open(&home.data()).expect("opens");
    home::check(&after.snapshot().expect("reads"));
}
