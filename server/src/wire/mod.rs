//! The JSON that goes over the wire: one resource, one file.

mod problem;
mod query;
mod store;

pub use problem::{Position, ProblemDetails};
pub use query::QueryBody;
pub use store::StoreItem;
