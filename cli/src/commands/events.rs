//! `tarn events get`: events by their id, byte for byte as delivered.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use tarn_server::client::ClientError;
use tarn_server::wire::Event;
use tarn_store::{AccountScope, Snapshot};

use crate::args::{EventsCommand, EventsGetArgs};
use crate::context::Context;
use crate::exit::Exit;
use crate::pretty::indented;

pub fn run(context: &Context, command: &EventsCommand) -> anyhow::Result<Exit> {
    match command {
        EventsCommand::Get(args) => get(context, args),
    }
}

fn get(context: &Context, args: &EventsGetArgs) -> anyhow::Result<Exit> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut missing = Vec::new();
    let finder = Finder::open(context, args)?;
    for id in &args.ids {
        let found = finder.find(id)?;
        for event in &found {
            if args.pretty {
                out.flush()?;
                context.terminal.note(&format!(
                    "{} account {} store {} import {} arrived {} from {}",
                    event.time,
                    event.account,
                    event.store,
                    event.import,
                    event.arrived,
                    event.source,
                ));
            }
            match args.pretty {
                false => out.write_all(event.record.as_bytes())?,
                true => out.write_all(&indented(event.record.as_bytes()))?,
            }
            out.write_all(b"\n")?;
        }
        if found.is_empty() {
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

/// Where events are looked for.
struct Finder<'c> {
    context: &'c Context,
    args: &'c EventsGetArgs,
    /// Of the directory, where no server is asked.
    local: Option<(Arc<Snapshot>, AccountScope)>,
}

impl<'c> Finder<'c> {
    fn open(context: &'c Context, args: &'c EventsGetArgs) -> anyhow::Result<Self> {
        let local = match &context.server {
            Some(_) => None,
            None => {
                let snapshot = context.snapshot()?;
                if let Some(reference) = &args.store {
                    context.find_store(&snapshot, reference)?;
                }
                let scope = context.scope(&snapshot, &args.account)?;
                Some((snapshot, scope))
            }
        };
        Ok(Self {
            context,
            args,
            local,
        })
    }

    fn find(&self, id: &str) -> anyhow::Result<Vec<Event>> {
        if let Some((snapshot, scope)) = &self.local {
            let stores = Event::stores(snapshot, self.args.store.as_deref());
            return Ok(Event::find(
                snapshot,
                &stores.unwrap_or_default(),
                id,
                scope,
            )?);
        }
        let (id, args) = (id.to_owned(), self.args);
        let (store, accounts) = (args.store.clone(), args.account.clone());
        let asked = self.context.ask(move |client| {
            let store = store.iter().map(|store| ("store", store.as_str()));
            let accounts = accounts.iter().map(|account| ("account", account.as_str()));
            let params: Vec<(&str, &str)> = store.chain(accounts).collect();
            match client.get(&["v1", "events", &id], &params) {
                Err(ClientError::Problem(problem)) if problem.is(Event::MISSING) => Ok(Vec::new()),
                found => found,
            }
        });
        asked.unwrap_or_else(|| Ok(Vec::new()))
    }
}
