//! What is wrong with a request.
//!
//! **Source**: RFC 9457, problem details for HTTP APIs.

use serde::{Deserialize, Serialize};
use tarn_query::Span;
use utoipa::ToSchema;

/// RFC 9457's problem details, with the place in the query's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemDetails {
    #[serde(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
}

impl ProblemDetails {
    /// Whether it is of the kind: what stands behind `urn:tarn:problem:`.
    pub fn is(&self, kind: &str) -> bool {
        self.kind.strip_prefix("urn:tarn:problem:") == Some(kind)
    }
}

/// A place in a text, counted from 1 in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Position {
    pub line: usize,
    pub column: usize,
    /// So many characters are meant, line breaks included; 0 where it is only the place.
    #[serde(default)]
    pub length: usize,
}

impl Position {
    pub fn of(text: &str, span: Span) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let meant = text.get(span.start..span.end).unwrap_or("");
        Self {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            length: meant.chars().count(),
        }
    }

    /// The place in the text, in bytes.
    pub fn span(&self, text: &str) -> Span {
        let mut lines = text.split_inclusive('\n');
        let before: usize = lines
            .by_ref()
            .take(self.line.saturating_sub(1))
            .map(str::len)
            .sum();
        let after = |from: usize, n_chars: usize| {
            let mut chars = text[from..].char_indices();
            chars.nth(n_chars).map_or(text.len(), |(at, _)| from + at)
        };
        let start = after(before, self.column.saturating_sub(1));
        Span {
            start,
            end: after(start, self.length),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters() {
        let text = "é1\nab\n";
        for (start, end, line, column, length) in [
            (0, 2, 1, 1, 1),
            (2, 3, 1, 2, 1),
            (5, 7, 2, 2, 2),
            (7, 7, 3, 1, 0),
        ] {
            let span = Span { start, end };
            let position = Position::of(text, span);
            let expected = Position {
                line,
                column,
                length,
            };
            assert_eq!(position, expected);
            assert_eq!(position.span(text), span, "and back");
        }
        let behind = Span { start: 99, end: 99 };
        assert_eq!(Position::of("é1\nab", behind).column, 3);
    }
}
