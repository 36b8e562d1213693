//! Files that come with a request: they are known by the names that their sender gives
//! them, and no name is ever opened.

use std::fs;
use std::path::PathBuf;

use tarn_store::import::ImportRequest;
use tarn_store::import::discover::SentFile;

use crate::support::ask;
use crate::support::home::{self, Home};

fn event(id: &str) -> String {
    format!(r#"{{"eventTime":"2026-05-01T00:00:01Z","eventID":"{id}"}}"#)
}

/// A request with one file of this name and content.
fn request(home: &Home, name: &str, content: &str, mtime_ns: Option<i64>) -> ImportRequest {
    let folder = home.path().join("sent");
    fs::create_dir_all(&folder).expect("a folder");
    let n = fs::read_dir(&folder).expect("ours").count();
    let at = folder.join(n.to_string());
    fs::write(&at, content).expect("a file");
    ImportRequest {
        sent: vec![SentFile {
            name: name.to_owned(),
            at,
            mtime_ns,
        }],
        ..home::request(&[])
    }
}

#[test]
fn a_name_is_never_opened() {
    let home = Home::new();
    let session = home.session(1);
    let secret = home.path().join("secret.json");
    fs::write(&secret, event("of the file that the name is a path of")).expect("a file");
    let name = secret.to_string_lossy();
    let summary = home::run(&session, &request(&home, &name, &event("sent"), None));
    assert_eq!(summary.records.stored, 1);
    let snapshot = home.snapshot();
    let records = ask::records(&snapshot, home::default_store(&snapshot));
    assert_eq!(records, [event("sent")]);
    let imports = snapshot.imports().expect("they read");
    assert_eq!(imports[0].paths, [name.to_string()]);
    let files = snapshot.import_files(1).expect("they read");
    assert_eq!(files[0].0, name);
    // One whose bytes are gone is told by its name, too.
    let mut gone = request(&home, &name, "", None);
    gone.sent[0].at = PathBuf::from("/nowhere/at/all");
    let summary = home::run(&session, &gone);
    assert_eq!((summary.files.seen, summary.files.failed), (1, 1));
    assert_eq!(summary.failures[0].0, name);
}

/// As its sender knows it: by name, length and time.
#[test]
fn what_has_not_changed_is_not_read_again() {
    let home = Home::new();
    let session = home.session(1);
    let import = |content: &str, mtime_ns| {
        let files = home::run(&session, &request(&home, "logs/a", content, mtime_ns)).files;
        (files.read, files.unchanged)
    };
    assert_eq!(import(&event("a"), Some(1)), (1, 0));
    assert_eq!(import(&event("a"), Some(1)), (0, 1));
    assert_eq!(import(&event("a"), Some(2)), (1, 0), "it was touched");
    assert_eq!(import(&event("longer"), Some(2)), (1, 0));
    assert_eq!(import(&event("a"), None), (1, 0), "nobody knows");
    let mut forced = request(&home, "logs/a", &event("a"), Some(2));
    forced.force = true;
    assert_eq!(home::run(&session, &forced).files.read, 1);
}

#[test]
fn a_name_tells_the_account() {
    let home = Home::new();
    let session = home.session(1);
    let name = "AWSLogs/444455556666/CloudTrail/eu-west-1/2026/05/01/a.json";
    let mut request = request(&home, name, &event("a"), None);
    request.told_as = vec!["AWSLogs".to_owned()];
    home::run(&session, &request);
    let snapshot = home.snapshot();
    let entry = &snapshot.splits()[0].entry;
    let accounts: Vec<&String> = entry.accounts.keys().collect();
    assert_eq!(accounts, ["444455556666"]);
    assert_eq!(snapshot.imports().expect("they read")[0].paths, ["AWSLogs"]);
}
