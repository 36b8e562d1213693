//! `tarn coverage`: whose events are there, from when to when, and what is missing.

use std::io;
use std::time::Duration;

use serde_json::json;
use tarn_server::wire::CoverageRow;

use crate::args::CoverageArgs;
use crate::ask::{Asker, times};
use crate::context::Context;
use crate::exit::Exit;
use crate::listing::Listing;
use crate::sizes;

pub fn run(context: &Context, args: &CoverageArgs) -> anyhow::Result<Exit> {
    let rows = coverage(context, args)?;
    let listing = match args.days {
        true => by_day(&rows),
        false => by_place(&rows),
    };
    listing.write(
        &mut io::stdout().lock(),
        args.listing.output,
        &context.terminal,
    )?;
    Ok(Exit::Done)
}

fn coverage(context: &Context, args: &CoverageArgs) -> anyhow::Result<Vec<CoverageRow>> {
    let (since, until) = (args.since.as_deref(), args.until.as_deref());
    let range = context.time_range(since, until, context.zone(None)?)?;
    let (store, accounts, by_day) = (args.store.clone(), args.account.clone(), args.days);
    let asked = context.ask(move |client| {
        let (since, until) = times(&range);
        let mut params = vec![("store", store.as_str()), ("days", bool_text(by_day))];
        params.extend(since.iter().map(|since| ("since", since.as_str())));
        params.extend(until.iter().map(|until| ("until", until.as_str())));
        params.extend(accounts.iter().map(|account| ("account", account.as_str())));
        client.get(&["v1", "coverage"], &params)
    });
    match asked {
        Some(coverage) => coverage,
        None => {
            let cancel = context.interrupts.cancel();
            let found =
                Asker::open(context)?.coverage(&args.store, range, &args.account, &cancel)?;
            Ok(CoverageRow::all(&found, args.days))
        }
    }
}

fn bool_text(value: bool) -> &'static str {
    match value {
        true => "true",
        false => "false",
    }
}

fn by_place(rows: &[CoverageRow]) -> Listing {
    let mut listing = Listing::new(&[
        "account",
        "region",
        "events",
        "first",
        "last",
        "days",
        "daysMissing",
        "gaps",
        "delayMax",
        "rejects",
    ]);
    for place in rows {
        let days = place.of_place.as_ref();
        listing.push(vec![
            json!(place.account),
            json!(place.region),
            json!(place.events),
            json!(place.first),
            json!(place.last),
            json!(days.map(|days| days.days)),
            json!(days.map(|days| days.days_missing)),
            json!(days.map(|days| &days.gaps)),
            json!(place.delay_max_seconds.map(delay_text)),
            json!(place.rejects),
        ]);
    }
    listing
}

fn by_day(rows: &[CoverageRow]) -> Listing {
    let mut listing = Listing::new(&[
        "account", "region", "day", "events", "first", "last", "delayMax", "rejects",
    ]);
    for day in rows {
        listing.push(vec![
            json!(day.account),
            json!(day.region),
            json!(day.day),
            json!(day.events),
            json!(day.first),
            json!(day.last),
            json!(day.delay_max_seconds.map(delay_text)),
            json!(day.rejects),
        ]);
    }
    listing
}

fn delay_text(seconds: i64) -> String {
    let length = Duration::from_secs(seconds.unsigned_abs());
    let sign = if seconds < 0 { "-" } else { "" };
    format!("{sign}{}", sizes::duration(length))
}
