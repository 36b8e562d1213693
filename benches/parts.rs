//! The parts of Tarn by themselves, so that a regression is seen where it happens.
//!
//! All of them work on the same generated logs (`tarn generate`, 20,000 events, seed 7):
//! reading files, parsing records, building a split, the whole import; opening, planning,
//! predicates, groups, texts and the newest events. `make bench` builds the command that
//! makes the logs and runs this.

use std::fs::{self, File};
use std::hint::black_box;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use tarn_query::{Engine, EngineOptions, QueryRequest};
use tarn_store::event::EventHeader;
use tarn_store::import::ImportRequest;
use tarn_store::import::decode::{DecodeLimits, Item, SourceHints, decode};
use tarn_store::index::writer::{Document, SplitBuilder};
use tarn_store::json::Json;
use tarn_store::owner::Session;
use tarn_store::{Cancel, Reader, Snapshot, WriteOptions};
use tempfile::TempDir;

const EVENTS: u64 = 20_000;
/// 2026-06-01T00:00:00Z.
const NOW_MS: i64 = 1_780_272_000_000;

/// Logs, their records, and a store of them.
struct Corpus {
    folder: TempDir,
    files: Vec<PathBuf>,
    records: Vec<Vec<u8>>,
}

impl Corpus {
    fn make() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let logs = folder.path().join("logs");
        let made = Command::new(tarn())
            .args(["-q", "generate", "--seed", "7", "--accounts", "6"])
            .args(["--events-per-file", "200", "--events", &EVENTS.to_string()])
            .arg("--out")
            .arg(&logs)
            .status()
            .expect("`make bench` builds tarn first");
        assert!(made.success());
        let mut corpus = Self {
            folder,
            files: files_below(&logs),
            records: Vec::new(),
        };
        corpus.records = corpus.read();
        import(&logs, &corpus.data());
        corpus
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn logs(&self) -> PathBuf {
        self.folder.path().join("logs")
    }

    /// Every record of the files.
    fn read(&self) -> Vec<Vec<u8>> {
        let mut records = Vec::new();
        for file in &self.files {
            let mut file = File::open(file).expect("opened");
            let (hints, limits) = (SourceHints::default(), DecodeLimits::default());
            let decoded = decode(&mut file, hints, &limits, &mut |item| {
                if let Item::Record { bytes, .. } = item {
                    records.push(bytes.to_vec());
                }
                ControlFlow::Continue(())
            });
            black_box(decoded.is_ok());
        }
        records
    }
}

/// The command that was built beside this.
fn tarn() -> PathBuf {
    let this = std::env::current_exe().expect("a program has a path");
    let folder = this
        .ancestors()
        .find(|folder| folder.join("tarn").is_file());
    folder.expect("`make bench` builds tarn first").join("tarn")
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => files.extend(files_below(&path)),
            false => files.push(path),
        }
    }
    files.sort();
    files
}

fn import(logs: &Path, data: &Path) {
    let options = WriteOptions {
        threads: 2,
        memory_bytes: 512 << 20,
        clock: || NOW_MS,
        on_step: None,
    };
    let session = Session::open(data, &options).expect("opened");
    let request = ImportRequest {
        store: "default".into(),
        paths: vec![logs.to_owned()],
        ..ImportRequest::default()
    };
    let done = session.import(&request, &mut |_| {}, &Cancel::default());
    assert!(done.expect("imported").records.stored > 0);
    session.close().expect("closed");
}

fn writing(c: &mut Criterion, corpus: &Corpus) {
    let mut group = c.benchmark_group("writing");
    group.throughput(Throughput::Elements(corpus.records.len() as u64));
    group
        .sample_size(10)
        .measurement_time(Duration::from_secs(5));
    group.bench_function("decode", |b| b.iter(|| corpus.read().len()));
    group.bench_function("parse", |b| {
        b.iter(|| {
            let parsed = corpus.records.iter().filter(|r| Json::parse(r).is_ok());
            parsed.count()
        });
    });
    group.bench_function("build a split", |b| {
        let path = corpus.folder.path().join("bench.split");
        b.iter(|| {
            let mut builder = SplitBuilder::new(&path, 16 << 20).expect("begun");
            for (ordinal, record) in corpus.records.iter().enumerate() {
                let json = Json::parse(record).expect("a record");
                let header = EventHeader::of(&json).expect("an event");
                let document = Document {
                    time_ms: header.time_ms,
                    account: header.account.as_deref().unwrap_or_default(),
                    batch: 1,
                    ordinal: ordinal as u32,
                    identity: header.identity,
                    region: header.region.as_deref(),
                    json: &json,
                };
                builder.add(&document).expect("added");
            }
            builder.finish().expect("written").bytes
        });
    });
    group.bench_function("import", |b| {
        let folder = || tempfile::tempdir().expect("a folder");
        b.iter_batched(
            folder,
            |data| {
                import(&corpus.logs(), &data.path().join("data"));
                data
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

struct Asker {
    engine: Engine,
    runtime: tokio::runtime::Runtime,
    snapshot: Arc<Snapshot>,
    _spill: TempDir,
}

impl Asker {
    fn new(data: &Path) -> Self {
        let spill = tempfile::tempdir().expect("a folder");
        let options = EngineOptions {
            memory_bytes: 512 << 20,
            threads: 2,
            spill_dir: spill.path().to_owned(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        Self {
            engine: Engine::new(options).expect("an engine"),
            runtime: runtime.expect("a runtime"),
            snapshot: Reader::open(data)
                .expect("opened")
                .snapshot()
                .expect("read"),
            _spill: spill,
        }
    }

    fn request(&self, text: &str) -> QueryRequest {
        QueryRequest::new(text, NOW_MS)
    }

    /// The number of rows.
    fn ask(&self, text: &str) -> usize {
        let request = self.request(text);
        self.runtime.block_on(async {
            let snapshot = Arc::clone(&self.snapshot);
            let mut rows = self
                .engine
                .query(snapshot, &request)
                .await
                .expect("planned");
            let mut n_rows = 0;
            while let Some(batch) = rows.next().await {
                n_rows += batch.expect("read").num_rows();
            }
            n_rows
        })
    }

    fn plan(&self, text: &str) {
        let request = self.request(text);
        let snapshot = Arc::clone(&self.snapshot);
        let planned = self.engine.explain(snapshot, &request);
        black_box(self.runtime.block_on(planned).expect("planned"));
    }
}

fn asking(c: &mut Criterion, corpus: &Corpus) {
    let data = corpus.data();
    c.bench_function("open", |b| {
        b.iter(|| {
            let reader = Reader::open(&data).expect("opened");
            reader.snapshot().expect("read").splits().len()
        });
    });
    let asker = Asker::new(&data);
    for (name, text) in [
        (
            "plan, SQL",
            "SELECT eventName, count(*) AS n FROM events GROUP BY eventName",
        ),
        ("plan, Logs Insights QL", "stats count(*) as n by eventName"),
    ] {
        c.bench_function(name, |b| b.iter(|| asker.plan(text)));
    }
    for (name, text) in [
        (
            "groups by one small key",
            "SELECT eventName, count(*) FROM events GROUP BY 1",
        ),
        (
            "groups by a large key",
            "SELECT userIdentity.arn, count(*) FROM events GROUP BY 1",
        ),
        (
            "groups by hour",
            "SELECT hour(eventTime), count(*) FROM events GROUP BY 1",
        ),
        (
            "distinct values of groups",
            "SELECT eventName, count(DISTINCT sourceIPAddress) FROM events GROUP BY 1",
        ),
        (
            "like",
            "SELECT count(*) FROM events WHERE userIdentity.arn LIKE '%admin%'",
        ),
        (
            "regex",
            r"filter userAgent like /aws-cli\/2/ | stats count(*)",
        ),
        ("texts", "SELECT eventName, userAgent FROM events"),
        ("records", "SELECT eventJson FROM events LIMIT 1000"),
        (
            "newest 100",
            "fields @timestamp, eventName | sort @timestamp desc | limit 100",
        ),
        ("word", "search nosuchword | stats count(*)"),
    ] {
        c.bench_function(name, |b| b.iter(|| asker.ask(text)));
    }
}

fn parts(c: &mut Criterion) {
    let corpus = Corpus::make();
    writing(c, &corpus);
    asking(c, &corpus);
}

criterion_group!(benches, parts);
criterion_main!(benches);
