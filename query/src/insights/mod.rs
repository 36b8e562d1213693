//! CloudWatch Logs Insights QL with `search`: from text to a typed syntax tree, and from
//! there to a plan.
//!
//! [`parse`] is the way in. `grammar.pest` says what is a query, `ast` what it is made
//! of, `print` writes it back, `diagnose` explains what is none. None of these knows the
//! fields of events or the functions there are: that is for `plan`.

pub mod ast;
mod diagnose;
mod parse;
mod plan;
mod print;
#[cfg(test)]
mod roundtrip;
mod scene;
#[cfg(test)]
mod tests;
mod tokens;
mod vocabulary;

pub use diagnose::pipeline_in_sql;
pub(crate) use plan::plan;
pub use vocabulary::{COMMANDS, CommandName, command_named, nearest_command};

use crate::search::{Search, TimePoint};
use crate::syntax::{SyntaxError, Warning};

/// The longest text that is read, in bytes.
pub const MAX_STATEMENT_BYTES: usize = 100_000;

/// How deep brackets may go. Parsing recurses at each, and so does all that walks a tree.
pub const MAX_NESTING: usize = 64;

/// A query that was read, with what is doubtful in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    pub pipeline: ast::Pipeline,
    pub warnings: Vec<Warning>,
}

/// Reads a pipeline: commands between `|`, or bare words to search for.
///
/// **Errors**: what is no query, with the place, the reason and mostly a way out; also a
/// text beyond [`MAX_STATEMENT_BYTES`] or [`MAX_NESTING`]. **Cost**: linear in the text.
///
/// ```
/// use tarn_query::insights::parse;
///
/// let parsed = parse("fields eventName | filter awsRegion = 'eu-west-1' | limit 5")?;
/// assert_eq!(parsed.pipeline.commands.len(), 3);
/// assert_eq!(
///     parsed.pipeline.to_string(),
///     r#"fields eventName | filter awsRegion = "eu-west-1" | limit 5"#,
/// );
/// # Ok::<(), tarn_query::SyntaxError>(())
/// ```
pub fn parse(text: &str) -> Result<Parsed, SyntaxError> {
    let (pipeline, warnings) = parse::pipeline(text)?;
    Ok(Parsed { pipeline, warnings })
}

/// Reads a search on its own; see [`crate::search::parse`].
pub(crate) fn parse_search(text: &str) -> Result<Search, SyntaxError> {
    parse::search(text)
}

/// Reads a time on its own; see [`crate::search::parse_time`].
pub(crate) fn parse_time(text: &str) -> Result<TimePoint, SyntaxError> {
    parse::time(text)
}
