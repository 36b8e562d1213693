//! A rough cut of a query into tokens, good or bad, for what cannot wait for a match:
//! how deep brackets go, which quote is never closed, what stands where the parse broke.
//!
//! The grammar alone knows for sure whether a slash divides or opens a regex; here the
//! word before it decides. Nothing is accepted or refused by these tokens but nesting.

use super::MAX_NESTING;
use super::vocabulary::command_named;
use crate::span::Span;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// Letters, digits and what joins them in names and numbers.
    Word,
    /// In quotes of either kind.
    Text,
    /// In backticks.
    Backticked,
    Regex,
    Open,
    Close,
    Pipe,
    /// Any other sign, or two that belong together (`!=`, `=~`, `==`, `&&`).
    Sign,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub kind: TokenKind,
    pub span: Span,
    /// False for a quote without its partner; it then reaches to the end of the text.
    pub closed: bool,
}

/// The tokens of a text, comments left out.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut cutter = Cutter {
        text,
        at: 0,
        tokens: Vec::new(),
        stage: Stage::Opening,
    };
    while cutter.step() {}
    cutter.tokens
}

/// The bracket that goes deeper than [`MAX_NESTING`], if one does.
pub(super) fn too_deep(text: &str) -> Option<Span> {
    let mut depth = 0usize;
    for token in tokens(text) {
        match token.kind {
            TokenKind::Open => depth += 1,
            TokenKind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            return Some(token.span);
        }
    }
    None
}

/// What the words of a stage are, which decides what quotes and slashes mean in it.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// No word yet.
    Opening,
    Expressions,
    Parse,
    Search,
}

struct Cutter<'t> {
    text: &'t str,
    at: usize,
    tokens: Vec<Token>,
    stage: Stage,
}

impl Cutter<'_> {
    /// Takes one token, comment or run of blanks; false at the end.
    fn step(&mut self) -> bool {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let Some(first) = rest.chars().next() else {
            return false;
        };
        let second = rest.chars().nth(1);
        match first {
            c if c.is_whitespace() || c == '\u{FEFF}' => self.at += c.len_utf8(),
            '#' => self.comment(rest),
            '-' if second == Some('-') && rest.chars().nth(2).is_none_or(char::is_whitespace) => {
                self.comment(rest);
            }
            '"' => self.enclosed(TokenKind::Text, '"', rest),
            '\'' if !self.inside_word() => self.enclosed(TokenKind::Text, '\'', rest),
            '`' => self.enclosed(TokenKind::Backticked, '`', rest),
            '/' if self.regex_may_open() => self.regex(rest),
            '(' | '[' | '{' => self.push(TokenKind::Open, first.len_utf8()),
            ')' | ']' | '}' => self.push(TokenKind::Close, first.len_utf8()),
            '|' => {
                self.push(TokenKind::Pipe, 1);
                self.stage = Stage::Opening;
            }
            c if is_word_char(c) => self.word(rest),
            _ => {
                let pairs = ["!=", "=~", "!~", "==", "<=", ">=", "<>", "&&", ":="];
                let pair = pairs.iter().any(|pair| rest.starts_with(pair));
                self.push(TokenKind::Sign, if pair { 2 } else { first.len_utf8() });
            }
        }
        true
    }

    fn push(&mut self, kind: TokenKind, length: usize) {
        let span = Span::new(self.at, self.at + length);
        self.tokens.push(Token {
            kind,
            span,
            closed: true,
        });
        self.at = span.end;
    }

    fn comment(&mut self, rest: &str) {
        self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
    }

    fn word(&mut self, rest: &str) {
        let length = rest.find(|c| !is_word_char(c)).unwrap_or(rest.len());
        let word = rest.get(..length).unwrap_or_default();
        if self.stage == Stage::Opening {
            self.stage = match command_named(word).map(|command| command.name) {
                Some("search") | None => Stage::Search,
                Some("parse") => Stage::Parse,
                Some(_) => Stage::Expressions,
            };
        }
        self.push(TokenKind::Word, length);
    }

    fn enclosed(&mut self, kind: TokenKind, quote: char, rest: &str) {
        let mut escaped = false;
        let close = rest.char_indices().skip(1).find(|(_, c)| {
            let closes = *c == quote && !escaped;
            escaped = *c == '\\' && !escaped && quote != '`';
            closes
        });
        let length = close.map_or(rest.len(), |(at, _)| at + 1);
        self.push(kind, length);
        if let (None, Some(token)) = (close, self.tokens.last_mut()) {
            token.closed = false;
        }
    }

    /// A regex ends on its line; without its second slash the first is just a sign.
    fn regex(&mut self, rest: &str) {
        let mut escaped = false;
        let close = rest
            .char_indices()
            .skip(1)
            .take_while(|(_, c)| !matches!(c, '\n' | '\r'))
            .find(|(_, c)| {
                let closes = *c == '/' && !escaped;
                escaped = *c == '\\' && !escaped;
                closes
            });
        match close {
            Some((at, _)) => self.push(TokenKind::Regex, at + 1),
            None => {
                self.push(TokenKind::Sign, 1);
                let is_word = matches!(self.stage, Stage::Search | Stage::Opening);
                if let (false, Some(token)) = (is_word, self.tokens.last_mut()) {
                    token.kind = TokenKind::Regex;
                    token.closed = false;
                }
            }
        }
    }

    fn regex_may_open(&self) -> bool {
        match (self.stage, self.tokens.last()) {
            (Stage::Search | Stage::Opening, _) => !self.inside_word(),
            (_, None) => false,
            (Stage::Parse, Some(before)) => before.kind != TokenKind::Close,
            (Stage::Expressions, Some(before)) => {
                let before = before.span.of(self.text);
                before.eq_ignore_ascii_case("like") || before == "=~" || before == "!~"
            }
        }
    }

    /// Whether a search's word goes on here, as in `O'Brien` and `a/b`.
    fn inside_word(&self) -> bool {
        let before = self
            .text
            .get(..self.at)
            .and_then(|text| text.chars().last());
        matches!(self.stage, Stage::Search | Stage::Opening)
            && before.is_some_and(|c| !c.is_whitespace() && !matches!(c, '(' | ':' | '|' | '-'))
    }
}

fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '@' | '$' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<&str> {
        tokens(text).iter().map(|t| t.span.of(text)).collect()
    }

    #[test]
    fn quotes_slashes_and_comments_are_told_apart() {
        assert_eq!(
            cut("filter a/2 >= 'x|y' and b like /[(]\\/'/ # don't"),
            [
                "filter",
                "a",
                "/",
                "2",
                ">=",
                "'x|y'",
                "and",
                "b",
                "like",
                "/[(]\\/'/"
            ]
        );
        assert_eq!(cut("O'Brien /a b/ -- all"), ["O", "'", "Brien", "/a b/"]);
        assert_eq!(
            cut("parse @message /x/ | y"),
            ["parse", "@message", "/x/", "|", "y"]
        );
    }

    #[test]
    fn what_is_never_closed_says_so() {
        for text in ["filter a = \"x | y", "fields `a", "filter a like /x"] {
            assert!(tokens(text).iter().any(|token| !token.closed), "{text}");
        }
    }

    #[test]
    fn depth_is_of_brackets_outside_quotes() {
        let deep = format!("filter {}a", "(".repeat(MAX_NESTING + 1));
        assert_eq!(
            too_deep(&deep),
            Some(Span::new(7 + MAX_NESTING, 8 + MAX_NESTING))
        );
        let quoted = format!("filter a = \"{}\"", "(".repeat(1_000));
        assert_eq!(too_deep(&quoted), None);
        let flat = format!("filter {}a", "(b) or ".repeat(1_000));
        assert_eq!(too_deep(&flat), None);
    }
}
