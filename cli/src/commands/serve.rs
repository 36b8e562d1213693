//! `tarn serve`: events in and questions answered over HTTP, on the loopback interface.

use std::time::Duration;

use tarn_query::EngineOptions;
use tarn_server::{Limits, ServeError, ServerState, Settings, StartError};
use tarn_store::{Cancel, WriteOptions};

use crate::args::ServeArgs;
use crate::context::{Context, now_ms};
use crate::exit::{self, Exit};

/// How soon a pressed Ctrl-C is noticed.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// What has not ended by then ends with the process.
const LEFT_OVER_TIME: Duration = Duration::from_secs(2);

pub fn run(context: &Context, args: &ServeArgs) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(context.threads)
        .enable_all()
        .build()?;
    let memory_bytes = usize::try_from(context.memory_bytes)?;
    // Queries get the most: what is written comes in pieces.
    let (for_imports, for_pushes) = (memory_bytes / 4, memory_bytes / 8);
    let settings = Settings {
        engine: EngineOptions {
            memory_bytes: memory_bytes - for_imports - for_pushes,
            threads: context.threads,
            spill_dir: context.data.join("tmp"),
        },
        store: args.store.clone(),
        zone: context.zone(None)?,
        timeout_max: Duration::from_secs(args.timeout),
        limits: Limits {
            push_memory_bytes: for_pushes,
            head_time: Duration::from_secs(args.idle),
            idle_time: Duration::from_secs(args.idle),
            grace: Duration::from_secs(args.grace),
            results_time: Duration::from_secs(args.results_days * 86_400),
            results_bytes: args.results_size.0,
            ..Limits::default()
        },
        clock: now_ms,
    };
    let write = WriteOptions {
        memory_bytes: for_imports,
        ..context.write_options()?
    };
    let state = ServerState::open(&context.data, &write, settings);
    let state = state.map_err(|error| match error {
        StartError::Engine(error) => exit::query(&error, ""),
        other => other.into(),
    })?;
    let is_guest = state.is_guest();
    let cancel = context.interrupts.cancel();
    let on_listening = |address| {
        let note = |text: &str| context.terminal.note(text);
        if is_guest {
            note("another process writes this directory; it is handed what comes, until it leaves");
        }
        note(&format!("listening on http://{address}; Ctrl-C stops"));
    };
    let served = runtime.block_on(tarn_server::serve(
        args.listen,
        state,
        on_listening,
        cancelled(cancel),
    ));
    runtime.shutdown_timeout(LEFT_OVER_TIME);
    match served {
        Ok(()) => Ok(Exit::Done),
        Err(error @ ServeError::NotLoopback { .. }) => Err(exit::usage(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

async fn cancelled(cancel: Cancel) {
    while !cancel.is_cancelled() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
