//! Patterns that a query's writer gave: what is wrong with one, and how large it may be.
//!
//! Expressions run in time linear in the text, but the factor is the size of what they
//! compile to, and each wildcard of LIKE is a part of an expression. Nothing stops the
//! search of one text, so the size is bounded.

use regex::{Error, Regex, RegexBuilder};

/// What an expression may take, compiled, in bytes. `[\w+=,.@-]{1,128}` takes 6 MiB.
const REGEX_BYTES_MAX: usize = 10 << 20;

/// What a LIKE pattern may take, compiled, in bytes: that of 500 times `_%` does. Beyond
/// it the engine gives up its caches and takes a thousand times as long.
const LIKE_BYTES_MAX: usize = 1 << 20;

/// Compiles a regular expression.
///
/// **Errors**: what is wrong with it, as a clause.
pub fn regex(source: &str) -> Result<Regex, String> {
    let compiled = RegexBuilder::new(source)
        .size_limit(REGEX_BYTES_MAX)
        .build();
    compiled.map_err(|error| match error {
        Error::CompiledTooBig(bytes) => too_large(bytes),
        error => {
            // The last line of several says what is wrong, those before draw it.
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            format!(
                "not a regular expression: {}",
                last.trim_start_matches("error: ")
            )
        }
    })
}

/// The reason in an error of an engine that compiles expressions itself, where it is
/// their size.
pub fn too_large_in(reason: &str) -> Option<String> {
    let is_size = ["CompiledTooBig", "exceeds size limit"]
        .iter()
        .any(|sign| reason.contains(sign));
    is_size.then(|| too_large(REGEX_BYTES_MAX))
}

fn too_large(bytes: usize) -> String {
    format!(
        "the regular expression is too large: compiled it takes more than {} MiB",
        bytes >> 20
    )
}

/// A part of a LIKE pattern.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    Text(String),
    /// `_`
    One,
    /// `%`
    Any,
}

/// The parts of a LIKE pattern, in which a backslash takes the next character as it is.
pub fn pieces(pattern: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        let literal = match c {
            '%' => {
                // `%%` is `%`.
                if pieces.last() != Some(&Piece::Any) {
                    pieces.push(Piece::Any);
                }
                continue;
            }
            '_' => {
                pieces.push(Piece::One);
                continue;
            }
            '\\' => chars.next().unwrap_or('\\'),
            c => c,
        };
        match pieces.last_mut() {
            Some(Piece::Text(text)) => text.push(literal),
            _ => pieces.push(Piece::Text(literal.to_string())),
        }
    }
    pieces
}

/// The expression of a LIKE pattern.
///
/// **Errors**: that it is too large, as a clause.
pub fn like(pieces: &[Piece], ignore_case: bool) -> Result<Regex, String> {
    let mut source = String::from("^");
    for piece in pieces {
        match piece {
            Piece::Text(text) => source.push_str(&regex::escape(text)),
            Piece::One => source.push('.'),
            Piece::Any => source.push_str(".*"),
        }
    }
    source.push('$');
    RegexBuilder::new(&source)
        .case_insensitive(ignore_case)
        .dot_matches_new_line(true)
        .size_limit(LIKE_BYTES_MAX)
        .build()
        .map_err(|_| {
            let wildcards = pieces.iter().filter(|p| !matches!(p, Piece::Text(_)));
            format!(
                "the pattern is too large: with its {} wildcards it takes more than {} MiB compiled",
                wildcards.count(),
                LIKE_BYTES_MAX >> 20
            )
        })
}

/// **Errors**: that a LIKE pattern is too large, as a clause.
pub fn check_like(pattern: &str, ignore_case: bool) -> Result<(), String> {
    use Piece::{Any, Text};
    let pieces = pieces(pattern);
    // What needs no engine may be of any length.
    let is_plain = matches!(
        pieces.as_slice(),
        [] | [Any] | [Text(_)] | [Text(_), Any] | [Any, Text(_)] | [Any, Text(_), Any]
    );
    match is_plain && !ignore_case {
        true => Ok(()),
        false => like(&pieces, ignore_case).map(drop),
    }
}

/// The LIKE pattern that means the same with the fewest wildcards.
pub fn shortest_like(pattern: &str) -> String {
    let mut written = String::with_capacity(pattern.len());
    for piece in pieces(pattern) {
        match piece {
            Piece::One => written.push('_'),
            Piece::Any => written.push('%'),
            Piece::Text(text) => text.chars().for_each(|c| {
                if matches!(c, '%' | '_' | '\\') {
                    written.push('\\');
                }
                written.push(c);
            }),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_refused_with_what_is_wrong() {
        let wrong = |source: &str| regex(source).expect_err(source);
        assert_eq!(wrong("("), "not a regular expression: unclosed group");
        let large = "the regular expression is too large: compiled it takes more than 10 MiB";
        assert_eq!(wrong("a{1000}{1000}"), large);
        assert_eq!(
            too_large_in("did not compile: CompiledTooBig(10485760)").as_deref(),
            Some(large)
        );
        assert!(regex(r"^[\w+=,.@-]{1,128}$").is_ok());
    }

    #[test]
    fn wildcards_are_limited() {
        for many in ["_%", "%a", "%_a"] {
            let error = check_like(&many.repeat(2_000), false).expect_err(many);
            assert!(error.contains("000 wildcards"), "{error}");
            assert!(check_like(&many.repeat(200), true).is_ok(), "{many}");
        }
        let long = "a".repeat(1 << 20);
        assert!(check_like(&format!("%{long}%"), false).is_ok());
        assert!(check_like(&format!("%{long}%b"), false).is_err());
        assert!(check_like(&long, true).is_err());
    }

    #[test]
    fn a_shorter_pattern_means_the_same() {
        assert_eq!(shortest_like(r"%%%a\%\\%%_%"), r"%a\%\\%_%");
        assert_eq!(shortest_like(r"a\b\"), r"ab\\");
        assert_eq!(shortest_like(""), "");
    }
}
