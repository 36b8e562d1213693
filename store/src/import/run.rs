//! One import: workers over files, batches over workers.
//!
//! Each worker takes the next file, so that all of them work in the same span
//! of time, and fills a batch of its own until it is large enough. A worker
//! that has more (one file of 2 GB) hands a full batch to one that has nothing
//! left to read, and reads on.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use parking_lot::Mutex;
use rustix::fs::{Mode, OFlags};

use super::batch::FinishedFile;
use super::commit::{self, NewSources, Target};
use super::decode::{self, DecodeLimits, Item, SourceHints};
use super::discover::{self, DiscoverOptions, SourceFile};
use super::intake::{Intake, Origin, Taken, readable};
use super::{ImportError, ImportProgress, ImportRequest, ImportSummary, tail};
use crate::catalog::{
    FileEntry, FileKind, FileSums, ImportEntry, ImportStatus, RecordSums, RejectEntry, SourceEntry,
};
use crate::data_store::EventDataStore;
use crate::kv::columns::Column;
use crate::kv::db::Changes;
use crate::kv::keys::push_text;
use crate::scan::{Cancel, StoreId};
use crate::writer::Core;

/// Of files that came with a request, so many are named in the entry of the import.
const PATHS_TOLD_MAX: usize = 20;
const PROGRESS_EVERY: Duration = Duration::from_millis(100);

/// Runs an import to its end, or until it is cancelled.
pub fn run(
    core: &Core,
    store: &EventDataStore,
    request: &ImportRequest,
    on_progress: &mut dyn FnMut(&ImportProgress),
    cancel: &Cancel,
) -> Result<ImportSummary, ImportError> {
    let started_ms = (core.options.clock)();
    let options = DiscoverOptions {
        since_ms: request.since_ms,
        until_ms: request.until_ms,
        accounts: request.accounts.clone(),
        regions: request.regions.clone(),
    };
    let mut discovered = discover::sent(&request.sent, &options);
    if !request.paths.is_empty() {
        discovered = discover::discover(&request.paths, &options)?;
    }
    let import = match request.dry_run {
        true => None,
        false => Some(begin(core, store.id, request, started_ms)?),
    };
    let target = Target {
        store: store.id,
        import: import.unwrap_or_default(),
        is_seal: false,
    };
    let mut run = Run {
        core,
        request,
        target,
        intake: Intake::new(store, target, started_ms),
        files: Vec::new(),
        next_file: AtomicUsize::new(0),
        records_read: AtomicU64::new(0),
        bytes_read: AtomicU64::new(0),
        outcome: Mutex::new(Outcome::default()),
        stop: AtomicBool::new(false),
        cancel,
    };
    {
        let outcome = run.outcome.get_mut();
        outcome.pruned = discovered.pruned;
        outcome.pruned_folders = discovered.pruned_folders;
        outcome.files.seen = (discovered.files.len() + discovered.failed.len()) as u64;
        outcome.files.failed = discovered.failed.len() as u64;
        for (path, reason) in discovered.failed {
            outcome.failures.push((path_text(&path), reason));
        }
    }
    for file in discovered.files {
        match run.is_unchanged(&file)? {
            true => run.outcome.get_mut().files.unchanged += 1,
            false => run.files.push(file),
        }
    }
    {
        let outcome = run.outcome.get_mut();
        outcome.progress.files_total = outcome.files.seen;
        outcome.progress.files_done = outcome.files.unchanged + outcome.files.failed;
        outcome.progress.bytes_total = run.files.iter().map(|f| f.size).sum();
    }
    let worked = run.work(on_progress);
    let outcome = run.outcome.into_inner();
    let status = match (&worked, cancel.is_cancelled()) {
        (Err(_), _) => ImportStatus::Failed,
        (Ok(()), true) => ImportStatus::Interrupted,
        (Ok(()), false) => ImportStatus::Completed,
    };
    let summary = outcome.summary(import, status);
    let ended = match import {
        Some(id) => end(core, store.id, request, started_ms, id, &summary),
        None => Ok(()),
    };
    // Why the work failed says more than that its end could not be written down.
    worked?;
    ended?;
    Ok(summary)
}

fn begin(
    core: &Core,
    store: StoreId,
    request: &ImportRequest,
    started_ms: i64,
) -> Result<u64, ImportError> {
    let _one_at_a_time = core.publishing.lock();
    let id = next_id(core)?;
    let mut changes = Changes::default();
    changes.put_entry(
        Column::Imports,
        id.to_be_bytes(),
        &ImportEntry {
            id,
            store,
            started_ms,
            ended_ms: None,
            status: ImportStatus::Running,
            paths: paths_of(request),
            files: FileSums::default(),
            records: RecordSums::default(),
            bytes: 0,
            is_push: false,
        },
    );
    core.write(changes)?;
    core.step("import begun");
    Ok(id)
}

/// The number of the next import, for who holds `publishing`. Imports are few and
/// never deleted: they are numbered in a row, because people type the numbers.
pub(super) fn next_id(core: &Core) -> Result<u64, ImportError> {
    let last = core.db.entries::<ImportEntry>(Column::Imports)?.pop();
    Ok(last.map_or(1, |(_, import)| import.id + 1))
}

/// What an import is told to be of.
fn paths_of(request: &ImportRequest) -> Vec<String> {
    let sent = request.sent.iter().map(|file| file.name.clone());
    match (request.told_as.is_empty(), request.paths.is_empty()) {
        (false, _) => request.told_as.clone(),
        (true, false) => request.paths.iter().map(|p| path_text(p)).collect(),
        (true, true) => sent.take(PATHS_TOLD_MAX).collect(),
    }
}

fn end(
    core: &Core,
    store: StoreId,
    request: &ImportRequest,
    started_ms: i64,
    id: u64,
    summary: &ImportSummary,
) -> Result<(), ImportError> {
    let mut changes = Changes::default();
    for (path, reason) in &summary.failures {
        let mut key = id.to_be_bytes().to_vec();
        key.extend_from_slice(&core.numbers.next(&core.db)?.to_be_bytes());
        changes.put_entry(
            Column::Rejects,
            key,
            &RejectEntry {
                import: id,
                store,
                path: path.clone(),
                position: None,
                byte_offset: None,
                reason: reason.clone(),
                bytes: String::new(),
                length: None,
            },
        );
    }
    changes.put_entry(
        Column::Imports,
        id.to_be_bytes(),
        &ImportEntry {
            id,
            store,
            started_ms,
            ended_ms: Some((core.options.clock)()),
            status: summary.status,
            paths: paths_of(request),
            files: summary.files,
            records: summary.records,
            bytes: summary.record_bytes,
            is_push: false,
        },
    );
    core.write(changes)?;
    core.step("import ended");
    Ok(())
}

struct Run<'r> {
    core: &'r Core,
    request: &'r ImportRequest,
    target: Target,
    intake: Intake,
    files: Vec<SourceFile>,
    next_file: AtomicUsize,
    /// Of all workers, for whoever watches.
    records_read: AtomicU64,
    bytes_read: AtomicU64,
    outcome: Mutex<Outcome>,
    /// A worker failed; the others end.
    stop: AtomicBool,
    cancel: &'r Cancel,
}

/// What workers have done so far.
#[derive(Default)]
struct Outcome {
    progress: ImportProgress,
    files: FileSums,
    file_bytes: u64,
    failures: Vec<(String, String)>,
    foreign: Vec<(String, String)>,
    reject_reasons: BTreeMap<String, u64>,
    pruned: u64,
    pruned_folders: u64,
    error: Option<ImportError>,
}

impl Outcome {
    fn summary(self, import: Option<u64>, status: ImportStatus) -> ImportSummary {
        let mut reject_reasons: Vec<_> = self.reject_reasons.into_iter().collect();
        reject_reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let mut files = self.files;
        // An interrupted run has not seen what it did not come to.
        files.seen = files.read + files.unchanged + files.not_event_logs + files.failed;
        ImportSummary {
            import,
            status,
            files,
            records: self.progress.records,
            record_bytes: self.progress.record_bytes,
            file_bytes: self.file_bytes,
            failures: self.failures,
            foreign: self.foreign,
            reject_reasons,
            pruned: self.pruned,
            pruned_folders: self.pruned_folders,
        }
    }
}

/// A batch being filled.
#[derive(Default)]
struct Filling {
    taken: Taken,
    sources: NewSources,
    /// Files whose end is in this batch, with their sizes.
    files_read: u64,
    files_not_event_logs: u64,
    file_bytes: u64,
}

impl Run<'_> {
    fn is_unchanged(&self, file: &SourceFile) -> Result<bool, ImportError> {
        if self.request.force {
            return Ok(false);
        }
        let key = file_key(self.target.store, &file.path);
        let known = self.core.db.entry::<FileEntry>(Column::Files, &key)?;
        Ok(known.is_some_and(|k| k.size == file.size && k.mtime_ns == file.mtime_ns))
    }

    fn work(&self, on_progress: &mut dyn FnMut(&ImportProgress)) -> Result<(), ImportError> {
        let n_workers = self.core.options.threads.max(1);
        let (done, all_done) = bounded::<()>(n_workers);
        let (give, take) = bounded::<Filling>(0);
        std::thread::scope(|scope| {
            for _ in 0..n_workers {
                let (done, give, take) = (done.clone(), give.clone(), take.clone());
                scope.spawn(move || {
                    self.core.yield_to_queries();
                    let worked = catch_unwind(AssertUnwindSafe(|| self.worker(give, &take)));
                    let error = match worked {
                        Ok(Ok(())) => None,
                        Ok(Err(error)) => Some(error),
                        Err(panic) => Some(ImportError::Worker {
                            message: panic_text(panic.as_ref()),
                        }),
                    };
                    if let Some(error) = error {
                        self.stop.store(true, Ordering::Relaxed);
                        self.outcome.lock().error.get_or_insert(error);
                    }
                    // The receiver lives as long as the scope.
                    let _ = done.send(());
                });
            }
            drop((done, give, take));
            loop {
                let ended = all_done.recv_timeout(PROGRESS_EVERY);
                let progress = self.outcome.lock().progress;
                on_progress(&ImportProgress {
                    records_read: self.records_read.load(Ordering::Relaxed),
                    bytes_read: self.bytes_read.load(Ordering::Relaxed),
                    ..progress
                });
                if ended == Err(RecvTimeoutError::Disconnected) {
                    break;
                }
            }
        });
        match self.outcome.lock().error.take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn worker(&self, give: Sender<Filling>, take: &Receiver<Filling>) -> Result<(), ImportError> {
        let mut filling = Filling::default();
        while let Some(file) = self.take_file() {
            self.read_file(file, &mut filling, &give)?;
            // Files without a record fill a batch as well.
            if filling.taken.batch.bytes() >= self.core.options.batch_bytes() {
                self.commit(std::mem::take(&mut filling))?;
            }
        }
        self.commit(filling)?;
        drop(give);
        while let Ok(filling) = take.recv() {
            self.commit(filling)?;
        }
        Ok(())
    }

    fn take_file(&self) -> Option<&SourceFile> {
        if self.cancel.is_cancelled() || self.stop.load(Ordering::Relaxed) {
            return None;
        }
        self.files
            .get(self.next_file.fetch_add(1, Ordering::Relaxed))
    }

    /// Reads one file into the batch, and into the next ones when it is large.
    fn read_file(
        &self,
        file: &SourceFile,
        filling: &mut Filling,
        give: &Sender<Filling>,
    ) -> Result<(), ImportError> {
        let source = self.core.numbers.next(&self.core.db)?;
        let path = path_text(&file.path);
        filling.sources.push((source, source_entry(&path)));
        let mut reading = Reading {
            run: self,
            filling,
            give,
            source,
            path: &path,
            arrived_ms: (self.core.options.clock)(),
            rejects: 0,
            failed: None,
        };
        let decoded = open_file(file.sent_to.as_ref().unwrap_or(&file.path))
            .map_err(|source| decode::DecodeError::Read { source })
            .and_then(|mut opened| {
                let hints = SourceHints {
                    account: file.account.as_deref(),
                };
                decode::decode(&mut opened, hints, &DecodeLimits::default(), &mut |item| {
                    reading.take(item)
                })
            });
        let (rejects, failed) = (reading.rejects, reading.failed.take());
        if let Some(error) = failed {
            return Err(error);
        }
        let decoded = match decoded {
            Ok(decoded) if decoded.stopped => return Ok(()),
            Ok(decoded) => decoded,
            Err(error) => {
                let mut outcome = self.outcome.lock();
                outcome.progress.files_done += 1;
                outcome.progress.bytes_done += file.size;
                if error.is_foreign() {
                    outcome.files.not_event_logs += 1;
                    outcome.foreign.push((path, error.to_string()));
                } else {
                    outcome.files.failed += 1;
                    outcome.failures.push((path, error.to_string()));
                }
                return Ok(());
            }
        };
        let kind = match decoded.kind.is_event_log() {
            true => FileKind::Events,
            false => FileKind::Digest,
        };
        match kind {
            FileKind::Events => filling.files_read += 1,
            FileKind::Digest => filling.files_not_event_logs += 1,
        }
        filling.file_bytes += file.size;
        filling.taken.batch.finish_file(FinishedFile {
            key: file_key(self.target.store, &file.path),
            entry: FileEntry {
                size: file.size,
                mtime_ns: file.mtime_ns,
                sha256: decoded.content_sha256.map(hex).unwrap_or_default(),
                import: self.target.import,
                source,
                records: decoded.records,
                rejects,
                kind,
            },
        });
        let mut outcome = self.outcome.lock();
        outcome.progress.files_done += 1;
        outcome.progress.bytes_done += file.size;
        Ok(())
    }

    /// Commits what was collected and counts it.
    fn commit(&self, filling: Filling) -> Result<(), ImportError> {
        let batch = filling.taken.batch;
        if batch.is_empty() && batch.sums == RecordSums::default() {
            return Ok(());
        }
        let sums = if self.request.dry_run {
            commit::try_out(self.core, self.target, batch)?
        } else if self.request.push && tail::takes(&batch) {
            tail::push(self.core, self.target, batch, filling.sources)?
        } else {
            let also = Changes::default();
            commit::commit(self.core, self.target, batch, filling.sources, also)?
        };
        let mut outcome = self.outcome.lock();
        outcome.progress.records.add(&sums);
        outcome.progress.record_bytes += filling.taken.record_bytes;
        outcome.files.read += filling.files_read;
        outcome.files.not_event_logs += filling.files_not_event_logs;
        outcome.file_bytes += filling.file_bytes;
        for (reason, n) in filling.taken.reasons {
            *outcome.reject_reasons.entry(reason).or_default() += n;
        }
        Ok(())
    }
}

/// One file on its way into a batch.
struct Reading<'r, 'f> {
    run: &'r Run<'r>,
    filling: &'f mut Filling,
    give: &'f Sender<Filling>,
    source: u64,
    path: &'f str,
    arrived_ms: i64,
    rejects: u64,
    failed: Option<ImportError>,
}

impl Reading<'_, '_> {
    fn take(&mut self, item: Item<'_>) -> ControlFlow<()> {
        let (Item::Record { bytes, .. } | Item::Reject { bytes, .. }) = &item;
        let length = bytes.len() as u64;
        self.run.records_read.fetch_add(1, Ordering::Relaxed);
        self.run.bytes_read.fetch_add(length, Ordering::Relaxed);
        let origin = Origin {
            source: self.source,
            path: self.path,
            arrived_ms: self.arrived_ms,
        };
        let is_rejected = self.run.intake.take(item, origin, &mut self.filling.taken);
        self.rejects += u64::from(is_rejected);
        if self.filling.taken.batch.bytes() >= self.run.core.options.batch_bytes() {
            self.pass_on();
        }
        let is_over = self.failed.is_some()
            || self.run.cancel.is_cancelled()
            || self.run.stop.load(Ordering::Relaxed);
        match is_over {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    /// Gives the full batch to an idle worker, or commits it here. The next one names
    /// the file too: neither waits for the other, and either may fail.
    fn pass_on(&mut self) {
        let next = Filling {
            sources: vec![(self.source, source_entry(self.path))],
            ..Filling::default()
        };
        let full = std::mem::replace(self.filling, next);
        let committed = match self.give.try_send(full) {
            Ok(()) => Ok(()),
            Err(refused) => self.run.commit(refused.into_inner()),
        };
        if let Err(error) = committed {
            self.failed = Some(error);
        }
    }
}

fn source_entry(path: &str) -> SourceEntry {
    SourceEntry {
        path: path.to_owned(),
    }
}

/// Opens what was found to be a file.
///
/// Something else may stand there by now, and to open a pipe for reading is to wait
/// until somebody writes to it.
fn open_file(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it was a file and is none any more")),
    }
}

/// The key of a file in the `files` family.
pub fn file_key(store: StoreId, path: &Path) -> Vec<u8> {
    let mut key = store.0.to_be_bytes().to_vec();
    push_text(&mut key, &path_text(path));
    key
}

/// A path as text, without loss: bytes that are no UTF-8 are escaped.
pub fn path_text(path: &Path) -> String {
    match path.to_str() {
        Some(text) => text.to_owned(),
        None => readable(path.as_os_str().as_encoded_bytes()),
    }
}

fn hex(bytes: [u8; 32]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown".to_owned())
}
