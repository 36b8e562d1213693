//! The syntax tree of a search expression: words, phrases and tests of fields.
//!
//! `search …` in a pipeline, bare words, SQL's `search('…')` and the command line's
//! `search` are all this one tree. `field:(a or b)` is no node of its own: its field
//! is written at every test inside, so whoever plans a search meets four kinds of leaf.

use std::net::IpAddr;

use super::field_ref::FieldRef;
use super::time::TimeModifier;
use crate::span::{Span, Spanned};

/// A whole search: what to look for, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// None looks for everything, as `search last 7d` does.
    pub terms: Option<Node>,
    pub time: Vec<Spanned<TimeModifier>>,
}

/// A part of a search with its place.
pub type Node = Spanned<NodeKind>;

#[derive(Clone, Debug, PartialEq)]
pub enum NodeKind {
    /// `*`: any event.
    Everything,
    /// All of them; at least two. Words side by side are joined so.
    And(Vec<Node>),
    /// Any of them; at least two.
    Or(Vec<Node>),
    Not(Box<Node>),
    /// Something in any value of the event.
    Anywhere(Term),
    /// `field:test`.
    Field {
        field: Spanned<FieldRef>,
        test: FieldTest,
    },
}

/// What is looked for in a text. Letters match in either case, except in a regex.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// A bare word with its escapes taken off: `AKIAIOSFODNN7EXAMPLE`, an ARN, a URL.
    Word(String),
    /// `"in quotes"`: these words side by side, punctuation included.
    Phrase(String),
    /// `word*`.
    Prefix(String),
    /// A word with `*` elsewhere: the texts between the stars, empty at an end where
    /// a star stands. At least two parts, and one of them not empty.
    Wildcard(Vec<String>),
    /// `10.0.0.0/8`: an address inside the network.
    Cidr(Cidr),
    /// `/regex/`.
    Regex(Regex),
}

/// The test of one field.
#[derive(Clone, Debug, PartialEq)]
pub enum FieldTest {
    /// `field:*`: the field is there.
    Exists,
    Is(Term),
    /// `field:[a TO b]`, with `{` or `}` where the bound itself does not count.
    Range {
        low: Bound,
        high: Bound,
    },
    /// `field:>=x`.
    Compare {
        op: Comparison,
        value: String,
    },
}

/// One end of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    Open,
    Inclusive(String),
    Exclusive(String),
}

/// An order against a value. Whether it is of numbers or of texts, the field decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A network of addresses, as typed: the bits beyond the prefix are not cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    pub address: IpAddr,
    pub prefix_bits: u8,
}

impl Cidr {
    /// Reads `address/bits`; None when it is none.
    pub fn parse(text: &str) -> Option<Cidr> {
        let (address, bits) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        if bits.is_empty() || !bits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let prefix_bits: u8 = bits.parse().ok()?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        (prefix_bits <= bits_max).then_some(Cidr {
            address,
            prefix_bits,
        })
    }

    /// Whether an address lies in the network. IPv4 and IPv6 do not mix.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let beyond = 32 - u32::from(self.prefix_bits.min(32));
                (u64::from(network.to_bits()) >> beyond) == (u64::from(address.to_bits()) >> beyond)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let beyond = 128 - u32::from(self.prefix_bits.min(128));
                network.to_bits().checked_shr(beyond).unwrap_or(0)
                    == address.to_bits().checked_shr(beyond).unwrap_or(0)
            }
            _ => false,
        }
    }
}

/// A regular expression as the regex engine takes it: the slashes that delimit it are
/// gone and `\/` inside has become `/`. Whether it compiles is not yet known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Regex {
    source: String,
}

impl Regex {
    /// Takes the text between two slashes, or one from a string. Slashes and line ends
    /// are brought to one spelling, so that equal expressions are equal.
    pub fn new(text: &str) -> Regex {
        let mut source = String::with_capacity(text.len());
        let mut chars = text.chars();
        if text.is_empty() {
            // Between two slashes nothing would be no regex.
            source.push_str("(?:)");
        }
        while let Some(c) = chars.next() {
            match c {
                '\\' => match chars.next() {
                    Some('/') => source.push('/'),
                    Some('\n') => source.push_str(r"\n"),
                    Some('\r') => source.push_str(r"\r"),
                    Some(next) => source.extend(['\\', next]),
                    // Without a partner it can only mean itself.
                    None => source.push_str(r"\\"),
                },
                '\n' => source.push_str(r"\n"),
                '\r' => source.push_str(r"\r"),
                c => source.push(c),
            }
        }
        Regex { source }
    }

    pub fn as_str(&self) -> &str {
        &self.source
    }
}

impl Search {
    /// The span from the first term or modifier to the last.
    pub fn span(&self) -> Option<Span> {
        let terms = self.terms.iter().map(|node| node.span);
        let time = self.time.iter().map(|modifier| modifier.span);
        terms.chain(time).reduce(Span::join)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        let cases = [
            ("10.0.0.0/8", "10.255.1.2", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("192.0.2.7/32", "192.0.2.7", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("::/0", "2001:db8::1", true),
            ("::/0", "192.0.2.7", false),
        ];
        for (network, address, inside) in cases {
            let network = Cidr::parse(network).expect("a network");
            let address = address.parse().expect("an address");
            assert_eq!(network.contains(address), inside, "{network:?} {address}");
        }
        for text in [
            "10.0.0.0/33",
            "10.0.0.0",
            "10.0.0/8",
            "10.0.0.0/+8",
            "/8",
            "a/b",
        ] {
            assert_eq!(Cidr::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_regex_has_one_spelling() {
        assert_eq!(Regex::new(r"aws\/spans\\/").as_str(), r"aws/spans\\/");
        assert_eq!(Regex::new("a\nb\\"), Regex::new(r"a\nb\\"));
    }
}
