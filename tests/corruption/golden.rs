//! Stores that builds of each format have written, in `tests/golden/`: they
//! open, answer, take an import and check.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use tarn_query::Language;
use tarn_query::results::{NdjsonWriter, ResultWriter};
use tarn_store::accounts::Account;
use tarn_store::index::split_file::VERSION;
use tarn_store::owner::Session;
use tarn_store::saved::{Overwrite, SavedQuery};
use tarn_store::{Access, AccountScope, Reader, Snapshot, TimeRange};

use super::{Copied, copy_folder, problems};
use crate::agreement::answer::{Asker, Question};
use crate::support::corpus::Corpus;
use crate::support::home::{self, Home};

const FORMATS: [&str; 3] = ["1", "2", "3"];

fn golden() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/golden"))
}

/// A copy of the store of a format.
pub fn store(format: &str) -> Copied {
    let copied = Copied {
        folder: tempfile::tempdir().expect("a folder"),
    };
    copy_folder(&golden().join(format).join("data"), &copied.data());
    copied
}

fn language_of(query: &Path) -> Language {
    match query.extension().and_then(|e| e.to_str()) {
        Some("sql") => Language::Sql,
        Some("insights") => Language::Insights,
        other => panic!("{}: {other:?} is no language", query.display()),
    }
}

/// Asks every query of `golden/queries` both ways, and compares the answers
/// with those written down.
fn compare_answers(asker: &Asker, snapshot: &Arc<Snapshot>, time: TimeRange) {
    let mut n_queries = 0;
    for entry in fs::read_dir(golden().join("queries")).expect("listed") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        let text = fs::read_to_string(&path).expect("read");
        let answer = golden().join("answers").join(format!("{name}.ndjson"));
        let expected = fs::read_to_string(answer).expect("read");
        assert!(!expected.is_empty(), "{name} asks for nothing");
        for access in [Access::Indexed, Access::Plain] {
            let question = Question {
                text: text.trim_end(),
                language: language_of(&path),
                time,
                scope: AccountScope::All,
                access,
            };
            let (schema, batches) = asker.batches(snapshot, &question).expect("answered");
            let mut out = Vec::new();
            let mut writer = NdjsonWriter::new(&mut out, &schema);
            for batch in &batches {
                writer.write(batch).expect("written");
            }
            writer.finish().expect("written");
            drop(writer);
            let found = String::from_utf8(out).expect("text");
            assert_eq!(found, expected, "{name}, {access:?}");
        }
        n_queries += 1;
    }
    assert_eq!(n_queries, 5);
}

/// The layouts of the splits that a directory has, ascending.
pub fn versions(data: &Path) -> Vec<u32> {
    let snapshot = home::snapshot(data);
    let mut versions: Vec<u32> = snapshot.splits().iter().map(|s| s.entry.version).collect();
    versions.sort_unstable();
    versions
}

#[test]
fn stores_of_every_format_answer_and_take_more() {
    let asker = Asker::new();
    // Events of other times than those of the stores.
    let logs = Home::new();
    let corpus = Corpus::new(5, 40);
    let log = logs.log("more.json", &corpus.deliveries);
    for format in FORMATS {
        let copied = store(format);
        let data = copied.data();
        let before = copied.open().expect("opens");
        compare_answers(&asker, &before, TimeRange::ALL);
        assert_eq!(problems(&before), Vec::<String>::new(), "format {format}");
        let written = before.splits().iter().map(|s| s.entry.time_min_ms).min();
        let theirs = TimeRange {
            start_ms: written.expect("a split"),
            end_ms: i64::MAX,
        };
        drop(before);

        let session = Session::open(&data, &home::options(1)).expect("opens for writing");
        home::push(&session, std::slice::from_ref(&log));
        session.close().expect("closed");
        let version: u32 = format.parse().expect("a number");
        assert_eq!(versions(&data), [version, VERSION], "side by side");
        assert_eq!(
            fs::read_to_string(data.join("FORMAT")).expect("read"),
            "tarn-data 2\n"
        );
        let after = copied.open().expect("opens");
        compare_answers(&asker, &after, theirs);
        assert_eq!(problems(&after), Vec::<String>::new(), "format {format}");
        drop(after);

        // Nothing of the push is new; the splits are merged.
        let session = Session::open(&data, &home::options(1)).expect("opens for writing");
        let again = home::import(&session, std::slice::from_ref(&log));
        assert_eq!(again.records.stored, 0);
        session.close().expect("closed");
        let merged = copied.open().expect("opens");
        compare_answers(&asker, &merged, theirs);
        assert_eq!(problems(&merged), Vec::<String>::new(), "format {format}");
    }
}

/// Families that came after a directory was written are empty in it, and are read by
/// whoever had it open when a writer made them.
#[test]
fn families_of_later_builds_are_empty_until_a_writer_makes_them() {
    let saved = SavedQuery {
        name: "q".to_owned(),
        ..tarn_query::saved::library()
            .first()
            .expect("a query")
            .clone()
    };
    for format in FORMATS {
        let copied = store(format);
        let reader = Reader::open(&copied.data()).expect("opens");
        let names = || {
            let snapshot = reader.snapshot().expect("read");
            let queries = snapshot.saved_queries().expect("read").into_iter();
            let accounts = snapshot.accounts().expect("read").into_iter();
            assert_eq!(problems(&snapshot), Vec::<String>::new(), "format {format}");
            let queries = queries.map(|entry| entry.query.name);
            queries.chain(accounts.map(|a| a.id)).collect::<Vec<_>>()
        };
        assert!(names().is_empty());
        for round in ["111111111111", "222222222222"] {
            let session = Session::open(&copied.data(), &home::options(1));
            let session = session.expect("opens for writing");
            let account = Account {
                id: round.to_owned(),
                name: "a".to_owned(),
                ou: None,
                email: None,
                status: None,
            };
            session.put_accounts(vec![account]).expect("saved");
            let put = session.put_saved_query(saved.clone(), Overwrite::Replace);
            put.expect("saved");
            assert_eq!(names(), ["q", round], "format {format}");
            session.close().expect("closed");
            assert_eq!(names(), ["q", round], "format {format}");
        }
    }
}

#[test]
fn a_store_of_a_newer_format_is_left_alone() {
    let copied = store("2");
    let format = copied.data().join("FORMAT");
    fs::write(&format, "tarn-data 3\n").expect("written");
    let reason = copied.refusal();
    assert!(reason.contains("has format \"tarn-data 3\""), "{reason}");
    let Err(refused) = Session::open(&copied.data(), &home::options(1)) else {
        panic!("opened");
    };
    assert_eq!(refused.to_string(), reason);
    assert_eq!(fs::read_to_string(&format).expect("read"), "tarn-data 3\n");
    assert!(copied.data().join("CLOSED").exists(), "nothing was changed");
}
