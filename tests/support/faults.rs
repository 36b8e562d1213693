//! A disk that refuses: of the calls under a folder, the n-th of a kind fails,
//! or all from the n-th on until it is healed.
//!
//! [`super::calls`] asks here. While nothing is ordered, asking costs it one
//! look at a number.

use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

/// What may fail. A write is also what takes room ahead of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Open,
    Read,
    Write,
    Sync,
    /// Making, renaming, linking and removing names.
    Name,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// With this number, and nothing is done.
    Error(c_int),
    /// A write takes the first half of its bytes and says so; other calls go on.
    Half,
}

/// Which calls fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    pub call: Call,
    pub refusal: Refusal,
    /// The first one that fails, counted from 1.
    pub at: usize,
    /// Whether all that follow fail too.
    pub lasts: bool,
}

/// The faults of one folder.
pub struct Faults {
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    order: Option<Order>,
    so_far: Calls,
}

/// Calls of the kind of an order, since it was given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    pub made: usize,
    /// Of these.
    pub refused: usize,
}

/// The folders of tests that run.
static WATCHED: Mutex<Vec<Weak<Faults>>> = Mutex::new(Vec::new());
/// How many orders there are.
static ORDERS: AtomicUsize = AtomicUsize::new(0);

impl Faults {
    pub fn under(root: &Path) -> Arc<Self> {
        let faults = Arc::new(Self {
            root: root.canonicalize().expect("a folder of ours"),
            state: Mutex::default(),
        });
        let mut watched = WATCHED.lock().expect("nothing panics under it");
        watched.retain(|other| other.strong_count() > 0);
        watched.push(Arc::downgrade(&faults));
        faults
    }

    /// Has calls fail from now on, counted anew.
    pub fn order(&self, order: Order) {
        self.heal();
        self.state.lock().expect("nothing panics under it").order = Some(order);
        ORDERS.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends it.
    pub fn heal(&self) -> Calls {
        let state = std::mem::take(&mut *self.state.lock().expect("nothing panics under it"));
        if state.order.is_some() {
            ORDERS.fetch_sub(1, Ordering::Relaxed);
        }
        state.so_far
    }

    fn refusal(&self, call: Call) -> Option<Refusal> {
        let mut state = self.state.lock().expect("nothing panics under it");
        let order = state.order.filter(|order| order.call == call)?;
        state.so_far.made += 1;
        let is_meant = match order.lasts {
            true => state.so_far.made >= order.at,
            false => state.so_far.made == order.at,
        };
        state.so_far.refused += usize::from(is_meant);
        is_meant.then_some(order.refusal)
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        self.heal();
    }
}

/// Whether and how a call on `path` fails.
pub(super) fn refusal(call: Call, path: impl FnOnce() -> Option<PathBuf>) -> Option<Refusal> {
    if ORDERS.load(Ordering::Relaxed) == 0 {
        return None;
    }
    let path = path()?;
    let watched: Vec<Arc<Faults>> = {
        let watched = WATCHED.lock().expect("nothing panics under it");
        watched.iter().filter_map(Weak::upgrade).collect()
    };
    let meant = watched.iter().filter(|f| path.starts_with(&f.root));
    meant.filter_map(|f| f.refusal(call)).next()
}

#[test]
fn what_is_ordered_fails_and_nothing_else() {
    use std::fs;
    let folder = tempfile::tempdir().expect("a folder");
    let (here, elsewhere) = (folder.path().join("here"), folder.path().join("elsewhere"));
    for path in [&here, &elsewhere] {
        fs::create_dir(path).expect("a folder");
    }
    let faults = Faults::under(&here);
    let second_write = Order {
        call: Call::Write,
        refusal: Refusal::Error(libc::ENOSPC),
        at: 2,
        lasts: false,
    };
    faults.order(second_write);
    let tried = |at: &Path| fs::write(at.join("file"), "bytes").map_err(|e| e.raw_os_error());
    let full = Err(Some(libc::ENOSPC));
    assert_eq!([tried(&here), tried(&elsewhere)], [Ok(()), Ok(())]);
    assert_eq!([tried(&here), tried(&here)], [full, Ok(())]);
    assert_eq!(faults.heal().refused, 1);

    let from_first = |call, refusal| Order {
        call,
        refusal,
        at: 1,
        lasts: true,
    };
    faults.order(from_first(Call::Write, Refusal::Error(libc::ENOSPC)));
    assert_eq!([tried(&here), tried(&here)], [full, full]);
    assert_eq!(faults.heal().refused, 2);
    assert_eq!(tried(&here), Ok(()));

    faults.order(from_first(Call::Write, Refusal::Half));
    assert_eq!(tried(&here), Ok(()), "the rest is written after it");
    assert_eq!(
        faults.heal().refused,
        3,
        "of 5 bytes 3, of 2 one, and the last"
    );
    assert_eq!(fs::read(here.join("file")).expect("read"), b"bytes");

    let failing = |call| {
        faults.order(from_first(call, Refusal::Error(libc::EIO)));
        let done = [
            fs::File::open(here.join("file")).is_ok(),
            fs::read(here.join("file")).is_ok(),
            fs::File::open(&here).and_then(|f| f.sync_all()).is_ok(),
            fs::rename(here.join("file"), here.join("file")).is_ok(),
        ];
        faults.heal();
        done
    };
    assert_eq!(failing(Call::Open), [false, false, false, true]);
    assert_eq!(failing(Call::Read), [true, false, true, true]);
    assert_eq!(failing(Call::Sync), [true, true, false, true]);
    assert_eq!(failing(Call::Name), [true, true, true, false]);
}
