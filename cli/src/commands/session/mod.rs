//! `tarn session`: the calls of one session in order, who made them, and the chain of who
//! gave the credentials.
//!
//! What is known of it is one value ([`Session`]) that is printed, wherever it came from.

mod report;

use std::io::{self, Write};

use serde_json::{Value, json};
use tarn_query::{QueryRequest, incident};
use tarn_server::wire::{Session, SessionCall};

use crate::args::{ListingFormat, SessionArgs};
use crate::ask::{Asker, times};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::listing::Listing;
use crate::sizes::{count, counted};

pub fn run(context: &Context, args: &SessionArgs) -> anyhow::Result<Exit> {
    if args.limit > incident::CALLS_MAX {
        return Err(exit::usage(format!(
            "--limit shows {} calls at most; --since and --until choose others",
            incident::CALLS_MAX
        )));
    }
    let session = obtain(context, args)?;
    print(context, &session, args)
}

/// What the server, or the directory, knows of it.
fn obtain(context: &Context, args: &SessionArgs) -> anyhow::Result<Session> {
    let zone = context.zone(None)?;
    let time = context.time_range(args.since.as_deref(), args.until.as_deref(), zone)?;
    let (id, limit, (since, until)) = (args.id.clone(), args.limit.to_string(), times(&time));
    let (store, accounts) = (args.store.clone(), args.account.clone());
    let asked = context.ask(move |client| {
        let mut params = vec![("store", store.as_str()), ("limit", limit.as_str())];
        params.extend(since.iter().map(|since| ("since", since.as_str())));
        params.extend(until.iter().map(|until| ("until", until.as_str())));
        params.extend(accounts.iter().map(|account| ("account", account.as_str())));
        client.get(&["v1", "sessions", &id], &params)
    });
    if let Some(session) = asked {
        return session;
    }
    let asker = Asker::open(context)?;
    let request = QueryRequest {
        time,
        scope: asker.scope(&args.account)?,
        limit: Some(args.limit),
        cancel: context.interrupts.cancel(),
        ..incident::request(&args.store, &args.id, context.now_ms())
    };
    Ok(Session::of(asker.session(&args.id, &request)?))
}

fn print(context: &Context, session: &Session, args: &SessionArgs) -> anyhow::Result<Exit> {
    let mut out = io::stdout().lock();
    let terminal = &context.terminal;
    let is_report = match args.listing.output {
        Some(format) => format == ListingFormat::Table,
        None => terminal.stdout.is_terminal,
    };
    if is_report {
        report::write(&mut out, session, terminal)?;
    } else if args.listing.output == Some(ListingFormat::Json) {
        serde_json::to_writer_pretty(&mut out, session)?;
        writeln!(out)?;
    } else {
        listing(&session.calls).write(&mut out, args.listing.output, terminal)?;
    }
    out.flush()?;
    if session.calls_not_shown > 0 {
        terminal.note(&format!(
            "{} of {} shown; --limit shows up to {}, --since and --until choose others",
            count(session.calls.len() as u64),
            counted(session.call_count, "call"),
            count(incident::CALLS_MAX as u64),
        ));
    }
    Ok(Exit::Done)
}

/// The calls with all that is told of each.
fn listing(calls: &[SessionCall]) -> Listing {
    let mut listing = Listing::new(&[
        "time",
        "account",
        "region",
        "service",
        "action",
        "outcome",
        "error",
        "errorMessage",
        "address",
        "userAgent",
        "accessKeyId",
        "resource",
        "eventId",
    ]);
    for call in calls {
        let rest = [
            &call.account,
            &call.region,
            &call.service,
            &call.action,
            &Some(call.outcome.clone()),
            &call.error,
            &call.error_message,
            &call.address,
            &call.user_agent,
            &call.access_key_id,
            &call.resource,
            &call.event_id,
        ];
        let rest = rest.into_iter().map(|value| json!(value));
        let row: Vec<Value> = std::iter::once(json!(call.time)).chain(rest).collect();
        listing.push(row);
    }
    listing
}
