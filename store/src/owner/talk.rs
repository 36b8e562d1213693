//! The words between a process and the one that writes the directory.
//!
//! JSON, a message a line: one [`Request`], then any number of
//! [`Reply::Progress`], then one last reply. Hanging up cancels.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Refusal, SessionError};
use crate::accounts::Account;
use crate::data_store::EventDataStore;
use crate::directory::Directory;
use crate::import::push::{PushRequest, Pushed};
use crate::import::{ImportProgress, ImportRequest, ImportSummary};
use crate::index::rebuild::{RebuildProgress, Rebuilt};
use crate::manage::{NewStore, StoreUpdate};
use crate::saved::{Overwrite, SavedEntry, SavedQuery};
use crate::scan::Cancel;

/// Work that writes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Request {
    Import(ImportRequest),
    /// What was pushed lies in the file.
    Push(PushRequest, PathBuf),
    CreateStore(NewStore),
    UpdateStore(String, StoreUpdate),
    DeleteStore(String),
    RestoreStore(String),
    Reindex(String),
    /// A split that a reader found damaged.
    Mend(u64),
    PutSavedQueries(Vec<SavedQuery>, Overwrite),
    DeleteSavedQuery(String),
    PutAccounts(Vec<Account>),
}

/// What the owner says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Reply {
    Progress(Progress),
    Imported(ImportSummary),
    Pushed(Pushed),
    Store(EventDataStore),
    Reindexed(Rebuilt),
    Mended(Option<Rebuilt>),
    Saved(Vec<SavedEntry>),
    SavedDeleted(SavedEntry),
    AccountsPut,
    /// The request is as it should not be.
    Refused(Refusal, String),
    /// The request could not be carried out.
    Failed(String),
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) enum Progress {
    Import(ImportProgress),
    Reindex(RebuildProgress),
}

/// Hands a request to the owner and waits for its last reply; none where the
/// owner has left, or leaves before it has said a word.
pub(super) fn ask(
    directory: &Directory,
    request: &Request,
    on_progress: &mut dyn FnMut(&Progress),
    cancel: &Cancel,
) -> Result<Option<Reply>, SessionError> {
    let path = directory.socket();
    let failed = |source| SessionError::Talk {
        path: path.clone(),
        source,
    };
    let mut stream = match UnixStream::connect(&path) {
        Ok(stream) => stream,
        Err(error) if has_left(&error) => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut message = serde_json::to_vec(request).map_err(|e| failed(e.into()))?;
    message.push(b'\n');
    match stream.write_all(&message) {
        Err(error) if has_left(&error) => return Ok(None),
        written => written.map_err(failed)?,
    }
    stream
        .set_read_timeout(Some(Duration::from_millis(200)))
        .map_err(failed)?;
    let mut reading = BufReader::new(stream.try_clone().map_err(failed)?);
    let mut line = Vec::new();
    let mut hung_up = false;
    let mut has_answered = false;
    loop {
        match reading.read_until(b'\n', &mut line) {
            Ok(0) if !has_answered => return Ok(None),
            Err(error) if !has_answered && has_left(&error) => return Ok(None),
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
                has_answered = true;
                match reply {
                    Reply::Progress(progress) => on_progress(&progress),
                    Reply::Refused(refusal, message) => {
                        return Err(SessionError::Refused { refusal, message });
                    }
                    Reply::Failed(message) => return Err(SessionError::Remote { message }),
                    done => return Ok(Some(done)),
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

/// Whether nobody is at the other end any more.
fn has_left(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
    )
}

pub(super) fn unexpected(directory: &Directory, reply: &Reply) -> SessionError {
    SessionError::Talk {
        path: directory.socket(),
        source: io::Error::new(io::ErrorKind::InvalidData, format!("answered {reply:?}")),
    }
}
