//! Damage is found and never served.
//!
//! One bit of a file is turned over, or the file is cut, and the directory is
//! opened, queried in both languages and checked. Every answer is the right one
//! or an error that names what is damaged; nothing panics or hangs.

pub mod golden;
mod mend;
mod opening;
mod repair;
mod salvage;
mod sweep;
mod tables;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tarn_query::Language;
use tarn_store::{Access, AccountScope, Cancel, Reader, Snapshot, TimeRange};
use tempfile::TempDir;

use crate::agreement::answer::{Asker, Question};
use crate::support::ask::Row;
use crate::support::corpus::Corpus;
use crate::support::home::{self, Home};

/// Together they read records, key columns, texts, numbers, marks, postings and
/// the id file, and the events of all batches.
const QUERIES: [(&str, Language, Access); 7] = [
    (
        "SELECT eventName, count(*) AS n, min(eventTime) AS first FROM default GROUP BY eventName ORDER BY eventName, n, first",
        Language::Sql,
        Access::Indexed,
    ),
    (
        "SELECT eventID, eventJson FROM default WHERE userIdentity.arn LIKE '%a%' OR errorCode IS NOT NULL ORDER BY eventJson",
        Language::Sql,
        Access::Indexed,
    ),
    (
        "fields eventID, awsRegion, sourceIPAddress | filter ispresent(requestParameters) | sort eventID, @timestamp, @message",
        Language::Insights,
        Access::Indexed,
    ),
    (
        "stats count(*) as n, count_distinct(sourceIPAddress) as ips by recipientAccountId | sort recipientAccountId",
        Language::Insights,
        Access::Indexed,
    ),
    (
        "search AccessDenied | fields eventID | sort @message",
        Language::Insights,
        Access::Indexed,
    ),
    (
        "SELECT count(*) AS n FROM default WHERE eventID = '00000000-0000-4000-8000-000000000001'",
        Language::Sql,
        Access::Indexed,
    ),
    (
        "SELECT eventID, eventJson FROM default ORDER BY eventJson",
        Language::Sql,
        Access::Plain,
    ),
];

/// What a directory answers: for each query its rows, or its error.
type Answers = Vec<Result<Vec<Row>, String>>;

fn answers(asker: &Asker, snapshot: &Arc<Snapshot>) -> Answers {
    let answer = |(text, language, access): &(&str, Language, Access)| {
        let question = Question {
            text,
            language: *language,
            time: TimeRange::ALL,
            scope: AccountScope::All,
            access: *access,
        };
        asker
            .rows(snapshot, &question)
            .map_err(|error| format!("{error:?}"))
    };
    QUERIES.iter().map(answer).collect()
}

fn problems(snapshot: &Arc<Snapshot>) -> Vec<String> {
    snapshot.check(&mut |_| {}, &Cancel::default()).problems
}

/// A data directory that nobody has open, and what it answers.
struct Scene {
    home: Home,
    expected: Answers,
}

impl Scene {
    /// A store of some hundred events in two splits, closed as a writer does.
    fn closed(asker: &Asker) -> Self {
        let home = Home::new();
        let corpus = Corpus::new(11, 240);
        let (first, second) = corpus.deliveries.split_at(corpus.deliveries.len() / 2);
        let session = home.session(1);
        home::import(&session, &[home.log("first.json", first)]);
        home::push(&session, &[home.log("second.json", second)]);
        session.close().expect("closed");
        let expected = answers(asker, &home.snapshot());
        for (query, answer) in QUERIES.iter().zip(&expected) {
            assert!(answer.is_ok(), "{query:?}: {answer:?}");
        }
        Self { home, expected }
    }

    /// Files of the directory whose names pass, in order.
    fn files(&self, passes: impl Fn(&str) -> bool) -> Vec<PathBuf> {
        let data = self.home.data();
        let mut files = Vec::new();
        for folder in [data.clone(), data.join("db"), data.join("splits")] {
            for entry in fs::read_dir(folder).expect("listed") {
                let path = entry.expect("an entry").path();
                let relative = path.strip_prefix(&data).expect("inside");
                if path.is_file() && passes(&relative.to_string_lossy()) {
                    files.push(relative.to_owned());
                }
            }
        }
        files.sort();
        assert!(!files.is_empty(), "nothing would be damaged");
        files
    }

    /// A copy of the directory.
    fn copy(&self) -> Copied {
        let folder = tempfile::tempdir().expect("a folder");
        copy_folder(&self.home.data(), &folder.path().join("data"));
        Copied { folder }
    }
}

/// A directory that may be damaged.
pub struct Copied {
    folder: TempDir,
}

impl Copied {
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Opens it for reading.
    ///
    /// **Errors**: as a person reads them.
    pub fn open(&self) -> Result<Arc<Snapshot>, String> {
        let reader = Reader::open(&self.data()).map_err(|e| e.to_string())?;
        reader.snapshot().map_err(|e| e.to_string())
    }

    /// Why it does not open.
    fn refusal(&self) -> String {
        match self.open() {
            Ok(_) => panic!("it opens"),
            Err(reason) => reason,
        }
    }

    fn damage(&self, file: &Path, damage: Damage) {
        let path = self.data().join(file);
        let mut bytes = fs::read(&path).expect("read");
        match damage {
            Damage::Flip { at, bit } => bytes[at] ^= 1 << bit,
            Damage::Cut { at } => bytes.truncate(at),
        }
        // A new file, so that the original stays as it is where this is a link.
        fs::remove_file(&path).expect("removed");
        fs::write(&path, bytes).expect("written");
    }
}

#[derive(Debug, Clone, Copy)]
enum Damage {
    Flip { at: usize, bit: u8 },
    Cut { at: usize },
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("listed") {
        let entry = entry.expect("an entry");
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().expect("known");
        if kind.is_dir() {
            copy_folder(&path, &copy);
        } else if kind.is_file() {
            fs::copy(&path, &copy).expect("copied");
        }
    }
}
