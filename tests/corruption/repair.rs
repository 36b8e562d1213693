//! Damaged splits are built anew from the events, and a check names what is
//! wrong.

use std::fs;
use std::path::Path;

use tarn_store::Cancel;
use tarn_store::owner::Session;

use super::{Damage, Scene, answers, problems};
use crate::agreement::answer::Asker;
use crate::support::home;

#[test]
fn reindex_mends_splits() {
    let asker = Asker::new();
    let scene = Scene::closed(&asker);
    let splits = scene.files(|name| name.ends_with(".split"));
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 4] = [
        ("a bit", |split| {
            let mut bytes = fs::read(split).expect("read");
            bytes[1000] ^= 8;
            fs::remove_file(split).expect("removed");
            fs::write(split, bytes).expect("written");
        }),
        ("cut", |split| {
            let bytes = fs::read(split).expect("read");
            fs::remove_file(split).expect("removed");
            fs::write(split, &bytes[..bytes.len() / 2]).expect("written");
        }),
        ("empty", |split| {
            fs::remove_file(split).expect("removed");
            fs::write(split, b"").expect("written");
        }),
        ("gone", |split| fs::remove_file(split).expect("removed")),
    ];
    for (harm, apply) in harms {
        let copied = scene.copy();
        for split in &splits {
            apply(&copied.data().join(split));
        }
        let found = problems(&copied.open().expect("the catalogue is whole"));
        for split in &splits {
            let name = split.file_name().expect("a name").to_string_lossy();
            assert!(
                found.iter().any(|problem| problem.contains(name.as_ref())),
                "{harm}: {found:?}"
            );
        }
        let session = Session::open(&copied.data(), &home::options(1)).expect("opens");
        session
            .reindex("default", &mut |_| {}, &Cancel::default())
            .unwrap_or_else(|error| panic!("{harm}: {error}"));
        session.close().expect("closed");
        let mended = copied.open().expect("opens");
        assert_eq!(answers(&asker, &mended), scene.expected, "{harm}");
        assert_eq!(problems(&mended), Vec::<String>::new(), "{harm}");
    }
}

#[test]
fn a_split_in_the_place_of_another_is_found() {
    let asker = Asker::new();
    let scene = Scene::closed(&asker);
    let copied = scene.copy();
    let splits = scene.files(|name| name.ends_with(".split"));
    let (first, last) = (&splits[0], &splits[splits.len() - 1]);
    assert_ne!(first, last, "there is another");
    fs::copy(copied.data().join(last), copied.data().join(first)).expect("copied");
    let found = problems(&copied.open().expect("opens"));
    assert!(!found.is_empty());
}

#[test]
fn an_import_beside_a_damaged_split_says_which() {
    let asker = Asker::new();
    let scene = Scene::closed(&asker);
    let copied = scene.copy();
    let split = &scene.files(|name| name.ends_with(".split"))[0];
    copied.damage(split, Damage::Cut { at: 100 });
    let session = Session::open(&copied.data(), &home::options(1)).expect("opens");
    let again = home::request(&[scene.home.logs()]);
    let again = tarn_store::import::ImportRequest {
        force: true,
        ..again
    };
    let refused = session
        .import(&again, &mut |_| {}, &Cancel::default())
        .expect_err("whether the events are new cannot be known");
    let name = split.file_name().expect("a name").to_string_lossy();
    let message = refused.to_string();
    assert!(message.contains(name.as_ref()), "{message}");
    assert!(message.contains("tarn reindex"), "{message}");
}
