//! Events that are sent a few at a time: durable and visible when the sender is told.
//!
//! What is sent goes an import's walk up to the batch, on the thread of its sender.
//! Then batches that wait together are stored together ([`Queue`]): a disk that takes
//! two hundred syncs a second takes thousands of pushes. All pushes into a store while
//! one process owns the directory count as one import, whose sums are written with
//! the events themselves.

use std::collections::BTreeMap;
use std::io::Read;
use std::mem;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hashbrown::HashMap;
use parking_lot::{Condvar, Mutex};
use serde::{Deserialize, Serialize};

use super::commit::{NewSources, Target};
use super::decode::{self, DecodeError, DecodeLimits, FileKind, SourceHints};
use super::intake::{Intake, Origin, Taken};
use super::tail::{self, Push};
use super::{ImportError, run};
use crate::catalog::{FileSums, ImportEntry, ImportStatus, RecordSums, SourceEntry};
use crate::data_store::EventDataStore;
use crate::import::batch::Batch;
use crate::kv::columns::Column;
use crate::kv::db::Changes;
use crate::scan::StoreId;
use crate::writer::Core;

/// What is sent at once may unpack to so much: it is held in memory.
pub const EXPANDED_BYTES_MAX: u64 = 32 << 20;
/// No gzip stream unpacks to more than 1,032 times itself.
const RATIO_MAX: u64 = 2_000;
/// So many rejects are told of a push; all are kept.
const REJECTS_TOLD_MAX: usize = 100;
/// So many pushes share a write at most.
const GROUP_PUSHES_MAX: usize = 256;
const GROUP_EVENTS_MAX: usize = 4_000;
const GROUP_BYTES_MAX: usize = 8 << 20;
/// Names whose numbers are remembered.
const NAMES_MAX: usize = 10_000;

/// Where pushed events go, and what they are told to come from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushRequest {
    /// Name, UUID or ARN. The store `default` is made when it is not there.
    pub store: String,
    pub name: String,
}

/// What became of a push.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// The number of the import that the store's pushes count as.
    pub import: u64,
    pub records: RecordSums,
    /// Bytes of records, unpacked.
    pub record_bytes: u64,
    /// Rejected records by reason.
    pub reject_reasons: Vec<(String, u64)>,
    /// The first rejected records.
    pub rejects: Vec<PushReject>,
}

/// A record that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushReject {
    /// Its place in what was sent, counted from 0.
    pub position: u32,
    /// Where in what was sent, unpacked, it or the envelope around it begins.
    pub byte_offset: u64,
    pub reason: String,
}

/// Why nothing of a push was taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    #[error("nothing was sent: the body is empty")]
    Empty,
    #[error("{what} holds no events")]
    NoEvents { what: &'static str },
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Import(#[from] ImportError),
}

/// Takes what was sent.
pub fn push(
    core: &Core,
    store: &EventDataStore,
    name: &str,
    body: &mut dyn Read,
) -> Result<Pushed, PushError> {
    let now_ms = (core.options.clock)();
    let target = Target {
        store: store.id,
        import: begin(core, store.id, now_ms)?,
        is_seal: false,
    };
    let mut taken = take(store, target, name, body, now_ms)?;
    let rejects = rejects_of(&taken.batch);
    let mut pushed = Pushed {
        import: target.import,
        record_bytes: taken.record_bytes,
        reject_reasons: mem::take(&mut taken.reasons).into_iter().collect(),
        rejects,
        ..Pushed::default()
    };
    if taken.batch.sums.seen == 0 {
        return Ok(pushed);
    }
    let sources = core.pushes.lock().place(core, target, name, &mut taken)?;
    let named = sources.first().map(|(source, _)| *source);
    let push = Push {
        target,
        batch: taken.batch,
        sources,
    };
    pushed.records = core.queue.store(core, push)?;
    if let Some(source) = named {
        core.pushes.lock().is_written(target.store, name, source);
    }
    Ok(pushed)
}

/// Reads what was sent into a batch; records are placed as if it were all there is.
fn take(
    store: &EventDataStore,
    target: Target,
    name: &str,
    body: &mut dyn Read,
    now_ms: i64,
) -> Result<Taken, PushError> {
    let intake = Intake::new(store, target, now_ms);
    let origin = Origin {
        source: 0,
        path: name,
        arrived_ms: now_ms,
    };
    let limits = DecodeLimits {
        expanded_bytes_max: EXPANDED_BYTES_MAX,
        // What is sent is small, and its memory is bounded above.
        expansion_ratio_max: RATIO_MAX,
        hash_content: false,
        ..DecodeLimits::default()
    };
    let mut taken = Taken::default();
    let decoded = decode::decode(body, SourceHints::default(), &limits, &mut |item| {
        intake.take(item, origin, &mut taken);
        ControlFlow::Continue(())
    })?;
    match decoded.kind {
        FileKind::Empty => Err(PushError::Empty),
        FileKind::Digest => Err(PushError::NoEvents {
            what: "a digest file",
        }),
        FileKind::ConfigDelivery => Err(PushError::NoEvents {
            what: "a delivery of AWS Config",
        }),
        FileKind::ResultSignature => Err(PushError::NoEvents {
            what: "a signature of query results",
        }),
        _ => Ok(taken),
    }
}

fn rejects_of(batch: &Batch) -> Vec<PushReject> {
    let told = batch.rejects.iter().take(REJECTS_TOLD_MAX);
    told.map(|reject| PushReject {
        position: reject.position.unwrap_or_default(),
        byte_offset: reject.byte_offset.unwrap_or_default(),
        reason: reject.reason.clone(),
    })
    .collect()
}

/// The import that pushes into the store count as, which the first one begins.
fn begin(core: &Core, store: StoreId, now_ms: i64) -> Result<u64, ImportError> {
    if let Some(import) = core.pushes.lock().import_of(store) {
        return Ok(import);
    }
    let _one_at_a_time = core.publishing.lock();
    if let Some(import) = core.pushes.lock().import_of(store) {
        return Ok(import);
    }
    let entry = ImportEntry {
        id: run::next_id(core)?,
        store,
        started_ms: now_ms,
        ended_ms: None,
        status: ImportStatus::Running,
        paths: vec!["pushed events".to_owned()],
        files: FileSums::default(),
        records: RecordSums::default(),
        bytes: 0,
        is_push: true,
    };
    let import = entry.id;
    let mut changes = Changes::default();
    changes.put_entry(Column::Imports, import.to_be_bytes(), &entry);
    core.write(changes)?;
    core.step("pushes begun");
    let names = HashMap::new();
    core.pushes.lock().runs.insert(store, Run { entry, names });
    Ok(import)
}

/// Writes down that nothing more is pushed.
pub fn end(core: &Core) -> Result<(), ImportError> {
    let runs = mem::take(&mut core.pushes.lock().runs);
    if runs.is_empty() {
        return Ok(());
    }
    let mut changes = Changes::default();
    for mut entry in runs.into_values().map(|run| run.entry) {
        entry.status = ImportStatus::Completed;
        entry.ended_ms = Some((core.options.clock)());
        changes.put_entry(Column::Imports, entry.id.to_be_bytes(), &entry);
    }
    core.write(changes)?;
    core.step("pushes ended");
    Ok(())
}

/// What was pushed since the directory was opened.
#[derive(Default)]
pub struct Pushes {
    runs: HashMap<StoreId, Run>,
}

struct Run {
    /// As it is written, or is about to be: after a write that failed the directory
    /// is opened again.
    entry: ImportEntry,
    names: HashMap<String, Named>,
}

/// What is sent under one name is one source: each record has its place in all that
/// came under it.
struct Named {
    source: u64,
    next_position: u32,
    /// The disk knows the name.
    is_written: bool,
}

impl Pushes {
    fn import_of(&self, store: StoreId) -> Option<u64> {
        self.runs.get(&store).map(|run| run.entry.id)
    }

    /// Counts a batch with the write that makes it durable, if it was pushed. Says
    /// whether it was.
    pub fn count(&mut self, changes: &mut Changes, import: u64, batch: &Batch) -> bool {
        let Some(run) = self.runs.values_mut().find(|run| run.entry.id == import) else {
            return false;
        };
        run.entry.records.add(&batch.sums);
        run.entry.bytes += batch.event_bytes();
        changes.put_entry(Column::Imports, import.to_be_bytes(), &run.entry);
        true
    }

    /// The disk knows the name now.
    fn is_written(&mut self, store: StoreId, name: &str, source: u64) {
        let run = self.runs.get_mut(&store);
        if let Some(named) = run.and_then(|run| run.names.get_mut(name)) {
            named.is_written |= named.source == source;
        }
    }

    /// Gives the records of a push their places among all of their name; the source
    /// is named by the write that stores them.
    fn place(
        &mut self,
        core: &Core,
        target: Target,
        name: &str,
        taken: &mut Taken,
    ) -> Result<NewSources, ImportError> {
        let n_items = u32::try_from(taken.batch.sums.seen).unwrap_or(u32::MAX);
        let Some(run) = self.runs.get_mut(&target.store) else {
            return Ok(NewSources::new());
        };
        if run.names.len() >= NAMES_MAX && !run.names.contains_key(name) {
            run.names.clear();
        }
        let known = run.names.get(name);
        let has_room = known.is_some_and(|n| n.next_position.checked_add(n_items).is_some());
        let mut sources = NewSources::new();
        if !has_room {
            let source = core.numbers.next(&core.db)?;
            let named = Named {
                source,
                next_position: 0,
                is_written: false,
            };
            run.names.insert(name.to_owned(), named);
        }
        if let Some(named) = run.names.get_mut(name) {
            // Until one of those who use it is stored, each names it.
            if !named.is_written {
                let path = name.to_owned();
                sources.push((named.source, SourceEntry { path }));
            }
            for event in &mut taken.batch.events {
                event.provenance.source = named.source;
                event.provenance.position += named.next_position;
            }
            for position in taken.batch.rejects.iter_mut().flat_map(|r| &mut r.position) {
                *position = position.saturating_add(named.next_position);
            }
            named.next_position += n_items;
        }
        Ok(sources)
    }
}

/// Batches that wait to be stored. Whoever comes while nobody stores does it for all
/// who wait, and those who come meanwhile are stored together next.
#[derive(Default)]
pub struct Queue {
    state: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    next_ticket: u64,
    pushes: BTreeMap<u64, Push>,
    done: HashMap<u64, Result<RecordSums, ImportError>>,
    is_storing: bool,
}

impl Queue {
    /// Waits until the batch is durable and visible.
    fn store(&self, core: &Core, push: Push) -> Result<RecordSums, ImportError> {
        let mut state = self.state.lock();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.pushes.insert(ticket, push);
        loop {
            if let Some(done) = state.done.remove(&ticket) {
                return done;
            }
            if state.is_storing {
                self.changed.wait(&mut state);
                continue;
            }
            state.is_storing = true;
            let (tickets, pushes) = state.next_group();
            drop(state);
            let stored = store_group(core, pushes, tickets.len());
            state = self.state.lock();
            state.is_storing = false;
            state.done.extend(tickets.into_iter().zip(stored));
            self.changed.notify_all();
        }
    }
}

impl Waiting {
    /// The first of those who wait, at least one.
    fn next_group(&mut self) -> (Vec<u64>, Vec<Push>) {
        let (mut tickets, mut pushes) = (Vec::new(), Vec::new());
        let (mut n_events, mut n_bytes) = (0, 0);
        while let Some(next) = self.pushes.first_entry() {
            let batch = &next.get().batch;
            n_events += batch.events.len();
            n_bytes += batch.bytes();
            let is_enough = tickets.len() >= GROUP_PUSHES_MAX
                || n_events > GROUP_EVENTS_MAX
                || n_bytes > GROUP_BYTES_MAX;
            if is_enough && !tickets.is_empty() {
                break;
            }
            let (ticket, push) = next.remove_entry();
            tickets.push(ticket);
            pushes.push(push);
        }
        (tickets, pushes)
    }
}

/// The outcome of each push of a group. A panic is one for all: nobody waits for ever.
fn store_group(
    core: &Core,
    pushes: Vec<Push>,
    n_pushes: usize,
) -> Vec<Result<RecordSums, ImportError>> {
    let stored = catch_unwind(AssertUnwindSafe(|| tail::push_together(core, pushes)));
    stored.unwrap_or_else(|panic| {
        let message = run::panic_text(panic.as_ref());
        let failed = |_| {
            Err(ImportError::Worker {
                message: message.clone(),
            })
        };
        (0..n_pushes).map(failed).collect()
    })
}
