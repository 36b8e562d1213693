//! What the server does unasked: it takes the directory when its owner leaves, makes
//! splits of what was pushed, merges, builds splits anew that queries found damaged, and
//! drops what has expired, results of queries too.

use std::collections::BTreeSet;
use std::io;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tarn_store::Cancel;
use tarn_store::owner::{SessionError, yield_to_queries};

use crate::state::ServerState;

const LOOK_EVERY: Duration = Duration::from_secs(1);
const SLEEP: Duration = Duration::from_millis(50);
const EXPIRE_EVERY: Duration = Duration::from_secs(3_600);

/// The threads that do it, until it is stopped.
pub struct Upkeep {
    stop: Cancel,
    threads: Vec<JoinHandle<()>>,
}

impl Upkeep {
    pub fn start(state: &ServerState) -> io::Result<Self> {
        let stop = Cancel::default();
        let mut threads = Vec::new();
        // Apart from merges, which take seconds, because the tail grows meanwhile.
        let (sealing, until) = (state.clone(), stop.clone());
        threads.push(spawn("sealing", move || seal(&sealing, &until))?);
        let (merging, until) = (state.clone(), stop.clone());
        threads.push(spawn("merging", move || merge(&merging, &until))?);
        Ok(Self { stop, threads })
    }

    /// Waits for what is being done.
    pub fn stop(self) {
        self.stop.cancel();
        for thread in self.threads {
            // What it had to say of a panic is in the log.
            let _ = thread.join();
        }
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
}

fn seal(state: &ServerState, stop: &Cancel) {
    let session = state.session();
    while wait(stop) {
        told(
            "the directory cannot be taken",
            session.take_over().map(drop),
        );
        told("pushed events stay in the tail", session.seal_due());
    }
}

fn merge(state: &ServerState, stop: &Cancel) {
    yield_to_queries();
    let session = state.session();
    // It was done when the directory was taken.
    let mut expired = Instant::now();
    let mut not_mended = BTreeSet::new();
    while wait(stop) {
        mend(state, &mut not_mended);
        told("splits could not be merged", session.merge_due(stop));
        if expired.elapsed() >= EXPIRE_EVERY {
            told("what has expired is still there", session.expire());
            state.jobs().sweep();
            expired = Instant::now();
        }
    }
}

/// Builds lost splits anew, each of which is tried once: every query that needs it names
/// it again.
fn mend(state: &ServerState, not_mended: &mut BTreeSet<u64>) {
    for split in state.take_lost_splits() {
        if not_mended.contains(&split) {
            continue;
        }
        match state.session().mend(split) {
            Ok(Some(_)) => tracing::warn!(split, "a damaged split was built anew from the events"),
            Ok(None) => {}
            Err(error) => {
                tracing::error!(split, %error, "a damaged split cannot be built anew");
                not_mended.insert(split);
            }
        }
    }
}

/// Whether to go on.
fn wait(stop: &Cancel) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < LOOK_EVERY && !stop.is_cancelled() {
        std::thread::sleep(SLEEP);
    }
    !stop.is_cancelled()
}

/// The next look tries again.
fn told(what: &str, done: Result<(), SessionError>) {
    if let Err(error) = done {
        tracing::warn!(%error, "{what}");
    }
}
