//! Files of this machine, sent to a server.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use anyhow::Context as _;
use tarn_server::client::{ClientError, Content, FileToSend};
use tarn_server::wire::{FileFailure, ImportLine, ImportSummary};
use tarn_store::import::ImportRequest;
use tarn_store::import::discover::{self, DiscoverOptions};

use super::{exit_of, position, tell};
use crate::args::ImportArgs;
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::progress::Progress;

/// What stdin is called.
const STDIN: &str = "stdin";
/// Lines on their way from the thread that reads them.
const LINES_WAITING: usize = 16;

/// Finds the files here, as an import into a directory does, and imports them there.
pub fn run(context: &Context, args: &ImportArgs, request: &ImportRequest) -> anyhow::Result<Exit> {
    if args.watch {
        return Err(exit::usage(
            "--watch is not to be had over a server yet; watch where the data directory is",
        ));
    }
    let is_stdin = |path: &&PathBuf| path.as_os_str() == "-";
    let paths: Vec<PathBuf> = args
        .paths
        .iter()
        .filter(|path| !is_stdin(path))
        .cloned()
        .collect();
    let options = DiscoverOptions {
        since_ms: request.since_ms,
        until_ms: request.until_ms,
        accounts: request.accounts.clone(),
        regions: request.regions.clone(),
    };
    let mut found = match paths.is_empty() {
        true => discover::Discovered::default(),
        false => discover::discover(&paths, &options)
            .map_err(|error| exit::usage(format!("nothing to import: {error}")))?,
    };
    let mut files: Vec<FileToSend> = found.files.drain(..).map(to_send).collect();
    if args.paths.iter().any(|path| is_stdin(&path)) {
        files.push(FileToSend {
            name: STDIN.to_owned(),
            content: Content::Stdin,
            mtime_ns: None,
        });
    }
    let mut params = vec![
        ("store", request.store.clone()),
        ("force", request.force.to_string()),
        ("dryRun", request.dry_run.to_string()),
    ];
    for path in &args.paths {
        let path = match is_stdin(&path) {
            true => STDIN.to_owned(),
            false => shown(&std::path::absolute(path)?),
        };
        params.push(("path", path));
    }
    let mut summary = sent(context, params, files)?;
    summary.files_pruned += found.pruned;
    summary.folders_pruned += found.pruned_folders;
    // They could not be read here, and are part of what was asked for.
    let failed = found.failed.iter().map(|(path, reason)| FileFailure {
        path: shown(path),
        reason: reason.clone(),
    });
    summary.failures.extend(failed);
    summary.files.seen += found.failed.len() as u64;
    summary.files.failed += found.failed.len() as u64;
    tell(context, &summary, args.output)?;
    Ok(exit_of(&summary, args.strict))
}

/// Sends the files, with progress; Ctrl-C hangs up, and the server stops.
fn sent(
    context: &Context,
    params: Vec<(&'static str, String)>,
    files: Vec<FileToSend>,
) -> anyhow::Result<ImportSummary> {
    let client = context.server.clone().context("there is no server")?;
    let (give, lines) = mpsc::sync_channel(LINES_WAITING);
    thread::spawn(move || {
        let params: Vec<_> = params.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let answered = client.import(&params, files);
        match answered {
            Err(error) => {
                // Nobody waits for it after Ctrl-C.
                let _ = give.send(Err(error));
            }
            Ok(mut lines) => while lines.next().is_some_and(|line| give.send(line).is_ok()) {},
        }
    });
    let mut progress = Progress::new(context.terminal);
    let summary = loop {
        match context.wait_for(&lines)? {
            None => anyhow::bail!("the server ended the answer before its end"),
            Some(Err(error)) => return Err(exit::server(error, "")),
            Some(Ok(ImportLine::Progress(at))) => progress.show(|elapsed| position(&at, elapsed)),
            Some(Ok(ImportLine::Summary(summary))) => break summary,
            Some(Ok(ImportLine::Problem(problem))) => {
                return Err(exit::server(ClientError::Problem(Box::new(problem)), ""));
            }
        }
    };
    let seconds = progress.finish().as_secs_f64();
    Ok(ImportSummary { seconds, ..summary })
}

fn to_send(file: discover::SourceFile) -> FileToSend {
    FileToSend {
        name: shown(&file.path),
        mtime_ns: Some(file.mtime_ns),
        content: Content::File(file.path),
    }
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
