//! `tarn check`: whether everything in the data directory is as it was written.

use std::io::{self, Write};

use serde_json::json;
use tarn_store::check::{CheckProgress, CheckReport};

use crate::args::{CheckArgs, SummaryFormat};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::progress::{Position, Progress};
use crate::sizes::{Bytes, count, counted, duration};

pub fn run(context: &Context, args: &CheckArgs) -> anyhow::Result<Exit> {
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
                "verified {} ({}), {} ({}), {} and {} of the catalogue in {}",
                counted(report.events, "event"),
                Bytes(report.event_bytes),
                counted(report.splits, "split"),
                Bytes(report.split_bytes),
                count(report.batches) + " batches",
                count(report.catalogue_entries) + " entries",
                duration(time),
            )?;
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
    Ok(match report.problems.is_empty() {
        true => Exit::Done,
        false => Exit::Failed,
    })
}

fn as_json(report: &CheckReport) -> serde_json::Value {
    json!({
        "events": report.events,
        "eventBytes": report.event_bytes,
        "splits": report.splits,
        "splitBytes": report.split_bytes,
        "batches": report.batches,
        "catalogueEntries": report.catalogue_entries,
        "problems": report.problems,
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
