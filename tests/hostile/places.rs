//! Folders in which not everything is a file, and files that change under the reader.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::support::home::{self, Home};

/// Longer than any import here, shorter than for ever.
const TIME_MAX: Duration = Duration::from_secs(60);

fn event(n: usize) -> String {
    format!("{{\"eventTime\":\"2024-03-02T00:00:00Z\",\"eventID\":\"{n}\"}}\n")
}

fn make_pipe(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
}

/// Does something that may never end; fails where it does not.
fn in_time<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, result) = mpsc::channel();
    std::thread::spawn(move || done.send(work()));
    result.recv_timeout(TIME_MAX).expect("it ends in time")
}

#[test]
fn what_is_no_file_is_told_and_the_files_are_taken() {
    let home = Home::new();
    let logs = home.logs();
    fs::create_dir_all(logs.join("folder.json.gz/inner")).expect("a folder");
    let names = [
        OsStr::new("plain.json"),
        OsStr::new("line\nbreak.json"),
        OsStr::new("\u{1b}[31mred\u{202e}.json"),
        OsStr::new("*?[a].json"),
        OsStr::new("-"),
        OsStr::from_bytes(b"no-utf8-\xff\xfe.json"),
        OsStr::new("folder.json.gz/inner/deep.json"),
    ];
    for (n, name) in names.iter().enumerate() {
        fs::write(logs.join(name), event(n)).expect("a file");
    }
    fs::write(logs.join("empty.json"), "").expect("a file");
    fs::write(logs.join("empty.json.gz"), "").expect("a file");
    symlink(&logs, logs.join("folder.json.gz/loop")).expect("a link");
    symlink("to-itself", logs.join("to-itself")).expect("a link");
    symlink("nowhere", logs.join("broken")).expect("a link");
    symlink("/dev/zero", logs.join("zeros")).expect("a link");
    symlink("plain.json", logs.join("again.json")).expect("a link");
    make_pipe(&logs.join("pipe.json"));

    let (home, summary) = in_time(move || {
        let session = home.session(2);
        let summary = home::import(&session, &[home.logs()]);
        session.close().expect("closed");
        (home, summary)
    });
    assert_eq!(summary.records.stored, names.len() as u64);
    assert_eq!(
        summary.files.read,
        names.len() as u64 + 2,
        "and the empty ones"
    );
    let mut told: Vec<(&str, &str)> = summary
        .failures
        .iter()
        .map(|(path, reason)| (path.rsplit('/').next().unwrap_or(path), reason.as_str()))
        .collect();
    told.sort_unstable();
    let told_names: Vec<&str> = told.iter().map(|(name, _)| *name).collect();
    assert_eq!(told_names, ["broken", "pipe.json", "to-itself", "zero"]);
    for (name, words) in [
        ("pipe.json", "pipe"),
        ("zero", "device"),
        ("to-itself", "link"),
    ] {
        let reason = told
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, reason)| *reason);
        assert!(
            reason.is_some_and(|r| r.contains(words)),
            "{name}: {reason:?}"
        );
    }
    // The same again, by names that read back.
    let session = home.session(2);
    let again = home::import(&session, &[home.logs()]);
    assert_eq!(again.files.unchanged, names.len() as u64 + 2, "{again:?}");
}

/// A file of more than a batch, so that a step is taken while it is read.
fn write_large(path: &Path) -> usize {
    let filler = "x".repeat(4000);
    let n_events = (24 << 20) / filler.len();
    let mut lines = String::new();
    for n in 0..n_events {
        lines.push_str(&format!(
            "{{\"eventTime\":\"2024-03-01T00:00:00Z\",\"eventID\":\"large-{n}\",\"x\":\"{filler}\"}}\n"
        ));
    }
    fs::write(path, lines).expect("a file");
    n_events
}

/// Imports a folder of one large file and `change`s it when the first batch is on its
/// way, while the large file is read.
fn changed_while_read(change: impl FnOnce(&Path) + Send + 'static) -> (Home, usize) {
    let home = Home::new();
    fs::create_dir_all(home.logs()).expect("a folder");
    let n_events = write_large(&home.logs().join("a.json"));
    fs::write(home.logs().join("b.json"), event(0)).expect("a file");
    let (logs, mut change) = (home.logs(), Some(change));
    home.on_step(move |step| {
        if step == "intent written"
            && let Some(change) = change.take()
        {
            change(&logs);
        }
    });
    (home, n_events)
}

/// A pipe has no end before somebody writes to it.
#[test]
fn a_file_that_becomes_a_pipe() {
    let (home, n_events) = changed_while_read(|logs| {
        fs::remove_file(logs.join("b.json")).expect("removed");
        make_pipe(&logs.join("b.json"));
    });
    let summary = in_time(move || {
        let session = home.session(1);
        home::import(&session, &[home.logs()])
    });
    assert_eq!(summary.records.stored, n_events as u64);
    let (path, reason) = &summary.failures[0];
    assert!(
        path.ends_with("b.json") && reason.contains("none any more"),
        "{reason}"
    );
}

/// What was there when it was read is taken, and the next import takes the rest: the
/// file is not what it was when it was found.
#[test]
fn a_file_that_grows_shrinks_or_goes() {
    let (home, n_events) = changed_while_read(|logs| {
        let more = event(1) + &event(2);
        let whole = fs::read(logs.join("b.json")).expect("read");
        fs::write(logs.join("b.json"), [whole, more.into_bytes()].concat()).expect("written");
        let large = fs::File::options()
            .write(true)
            .open(logs.join("a.json"))
            .expect("opened");
        large
            .set_len((large.metadata().expect("there").len() / 10) * 9 + 7)
            .expect("cut");
    });
    let session = home.session(1);
    let first = home::import(&session, &[home.logs()]);
    assert!(first.records.stored < n_events as u64, "{first:?}");
    assert_eq!(first.records.rejected, 1, "the line that was cut");
    let again = home::import(&session, &[home.logs()]);
    assert_eq!(
        again.files.unchanged, 0,
        "both have changed since they were found"
    );
    write_large(&home.logs().join("a.json"));
    let whole = home::import(&session, &[home.logs()]);
    assert_eq!(whole.files.unchanged, 1, "{whole:?}");
    let stored = first.records.stored + again.records.stored + whole.records.stored;
    assert_eq!(stored, n_events as u64 + 3);
}

/// Cleaners of temporary files remove sockets too.
#[test]
fn a_directory_without_its_socket_is_closed() {
    let home = Home::new();
    fs::create_dir_all(home.logs()).expect("a folder");
    fs::write(home.logs().join("a.json"), event(1)).expect("written");
    let session = home.session(1);
    home::import(&session, &[home.logs()]);
    fs::remove_file(home.data().join("owner.sock")).expect("there");
    in_time(move || session.close()).expect("closed");
    assert!(home.data().join("CLOSED").exists());
}
