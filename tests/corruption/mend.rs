//! What needs a damaged split for its work builds it anew, and goes on.

use std::fs;
use std::path::Path;

use tarn_store::Cancel;
use tarn_store::import::ImportRequest;
use tarn_store::owner::Session;

use super::{Copied, Damage, Scene, answers, problems};
use crate::agreement::answer::Asker;
use crate::support::home;

type Harm = fn(&Copied, &Path);

/// The ways in which a split is lost.
const HARMS: [(&str, Harm); 3] = [
    ("a bit", |copied, split| {
        // Of the footer, which every reader reads.
        let length = fs::metadata(copied.data().join(split))
            .expect("there")
            .len();
        let at = usize::try_from(length).expect("small") - 40;
        copied.damage(split, Damage::Flip { at, bit: 3 });
    }),
    ("cut", |copied, split| {
        copied.damage(split, Damage::Cut { at: 100 })
    }),
    ("gone", |copied, split| {
        fs::remove_file(copied.data().join(split)).expect("removed");
    }),
];

#[test]
fn imports_mend_what_they_compare_with() {
    let asker = Asker::new();
    let scene = Scene::closed(&asker);
    let split = &scene.files(|name| name.ends_with(".split"))[0];
    for (harm, apply) in HARMS {
        let copied = scene.copy();
        apply(&copied, split);
        let session = Session::open(&copied.data(), &home::options(1)).expect("opens");
        let again = ImportRequest {
            force: true,
            ..home::request(&[scene.home.logs()])
        };
        let summary = session
            .import(&again, &mut |_| {}, &Cancel::default())
            .unwrap_or_else(|error| panic!("{harm}: {error}"));
        assert_eq!(summary.records.stored, 0, "{harm}: all of it was there");
        session.close().expect("closed");
        let mended = copied.open().expect("opens");
        assert_eq!(answers(&asker, &mended), scene.expected, "{harm}");
        assert_eq!(problems(&mended), Vec::<String>::new(), "{harm}");
    }
}

/// The import itself looks at no other split: its events are of another time.
#[test]
fn merges_mend_what_they_read() {
    let asker = Asker::new();
    let scene = Scene::closed(&asker);
    let copied = scene.copy();
    let split = &scene.files(|name| name.ends_with(".split"))[0];
    // In the middle: it opens, and the merge finds it.
    copied.damage(split, Damage::Flip { at: 1000, bit: 3 });
    let log = copied.data().with_file_name("later.json");
    let later =
        r#"{"eventTime":"2031-01-01T00:00:00Z","eventID":"later","recipientAccountId":"1"}"#;
    fs::write(&log, later).expect("written");
    let session = Session::open(&copied.data(), &home::options(1)).expect("opens");
    home::import(&session, &[log]);
    session.close().expect("closed");
    let mended = copied.open().expect("opens");
    assert_eq!(problems(&mended), Vec::<String>::new());
    let n_events = mended.event_count(home::default_store(&mended));
    let before = scene.home.snapshot();
    assert_eq!(
        n_events,
        before.event_count(home::default_store(&before)) + 1
    );
}

#[test]
fn what_a_query_found_is_mended_for_the_next() {
    let asker = Asker::new();
    let scene = Scene::closed(&asker);
    let copied = scene.copy();
    let splits = scene.files(|name| name.ends_with(".split"));
    for split in &splits {
        copied.damage(split, Damage::Cut { at: 100 });
    }
    let session = Session::open(&copied.data(), &home::options(1)).expect("opens");
    let damaged = copied.open().expect("the catalogue is whole");
    assert!(answers(&asker, &damaged).iter().any(Result::is_err));
    for split in damaged.splits() {
        let mended = session.mend(split.entry.id).expect("its events are there");
        assert_eq!(mended.expect("it was published").splits_before, 1);
    }
    let gone = damaged.splits()[0].entry.id;
    assert_eq!(session.mend(gone).expect("nothing to do"), None);
    let mended = copied.open().expect("opens");
    assert_eq!(answers(&asker, &mended), scene.expected);
    assert_eq!(problems(&mended), Vec::<String>::new());
}
