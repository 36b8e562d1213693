//! A query whose rows somebody reads as they come.
//!
//! It takes a turn, and tells how it ended. One that is dropped before, because the reader
//! hung up, was cancelled.

use std::sync::Arc;
use std::time::Duration;

use super::jobs::{Live, Shared};
use super::lane::InLane;
use super::record::{Failure, JobStatistics, Told};
use super::run::status_of;
use super::status::QueryStatus;
use crate::error::{Code, QueryError};
use crate::statistics::Statistics;
use crate::stream::QueryStream;

/// A place in the lane. Dropped, it is given up.
pub struct Waiting(Attended);

/// A query that has its turn.
pub struct Attended {
    shared: Arc<Shared>,
    live: Arc<Live>,
    statistics: JobStatistics,
    has_ended: bool,
    /// Given back last.
    place: InLane,
}

impl Waiting {
    pub(super) fn new(shared: Arc<Shared>, live: Arc<Live>, place: InLane) -> Self {
        Self(Attended {
            shared,
            live,
            statistics: JobStatistics::default(),
            has_ended: false,
            place,
        })
    }

    /// Waits for the turn, for so long.
    ///
    /// **Errors**: it did not come in time, or the query was cancelled meanwhile.
    pub async fn turn(self, at_most: Duration) -> Result<Attended, QueryError> {
        let Self(mut attended) = self;
        let live = Arc::clone(&attended.live);
        let given_up = tokio::select! {
            () = attended.place.wait() => None,
            () = live.cancelled.notified() => Some(QueryError::cancelled()),
            () = tokio::time::sleep(at_most) => Some(waited(at_most)),
        };
        if let Some(error) = given_up {
            attended.end(Err(&error));
            return Err(error);
        }
        let mut record = live.record.lock();
        record.status = QueryStatus::Running;
        record.started_ms = Some(attended.shared.now_ms());
        drop(record);
        Ok(attended)
    }
}

fn waited(at_most: Duration) -> QueryError {
    let seconds = at_most.as_secs_f64();
    QueryError::new(
        Code::TimedOut,
        format!("the query waited {seconds} s for its turn"),
    )
    .hint("ask again when fewer queries run, or start it as a job: POST /v1/queries")
}

impl Attended {
    pub fn id(&self) -> String {
        self.live.id.to_string()
    }

    /// It is compiled.
    pub fn started(&self, stream: &QueryStream) {
        let mut record = self.live.record.lock();
        record.language = Some(stream.language);
        record.warnings = stream.warnings.iter().map(Told::of).collect();
    }

    /// What was read so far.
    pub fn count(&mut self, counted: &Statistics) {
        self.statistics.update(counted);
    }

    /// It has ended, with all its rows or by an error.
    pub fn end(mut self, ended: Result<(), &QueryError>) {
        match ended {
            Ok(()) => self.close(QueryStatus::Finished, None),
            Err(error) => self.close(status_of(error), Some(Failure::of(error))),
        }
    }

    fn close(&mut self, status: QueryStatus, failure: Option<Failure>) {
        self.has_ended = true;
        let mut record = self.live.record.lock().clone();
        record.status = status;
        record.failure = failure;
        record.ended_ms = Some(self.shared.now_ms());
        record.statistics = std::mem::take(&mut self.statistics);
        self.shared.ended(&self.live, record, false);
    }
}

impl Drop for Attended {
    fn drop(&mut self) {
        if !self.has_ended {
            self.live.cancel.cancel();
            self.close(QueryStatus::Cancelled, None);
        }
    }
}
