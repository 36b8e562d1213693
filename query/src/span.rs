//! Where in a query's text something stands, for both languages and their errors.
//!
//! Every node of a syntax tree is a [`Spanned`]: its meaning beside its place. Two
//! nodes are equal when they mean the same, wherever they stand, so that a tree can be
//! compared with the tree of its own printed text, and an expression in `sort` with
//! the one in `stats` that it repeats.

use std::ops::Deref;

/// A part of a query's text, in bytes from its start; `end` is exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    pub fn new(start: usize, end: usize) -> Span {
        Span { start, end }
    }

    /// The smallest span that holds both.
    pub fn join(self, other: Span) -> Span {
        Span {
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// The same place in a text that holds this span's text from `offset` on.
    pub fn shifted(self, offset: usize) -> Span {
        Span {
            start: self.start + offset,
            end: self.end + offset,
        }
    }

    /// The part of `text` under this span; empty when the span is not of this text.
    pub fn of(self, text: &str) -> &str {
        text.get(self.start..self.end).unwrap_or("")
    }
}

/// A node of a syntax tree with its place. Equality is of the nodes alone.
#[derive(Clone, Debug)]
pub struct Spanned<T> {
    pub node: T,
    pub span: Span,
}

impl<T> Spanned<T> {
    pub fn new(node: T, span: Span) -> Spanned<T> {
        Spanned { node, span }
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Spanned<T>) -> bool {
        self.node == other.node
    }
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.node
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_nodes_are_equal_wherever_they_stand() {
        let here = Spanned::new("a", Span::new(0, 1));
        let there = Spanned::new("a", Span::new(7, 8));
        assert_eq!(here, there);
        assert_ne!(here, Spanned::new("b", Span::new(0, 1)));
    }

    #[test]
    fn a_span_of_another_text_is_empty() {
        assert_eq!(Span::new(2, 4).of("abcdef"), "cd");
        assert_eq!(Span::new(5, 9).of("abc"), "");
        assert_eq!(Span::new(1, 2).of("é"), "");
    }
}
