//! `tarn imports`: what each import brought, left out and could not take.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

use serde_json::json;
use tarn_store::catalog::{ImportEntry, RejectEntry};
use tarn_store::import::ImportRequest;
use tarn_store::{Snapshot, StoreId};

use crate::args::{
    ConflictsArgs, ImportRetryArgs, ImportShowArgs, ImportsCommand, ListingArgs, ListingFormat,
    RejectsArgs,
};
use crate::commands::import;
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::listing::Listing;
use crate::summary;
use crate::times::iso;

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
    let snapshot = context.snapshot()?;
    let stores = store_names(&snapshot);
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
    let mut imports = snapshot.imports()?;
    imports.sort_by_key(|import| std::cmp::Reverse(import.id));
    for import in imports {
        listing.push(vec![
            json!(import.id),
            json!(stores.get(&import.store)),
            json!(summary::status(import.status)),
            json!(iso(import.started_ms)),
            json!(
                import
                    .ended_ms
                    .map(|ended| (ended - import.started_ms) as f64 / 1000.0)
            ),
            json!(import.files.seen),
            json!(import.records.seen),
            json!(import.records.stored),
            json!(import.records.duplicates),
            json!(import.records.rejected),
            json!(import.records.conflicts),
            json!(import.paths),
        ]);
    }
    listing.write(&mut io::stdout().lock(), args.output, &context.terminal)?;
    Ok(Exit::Done)
}

fn show(context: &Context, args: &ImportShowArgs) -> anyhow::Result<Exit> {
    let snapshot = context.snapshot()?;
    let import = find(&snapshot, args.import)?;
    let mut out = io::stdout().lock();
    if args.files {
        let mut listing = Listing::new(&["path", "bytes", "kind", "records", "rejects", "sha256"]);
        for (path, file) in snapshot.import_files(import.id)? {
            listing.push(vec![
                json!(path),
                json!(file.size),
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
        let store = store_names(&snapshot)
            .remove(&import.store)
            .unwrap_or_default();
        writeln!(
            out,
            "import  {} into {store}, {}",
            import.id,
            summary::status(import.status)
        )?;
        writeln!(
            out,
            "time    {} to {}",
            iso(import.started_ms),
            import.ended_ms.map_or("…".to_owned(), iso)
        )?;
        writeln!(out, "paths   {}", import.paths.join(", "))?;
        writeln!(out, "{}", summary::files(&import.files))?;
        writeln!(out, "{}", summary::records(&import.records, false))?;
        return Ok(Exit::Done);
    }
    let mut listing = Listing::new(&[
        "import", "store", "status", "started", "ended", "paths", "files", "events", "bytes",
    ]);
    listing.push(vec![
        json!(import.id),
        json!(store_names(&snapshot).get(&import.store)),
        json!(summary::status(import.status)),
        json!(iso(import.started_ms)),
        json!(import.ended_ms.map(iso)),
        json!(import.paths),
        summary::files_json(&import.files),
        summary::records_json(&import.records),
        json!(import.bytes),
    ]);
    let form = args.listing.output.unwrap_or(ListingFormat::Ndjson);
    listing.write(&mut out, Some(form), &context.terminal)?;
    Ok(Exit::Done)
}

fn rejects(context: &Context, args: &RejectsArgs) -> anyhow::Result<Exit> {
    let snapshot = context.snapshot()?;
    let rejects = snapshot.rejects(args.import)?;
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
            json!(reject.byte_offset),
            json!(reject.length),
            json!(reject.bytes),
        ]);
    }
    listing.write(&mut out, args.listing.output, &context.terminal)?;
    Ok(Exit::Done)
}

fn conflicts(context: &Context, args: &ConflictsArgs) -> anyhow::Result<Exit> {
    let snapshot = context.snapshot()?;
    let mut listing = Listing::new(&["import", "time", "account", "eventID", "source", "position"]);
    for conflict in snapshot.conflicts(args.import)? {
        listing.push(vec![
            json!(conflict.import),
            json!(iso(conflict.time_ms)),
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
    let snapshot = context.snapshot()?;
    let import = find(&snapshot, args.import)?;
    if import.is_push {
        return Err(exit::usage(format!(
            "import {} is of pushed events, which are in no file; push them again: what is stored already is not stored twice",
            import.id
        )));
    }
    let store = store_names(&snapshot).remove(&import.store);
    let store =
        store.ok_or_else(|| exit::usage(format!("the store of import {} is gone", import.id)))?;
    let mut with_rejects: Vec<String> = snapshot
        .rejects(Some(import.id))?
        .into_iter()
        .map(|reject| reject.path)
        .collect();
    with_rejects.sort();
    with_rejects.dedup();
    let mut paths = import.paths;
    let is_there = |path: &String| !import::is_spooled(context, Path::new(path));
    if !paths.iter().all(is_there) {
        paths.retain(is_there);
        with_rejects.retain(is_there);
        let what = format!(
            "what import {} read from stdin is not there to be read again; pipe it into `tarn import -` once more: what is stored already is not stored twice",
            import.id
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
        let (summary, time) = import::imported(context, &session, &request)?;
        import::tell(context, &summary, time, args.output)?;
        let this = import::exit_of(&summary, args.strict);
        exit = if exit == Exit::Done { this } else { exit };
    }
    session.close()?;
    Ok(exit)
}

/// The rejects of one store, of all imports.
pub fn rejects_of_store(context: &Context, reference: &str) -> anyhow::Result<Vec<RejectEntry>> {
    let snapshot = context.snapshot()?;
    let store = context.find_store(&snapshot, reference)?.id;
    Ok(snapshot
        .rejects(None)?
        .into_iter()
        .filter(|reject| reject.store == store)
        .collect())
}

/// The import of a number, else the newest.
fn find(snapshot: &Snapshot, wanted: Option<u64>) -> anyhow::Result<ImportEntry> {
    let imports = snapshot.imports()?.into_iter();
    let found = match wanted {
        Some(id) => imports.into_iter().find(|import| import.id == id),
        None => imports.max_by_key(|import| import.id),
    };
    found.ok_or_else(|| match wanted {
        Some(id) => exit::usage(format!(
            "there is no import {id}; tarn imports list shows them"
        )),
        None => exit::usage("there is no import yet"),
    })
}

fn store_names(snapshot: &Snapshot) -> HashMap<StoreId, String> {
    snapshot
        .stores()
        .iter()
        .map(|store| (store.id, store.name.clone()))
        .collect()
}
