//! The threads that queries are planned and run on.
//!
//! They are not those of the caller: a runtime whose every thread is in the middle of a
//! join looks at no clock, and whoever waits on it would not hear of a timeout.

use std::io;

use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};

/// Of the depth that statements may have, planned and executed. Frames that were not
/// optimised are several times as large.
const STACK_BYTES: usize = (2 << 20) * if cfg!(debug_assertions) { 16 } else { 1 };

/// See the module. Dropped, they are not waited for: a query that was stopped goes on to
/// the end of its step.
pub struct Threads {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Threads {
    pub fn start(threads: usize) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_name("tarn-query")
            .thread_stack_size(STACK_BYTES)
            .enable_all()
            .build()?;
        Ok(Self {
            handle: runtime.handle().clone(),
            runtime: Some(runtime),
        })
    }

    /// What is spawned while this is held runs here.
    pub fn enter(&self) -> EnterGuard<'_> {
        self.handle.enter()
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
