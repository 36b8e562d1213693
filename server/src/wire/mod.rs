//! The JSON that goes over the wire: one resource, one file.

mod account;
mod coverage;
mod event;
mod field;
mod import;
mod import_summary;
mod job;
mod problem;
mod push;
mod query;
mod saved;
mod session;
mod store;
mod sums;

pub use account::{Account, AccountCount, ListedAccount};
pub use coverage::{CoverageRow, DaysOfPlace};
pub use event::Event;
pub use field::{Field, FieldValue};
pub use import::{Conflict, Import, ImportedFile, Reject};
pub use import_summary::{
    FileFailure, FileParts, ImportLine, ImportPosition, ImportSummary, OtherFile,
};
pub use job::{
    QueryDetails, QueryFailure, QueryList, QueryState, QueryStatistics, QueryWarning, ResultsPage,
};
pub use problem::{Position, ProblemDetails};
pub use push::{PushAnswer, RejectedRecord};
pub use query::{ExplainedStage, Explanation, QueryBody};
pub use saved::{
    SavedQuery, SavedQueryLanguage, SavedQueryParameter, SavedQueryParameterType, SavedQueryRun,
    SavedQueryValue,
};
pub use session::{
    Session, SessionCall, SessionGrant, SessionIdentity, SessionLink, SessionValue, SessionValues,
};
pub use store::{NewStore, Store, StoreUpdate};
pub use sums::{EventCounts, FileCounts, RejectReason, RunStatus};
