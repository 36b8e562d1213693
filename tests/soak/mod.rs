//! Everything at once, for as long as it is told: import, push, questions in
//! both languages, merges, deletion of stores and expiry of events, in one
//! process. The answers are those of a model, and nothing grows that should not.
//!
//! A round is a day of the tests' clock. While it lasts all of that happens at
//! the same time; between rounds everything is at rest, is compared with the
//! model and measured. `make soak` runs it for minutes or hours.

use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use tarn_query::{Engine, EngineOptions, Language, QueryRequest, Tz};
use tarn_store::manage::NewStore;
use tarn_store::owner::Session;
use tarn_store::{Access, AccountScope, Cancel, Reader, TimeRange, WriteOptions};

use crate::support::ask::rows_of;
use crate::support::home;
use crate::support::random::Random;

const DAY_MS: i64 = 86_400_000;
const KEPT_DAYS: u32 = 7;
/// The store of the model.
const STORE: &str = "kept-store";
const IMPORTED_PER_DAY: usize = 2_000;
const PUSHES_PER_DAY: usize = 10;
const EVENTS_PER_PUSH: usize = 20;
const REINDEX_EVERY: u64 = 25;
const CHECK_EVERY: u64 = 50;

/// The day of the running soak: there is one in a process.
static NOW_MS: AtomicI64 = AtomicI64::new(home::NOW_MS);

fn now_ms() -> i64 {
    NOW_MS.load(Ordering::Relaxed)
}

fn start_of(day: u64) -> i64 {
    home::NOW_MS + day as i64 * DAY_MS
}

/// A record of its own for each day, source and number.
fn record(day: u64, source: &str, n: usize) -> String {
    let offset_ms = (n as i64 * 7_919_000) % DAY_MS;
    let time = arrow::temporal_conversions::timestamp_ms_to_datetime(start_of(day) + offset_ms);
    let time = time.expect("a year that calendars know");
    let name = ["GetObject", "PutObject", "AssumeRole", "RunInstances"][n % 4];
    format!(
        r#"{{"eventVersion":"1.08","eventTime":"{time:?}Z","eventID":"{day}-{source}-{n}","eventName":"{name}","eventSource":"s3.amazonaws.com","awsRegion":"eu-west-1","recipientAccountId":"11112222333{}","userIdentity":{{"type":"IAMUser","userName":"user-{}"}},"requestParameters":{{"bucketName":"bucket-{}","key":"{day}/{source}/{n}.json"}}}}"#,
        n % 10,
        n % 97,
        n % 31,
    )
}

fn write_log(path: &Path, records: impl IntoIterator<Item = String>) {
    fs::create_dir_all(path.parent().expect("files lie in folders")).expect("a folder");
    let mut log = GzEncoder::new(fs::File::create(path).expect("a file"), Compression::fast());
    for record in records {
        writeln!(log, "{record}").expect("written");
    }
    log.finish().expect("written");
}

/// What a process holds, between two rounds.
#[derive(Debug, Clone, Copy)]
struct Sample {
    anonymous_bytes: u64,
    handles: u64,
    /// Without RocksDB's logs of writes, which grow to their limit and go.
    directory_bytes: u64,
}

impl Sample {
    fn take(data: &Path) -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            anonymous_bytes: crate::support::victim::anonymous_bytes(&status).unwrap_or(0),
            handles: fs::read_dir("/proc/self/fd").map_or(0, |d| d.count() as u64),
            directory_bytes: bytes_under(data),
        }
    }
}

fn bytes_under(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        // Removed meanwhile.
        return 0;
    };
    let size = |entry: fs::DirEntry| match entry.metadata() {
        Ok(of_file) if of_file.is_dir() => bytes_under(&entry.path()),
        Ok(_) if entry.path().extension().is_some_and(|e| e == "log") => 0,
        Ok(of_file) => of_file.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

/// One figure over the run, judged by its middle third and its last one: what is
/// flat has the same highest value in both, give or take the allowance.
struct Growth {
    name: &'static str,
    middle: u64,
    last: u64,
    allowance: u64,
}

impl Growth {
    fn of(
        name: &'static str,
        allowance: u64,
        samples: &[Sample],
        figure: impl Fn(&Sample) -> u64,
    ) -> Self {
        let third = samples.len() / 3;
        let highest = |part: &[Sample]| part.iter().map(&figure).max().unwrap_or(0);
        Self {
            name,
            middle: highest(&samples[third..2 * third]),
            last: highest(&samples[2 * third..]),
            allowance,
        }
    }

    fn is_flat(&self) -> bool {
        self.last <= self.middle + self.middle / 10 + self.allowance
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}->{}", self.name, self.middle, self.last)
    }
}

/// A directory under load.
struct Soak {
    home: PathBuf,
    session: Session,
    reader: Reader,
    engine: Engine,
    runtime: tokio::runtime::Runtime,
    queries: AtomicU64,
}

impl Soak {
    fn new(home: &Path) -> Self {
        let options = WriteOptions {
            clock: now_ms,
            ..home::options(2)
        };
        let session = Session::open(&home.join("data"), &options).expect("the directory opens");
        let kept = NewStore {
            name: STORE.to_owned(),
            retention_days: Some(KEPT_DAYS),
            ..NewStore::default()
        };
        session.create_store(kept).expect("made");
        let engine = Engine::new(EngineOptions {
            memory_bytes: 64 << 20,
            threads: 2,
            spill_dir: home.join("spill"),
        });
        Self {
            reader: Reader::open(&home.join("data")).expect("the directory opens"),
            engine: engine.expect("starts"),
            runtime: tokio::runtime::Runtime::new().expect("threads"),
            home: home.to_owned(),
            session,
            queries: AtomicU64::new(0),
        }
    }

    fn import(&self, store: &str, path: PathBuf, push: bool) {
        let mut request = home::request(&[path]);
        request.store = store.to_owned();
        request.push = push;
        home::run(&self.session, &request);
    }

    /// All that happens on a day, at the same time.
    fn live(&self, day: u64) {
        let logs = self.home.join("logs").join(day.to_string());
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for seed in 0..2 {
                let is_over = &is_over;
                scope.spawn(move || {
                    let mut random = Random::new(day * 2 + seed);
                    while !is_over.load(Ordering::Relaxed) {
                        self.ask_of_the_past(day, &mut random);
                    }
                });
            }
            let importing = scope.spawn(|| {
                let log = logs.join("imported.json.gz");
                // Some of the day before comes once more.
                let late = day.checked_sub(1).into_iter();
                let late = late.flat_map(|day| (0..100).map(move |n| record(day, "imported", n)));
                let records = (0..IMPORTED_PER_DAY).map(|n| record(day, "imported", n));
                write_log(&log, records.chain(late));
                self.import(STORE, log, false);
            });
            let pushing = scope.spawn(|| {
                for push in 0..PUSHES_PER_DAY {
                    let log = logs.join(format!("pushed-{push}.json.gz"));
                    let first = push * EVENTS_PER_PUSH;
                    let events = first..first + EVENTS_PER_PUSH;
                    write_log(&log, events.map(|n| record(day, "pushed", n)));
                    self.import(STORE, log, true);
                }
            });
            let passing = scope.spawn(|| {
                let store = format!("passing-{day}");
                let new = NewStore {
                    name: store.clone(),
                    ..NewStore::default()
                };
                self.session.create_store(new).expect("made");
                let log = logs.join("passing.json.gz");
                write_log(&log, (0..200).map(|n| record(day, "passing", n)));
                self.import(&store, log, false);
                self.session.delete_store(&store).expect("deleted");
            });
            let ended = [importing.join(), pushing.join(), passing.join()];
            // Before a panic is handed on, or the questions never end.
            is_over.store(true, Ordering::Relaxed);
            for end in ended {
                end.expect("nothing fails");
            }
        });
        fs::remove_dir_all(&logs).expect("ours");
        if day % REINDEX_EVERY == REINDEX_EVERY - 1 {
            self.session
                .reindex(STORE, &mut |_| {}, &Cancel::default())
                .expect("rebuilt");
        }
    }

    /// A day that is over and has not begun to expire has all of its events.
    fn ask_of_the_past(&self, today: u64, random: &mut Random) {
        let days = today.min(u64::from(KEPT_DAYS) - 1);
        if days == 0 {
            return std::thread::sleep(Duration::from_millis(1));
        }
        let day = today - 1 - random.below(days as usize) as u64;
        self.compare(day, random.once_in(2));
    }

    fn compare(&self, day: u64, by_insights: bool) {
        let expected = IMPORTED_PER_DAY + PUSHES_PER_DAY * EVENTS_PER_PUSH;
        let (language, text) = match by_insights {
            true => (Language::Insights, "stats count(*) as n".to_owned()),
            false => (
                Language::Sql,
                format!("SELECT count(DISTINCT eventID) FROM \"{STORE}\""),
            ),
        };
        let request = QueryRequest {
            text,
            language,
            store: STORE.to_owned(),
            time: TimeRange {
                start_ms: start_of(day),
                end_ms: start_of(day + 1),
            },
            scope: AccountScope::All,
            parameters: Vec::new(),
            limit: None,
            timeout: None,
            now_ms: now_ms(),
            zone: Tz::UTC,
            access: Access::Indexed,
            is_followed: false,
            cancel: Cancel::default(),
        };
        let snapshot = self.reader.snapshot().expect("the catalogue reads");
        let rows = self.runtime.block_on(async {
            let mut stream = self.engine.query(snapshot, &request).await?;
            let mut rows = Vec::new();
            while let Some(batch) = stream.next().await {
                rows.extend(rows_of(&batch?));
            }
            Ok::<_, tarn_query::QueryError>(rows)
        });
        let rows = rows.unwrap_or_else(|e| panic!("day {day}: {e:?}"));
        assert_eq!(rows, [[Some(expected.to_string())]], "day {day}");
        self.queries.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything that is kept, at rest.
    fn compare_all(&self, today: u64) {
        for day in today.saturating_sub(u64::from(KEPT_DAYS) - 1)..=today {
            self.compare(day, day % 2 == 0);
        }
        if today % CHECK_EVERY == CHECK_EVERY - 1 {
            home::check(&self.reader.snapshot().expect("the catalogue reads"));
        }
    }
}

/// Runs for `TARN_SOAK_SECONDS` and tells its figures each minute and at the end;
/// else for a moment, in which growth cannot be judged yet.
#[test]
fn everything_at_once() {
    let given = std::env::var("TARN_SOAK_SECONDS").ok();
    let given: Option<u64> = given.map(|s| s.parse().expect("a number of seconds"));
    let time = Duration::from_secs(given.unwrap_or(4));
    let folder = tempfile::tempdir().expect("a folder");
    let soak = Soak::new(folder.path());
    let begun = Instant::now();
    let mut said = begun;
    let mut samples = Vec::new();
    let mut days = 0;
    while begun.elapsed() < time {
        NOW_MS.store(start_of(days + 1) - 1, Ordering::Relaxed);
        soak.live(days);
        soak.compare_all(days);
        samples.push(Sample::take(&folder.path().join("data")));
        days += 1;
        if said.elapsed() >= Duration::from_secs(60) {
            said = Instant::now();
            note(&format!("day {days} {:?}", samples[samples.len() - 1]));
        }
    }
    let queries = soak.queries.load(Ordering::Relaxed);
    soak.session.close().expect("closed");
    let growth = [
        Growth::of("anonymous_bytes", 16 << 20, &samples, |s| s.anonymous_bytes),
        Growth::of("handles", 8, &samples, |s| s.handles),
        Growth::of("directory_bytes", 8 << 20, &samples, |s| s.directory_bytes),
    ];
    let figures: Vec<String> = growth.iter().map(Growth::to_string).collect();
    note(&format!(
        "seconds={} days={days} queries={queries} {}",
        begun.elapsed().as_secs(),
        figures.join(" ")
    ));
    assert!(
        days >= 2 && queries >= days,
        "{days} days, {queries} queries"
    );
    for figure in growth {
        // It takes a while until as much goes as comes.
        assert!(given.is_none() || figure.is_flat(), "it grows: {figure}");
    }
}

/// A line for whoever watches, which `make soak` keeps.
fn note(line: &str) {
    println!("soak {line}");
}
