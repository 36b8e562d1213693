//! `tarn serve`: questions over HTTP, on the loopback interface.

use std::time::Duration;

use tarn_query::EngineOptions;
use tarn_server::{ServeError, ServerState, Settings};
use tarn_store::Cancel;

use crate::args::ServeArgs;
use crate::context::{Context, now_ms};
use crate::exit::{self, Exit};

/// How soon a pressed Ctrl-C is noticed.
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub fn run(context: &Context, args: &ServeArgs) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(context.threads)
        .enable_all()
        .build()?;
    let settings = Settings {
        engine: EngineOptions {
            memory_bytes: usize::try_from(context.memory_bytes)?,
            threads: context.threads,
            spill_dir: context.data.join("tmp"),
        },
        store: args.store.clone(),
        zone: context.zone(None)?,
        timeout_max: Duration::from_secs(args.timeout),
        clock: now_ms,
    };
    let state =
        ServerState::new(context.reader()?, settings).map_err(|error| exit::query(&error, ""))?;
    let cancel = context.interrupts.cancel();
    let on_listening = |address| {
        context
            .terminal
            .note(&format!("listening on http://{address}; Ctrl-C stops"));
    };
    let served = runtime.block_on(tarn_server::serve(
        args.listen,
        state,
        on_listening,
        cancelled(cancel),
    ));
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
