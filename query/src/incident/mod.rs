//! What an incident asks first: whose session made these calls, and where it came from.
//!
//! ```text
//! subject    what was typed ──▶ which events are of the session
//! record     an event ──▶ a call, and who made it
//! ask        questions to the engine, with what was typed bound as values
//! chain      up: who gave these credentials, and who gave theirs, to a person or a workload
//! ends       … or to where the events do not tell
//! onward     down: the credentials that were obtained with these, and with those in turn
//! tally      the calls counted, where all of them are told
//! session    all of it together
//! ```
//!
//! Credentials lead from call to call: the answer of `AssumeRole` and its kin holds the key
//! that it gave, and the calls made with that key name it. Where a link is not among the
//! events, it is said to be missing, and never guessed.

mod ask;
mod chain;
mod ends;
mod onward;
mod record;
mod resource;
mod session;
mod subject;
mod tally;

pub use chain::{How, Link};
pub use onward::Grant;
pub(crate) use record::Record;
pub use record::{Call, Identity, Outcome};
pub use session::{
    CALLS_MAX, CALLS_MAX_DEFAULT, Facet, Facets, Session, SessionError, Sums, WHAT_IS_TAKEN,
    request, session,
};
pub use subject::SubjectKind;
