//! Numbers what is found in a file and hands it on.

use std::ops::ControlFlow;

use super::{DecodeError, Item};

/// Why the walk over a file ends before the file does.
#[derive(Debug)]
pub(super) enum Halt {
    /// The caller has had enough.
    Stopped,
    Failed(DecodeError),
}

impl From<DecodeError> for Halt {
    fn from(error: DecodeError) -> Self {
        Self::Failed(error)
    }
}

pub(super) type Step<T> = Result<T, Halt>;

pub(super) struct Sink<'w> {
    take: &'w mut dyn FnMut(Item<'_>) -> ControlFlow<()>,
    /// The account that stands where no envelope names one.
    account: Option<&'w str>,
    pub(super) reject_bytes_max: usize,
    next: u64,
    pub(super) records: u64,
    pub(super) rejects: u64,
    pub(super) control_messages: u64,
}

impl<'w> Sink<'w> {
    pub(super) fn new(
        take: &'w mut dyn FnMut(Item<'_>) -> ControlFlow<()>,
        account: Option<&'w str>,
        reject_bytes_max: usize,
    ) -> Self {
        Self {
            take,
            account,
            reject_bytes_max,
            next: 0,
            records: 0,
            rejects: 0,
            control_messages: 0,
        }
    }

    /// As much of a reject's bytes as is kept.
    pub(super) fn capped<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(..self.reject_bytes_max).unwrap_or(bytes)
    }

    #[inline]
    pub(super) fn record(
        &mut self,
        bytes: &[u8],
        byte_offset: u64,
        account: Option<&str>,
    ) -> Step<()> {
        let position = self.position()?;
        self.records += 1;
        let item = Item::Record {
            bytes,
            position,
            byte_offset,
            account: account.or(self.account),
        };
        self.give(item)
    }

    pub(super) fn reject(&mut self, bytes: &[u8], byte_offset: u64, reason: String) -> Step<()> {
        let position = self.position()?;
        self.rejects += 1;
        let item = Item::Reject {
            bytes: self.capped(bytes),
            position,
            byte_offset,
            reason,
        };
        self.give(item)
    }

    fn give(&mut self, item: Item<'_>) -> Step<()> {
        match (self.take)(item) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Halt::Stopped),
        }
    }

    fn position(&mut self) -> Step<u32> {
        let position = u32::try_from(self.next).map_err(|_| DecodeError::TooManyRecords)?;
        self.next += 1;
        Ok(position)
    }
}
