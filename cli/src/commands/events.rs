//! `tarn events get`: events by their id, byte for byte as delivered.

use std::io::{self, BufWriter, Write};

use crate::args::{EventsCommand, EventsGetArgs};
use crate::context::Context;
use crate::exit::Exit;
use crate::pretty::indented;
use crate::times::iso;

pub fn run(context: &Context, command: &EventsCommand) -> anyhow::Result<Exit> {
    match command {
        EventsCommand::Get(args) => get(context, args),
    }
}

fn get(context: &Context, args: &EventsGetArgs) -> anyhow::Result<Exit> {
    let snapshot = context.snapshot()?;
    let stores = match &args.store {
        Some(reference) => vec![context.find_store(&snapshot, reference)?],
        None => snapshot
            .stores()
            .iter()
            .filter(|store| store.is_enabled())
            .collect(),
    };
    let scope = context.scope(&snapshot, &args.account)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut missing = Vec::new();
    for id in &args.ids {
        let mut found = 0;
        for store in &stores {
            for record in snapshot.events_by_id(store.id, id, &scope)? {
                found += 1;
                match args.pretty {
                    false => out.write_all(&record.record)?,
                    true => {
                        out.flush()?;
                        context.terminal.note(&format!(
                            "{} account {} store {} import {} arrived {} from {}",
                            iso(record.key.time_ms),
                            record.key.account,
                            store.name,
                            record.provenance.import,
                            iso(record.provenance.arrived_ms),
                            record.source,
                        ));
                        out.write_all(&indented(&record.record))?;
                    }
                }
                out.write_all(b"\n")?;
            }
        }
        if found == 0 {
            missing.push(id);
        }
    }
    out.flush()?;
    for id in &missing {
        context
            .terminal
            .error(&format!("there is no event with the id {id}"));
    }
    Ok(match missing.is_empty() {
        true => Exit::Done,
        false => Exit::Failed,
    })
}
