//! Text in, rows out.
mod columns;
mod error;
mod language;
mod pushdown;
pub mod results;
mod span;
mod suggest;
mod syntax;

pub use error::{Code, ErrorKind, QueryError};
pub use language::{Language, detect};
pub use span::Span;
pub use syntax::{SyntaxError, Warning};
