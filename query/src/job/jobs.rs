//! Every query of a server: those that run, those that wait, and those whose rows are kept.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tarn_store::Cancel;
use tokio::sync::Notify;
use uuid::Uuid;

use super::attended::Waiting;
use super::folder::{Folder, FolderError};
use super::lane::{Full, Lane, LaneCounts};
use super::record::{Asked, Failure, JobRecord, JobStatistics, Kind};
use super::rows::{Page, RowsError, RowsPlace, RowsReader};
use super::run;
use super::status::QueryStatus;
use crate::error::QueryError;
use crate::request::QueryRequest;
use crate::stream::QueryStream;

/// So many attended queries are remembered after their end, so that whoever read the rows
/// can ask what was read for them.
const REMEMBERED_MAX: usize = 1_000;
/// Of their texts so much is remembered, in bytes.
const REMEMBERED_TEXT_BYTES: usize = 4 << 10;

/// A page has no more rows once it has so many bytes.
const PAGE_BYTES_MAX: usize = 8 << 20;

/// How many run and how many wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LaneOptions {
    pub running_max: usize,
    pub queued_max: usize,
}

/// Told of each query that has ended.
pub type OnEnd = Arc<dyn Fn(&JobRecord) + Send + Sync>;

/// How queries are answered, and how long their rows are kept.
#[derive(Clone)]
pub struct JobOptions {
    /// Where jobs are kept; made if it is not there.
    pub folder: PathBuf,
    /// Queries whose rows somebody reads as they come.
    pub attended: LaneOptions,
    /// Queries whose rows are kept.
    pub jobs: LaneOptions,
    /// How long a job is kept after its end.
    pub keep: Duration,
    /// What the rows of all jobs may take on disk.
    pub bytes_max: u64,
    /// The time, in milliseconds since 1970 UTC.
    pub clock: fn() -> i64,
    pub on_end: Option<OnEnd>,
}

/// Why there is no such answer about a job.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JobError {
    #[error("there is no query {id}: results are kept for {} days", keep.as_secs() / 86_400)]
    NotFound { id: String, keep: Duration },
    #[error("the query has ended: it is {status}")]
    Over { status: QueryStatus },
    #[error("the query is {status}; cancel it first")]
    Running { status: QueryStatus },
    #[error("the query is {}, and nothing of it is kept: {}", record.status, why(record))]
    NoRows { record: Box<JobRecord> },
    #[error(transparent)]
    Full(#[from] Full),
    #[error(transparent)]
    Rows(#[from] RowsError),
    #[error("keeping the query in {}: {source}", path.display())]
    Keep { path: PathBuf, source: io::Error },
    #[error("this server keeps no results: {reason}")]
    KeepsNone { reason: String },
}

fn why(record: &JobRecord) -> String {
    match (&record.failure, record.kind) {
        (Some(failure), _) => failure.message.clone(),
        (None, Kind::Attended) => "its rows went to whoever asked".to_owned(),
        (None, Kind::Job) => "it was cancelled".to_owned(),
    }
}

/// Which queries are listed.
#[derive(Debug, Clone, Default)]
pub struct ListRequest {
    pub status: Option<QueryStatus>,
    /// None lists both.
    pub kind: Option<Kind>,
    /// Created at or after, and before, in milliseconds since 1970 UTC.
    pub since_ms: Option<i64>,
    pub until_ms: Option<i64>,
    pub limit: usize,
    /// What the page before said.
    pub page_token: Option<String>,
}

/// See the module. Clones are the same.
#[derive(Clone)]
pub struct Jobs(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub options: JobOptions,
    /// None where no jobs are kept.
    folder: Option<Arc<Folder>>,
    pub attended: Arc<Lane>,
    pub jobs: Arc<Lane>,
    index: Mutex<Index>,
    /// What rows take on disk.
    bytes: AtomicU64,
    /// The server ends: what runs is not cancelled by anybody.
    is_closing: AtomicBool,
    /// Why there is no folder.
    why_none: String,
}

#[derive(Default)]
struct Index {
    /// In the order of their creation.
    entries: BTreeMap<(i64, Uuid), Entry>,
    created: HashMap<Uuid, i64>,
    /// Queries that have ended and are on no disk, the longest ago first.
    remembered: VecDeque<(i64, Uuid)>,
}

impl Index {
    fn insert(&mut self, created_ms: i64, id: Uuid, entry: Entry) {
        self.created.insert(id, created_ms);
        self.entries.insert((created_ms, id), entry);
    }

    fn get(&self, id: Uuid) -> Option<&Entry> {
        let created_ms = *self.created.get(&id)?;
        self.entries.get(&(created_ms, id))
    }

    fn remove(&mut self, id: Uuid) -> Option<Entry> {
        let created_ms = self.created.remove(&id)?;
        self.entries.remove(&(created_ms, id))
    }
}

#[derive(Clone)]
enum Entry {
    /// Runs, or waits.
    Live(Arc<Live>),
    /// An attended query that has ended, or a job whose end could not be written down.
    Remembered(Arc<JobRecord>),
    /// A job that has ended; the rest is on disk.
    Kept { status: QueryStatus, ended_ms: i64 },
}

impl Entry {
    fn status(&self) -> QueryStatus {
        match self {
            Self::Live(live) => live.record.lock().status,
            Self::Remembered(record) => record.status,
            Self::Kept { status, .. } => *status,
        }
    }

    fn kind(&self) -> Kind {
        match self {
            Self::Live(live) => live.kind,
            Self::Remembered(record) => record.kind,
            Self::Kept { .. } => Kind::Job,
        }
    }
}

/// A query that has not ended.
pub(super) struct Live {
    pub id: Uuid,
    pub kind: Kind,
    pub record: Mutex<JobRecord>,
    /// The engine's.
    pub cancel: Cancel,
    /// Wakes whoever waits for a turn.
    pub cancelled: Notify,
    /// Told when it has ended, and its end is known to [`Jobs`].
    over: Notify,
}

impl Live {
    pub fn cancel(&self) {
        self.cancel.cancel();
        self.cancelled.notify_one();
    }
}

impl Jobs {
    /// Takes the folder. Jobs that did not end in the process before have failed; those
    /// that are kept for long enough are removed.
    ///
    /// **Errors**: another process has the folder, or it cannot be read.
    pub fn open(options: JobOptions) -> Result<Self, FolderError> {
        let folder = Folder::open(&options.folder)?;
        let reading = |source| FolderError::Io {
            operation: "reading",
            path: options.folder.clone(),
            source,
        };
        let now_ms = (options.clock)();
        let mut index = Index::default();
        let mut bytes = 0;
        for (id, loaded) in folder.load_all().map_err(reading)? {
            let mut record = match loaded {
                Ok(record) => record,
                Err(error) => {
                    tracing::warn!(%id, %error, "a query's state does not read; it is left alone");
                    continue;
                }
            };
            if !record.status.is_over() {
                record.status = QueryStatus::Failed;
                record.failure = Some(Failure::server_ended());
                record.ended_ms = Some(now_ms);
                record.statistics.result_bytes = 0;
                // Its rows first: the state tells that there is something to remove.
                let written = folder
                    .remove_rows(id)
                    .and_then(|()| folder.save(id, &record));
                if let Err(error) = written {
                    tracing::warn!(%id, %error, "the end of a query could not be written down");
                    let created_ms = record.created_ms;
                    index.insert(created_ms, id, Entry::Remembered(Arc::new(record)));
                    continue;
                }
            }
            bytes += record.statistics.result_bytes;
            let kept = Entry::Kept {
                status: record.status,
                ended_ms: record.ended_ms.unwrap_or(record.created_ms),
            };
            index.insert(record.created_ms, id, kept);
        }
        let jobs = Self::new(options, Some(folder), index, bytes, String::new());
        jobs.sweep();
        Ok(jobs)
    }

    /// Attended queries only: there is no folder for others, and why.
    pub fn keeping_none(options: JobOptions, why: String) -> Self {
        Self::new(options, None, Index::default(), 0, why)
    }

    fn new(
        options: JobOptions,
        folder: Option<Folder>,
        index: Index,
        bytes: u64,
        why_none: String,
    ) -> Self {
        Self(Arc::new(Shared {
            attended: Lane::new(options.attended.running_max, options.attended.queued_max),
            jobs: Lane::new(options.jobs.running_max, options.jobs.queued_max),
            options,
            folder: folder.map(Arc::new),
            index: Mutex::new(index),
            bytes: AtomicU64::new(bytes),
            is_closing: AtomicBool::new(false),
            why_none,
        }))
    }

    /// Starts a query whose rows are kept; its state is durable when this returns. `ask`
    /// compiles it when its turn has come. It can be cancelled by [`Jobs::cancel`] and by
    /// the request's own cancel.
    ///
    /// **Errors**: too many wait, or its folder cannot be made.
    ///
    /// Needs a tokio runtime, on which it runs.
    pub async fn start<A, F>(&self, request: QueryRequest, ask: A) -> Result<JobRecord, JobError>
    where
        A: FnOnce(QueryRequest) -> F + Send + 'static,
        F: Future<Output = Result<QueryStream, QueryError>> + Send + 'static,
    {
        let folder = Arc::clone(self.0.folder()?);
        let place = self.0.jobs.enter()?;
        let live = self.0.new_live(Kind::Job, &request);
        let record = live.record.lock().clone();
        let (making, created) = (Arc::clone(&folder), record.clone());
        let id = live.id;
        run::blocking(move || making.create(id, &created))
            .await
            .map_err(|source| self.0.not_kept(source))?;
        self.0.note(&live);
        let job = run::Job {
            shared: Arc::clone(&self.0),
            folder,
            live,
        };
        tokio::spawn(job.run(place, request, ask));
        Ok(record)
    }

    /// Takes a place among the queries whose rows somebody reads as they come.
    pub fn attend(&self, request: &QueryRequest) -> Result<Waiting, Full> {
        let place = self.0.attended.enter()?;
        let live = self.0.new_live(Kind::Attended, request);
        self.0.note(&live);
        Ok(Waiting::new(Arc::clone(&self.0), live, place))
    }

    /// What is known of a query.
    ///
    /// **Cost**: of a job that has ended, reads its state.
    pub fn get(&self, id: &str) -> Result<JobRecord, JobError> {
        let id = self.parse(id)?;
        let entry = self.0.index.lock().get(id).cloned();
        self.record(id, entry.ok_or_else(|| self.not_found(id))?)
    }

    fn record(&self, id: Uuid, entry: Entry) -> Result<JobRecord, JobError> {
        match entry {
            Entry::Live(live) => Ok(live.record.lock().clone()),
            Entry::Remembered(record) => Ok(record.as_ref().clone()),
            Entry::Kept { .. } => {
                let loaded = self.0.folder()?.load(id);
                loaded.map_err(|source| match source.kind() {
                    io::ErrorKind::NotFound => self.not_found(id),
                    _ => self.0.not_kept(source),
                })
            }
        }
    }

    /// Queries, newest first, and what asks for the next ones where there are more.
    ///
    /// **Errors**: the page token is none.
    pub fn list(
        &self,
        request: &ListRequest,
    ) -> Result<(Vec<JobRecord>, Option<String>), JobError> {
        let before = request.page_token.as_deref().map(list_place).transpose()?;
        let is_wanted = |created_ms: i64, entry: &Entry| {
            request.since_ms.is_none_or(|since| since <= created_ms)
                && request.until_ms.is_none_or(|until| created_ms < until)
                && request.kind.is_none_or(|kind| entry.kind() == kind)
                && request.status.is_none_or(|status| entry.status() == status)
        };
        let mut found: Vec<((i64, Uuid), Entry)> = {
            let index = self.0.index.lock();
            let upper = before.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
            let range = index.entries.range((std::ops::Bound::Unbounded, upper));
            let wanted = range.rev().filter(|((ms, _), entry)| is_wanted(*ms, entry));
            let one_more = request.limit.saturating_add(1);
            wanted
                .take(one_more)
                .map(|(k, e)| (*k, e.clone()))
                .collect()
        };
        let has_more = found.len() > request.limit;
        found.truncate(request.limit);
        let next = found.last().filter(|_| has_more);
        let next = next.map(|((created_ms, id), _)| format!("{created_ms:x}.{id}"));
        let mut records = Vec::with_capacity(found.len());
        for ((_, id), entry) in found {
            match self.record(id, entry) {
                // Removed in the meantime.
                Err(JobError::NotFound { .. }) => {}
                record => records.push(record?),
            }
        }
        Ok((records, next))
    }

    /// Ends a query; waits a moment for its end, and gives it as it is then.
    ///
    /// **Errors**: it has ended already.
    pub async fn cancel(&self, id: &str) -> Result<JobRecord, JobError> {
        const WAIT: Duration = Duration::from_millis(500);
        let id = self.parse(id)?;
        let entry = self.0.index.lock().get(id).cloned();
        match entry.ok_or_else(|| self.not_found(id))? {
            Entry::Live(live) => {
                live.cancel();
                self.wait(id, WAIT).await;
                let entry = self.0.index.lock().get(id).cloned();
                self.record(id, entry.ok_or_else(|| self.not_found(id))?)
            }
            ended => Err(JobError::Over {
                status: ended.status(),
            }),
        }
    }

    /// Waits for the end of a query, for so long.
    async fn wait(&self, id: Uuid, at_most: Duration) {
        let entry = self.0.index.lock().get(id).cloned();
        let Some(Entry::Live(live)) = entry else {
            return;
        };
        let over = live.over.notified();
        tokio::pin!(over);
        over.as_mut().enable();
        if matches!(self.0.index.lock().get(id), Some(Entry::Live(_))) {
            let _ = tokio::time::timeout(at_most, over).await;
        }
    }

    /// Removes a job that has ended, with its rows.
    pub fn delete(&self, id: &str) -> Result<(), JobError> {
        let id = self.parse(id)?;
        let entry = self.0.index.lock().get(id).cloned();
        match entry.ok_or_else(|| self.not_found(id))? {
            Entry::Live(live) => Err(JobError::Running {
                status: live.record.lock().status,
            }),
            Entry::Remembered(_) => {
                self.0.index.lock().remove(id);
                Ok(())
            }
            Entry::Kept { .. } => self.0.remove(id),
        }
    }

    /// Rows of a job from a page token on, or from its first: `rows_max` at most. Of a job
    /// that runs, what is written by now.
    ///
    /// **Errors**: there is no such job, it keeps no rows, the token is another one's, or
    /// the rows are damaged. **Cost**: reads no more than the page and a frame; memory is
    /// that of the page, which has 8 MiB of rows at most, or one.
    pub fn page(&self, id: &str, token: Option<&str>, rows_max: usize) -> Result<Page, JobError> {
        let record = self.get(id)?;
        let id = self.parse(id)?;
        let no_rows =
            record.kind == Kind::Attended || record.status.is_over() && !record.status.keeps_rows();
        if no_rows {
            return Err(JobError::NoRows {
                record: Box::new(record),
            });
        }
        let from = match token {
            None => RowsPlace::START,
            Some(token) => RowsPlace::of_token(token, id)?,
        };
        let end = record.statistics.result_bytes;
        // Nothing is written before the query is compiled; one that took too long until
        // then has no rows at all.
        if end == 0 {
            let next = (!record.status.is_over()).then(|| from.token(id));
            return Ok(Page {
                record,
                schema: None,
                batches: Vec::new(),
                next,
            });
        }
        let mut reader = match RowsReader::open(&self.0.folder()?.rows(id), end) {
            Ok(reader) => reader,
            Err(error) => {
                // It may have failed, or been removed, since its record was read.
                let now = self.get(&record.id)?;
                return Err(match now.status.is_over() && !now.status.keeps_rows() {
                    true => JobError::NoRows {
                        record: Box::new(now),
                    },
                    false => error.into(),
                });
            }
        };
        let schema = reader.schema()?;
        let (batches, next) = reader.page(from, rows_max, PAGE_BYTES_MAX)?;
        let is_last = record.status.is_over() && reader.is_end(next);
        Ok(Page {
            record,
            schema: Some(schema),
            batches,
            next: (!is_last).then(|| next.token(id)),
        })
    }

    /// Removes the jobs that were kept for long enough.
    pub fn sweep(&self) {
        let keep_ms = i64::try_from(self.0.options.keep.as_millis()).unwrap_or(i64::MAX);
        let before_ms = (self.0.options.clock)().saturating_sub(keep_ms);
        let old: Vec<Uuid> = {
            let index = self.0.index.lock();
            let old = index.entries.iter().filter(|(_, entry)| match entry {
                Entry::Kept { ended_ms, .. } => *ended_ms <= before_ms,
                _ => false,
            });
            old.map(|((_, id), _)| *id).collect()
        };
        for id in old {
            if let Err(error) = self.0.remove(id) {
                tracing::warn!(%id, %error, "results of a query could not be removed");
            }
        }
    }

    /// Queries that run and wait now: attended ones, and jobs.
    pub fn counts(&self) -> (LaneCounts, LaneCounts) {
        (self.0.attended.counts(), self.0.jobs.counts())
    }

    /// What the rows of all jobs take on disk.
    pub fn result_bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Ends what runs and waits, and waits for it, for so long: the server ends.
    pub async fn close(&self, at_most: Duration) {
        self.0.is_closing.store(true, Ordering::Relaxed);
        let live: Vec<Arc<Live>> = {
            let index = self.0.index.lock();
            let live = index.entries.values().filter_map(|entry| match entry {
                Entry::Live(live) => Some(Arc::clone(live)),
                _ => None,
            });
            live.collect()
        };
        live.iter().for_each(|live| live.cancel());
        let all = async {
            for live in live.iter().filter(|live| live.kind == Kind::Job) {
                self.wait(live.id, at_most).await;
            }
        };
        let _ = tokio::time::timeout(at_most, all).await;
    }

    fn parse(&self, id: &str) -> Result<Uuid, JobError> {
        Uuid::try_parse(id).map_err(|_| JobError::NotFound {
            id: id.chars().take(40).collect(),
            keep: self.0.options.keep,
        })
    }

    fn not_found(&self, id: Uuid) -> JobError {
        JobError::NotFound {
            id: id.to_string(),
            keep: self.0.options.keep,
        }
    }
}

impl Shared {
    fn new_live(&self, kind: Kind, request: &QueryRequest) -> Arc<Live> {
        let id = Uuid::new_v4();
        Arc::new(Live {
            id,
            kind,
            record: Mutex::new(JobRecord {
                id: id.to_string(),
                kind,
                asked: Asked::of(request),
                status: QueryStatus::Queued,
                created_ms: (self.options.clock)(),
                started_ms: None,
                ended_ms: None,
                language: None,
                warnings: Vec::new(),
                failure: None,
                statistics: JobStatistics::default(),
            }),
            cancel: request.cancel.clone(),
            cancelled: Notify::new(),
            over: Notify::new(),
        })
    }

    fn note(&self, live: &Arc<Live>) {
        let created_ms = live.record.lock().created_ms;
        let entry = Entry::Live(Arc::clone(live));
        self.index.lock().insert(created_ms, live.id, entry);
    }

    pub fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Relaxed)
    }

    pub fn now_ms(&self) -> i64 {
        (self.options.clock)()
    }

    /// Counts bytes that are about to be written, where they fit.
    pub fn reserve(&self, bytes: u64) -> Result<(), RowsError> {
        let max = self.options.bytes_max;
        let grown = |held: u64| held.checked_add(bytes).filter(|sum| *sum <= max);
        let order = Ordering::Relaxed;
        match self.bytes.fetch_update(order, order, grown) {
            Ok(_) => Ok(()),
            Err(_) => Err(RowsError::Full { bytes_max: max }),
        }
    }

    /// Bytes that are gone from the disk.
    pub fn release(&self, bytes: u64) {
        let order = Ordering::Relaxed;
        let _ = self
            .bytes
            .fetch_update(order, order, |held| Some(held.saturating_sub(bytes)));
    }

    /// A query has ended, as its record says; `is_kept` where that is on the disk.
    pub fn ended(&self, live: &Live, mut record: JobRecord, is_kept: bool) {
        if let Some(on_end) = &self.options.on_end {
            on_end(&record);
        }
        let created_ms = record.created_ms;
        let entry = match is_kept {
            true => Entry::Kept {
                status: record.status,
                ended_ms: record.ended_ms.unwrap_or(created_ms),
            },
            false => {
                shorten(&mut record.asked.text);
                Entry::Remembered(Arc::new(record))
            }
        };
        let mut index = self.index.lock();
        index.insert(created_ms, live.id, entry);
        if !is_kept {
            index.remembered.push_back((created_ms, live.id));
            if index.remembered.len() > REMEMBERED_MAX
                && let Some((_, forgotten)) = index.remembered.pop_front()
            {
                index.remove(forgotten);
            }
        }
        drop(index);
        live.over.notify_waiters();
    }

    /// Removes a job. Of several who do, one does it, and counts its bytes.
    fn remove(&self, id: Uuid) -> Result<(), JobError> {
        let folder = self.folder()?;
        let (created_ms, entry) = {
            let mut index = self.index.lock();
            let created_ms = index.created.get(&id).copied().unwrap_or_default();
            match index.remove(id) {
                None => return Ok(()),
                Some(entry) => (created_ms, entry),
            }
        };
        let record = folder.load(id);
        if let Err(error) = folder.remove(id)
            && error.kind() != io::ErrorKind::NotFound
        {
            self.index.lock().insert(created_ms, id, entry);
            return Err(self.not_kept(error));
        }
        self.release(record.map_or(0, |record| record.statistics.result_bytes));
        Ok(())
    }

    fn folder(&self) -> Result<&Arc<Folder>, JobError> {
        self.folder.as_ref().ok_or_else(|| JobError::KeepsNone {
            reason: self.why_none.clone(),
        })
    }

    fn not_kept(&self, source: io::Error) -> JobError {
        JobError::Keep {
            path: self.options.folder.clone(),
            source,
        }
    }
}

fn shorten(text: &mut String) {
    if text.len() > REMEMBERED_TEXT_BYTES {
        let end = text.floor_char_boundary(REMEMBERED_TEXT_BYTES);
        text.truncate(end);
        text.push('…');
        text.shrink_to_fit();
    }
}

fn list_place(token: &str) -> Result<(i64, Uuid), JobError> {
    let place = token.split_once('.').and_then(|(created_ms, id)| {
        let created_ms = i64::from_str_radix(created_ms, 16).ok()?;
        Some((created_ms, Uuid::try_parse(id).ok()?))
    });
    place.ok_or(JobError::Rows(RowsError::BadToken))
}
