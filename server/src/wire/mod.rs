//! The JSON that goes over the wire: one resource, one file.

mod account;
mod import_summary;
mod job;
mod problem;
mod push;
mod query;
mod saved;
mod session;
mod store;
mod store_change;
mod sums;

pub use account::{Account, AccountCount, ListedAccount};
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
pub use store::StoreItem;
pub use store_change::{NewStore, Store, StoreUpdate};
pub use sums::{EventCounts, FileCounts, RejectReason, RunStatus};
