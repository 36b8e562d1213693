//! The rows of a query as they come, and the end of it in time.
//!
//! Whoever reads the stream decides how fast the query runs. A timeout, a cancel and a
//! stream that is dropped all end it the same way: the scans' cancel is set, which each of
//! their threads sees within a chunk, and the plan is let go.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::physical_plan::ExecutionPlan;
use futures::{Stream, StreamExt};
use serde_json::{Map, Value};
use tarn_store::Cancel;
use tokio::time::{Instant, Interval, MissedTickBehavior};

use crate::error::{Code, QueryError};
use crate::language::Language;
use crate::memory::Share;
use crate::pump::Pump;
use crate::results::{NdjsonWriter, ResultWriter};
use crate::statistics::Statistics;
use crate::syntax::Warning;

/// How often a query that gives no rows looks whether it has to stop.
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// Brings an error of the run to the writer of the query.
pub(crate) type Translate =
    Box<dyn Fn(datafusion::common::DataFusionError) -> QueryError + Send + Sync>;

/// The answer to a query.
pub struct QueryStream {
    /// The language that the text was read as.
    pub language: Language,
    /// The columns, under the names that the query gives them. SQL may give two the same.
    pub schema: SchemaRef,
    /// What the query probably does not mean.
    pub warnings: Vec<Warning>,
    state: State,
    run: Run,
}

/// What is running.
pub(crate) struct Run {
    pub batches: Pump,
    pub plan: Arc<dyn ExecutionPlan>,
    pub share: Arc<Share>,
    /// Stops the scans.
    pub stop: Cancel,
    /// The caller's wish to stop.
    pub cancel: Cancel,
    pub timeout: Option<Duration>,
    pub asked_at: Instant,
    pub started_at: Instant,
    pub translate: Translate,
}

struct State {
    tick: Interval,
    rows: u64,
    ended_at: Option<Instant>,
}

impl QueryStream {
    /// All rows of an answer that is known to be small, by column.
    pub async fn rows(mut self) -> Result<Vec<Map<String, Value>>, QueryError> {
        let unlike = || QueryError::new(Code::Internal, "rows are written in another form");
        let mut lines = Vec::new();
        let mut writer = NdjsonWriter::new(&mut lines, &self.schema);
        while let Some(batch) = self.next().await {
            let written = writer.write(&batch?);
            written.map_err(|error| unlike().caused_by(error))?;
        }
        let finished = writer.finish();
        finished.map_err(|error| unlike().caused_by(error))?;
        drop(writer);
        let rows = serde_json::Deserializer::from_slice(&lines).into_iter();
        let rows: Result<_, serde_json::Error> = rows.collect();
        rows.map_err(|error| unlike().caused_by(error))
    }

    pub(crate) fn new(
        language: Language,
        schema: SchemaRef,
        warnings: Vec<Warning>,
        run: Run,
    ) -> Self {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        Self {
            language,
            schema,
            warnings,
            state: State {
                tick,
                rows: 0,
                ended_at: None,
            },
            run,
        }
    }

    /// The next rows; None at the end.
    pub async fn next(&mut self) -> Option<Result<RecordBatch, QueryError>> {
        StreamExt::next(self).await
    }

    /// What was read and held so far.
    pub fn statistics(&self) -> Statistics {
        let run = &self.run;
        let ended_at = self.state.ended_at.unwrap_or_else(Instant::now);
        Statistics {
            rows_returned: self.state.rows,
            planning: run.started_at - run.asked_at,
            running: ended_at - run.started_at,
            memory_peak_bytes: run.share.peak_bytes() as u64,
            ..Statistics::of_plan(run.plan.as_ref())
        }
    }

    /// The plan with the counts of its operators, for `--profile`.
    pub fn profile(&self) -> String {
        let plan = datafusion::physical_plan::display::DisplayableExecutionPlan::with_metrics(
            self.run.plan.as_ref(),
        );
        plan.indent(true).to_string()
    }

    /// The rows under the names of the query.
    fn named(&self, batch: &RecordBatch) -> Result<RecordBatch, QueryError> {
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let columns = batch.columns().to_vec();
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &rows)
            .map_err(|error| (self.run.translate)(error.into()))
    }

    fn end(&mut self) {
        self.state.ended_at.get_or_insert_with(Instant::now);
        self.run.stop.cancel();
        self.run.batches.stop();
    }

    fn why_to_stop(&self) -> Option<QueryError> {
        let run = &self.run;
        why_to_stop(&run.cancel, run.timeout, run.asked_at)
    }
}

/// That a query is not wanted any more, or takes too long.
pub(crate) fn why_to_stop(
    cancel: &Cancel,
    timeout: Option<Duration>,
    asked_at: Instant,
) -> Option<QueryError> {
    if cancel.is_cancelled() {
        return Some(QueryError::cancelled());
    }
    let timeout = timeout?;
    (asked_at.elapsed() >= timeout).then(|| timed_out(timeout))
}

fn timed_out(timeout: Duration) -> QueryError {
    let seconds = timeout.as_secs_f64();
    QueryError::new(
        Code::TimedOut,
        format!("the query was stopped after {seconds} s"),
    )
    .hint("ask for a shorter time, or raise --timeout")
}

impl Stream for QueryStream {
    type Item = Result<RecordBatch, QueryError>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<Self::Item>> {
        if self.state.ended_at.is_some() {
            return Poll::Ready(None);
        }
        // A tick that is due is taken, so that the next one wakes this task.
        while self.state.tick.poll_tick(context).is_ready() {}
        if let Some(error) = self.why_to_stop() {
            self.end();
            return Poll::Ready(Some(Err(error)));
        }
        match self.run.batches.poll_next(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(batch))) => {
                self.state.rows += batch.num_rows() as u64;
                Poll::Ready(Some(self.named(&batch)))
            }
            Poll::Ready(Some(Err(error))) => {
                let error = (self.run.translate)(error);
                self.end();
                Poll::Ready(Some(Err(error)))
            }
            Poll::Ready(None) => {
                self.end();
                Poll::Ready(None)
            }
        }
    }
}

impl Drop for QueryStream {
    fn drop(&mut self) {
        self.run.stop.cancel();
    }
}
