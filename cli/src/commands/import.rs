//! `tarn import`: files in, and an account of every one of them.

mod sent;

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use tarn_server::wire::{
    FileFailure, ImportPosition, ImportSummary, OtherFile, RejectReason, RunStatus,
};
use tarn_store::import::discover::{self, DiscoverOptions};
use tarn_store::import::{ImportProgress, ImportRequest};
use tarn_store::owner::Session;

use crate::args::{ImportArgs, SummaryFormat};
use crate::context::Context;
use crate::exit::Exit;
use crate::interrupt::wait;
use crate::progress::{Position, Progress};
use crate::sizes::{Bytes, count, counted};
use crate::summary;

/// How often `--watch` looks for new files.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// So many failures are listed in the summary; `imports show` lists all.
const FAILURES_SHOWN: usize = 10;

pub fn run(context: &Context, args: &ImportArgs) -> anyhow::Result<Exit> {
    let zone = context.zone(None)?;
    let range = context.time_range(args.since.as_deref(), args.until.as_deref(), zone)?;
    let mut request = ImportRequest {
        store: args.store.clone(),
        since_ms: args.since.as_ref().map(|_| range.start_ms),
        until_ms: args.until.as_ref().map(|_| range.end_ms),
        accounts: args.account.clone(),
        regions: args.region.clone(),
        force: args.force,
        dry_run: args.dry_run,
        ..ImportRequest::default()
    };
    if context.server.is_some() {
        return sent::run(context, args, &request);
    }
    let session = context.session()?;
    let mut spooled = None;
    for path in &args.paths {
        request.paths.push(match path.as_os_str() == "-" {
            true => spooled.insert(Spooled::from_stdin(context)?).path.clone(),
            // The process that owns the directory may run elsewhere.
            false => std::path::absolute(path)?,
        });
    }
    let exit = match args.watch {
        true => watch(context, &session, request, args)?,
        false => {
            let summary = imported(context, &session, &request)?;
            tell(context, &summary, args.output)?;
            exit_of(&summary, args.strict)
        }
    };
    session.close()?;
    Ok(exit)
}

/// Imports with progress.
pub fn imported(
    context: &Context,
    session: &Session,
    request: &ImportRequest,
) -> anyhow::Result<ImportSummary> {
    if session.is_guest() {
        context
            .terminal
            .note("another process writes this directory; it takes the import over");
    }
    let mut progress = Progress::new(context.terminal);
    let cancel = context.interrupts.cancel();
    let mut on_progress = |at: &ImportProgress| {
        progress.show(|elapsed| position(&ImportPosition::from(at), elapsed));
    };
    let result = session.import(request, &mut on_progress, &cancel);
    let time = progress.finish();
    let summary = result.map_err(|error| context.session_error(error))?;
    Ok(ImportSummary::of(&summary, time.as_secs_f64()))
}

/// What an import's exit code says of its summary.
pub fn exit_of(summary: &ImportSummary, strict: bool) -> Exit {
    match summary.status {
        RunStatus::Interrupted => Exit::Interrupted,
        RunStatus::Failed => Exit::Failed,
        _ if summary.files.failed > 0 => Exit::Failed,
        _ if strict && summary.events.rejected > 0 => Exit::Failed,
        _ => Exit::Done,
    }
}

/// Reading is half of the work, and storing what was read the other half.
fn position(at: &ImportPosition, elapsed: Duration) -> Position {
    let seconds = elapsed.as_secs_f64().max(0.001);
    let rate = Bytes((at.bytes_read as f64 / seconds) as u64);
    let mut facts = vec![
        format!("{}/{} files", count(at.files_done), count(at.files_total)),
        format!("{} events", count(at.records_read)),
        format!("{rate}/s"),
        format!("{} stored", count(at.events.stored)),
    ];
    let rare = [
        (at.events.duplicates, "duplicates"),
        (at.events.rejected, "rejects"),
    ];
    for (n, what) in rare.into_iter().filter(|(n, _)| *n > 0) {
        facts.push(format!("{} {what}", count(n)));
    }
    let stored = at.record_bytes as f64 / at.bytes_read.max(1) as f64;
    Position {
        done: at.bytes_done + (at.bytes_done as f64 * stored) as u64,
        total: Some(at.bytes_total * 2).filter(|total| *total > 0),
        facts,
    }
}

/// Writes the summary to stdout.
pub fn tell(
    context: &Context,
    summary: &ImportSummary,
    format: SummaryFormat,
) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if format == SummaryFormat::Json {
        writeln!(out, "{}", serde_json::to_string(summary)?)?;
        return Ok(());
    }
    let (files, events) = (summary.files.into(), summary.events.into());
    let time = Duration::try_from_secs_f64(summary.seconds).unwrap_or_default();
    writeln!(out, "{}", summary::files(&files))?;
    writeln!(out, "{}", summary::records(&events, summary.dry_run))?;
    writeln!(
        out,
        "pace    {}",
        summary::pace(summary.record_bytes, summary.events.seen, time)
    )?;
    drop(out);
    explain(context, summary);
    Ok(())
}

/// Says on stderr what the sums leave open, and where to look.
fn explain(context: &Context, summary: &ImportSummary) {
    let terminal = &context.terminal;
    if summary.files_pruned + summary.folders_pruned > 0 {
        terminal.note(&format!(
            "{} and {} set aside by path (--since, --until, --account, --region)",
            counted(summary.files_pruned, "file"),
            counted(summary.folders_pruned, "folder")
        ));
    }
    for OtherFile { path, what } in summary.not_event_logs.iter().take(FAILURES_SHOWN) {
        terminal.note(&format!("no event log: {path}: {what}"));
    }
    for FileFailure { path, reason } in summary.failures.iter().take(FAILURES_SHOWN) {
        terminal.warn(&format!("{path}: {reason}"));
    }
    let more = summary.failures.len().saturating_sub(FAILURES_SHOWN);
    if more > 0 {
        terminal.warn(&format!("and {} files more", count(more as u64)));
    }
    for RejectReason { reason, events } in &summary.rejects {
        terminal.warn(&format!("{} rejected: {reason}", count(*events)));
    }
    match summary.import {
        None => terminal.note("dry run: nothing was stored"),
        Some(import) => {
            if summary.events.rejected > 0 || summary.files.failed > 0 {
                terminal.note(&format!(
                    "tarn imports rejects {import} lists what could not be taken"
                ));
            }
            if summary.events.conflicts > 0 {
                terminal.note(&format!(
                    "tarn imports conflicts {import} lists the conflicts"
                ));
            }
        }
    }
    if summary.status == RunStatus::Interrupted {
        terminal.note("interrupted; what is stored stays, and the same import goes on from there");
    }
}

/// Takes files as they appear, until Ctrl-C.
///
/// A file is taken when it has not changed between two looks, so that one that
/// is still being written is left until it is whole.
fn watch(
    context: &Context,
    session: &Session,
    request: ImportRequest,
    args: &ImportArgs,
) -> anyhow::Result<Exit> {
    let options = DiscoverOptions {
        since_ms: request.since_ms,
        until_ms: request.until_ms,
        accounts: request.accounts.clone(),
        regions: request.regions.clone(),
    };
    let cancel = context.interrupts.cancel();
    let summary = imported(context, session, &request)?;
    tell(context, &summary, args.output)?;
    let mut exit = exit_of(&summary, args.strict);
    let mut seen = look(&request.paths, &options)?;
    let mut settled = seen.clone();
    context.terminal.note("watching for new files; Ctrl-C ends");
    while wait(WATCH_EVERY, &cancel) {
        let now = look(&request.paths, &options)?;
        let ready: Vec<PathBuf> = now
            .iter()
            .filter(|(path, state)| {
                seen.get(*path) == Some(state) && settled.get(*path) != Some(state)
            })
            .map(|(path, _)| path.clone())
            .collect();
        seen = now;
        if ready.is_empty() {
            continue;
        }
        settled.extend(
            ready
                .iter()
                .filter_map(|path| Some((path.clone(), *seen.get(path)?))),
        );
        let request = ImportRequest {
            paths: ready,
            push: true,
            ..request.clone()
        };
        let summary = imported(context, session, &request)?;
        tell(context, &summary, args.output)?;
        if exit == Exit::Done {
            exit = exit_of(&summary, args.strict);
        }
    }
    // Ctrl-C is how watching ends, not an interruption of it.
    Ok(if exit == Exit::Interrupted {
        Exit::Done
    } else {
        exit
    })
}

/// Size and time of every file that the paths name.
fn look(
    paths: &[PathBuf],
    options: &DiscoverOptions,
) -> anyhow::Result<HashMap<PathBuf, (u64, i64)>> {
    match discover::discover(paths, options) {
        Ok(found) => Ok(found
            .files
            .into_iter()
            .map(|file| (file.path, (file.size, file.mtime_ns)))
            .collect()),
        // Nothing yet is what watching is for.
        Err(_) if paths.iter().any(|path| path.exists()) => Ok(HashMap::new()),
        Err(error) => Err(error.into()),
    }
}

/// Whether a path is what an import from stdin kept, which goes when it ends.
pub fn is_spooled(context: &Context, path: &Path) -> bool {
    let folder = context.data.join(SPOOL_FOLDER);
    let folder = folder
        .canonicalize()
        .or_else(|_| std::path::absolute(folder));
    let parent = path.parent().map(|parent| parent.canonicalize());
    matches!((folder, parent), (Ok(folder), Some(Ok(parent))) if folder == parent)
}

/// Where stdin is kept, in the data directory.
const SPOOL_FOLDER: &str = "tmp";

/// Stdin as a file: what it is can only be told by looking at it twice, and
/// another process may have to read it.
struct Spooled {
    path: PathBuf,
}

impl Spooled {
    fn from_stdin(context: &Context) -> anyhow::Result<Self> {
        let folder = context.data.join(SPOOL_FOLDER);
        let name = format!("stdin-{}-{}", std::process::id(), context.now_ms());
        let path = std::path::absolute(folder.join(name))?;
        let spooled = Self { path };
        spooled
            .fill()
            .with_context(|| format!("cannot keep stdin in {}", spooled.path.display()))?;
        Ok(spooled)
    }

    fn fill(&self) -> io::Result<()> {
        let mut file = private(&self.path)?;
        io::copy(&mut io::stdin().lock(), &mut file)?;
        Ok(())
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        // What stays behind is removed with everything in `tmp` at the next open.
        let _ = fs::remove_file(&self.path);
    }
}

fn private(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}
