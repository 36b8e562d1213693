//! What every command works with: the data directory, limits, terminal, clock.
//!
//! The libraries read neither clock nor environment; both are read here and
//! handed down.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context as _;

use tarn_query::Tz;
use tarn_query::accounts;
use tarn_query::time::parse_time_bound;
use tarn_server::client::{Address, Client, ClientError};
use tarn_store::data_store::no_such_store;
use tarn_store::owner::{Session, SessionError};
use tarn_store::{AccountScope, EventDataStore, Reader, Snapshot, TimeRange, WriteOptions};

use crate::args::Global;
use crate::exit::{self, Exit, Failure};
use crate::interrupt::Interrupts;
use crate::places;
use crate::sizes::Bytes;
use crate::terminal::Terminal;

/// Unless told otherwise, no more memory is used than this, nor more than half
/// of the machine's.
const MEMORY_BYTES_DEFAULT: u64 = 2 << 30;

/// How soon Ctrl-C ends a wait.
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[derive(Clone)]
pub struct Context {
    /// As given or by the platform's rule; need not exist yet.
    pub data: PathBuf,
    /// The server that is asked in place of the directory.
    pub server: Option<Client>,
    /// Whether the command line names it, and not the environment.
    pub server_is_given: bool,
    pub memory_bytes: u64,
    pub threads: usize,
    pub terminal: Terminal,
    pub interrupts: Interrupts,
}

impl Context {
    /// `data_is_given` where the command line names the directory, and not the environment.
    pub fn new(global: &Global, data_is_given: bool, terminal: Terminal) -> anyhow::Result<Self> {
        let interrupts = Interrupts::listen(move || {
            terminal.note("stopping; Ctrl-C again aborts");
        })?;
        Ok(Self {
            data: places::data_dir(global.data.clone(), &places::environment)?,
            server: client(global, data_is_given)?,
            server_is_given: global.server.is_some(),
            memory_bytes: global
                .memory
                .map_or_else(default_memory, |Bytes(bytes)| bytes),
            threads: match global.threads {
                Some(threads) => usize::from(threads),
                None => thread::available_parallelism().map_or(1, usize::from),
            },
            terminal,
            interrupts,
        })
    }

    /// The same, with another data directory.
    pub fn with_data(&self, data: PathBuf) -> Self {
        Self {
            data,
            server: None,
            ..self.clone()
        }
    }

    /// The directory, for reading.
    pub fn reader(&self) -> anyhow::Result<Reader> {
        Ok(Reader::open(&self.data)?)
    }

    /// What is published now.
    pub fn snapshot(&self) -> anyhow::Result<Arc<Snapshot>> {
        Ok(self.reader()?.snapshot()?)
    }

    /// The directory, for writing, whoever owns it.
    pub fn session(&self) -> anyhow::Result<Session> {
        Ok(Session::open(&self.data, &self.write_options()?)?)
    }

    pub fn write_options(&self) -> anyhow::Result<WriteOptions> {
        Ok(WriteOptions {
            threads: self.threads,
            memory_bytes: usize::try_from(self.memory_bytes)?,
            clock: now_ms,
            on_step: None,
        })
    }

    /// The store that a name, UUID or ARN means.
    pub fn find_store<'s>(
        &self,
        snapshot: &'s Snapshot,
        reference: &str,
    ) -> anyhow::Result<&'s EventDataStore> {
        snapshot.find_store(reference).ok_or_else(|| {
            let names = snapshot.stores().iter().map(|store| store.name.as_str());
            exit::usage(no_such_store(reference, names))
        })
    }

    /// Asks the server, where there is one. Ctrl-C ends the wait.
    pub fn ask<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Client) -> Result<T, ClientError> + Send + 'static,
    ) -> Option<anyhow::Result<T>> {
        let client = self.server.clone()?;
        let (give, take) = mpsc::sync_channel(1);
        thread::spawn(move || {
            // Nobody waits for it after Ctrl-C.
            let _ = give.send(ask(&client));
        });
        Some(self.wait_for(&take).and_then(|answer| {
            let answer = answer.context("the client has failed")?;
            answer.map_err(|error| exit::server(error, ""))
        }))
    }

    /// Waits for what another thread sends, or for Ctrl-C; none where it sends no more.
    pub fn wait_for<T>(&self, from: &mpsc::Receiver<T>) -> anyhow::Result<Option<T>> {
        let cancel = self.interrupts.cancel();
        loop {
            match from.recv_timeout(LOOK_EVERY) {
                Ok(sent) => return Ok(Some(sent)),
                Err(RecvTimeoutError::Disconnected) => return Ok(None),
                Err(RecvTimeoutError::Timeout) if cancel.is_cancelled() => {
                    return Err(exit::interrupted());
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// The accounts of repeated `--account`, ids, names and organizational units; none
    /// given is all.
    pub fn scope(&self, snapshot: &Snapshot, accounts: &[String]) -> anyhow::Result<AccountScope> {
        accounts::scope(snapshot, accounts).map_err(|error| exit::query(&error, ""))
    }

    /// The zone of `--tz`, UTC unless given.
    pub fn zone(&self, name: Option<&str>) -> anyhow::Result<Tz> {
        let name = name.unwrap_or("UTC");
        name.parse().map_err(|_| {
            exit::usage(format!(
                "`{name}` is not a time zone; write it like UTC or Europe/Berlin"
            ))
        })
    }

    /// The range between two bounds as typed; a missing bound is open.
    pub fn time_range(
        &self,
        since: Option<&str>,
        until: Option<&str>,
        zone: Tz,
    ) -> anyhow::Result<TimeRange> {
        let now_ms = self.now_ms();
        let bound = |text: Option<&str>, open: i64| match text {
            None => Ok(open),
            Some(text) => {
                parse_time_bound(text, now_ms, zone).map_err(|error| exit::usage(error.to_string()))
            }
        };
        let range = TimeRange {
            start_ms: bound(since, TimeRange::ALL.start_ms)?,
            end_ms: bound(until, TimeRange::ALL.end_ms)?,
        };
        match range.is_empty() {
            true => Err(exit::usage("--since is not before --until")),
            false => Ok(range),
        }
    }

    /// An error of work that writes, with its exit.
    pub fn session_error(&self, error: SessionError) -> anyhow::Error {
        match error.is_usage() {
            true => Failure {
                exit: Exit::Usage,
                message: error.to_string(),
            }
            .into(),
            false => error.into(),
        }
    }

    /// Asks before something is destroyed.
    pub fn confirm(&self, question: &str, yes: bool) -> anyhow::Result<()> {
        if yes || self.terminal.confirm(question)? {
            return Ok(());
        }
        Err(exit::usage(
            "nothing was changed; --yes goes on without asking",
        ))
    }

    /// The time, in milliseconds since 1970 UTC.
    pub fn now_ms(&self) -> i64 {
        now_ms()
    }
}

/// The server of `--server`, or of the environment unless a directory is given.
fn client(global: &Global, data_is_given: bool) -> anyhow::Result<Option<Client>> {
    if global.server.is_some() && data_is_given {
        return Err(exit::usage(
            "--server and --data are two places; one of them is asked",
        ));
    }
    let of_environment = || {
        let url = places::environment("TARN_SERVER").filter(|url| !url.is_empty())?;
        (!data_is_given).then(|| url.to_string_lossy().into_owned())
    };
    let Some(url) = global.server.clone().or_else(of_environment) else {
        return Ok(None);
    };
    let address = Address::parse(&url).map_err(|error| exit::usage(error.to_string()))?;
    Ok(Some(Client::new(address)))
}

/// The system's time, in milliseconds since 1970 UTC.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

fn default_memory() -> u64 {
    let half = machine_memory().map_or(u64::MAX, |bytes| bytes / 2);
    MEMORY_BYTES_DEFAULT.min(half)
}

/// The memory of the machine, where the system tells it in Linux's way.
fn machine_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}
