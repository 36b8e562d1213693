//! Invariant 7: memory is bounded by configuration, whatever shape the logs
//! have.
//!
//! A child process imports, and is watched from outside. What it may use is the
//! limit that it was given and a constant for everything else: RocksDB's caches
//! and write buffers, the program itself.

use std::fs;
use std::io::Write;
use std::path::Path;

use crate::support::corpus::{Corpus, Delivery};
use crate::support::files::{Shape, gzip_writer, write_file};
use crate::support::home::{self, Home};
use crate::support::random::Random;
use crate::support::victim::{Orders, Role};

/// What is not counted by the limit. Beside other tests the allocator keeps more of
/// what was given back than alone, by up to 30 MiB.
const BESIDES: u64 = 192 << 20;
/// The limit that the children are given.
const MEMORY: usize = 128 << 20;

/// Imports everything in the home's logs in a child, and checks its memory.
fn within_bounds(home: &Home) {
    let orders = Orders {
        memory_bytes: MEMORY,
        ..Orders::new(Role::Import, home.path())
    };
    let peak = orders.start().peak_anonymous_bytes();
    let allowed = MEMORY as u64 + BESIDES;
    assert!(
        peak <= allowed,
        "{} MiB of anonymous memory, {} MiB are allowed",
        peak >> 20,
        allowed >> 20
    );
}

/// Makes records of any size, no two of them the same.
struct Records {
    random: Random,
    /// Records repeat their words, as real ones do.
    words: Vec<String>,
    n: usize,
}

impl Records {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let word = |_| format!("w{:x} ", random.below(1 << 24));
        Self {
            words: (0..20_000).map(word).collect(),
            random,
            n: 0,
        }
    }

    /// The next record, of about this many bytes.
    fn next(&mut self, bytes: usize) -> String {
        let n = self.n;
        self.n += 1;
        let second = n % 86_400;
        let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
        let mut record = format!(
            r#"{{"eventVersion":"1.11","eventTime":"2024-03-01T{h:02}:{m:02}:{s:02}Z","eventID":"{n:032x}","recipientAccountId":"111122223333","eventName":"GetObject","requestParameters":{{"words":""#
        );
        while record.len() < bytes {
            let word: &String = self.random.pick(&self.words);
            record.push_str(word);
        }
        record.push_str("\"}}");
        record
    }
}

/// More than twice the memory that the import may use, in one gzip file.
#[test]
fn one_large_file() {
    const FILE_BYTES: usize = 300 << 20;
    let home = Home::new();
    fs::create_dir_all(home.logs()).expect("a folder");
    let mut records = Records::new(81);
    let mut out = gzip_writer(&home.logs().join("large.json.gz"));
    out.write_all(br#"{"Records":["#).expect("written");
    let mut written = 0;
    while written < FILE_BYTES {
        let comma = if written == 0 { "" } else { "," };
        let record = format!("{comma}{}", records.next(3000));
        out.write_all(record.as_bytes()).expect("written");
        written += record.len();
    }
    out.write_all(b"]}").expect("written");
    out.finish().expect("written");
    within_bounds(&home);
    let snapshot = home.snapshot();
    let stored = snapshot.event_count(home::default_store(&snapshot));
    assert_eq!(stored, records.n as u64);
}

#[test]
fn records_of_a_megabyte() {
    let home = Home::new();
    fs::create_dir_all(home.logs()).expect("a folder");
    let mut records = Records::new(82);
    let mut out = gzip_writer(&home.logs().join("wide.json.gz"));
    for _ in 0..40 {
        let line = format!("{}\n", records.next(1 << 20));
        out.write_all(line.as_bytes()).expect("written");
    }
    out.finish().expect("written");
    within_bounds(&home);
    let snapshot = home.snapshot();
    assert_eq!(snapshot.event_count(home::default_store(&snapshot)), 40);
}

/// Every word a term of its own: the index of such records is many times as large as
/// they are.
#[test]
fn words_that_occur_once() {
    const RECORDS: u64 = 40;
    let home = Home::new();
    fs::create_dir_all(home.logs()).expect("a folder");
    let mut records = Records::new(86);
    let mut out = gzip_writer(&home.logs().join("words.json.gz"));
    let mut n_words = 0_u32;
    for _ in 0..RECORDS {
        let mut record = records.next(0);
        record.truncate(record.len() - "\"}}".len());
        while record.len() < 1 << 20 {
            record.push_str(&format!("w{n_words:x} "));
            n_words += 1;
        }
        out.write_all(format!("{record}\"}}}}\n").as_bytes())
            .expect("written");
    }
    out.finish().expect("written");
    within_bounds(&home);
    let snapshot = home.snapshot();
    let stored = snapshot.event_count(home::default_store(&snapshot));
    assert_eq!(stored, RECORDS);
}

#[test]
fn many_tiny_files() {
    const FILES: usize = 20_000;
    let home = Home::new();
    let mut records = Records::new(83);
    for n in 0..FILES {
        let delivery = Delivery {
            content: n,
            bytes: records.next(300).into_bytes(),
        };
        let folder = home.logs().join(format!("{}", n / 1000));
        write_file(
            &folder.join(format!("{n}.json")),
            Shape::Ndjson,
            [&delivery],
        );
    }
    within_bounds(&home);
    let snapshot = home.snapshot();
    assert_eq!(
        snapshot.event_count(home::default_store(&snapshot)),
        FILES as u64
    );
}

/// Rejects keep their bytes, and so many of them must not be kept in memory.
#[test]
fn a_large_file_of_rejects() {
    const FILE_BYTES: usize = 300 << 20;
    let home = Home::new();
    fs::create_dir_all(home.logs()).expect("a folder");
    let mut records = Records::new(84);
    let mut out = gzip_writer(&home.logs().join("rejects.json.gz"));
    let mut written = 0;
    while written < FILE_BYTES {
        let line = records.next(20_000).replace("eventTime", "eventTide");
        out.write_all(format!("{line}\n").as_bytes())
            .expect("written");
        written += line.len();
    }
    out.finish().expect("written");
    within_bounds(&home);
    let rejects = home.snapshot().rejects(None).expect("read");
    assert_eq!(rejects.len(), records.n);
}

/// The same events over and over: whatever is compared with what is stored is
/// compared in portions.
#[test]
fn a_large_file_of_duplicates() {
    let home = Home::new();
    let corpus = Corpus::new(85, 500);
    let records: Vec<&[u8]> = corpus
        .deliveries
        .iter()
        .map(|d| d.bytes.as_slice())
        .collect();
    let bytes = Shape::Ndjson.write(&records);
    fs::create_dir_all(home.logs()).expect("a folder");
    let path = home.logs().join("again.json.gz");
    let mut out = gzip_writer(&path);
    let times = (150 << 20) / bytes.len();
    for _ in 0..times {
        out.write_all(&bytes).expect("written");
    }
    out.finish().expect("written");
    assert!(Path::new(&path).exists());
    within_bounds(&home);
    let snapshot = home.snapshot();
    let stored = snapshot.event_count(home::default_store(&snapshot));
    assert_eq!(stored, corpus.contents.len() as u64);
}
