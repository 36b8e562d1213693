//! Trees as they are found on disks.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::*;

const DAY: &str = "AWSLogs/111122223333/CloudTrail/eu-west-1/2024/02/29";
/// 2024-02-29T00:00:00Z.
const DAY_MS: i64 = 1_709_164_800_000;
const HOUR_MS: i64 = 3_600_000;

struct Tree(tempfile::TempDir);

impl Tree {
    fn new(files: &[&str]) -> Self {
        let tree = Self(tempfile::tempdir().expect("a folder"));
        for file in files {
            tree.add(OsStr::new(file));
        }
        tree
    }

    fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root().join(path)
    }

    fn root(&self) -> PathBuf {
        self.0.path().canonicalize().expect("a folder")
    }

    fn add(&self, path: &OsStr) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        fs::write(path, "{}").expect("a file");
    }

    /// The names found, relative to the tree, in order.
    fn find(&self, paths: &[&str], options: &DiscoverOptions) -> (Vec<String>, Discovered) {
        let paths: Vec<_> = paths.iter().map(|p| self.at(p)).collect();
        let found = discover(&paths, options).expect("paths that exist");
        let root = self.root();
        let names = found
            .files
            .iter()
            .map(|f| {
                f.path
                    .strip_prefix(&root)
                    .expect("below")
                    .display()
                    .to_string()
            })
            .collect();
        (names, found)
    }
}

fn log(account: &str, day: &str, time: &str) -> String {
    let compact = day.replace('/', "");
    format!(
        "AWSLogs/{account}/CloudTrail/eu-west-1/{day}/{account}_CloudTrail_eu-west-1_{compact}T{time}Z_x.json.gz"
    )
}

#[test]
fn accounts_are_interleaved_by_time() {
    let files = [
        log("111122223333", "2024/02/29", "0100"),
        log("111122223333", "2024/02/29", "0300"),
        log("444455556666", "2024/02/29", "0200"),
        "notes.txt".to_owned(),
        "other/2024/02/28/x.json".to_owned(),
    ];
    let tree = Tree::new(&files.each_ref().map(String::as_str));
    let (names, found) = tree.find(&[""], &DiscoverOptions::default());
    let expected = [4, 0, 2, 1, 3].map(|i| files[i].clone());
    assert_eq!(names, expected);
    assert_eq!(found.files[1].account.as_deref(), Some("111122223333"));
    assert_eq!(found.files[1].region.as_deref(), Some("eu-west-1"));
    assert_eq!(found.files[1].time_hint_ms, Some(DAY_MS + HOUR_MS));
    assert_eq!(found.files[1].size, 2);
    assert!(found.files[1].mtime_ns > 1_700_000_000_000_000_000);
    assert_eq!(found.files[4].time_hint_ms, None);
}

#[test]
fn names_tell_where_folders_do_not() {
    let tree = Tree::new(&["111122223333_CloudTrail_us-east-2_20240229T0000Z_x.json.gz"]);
    let (_, found) = tree.find(&[""], &DiscoverOptions::default());
    assert_eq!(found.files[0].account.as_deref(), Some("111122223333"));
    assert_eq!(found.files[0].region.as_deref(), Some("us-east-2"));
    let options = DiscoverOptions {
        accounts: vec!["444455556666".into()],
        ..DiscoverOptions::default()
    };
    assert_eq!(tree.find(&[""], &options).1.pruned, 1);
}

#[test]
fn times_leave_out_only_what_cannot_matter() {
    let files = [
        log("111122223333", "2023/12/31", "2300"),
        log("111122223333", "2024/02/28", "2230"),
        log("111122223333", "2024/02/28", "2330"),
        log("111122223333", "2024/02/29", "1200"),
        log("111122223333", "2024/03/30", "0000"),
        log("111122223333", "2024/04/02", "0000"),
        "plain_20200101T0000Z.json".to_owned(),
        "2020/01/01/plain.json".to_owned(),
    ];
    let tree = Tree::new(&files.each_ref().map(String::as_str));
    let since = DiscoverOptions {
        since_ms: Some(DAY_MS),
        ..DiscoverOptions::default()
    };
    let (names, found) = tree.find(&[""], &since);
    assert_eq!(names, [7, 6, 2, 3, 4, 5].map(|i| files[i].clone()));
    assert_eq!(
        (found.pruned, found.pruned_folders),
        (1, 1),
        "one file, one year"
    );
    let until = DiscoverOptions {
        until_ms: Some(DAY_MS + 12 * HOUR_MS),
        ..DiscoverOptions::default()
    };
    let (names, found) = tree.find(&[""], &until);
    assert_eq!(names, [7, 6, 0, 1, 2, 3, 4].map(|i| files[i].clone()));
    assert_eq!(
        (found.pruned, found.pruned_folders),
        (0, 1),
        "the month of April"
    );
}

#[test]
fn accounts_and_regions_leave_out_folders() {
    let tree = Tree::new(&[
        &log("111122223333", "2024/02/29", "0000"),
        &log("444455556666", "2024/02/29", "0000"),
        "loose.json",
    ]);
    let options = DiscoverOptions {
        accounts: vec!["444455556666".into()],
        ..DiscoverOptions::default()
    };
    let (names, found) = tree.find(&[""], &options);
    assert_eq!(
        names,
        [
            log("444455556666", "2024/02/29", "0000").as_str(),
            "loose.json"
        ]
    );
    assert_eq!(found.pruned_folders, 1);
    let options = DiscoverOptions {
        regions: vec!["us-east-1".into()],
        ..DiscoverOptions::default()
    };
    assert_eq!(tree.find(&[""], &options).0, ["loose.json"]);
}

#[test]
fn odd_names_links_and_loops() {
    let tree = Tree::new(&["logs/a.json", "elsewhere/blob"]);
    let odd = OsStr::from_bytes(b"logs/od\xffd\n.json");
    tree.add(odd);
    symlink(tree.at("logs"), tree.at("logs/loop")).expect("a link");
    symlink("a.json", tree.at("logs/again.json")).expect("a link");
    symlink("nowhere", tree.at("logs/broken")).expect("a link");
    fs::create_dir_all(tree.at(DAY)).expect("folders");
    symlink(
        tree.at("elsewhere/blob"),
        tree.at(DAY).join("linked.json.gz"),
    )
    .expect("a link");
    let found = discover(
        &[tree.at("logs"), tree.at("AWSLogs")],
        &DiscoverOptions::default(),
    );
    let found = found.expect("paths that exist");
    let paths: Vec<_> = found.files.iter().map(|f| f.path.clone()).collect();
    assert_eq!(
        paths,
        [
            tree.at("elsewhere/blob"),
            tree.at("logs/a.json"),
            tree.at(odd)
        ]
    );
    assert_eq!(found.files[0].account.as_deref(), Some("111122223333"));
    assert_eq!(found.files[0].time_hint_ms, Some(DAY_MS));
    assert_eq!(found.failed.len(), 1);
    assert_eq!(found.failed[0].0, tree.at("logs/broken"));
}

#[test]
fn what_is_no_file_is_refused() {
    let tree = Tree::new(&["a.json"]);
    let fifo = tree.at("pipe");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, mode).expect("a pipe");
    let _socket = std::os::unix::net::UnixListener::bind(tree.at("socket")).expect("a socket");
    for paths in [&[""][..], &["pipe", "socket", "a.json"]] {
        let (names, found) = tree.find(paths, &DiscoverOptions::default());
        assert_eq!(names, ["a.json"]);
        assert_eq!(found.failed.len(), 2);
        assert!(
            found.failed[0].1.starts_with("a pipe"),
            "{:?}",
            found.failed
        );
    }
    let device = discover(&["/dev/null".into()], &DiscoverOptions::default());
    assert_eq!(
        device.expect("exists").failed[0].1,
        "a device and not a file"
    );
}

#[test]
fn each_file_once() {
    let tree = Tree::new(&["a/b/c.json", "a/d.json"]);
    let (names, _) = tree.find(
        &["a", "a/b", "a/b/c.json", "a/*", "./a"],
        &DiscoverOptions::default(),
    );
    assert_eq!(names, ["a/b/c.json", "a/d.json"]);
}

#[test]
fn patterns() {
    let tree = Tree::new(&[
        "a/1.json",
        "a/1.gz",
        "a/x/2.json",
        "a/x/y/3.json",
        "b/4.json",
        "a/[z]/5.json",
        "a/z/6",
    ]);
    let none = DiscoverOptions::default();
    let find = |pattern: &str| tree.find(&[pattern], &none).0;
    assert_eq!(find("a/*.json"), ["a/1.json"]);
    assert_eq!(find("*/*.json"), ["a/1.json", "b/4.json"]);
    assert_eq!(find("a/**/*.json").len(), 4);
    assert_eq!(find("{a,b}/[14].json"), ["a/1.json", "b/4.json"]);
    assert_eq!(find("a/?"), ["a/x/2.json", "a/x/y/3.json", "a/z/6"]);
    assert_eq!(find("a/[z]"), ["a/[z]/5.json"], "a path that exists wins");
    let error = |path: &str| {
        discover(&[tree.at(path)], &none)
            .expect_err("no match")
            .to_string()
    };
    assert!(error("a/*.csv").starts_with("no file matches "));
    assert!(error("no/such*").starts_with("no file matches "));
    assert!(error("no/such").ends_with("does not exist"));
    assert!(error("a/[").contains("is no pattern"));
    let all_pruned = DiscoverOptions {
        accounts: vec!["0".into()],
        ..DiscoverOptions::default()
    };
    tree.add(OsStr::new(&log("111122223333", "2024/02/29", "0000")));
    assert_eq!(
        tree.find(&["AWSL*"], &all_pruned).0.len(),
        0,
        "a match, left out"
    );
}
