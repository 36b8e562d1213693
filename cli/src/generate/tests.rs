//! What generated logs must be, measured on the files themselves.
//!
//! The bounds are the figures measured in public logs, with room for the spread between
//! those logs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU32;

use serde_json::Value;

use super::*;

/// A folder that is removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tarn-generate-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind is no reason for a test to fail.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// All files under a folder, by their paths.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                found.insert(path, bytes);
            }
        }
    }
    found
}

fn relative(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let cut = |path: &Path| path.strip_prefix(folder).unwrap().to_owned();
    files(folder)
        .into_iter()
        .map(|(path, bytes)| (cut(&path), bytes))
        .collect()
}

/// The records of all files.
fn records(folder: &Path) -> Vec<Value> {
    let mut all = Vec::new();
    for bytes in files(folder).values() {
        let mut text = String::new();
        flate2::read::GzDecoder::new(&bytes[..])
            .read_to_string(&mut text)
            .unwrap();
        let mut file: Value = serde_json::from_str(&text).expect(&text);
        match file["Records"].take() {
            Value::Array(records) => all.extend(records),
            other => panic!("{other}"),
        }
    }
    all
}

fn made(events: u64, change: impl Fn(&mut GenerateOptions)) -> (Folder, GenerateSummary) {
    let folder = Folder::new();
    let mut options = GenerateOptions::new(events, folder.0.clone());
    change(&mut options);
    let summary = generate(&options, &|_| {}).unwrap();
    (folder, summary)
}

#[test]
fn the_same_options_give_the_same_bytes_with_any_number_of_threads() {
    let (one, first) = made(3_000, |_| {});
    let (three, second) = made(3_000, |options| options.threads = 3);
    assert_eq!(first, second);
    assert!(relative(&one.0) == relative(&three.0));
    let (other, _) = made(3_000, |options| options.seed = 2);
    assert!(relative(&one.0) != relative(&other.0));
}

#[test]
fn counts_are_exact_from_one_event_on() {
    for (events, per_file) in [(1, None), (999, None), (1_000, None), (5_000, Some(100))] {
        let (folder, summary) = made(events, |options| options.events_per_file = per_file);
        let records = records(&folder.0);
        let ids: HashSet<&str> = records
            .iter()
            .filter_map(|r| r["eventID"].as_str())
            .collect();
        assert_eq!(ids.len() as u64, events);
        assert_eq!(summary.events, events);
        assert_eq!(records.len() as u64, events + summary.duplicates);
        assert_eq!(summary.files, files(&folder.0).len() as u64);
        assert_eq!(summary.incident.is_some(), events >= incident::EVENTS_MIN);
    }
}

#[test]
fn files_lie_where_they_are_delivered_and_hold_what_their_names_say() {
    let (folder, summary) = made(4_000, |_| {});
    let mut gzip_bytes = 0;
    for (path, bytes) in relative(&folder.0) {
        gzip_bytes += bytes.len() as u64;
        let parts: Vec<&str> = path.iter().filter_map(|part| part.to_str()).collect();
        let [
            "AWSLogs",
            account,
            "CloudTrail",
            region,
            year,
            month,
            day,
            name,
        ] = parts[..]
        else {
            panic!("{parts:?}");
        };
        let start = format!("{account}_CloudTrail_{region}_{year}{month}{day}T");
        assert!(
            name.starts_with(&start) && name.ends_with(".json.gz"),
            "{name}"
        );
        let mut text = String::new();
        flate2::read::GzDecoder::new(&bytes[..])
            .read_to_string(&mut text)
            .unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        for record in file["Records"].as_array().unwrap() {
            assert_eq!(record["awsRegion"], region);
            assert_eq!(record["recipientAccountId"], account);
        }
    }
    assert_eq!(summary.gzip_bytes, gzip_bytes);
}

#[test]
fn large_files_stay_large() {
    let (_folder, summary) = made(40_000, |options| {
        (options.events_per_file, options.threads) = (Some(200), 2);
    });
    let mean = summary.events as f64 / summary.files as f64;
    assert!((170.0..210.0).contains(&mean), "{mean}");
}

#[test]
fn statistics_are_those_of_real_logs() {
    let (folder, summary) = made(20_000, |options| options.threads = 2);
    let mut records = records(&folder.0);
    let n_delivered = records.len();
    let mut seen = HashMap::new();
    records.retain(|record| {
        let id = record["eventID"].as_str().unwrap().to_owned();
        // What comes twice is the same event, byte by byte.
        match seen.insert(id, record.to_string()) {
            None => true,
            Some(before) => {
                assert_eq!(before, record.to_string());
                false
            }
        }
    });
    let n = records.len() as f64;
    let share = |holds: &dyn Fn(&Value) -> bool| {
        records.iter().filter(|record| holds(record)).count() as f64 / n
    };
    let mean_bytes = records.iter().map(|r| r.to_string().len()).sum::<usize>() as f64 / n;
    let twice = (n_delivered as f64 - n) / n;
    let figures = [
        ("mean bytes", mean_bytes, 1_100.0..1_700.0),
        ("delivered twice", twice, 0.0015..0.0045),
        ("events a file", n / summary.files as f64, 7.0..9.0),
        (
            "errors",
            share(&|r| r.get("errorCode").is_some()),
            0.09..0.16,
        ),
        (
            "data events",
            share(&|r| r["eventCategory"] == "Data"),
            0.12..0.35,
        ),
        ("writes", share(&|r| r["readOnly"] == false), 0.12..0.35),
        (
            "users",
            share(&|r| r["userIdentity"]["type"] == "IAMUser"),
            0.15..0.40,
        ),
        (
            "roles",
            share(&|r| r["userIdentity"]["type"] == "AssumedRole"),
            0.35..0.60,
        ),
        (
            "services",
            share(&|r| r["userIdentity"]["type"] == "AWSService"),
            0.10..0.25,
        ),
        (
            "no response",
            share(&|r| r["responseElements"].is_null()),
            0.75..0.90,
        ),
        (
            "no request",
            share(&|r| r["requestParameters"].is_null()),
            0.02..0.12,
        ),
        (
            "tlsDetails",
            share(&|r| r.get("tlsDetails").is_some()),
            0.45..0.70,
        ),
        (
            "resources",
            share(&|r| r.get("resources").is_some()),
            0.45..0.70,
        ),
        (
            "additionalEventData",
            share(&|r| r.get("additionalEventData").is_some()),
            0.2..0.5,
        ),
        (
            "sharedEventID",
            share(&|r| r.get("sharedEventID").is_some()),
            0.12..0.30,
        ),
        (
            "vpcEndpointId",
            share(&|r| r.get("vpcEndpointId").is_some()),
            0.12..0.30,
        ),
    ];
    for (name, figure, range) in figures {
        assert!(
            range.contains(&figure),
            "{name}: {figure} is not in {range:?}"
        );
    }
    let names: HashSet<String> = records
        .iter()
        .map(|record| format!("{} {}", record["eventSource"], record["eventName"]))
        .collect();
    assert!(names.len() > 450, "{} names", names.len());
}

#[test]
fn the_incident_is_there_to_be_found() {
    let (folder, summary) = made(5_000, |_| {});
    let facts = summary.incident.unwrap();
    let records = records(&folder.0);
    let time_s = |record: &Value| {
        let text = record["eventTime"].as_str().unwrap();
        chrono::DateTime::parse_from_rfc3339(text)
            .unwrap()
            .timestamp()
    };
    let by = |key: &str| -> Vec<&Value> {
        let uses = |r: &&Value| r["userIdentity"]["accessKeyId"] == key;
        records.iter().filter(uses).collect()
    };
    let denied = records
        .iter()
        .filter(|r| r["sourceIPAddress"] == *facts.address && r.get("errorCode").is_some());
    assert_eq!(denied.count() as u32, facts.denied_calls);
    let (theirs, ours): (Vec<&Value>, Vec<&Value>) = by(&facts.leaked_key)
        .into_iter()
        .partition(|r| r["sourceIPAddress"] == *facts.address);
    assert!(theirs.len() > 50 && !ours.is_empty());
    assert!(
        ours.iter()
            .all(|r| r["userIdentity"]["userName"] == *facts.leaked_user)
    );
    let created = theirs
        .iter()
        .find(|r| r["eventName"] == "CreateAccessKey")
        .unwrap();
    let new_key = &created["responseElements"]["accessKey"]["accessKeyId"];
    assert_eq!(*new_key, *facts.new_key);
    let assumed: Vec<&Value> = records
        .iter()
        .filter(|r| r["requestParameters"]["roleArn"] == *facts.assumed_role)
        .collect();
    assert_eq!(assumed.len(), 2);
    assert_eq!(assumed[0]["sharedEventID"], assumed[1]["sharedEventID"]);
    let session = by(&facts.session_key);
    let secrets = session
        .iter()
        .filter(|r| r["eventName"] == "GetSecretValue");
    assert_eq!(secrets.count() as u32, facts.secrets_read);
    let opened = session
        .iter()
        .find(|r| r["eventName"] == "AuthorizeSecurityGroupIngress")
        .unwrap();
    assert_eq!(
        opened["requestParameters"]["groupId"],
        *facts.security_group
    );
    // The trail is silent from the second after StopLogging until StartLogging.
    let last = session
        .iter()
        .find(|r| r["eventName"] == "StopLogging")
        .unwrap();
    assert_eq!(time_s(last), facts.silent_from_s);
    let silent = facts.silent_from_s + 1..facts.silent_until_s;
    let in_silence = records.iter().filter(|r| {
        r["recipientAccountId"] == *facts.target_account && silent.contains(&time_s(r))
    });
    assert_eq!(in_silence.count(), 0);
}

#[test]
fn logs_that_are_there_already_are_left_alone() {
    let (folder, _) = made(10, |_| {});
    let options = GenerateOptions::new(10, folder.0.clone());
    let error = generate(&options, &|_| {}).unwrap_err();
    assert!(matches!(error, GenerateError::Exists { .. }), "{error}");
    let error = generate(&GenerateOptions::new(0, folder.0.clone()), &|_| {}).unwrap_err();
    assert!(
        matches!(
            error,
            GenerateError::OutOfRange {
                option: "events",
                ..
            }
        ),
        "{error}"
    );
}
