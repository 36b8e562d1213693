//! `tarn imports`: what each import brought, left out and could not take.

use std::io::{self, Write};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::json;
use tarn_server::client::Client;
use tarn_server::wire::{Conflict, Import, ImportedFile, Reject};
use tarn_store::Snapshot;
use tarn_store::import::ImportRequest;
use tarn_store::kv::db::KvError;

use crate::args::{
    ConflictsArgs, ImportRetryArgs, ImportShowArgs, ImportsCommand, ListingArgs, ListingFormat,
    RejectsArgs,
};
use crate::commands::import;
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::listing::Listing;
use crate::summary;

pub fn run(context: &Context, command: &ImportsCommand) -> anyhow::Result<Exit> {
    match command {
        ImportsCommand::List(args) => list(context, args),
        ImportsCommand::Show(args) => show(context, args),
        ImportsCommand::Rejects(args) => rejects(context, args),
        ImportsCommand::Conflicts(args) => conflicts(context, args),
        ImportsCommand::Retry(args) => retry(context, args),
    }
}

fn list(context: &Context, args: &ListingArgs) -> anyhow::Result<Exit> {
    let mut listing = Listing::new(&[
        "import",
        "store",
        "status",
        "started",
        "seconds",
        "files",
        "events",
        "stored",
        "duplicates",
        "rejected",
        "conflicts",
        "paths",
    ]);
    for import in all(context)? {
        listing.push(vec![
            json!(import.import),
            json!(import.store),
            json!(import.status),
            json!(import.started),
            json!(import.seconds),
            json!(import.files.seen),
            json!(import.events.seen),
            json!(import.events.stored),
            json!(import.events.duplicates),
            json!(import.events.rejected),
            json!(import.events.conflicts),
            json!(import.paths),
        ]);
    }
    listing.write(&mut io::stdout().lock(), args.output, &context.terminal)?;
    Ok(Exit::Done)
}

/// Every import, the newest first.
fn all(context: &Context) -> anyhow::Result<Vec<Import>> {
    match context.ask(|client| client.get(&["v1", "imports"], &[])) {
        Some(imports) => imports,
        None => Ok(Import::list(context.snapshot()?.as_ref())?),
    }
}

/// The import of a number, else the newest.
fn find(context: &Context, wanted: Option<u64>) -> anyhow::Result<Import> {
    let Some(id) = wanted else {
        let newest = all(context)?.into_iter().next();
        return newest.ok_or_else(|| exit::usage("there is no import yet"));
    };
    let ask = move |client: &Client| client.get(&["v1", "imports", &id.to_string()], &[]);
    match context.ask(ask) {
        Some(import) => import,
        None => Import::find(context.snapshot()?.as_ref(), id)?
            .ok_or_else(|| exit::usage(Import::missing(id))),
    }
}

fn show(context: &Context, args: &ImportShowArgs) -> anyhow::Result<Exit> {
    let import = find(context, args.import)?;
    let mut out = io::stdout().lock();
    if args.files {
        let mut listing = Listing::new(&["path", "bytes", "kind", "records", "rejects", "sha256"]);
        let id = Some(import.import);
        let local = |snapshot: &Snapshot| {
            let files = snapshot.each_import_file(id);
            files.map(|file| file.map(ImportedFile::of)).collect()
        };
        for file in items(context, id, "files", local)? {
            listing.push(vec![
                json!(file.path),
                json!(file.bytes),
                json!(file.kind),
                json!(file.records),
                json!(file.rejects),
                json!(file.sha256),
            ]);
        }
        listing.write(&mut out, args.listing.output, &context.terminal)?;
        return Ok(Exit::Done);
    }
    if args.listing.output.is_none() && context.terminal.stdout.is_terminal {
        let store = import.store.unwrap_or_default();
        let status = serde_json::to_value(import.status)?;
        writeln!(
            out,
            "import  {} into {store}, {}",
            import.import,
            status.as_str().unwrap_or_default()
        )?;
        let ended = import.ended.as_deref().unwrap_or("…");
        writeln!(out, "time    {} to {ended}", import.started)?;
        writeln!(out, "paths   {}", import.paths.join(", "))?;
        writeln!(out, "{}", summary::files(&import.files.into()))?;
        writeln!(out, "{}", summary::records(&import.events.into(), false))?;
        return Ok(Exit::Done);
    }
    let mut listing = Listing::new(&[
        "import", "store", "status", "started", "ended", "paths", "files", "events", "bytes",
    ]);
    listing.push(vec![
        json!(import.import),
        json!(import.store),
        json!(import.status),
        json!(import.started),
        json!(import.ended),
        json!(import.paths),
        json!(import.files),
        json!(import.events),
        json!(import.bytes),
    ]);
    let form = args.listing.output.unwrap_or(ListingFormat::Ndjson);
    listing.write(&mut out, Some(form), &context.terminal)?;
    Ok(Exit::Done)
}

/// The items of a list of one import, or of all.
fn items<T: DeserializeOwned + Send + 'static>(
    context: &Context,
    import: Option<u64>,
    what: &'static str,
    local: impl FnOnce(&Snapshot) -> Result<Vec<T>, KvError>,
) -> anyhow::Result<Vec<T>> {
    let ask = move |client: &Client| {
        let import = import.map_or("all".to_owned(), |id| id.to_string());
        let path = ["v1", "imports", &import, what];
        client.lines(&path, &[])?.collect()
    };
    match context.ask(ask) {
        Some(items) => items,
        None => {
            let snapshot = context.snapshot()?;
            if let Some(id) = import
                && Import::find(&snapshot, id)?.is_none()
            {
                return Err(exit::usage(Import::missing(id)));
            }
            Ok(local(&snapshot)?)
        }
    }
}

fn rejects_of(context: &Context, import: Option<u64>) -> anyhow::Result<Vec<Reject>> {
    items(context, import, "rejects", |snapshot| {
        let rejects = snapshot.each_reject(import);
        rejects.map(|reject| reject.map(Reject::of)).collect()
    })
}

fn rejects(context: &Context, args: &RejectsArgs) -> anyhow::Result<Exit> {
    let rejects = rejects_of(context, args.import)?;
    let mut out = io::stdout().lock();
    if args.raw {
        for reject in rejects {
            writeln!(out, "{}", reject.bytes)?;
        }
        return Ok(Exit::Done);
    }
    let mut listing = Listing::new(&[
        "import", "reason", "path", "position", "offset", "length", "bytes",
    ]);
    for reject in rejects {
        listing.push(vec![
            json!(reject.import),
            json!(reject.reason),
            json!(reject.path),
            json!(reject.position),
            json!(reject.offset),
            json!(reject.length),
            json!(reject.bytes),
        ]);
    }
    listing.write(&mut out, args.listing.output, &context.terminal)?;
    Ok(Exit::Done)
}

fn conflicts(context: &Context, args: &ConflictsArgs) -> anyhow::Result<Exit> {
    let import = args.import;
    let conflicts = items(context, import, "conflicts", |snapshot| {
        let conflicts = snapshot.each_conflict(import);
        conflicts
            .map(|conflict| conflict.map(Conflict::of))
            .collect()
    })?;
    let mut listing = Listing::new(&["import", "time", "account", "eventID", "source", "position"]);
    for conflict in conflicts {
        listing.push(vec![
            json!(conflict.import),
            json!(conflict.time),
            json!(conflict.account),
            json!(conflict.event_id),
            json!(conflict.source),
            json!(conflict.position),
        ]);
    }
    listing.write(
        &mut io::stdout().lock(),
        args.listing.output,
        &context.terminal,
    )?;
    Ok(Exit::Done)
}

/// Reads the paths of an import again. What it finished is unchanged and
/// skipped; files with rejects are read again, their stored records are
/// duplicates.
fn retry(context: &Context, args: &ImportRetryArgs) -> anyhow::Result<Exit> {
    if context.server.is_some() {
        return Err(exit::usage(
            "retry reads the files again where the data directory is; send them again with tarn import",
        ));
    }
    let import = find(context, args.import)?;
    let id = import.import;
    if import.pushed {
        return Err(exit::usage(format!(
            "import {id} is of pushed events, which are in no file; push them again: what is stored already is not stored twice"
        )));
    }
    let gone = || exit::usage(format!("the store of import {id} is gone"));
    let store = import.store.ok_or_else(gone)?;
    let rejects = rejects_of(context, Some(id))?.into_iter();
    let mut with_rejects: Vec<String> = rejects.map(|reject| reject.path).collect();
    with_rejects.sort();
    with_rejects.dedup();
    let mut paths = import.paths;
    let is_there = |path: &String| !import::is_spooled(context, Path::new(path));
    if !paths.iter().all(is_there) {
        paths.retain(is_there);
        with_rejects.retain(is_there);
        let what = format!(
            "what import {id} read from stdin is not there to be read again; pipe it into `tarn import -` once more: what is stored already is not stored twice"
        );
        if paths.is_empty() {
            return Err(exit::usage(what));
        }
        context.terminal.warn(&what);
    }
    let session = context.session()?;
    let mut exit = Exit::Done;
    let again = [(paths, false), (with_rejects, true)];
    for (paths, force) in again.into_iter().filter(|(paths, _)| !paths.is_empty()) {
        let request = ImportRequest {
            store: store.clone(),
            paths: paths.into_iter().map(Into::into).collect(),
            force,
            ..ImportRequest::default()
        };
        let summary = import::imported(context, &session, &request)?;
        import::tell(context, &summary, args.output)?;
        let this = import::exit_of(&summary, args.strict);
        exit = if exit == Exit::Done { this } else { exit };
    }
    session.close()?;
    Ok(exit)
}
