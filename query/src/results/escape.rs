//! Text of events made safe to show: nothing in it can act on a terminal.
//!
//! User agents and error messages are written by whoever is being investigated. An escape
//! sequence in them could hide rows, and a bidirectional override could reorder a line.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The text with control characters, line ends and bidirectional overrides spelled out:
/// `\n`, `\t`, `\u{1b}`.
pub fn escape_controls(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if acts(c) => {
                let _ = write!(out, "\\u{{{:x}}}", c as u32);
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Whether a terminal or a text renderer acts on the character instead of showing it.
pub(super) fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_spelled_out() {
        assert_eq!(
            escape_controls("a\x1b[2J\n\u{9b}x\u{202e}é\t"),
            "a\\u{1b}[2J\\n\\u{9b}x\\u{202e}é\\t"
        );
        assert!(matches!(escape_controls("plain é"), Cow::Borrowed(_)));
    }
}
