//! Text in, rows out.
mod error;
mod language;
pub mod results;
mod span;
mod suggest;
mod syntax;

pub use error::{Code, ErrorKind, QueryError};
pub use language::{Language, detect};
pub use span::Span;
pub use syntax::{SyntaxError, Warning};
