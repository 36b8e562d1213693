//! The place where a parse broke, with the tokens around it.

use super::tokens::{Token, TokenKind};
use super::vocabulary::command_named;
use crate::span::Span;

/// Where and why the grammar did not match.
#[derive(Debug)]
pub(super) enum Failure {
    Unexpected {
        at: usize,
        expected: Expected,
    },
    /// A limit of the parser itself.
    Limit {
        at: usize,
        message: String,
    },
}

/// What would have matched there.
#[derive(Debug, Default)]
pub(super) struct Expected {
    /// The query could have ended.
    pub end: bool,
    /// An expression could have gone on.
    pub operator: bool,
    pub command: bool,
    pub value: bool,
    /// Anything else, in words.
    pub words: Vec<&'static str>,
}

/// The tokens of a text and the place where it broke.
pub(super) struct Scene<'t> {
    pub text: &'t str,
    pub tokens: &'t [Token],
    pub at: usize,
    /// The token at that place, or the number of tokens at the end.
    index: usize,
    pub expected: &'t Expected,
}

impl<'t> Scene<'t> {
    pub fn new(text: &'t str, tokens: &'t [Token], at: usize, expected: &'t Expected) -> Scene<'t> {
        let index = tokens
            .iter()
            .position(|token| token.span.end > at)
            .unwrap_or(tokens.len());
        Scene {
            text,
            tokens,
            at,
            index,
            expected,
        }
    }

    pub fn here(&self) -> Option<Token> {
        self.tokens.get(self.index).copied()
    }

    /// The token so many before the place where it broke.
    pub fn back(&self, steps: usize) -> Option<Token> {
        let index = self.index.checked_sub(steps)?;
        self.tokens.get(index).copied()
    }

    pub fn word(&self, token: Token) -> &'t str {
        token.span.of(self.text)
    }

    pub fn is(&self, token: Option<Token>, word: &str) -> bool {
        token.is_some_and(|token| self.word(token).eq_ignore_ascii_case(word))
    }

    /// The tokens of the stage up to the place, from its first word on.
    pub fn stage(&self) -> &'t [Token] {
        let before = self.tokens.get(..self.index).unwrap_or_default();
        let start = before
            .iter()
            .rposition(|token| token.kind == TokenKind::Pipe);
        before
            .get(start.map_or(0, |pipe| pipe + 1)..)
            .unwrap_or_default()
    }

    /// The command of the stage, in its documented spelling.
    pub fn stage_command(&self) -> Option<&'static str> {
        let first = self.stage().first()?;
        command_named(self.word(*first)).map(|command| command.name)
    }

    /// Where the text ends, leaving out what is blank.
    pub fn end(&self) -> Span {
        let end = self.text.trim_end().len();
        Span::new(end, end)
    }
}
