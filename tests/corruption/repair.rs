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

/// It writes nothing, and so builds nothing anew.
#[test]
fn a_dry_run_beside_a_damaged_split_says_which() {
    let asker = Asker::new();
    let scene = Scene::closed(&asker);
    let copied = scene.copy();
    let split = &scene.files(|name| name.ends_with(".split"))[0];
    copied.damage(split, Damage::Cut { at: 100 });
    let session = Session::open(&copied.data(), &home::options(1)).expect("opens");
    let again = home::request(&[scene.home.logs()]);
    let again = tarn_store::import::ImportRequest {
        force: true,
        dry_run: true,
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

/// Two batches of a file are written by two workers, and either may fail: both name
/// the file.
#[test]
fn a_batch_that_fails_does_not_keep_the_name_of_its_file() {
    let asker = Asker::new();
    let scene = Scene::closed(&asker);
    let copied = scene.copy();
    for split in scene.files(|name| name.ends_with(".split")) {
        // No damage that an import would mend: the disk gives no file back.
        let split = copied.data().join(split);
        fs::remove_file(&split).expect("removed");
        fs::create_dir(&split).expect("made");
    }
    let before = copied.open().expect("the catalogue is whole");
    let n_before = before.event_count(home::default_store(&before));
    drop(before);
    // The first batch overlaps these splits in time, the others do not.
    let first = fs::read_to_string(scene.home.logs().join("first.json")).expect("read");
    let overlapping = first.split('"').find(|text| {
        let is_time = text.len() == "2026-05-01T00:00:00Z".len() && text.ends_with('Z');
        is_time && text.as_bytes()[10] == b'T'
    });
    let overlapping = overlapping.expect("an event's time");
    let filler = "x".repeat(1 << 20);
    let event = |n: usize| {
        let time = if n < 9 {
            overlapping
        } else {
            "2031-01-01T00:00:00Z"
        };
        format!(
            r#"{{"eventTime":"{time}","eventID":"late-{n}","recipientAccountId":"1","filler":"{filler}"}}"#
        )
    };
    let log = scene.home.logs().join("large.json");
    let lines: Vec<String> = (0..24).map(event).collect();
    fs::write(&log, lines.join("\n")).expect("written");
    let session = Session::open(&copied.data(), &home::options(2)).expect("opens");
    let refused = session.import(&home::request(&[log]), &mut |_| {}, &Cancel::default());
    assert!(refused.is_err(), "what it overlaps does not open");
    drop(session);
    let snapshot = copied.open().expect("opens");
    let n_after = snapshot.event_count(home::default_store(&snapshot));
    assert!(n_after > n_before, "another batch was published");
    let found = problems(&snapshot);
    assert!(
        !found.iter().any(|problem| problem.contains("is not known")),
        "{found:?}"
    );
}
