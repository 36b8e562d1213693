//! Queries that a server answers: their turns, their states, and results that are kept.
//!
//! ```text
//! request ── lane ──▶ QUEUED ──▶ RUNNING ──▶ FINISHED | FAILED | CANCELLED | TIMED_OUT
//!                                   │
//!                   rows ── one frame a batch ──▶ DIR/results/<id>/rows
//!                  state ── last, synced, by rename ──▶ DIR/results/<id>/state.json
//! ```
//!
//! A query is *attended* when somebody reads its rows as they come ([`Attended`]), or a
//! *job* ([`Jobs::start`]) whose rows are kept for whoever asks, however often, for some
//! days and across restarts. Each kind has a [`Lane`]: so many run, so many wait, the
//! next one is refused. Both are seen, counted and cancelled in one place, [`Jobs`].
//!
//! A job that a crash interrupted has failed, and nothing of its rows is left. What is
//! said to be finished is on the disk.

mod attended;
mod folder;
mod jobs;
mod lane;
mod record;
mod rows;
mod run;
mod status;

pub use attended::{Attended, Waiting};
pub use folder::FolderError;
pub use jobs::{JobError, JobOptions, Jobs, LaneOptions, ListRequest, OnEnd};
pub use lane::{Full, LaneCounts};
pub use record::{Asked, Failure, JobRecord, JobStatistics, Kind, Place, Told};
pub use rows::{Page, RowsError};
pub use status::QueryStatus;

#[cfg(test)]
mod tests;
