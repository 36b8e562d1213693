//! Every kind of finding, on a directory that is made to have it.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::CheckReport;
use crate::catalog::{BatchEntry, SplitEntry};
use crate::import::ImportRequest;
use crate::kv::columns::Column;
use crate::kv::db::{Changes, Db};
use crate::kv::keys::EventKey;
use crate::kv::value::StoredEvent;
use crate::owner::Session;
use crate::scan::Cancel;
use crate::{Reader, WriteOptions, Writer};

/// A store of three events in one batch and one split.
pub(crate) struct Scene {
    folder: TempDir,
}

pub(crate) const N_EVENTS: u64 = 3;
/// 2026-06-01T00:00:00Z.
const NOW_MS: i64 = 1_780_272_000_000;

pub(crate) fn options() -> WriteOptions {
    WriteOptions {
        threads: 1,
        memory_bytes: 64 << 20,
        clock: || NOW_MS,
        on_step: None,
    }
}

fn check(snapshot: &crate::Snapshot) -> CheckReport {
    snapshot.check(&mut |_| {}, &Cancel::default())
}

impl Scene {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log.json");
        let event = |n: u64| {
            format!(
                r#"{{"eventTime":"2026-05-01T00:00:0{n}Z","eventName":"e","eventID":"{n}","recipientAccountId":"11111111111{n}"}}"#
            )
        };
        let lines: Vec<String> = (0..N_EVENTS).map(event).collect();
        fs::write(&log, lines.join("\n")).expect("written");
        let scene = Self { folder };
        let session = Session::open(&scene.data(), &options()).expect("opened");
        let request = ImportRequest {
            store: "default".to_owned(),
            paths: vec![log],
            ..ImportRequest::default()
        };
        session
            .import(&request, &mut |_| {}, &Cancel::default())
            .expect("imported");
        session.close().expect("closed");
        scene
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn writer(&self) -> Writer {
        Writer::open(&self.data(), options()).expect("opened")
    }

    fn report(&self) -> CheckReport {
        let reader = Reader::open(&self.data()).expect("opened");
        check(&reader.snapshot().expect("read"))
    }
}

/// The first entry of a family and its key.
fn first<T: serde::de::DeserializeOwned>(writer: &Writer, column: Column) -> (Vec<u8>, T) {
    let entries = writer.core.db.entries::<T>(column).expect("read");
    entries.into_iter().next().expect("there is one")
}

pub(crate) fn first_event(db: &Db) -> (Vec<u8>, Vec<u8>) {
    let pair = db.range(Column::Events, &[], None).next();
    let (key, value) = pair.expect("there is one").expect("read");
    (key.into_vec(), value.into_vec())
}

/// Changes of the catalogue, of events or of files, and what is said then.
type Harm = fn(&Writer, &mut Changes);

fn change_split(writer: &Writer, changes: &mut Changes, change: fn(&mut SplitEntry)) {
    let (key, mut split) = first::<SplitEntry>(writer, Column::Splits);
    change(&mut split);
    changes.put_entry(Column::Splits, key, &split);
}

const HARMS: [(&str, Harm); 18] = [
    ("2 events on disk, 3 were published", |w, c| {
        c.delete(Column::Events, first_event(&w.core.db).0);
    }),
    ("an event of no batch", |w, c| {
        let (key, value) = first_event(&w.core.db);
        let mut key = EventKey::decode(&key).expect("ours");
        key.batch += 1000;
        c.put(Column::Events, key.encode(), value);
    }),
    ("the event's time differs from its key", |w, c| {
        let (key, value) = first_event(&w.core.db);
        c.delete(Column::Events, key.clone());
        let mut key = EventKey::decode(&key).expect("ours");
        key.time_ms += 1;
        c.put(Column::Events, key.encode(), value);
    }),
    ("does not read as an event", |w, c| {
        c.put(Column::Events, first_event(&w.core.db).0, b"?");
    }),
    ("no eventTime", |w, c| {
        let (key, value) = first_event(&w.core.db);
        let event = StoredEvent::decode(&value).expect("ours");
        let value = StoredEvent::encode(&event.provenance, b"{}");
        c.put(Column::Events, key, value);
    }),
    ("does not read as an event's", |w, c| {
        c.put(Column::Events, b"?", first_event(&w.core.db).1);
    }),
    ("that the event came from is not known", |w, c| {
        let (key, _) = first::<crate::catalog::SourceEntry>(w, Column::Sources);
        c.delete(Column::Sources, key);
    }),
    (
        "splits tell other times or accounts than its events",
        |w, c| {
            let (key, value) = first_event(&w.core.db);
            c.delete(Column::Events, key.clone());
            let mut key = EventKey::decode(&key).expect("ours");
            key.account = "another".to_owned();
            c.put(Column::Events, key.encode(), value);
        },
    ),
    ("which is not published", |w, c| {
        let (key, _) = first::<BatchEntry>(w, Column::Batches);
        c.delete(Column::Batches, key);
    }),
    ("a dropped duplicate is in a split", |w, c| {
        let (key, mut batch) = first::<BatchEntry>(w, Column::Batches);
        batch.dead = vec![1];
        c.put_entry(Column::Batches, key, &batch);
    }),
    ("no split holds this event", |w, c| {
        let (key, _) = first::<SplitEntry>(w, Column::Splits);
        c.delete(Column::Splits, key);
    }),
    ("several splits hold this event", |w, c| {
        let (_, mut split) = first::<SplitEntry>(w, Column::Splits);
        let splits = w.core.directory.splits();
        let from = splits.join(SplitEntry::file_name(split.id));
        split.id += 1000;
        let to = splits.join(SplitEntry::file_name(split.id));
        fs::copy(from, to).expect("copied");
        c.put_entry(Column::Splits, split.id.to_be_bytes(), &split);
    }),
    ("has 3 events, the catalogue says 4", |w, c| {
        change_split(w, c, |split| split.n_docs += 1);
    }),
    ("bytes, the catalogue says", |w, c| {
        change_split(w, c, |split| split.bytes += 1);
    }),
    ("for its layout, the catalogue says 1", |w, c| {
        change_split(w, c, |split| split.version = 1);
    }),
    ("begin or end at other times", |w, c| {
        change_split(w, c, |split| split.time_max_ms += 1);
    }),
    ("its accounts have other numbers of events", |w, c| {
        change_split(w, c, |split| {
            split.accounts.insert("111111111110".to_owned(), 2);
        });
    }),
    ("the splits entry", |w, c| {
        let (key, _) = first::<SplitEntry>(w, Column::Splits);
        c.put(Column::Splits, key, b"{");
    }),
];

#[test]
fn every_kind_of_problem_is_told() {
    for (expected, harm) in HARMS {
        let scene = Scene::new();
        let writer = scene.writer();
        let mut changes = Changes::default();
        harm(&writer, &mut changes);
        writer.core.db.write(changes).expect("written");
        let problems = match writer.snapshot() {
            Ok(snapshot) => check(&snapshot).problems,
            Err(error) => vec![error.to_string()],
        };
        assert!(
            problems.iter().any(|problem| problem.contains(expected)),
            "{expected}: {problems:?}"
        );
    }
}

#[test]
fn a_sound_directory_is_verified_in_numbers() {
    let scene = Scene::new();
    let report = scene.report();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!(report.leftovers, Some(Vec::new()));
    assert_eq!(
        (report.events, report.splits, report.batches),
        (N_EVENTS, 1, 1)
    );
    assert!(report.tables >= 1 && report.table_bytes > 0, "{report:?}");
    assert!(report.catalogue_entries >= 5, "{report:?}");
    let writer = scene.writer();
    assert_eq!(scene.report().leftovers, None, "its files are named last");
    drop(writer);
}

#[test]
fn what_nothing_names_is_told_and_no_problem() {
    let scene = Scene::new();
    let names = [
        "mine.txt",
        "splits/00000000000fffff.split",
        "splits/notes",
        "db/900000.sst",
        "db/notes",
    ];
    for name in names {
        fs::write(scene.data().join(name), "?").expect("written");
    }
    let report = scene.report();
    assert_eq!(report.problems, Vec::<String>::new());
    let leftovers = report.leftovers.expect("nobody writes");
    assert_eq!(leftovers.len(), names.len(), "{leftovers:?}");
    for name in names {
        let path = scene.data().join(name);
        let is_told = |leftover: &String| leftover.starts_with(&*path.to_string_lossy());
        assert!(leftovers.iter().any(is_told), "{name}: {leftovers:?}");
    }
    drop(scene.writer());
    let kept: Vec<&str> = names
        .into_iter()
        .filter(|name| Path::exists(&scene.data().join(name)))
        .collect();
    assert_eq!(kept, ["mine.txt", "db/notes"]);
}
