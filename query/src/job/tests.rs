//! Jobs from their start to their removal, over records in memory.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::*;
use crate::engine_tests::records::Records;
use crate::error::{Code, QueryError};
use crate::request::QueryRequest;
use crate::results::{NdjsonWriter, ResultWriter};
use crate::{Engine, EngineOptions, QueryStream};

/// The time of all tests of this process; only [`sweeping`] moves it, and back.
static NOW_MS: AtomicI64 = AtomicI64::new(DAY_MS * 20_000);
const DAY_MS: i64 = 86_400_000;

fn options(folder: &Path) -> JobOptions {
    JobOptions {
        folder: folder.join("results"),
        attended: LaneOptions {
            running_max: 1,
            queued_max: 1,
        },
        jobs: LaneOptions {
            running_max: 1,
            queued_max: 2,
        },
        keep: Duration::from_secs(7 * 86_400),
        bytes_max: 64 << 20,
        clock: || NOW_MS.load(Ordering::Relaxed),
        on_end: None,
    }
}

/// An engine over numbered records.
struct World {
    engine: Arc<Engine>,
    records: Arc<Records>,
    folder: tempfile::TempDir,
}

impl World {
    fn new(n_records: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = Engine::new(EngineOptions {
            memory_bytes: 64 << 20,
            threads: 2,
            spill_dir: folder.path().join("tmp"),
        });
        let records: Vec<String> = (0..n_records)
            .map(|n| {
                let (hour, minute, second) = (n / 3600 % 24, n / 60 % 60, n % 60);
                format!(
                    r#"{{"eventTime":"2024-01-01T{hour:02}:{minute:02}:{second:02}Z","eventName":"Get{n:05}"}}"#
                )
            })
            .collect();
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        Self {
            engine: Arc::new(engine.expect("starts")),
            records: Records::new(&records),
            folder,
        }
    }

    fn jobs(&self) -> Jobs {
        Jobs::open(options(self.folder.path())).expect("a folder")
    }

    /// Asks the engine; `before` is awaited first.
    fn ask(&self, before: impl Future<Output = ()> + Send + 'static) -> Ask {
        let (engine, records) = (Arc::clone(&self.engine), Arc::clone(&self.records));
        Box::new(move |request| {
            Box::pin(async move {
                before.await;
                engine.query_source(records as _, &request).await
            })
        })
    }
}

type Ask =
    Box<dyn FnOnce(QueryRequest) -> BoxFuture<'static, Result<QueryStream, QueryError>> + Send>;

fn request(text: &str) -> QueryRequest {
    QueryRequest::new(text, 1_704_400_000_000)
}

/// Waits until the query has ended.
async fn ended(jobs: &Jobs, id: &str) -> JobRecord {
    for _ in 0..1_000 {
        let record = jobs.get(id).expect("a query");
        if record.status.is_over() {
            return record;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{id} does not end");
}

fn lines(page: &Page) -> String {
    let mut out = Vec::new();
    let Some(schema) = &page.schema else {
        return String::new();
    };
    let mut writer = NdjsonWriter::new(&mut out, schema);
    for batch in &page.batches {
        writer.write(batch).expect("memory");
    }
    writer.finish().expect("memory");
    drop(writer);
    String::from_utf8(out).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_kept_and_read_in_pages_across_restarts() {
    let world = World::new(3_000);
    let jobs = world.jobs();
    let text = "SELECT eventName FROM events ORDER BY eventTime";
    let started = jobs
        .start(request(text), world.ask(async {}))
        .await
        .expect("a place");
    assert_eq!(started.status, QueryStatus::Queued);
    let done = ended(&jobs, &started.id).await;
    assert_eq!(done.status, QueryStatus::Finished, "{:?}", done.failure);
    assert_eq!(
        (done.statistics.rows, done.language),
        (3_000, Some(crate::Language::Sql))
    );
    assert!(done.statistics.result_bytes > 0);
    assert_eq!(jobs.result_bytes(), done.statistics.result_bytes);

    drop(jobs);
    let jobs = world.jobs();
    assert_eq!(jobs.get(&started.id).expect("kept"), done);
    assert_eq!(jobs.result_bytes(), done.statistics.result_bytes);
    let (mut token, mut all) = (None, String::new());
    loop {
        let page = jobs.page(&started.id, token.as_deref(), 700).expect("rows");
        all.push_str(&lines(&page));
        token = page.next;
        if token.is_none() {
            break;
        }
    }
    let expected: String = (0..3_000)
        .map(|n| format!("{{\"eventName\":\"Get{n:05}\"}}\n"))
        .collect();
    assert_eq!(all, expected);
    let forged = jobs.page(&started.id, Some("8-0-1"), 10);
    assert!(matches!(forged, Err(JobError::Rows(RowsError::BadToken))));

    jobs.delete(&started.id).expect("removed");
    assert!(matches!(
        jobs.get(&started.id),
        Err(JobError::NotFound { .. })
    ));
    assert_eq!(jobs.result_bytes(), 0);
    let left = std::fs::read_dir(world.folder.path().join("results")).expect("a folder");
    assert_eq!(left.count(), 1, "the lock");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_runs_two_wait_and_the_next_is_refused() {
    let world = World::new(10);
    let jobs = world.jobs();
    let (go, gone) = oneshot::channel::<()>();
    let held = world.ask(async {
        let _ = gone.await;
    });
    let text = "SELECT 1";
    let first = jobs.start(request(text), held).await.expect("a place");
    let second = jobs
        .start(request(text), world.ask(async {}))
        .await
        .expect("may wait");
    let third = jobs
        .start(request(text), world.ask(async {}))
        .await
        .expect("may wait");
    let refused = jobs.start(request(text), world.ask(async {})).await;
    assert!(matches!(refused, Err(JobError::Full(_))));
    let queued = ListRequest {
        status: Some(QueryStatus::Queued),
        limit: 10,
        ..ListRequest::default()
    };
    let ids = |records: Vec<JobRecord>| records.into_iter().map(|r| r.id).collect::<Vec<_>>();
    assert_eq!(jobs.list(&queued).expect("a list").0.len(), 2);
    // Whoever waits is cancelled at once.
    let cancelled = jobs.cancel(&third.id).await.expect("it waits");
    assert_eq!(cancelled.status, QueryStatus::Cancelled);
    assert!(matches!(
        jobs.cancel(&third.id).await,
        Err(JobError::Over { .. })
    ));
    assert!(matches!(
        jobs.delete(&first.id),
        Err(JobError::Running { .. })
    ));
    go.send(()).expect("it waits");
    assert_eq!(ended(&jobs, &second.id).await.status, QueryStatus::Finished);
    let rows = jobs.page(&third.id, None, 10);
    assert!(matches!(rows, Err(JobError::NoRows { .. })));
    // Page by page, newest first, the list is what it is at once.
    let all = ListRequest {
        limit: 10,
        ..ListRequest::default()
    };
    let (at_once, none) = jobs.list(&all).expect("a list");
    assert_eq!((at_once.len(), none), (3, None));
    let mut one = ListRequest {
        limit: 1,
        ..ListRequest::default()
    };
    let mut by_page = Vec::new();
    loop {
        let (page, next) = jobs.list(&one).expect("a page");
        by_page.extend(ids(page));
        one.page_token = next;
        if one.page_token.is_none() {
            break;
        }
    }
    assert_eq!(by_page, ids(at_once));
}

#[tokio::test(flavor = "multi_thread")]
async fn running_queries_are_cancelled_and_time_out() {
    let world = World::new(200);
    let jobs = world.jobs();
    // Eight million pairs take long, and are asked one by one.
    let long = "SELECT count(*) AS n FROM events a JOIN events b ON a.eventName < b.eventName \
                JOIN events c ON b.eventName < c.eventName JOIN events d ON c.eventName < d.eventName";
    let started = jobs
        .start(request(long), world.ask(async {}))
        .await
        .expect("a place");
    while jobs.get(&started.id).expect("a query").status == QueryStatus::Queued {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let cancelled = jobs.cancel(&started.id).await.expect("it runs");
    assert_eq!(cancelled.status, QueryStatus::Cancelled);
    assert!(
        !world
            .folder
            .path()
            .join("results")
            .join(&started.id)
            .join("rows")
            .exists()
    );

    let mut timed = request(long);
    timed.timeout = Some(Duration::from_millis(100));
    let started = jobs
        .start(timed, world.ask(async {}))
        .await
        .expect("a place");
    let done = ended(&jobs, &started.id).await;
    assert_eq!(done.status, QueryStatus::TimedOut);
    assert!(done.failure.is_some_and(|f| f.message.contains("0.1 s")));
    assert_eq!(
        lines(&jobs.page(&started.id, None, 10).expect("what there is")),
        ""
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_has_failed() {
    let world = World::new(10);
    let results = world.folder.path().join("results");
    let (id, other) = {
        let jobs = world.jobs();
        let (_never, gone) = oneshot::channel::<()>();
        let held = world.ask(async {
            let _ = gone.await;
        });
        let job = jobs
            .start(request("SELECT 1"), held)
            .await
            .expect("a place");
        let copy = world.folder.path().join("crashed");
        // The process is not killed here: its files are taken as they are now.
        std::fs::create_dir_all(copy.join(&job.id)).expect("made");
        let state = results.join(&job.id).join("state.json");
        std::fs::copy(state, copy.join(&job.id).join("state.json")).expect("copied");
        std::fs::write(copy.join(&job.id).join("rows"), b"half a fr").expect("written");
        let nobodys = uuid::Uuid::new_v4().to_string();
        std::fs::create_dir(copy.join(&nobodys)).expect("made");
        (job.id, nobodys)
    };
    let mut crashed = options(world.folder.path());
    crashed.folder = world.folder.path().join("crashed");
    let jobs = Jobs::open(crashed.clone()).expect("a folder");
    let record = jobs.get(&id).expect("known");
    assert_eq!(record.status, QueryStatus::Failed);
    assert_eq!(
        record.failure.expect("a reason").message,
        "the server ended"
    );
    assert!(!crashed.folder.join(&id).join("rows").exists());
    assert!(!crashed.folder.join(&other).exists());
    assert!(matches!(
        Jobs::open(crashed),
        Err(FolderError::Taken { .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn results_have_a_limit() {
    let world = World::new(3_000);
    let mut small = options(world.folder.path());
    small.bytes_max = 4 << 10;
    let jobs = Jobs::open(small).expect("a folder");
    let text = "SELECT eventName FROM events";
    let started = jobs
        .start(request(text), world.ask(async {}))
        .await
        .expect("a place");
    let done = ended(&jobs, &started.id).await;
    let failure = done.failure.expect("a reason");
    assert_eq!(
        (done.status, failure.code.as_str()),
        (QueryStatus::Failed, Code::Results.as_str())
    );
    assert!(
        failure.message.contains("4096 bytes"),
        "{}",
        failure.message
    );
    assert_eq!(jobs.result_bytes(), 0);
    let fits = jobs
        .start(request("SELECT 1"), world.ask(async {}))
        .await
        .expect("a place");
    assert_eq!(ended(&jobs, &fits.id).await.status, QueryStatus::Finished);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_refuses_fails_the_job_alone() {
    let world = World::new(10);
    let jobs = world.jobs();
    for name in ["rows", "state.new"] {
        let (go, gone) = oneshot::channel::<()>();
        let held = world.ask(async {
            let _ = gone.await;
        });
        let started = jobs.start(request("SELECT 1"), held).await;
        let id = started.expect("a place").id;
        // What cannot be made where a folder is.
        let folder = world.folder.path().join("results").join(&id);
        std::fs::create_dir(folder.join(name)).expect("made");
        go.send(()).expect("it waits");
        let failed = ended(&jobs, &id).await;
        assert_eq!(failed.status, QueryStatus::Failed, "{name}");
        let failure = failed.failure.expect("a reason");
        assert_eq!(failure.code, Code::Results.as_str(), "{name}");
        assert!(failure.message.contains("results"), "{}", failure.message);
    }
    let next = jobs.start(request("SELECT 1"), world.ask(async {})).await;
    let next = next.expect("a place").id;
    assert_eq!(ended(&jobs, &next).await.status, QueryStatus::Finished);
    drop(jobs);
    // Nor does it keep the next process from its work.
    let jobs = world.jobs();
    let all = ListRequest {
        limit: 10,
        ..ListRequest::default()
    };
    let (listed, _) = jobs.list(&all).expect("a list");
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().all(|record| record.status.is_over()));
}

#[tokio::test(flavor = "multi_thread")]
async fn sweeping() {
    let world = World::new(1);
    let mut brief = options(world.folder.path());
    brief.keep = Duration::from_secs(86_400 * 10_000);
    let jobs = Jobs::open(brief).expect("a folder");
    let started = jobs
        .start(request("SELECT 1"), world.ask(async {}))
        .await
        .expect("a place");
    ended(&jobs, &started.id).await;
    jobs.sweep();
    assert!(jobs.get(&started.id).is_ok());
    // Other tests keep for seven days from a time that this does not reach.
    NOW_MS.fetch_add(DAY_MS * 10_000, Ordering::Relaxed);
    jobs.sweep();
    NOW_MS.fetch_sub(DAY_MS * 10_000, Ordering::Relaxed);
    assert!(matches!(
        jobs.get(&started.id),
        Err(JobError::NotFound { .. })
    ));
    assert_eq!(jobs.result_bytes(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn attended_queries_take_turns_and_are_remembered() {
    let world = World::new(10);
    let told: Arc<Mutex<Vec<QueryStatus>>> = Arc::default();
    let telling = Arc::clone(&told);
    let mut counted = options(world.folder.path());
    counted.on_end = Some(Arc::new(move |record| telling.lock().push(record.status)));
    let jobs = Jobs::open(counted).expect("a folder");
    let asked = request("SELECT 1");
    let long = Duration::from_secs(60);
    let first = jobs
        .attend(&asked)
        .expect("a place")
        .turn(long)
        .await
        .expect("a turn");
    let second = jobs.attend(&asked).expect("may wait");
    assert!(jobs.attend(&asked).is_err(), "the queue is full");
    let waited = second.turn(Duration::from_millis(20)).await;
    assert!(waited.is_err_and(|e| e.code == Code::TimedOut));
    let id = first.id();
    assert_eq!(jobs.get(&id).expect("known").status, QueryStatus::Running);
    first.end(Ok(()));
    assert_eq!(
        jobs.get(&id).expect("remembered").status,
        QueryStatus::Finished
    );
    assert!(matches!(
        jobs.page(&id, None, 1),
        Err(JobError::NoRows { .. })
    ));

    // Whoever hangs up cancels.
    let asked = request("SELECT 2");
    let dropped = jobs
        .attend(&asked)
        .expect("a place")
        .turn(long)
        .await
        .expect("a turn");
    drop(dropped);
    assert!(asked.cancel.is_cancelled());
    let all = [
        QueryStatus::TimedOut,
        QueryStatus::Finished,
        QueryStatus::Cancelled,
    ];
    assert_eq!(*told.lock(), all);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_the_server_is_no_cancel() {
    let world = World::new(10);
    let jobs = world.jobs();
    let (_never, gone) = oneshot::channel::<()>();
    let running = jobs
        .start(request("SELECT 1"), world.ask(async {}))
        .await
        .expect("a place");
    ended(&jobs, &running.id).await;
    let held = world.ask(async {
        let _ = gone.await;
    });
    let waiting = jobs.attend(&request("SELECT 1")).expect("a place");
    let _running = jobs
        .start(request("SELECT 1"), held)
        .await
        .expect("a place");
    let queued = jobs
        .start(request("SELECT 1"), world.ask(async {}))
        .await
        .expect("may wait");
    jobs.close(Duration::from_millis(200)).await;
    let record = jobs.get(&queued.id).expect("known");
    assert_eq!(record.status, QueryStatus::Failed);
    assert_eq!(record.failure.expect("a reason").code, "server_ended");
    drop(waiting);
}
