//! Input for the targets: what lies in `corpus/`, changed by choices.
//!
//! The same function serves proptest, which draws and shrinks the choices, and
//! `make soak`. libFuzzer changes the corpora in its own way.

use std::fs;
use std::path::{Path, PathBuf};

/// Longer input finds nothing that shorter input does not.
const BYTES_MAX: usize = 32 << 10;

/// Numbers at which arithmetic ends.
const NUMBERS: [&str; 12] = [
    "0",
    "-1",
    "1",
    "255",
    "65536",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "1e999",
    "0.1",
];

/// What opens and closes.
const BRACKETS: [(&str, &str); 8] = [
    ("(", ")"),
    ("[", "]"),
    ("{", "}"),
    ("\"", "\""),
    ("'", "'"),
    ("`", "`"),
    ("/*", "*/"),
    ("{\"a\":", "}"),
];

/// Bytes in whose place nobody expects them.
const BYTES: [u8; 16] = *b"\0\n\r\"'\\/{}[],:\x7F\x80\xFF";

/// The folder of a target's corpus.
pub fn corpus_folder(target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target)
}

/// The committed inputs of a target, by name.
pub fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = corpus_folder(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut corpus: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            (name.into_owned(), fs::read(&path).expect("it reads"))
        })
        .collect();
    corpus.sort();
    corpus
}

/// Numbers drawn by somebody else, from whose bytes everything is decided. When
/// they are used up, every choice is the first.
struct Choices<'c>(&'c [u8]);

impl Choices<'_> {
    fn next(&mut self) -> usize {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        usize::from(*first)
    }

    /// A number from 0 up to but not including `n`, which is at most 65,536.
    fn below(&mut self, n: usize) -> usize {
        let number = match n {
            0..=256 => self.next(),
            _ => self.next() << 8 | self.next(),
        };
        number % n.max(1)
    }

    fn pick<'t, T>(&mut self, from: &'t [T]) -> &'t T {
        &from[self.below(from.len())]
    }

    /// A part of something so long, mostly a short one.
    fn range(&mut self, length: usize) -> std::ops::Range<usize> {
        let start = self.below(length + 1);
        let longest = match self.below(4) {
            0 => length,
            _ => 16,
        };
        let n = self.below(longest + 1);
        start..length.min(start + n)
    }
}

/// An input of a target: one of its corpus, with as many changes as there are
/// choices for, at most eight. `words` are what its language is made of.
pub fn make(corpus: &[(String, Vec<u8>)], words: &[&str], choices: &[u8]) -> Vec<u8> {
    let mut choices = Choices(choices);
    let mut input = choices.pick(corpus).1.clone();
    for _ in 0..1 + choices.below(8) {
        if choices.0.is_empty() {
            break;
        }
        change(&mut input, corpus, words, &mut choices);
        input.truncate(BYTES_MAX);
    }
    input
}

fn change(
    input: &mut Vec<u8>,
    corpus: &[(String, Vec<u8>)],
    words: &[&str],
    choices: &mut Choices<'_>,
) {
    let range = choices.range(input.len());
    match choices.below(11) {
        0 => {
            if let Some(byte) = input.get_mut(range.start) {
                *byte ^= 1 << choices.below(8);
            }
        }
        1 => {
            if let Some(byte) = input.get_mut(range.start) {
                *byte = *choices.pick(&BYTES);
            }
        }
        2 => drop(input.drain(range)),
        3 => {
            let again = input[range.clone()].repeat(1 << choices.below(8));
            input.splice(range.end..range.end, again);
        }
        4 => drop(input.splice(range.start..range.start, choices.pick(words).bytes())),
        5 => drop(input.splice(range, choices.pick(words).bytes())),
        6 => {
            let other = &choices.pick(corpus).1;
            let theirs = choices.range(other.len()).start;
            input.splice(range.start.., other[theirs..].iter().copied());
        }
        7 => {
            let other = &choices.pick(corpus).1;
            let theirs = choices.range(other.len());
            input.splice(range, other[theirs].iter().copied());
        }
        8 => {
            let number = choices.pick(&NUMBERS);
            let digits = number_at(input, range.start);
            input.splice(digits, number.bytes());
        }
        9 => {
            let (open, close) = choices.pick(&BRACKETS);
            let times = 1 << choices.below(9);
            let inside = input[range.clone()].to_vec();
            let wrapped = [
                open.repeat(times).as_bytes(),
                inside.as_slice(),
                close.repeat(times).as_bytes(),
            ]
            .concat();
            input.splice(range, wrapped);
        }
        _ => input.truncate(range.start),
    }
}

/// The digits at a place or after it; the place itself where there are none.
fn number_at(input: &[u8], from: usize) -> std::ops::Range<usize> {
    let rest = &input[from..];
    let Some(before) = rest.iter().position(u8::is_ascii_digit) else {
        return from..from;
    };
    let digits = rest[before..].iter().take_while(|b| b.is_ascii_digit());
    from + before..from + before + digits.count()
}
