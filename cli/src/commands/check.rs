//! `tarn check`: whether everything in the data directory is as it was written.

use std::io::{self, Write};

use serde_json::json;
use tarn_store::check::{CheckProgress, CheckReport};

use super::reindex;
use crate::args::{CheckArgs, ReindexArgs, SummaryFormat};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::progress::{Position, Progress};
use crate::sizes::{Bytes, count, counted, duration};

/// Of files that are to be imported again, so many are named.
const FILES_SHOWN: usize = 100;

pub fn run(context: &Context, args: &CheckArgs) -> anyhow::Result<Exit> {
    if args.salvage {
        salvage(context)?;
        return reindex::run(context, &ReindexArgs { store: None });
    }
    let snapshot = context.snapshot()?;
    let mut progress = Progress::new(context.terminal);
    let mut on_progress = |at: &CheckProgress| progress.show(|_| position(at));
    let report = snapshot.check(&mut on_progress, &context.interrupts.cancel());
    let time = progress.finish();
    if context.interrupts.pressed() {
        return Err(exit::interrupted());
    }
    let mut out = io::stdout().lock();
    match args.output {
        SummaryFormat::Json => writeln!(out, "{}", as_json(&report))?,
        SummaryFormat::Text => {
            writeln!(
                out,
                "verified {} ({}), {} ({}), {} ({}), {} and {} of the catalogue in {}",
                counted(report.events, "event"),
                Bytes(report.event_bytes),
                counted(report.splits, "split"),
                Bytes(report.split_bytes),
                counted(report.tables, "table"),
                Bytes(report.table_bytes),
                count(report.batches) + " batches",
                count(report.catalogue_entries) + " entries",
                duration(time),
            )?;
            match &report.leftovers {
                Some(leftovers) => {
                    for leftover in leftovers {
                        writeln!(out, "left over: {leftover}")?;
                    }
                }
                None => writeln!(
                    out,
                    "a process writes here: files that nothing refers to were not looked for"
                )?,
            }
            for problem in &report.problems {
                writeln!(out, "problem: {problem}")?;
            }
            let problems = report.problems.len() as u64;
            match problems {
                0 => writeln!(out, "no problems")?,
                _ => writeln!(out, "{}", counted(problems, "problem"))?,
            }
        }
    }
    Ok(exit_of(&report))
}

/// What nothing refers to is no problem.
fn exit_of(report: &CheckReport) -> Exit {
    match report.problems.is_empty() {
        true => Exit::Done,
        false => Exit::Failed,
    }
}

fn salvage(context: &Context) -> anyhow::Result<()> {
    let saved = tarn_store::salvage::salvage(&context.data, &context.write_options()?)?;
    let mut out = io::stdout().lock();
    writeln!(out, "the logs as they were: {}", saved.copy.display())?;
    for torn in &saved.torn {
        writeln!(out, "{torn}")?;
    }
    writeln!(
        out,
        "published again: {} in {}",
        counted(saved.events, "event"),
        count(saved.batches) + " batches",
    )?;
    for store in &saved.stores {
        writeln!(
            out,
            "event data store {store}: its name, retention and selectors are lost"
        )?;
    }
    for file in saved.files.iter().take(FILES_SHOWN) {
        writeln!(out, "import again: {file}")?;
    }
    if let Some(more @ 1..) = saved.files.len().checked_sub(FILES_SHOWN) {
        writeln!(out, "… and {} more files", count(more as u64))?;
    }
    writeln!(
        out,
        "what else was in the damaged part is not known: run your imports again, what is stored is skipped; events that were pushed and changes of event data stores come back only by hand"
    )?;
    Ok(())
}

fn as_json(report: &CheckReport) -> serde_json::Value {
    json!({
        "events": report.events,
        "eventBytes": report.event_bytes,
        "splits": report.splits,
        "splitBytes": report.split_bytes,
        "batches": report.batches,
        "catalogueEntries": report.catalogue_entries,
        "tables": report.tables,
        "tableBytes": report.table_bytes,
        "problems": report.problems,
        "leftovers": report.leftovers,
    })
}

fn position(at: &CheckProgress) -> Position {
    Position {
        done: at.splits_done + at.events_done,
        total: Some(at.splits_total + at.events_total),
        facts: vec![
            format!(
                "{}/{} splits",
                count(at.splits_done),
                count(at.splits_total)
            ),
            format!(
                "{}/{} events",
                count(at.events_done),
                count(at.events_total)
            ),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_problems_fail() {
        let mut report = CheckReport {
            leftovers: Some(vec!["a file".to_owned()]),
            ..CheckReport::default()
        };
        assert_eq!(exit_of(&report), Exit::Done);
        report.problems.push("a split".to_owned());
        assert_eq!(exit_of(&report), Exit::Failed);
    }
}
