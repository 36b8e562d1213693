//! The batches of a plan, made by a task of their own.
//!
//! What a plan does between two batches is not interrupted: the search of a pattern in
//! many texts, the pairs of a join. So whoever waits for rows does not run the plan, and
//! hears of a timeout in time; the task ends with its step.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use datafusion::arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinError;

use crate::error::{Code, QueryError};

/// Batches that wait for their reader.
const BATCHES_WAITING: usize = 1;

/// See the module. Dropped, it lets the plan go.
pub struct Pump {
    batches: mpsc::Receiver<Result<RecordBatch>>,
    /// None when it has ended.
    task: Option<SpawnedTask<()>>,
}

impl Pump {
    /// Runs on the tokio runtime that is entered.
    pub fn start(mut made: SendableRecordBatchStream) -> Self {
        let (sender, batches) = mpsc::channel(BATCHES_WAITING);
        let task = SpawnedTask::spawn(async move {
            while let Some(batch) = made.next().await {
                if sender.send(batch).await.is_err() {
                    break;
                }
            }
        });
        Self {
            batches,
            task: Some(task),
        }
    }

    /// The next batch; None at the end. A plan that panics has failed.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<RecordBatch>>> {
        if let Some(batch) = ready!(self.batches.poll_recv(context)) {
            return Poll::Ready(Some(batch));
        }
        let Some(task) = &mut self.task else {
            return Poll::Ready(None);
        };
        // Waited for, so that what the plan held is free.
        let ended = ready!(Pin::new(task).poll(context));
        self.task = None;
        Poll::Ready(match ended {
            Ok(()) => None,
            Err(failed) => {
                let error = broken_off(failed);
                Some(Err(DataFusionError::External(Box::new(error))))
            }
        })
    }

    /// Lets the plan go.
    pub fn stop(&mut self) {
        self.batches.close();
        self.task = None;
    }
}

/// The error of a query whose task did not come to its end.
pub fn broken_off(failed: JoinError) -> QueryError {
    let panic = failed.try_into_panic().ok();
    let said = panic.as_ref().and_then(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
    });
    let said = said.unwrap_or("its task was ended");
    QueryError::new(Code::Internal, format!("the query broke off: {said}"))
        .hint("this is a mistake of the program; what is stored is as it was")
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::time::Duration;

    use datafusion::arrow::datatypes::Schema;
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
    use tokio::runtime::Builder;

    use super::*;

    fn made(batch: fn() -> Option<Result<RecordBatch>>) -> SendableRecordBatchStream {
        let batches = futures::stream::poll_fn(move |_| Poll::Ready(batch()));
        Box::pin(RecordBatchStreamAdapter::new(
            Schema::empty().into(),
            batches,
        ))
    }

    #[test]
    fn a_panic_is_an_error_of_the_query() {
        let runtime = Builder::new_multi_thread().build().expect("threads");
        let error = runtime.block_on(async {
            let mut pump = Pump::start(made(|| panic!("no such row")));
            let first = poll_fn(|context| pump.poll_next(context)).await;
            assert!(poll_fn(|context| pump.poll_next(context)).await.is_none());
            first.expect("a failure").expect_err("a failure")
        });
        assert!(error.to_string().contains("no such row"), "{error}");
    }

    #[test]
    fn a_long_step_holds_nobody_up() {
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_time()
            .build()
            .expect("threads");
        runtime.block_on(async {
            let mut pump = Pump::start(made(|| {
                std::thread::sleep(Duration::from_secs(2));
                None
            }));
            let next = poll_fn(|context| pump.poll_next(context));
            let waited = tokio::time::timeout(Duration::from_millis(50), next).await;
            assert!(waited.is_err());
        });
        runtime.shutdown_background();
    }

    #[test]
    fn batches_come_as_they_are_made() {
        let runtime = Builder::new_current_thread().build().expect("a thread");
        let batch = || Some(Ok(RecordBatch::new_empty(Arc::new(Schema::empty()))));
        runtime.block_on(async {
            let mut pump = Pump::start(made(batch));
            for _ in 0..10 {
                assert!(poll_fn(|context| pump.poll_next(context)).await.is_some());
            }
            pump.stop();
        });
    }
}
