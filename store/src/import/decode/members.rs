//! Steps through the members of an object by place, without reading values.
//!
//! Recognising an envelope takes a few of its keys and where their values lie;
//! a parsed tree of the whole would be thrown away.

use std::ops::Range;

use super::split::{End, Lines, string_end, value_end};

/// What stands at a place between members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// A member: the key between its quotes, and where its value begins.
    Key { key: Range<usize>, value_at: usize },
    /// The object's end: the place after its `}`.
    End(usize),
    /// The bytes end before this is told.
    More,
    /// A line end cut the object off, before this place.
    CutOff(usize),
    /// Not JSON.
    Bad,
}

/// Blanks as JSON has them.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The place of the first byte from `at` on that is not blank.
fn after_blanks(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    Some(at + rest.iter().position(|b| !is_blank(*b))?)
}

/// Looks at the place `at` of an object: after its `{`, or after a value.
pub(super) fn next_member(bytes: &[u8], at: usize, lines: Lines) -> Next {
    let Some(mut at) = after_blanks(bytes, at) else {
        return Next::More;
    };
    if bytes.get(at) == Some(&b',') {
        match after_blanks(bytes, at + 1) {
            Some(next) => at = next,
            None => return Next::More,
        }
    }
    match bytes.get(at) {
        Some(b'}') => Next::End(at + 1),
        Some(b'"') => key_at(bytes, at, lines),
        _ => Next::Bad,
    }
}

fn key_at(bytes: &[u8], at: usize, lines: Lines) -> Next {
    let len = match string_end(bytes.get(at..).unwrap_or_default(), lines) {
        End::At(len) => len,
        End::More => return Next::More,
        End::CutOff(n) => return Next::CutOff(at + n),
    };
    let key = at + 1..at + len - 1;
    let Some(colon) = after_blanks(bytes, at + len) else {
        return Next::More;
    };
    if bytes.get(colon) != Some(&b':') {
        return Next::Bad;
    }
    match after_blanks(bytes, colon + 1) {
        Some(value_at) => Next::Key { key, value_at },
        None => Next::More,
    }
}

/// The members of a whole object, key (escapes and all) and value. Ends at the
/// first place that is not JSON.
pub(super) fn members(object: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut at = 1;
    std::iter::from_fn(move || {
        let Next::Key { key, value_at } = next_member(object, at, Lines::Ignored) else {
            return None;
        };
        let rest = object.get(value_at..)?;
        let End::At(len) = value_end(rest, Lines::Ignored) else {
            return None;
        };
        at = value_at + len.max(1);
        Some((object.get(key)?, rest.get(..len)?))
    })
}

/// The elements of a whole array. Ends at the first place that is not JSON.
pub(super) fn elements(array: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut at = 1;
    std::iter::from_fn(move || {
        let mut from = after_blanks(array, at)?;
        if array.get(from) == Some(&b',') {
            from = after_blanks(array, from + 1)?;
        }
        let rest = array.get(from..)?;
        if rest.first() == Some(&b']') {
            return None;
        }
        match value_end(rest, Lines::Ignored) {
            End::At(len) if len > 0 => {
                at = from + len;
                rest.get(..len)
            }
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_elements_are_cut_out() {
        let object = br#"{ "a" : {"x":[1,2]}, "b\"c":"}", "n":-1.5e3 ,"e":[]}"#;
        let found: Vec<_> = members(object)
            .map(|(k, v)| (k.escape_ascii().to_string(), v.escape_ascii().to_string()))
            .collect();
        let expected = [
            ("a", r#"{"x":[1,2]}"#),
            (r#"b\"c"#, r#""}""#),
            ("n", "-1.5e3"),
            ("e", "[]"),
        ]
        .map(|(k, v)| {
            let show = |t: &str| t.as_bytes().escape_ascii().to_string();
            (show(k), show(v))
        });
        assert_eq!(found, expected);
        let array = br#" [ {"a":1} , "b,]" ,3] "#.trim_ascii();
        let found: Vec<&[u8]> = elements(array).collect();
        assert_eq!(found, [&br#"{"a":1}"#[..], br#""b,]""#, b"3"]);
    }

    #[test]
    fn bad_objects_end_the_members() {
        assert_eq!(members(b"{\"a\" 1}").count(), 0);
        assert_eq!(members(b"{\"a\":1, b}").count(), 1);
        assert_eq!(members(b"{\"a\":}").count(), 1);
        assert_eq!(elements(b"[1 :]").count(), 1);
    }
}
