//! What becomes of each record: an event of the batch, or filtered, expired or
//! rejected, and counted.

use std::collections::BTreeMap;

use super::batch::Batch;
use super::commit::Target;
use super::decode::Item;
use super::select::Selectors;
use crate::catalog::RejectEntry;
use crate::data_store::EventDataStore;
use crate::event::EventHeader;
use crate::json::Json;
use crate::kv::value::Provenance;
use crate::path::{Arrays, FieldPath};
use crate::resolve;

/// A rejected record keeps at most so many of its bytes.
const REJECT_BYTES_MAX: usize = 64 << 10;

/// What a store takes.
pub struct Intake {
    target: Target,
    selectors: Selectors,
    expires_before_ms: Option<i64>,
}

/// Where records come from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The number of the file or the like, and its name.
    pub source: u64,
    pub path: &'a str,
    /// Milliseconds since 1970 UTC.
    pub arrived_ms: i64,
}

/// Records that became a batch, and what was counted on the way.
#[derive(Debug, Default)]
pub struct Taken {
    pub batch: Batch,
    pub record_bytes: u64,
    /// Rejects by reason.
    pub reasons: BTreeMap<String, u64>,
}

impl Intake {
    pub fn new(store: &EventDataStore, target: Target, now_ms: i64) -> Self {
        Self {
            target,
            selectors: Selectors::new(&store.selectors),
            expires_before_ms: store.expires_before_ms(now_ms),
        }
    }

    /// Takes what decoding found. Says whether it was rejected.
    pub fn take(&self, item: Item<'_>, origin: Origin<'_>, taken: &mut Taken) -> bool {
        taken.batch.sums.seen += 1;
        match item {
            Item::Record {
                bytes,
                position,
                byte_offset,
                account,
            } => match self.take_record(bytes, position, account, origin, taken) {
                Ok(()) => false,
                Err(reason) => {
                    self.reject(bytes, position, byte_offset, reason, origin, taken);
                    true
                }
            },
            Item::Reject {
                bytes,
                position,
                byte_offset,
                reason,
            } => {
                self.reject(bytes, position, byte_offset, reason, origin, taken);
                true
            }
        }
    }

    /// **Errors**: why it is rejected.
    fn take_record(
        &self,
        bytes: &[u8],
        position: u32,
        account: Option<&str>,
        origin: Origin<'_>,
        taken: &mut Taken,
    ) -> Result<(), String> {
        taken.record_bytes += bytes.len() as u64;
        let json = Json::parse(bytes).map_err(|error| format!("not JSON: {error}"))?;
        let header = EventHeader::of(&json).map_err(|error| error.to_string())?;
        let sums = &mut taken.batch.sums;
        if !self.wants(&json) {
            sums.filtered += 1;
            return Ok(());
        }
        let is_expired = self
            .expires_before_ms
            .is_some_and(|before_ms| header.time_ms < before_ms);
        if is_expired {
            sums.expired += 1;
            return Ok(());
        }
        let account = header
            .account
            .clone()
            .or_else(|| account.map(str::to_owned))
            .unwrap_or_default();
        let provenance = Provenance {
            import: self.target.import,
            source: origin.source,
            position,
            arrived_ms: origin.arrived_ms,
        };
        taken.batch.push(header, account, provenance, bytes);
        Ok(())
    }

    fn reject(
        &self,
        bytes: &[u8],
        position: u32,
        byte_offset: u64,
        reason: String,
        origin: Origin<'_>,
        taken: &mut Taken,
    ) {
        taken.batch.sums.rejected += 1;
        let kept = bytes.get(..REJECT_BYTES_MAX).unwrap_or(bytes);
        let kind = kind_of_reason(&reason);
        *taken.reasons.entry(kind).or_default() += 1;
        taken.batch.reject(RejectEntry {
            import: self.target.import,
            store: self.target.store,
            path: origin.path.to_owned(),
            position: Some(position),
            byte_offset: Some(byte_offset),
            reason,
            bytes: readable(kept),
            length: Some(bytes.len() as u64),
        });
    }

    fn wants(&self, json: &Json<'_>) -> bool {
        self.selectors.is_empty()
            || self.selectors.matches(&|field| {
                let path = FieldPath::parse(field);
                resolve::tested(json, &path, Arrays::Any)
                    .into_iter()
                    .map(std::borrow::Cow::Borrowed)
                    .collect()
            })
    }
}

/// What rejects are counted by: the reason without its place.
fn kind_of_reason(reason: &str) -> String {
    let end = reason.find(" at byte ").unwrap_or(reason.len());
    reason[..end].to_owned()
}

/// Bytes as text: UTF-8 as it is, anything else as `\xNN`.
pub(super) fn readable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}
