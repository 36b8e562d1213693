//! What the last writer wrote down is believed until the next one has opened the
//! directory.

use std::fs;
use std::path::{Path, PathBuf};

use tarn_store::owner::Session;

use super::{Copied, Damage, Scene, answers, problems};
use crate::agreement::answer::Asker;
use crate::support::home;

fn a_table(copied: &Copied) -> PathBuf {
    let listed = fs::read_dir(copied.data().join("db")).expect("listed");
    let mut paths = listed.map(|entry| entry.expect("an entry").path());
    let table = paths.find(|path| path.extension().is_some_and(|e| e == "sst"));
    table.expect("a table")
}

/// A table that is missing for a moment, as on a disk that is not mounted whole:
/// RocksDB does not open, and the next time a log is cut.
#[test]
fn a_failed_opening_does_not_make_a_cut_log_a_crash() {
    let asker = Asker::new();
    let scene = Scene::closed(&asker);
    for log in scene.files(|name| name.ends_with(".log") || name.contains("MANIFEST-")) {
        let copied = scene.copy();
        let table = a_table(&copied);
        let aside = copied.folder.path().join("aside");
        fs::rename(&table, &aside).expect("moved");
        let failed = Session::open(&copied.data(), &home::options(1));
        assert!(failed.is_err(), "a table is missing");
        fs::rename(&aside, &table).expect("moved back");

        let whole = copied.open().expect("nothing is missing any more");
        assert_eq!(answers(&asker, &whole), scene.expected);
        drop(whole);
        let length = fs::metadata(copied.data().join(&log)).expect("there").len();
        assert!(length > 100, "{} holds something", log.display());
        copied.damage(
            &log,
            Damage::Cut {
                at: length as usize / 2,
            },
        );
        let name = log.file_name().expect("a name").to_string_lossy();
        let reason = copied.refusal();
        assert!(reason.contains(name.as_ref()), "{reason}");
        let Err(refused) = Session::open(&copied.data(), &home::options(1)) else {
            panic!("{name} is cut");
        };
        assert!(refused.to_string().contains(name.as_ref()), "{refused}");
    }
}

/// A writer that died after RocksDB had opened: nothing that it left is damaged.
#[test]
fn an_opening_that_was_cut_short_opens_again() {
    let asker = Asker::new();
    let scene = Scene::closed(&asker);
    let copied = scene.copy();
    let image = scene.copy();
    fs::remove_dir_all(image.data()).expect("removed");
    let (from, to) = (copied.data(), image.data());
    let options = tarn_store::WriteOptions {
        on_step: Some(std::sync::Arc::new(move |step: &str| {
            if step == "opened" {
                super::copy_folder(&from, &to);
            }
        })),
        ..home::options(1)
    };
    let session = Session::open(&copied.data(), &options).expect("opens");
    assert!(image.data().join("OPENING").exists());
    assert!(!copied.data().join("OPENING").exists());
    drop(session);

    let found = image.open().expect("opens for reading");
    assert_eq!(answers(&asker, &found), scene.expected);
    assert_eq!(problems(&found), Vec::<String>::new());
    drop(found);
    let session = Session::open(&image.data(), &home::options(1)).expect("opens");
    session.close().expect("closed");
    assert!(!image.data().join("OPENING").exists());
    assert!(Path::exists(&image.data().join("CLOSED")));
}
