//! From the parser's lines and columns to bytes of the user's text.

use datafusion::sql::sqlparser::tokenizer::{Location, Span as TokenSpan};

use crate::span::Span;

/// Where the lines of a text start.
///
/// The parser is given a text of the same length as the user's, so its places are the
/// user's.
#[derive(Debug, Clone)]
pub(super) struct Positions<'t> {
    text: &'t str,
    line_starts: Vec<usize>,
}

impl<'t> Positions<'t> {
    pub fn new(text: &'t str) -> Positions<'t> {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        Positions {
            text,
            line_starts: std::iter::once(0).chain(starts).collect(),
        }
    }

    /// The byte at a location, whose lines and columns count from 1 and whose columns
    /// count characters. A location that the text does not have is its end.
    pub fn byte(&self, location: Location) -> usize {
        let line = usize::try_from(location.line).unwrap_or(usize::MAX);
        let column = usize::try_from(location.column).unwrap_or(usize::MAX);
        let Some(start) = line.checked_sub(1).and_then(|l| self.line_starts.get(l)) else {
            return self.text.len();
        };
        let rest = self.text.get(*start..).unwrap_or("");
        let before = column.saturating_sub(1);
        rest.char_indices()
            .nth(before)
            .map_or(self.text.len(), |(at, _)| start + at)
    }

    /// The character at a location; nothing at the end of the text.
    pub fn character(&self, location: Location) -> Span {
        let start = self.byte(location);
        let rest = self.text.get(start..).unwrap_or("");
        let length = rest.chars().next().map_or(0, char::len_utf8);
        Span::new(start, start + length)
    }

    pub fn span(&self, span: TokenSpan) -> Span {
        if span == TokenSpan::empty() {
            return self.end();
        }
        Span::new(self.byte(span.start), self.byte(span.end))
    }

    /// The end of the text, without the blanks there.
    pub fn end(&self) -> Span {
        let end = self.text.trim_end().len();
        Span::new(end, end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_spans_bytes() {
        let positions = Positions::new("é = 1\nab\n");
        let at = |line, column| positions.byte(Location { line, column });
        assert_eq!(at(1, 1), 0);
        assert_eq!(at(1, 3), 3);
        assert_eq!(at(2, 2), 8);
        assert_eq!(at(9, 9), 10);
        assert_eq!(positions.end(), Span::new(9, 9));
        let character = |column| positions.character(Location { line: 1, column });
        assert_eq!(character(1), Span::new(0, 2));
        assert_eq!(character(2), Span::new(2, 3));
        assert_eq!(character(99), Span::new(10, 10));
    }
}
