//! Texts that queries ask for: those that the events hold, and their parts.

use proptest::prelude::*;
use proptest::sample::select;

use crate::support::corpus::{ACCOUNTS, KEYS, NAMES, NUMBERS, REGIONS, TEXTS};

/// A whole text that events hold, or that they nearly hold.
pub fn texts() -> impl Strategy<Value = String> {
    let of_events = prop_oneof![
        4 => select(TEXTS),
        2 => select(NAMES),
        2 => select(NUMBERS),
        1 => select(REGIONS),
        1 => select(ACCOUNTS),
        1 => select(KEYS),
        1 => select(&["IAMUser", "bob", "Größe", "carol", "Management", "SecondName"][..]),
    ]
    .prop_map(str::to_owned);
    prop_oneof![20 => of_events, 1 => long_texts()]
}

/// As the corpus writes them: at the ends of what an index keeps whole.
fn long_texts() -> impl Strategy<Value = String> {
    select(
        &[
            ("x", 4095, "é"),
            ("x", 4096, ""),
            ("x1", 2100, ""),
            ("word ", 820, "alice"),
            ("a", 65_534, "éz"),
        ][..],
    )
    .prop_map(|(unit, n, end)| unit.repeat(n) + end)
}

/// A part of such a text: its beginning, its end or its middle.
pub fn parts() -> impl Strategy<Value = String> {
    (texts(), any::<prop::sample::Index>(), 1..8_usize, 0..3).prop_map(|(text, at, n, place)| {
        let chars: Vec<char> = text.chars().collect();
        let start = match place {
            0 => 0,
            1 => chars.len().saturating_sub(n),
            _ => at.index(chars.len().max(1)),
        };
        chars.iter().skip(start).take(n).collect()
    })
}

/// Patterns that both languages read the same way.
pub fn regexes() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "alice",
            "^a",
            "e$",
            "^$",
            "[0-9]{3}",
            "(?i)ALICE|strasse",
            "ü.*é|ß",
            "^arn:aws:iam::\\d+:(user|role)/",
            "^x+$",
            "\\s",
            "z$",
            "us-(east|west)-1",
        ][..],
    )
}

/// Words that a search finds, and some that it does not.
pub fn words() -> impl Strategy<Value = &'static str> {
    select(
        &[
            "alice",
            "ALICE",
            "emoji",
            "leaked",
            "AKIAIOSFODNN7EXAMPLE",
            "strasse",
            "corp.example",
            "word",
            "user/alice",
            "ali*",
            "akia*",
            "tail12",
            "12",
            "GetObject",
            "nobody",
            "arn:aws:iam::111122223333:role/Admin",
        ][..],
    )
}
