//! SQL.
pub(crate) mod types;
