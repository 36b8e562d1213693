//! What every request shares.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tarn_query::job::{FolderError, JobOptions, Jobs, LaneOptions};
use tarn_query::{Engine, EngineOptions, QueryError, Tz};
use tarn_store::data_store::DEFAULT_STORE;
use tarn_store::directory::Directory;
use tarn_store::manage::NewStore;
use tarn_store::owner::{Session, SessionError};
use tarn_store::{OpenError, Reader, Snapshot, WriteOptions};

use crate::access_log::RequestIds;
use crate::limits::{Limits, Turns};
use crate::metrics::Metrics;

/// How the server answers.
#[derive(Clone)]
pub struct Settings {
    pub engine: EngineOptions,
    /// The store that a request means when it names none.
    pub store: String,
    pub zone: Tz,
    /// The longest that a query may take, whatever it asks for.
    pub timeout_max: Duration,
    pub limits: Limits,
    /// The time, in milliseconds since 1970 UTC.
    pub clock: fn() -> i64,
}

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("{}", .0.message)]
    Engine(QueryError),
    #[error("results of queries: {0}")]
    Results(FolderError),
}

/// The directory, and the engine that answers from it.
#[derive(Clone)]
pub struct ServerState {
    inner: Arc<Inner>,
}

struct Inner {
    session: Session,
    reader: Reader,
    engine: Engine,
    settings: Settings,
    metrics: Arc<Metrics>,
    jobs: Jobs,
    turns: Turns,
    request_ids: RequestIds,
}

/// How often a process that is making the directory is looked after, and how long.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LOOKS_MAX: u32 = 200;

impl ServerState {
    /// Takes the directory, or is the guest of the process that has it. Of a
    /// directory that is new or empty it makes one with the store `default`.
    pub fn open(root: &Path, write: &WriteOptions, settings: Settings) -> Result<Self, StartError> {
        let session = Session::open_serving(root, write)?;
        let reader = open_reader(root)?;
        if reader.snapshot()?.stores().is_empty() {
            let default = NewStore {
                name: DEFAULT_STORE.to_owned(),
                ..NewStore::default()
            };
            let made = session.create_store(default);
            // Another process may have made it in the meantime.
            if made.is_err() && reader.snapshot()?.stores().is_empty() {
                made?;
            }
        }
        let engine = Engine::new(settings.engine.clone()).map_err(StartError::Engine)?;
        let metrics = Arc::new(Metrics::default());
        let jobs = open_jobs(root, &settings, &metrics)?;
        Ok(Self {
            inner: Arc::new(Inner {
                session,
                reader,
                engine,
                turns: Turns::new(&settings.limits),
                metrics,
                jobs,
                request_ids: RequestIds::default(),
                settings,
            }),
        })
    }

    /// Whether another process has the directory.
    pub fn is_guest(&self) -> bool {
        self.inner.session.is_guest()
    }

    /// What is published now. Follows the writer, which reads from disk.
    pub(crate) async fn snapshot(&self) -> Result<Arc<Snapshot>, OpenError> {
        let state = self.clone();
        blocking(move || state.inner.reader.snapshot()).await
    }

    /// The same, for who may wait.
    pub(crate) fn snapshot_now(&self) -> Result<Arc<Snapshot>, OpenError> {
        self.inner.reader.snapshot()
    }

    /// The splits that queries found lost since the last call.
    pub(crate) fn take_lost_splits(&self) -> BTreeSet<u64> {
        self.inner.reader.take_lost_splits()
    }

    /// Does what writes, on a thread that may wait for the disk.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Session) -> T + Send + 'static,
    ) -> T {
        let state = self.clone();
        blocking(move || work(&state.inner.session)).await
    }

    /// The means to write, whoever owns the directory.
    pub(crate) fn session(&self) -> &Session {
        &self.inner.session
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    pub(crate) fn jobs(&self) -> &Jobs {
        &self.inner.jobs
    }

    pub(crate) fn turns(&self) -> &Turns {
        &self.inner.turns
    }

    pub(crate) fn next_request_id(&self) -> String {
        self.inner.request_ids.next()
    }
}

/// Does what waits for a disk or computes for long, away from the threads that
/// serve connections. A panic of it goes on here.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
}

/// Of several servers of a directory one keeps results.
fn open_jobs(root: &Path, settings: &Settings, metrics: &Arc<Metrics>) -> Result<Jobs, StartError> {
    let limits = &settings.limits;
    let counting = Arc::clone(metrics);
    let options = JobOptions {
        folder: Directory::at(root).results(),
        attended: LaneOptions {
            running_max: limits.queries,
            queued_max: limits.queries_waiting,
        },
        jobs: LaneOptions {
            running_max: limits.jobs,
            queued_max: limits.jobs_waiting,
        },
        keep: limits.results_time,
        bytes_max: limits.results_bytes,
        clock: settings.clock,
        on_end: Some(Arc::new(move |record| counting.queries.ended(record))),
    };
    match Jobs::open(options.clone()) {
        Err(error @ FolderError::Taken { .. }) => {
            tracing::warn!(%error, "no results are kept");
            Ok(Jobs::keeping_none(options, error.to_string()))
        }
        opened => opened.map_err(StartError::Results),
    }
}

/// A guest may come while the owner is still making the directory.
fn open_reader(root: &Path) -> Result<Reader, OpenError> {
    let mut looks = 0;
    loop {
        match Reader::open(root) {
            Err(OpenError::Missing { .. }) if looks < LOOKS_MAX => {
                looks += 1;
                std::thread::sleep(LOOK_EVERY);
            }
            opened => return opened,
        }
    }
}
