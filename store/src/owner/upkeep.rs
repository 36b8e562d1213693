//! What a process does while it has the directory and answers queries: pushed events
//! become splits, small splits larger ones, and what has expired goes.
//!
//! A command does none of it: it seals when it closes, and an import merges as it goes.

use super::{Session, SessionError, leave_if_failed};
use crate::import::{ImportError, tail};
use crate::index::merge::{self, When};
use crate::retention;
use crate::scan::Cancel;
use crate::writer::{self, Writer};

/// What was done since the directory was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    /// Pushed events became a split.
    pub seals: u64,
    /// Splits became one.
    pub merges: u64,
}

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

    /// None while another process has the directory.
    pub fn done(&self) -> Option<Done> {
        self.writer().map(|writer: std::sync::Arc<Writer>| Done {
            seals: writer.core.counts.seals(),
            merges: writer.core.counts.merges(),
        })
    }
}

/// Lets threads that answer queries go before this one.
pub fn yield_to_queries() {
    writer::yield_to_queries();
}
