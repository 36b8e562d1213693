//! Who writes here, and how others reach it.
//!
//! One process owns the directory for writing. A command that must write while
//! another process owns it hands its work over a Unix socket in the directory
//! (mode 0600) and shows what comes back, so that two imports at once are one
//! process's two imports. [`Session`] is both ends of it: it owns the
//! directory, or it talks to the one that does, and its methods are the same.
//! When the owner leaves, the next one that has work takes its place. An owner
//! whose disk refused a write leaves: what of it is on the disk is found out by
//! opening the directory again, as after a crash.

mod listener;
mod talk;
mod upkeep;
mod work;

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::accounts::{Account, AccountsError};
use crate::data_store::EventDataStore;
use crate::directory::{Directory, OpenError};
use crate::import::decode::DecodeError;
use crate::import::push::{self, PushError, PushRequest, Pushed};
use crate::import::{ImportError, ImportProgress, ImportRequest, ImportSummary, tail};
use crate::index::rebuild::{RebuildError, RebuildProgress, Rebuilt};
use crate::kv::db::KvError;
use crate::manage::{NewStore, StoreError, StoreUpdate};
use crate::recovery::Recovered;
use crate::retention;
use crate::saved::{Overwrite, SavedEntry, SavedError, SavedQuery};
use crate::scan::Cancel;
pub use crate::writer::{Done, yield_to_queries};
use crate::writer::{WriteOptions, Writer};
use listener::Listener;
use talk::{Progress, Reply, Request, ask, unexpected};

/// How often a process that waits for the directory looks again.
const RETRY_EVERY: Duration = Duration::from_millis(50);
/// An owner that is closing needs a moment between its socket and its lock.
const RETRIES_MAX: u32 = 200;

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
    Saved(#[from] SavedError),
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    #[error(transparent)]
    Push(#[from] PushError),
    #[error(transparent)]
    Kv(#[from] KvError),
    #[error("keeping what was sent in {}: {source}", path.display())]
    Spool { path: PathBuf, source: io::Error },
    /// The process that owns the directory refused the request.
    #[error("{message}")]
    Refused { refusal: Refusal, message: String },
    /// The process that owns the directory could not do it.
    #[error("{message}")]
    Remote { message: String },
    #[error("talking to the process that writes {}: {source}", path.display())]
    Talk { path: PathBuf, source: io::Error },
}

/// What is wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// What it is about is not there.
    NotFound,
    /// It does not go together with what is there.
    Conflict,
    Invalid,
    TooLarge,
}

impl SessionError {
    /// Whether the request itself was wrong, and how.
    pub fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Refused { refusal, .. } => Some(*refusal),
            Self::Import(error) | Self::Push(PushError::Import(error)) => match error {
                ImportError::NoSuchStore { .. } => Some(Refusal::NotFound),
                ImportError::StoreNotEnabled { .. } => Some(Refusal::Conflict),
                ImportError::Discover(_) => Some(Refusal::Invalid),
                _ => None,
            },
            Self::Push(PushError::Decode(DecodeError::Expands { .. })) => Some(Refusal::TooLarge),
            Self::Push(PushError::Decode(DecodeError::Read { .. })) => None,
            Self::Push(_) => Some(Refusal::Invalid),
            Self::Store(error) => match error {
                StoreError::NotFound { .. } => Some(Refusal::NotFound),
                StoreError::AlreadyExists { .. }
                | StoreError::Protected { .. }
                | StoreError::PendingDeletion { .. }
                | StoreError::Purging { .. }
                | StoreError::NotDeleted { .. } => Some(Refusal::Conflict),
                StoreError::BadName { .. }
                | StoreError::BadRetention { .. }
                | StoreError::Selectors(_) => Some(Refusal::Invalid),
                StoreError::Kv(_) => None,
            },
            Self::Saved(error) => match error {
                SavedError::NotFound { .. } => Some(Refusal::NotFound),
                SavedError::AlreadyExists { .. } => Some(Refusal::Conflict),
                SavedError::BadName { .. } | SavedError::Twice { .. } => Some(Refusal::Invalid),
                SavedError::TooLarge { .. } => Some(Refusal::TooLarge),
                SavedError::Kv(_) => None,
            },
            Self::Accounts(error) => match error {
                AccountsError::Wrong { .. } => Some(Refusal::Invalid),
                AccountsError::Kv(_) => None,
            },
            _ => None,
        }
    }

    /// Whether the request itself was wrong.
    pub fn is_usage(&self) -> bool {
        self.refusal().is_some()
    }
}

/// The means to write a directory, whoever owns it.
pub struct Session {
    directory: Directory,
    options: WriteOptions,
    is_serving: bool,
    /// Shared with the listener, which may have to empty it.
    owner: Arc<Slot>,
}

/// None while another process owns the directory, or nobody does.
type Slot = Mutex<Option<Owner>>;

struct Owner {
    writer: Arc<Writer>,
    listener: Listener,
}

/// An owner's own and its listener's, when nobody works with the writer.
const OWN_REFERENCES: usize = 2;

impl Session {
    /// Takes the directory, or finds the process that has it.
    pub fn open(root: &Path, options: &WriteOptions) -> Result<Self, OpenError> {
        Self::open_as(root, options, false)
    }

    /// The same for a process that answers queries as long as it has the directory:
    /// what it writes lets them go first, and it keeps house by
    /// [`Self::seal_due`], [`Self::merge_due`] and [`Self::expire`].
    pub fn open_serving(root: &Path, options: &WriteOptions) -> Result<Self, OpenError> {
        Self::open_as(root, options, true)
    }

    fn open_as(root: &Path, options: &WriteOptions, is_serving: bool) -> Result<Self, OpenError> {
        let directory = Directory::at(root);
        let session = Self {
            directory,
            options: options.clone(),
            is_serving,
            owner: Arc::default(),
        };
        *session.owner.lock() = session.take_or_find()?;
        Ok(session)
    }

    /// Where files lie that are on their way, by a path that any process can open.
    pub fn tmp_folder(&self) -> PathBuf {
        let folder = self.directory.tmp();
        folder.canonicalize().unwrap_or(folder)
    }

    /// Whether another process does the work.
    pub fn is_guest(&self) -> bool {
        self.owner.lock().is_none()
    }

    /// What the last process left half done.
    pub fn recovered(&self) -> Recovered {
        self.writer().map(|w| w.recovered()).unwrap_or_default()
    }

    fn writer(&self) -> Option<Arc<Writer>> {
        let owner = self.owner.lock();
        owner.as_ref().map(|owner| Arc::clone(&owner.writer))
    }

    /// Makes this process the owner; none where another one is and takes work.
    fn take_or_find(&self) -> Result<Option<Owner>, OpenError> {
        let mut retries = 0;
        loop {
            let options = self.options.clone();
            match Writer::open_as(self.directory.root(), options, self.is_serving) {
                Ok(writer) => {
                    let writer = Arc::new(writer);
                    retention::expire(&writer.core, (writer.core.options.clock)())?;
                    let listener = Listener::start(&writer, Arc::downgrade(&self.owner))?;
                    return Ok(Some(Owner { writer, listener }));
                }
                Err(OpenError::Owned { path }) => {
                    if UnixStream::connect(self.directory.socket()).is_ok() {
                        return Ok(None);
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

    /// Has the owner carry out the request; gives the writer back where this
    /// process is the owner, or becomes it because the other one has left.
    fn hand_over(
        &self,
        request: &Request,
        on_progress: &mut dyn FnMut(&Progress),
        cancel: &Cancel,
    ) -> Result<Side, SessionError> {
        loop {
            match self.writer() {
                Some(writer) if !writer.has_failed() => return Ok(Side::Owner(writer)),
                // It is this function's until then, and would be waited for.
                Some(writer) => drop(writer),
                None => {}
            }
            leave_if_failed(&self.owner);
            if let Some(reply) = ask(&self.directory, request, on_progress, cancel)? {
                return Ok(Side::Guest(reply));
            }
            let mut owner = self.owner.lock();
            if owner.is_none() {
                *owner = self.take_or_find()?;
            }
            if owner.is_none() {
                // An owner that is about to leave takes no work.
                std::thread::sleep(RETRY_EVERY);
            }
        }
    }

    pub fn import(
        &self,
        request: &ImportRequest,
        on_progress: &mut dyn FnMut(&ImportProgress),
        cancel: &Cancel,
    ) -> Result<ImportSummary, SessionError> {
        let mut on_any = |progress: &Progress| {
            if let Progress::Import(progress) = progress {
                on_progress(progress);
            }
        };
        match self.hand_over(&Request::Import(request.clone()), &mut on_any, cancel)? {
            Side::Owner(writer) => work::import(&writer.core, request, on_progress, cancel),
            Side::Guest(Reply::Imported(summary)) => Ok(summary),
            Side::Guest(other) => Err(unexpected(&self.directory, &other)),
        }
    }

    /// Takes events that were sent: durable, and visible to every process, when it
    /// returns. What waits at the same time is written together.
    pub fn push(&self, request: &PushRequest, body: &[u8]) -> Result<Pushed, SessionError> {
        if let Some(writer) = self.writer().filter(|w| !w.has_failed()) {
            return work::push(&writer.core, request, &mut &*body);
        }
        let spooled = Spooled::of(&self.directory, body)?;
        let handed = Request::Push(request.clone(), spooled.0.clone());
        match self.hand_over(&handed, &mut |_| {}, &Cancel::default())? {
            Side::Owner(writer) => work::push(&writer.core, request, &mut &*body),
            Side::Guest(Reply::Pushed(pushed)) => Ok(pushed),
            Side::Guest(other) => Err(unexpected(&self.directory, &other)),
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
        match self.hand_over(&request, &mut |_| {}, &Cancel::default())? {
            Side::Owner(writer) => work::change_store(&writer.core, request),
            Side::Guest(Reply::Store(store)) => Ok(store),
            Side::Guest(other) => Err(unexpected(&self.directory, &other)),
        }
    }

    /// Rebuilds the splits of a store from its events.
    pub fn reindex(
        &self,
        store: &str,
        on_progress: &mut dyn FnMut(&RebuildProgress),
        cancel: &Cancel,
    ) -> Result<Rebuilt, SessionError> {
        let mut on_any = |progress: &Progress| {
            if let Progress::Reindex(progress) = progress {
                on_progress(progress);
            }
        };
        match self.hand_over(&Request::Reindex(store.to_owned()), &mut on_any, cancel)? {
            Side::Owner(writer) => work::reindex(&writer.core, store, on_progress, cancel),
            Side::Guest(Reply::Reindexed(rebuilt)) => Ok(rebuilt),
            Side::Guest(other) => Err(unexpected(&self.directory, &other)),
        }
    }

    /// Saves a query.
    pub fn put_saved_query(
        &self,
        query: SavedQuery,
        overwrite: Overwrite,
    ) -> Result<SavedEntry, SessionError> {
        let saved = self.put_saved_queries(vec![query], overwrite)?;
        let mut saved = saved.into_iter();
        saved.next().ok_or_else(|| SessionError::Remote {
            message: "the process that writes saved no query".to_owned(),
        })
    }

    /// Saves queries, all or none.
    pub fn put_saved_queries(
        &self,
        queries: Vec<SavedQuery>,
        overwrite: Overwrite,
    ) -> Result<Vec<SavedEntry>, SessionError> {
        let request = Request::PutSavedQueries(queries.clone(), overwrite);
        match self.hand_over(&request, &mut |_| {}, &Cancel::default())? {
            Side::Owner(writer) => work::put_saved_queries(&writer.core, queries, overwrite),
            Side::Guest(Reply::Saved(saved)) => Ok(saved),
            Side::Guest(other) => Err(unexpected(&self.directory, &other)),
        }
    }

    /// Forgets a saved query and gives what it was.
    pub fn delete_saved_query(&self, name: &str) -> Result<SavedEntry, SessionError> {
        let request = Request::DeleteSavedQuery(name.to_owned());
        match self.hand_over(&request, &mut |_| {}, &Cancel::default())? {
            Side::Owner(writer) => work::delete_saved_query(&writer.core, name),
            Side::Guest(Reply::SavedDeleted(entry)) => Ok(entry),
            Side::Guest(other) => Err(unexpected(&self.directory, &other)),
        }
    }

    /// Puts the accounts in the place of all that were known.
    pub fn put_accounts(&self, accounts: Vec<Account>) -> Result<(), SessionError> {
        let request = Request::PutAccounts(accounts.clone());
        match self.hand_over(&request, &mut |_| {}, &Cancel::default())? {
            Side::Owner(writer) => work::put_accounts(&writer.core, &accounts),
            Side::Guest(Reply::AccountsPut) => Ok(()),
            Side::Guest(other) => Err(unexpected(&self.directory, &other)),
        }
    }

    /// Builds a split anew that a query found damaged; none where it is not published
    /// any more. The next snapshot names what took its place.
    pub fn mend(&self, split: u64) -> Result<Option<Rebuilt>, SessionError> {
        match self.hand_over(&Request::Mend(split), &mut |_| {}, &Cancel::default())? {
            Side::Owner(writer) => work::mend(&writer.core, split),
            Side::Guest(Reply::Mended(rebuilt)) => Ok(rebuilt),
            Side::Guest(other) => Err(unexpected(&self.directory, &other)),
        }
    }

    /// Ends the session: work of other processes is finished, pushed events
    /// become splits, and the directory is free.
    pub fn close(&self) -> Result<(), SessionError> {
        self.close_by(&Cancel::default())
    }

    /// The same; work of other processes is cancelled with `hurry`, and they are told
    /// how far it came.
    pub fn close_by(&self, hurry: &Cancel) -> Result<(), SessionError> {
        let Some(mut owner) = self.owner.lock().take() else {
            return Ok(());
        };
        owner.listener.close_by(hurry);
        // Who still works here ends it now, and writes down how far it came.
        let mut retries = 0;
        while Arc::strong_count(&owner.writer) > OWN_REFERENCES && retries < RETRIES_MAX {
            retries += 1;
            std::thread::sleep(RETRY_EVERY);
        }
        let core = &owner.writer.core;
        let stores = core.tail.lock().stores();
        for store in stores {
            tail::seal(core, store)?;
        }
        push::end(core)?;
        Ok(())
    }
}

/// What was sent, as a file that the owner can read; removed with this.
struct Spooled(PathBuf);

impl Spooled {
    fn of(directory: &Directory, body: &[u8]) -> Result<Self, SessionError> {
        static SPOOLED: AtomicU64 = AtomicU64::new(0);
        let n = SPOOLED.fetch_add(1, Ordering::Relaxed);
        let name = format!("push-{}-{n}", std::process::id());
        let folder = directory.tmp();
        let path = folder.canonicalize().unwrap_or(folder).join(name);
        let spooled = Self(path.clone());
        let mut options = fs::File::options();
        let file = options.write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(body))
            .map_err(|source| SessionError::Spool { path, source })?;
        Ok(spooled)
    }
}

impl Drop for Spooled {
    fn drop(&mut self) {
        // What stays behind is removed with everything in `tmp` at the next open.
        let _ = fs::remove_file(&self.0);
    }
}

/// Who carries out a request.
#[allow(
    clippy::large_enum_variant,
    reason = "there is one at a time, and it is moved once"
)]
enum Side {
    /// This process does, with the writer.
    Owner(Arc<Writer>),
    /// Another one has, and this is its last reply.
    Guest(Reply),
}

/// Closes a directory that a write failed in, once everyone who still works in
/// it has noticed. Who has work next takes it.
fn leave_if_failed(slot: &Slot) {
    let mut owner = slot.lock();
    if !owner.as_ref().is_some_and(|o| o.writer.has_failed()) {
        return;
    }
    if let Some(Owner { writer, listener }) = owner.take() {
        drop(listener);
        while Arc::strong_count(&writer) > 1 {
            std::thread::sleep(RETRY_EVERY);
        }
    }
}
