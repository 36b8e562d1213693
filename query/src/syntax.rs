//! What is wrong, or doubtful, in a query's text: the place, the reason and a way out.
//!
//! Every front end (the piped language, search, times) reports with these two types;
//! the crate's error renders them with line, column and caret.

use crate::span::Span;

/// Why a text is not a query.
///
/// **Shape**: `reason` is a clause without a final full stop, `hint` a way to put it
/// right, in the same form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct SyntaxError {
    pub span: Span,
    pub reason: String,
    pub hint: Option<String>,
}

impl SyntaxError {
    pub fn new(span: Span, reason: impl Into<String>) -> SyntaxError {
        SyntaxError {
            span,
            reason: reason.into(),
            hint: None,
        }
    }

    /// The same error with a way to put it right.
    pub fn hint(self, hint: impl Into<String>) -> SyntaxError {
        SyntaxError {
            hint: Some(hint.into()),
            ..self
        }
    }
}

/// Something that is read, but probably does not mean what its writer believes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub span: Span,
    pub reason: String,
    pub hint: Option<String>,
}
