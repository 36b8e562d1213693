//! What a process does while it has the directory and answers queries: pushed events
//! become splits, small splits larger ones, and what has expired goes.
//!
//! A command does none of it: it seals when it closes, and an import merges as it goes.

use super::{Session, SessionError, leave_if_failed};
use crate::import::{ImportError, tail};
use crate::index::merge::{self, When};
use crate::retention;
use crate::scan::Cancel;
use crate::writer::Done;

impl Session {
    /// Takes the directory if nobody has it, or if this process has to open it anew.
    /// Says whether it has it now.
    pub fn take_over(&self) -> Result<bool, SessionError> {
        leave_if_failed(&self.owner);
        let mut owner = self.owner.lock();
        if owner.is_none() {
            *owner = self.take_or_find()?;
        }
        Ok(owner.is_some())
    }

    /// Makes splits of the pushed events of the stores that have many, or old ones.
    pub fn seal_due(&self) -> Result<(), SessionError> {
        let Some(writer) = self.writer() else {
            return Ok(());
        };
        let core = &writer.core;
        let due = core.tail.lock().due((core.options.clock)());
        for store in due {
            tail::seal(core, store)?;
        }
        Ok(())
    }

    /// Merges what has become many.
    pub fn merge_due(&self, cancel: &Cancel) -> Result<(), SessionError> {
        let Some(writer) = self.writer() else {
            return Ok(());
        };
        let core = &writer.core;
        let stores: Vec<_> = {
            let catalogue = core.catalogue.lock();
            let enabled = catalogue.stores.iter().filter(|s| s.is_enabled());
            enabled.map(|s| s.id).collect()
        };
        for store in stores {
            merge::merge_store(core, store, When::Serving, cancel).map_err(ImportError::from)?;
        }
        Ok(())
    }

    /// Drops what has expired.
    pub fn expire(&self) -> Result<(), SessionError> {
        let Some(writer) = self.writer() else {
            return Ok(());
        };
        let core = &writer.core;
        Ok(retention::expire(core, (core.options.clock)())?)
    }

    /// What was done since this process has the directory; none while another has it.
    pub fn done(&self) -> Option<Done> {
        self.writer().map(|writer| *writer.core.done.lock())
    }
}
