//! How text becomes search tokens, in one place for the index, the plain path
//! and queries.
//!
//! A token is a run of letters and digits in lower case. A UUID is one token,
//! hyphens included: taken apart its hex groups would fill the dictionary with
//! terms that nobody looks for. Long runs with a digit (access keys, request
//! ids, hashes) are *id-like*: nearly every one occurs once, so splits keep
//! them as hashes in a sorted file and not as dictionary terms.

use std::borrow::Cow;

/// From this length on a run that holds a digit is id-like.
const ID_LENGTH_MIN: usize = 16;
/// Beyond this length a run is id-like whatever it holds: tantivy drops terms
/// over 65,530 bytes in silence, and nobody types them.
const TERM_LENGTH_MAX: usize = 64;

/// A token and the bytes of the text that it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token<'t> {
    pub text: Cow<'t, str>,
    pub start: usize,
    pub end: usize,
}

impl Token<'_> {
    pub fn is_id_like(&self) -> bool {
        is_id_like(&self.text)
    }
}

/// Whether a token is kept by hash and not as a dictionary term.
pub fn is_id_like(token: &str) -> bool {
    token.len() > TERM_LENGTH_MAX
        || (token.len() >= ID_LENGTH_MIN && token.bytes().any(|b| b.is_ascii_digit()))
}

/// The key of an id-like token in a split's id file.
pub fn id_hash(token: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(token.as_bytes())
}

/// The tokens of a text, in order.
pub fn tokens(text: &str) -> Tokens<'_> {
    Tokens { text, at: 0 }
}

pub struct Tokens<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Iterator for Tokens<'t> {
    type Item = Token<'t>;

    fn next(&mut self) -> Option<Token<'t>> {
        let rest = self.text.get(self.at..)?;
        let (skipped, _) = rest.char_indices().find(|(_, c)| c.is_alphanumeric())?;
        let start = self.at + skipped;
        let end = match uuid_end(self.text, start) {
            Some(end) => end,
            None => run_end(self.text, start),
        };
        self.at = end;
        let run = self.text.get(start..end)?;
        Some(Token {
            text: lower(run),
            start,
            end,
        })
    }
}

fn run_end(text: &str, start: usize) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    rest.char_indices()
        .find(|(_, c)| !c.is_alphanumeric())
        .map_or(text.len(), |(i, _)| start + i)
}

/// The end of the UUID that begins at `start` and is not part of a longer run.
fn uuid_end(text: &str, start: usize) -> Option<usize> {
    const GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
    let bytes = text.as_bytes();
    let mut at = start;
    for (i, length) in GROUPS.into_iter().enumerate() {
        if i > 0 {
            if bytes.get(at) != Some(&b'-') {
                return None;
            }
            at += 1;
        }
        let group = bytes.get(at..at + length)?;
        if !group.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        at += length;
    }
    (run_end(text, at) == at).then_some(at)
}

fn lower(run: &str) -> Cow<'_, str> {
    if run
        .bytes()
        .all(|b| b.is_ascii_digit() || b.is_ascii_lowercase())
    {
        Cow::Borrowed(run)
    } else {
        Cow::Owned(run.to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        tokens(text).map(|t| t.text.into_owned()).collect()
    }

    #[test]
    fn runs_and_uuids() {
        assert_eq!(
            texts("arn:aws:iam::111122223333:user/Bob_É"),
            ["arn", "aws", "iam", "111122223333", "user", "bob", "é"]
        );
        assert_eq!(
            texts("id=0F3B2C1D-0000-4a4a-8b8b-0123456789ab;x"),
            ["id", "0f3b2c1d-0000-4a4a-8b8b-0123456789ab", "x"]
        );
        assert_eq!(
            texts("0f3b2c1d-0000-4a4a-8b8b-0123456789abc").len(),
            5,
            "one digit too many is no UUID"
        );
        assert_eq!(texts(" -- "), Vec::<String>::new());
    }

    #[test]
    fn id_like_tokens() {
        assert!(is_id_like("akiaiosfodnn7example"));
        assert!(!is_id_like("describeinstances"));
        assert!(!is_id_like("111122223333"));
        assert!(is_id_like(&"x".repeat(65)));
    }
}
