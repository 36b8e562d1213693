//! What a refused write leaves: nothing on the disk, and nobody stuck.

use std::fs;
use std::sync::Arc;

use tarn_store::owner::SessionError;
use tarn_store::recovery::Recovered;

use super::count;
use super::trial::{Action, Scene, open};
use crate::support::faults::{Call, Faults, Order, Refusal};
use crate::support::home;

/// From its `at`-th write on the disk is full.
fn full_at(at: usize) -> Order {
    Order {
        call: Call::Write,
        refusal: Refusal::Error(libc::ENOSPC),
        at,
        lasts: true,
    }
}

/// On a full disk, every try would leave less room for the next: what was
/// written of a batch or a merge that fails is removed at once.
#[test]
fn what_fails_leaves_nothing_behind() {
    let scene = Scene::new();
    // The split of the batch, and the one it is merged into.
    for at in [1, 2] {
        let mut trial = scene.trial(Action::Import);
        // RocksDB is well: nothing has to be opened again.
        let faults = Faults::under(&trial.data.join("splits"));
        // A batch that is published is not written again, its merge is.
        for at in [at, 1, 1] {
            faults.order(full_at(at));
            let refused = trial.act().map_err(|e| e.to_string());
            assert!(faults.heal().refused > 0, "write {at}");
            if let Err(text) = refused {
                assert!(text.contains("free some space"), "{text}");
            }
        }
        drop(trial.session.take());
        let session = open(&trial.data).expect("the directory opens");
        assert_eq!(session.recovered(), Recovered::default(), "write {at}");
    }
}

/// A process whose disk refused a write gives the directory up, also when it was
/// another one's work; whoever has work next takes it.
#[test]
fn an_owner_that_failed_makes_room() {
    let scene = Scene::new();
    let trial = scene.trial(Action::Push);
    let owner = trial.session.as_ref().expect("open");
    let guest = open(&trial.data).expect("finds the owner");
    assert!(guest.is_guest());
    trial.faults.order(Order {
        call: Call::Sync,
        refusal: Refusal::Error(libc::EIO),
        at: 1,
        lasts: true,
    });
    let request = home::request(&[scene.logs("new")]);
    let refused = guest.import(&request, &mut |_| {}, &Default::default());
    let Err(SessionError::Remote { message }) = refused else {
        panic!("{refused:?}");
    };
    assert!(message.contains("look into the system's log"), "{message}");
    trial.faults.heal();

    home::import(&guest, &[scene.logs("new")]);
    assert!(!guest.is_guest(), "it took the place");
    home::push(owner, &[scene.logs("pushed")]);
    assert!(owner.is_guest());
    let snapshot = home::snapshot(&trial.data);
    let store = home::default_store(&snapshot);
    let expected = scene.after(Action::Import).len() + scene.after(Action::Push).len();
    let stored_before = scene.after(Action::Reopen).len();
    assert_eq!(
        snapshot.event_count(store),
        (expected - stored_before) as u64
    );
    let splits = fs::read_dir(trial.data.join("splits")).expect("a folder");
    assert_eq!(splits.count(), snapshot.splits().len());
}

/// The sync of RocksDB's list of files is one of them: the list names the file
/// of events that was removed when it could not be taken in.
#[test]
fn any_sync_of_an_import_may_fail() {
    let scene = Scene::new();
    let mut trial = scene.trial(Action::Import);
    let faults = Arc::clone(&trial.faults);
    let n_syncs = count(&faults, Call::Sync, || trial.act().expect("nothing fails"));
    assert!(n_syncs >= 10, "{n_syncs} syncs");
    for at in 1..=n_syncs {
        let order = Order {
            call: Call::Sync,
            refusal: Refusal::Error(libc::EIO),
            at,
            lasts: false,
        };
        scene.trial(Action::Import).fail("sync fails", order);
    }
}
