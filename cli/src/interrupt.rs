//! Ctrl-C: the first press cancels cleanly, the second aborts.
//!
//! The signals are waited for on a thread of their own, so nothing runs inside
//! a signal handler. Aborting skips exit handlers: the disk is made for being
//! left at any moment, and threads in the middle of their work could hold the
//! process up.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tarn_store::Cancel;

use crate::exit::Exit;

/// The process's answer to SIGINT and SIGTERM.
#[derive(Clone, Default)]
pub struct Interrupts(Arc<State>);

#[derive(Default)]
struct State {
    pressed: AtomicBool,
    current: Mutex<Cancel>,
}

impl Interrupts {
    /// Starts to listen.
    pub fn listen(notify: impl Fn() + Send + 'static) -> io::Result<Self> {
        let interrupts = Self::default();
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let state = Arc::clone(&interrupts.0);
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                for _ in signals.forever() {
                    if state.pressed.swap(true, Ordering::SeqCst) {
                        signal_hook::low_level::exit(i32::from(Exit::Interrupted.code()));
                    }
                    state.current().cancel();
                    notify();
                }
            })?;
        Ok(interrupts)
    }

    /// What the first press cancels.
    pub fn cancel(&self) -> Cancel {
        self.0.current()
    }

    /// Whether it was pressed since the start, or since the last [`Self::rearm`].
    pub fn pressed(&self) -> bool {
        self.0.pressed.load(Ordering::SeqCst)
    }

    /// Forgets an earlier press: the next one is a first one, for the work
    /// that takes this `Cancel`. The shell calls it for each query.
    pub fn rearm(&self) -> Cancel {
        let fresh = Cancel::default();
        *self
            .0
            .current
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = fresh.clone();
        self.0.pressed.store(false, Ordering::SeqCst);
        fresh
    }
}

impl State {
    fn current(&self) -> Cancel {
        self.current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Whether the time passed without being cancelled.
pub fn wait(time: Duration, cancel: &Cancel) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < time {
        if cancel.is_cancelled() {
            return false;
        }
        thread::sleep(Duration::from_millis(50));
    }
    !cancel.is_cancelled()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rearming_leaves_the_cancelled_work_cancelled() {
        let interrupts = Interrupts::default();
        let first = interrupts.cancel();
        first.cancel();
        let second = interrupts.rearm();
        assert!(first.is_cancelled());
        assert!(!second.is_cancelled());
        interrupts.cancel().cancel();
        assert!(second.is_cancelled());
    }
}
