//! Who writes here, and how others reach it.
//!
//! One process owns the directory for writing. A command that must write while
//! another process owns it hands its work over a Unix socket in the directory
//! (mode 0600) and shows what comes back, so that two imports at once are one
//! process's two imports. [`Session`] is both ends of it: it owns the
//! directory, or it talks to the one that does, and its methods are the same.
//!
//! The talk is JSON, a message a line: one [`Request`], then any number of
//! [`Reply::Progress`], then one last reply. Hanging up cancels.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::data_store::{DEFAULT_STORE, EventDataStore};
use crate::directory::{Directory, OpenError};
use crate::import::{ImportError, ImportProgress, ImportRequest, ImportSummary, run, tail};
use crate::index::merge::{self, When};
use crate::index::rebuild::{self, RebuildError, RebuildProgress, Rebuilt};
use crate::kv::db::KvError;
use crate::manage::{self, NewStore, StoreError, StoreUpdate};
use crate::recovery::Recovered;
use crate::retention;
use crate::scan::Cancel;
use crate::writer::{Core, WriteOptions, Writer};

/// How often a process that waits for the directory looks again.
const RETRY_EVERY: Duration = Duration::from_millis(50);
/// An owner that is closing needs a moment between its socket and its lock.
const RETRIES_MAX: u32 = 200;

/// Work that writes.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Request {
    Import(ImportRequest),
    CreateStore(NewStore),
    UpdateStore(String, StoreUpdate),
    DeleteStore(String),
    RestoreStore(String),
    Reindex(String),
}

/// What the owner says.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Reply {
    Progress(Progress),
    Imported(ImportSummary),
    Store(EventDataStore),
    Reindexed(Rebuilt),
    /// The request is as it should not be.
    Refused(String),
    /// The request could not be carried out.
    Failed(String),
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum Progress {
    Import(ImportProgress),
    Reindex(RebuildProgress),
}

/// Why work was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Rebuild(#[from] RebuildError),
    #[error(transparent)]
    Kv(#[from] KvError),
    /// The process that owns the directory refused the request.
    #[error("{message}")]
    Refused { message: String },
    /// The process that owns the directory could not do it.
    #[error("{message}")]
    Remote { message: String },
    #[error("talking to the process that writes {}: {source}", path.display())]
    Talk { path: PathBuf, source: io::Error },
}

impl SessionError {
    /// Whether the request itself was wrong.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Refused { .. }
                | Self::Import(
                    ImportError::NoSuchStore { .. }
                        | ImportError::StoreNotEnabled { .. }
                        | ImportError::Discover(_)
                )
        ) || matches!(self, Self::Store(e) if !matches!(e, StoreError::Kv(_)))
    }
}

/// The means to write a directory, whoever owns it.
pub struct Session {
    side: Side,
}

enum Side {
    Owner(Box<Owner>),
    Guest { directory: Directory },
}

struct Owner {
    writer: Arc<Writer>,
    listener: Option<JoinHandle<()>>,
    closing: Arc<AtomicBool>,
}

impl Session {
    /// Takes the directory, or finds the process that has it.
    pub fn open(root: &Path, options: &WriteOptions) -> Result<Self, OpenError> {
        let directory = Directory::at(root);
        let mut retries = 0;
        loop {
            match Writer::open(root, options.clone()) {
                Ok(writer) => {
                    let owner = Box::new(Owner::start(writer)?);
                    return Ok(Self {
                        side: Side::Owner(owner),
                    });
                }
                Err(OpenError::Owned { path }) => {
                    if UnixStream::connect(directory.socket()).is_ok() {
                        return Ok(Self {
                            side: Side::Guest { directory },
                        });
                    }
                    if retries >= RETRIES_MAX {
                        return Err(OpenError::Owned { path });
                    }
                }
                Err(other) => return Err(other),
            }
            retries += 1;
            std::thread::sleep(RETRY_EVERY);
        }
    }

    /// Whether another process does the work.
    pub fn is_guest(&self) -> bool {
        matches!(self.side, Side::Guest { .. })
    }

    /// What the last process left half done.
    pub fn recovered(&self) -> Recovered {
        match &self.side {
            Side::Owner(owner) => owner.writer.recovered(),
            Side::Guest { .. } => Recovered::default(),
        }
    }

    pub fn import(
        &self,
        request: &ImportRequest,
        on_progress: &mut dyn FnMut(&ImportProgress),
        cancel: &Cancel,
    ) -> Result<ImportSummary, SessionError> {
        match &self.side {
            Side::Owner(owner) => import(&owner.writer.core, request, on_progress, cancel),
            Side::Guest { directory } => {
                let mut on_any = |progress: &Progress| {
                    if let Progress::Import(progress) = progress {
                        on_progress(progress);
                    }
                };
                match ask(
                    directory,
                    &Request::Import(request.clone()),
                    &mut on_any,
                    cancel,
                )? {
                    Reply::Imported(summary) => Ok(summary),
                    other => Err(unexpected(directory, &other)),
                }
            }
        }
    }

    pub fn create_store(&self, new: NewStore) -> Result<EventDataStore, SessionError> {
        self.store(Request::CreateStore(new))
    }

    pub fn update_store(
        &self,
        reference: &str,
        update: StoreUpdate,
    ) -> Result<EventDataStore, SessionError> {
        self.store(Request::UpdateStore(reference.to_owned(), update))
    }

    pub fn delete_store(&self, reference: &str) -> Result<EventDataStore, SessionError> {
        self.store(Request::DeleteStore(reference.to_owned()))
    }

    pub fn restore_store(&self, reference: &str) -> Result<EventDataStore, SessionError> {
        self.store(Request::RestoreStore(reference.to_owned()))
    }

    fn store(&self, request: Request) -> Result<EventDataStore, SessionError> {
        match &self.side {
            Side::Owner(owner) => change_store(&owner.writer.core, request),
            Side::Guest { directory } => {
                match ask(directory, &request, &mut |_| {}, &Cancel::default())? {
                    Reply::Store(store) => Ok(store),
                    other => Err(unexpected(directory, &other)),
                }
            }
        }
    }

    /// Rebuilds the splits of a store from its events.
    pub fn reindex(
        &self,
        store: &str,
        on_progress: &mut dyn FnMut(&RebuildProgress),
        cancel: &Cancel,
    ) -> Result<Rebuilt, SessionError> {
        match &self.side {
            Side::Owner(owner) => reindex(&owner.writer.core, store, on_progress, cancel),
            Side::Guest { directory } => {
                let mut on_any = |progress: &Progress| {
                    if let Progress::Reindex(progress) = progress {
                        on_progress(progress);
                    }
                };
                let request = Request::Reindex(store.to_owned());
                match ask(directory, &request, &mut on_any, cancel)? {
                    Reply::Reindexed(rebuilt) => Ok(rebuilt),
                    other => Err(unexpected(directory, &other)),
                }
            }
        }
    }

    /// Ends the session: work of other processes is finished, pushed events
    /// become splits, and the directory is free.
    pub fn close(self) -> Result<(), SessionError> {
        match self.side {
            Side::Owner(mut owner) => owner.close(),
            Side::Guest { .. } => Ok(()),
        }
    }
}

fn import(
    core: &Core,
    request: &ImportRequest,
    on_progress: &mut dyn FnMut(&ImportProgress),
    cancel: &Cancel,
) -> Result<ImportSummary, SessionError> {
    let store = match request.store.as_str() {
        "" | DEFAULT_STORE => manage::default_store(core)?,
        reference => manage::find(core, reference)?,
    };
    if !store.is_enabled() {
        return Err(ImportError::StoreNotEnabled { name: store.name }.into());
    }
    let merging = Cancel::default();
    let summary = std::thread::scope(|scope| {
        let merger = scope.spawn(|| merge_while_importing(core, &store, &merging));
        let summary = run::run(core, &store, request, on_progress, cancel);
        merging.cancel();
        let merged = merger.join();
        if let Ok(Err(error)) = merged {
            // The import is done whatever becomes of merging; the next one
            // tries again, and queries answer from the splits as they are.
            tracing::warn!(%error, "splits could not be merged");
        }
        summary
    })?;
    if !cancel.is_cancelled() && !request.dry_run && !request.push {
        merge::merge_store(core, store.id, When::AtRest, cancel).map_err(ImportError::from)?;
        retention::expire(core, (core.options.clock)())?;
    }
    Ok(summary)
}

/// Keeps the number of splits small while an import makes them.
fn merge_while_importing(
    core: &Core,
    store: &EventDataStore,
    cancel: &Cancel,
) -> Result<(), merge::MergeError> {
    const LOOK_EVERY: Duration = Duration::from_millis(250);
    while !cancel.is_cancelled() {
        merge::merge_store(core, store.id, When::Importing, cancel)?;
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

fn change_store(core: &Core, request: Request) -> Result<EventDataStore, SessionError> {
    let store = match request {
        Request::CreateStore(new) => manage::create(core, new)?,
        Request::UpdateStore(reference, update) => manage::update(core, &reference, update)?,
        Request::DeleteStore(reference) => manage::delete(core, &reference)?,
        Request::RestoreStore(reference) => manage::restore(core, &reference)?,
        Request::Import(_) | Request::Reindex(_) => {
            return Err(SessionError::Refused {
                message: "not a change of a store".to_owned(),
            });
        }
    };
    Ok(store)
}

fn reindex(
    core: &Core,
    reference: &str,
    on_progress: &mut dyn FnMut(&RebuildProgress),
    cancel: &Cancel,
) -> Result<Rebuilt, SessionError> {
    let store = manage::find(core, reference)?;
    Ok(rebuild::rebuild(core, store.id, on_progress, cancel)?)
}

impl Owner {
    fn start(writer: Writer) -> Result<Self, OpenError> {
        let writer = Arc::new(writer);
        retention::expire(&writer.core, (writer.core.options.clock)())?;
        let path = writer.core.directory.socket();
        let failed = |operation| {
            let path = path.clone();
            move |source| OpenError::Io {
                operation,
                path,
                source,
            }
        };
        // The lock is ours: a socket that is there is a dead process's.
        let _ = fs::remove_file(&path);
        let listener = UnixListener::bind(&path).map_err(failed("listening on"))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
            .map_err(failed("protecting"))?;
        let closing = Arc::new(AtomicBool::new(false));
        let (for_writer, for_closing) = (Arc::clone(&writer), Arc::clone(&closing));
        let thread = std::thread::Builder::new()
            .name("owner".to_owned())
            .spawn(move || listen(&listener, &for_writer, &for_closing))
            .map_err(failed("starting the listener of"))?;
        Ok(Self {
            writer,
            listener: Some(thread),
            closing,
        })
    }

    fn close(&mut self) -> Result<(), SessionError> {
        self.stop_listening();
        let core = &self.writer.core;
        let stores = core.tail.lock().stores();
        for store in stores {
            tail::seal(core, store)?;
        }
        Ok(())
    }

    /// Takes no more work, and waits for what there is.
    fn stop_listening(&mut self) {
        let Some(listener) = self.listener.take() else {
            return;
        };
        self.closing.store(true, Ordering::Relaxed);
        let path = self.writer.core.directory.socket();
        // Wakes the listener; where that fails it has ended already.
        let _ = UnixStream::connect(&path);
        let _ = fs::remove_file(&path);
        let _ = listener.join();
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.stop_listening();
    }
}

fn listen(listener: &UnixListener, writer: &Arc<Writer>, closing: &AtomicBool) {
    std::thread::scope(|scope| {
        for connection in listener.incoming() {
            if closing.load(Ordering::Relaxed) {
                break;
            }
            match connection {
                Ok(stream) => {
                    let core = &writer.core;
                    scope.spawn(move || serve(core, stream));
                }
                Err(error) => tracing::warn!(%error, "a process could not hand its work over"),
            }
        }
    });
}

/// Carries out the request of one connection.
fn serve(core: &Core, stream: UnixStream) {
    let cancel = Cancel::default();
    let Ok(reading) = stream.try_clone() else {
        return;
    };
    let mut reading = BufReader::new(reading);
    let mut line = String::new();
    // A connection that says nothing only wanted to know that we are here.
    if reading.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    let writing = Mutex::new(&stream);
    let send = |reply: &Reply| {
        let mut message = serde_json::to_vec(reply).unwrap_or_default();
        message.push(b'\n');
        if writing.lock().write_all(&message).is_err() {
            cancel.cancel();
        }
    };
    let last = match serde_json::from_str::<Request>(&line) {
        Err(error) => Reply::Refused(format!(
            "this process does not understand the request ({error}); is it another version of tarn?"
        )),
        Ok(request) => {
            std::thread::scope(|scope| {
                let watcher = scope.spawn(|| watch_for_hanging_up(&mut reading, &cancel));
                let done = carry_out(core, request, &send, &cancel);
                // Ends the watcher's read.
                let _ = stream.shutdown(std::net::Shutdown::Read);
                let _ = watcher.join();
                done
            })
        }
    };
    send(&last);
}

fn watch_for_hanging_up(reading: &mut BufReader<UnixStream>, cancel: &Cancel) {
    let mut nothing = String::new();
    // Guests say no more: whatever comes, or the end, means that they are gone.
    let _ = reading.read_line(&mut nothing);
    cancel.cancel();
}

fn carry_out(core: &Core, request: Request, send: &dyn Fn(&Reply), cancel: &Cancel) -> Reply {
    let done = match request {
        Request::Import(request) => {
            let mut on_progress = |p: &ImportProgress| send(&Reply::Progress(Progress::Import(*p)));
            import(core, &request, &mut on_progress, cancel).map(Reply::Imported)
        }
        Request::Reindex(store) => {
            let mut on_progress =
                |p: &RebuildProgress| send(&Reply::Progress(Progress::Reindex(*p)));
            reindex(core, &store, &mut on_progress, cancel).map(Reply::Reindexed)
        }
        change => change_store(core, change).map(Reply::Store),
    };
    done.unwrap_or_else(|error| match error.is_usage() {
        true => Reply::Refused(error.to_string()),
        false => Reply::Failed(error.to_string()),
    })
}

/// Hands a request to the owner and waits for its last reply.
fn ask(
    directory: &Directory,
    request: &Request,
    on_progress: &mut dyn FnMut(&Progress),
    cancel: &Cancel,
) -> Result<Reply, SessionError> {
    let path = directory.socket();
    let failed = |source| SessionError::Talk {
        path: path.clone(),
        source,
    };
    let mut stream = UnixStream::connect(&path).map_err(failed)?;
    let mut message = serde_json::to_vec(request).map_err(|e| failed(e.into()))?;
    message.push(b'\n');
    stream.write_all(&message).map_err(failed)?;
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .map_err(failed)?;
    let mut reading = BufReader::new(stream.try_clone().map_err(failed)?);
    let mut line = Vec::new();
    let mut hung_up = false;
    loop {
        match reading.read_until(b'\n', &mut line) {
            Ok(0) => {
                let ended = io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "it ended before the work was done; what it had published is kept",
                );
                return Err(failed(ended));
            }
            Ok(_) if line.ends_with(b"\n") => {
                let reply = serde_json::from_slice(&line).map_err(|e| failed(e.into()))?;
                line.clear();
                match reply {
                    Reply::Progress(progress) => on_progress(&progress),
                    Reply::Refused(message) => return Err(SessionError::Refused { message }),
                    Reply::Failed(message) => return Err(SessionError::Remote { message }),
                    done => return Ok(done),
                }
            }
            Ok(_) => {}
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) => {}
            Err(error) => return Err(failed(error)),
        }
        if cancel.is_cancelled() && !hung_up {
            // Tells the owner to stop; its summary still comes.
            stream.shutdown(std::net::Shutdown::Write).map_err(failed)?;
            hung_up = true;
        }
    }
}

fn unexpected(directory: &Directory, reply: &Reply) -> SessionError {
    SessionError::Talk {
        path: directory.socket(),
        source: io::Error::new(io::ErrorKind::InvalidData, format!("answered {reply:?}")),
    }
}
