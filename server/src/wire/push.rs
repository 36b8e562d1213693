//! What became of pushed events.

use serde::{Deserialize, Serialize};
use tarn_store::import::push::{PushReject, Pushed};
use utoipa::ToSchema;

use super::{EventCounts, RejectReason};

/// The answer to a push: what is counted as stored is on the disk, and every query
/// sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushAnswer {
    /// The import that the store's pushes count as; `/v1/imports/{id}/rejects` has what
    /// was rejected.
    pub import: u64,
    pub events: EventCounts,
    /// Bytes of the records, unpacked.
    pub record_bytes: u64,
    /// Rejected records by reason.
    pub reasons: Vec<RejectReason>,
    /// The first hundred rejected records.
    pub rejects: Vec<RejectedRecord>,
}

/// A record that could not be taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RejectedRecord {
    /// Its place in the body, counted from 0.
    pub position: u32,
    /// Where in the body, unpacked, it or the envelope around it begins.
    pub byte_offset: u64,
    pub reason: String,
}

impl From<Pushed> for PushAnswer {
    fn from(pushed: Pushed) -> Self {
        Self {
            import: pushed.import,
            events: pushed.records.into(),
            record_bytes: pushed.record_bytes,
            reasons: RejectReason::list(&pushed.reject_reasons),
            rejects: pushed.rejects.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<PushReject> for RejectedRecord {
    fn from(reject: PushReject) -> Self {
        Self {
            position: reject.position,
            byte_offset: reject.byte_offset,
            reason: reject.reason,
        }
    }
}
