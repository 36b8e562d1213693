//! `tarn fields`: what can be asked of the events that are there.

use std::io;

use serde_json::{Value, json};
use tarn_query::Language;
use tarn_store::fields::{FIELDS, FieldType};
use tarn_store::{ObservedField, Snapshot};

use crate::args::{FieldsArgs, ListingArgs, RunArgs};
use crate::ask::{Asker, Question};
use crate::context::Context;
use crate::exit::Exit;
use crate::listing::Listing;

pub fn run(context: &Context, args: &FieldsArgs) -> anyhow::Result<Exit> {
    match args.values {
        None => list(context, &args.store, &args.account, args.pattern.as_deref(), &args.listing)?,
        Some(n) => values(context, args, usize::from(n))?,
    }
    Ok(Exit::Done)
}

/// The list in the form that fits where stdout goes, for the shell.
pub fn print(context: &Context, store: &str, accounts: &[String], pattern: Option<&str>) -> anyhow::Result<()> {
    list(context, store, accounts, pattern, &ListingArgs { output: None })
}

/// The names of all fields that occur or are documented.
pub fn names(context: &Context, snapshot: &Snapshot, store: &str, accounts: &[String]) -> anyhow::Result<Vec<String>> {
    let mut names: Vec<String> = FIELDS.iter().map(|field| field.path.to_owned()).collect();
    if let Some(store) = snapshot.find_store(store) {
        let observed = snapshot.observed_fields(store.id, &context.scope(accounts))?;
        names.extend(observed.into_iter().map(|field| field.path));
    }
    names.sort();
    names.dedup();
    Ok(names)
}

fn list(
    context: &Context,
    store: &str,
    accounts: &[String],
    pattern: Option<&str>,
    args: &ListingArgs,
) -> anyhow::Result<()> {
    let (fields, events) = observed(context, store, accounts, pattern)?;
    let mut listing = Listing::new(&["name", "type", "events", "share"]);
    for field in fields {
        let share = field.events as f64 / events.max(1) as f64;
        listing.push(vec![
            json!(field.path),
            json!(type_name(&field)),
            json!(field.events),
            json!((share * 10_000.0).round() / 10_000.0),
        ]);
    }
    Ok(listing.write(&mut io::stdout().lock(), args.output, &context.terminal)?)
}

/// The most frequent values of each field, a row for each value.
fn values(context: &Context, args: &FieldsArgs, n: usize) -> anyhow::Result<()> {
    let (fields, _) = observed(context, &args.store, &args.account, args.pattern.as_deref())?;
    let asker = Asker::open(context)?;
    let run = RunArgs { store: args.store.clone(), account: args.account.clone(), ..RunArgs::default() };
    let mut listing = Listing::new(&["name", "value", "events", "share"]);
    for field in fields.iter().filter(|field| has_values(field)) {
        let name = quoted(&field.path);
        let text = format!(
            "filter ispresent({name}) | stats count(*) as n by {name} as value | sort n desc, value asc | limit {n}"
        );
        let question = Question { text: &text, language: Language::Insights, parameters: &[], run: &run };
        for row in asker.rows(&question, &context.interrupts.cancel())? {
            let count = row.get("n").and_then(Value::as_u64).unwrap_or(0);
            let share = count as f64 / field.events.max(1) as f64;
            listing.push(vec![
                json!(field.path),
                row.get("value").cloned().unwrap_or(Value::Null),
                json!(count),
                json!((share * 10_000.0).round() / 10_000.0),
            ]);
        }
    }
    Ok(listing.write(&mut io::stdout().lock(), args.listing.output, &context.terminal)?)
}
