//! Accounts by their names: what is known of them beside their events.
//!
//! ```text
//! references   ids, names, units ──▶ AccountScope        whose events are asked for
//! names        accountName, a field that no event has, from the account of the event
//! listed       the list beside the events that there are
//! ```

mod listed;
pub(crate) mod names;
mod references;

pub use listed::{ListedAccount, events_by_account, listed};
pub use names::ACCOUNT_NAME;
pub use references::scope;
