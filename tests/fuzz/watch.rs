//! Bounds of one input: what goes beyond them ends the process, with the input
//! shown, because nothing else ends a hang.

use std::process::abort;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use crate::support::victim::anonymous_bytes;

/// No input takes a second; but a machine that is busy with something else may give
/// the tests hardly any time.
const TIME_MAX: Duration = Duration::from_secs(300);
/// Of the whole process, in which other tests run as well.
const BYTES_MAX: u64 = 4 << 30;
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Runs `work`. Aborts the process where it does not end, or takes all memory.
pub fn within_bounds(target: &str, input: &[u8], work: impl FnOnce()) {
    let begun = Instant::now();
    std::thread::scope(|scope| {
        let (ended, end) = channel::<()>();
        scope.spawn(move || {
            while end.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                let beyond = match bytes() {
                    _ if begun.elapsed() > TIME_MAX => format!("{TIME_MAX:?}"),
                    bytes if bytes > BYTES_MAX => format!("{bytes} bytes"),
                    _ => continue,
                };
                eprintln!(
                    "{target} took more than {beyond} of b\"{}\"",
                    input.escape_ascii()
                );
                abort();
            }
        });
        // Dropped when `work` ends, also by a panic.
        let _ended = ended;
        work();
    });
}

/// Memory of this process that no file holds; 0 where that is not known.
fn bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    anonymous_bytes(&status).unwrap_or(0)
}
