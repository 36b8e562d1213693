//! One job from its place in the lane to its end.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::MissedTickBehavior;
use uuid::Uuid;

use super::folder::Folder;
use super::jobs::{Live, Shared};
use super::lane::InLane;
use super::record::{Failure, JobRecord, Told};
use super::rows::{RowsError, RowsWriter};
use super::status::QueryStatus;
use crate::error::{Code, ErrorKind, QueryError};
use crate::request::QueryRequest;
use crate::stream::QueryStream;

/// How often the statistics of a job that gives no rows are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Does what waits for the disk on a thread that may. A panic of it goes on here.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|panicked| std::panic::resume_unwind(panicked.into_panic()))
}

/// A job that has its folder.
pub(super) struct Job {
    pub shared: Arc<Shared>,
    pub folder: Arc<Folder>,
    pub live: Arc<Live>,
}

impl Job {
    pub async fn run<A, F>(self, mut place: InLane, request: QueryRequest, ask: A)
    where
        A: FnOnce(QueryRequest) -> F,
        F: Future<Output = Result<QueryStream, QueryError>>,
    {
        tokio::select! {
            () = place.wait() => {}
            () = self.live.cancelled.notified() => {}
        }
        let answered = match self.live.cancel.is_cancelled() {
            true => Err(QueryError::cancelled()),
            false => {
                {
                    let mut record = self.live.record.lock();
                    record.status = QueryStatus::Running;
                    record.started_ms = Some(self.shared.now_ms());
                }
                // A job whose task panics would run for ever.
                let answered = AssertUnwindSafe(self.answer(request, ask)).catch_unwind();
                answered.await.unwrap_or_else(|_| Err(broken_off()))
            }
        };
        self.end(answered).await;
        drop(place);
    }

    /// Keeps the rows as they come.
    async fn answer<A, F>(&self, request: QueryRequest, ask: A) -> Result<(), QueryError>
    where
        A: FnOnce(QueryRequest) -> F,
        F: Future<Output = Result<QueryStream, QueryError>>,
    {
        let (shared, live) = (&self.shared, &self.live);
        let mut stream = ask(request).await?;
        {
            let mut record = live.record.lock();
            record.language = Some(stream.language);
            record.warnings = stream.warnings.iter().map(Told::of).collect();
        }
        let (path, schema) = (self.folder.rows(live.id), stream.schema.clone());
        let created = blocking(move || RowsWriter::create(&path, &schema)).await;
        let mut writer = created.map_err(not_kept)?;
        // What every file begins with is counted too, and too little to be refused.
        let _ = shared.reserve(writer.written());
        live.record.lock().statistics.result_bytes = writer.written();
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let ended = loop {
            let batch = tokio::select! {
                batch = stream.next() => batch,
                _ = look.tick() => {
                    live.record.lock().statistics.update(&stream.statistics());
                    continue;
                }
            };
            let batch = match batch {
                None => break Ok(()),
                Some(Err(error)) => break Err(error),
                Some(Ok(batch)) => batch,
            };
            let reserving = Arc::clone(shared);
            let (back, written) = blocking(move || {
                let written = writer.write(&batch, &|bytes| reserving.reserve(bytes));
                (writer, written)
            })
            .await;
            writer = back;
            let mut record = live.record.lock();
            record.statistics.update(&stream.statistics());
            record.statistics.result_bytes = writer.written();
            drop(record);
            if let Err(error) = written {
                break Err(not_kept(error));
            }
        };
        live.record.lock().statistics.update(&stream.statistics());
        drop(stream);
        let is_kept = match &ended {
            Ok(()) => true,
            Err(error) => status_of(error).keeps_rows(),
        };
        if is_kept {
            blocking(move || writer.finish()).await.map_err(not_kept)?;
        }
        ended
    }

    /// Writes the end down, and says it.
    async fn end(&self, answered: Result<(), QueryError>) {
        let mut record = self.live.record.lock().clone();
        record.ended_ms = Some(self.shared.now_ms());
        (record.status, record.failure) = match answered {
            Ok(()) => (QueryStatus::Finished, None),
            Err(error) if error.kind() == ErrorKind::Cancelled && self.shared.is_closing() => {
                (QueryStatus::Failed, Some(Failure::server_ended()))
            }
            Err(error) => match status_of(&error) {
                QueryStatus::Cancelled => (QueryStatus::Cancelled, None),
                status => (status, Some(Failure::of(&error))),
            },
        };
        let (shared, folder) = (Arc::clone(&self.shared), Arc::clone(&self.folder));
        let id = self.live.id;
        let (record, is_kept) = blocking(move || write_down(&shared, &folder, id, record)).await;
        *self.live.record.lock() = record.clone();
        self.shared.ended(&self.live, record, is_kept);
    }
}

/// Makes the end of a job durable; one that cannot be has failed. Says whether its state
/// is on the disk.
fn write_down(
    shared: &Shared,
    folder: &Folder,
    id: Uuid,
    mut record: JobRecord,
) -> (JobRecord, bool) {
    if record.status.keeps_rows() {
        let Err(source) = folder.save(id, &record) else {
            return (record, true);
        };
        let error = RowsError::Io {
            operation: "writing the state of a query in",
            path: folder.path().to_owned(),
            source,
        };
        record.status = QueryStatus::Failed;
        record.failure = Some(Failure::of(&not_kept(error)));
    }
    // First what takes room: the disk may be full.
    let bytes = std::mem::take(&mut record.statistics.result_bytes);
    match folder.remove_rows(id) {
        Ok(()) => shared.release(bytes),
        Err(error) => tracing::warn!(%id, %error, "rows of a query could not be removed"),
    }
    let saved = folder.save(id, &record);
    if let Err(error) = &saved {
        // The next process finds that it did not end, and fails it.
        tracing::warn!(%id, %error, "the end of a query could not be written down");
    }
    (record, saved.is_ok())
}

fn broken_off() -> QueryError {
    QueryError::new(Code::Internal, "the query broke off")
        .hint("this is a mistake of the program; what is stored is as it was")
}

/// The state of a query that ended by an error.
pub(super) fn status_of(error: &QueryError) -> QueryStatus {
    match error.kind() {
        ErrorKind::Cancelled => QueryStatus::Cancelled,
        ErrorKind::TimedOut => QueryStatus::TimedOut,
        ErrorKind::Usage | ErrorKind::Failed | ErrorKind::MemoryExceeded => QueryStatus::Failed,
    }
}

/// The error of a query whose rows found no room.
fn not_kept(error: RowsError) -> QueryError {
    let hint = match &error {
        RowsError::Full { .. } => {
            Some("delete queries that nobody needs, ask for fewer rows, or raise --results-size")
        }
        RowsError::Io { source, .. } if is_full(source) => {
            Some("make room on that disk, or ask for fewer rows")
        }
        _ => None,
    };
    let failed = QueryError::new(Code::Results, error.to_string());
    let failed = match hint {
        Some(hint) => failed.hint(hint),
        None => failed,
    };
    failed.caused_by(error)
}

fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}
