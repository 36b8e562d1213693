//! The threads that queries are planned and run on.
//!
//! They are not those of the caller: a runtime whose every thread is in the middle of a
//! join looks at no clock, and whoever waits on it would not hear of a timeout.
//!
//! Where many ask at once there are two sets of them, and the system prefers one: what
//! takes long runs on [`Threads::behind`], with all the threads that it starts, and leaves
//! the processor to what is over soon.

use std::io;

use tokio::runtime::{Builder, EnterGuard, Handle, Runtime};

/// Of the depth that statements may have, planned and executed. Frames that were not
/// optimised are several times as large.
const STACK_BYTES: usize = (2 << 20) * if cfg!(debug_assertions) { 16 } else { 1 };

/// What threads of queries that take long add to their niceness: where there is not
/// enough for all, they get a sixth of what the others do.
const NICE: i32 = 8;

/// See the module. Dropped, they are not waited for: a query that was stopped goes on to
/// the end of its step.
pub struct Threads {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Threads {
    pub fn start(threads: usize) -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        builder.thread_name("tarn-query");
        Self::built(builder, threads)
    }

    /// Threads that let all others go first.
    pub fn behind(threads: usize) -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        builder.thread_name("tarn-long");
        // Of a thread on Linux, of the whole process elsewhere. Without it queries that are
        // over soon are slower, no more.
        #[cfg(target_os = "linux")]
        if let Ok(ours) = rustix::process::getpriority_process(None) {
            // The sum, not a step: a thread inherits from the one that started it, which
            // may be one of these.
            builder.on_thread_start(move || {
                let _ = rustix::process::setpriority_process(None, ours + NICE);
            });
        }
        Self::built(builder, threads)
    }

    fn built(mut builder: Builder, threads: usize) -> io::Result<Self> {
        let runtime = builder
            .worker_threads(threads.max(1))
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    /// What a task, and a thread that waits, have.
    fn niceness(threads: &Threads) -> [i32; 2] {
        let of_this_thread = || getpriority_process(None).expect("a number");
        let _there = threads.enter();
        let asked = Handle::current().spawn(async move {
            let blocking = tokio::task::spawn_blocking(of_this_thread);
            [of_this_thread(), blocking.await.expect("no panic")]
        });
        Handle::current().block_on(asked).expect("no panic")
    }

    #[test]
    fn those_behind_are_nicer_and_nobody_else_is() {
        let before = getpriority_process(None).expect("a number");
        let behind = niceness(&Threads::behind(1).expect("threads"));
        assert_eq!(behind, [(before + NICE).min(19); 2]);
        let first = niceness(&Threads::start(1).expect("threads"));
        assert_eq!(first, [before; 2]);
        assert_eq!(getpriority_process(None).expect("a number"), before);
    }
}
