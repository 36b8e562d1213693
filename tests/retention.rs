//! What is older than its store keeps: no query shows it, and it leaves the
//! disk. Everything else stays.

use std::sync::Arc;

use tarn_query::{Engine, EngineOptions, Language, QueryRequest};
use tarn_store::manage::NewStore;
use tarn_store::owner::Session;
use tarn_store::{Snapshot, StoreId, WriteOptions};

use crate::support::ask;
use crate::support::home::{self, Home};

/// 2024-03-01T00:00:00Z.
const FIRST_MS: i64 = 1_709_251_200_000;
const DAY_MS: i64 = 86_400_000;
const SECOND_MS: i64 = FIRST_MS + DAY_MS;
const KEPT_DAYS: u32 = 7;

/// When an event of this time expires.
const fn end_of(time_ms: i64) -> i64 {
    time_ms + KEPT_DAYS as i64 * DAY_MS
}

fn clock<const NOW_MS: i64>() -> i64 {
    NOW_MS
}

/// A directory whose store `brief` keeps events for a week.
struct Brief {
    home: Home,
    store: StoreId,
}

impl Brief {
    /// Two events, a day apart, in one split; imported before any expires.
    fn new() -> Self {
        let home = Home::new();
        let log = home.logs().join("two.json");
        std::fs::create_dir_all(home.logs()).expect("a folder");
        let lines = [
            r#"{"eventTime":"2024-03-01T00:00:00Z","eventID":"first"}"#,
            r#"{"eventTime":"2024-03-02T00:00:00Z","eventID":"second"}"#,
        ];
        std::fs::write(log, lines.join("\n")).expect("a file");
        let session = session(&home, clock::<{ SECOND_MS + 1 }>);
        let store = session.create_store(NewStore {
            name: "brief".into(),
            retention_days: Some(KEPT_DAYS),
            ..NewStore::default()
        });
        let brief = Self {
            store: store.expect("made").id,
            home,
        };
        brief.import(&session);
        session.close().expect("closed");
        assert_eq!(brief.left(), (2, 1));
        brief
    }

    /// Imports what is there already, which ends with a look at what expired.
    fn import(&self, session: &Session) {
        let mut request = home::request(&[self.home.logs()]);
        request.store = "brief".into();
        home::run(session, &request);
    }

    fn import_at(&self, clock: fn() -> i64) {
        let session = session(&self.home, clock);
        self.import(&session);
        session.close().expect("closed");
    }

    /// Events on the disk and splits that hold them; fails where the directory
    /// is not sound.
    fn left(&self) -> (usize, usize) {
        let snapshot = self.home.snapshot();
        home::check(&snapshot);
        let records = ask::records(&snapshot, self.store).len();
        assert_eq!(snapshot.event_count(self.store), records as u64);
        (records, snapshot.splits().len())
    }

    /// How many events a query finds.
    fn found_at(&self, now_ms: i64) -> usize {
        let folder = self.home.path().join("spill");
        let engine = Engine::new(EngineOptions {
            memory_bytes: 64 << 20,
            threads: 1,
            spill_dir: folder,
        });
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(count(
            &engine.expect("starts"),
            self.home.snapshot(),
            now_ms,
        ))
    }
}

fn session(home: &Home, clock: fn() -> i64) -> Session {
    let options = WriteOptions {
        clock,
        ..home.options(1)
    };
    Session::open(&home.data(), &options).expect("the directory opens")
}

async fn count(engine: &Engine, snapshot: Arc<Snapshot>, now_ms: i64) -> usize {
    let request = QueryRequest {
        language: Language::Sql,
        store: "brief".into(),
        ..QueryRequest::new("SELECT eventID FROM brief", now_ms)
    };
    let mut rows = engine.query(snapshot, &request).await.expect("planned");
    let mut n = 0;
    while let Some(batch) = rows.next().await {
        n += batch.expect("read").num_rows();
    }
    n
}

/// To the millisecond, whatever is on the disk.
#[test]
fn queries_show_what_has_not_expired() {
    let brief = Brief::new();
    for (now_ms, n) in [
        (end_of(FIRST_MS), 2),
        (end_of(FIRST_MS) + 1, 1),
        (end_of(SECOND_MS), 1),
        (end_of(SECOND_MS) + 1, 0),
    ] {
        assert_eq!(brief.found_at(now_ms), n, "at {now_ms}");
    }
    assert_eq!(brief.left(), (2, 1), "queries remove nothing");
}

/// A split goes with the last of its events, and the events with it.
#[test]
fn the_disk_gets_its_room_back() {
    let brief = Brief::new();
    brief.import_at(clock::<{ end_of(FIRST_MS) + 1 }>);
    assert_eq!(brief.left(), (2, 1), "the second event is kept");
    brief.import_at(clock::<{ end_of(SECOND_MS) }>);
    assert_eq!(brief.left(), (2, 1), "to its last millisecond");
    brief.import_at(clock::<{ end_of(SECOND_MS) + 1 }>);
    assert_eq!(brief.left(), (0, 0));
}
