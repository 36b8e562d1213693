//! A disk that refuses: at every call that an action makes, and for as long as
//! the action lasts.
//!
//! Whatever fails, the error says where; what was acknowledged is there; what
//! was not is there whole or not at all; and when the disk is well again, the
//! same process does the same action again and leaves what it would have left.
//! [`crate::support::faults`] is the disk.

mod aftermath;
mod questions;
mod trial;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::faults::{Call, Faults, Order, Refusal};
use trial::{ACTIONS, Action, Scene};

/// What fails, and how.
const FAULTS: [(&str, Call, Refusal); 10] = [
    ("disk full", Call::Write, Refusal::Error(libc::ENOSPC)),
    ("write fails", Call::Write, Refusal::Error(libc::EIO)),
    ("half is written", Call::Write, Refusal::Half),
    ("sync fails", Call::Sync, Refusal::Error(libc::EIO)),
    ("out of handles", Call::Open, Refusal::Error(libc::EMFILE)),
    ("opening denied", Call::Open, Refusal::Error(libc::EACCES)),
    ("opening fails", Call::Open, Refusal::Error(libc::EIO)),
    ("read fails", Call::Read, Refusal::Error(libc::EIO)),
    (
        "no room for names",
        Call::Name,
        Refusal::Error(libc::ENOSPC),
    ),
    ("names denied", Call::Name, Refusal::Error(libc::EACCES)),
];

/// How many calls of a kind are made while nothing fails.
fn count(faults: &Faults, call: Call, act: impl FnOnce()) -> usize {
    faults.order(Order {
        call,
        refusal: Refusal::Half,
        at: usize::MAX,
        lasts: false,
    });
    act();
    faults.heal().made
}

/// Which of so many calls are refused, and whether all that follow are: every one
/// both ways with `TARN_TESTS_FAULTS=all`, else some.
fn orders(call: Call, refusal: Refusal, n_calls: usize) -> Vec<Order> {
    let order = |(at, lasts)| Order {
        call,
        refusal,
        at,
        lasts,
    };
    if n_calls == 0 {
        return Vec::new();
    }
    if std::env::var("TARN_TESTS_FAULTS").is_ok_and(|v| v == "all") {
        let both = |at| [(at, false), (at, true)];
        return (1..=n_calls).flat_map(both).map(order).collect();
    }
    // The last of the kind mostly belongs to what acknowledges.
    let some = [(1, true), (n_calls.div_ceil(2), false), (n_calls, false)];
    some.map(order).into()
}

/// Tries the action with the faults of the kinds at all moments. Returns how
/// many trials had a call that failed.
fn sweep(scene: &Scene, action: Action) -> usize {
    let mut n_failed = 0;
    for (name, call, refusal) in FAULTS {
        let mut trial = scene.trial(action);
        let faults = Arc::clone(&trial.faults);
        let n_calls = count(&faults, call, || trial.act().expect("nothing fails"));
        for order in orders(call, refusal, n_calls) {
            n_failed += usize::from(scene.trial(action).fail(name, order) > 0);
        }
    }
    n_failed
}

#[test]
fn every_action_survives_every_fault() {
    let scene = Scene::new();
    let next = AtomicUsize::new(0);
    let n_failed = AtomicUsize::new(0);
    // Trials mostly wait for the disk.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(action) = ACTIONS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    n_failed.fetch_add(sweep(&scene, *action), Ordering::Relaxed);
                }
            });
        }
    });
    let n_failed = n_failed.into_inner();
    println!("{n_failed} faults");
    assert!(n_failed >= 100, "{n_failed} faults came to pass");
}
