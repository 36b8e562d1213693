//! Search expressions: their tree, its printed form, and the names and times that they
//! share with the piped language.
//!
//! The words of a search come from three places (a pipeline's `search`, SQL's
//! `search('…')`, the command line) and mean the same in each, so the tree stands apart
//! from all of them. The text is read by the piped language's grammar, whose rules it
//! shares.

mod ast;
mod field_ref;
mod print;
mod time;

pub use ast::{Bound, Cidr, Comparison, FieldTest, Node, NodeKind, Regex, Search, Term};
pub use field_ref::{FieldRef, Segment};
pub use time::{Period, TimeModifier, TimePoint, TimeStep, TimeUnit};

pub(crate) use field_ref::{RESERVED, is_plain_key, write_quoted as write_backticked, write_step};
pub(crate) use print::write_quoted;

use crate::syntax::SyntaxError;

/// Reads a search expression on its own, as SQL's `search('…')` and the command line's
/// `search` have it.
///
/// **Errors**: a text that is none, with the place in `text`.
///
/// ```
/// use tarn_query::search::parse;
///
/// let search = parse("AKIA1234* -eventName:Describe* earliest=-24h@h")?;
/// assert_eq!(search.to_string(), "AKIA1234* not eventName:Describe* earliest=-24h@h");
/// # Ok::<(), tarn_query::SyntaxError>(())
/// ```
pub fn parse(text: &str) -> Result<Search, SyntaxError> {
    crate::insights::parse_search(text)
}

/// Reads a time on its own, as flags and requests carry it: `7d` (that long ago),
/// `-24h@h`, `now`, a date, a date with a time, or an epoch number.
///
/// **Errors**: a text that is no time, also one that only looks like a date.
pub fn parse_time(text: &str) -> Result<TimePoint, SyntaxError> {
    crate::insights::parse_time(text)
}
