//! What the owner does, for itself and for other processes.

use std::io::Read;
use std::time::Duration;

use super::talk::Request;
use super::{Refusal, SessionError};
use crate::accounts::{self, Account};
use crate::data_store::{DEFAULT_STORE, EventDataStore};
use crate::import::push::{self, PushError, PushRequest, Pushed};
use crate::import::{ImportError, ImportProgress, ImportRequest, ImportSummary, run};
use crate::index::merge::{self, When};
use crate::index::rebuild::{self, RebuildProgress, Rebuilt};
use crate::manage;
use crate::retention;
use crate::saved::{self, Overwrite, SavedEntry, SavedQuery};
use crate::scan::Cancel;
use crate::writer::Core;

pub(super) fn import(
    core: &Core,
    request: &ImportRequest,
    on_progress: &mut dyn FnMut(&ImportProgress),
    cancel: &Cancel,
) -> Result<ImportSummary, SessionError> {
    let store = taking_store(core, &request.store)?;
    let merging = Cancel::default();
    let summary = std::thread::scope(|scope| {
        let merger = scope.spawn(|| merge_while_importing(core, &store, &merging));
        let summary = run::run(core, &store, request, on_progress, cancel);
        merging.cancel();
        let merged = merger.join();
        if let Ok(Err(error)) = merged {
            // The import is done whatever becomes of merging; the next one
            // tries again, and queries answer from the splits as they are.
            tracing::warn!(%error, "splits could not be merged");
        }
        summary
    })?;
    // Where queries are answered meanwhile, upkeep does it in pieces.
    let is_at_rest = !core.is_serving && !request.push;
    if is_at_rest && !cancel.is_cancelled() && !request.dry_run {
        merge::merge_store(core, store.id, When::AtRest, cancel).map_err(ImportError::from)?;
        retention::expire(core, (core.options.clock)())?;
    }
    Ok(summary)
}

/// The store that is to take events.
fn taking_store(core: &Core, reference: &str) -> Result<EventDataStore, SessionError> {
    let store = match reference {
        "" | DEFAULT_STORE => manage::default_store(core)?,
        reference => manage::find(core, reference)?,
    };
    match store.is_enabled() {
        true => Ok(store),
        false => Err(ImportError::StoreNotEnabled { name: store.name }.into()),
    }
}

pub(super) fn push(
    core: &Core,
    request: &PushRequest,
    body: &mut dyn Read,
) -> Result<Pushed, SessionError> {
    let store = taking_store(core, &request.store)?;
    push::push(core, &store, &request.name, body).map_err(|error| match error {
        PushError::Import(error) => error.into(),
        other => other.into(),
    })
}

/// Keeps the number of splits small while an import makes them.
fn merge_while_importing(
    core: &Core,
    store: &EventDataStore,
    cancel: &Cancel,
) -> Result<(), merge::MergeError> {
    const LOOK_EVERY: Duration = Duration::from_millis(250);
    core.yield_to_queries();
    while !cancel.is_cancelled() {
        merge::merge_store(core, store.id, When::Importing, cancel)?;
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(())
}

pub(super) fn change_store(core: &Core, request: Request) -> Result<EventDataStore, SessionError> {
    let store = match request {
        Request::CreateStore(new) => manage::create(core, new)?,
        Request::UpdateStore(reference, update) => manage::update(core, &reference, update)?,
        Request::DeleteStore(reference) => manage::delete(core, &reference)?,
        Request::RestoreStore(reference) => manage::restore(core, &reference)?,
        Request::Import(_)
        | Request::Push(..)
        | Request::Reindex(_)
        | Request::Mend(_)
        | Request::PutSavedQueries(..)
        | Request::DeleteSavedQuery(_)
        | Request::PutAccounts(_) => {
            return Err(SessionError::Refused {
                refusal: Refusal::Invalid,
                message: "not a change of a store".to_owned(),
            });
        }
    };
    Ok(store)
}

pub(super) fn reindex(
    core: &Core,
    reference: &str,
    on_progress: &mut dyn FnMut(&RebuildProgress),
    cancel: &Cancel,
) -> Result<Rebuilt, SessionError> {
    let store = manage::find(core, reference)?;
    Ok(rebuild::rebuild(core, store.id, on_progress, cancel)?)
}

pub(super) fn mend(core: &Core, split: u64) -> Result<Option<Rebuilt>, SessionError> {
    Ok(rebuild::mend(core, split)?)
}

pub(super) fn put_saved_queries(
    core: &Core,
    queries: Vec<SavedQuery>,
    overwrite: Overwrite,
) -> Result<Vec<SavedEntry>, SessionError> {
    Ok(saved::put(core, queries, overwrite)?)
}

pub(super) fn delete_saved_query(core: &Core, name: &str) -> Result<SavedEntry, SessionError> {
    Ok(saved::delete(core, name)?)
}

pub(super) fn put_accounts(core: &Core, accounts: &[Account]) -> Result<(), SessionError> {
    Ok(accounts::replace(core, accounts)?)
}
