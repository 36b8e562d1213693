//! `tarn saved`: queries with names, those of the directory and those that are built in.

mod create;
mod files;
mod run;
mod shown;

use std::io::{self, Write};

use anyhow::Context as _;
use serde_json::json;
use tarn_query::field_list::is_chosen;
use tarn_query::saved::{self, Listed, UnknownQuery};
use tarn_query::{Engine, EngineOptions};
use tarn_server::client::Method;
use tarn_server::wire;
use tarn_store::saved::{Overwrite, SavedEntry, SavedQuery};
use tarn_store::{OpenError, Reader};

use crate::args::{ListingArgs, SavedCommand, SavedDeleteArgs, SavedListArgs, SavedShowArgs};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::listing::Listing;

pub fn run(context: &Context, command: &SavedCommand) -> anyhow::Result<Exit> {
    match command {
        SavedCommand::List(args) => list(context, args),
        SavedCommand::Show(args) => show(context, args),
        SavedCommand::Create(args) => create::run(context, args),
        SavedCommand::Delete(args) => delete(context, args),
        SavedCommand::Run(args) => run::run(context, args),
        SavedCommand::Import(args) => files::import(context, args),
        SavedCommand::Export(args) => files::export(context, args),
    }
}

/// Every saved query by name, the built-in ones among them; these are there without a
/// directory.
fn all(context: &Context) -> anyhow::Result<Vec<wire::SavedQuery>> {
    match context.ask(|client| client.get(&["v1", "saved-queries"], &[])) {
        Some(queries) => queries,
        None => {
            let all = saved::all(stored_locally(context)?);
            Ok(all.iter().map(wire::SavedQuery::of).collect())
        }
    }
}

fn stored_locally(context: &Context) -> anyhow::Result<Vec<SavedEntry>> {
    let reader = match Reader::open(&context.data) {
        Err(OpenError::Missing { .. }) => return Ok(Vec::new()),
        opened => opened?,
    };
    Ok(reader.snapshot()?.saved_queries()?)
}

/// Those that are not built in.
fn stored(context: &Context) -> anyhow::Result<Vec<SavedQuery>> {
    let own = all(context)?.into_iter().filter(|query| !query.built_in);
    Ok(own.map(SavedQuery::from).collect())
}

/// The query of a name.
fn find(context: &Context, name: &str) -> anyhow::Result<wire::SavedQuery> {
    let mut all = all(context)?;
    match all.iter().position(|query| query.name == name) {
        Some(at) => Ok(all.swap_remove(at)),
        None => {
            let names = all.iter().map(|query| query.name.as_str());
            Err(unknown(&UnknownQuery::among(name, names)))
        }
    }
}

/// Saves queries that were looked through. A directory takes all of them or none, a
/// server one after the other.
fn put(
    context: &Context,
    queries: Vec<SavedQuery>,
    overwrite: Overwrite,
) -> anyhow::Result<Vec<wire::SavedQuery>> {
    if context.server.is_some() {
        return queries
            .iter()
            .map(|query| put_remotely(context, query))
            .collect();
    }
    let session = context.session()?;
    let saved = session.put_saved_queries(queries, overwrite);
    let saved = saved.map_err(|error| context.session_error(error))?;
    session.close().context("closing the data directory")?;
    let saved = saved.into_iter().map(Listed::from);
    Ok(saved.map(|listed| wire::SavedQuery::of(&listed)).collect())
}

fn put_remotely(context: &Context, query: &SavedQuery) -> anyhow::Result<wire::SavedQuery> {
    let listed = Listed {
        query: query.clone(),
        saved: None,
    };
    let body = wire::SavedQuery::of(&listed);
    let put = context.ask(move |client| {
        client.send(
            Method::PUT,
            &["v1", "saved-queries", &body.name],
            Some(&body),
        )
    });
    put.unwrap_or_else(|| Err(exit::usage("there is no server")))
}

fn unknown(error: &UnknownQuery) -> anyhow::Error {
    let hint = match &error.hint {
        Some(hint) => hint.as_str(),
        None => "`tarn saved list` shows all",
    };
    exit::usage(format!("{error}\n= {hint}"))
}

/// An engine to compile queries with.
fn engine(context: &Context) -> anyhow::Result<Engine> {
    let options = EngineOptions {
        memory_bytes: usize::try_from(context.memory_bytes)?,
        threads: 1,
        spill_dir: context.data.join("tmp"),
    };
    Engine::new(options).map_err(|error| exit::query(&error, ""))
}

/// Looks queries through as they are to be saved; what is wrong with one is told behind
/// where it is from.
fn check(context: &Context, queries: &[(String, SavedQuery)]) -> anyhow::Result<()> {
    let engine = engine(context)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut wrong = Vec::new();
    for (place, query) in queries {
        let checked = saved::check(&engine, query, context.now_ms());
        if let Err(error) = runtime.block_on(checked) {
            wrong.push(format!("{place}{}", error.render(&query.text)));
        }
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(exit::usage(wrong.join("\n"))),
    }
}

fn list(context: &Context, args: &SavedListArgs) -> anyhow::Result<Exit> {
    let mut queries = all(context)?;
    queries.retain(|query| is_asked_for(args, query));
    let mut listing = Listing::new(&["name", "language", "tags", "title", "builtIn"]);
    for query in queries {
        listing.push(vec![
            json!(query.name),
            json!(query.language),
            json!(query.tags),
            json!(query.title),
            json!(query.built_in),
        ]);
    }
    listing.write(
        &mut io::stdout().lock(),
        args.listing.output,
        &context.terminal,
    )?;
    Ok(Exit::Done)
}

fn is_asked_for(args: &SavedListArgs, query: &wire::SavedQuery) -> bool {
    let has_tag = |tag: &String| query.tags.iter().any(|t| t.eq_ignore_ascii_case(tag));
    let matches =
        |pattern: &str| is_chosen(pattern, &query.name) || is_chosen(pattern, &query.title);
    args.tag.iter().all(has_tag) && args.pattern.as_deref().is_none_or(matches)
}

fn show(context: &Context, args: &SavedShowArgs) -> anyhow::Result<Exit> {
    print(context, &find(context, &args.name)?, &args.listing)
}

/// One query with all that is known of it, readable on a terminal.
fn print(context: &Context, query: &wire::SavedQuery, args: &ListingArgs) -> anyhow::Result<Exit> {
    let mut out = io::stdout().lock();
    if args.output.is_none() && context.terminal.stdout.is_terminal {
        shown::write(&mut out, query, &context.terminal)?;
        out.flush()?;
        return Ok(Exit::Done);
    }
    let serde_json::Value::Object(members) = serde_json::to_value(query)? else {
        anyhow::bail!("a saved query is an object");
    };
    let mut listing = Listing::new(&[
        "name",
        "title",
        "description",
        "hitMeans",
        "falsePositives",
        "technique",
        "tags",
        "language",
        "text",
        "since",
        "until",
        "parameters",
        "builtIn",
        "created",
        "updated",
    ]);
    listing.push(members.into_iter().map(|(_, value)| value).collect());
    listing.write(&mut out, args.output, &context.terminal)?;
    Ok(Exit::Done)
}

fn delete(context: &Context, args: &SavedDeleteArgs) -> anyhow::Result<Exit> {
    let name = &args.name;
    if find(context, name)?.built_in {
        return Err(exit::usage(format!(
            "`{name}` is built in and stays; a query that is saved under its name hides it"
        )));
    }
    context.confirm(&format!("`{name}` will be deleted."), args.yes)?;
    let asked = name.clone();
    let deleted = context.ask(move |client| {
        let path = ["v1", "saved-queries", &asked];
        client.send::<wire::SavedQuery>(Method::DELETE, &path, None::<&()>)
    });
    match deleted {
        Some(deleted) => drop(deleted?),
        None => {
            let session = context.session()?;
            let deleted = session.delete_saved_query(name);
            deleted.map_err(|error| context.session_error(error))?;
            session.close().context("closing the data directory")?;
        }
    }
    if saved::library()
        .iter()
        .any(|built_in| built_in.name == *name)
    {
        context
            .terminal
            .note(&format!("`{name}` is the built-in query again"));
    }
    Ok(Exit::Done)
}
