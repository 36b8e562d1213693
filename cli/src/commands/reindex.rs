//! `tarn reindex`: the search index built again from the stored events.

use std::io::{self, Write};

use tarn_store::index::rebuild::{RebuildError, RebuildProgress};
use tarn_store::owner::SessionError;

use crate::args::ReindexArgs;
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::progress::{Position, Progress};
use crate::sizes::{Bytes, count, counted, duration};

pub fn run(context: &Context, args: &ReindexArgs) -> anyhow::Result<Exit> {
    let snapshot = context.snapshot()?;
    let stores = match &args.store {
        Some(reference) => vec![context.find_store(&snapshot, reference)?],
        None => snapshot.stores().iter().collect(),
    };
    let session = context.session()?;
    for store in stores {
        let mut progress = Progress::new(context.terminal);
        let mut on_progress = |at: &RebuildProgress| progress.show(|_| position(at));
        let result = session.reindex(&store.uuid, &mut on_progress, &context.interrupts.cancel());
        let time = progress.finish();
        let rebuilt = result.map_err(|error| match error {
            SessionError::Rebuild(RebuildError::Cancelled) => exit::interrupted(),
            _ if context.interrupts.pressed() => exit::interrupted(),
            error => context.session_error(error),
        })?;
        writeln!(
            io::stdout().lock(),
            "{}: {} in {} (before: {}), {}, in {}",
            store.name,
            counted(rebuilt.events, "event"),
            counted(rebuilt.splits_after, "split"),
            count(rebuilt.splits_before),
            Bytes(rebuilt.bytes),
            duration(time),
        )?;
    }
    session.close()?;
    Ok(Exit::Done)
}

fn position(at: &RebuildProgress) -> Position {
    Position {
        done: at.events_done,
        total: Some(at.events_total),
        facts: vec![format!(
            "{}/{} events",
            count(at.events_done),
            count(at.events_total)
        )],
    }
}
