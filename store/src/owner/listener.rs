//! The owner's end: takes work from other processes and carries it out.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};

use super::talk::{Progress, Reply, Request};
use super::work::{
    change_store, delete_saved_query, import, mend, push, put_accounts, put_saved_queries, reindex,
};
use super::{RETRY_EVERY, Refusal, SessionError, Slot, leave_if_failed};
use crate::directory::OpenError;
use crate::import::ImportProgress;
use crate::index::rebuild::RebuildProgress;
use crate::scan::Cancel;
use crate::writer::{Core, Writer};

/// Listens on the directory's socket until it is closed or dropped.
pub(super) struct Listener {
    writer: Arc<Writer>,
    guests: Arc<Guests>,
    /// The listening socket, which is shut down to wake the thread: its file may
    /// be gone.
    wake: UnixStream,
    thread: Option<JoinHandle<()>>,
}

/// Other processes that are being served.
#[derive(Default)]
struct Guests {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    served: usize,
    /// What ends the work of each.
    working: Vec<(u64, Cancel)>,
    next_guest: u64,
    /// Nobody is taken in any more.
    closed: bool,
}

impl Listener {
    /// `slot` is where the writer is given up when a write of it has failed.
    pub fn start(writer: &Arc<Writer>, slot: Weak<Slot>) -> Result<Self, OpenError> {
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
        let wake = OwnedFd::from(listener.try_clone().map_err(failed("listening on"))?).into();
        let guests = Arc::new(Guests::default());
        let (for_writer, for_guests) = (Arc::clone(writer), Arc::clone(&guests));
        let thread = std::thread::Builder::new()
            .name("owner".to_owned())
            .spawn(move || listen(&listener, &for_writer, &for_guests, &slot))
            .map_err(failed("starting the listener of"))?;
        Ok(Self {
            writer: Arc::clone(writer),
            guests,
            wake,
            thread: Some(thread),
        })
    }

    /// Waits for the work of other processes; while there is some, more is
    /// taken in, because nobody else could do it. A writer that has failed
    /// could not either. With `hurry` the work is cancelled.
    pub fn close_by(&mut self, hurry: &Cancel) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        {
            let mut state = self.guests.state.lock();
            state.closed = self.writer.has_failed();
            while state.served > 0 {
                if hurry.is_cancelled() {
                    state.closed = true;
                    state.working.iter().for_each(|(_, cancel)| cancel.cancel());
                }
                self.guests.changed.wait_for(&mut state, RETRY_EVERY);
            }
            state.closed = true;
        }
        let path = self.writer.core.directory.socket();
        // Either wakes the thread: not every system ends a wait by the one, and the
        // other fails where somebody has removed the file.
        let _ = self.wake.shutdown(Shutdown::Both);
        let _ = UnixStream::connect(&path);
        let _ = fs::remove_file(&path);
        let _ = thread.join();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.close_by(&Cancel::default());
    }
}

impl Guests {
    /// Whether there is one more to be served.
    fn take_in(&self) -> bool {
        let mut state = self.state.lock();
        if !state.closed {
            state.served += 1;
        }
        !state.closed
    }

    fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    fn let_go(&self) {
        self.state.lock().served -= 1;
        self.changed.notify_all();
    }

    fn begin_work(&self) -> (u64, Cancel) {
        let mut state = self.state.lock();
        let guest = (state.next_guest, Cancel::default());
        state.next_guest += 1;
        state.working.push(guest.clone());
        guest
    }

    fn end_work(&self, guest: u64) {
        self.state.lock().working.retain(|(n, _)| *n != guest);
    }
}

fn listen(listener: &UnixListener, writer: &Arc<Writer>, guests: &Guests, slot: &Weak<Slot>) {
    let mut is_leaving = false;
    std::thread::scope(|scope| {
        for connection in listener.incoming() {
            if writer.has_failed() && !guests.is_closed() {
                // Who asks finds that we have left, or are about to.
                if !is_leaving {
                    leave_soon(slot);
                }
                is_leaving = true;
                continue;
            }
            // Who is not taken in finds that we have left.
            if !guests.take_in() {
                break;
            }
            match connection {
                Ok(stream) => {
                    let core = &writer.core;
                    scope.spawn(move || {
                        let (guest, cancel) = guests.begin_work();
                        serve(core, stream, &cancel);
                        guests.end_work(guest);
                        guests.let_go();
                    });
                }
                Err(error) => {
                    guests.let_go();
                    tracing::warn!(%error, "a process could not hand its work over");
                    // Out of file handles, the same one comes again at once.
                    std::thread::sleep(RETRY_EVERY);
                }
            }
        }
    });
}

/// Gives the writer up, from a thread that nobody who gives it up waits for.
fn leave_soon(slot: &Weak<Slot>) {
    let slot = Weak::clone(slot);
    std::thread::spawn(move || {
        // A session that is closing gives it up itself.
        if let Some(slot) = slot.upgrade() {
            leave_if_failed(&slot);
        }
    });
}

/// Carries out the request of one connection.
fn serve(core: &Core, stream: UnixStream, cancel: &Cancel) {
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
        Err(error) => Reply::Refused(
            Refusal::Invalid,
            format!(
                "this process does not understand the request ({error}); is it another version of tarn?"
            ),
        ),
        Ok(request) => {
            std::thread::scope(|scope| {
                let watcher = scope.spawn(|| watch_for_hanging_up(&mut reading, cancel));
                let done = carry_out(core, request, &send, cancel);
                // Ends the watcher's read.
                let _ = stream.shutdown(Shutdown::Read);
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
        Request::Push(request, path) => fs::File::open(&path)
            .map_err(|source| SessionError::Spool { path, source })
            .and_then(|mut body| push(core, &request, &mut body))
            .map(Reply::Pushed),
        Request::Reindex(store) => {
            let mut on_progress =
                |p: &RebuildProgress| send(&Reply::Progress(Progress::Reindex(*p)));
            reindex(core, &store, &mut on_progress, cancel).map(Reply::Reindexed)
        }
        Request::Mend(split) => mend(core, split).map(Reply::Mended),
        Request::PutSavedQueries(queries, overwrite) => {
            put_saved_queries(core, queries, overwrite).map(Reply::Saved)
        }
        Request::DeleteSavedQuery(name) => delete_saved_query(core, &name).map(Reply::SavedDeleted),
        Request::PutAccounts(accounts) => {
            put_accounts(core, &accounts).map(|()| Reply::AccountsPut)
        }
        change => change_store(core, change).map(Reply::Store),
    };
    done.unwrap_or_else(|error| match error.refusal() {
        Some(refusal) => Reply::Refused(refusal, error.to_string()),
        None => Reply::Failed(error.to_string()),
    })
}
