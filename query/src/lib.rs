//! Text in, rows out.
mod columns;
mod error;
mod exec;
pub mod functions;
pub mod insights;
mod language;
mod leaf_pass;
mod leaves;
mod pushdown;
mod resolve;
pub mod results;
pub mod search;
mod search_function;
mod search_plan;
mod source;
mod span;
pub mod sql;
mod suggest;
mod syntax;
mod table;
pub mod time;
mod time_order;

pub use error::{Code, ErrorKind, QueryError};
pub use language::{Language, detect};
pub use span::Span;
pub use syntax::{SyntaxError, Warning};
