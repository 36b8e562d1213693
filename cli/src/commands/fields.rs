//! `tarn fields`: what can be asked of the events that are there.

use std::io;

use serde_json::json;
use tarn_query::field_list;
use tarn_server::wire::Field;

use crate::args::{FieldsArgs, ListingArgs};
use crate::ask::Asker;
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::listing::Listing;

pub fn run(context: &Context, args: &FieldsArgs) -> anyhow::Result<Exit> {
    let asked = Asked {
        store: &args.store,
        accounts: &args.account,
        pattern: args.pattern.as_deref(),
        n_values: args.values.map(usize::from),
    };
    let fields = fields(context, &asked)?;
    match args.values {
        None => list(context, fields, &args.listing)?,
        Some(_) => values(context, fields, &args.listing)?,
    }
    Ok(Exit::Done)
}

/// The list in the form that fits where stdout goes, for the shell.
pub fn print(
    context: &Context,
    store: &str,
    accounts: &[String],
    pattern: Option<&str>,
) -> anyhow::Result<()> {
    let asked = Asked {
        store,
        accounts,
        pattern,
        n_values: None,
    };
    let fields = fields(context, &asked)?;
    list(context, fields, &ListingArgs { output: None })
}

/// The names of all fields that occur in the store, or are documented.
pub fn names(context: &Context, store: &str, accounts: &[String]) -> anyhow::Result<Vec<String>> {
    if context.server.is_none() {
        let snapshot = context.snapshot()?;
        let scope = context.scope(&snapshot, accounts)?;
        let names = field_list::names(&snapshot, store, &scope);
        return names.map_err(|error| exit::query(&error, ""));
    }
    let asked = Asked {
        store,
        accounts,
        pattern: None,
        n_values: None,
    };
    let mut names = field_list::documented();
    names.extend(fields(context, &asked)?.into_iter().map(|field| field.name));
    names.sort();
    names.dedup();
    Ok(names)
}

/// Which fields are asked for.
struct Asked<'a> {
    store: &'a str,
    accounts: &'a [String],
    pattern: Option<&'a str>,
    /// So many values of each field are told too.
    n_values: Option<usize>,
}

fn fields(context: &Context, asked: &Asked<'_>) -> anyhow::Result<Vec<Field>> {
    let mut params = vec![("store", asked.store.to_owned())];
    params.extend(asked.pattern.map(|pattern| ("pattern", pattern.to_owned())));
    params.extend(asked.n_values.map(|n| ("values", n.to_string())));
    let accounts = asked.accounts.iter();
    params.extend(accounts.map(|account| ("account", account.clone())));
    let told = context.ask(move |client| {
        let params: Vec<_> = params.iter().map(|(n, v)| (*n, v.as_str())).collect();
        client.get(&["v1", "fields"], &params)
    });
    if let Some(fields) = told {
        return fields;
    }
    let (asker, cancel) = (Asker::open(context)?, context.interrupts.cancel());
    asker.fields(
        asked.store,
        asked.accounts,
        asked.pattern,
        asked.n_values,
        &cancel,
    )
}

fn list(context: &Context, fields: Vec<Field>, args: &ListingArgs) -> anyhow::Result<()> {
    let mut listing = Listing::new(&["name", "type", "events", "share"]);
    for field in fields {
        listing.push(vec![
            json!(field.name),
            json!(field.kind),
            json!(field.events),
            json!(field.share),
        ]);
    }
    Ok(listing.write(&mut io::stdout().lock(), args.output, &context.terminal)?)
}

/// The most frequent values of each field, a row for each value.
fn values(context: &Context, fields: Vec<Field>, args: &ListingArgs) -> anyhow::Result<()> {
    let mut listing = Listing::new(&["name", "value", "events", "share"]);
    for field in fields {
        for value in field.values.into_iter().flatten() {
            listing.push(vec![
                json!(field.name),
                value.value,
                json!(value.events),
                json!(value.share),
            ]);
        }
    }
    Ok(listing.write(&mut io::stdout().lock(), args.output, &context.terminal)?)
}
