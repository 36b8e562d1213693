//! What is fuzzed: each target takes any bytes and panics where something does
//! not hold.

pub mod catalogue;
pub mod decode;
pub mod import;
pub mod keys;
pub mod language;
pub mod parse;
pub mod split;

/// A target, under the name of its corpus and of its program for libFuzzer.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    pub name: &'static str,
    /// Panics where something does not hold.
    pub run: fn(&[u8]),
    /// Inputs that a test gives it, where nobody asks for more.
    pub cases: u32,
    /// What its input is made of, besides bytes.
    pub words: &'static [&'static str],
}

/// Keys and shapes that decoding and reading look for.
const RECORD_WORDS: &[&str] = &[
    "{\"Records\":[",
    "{\"Events\":[{\"CloudTrailEvent\":\"",
    "\"detail-type\":\"x\",\"detail\":",
    "\"logEvents\":[",
    "\"messageType\":\"CONTROL_MESSAGE\"",
    "\"message\":\"",
    "eventJson",
    "\"eventTime\":\"2024-03-01T00:00:00Z\"",
    "\"eventTime\":\"0000-01-01T00:00:00Z\"",
    "\"eventTime\":\"9999-12-31T23:59:59.999Z\"",
    "\"eventID\":\"1\"",
    "\"recipientAccountId\":\"\"",
    "\"eventName\":",
    "null",
    "true",
    "[{},{}]",
    "\\u0000",
    "\\ud800",
    "\u{feff}",
    "\r\n",
    "\"\"",
    "\\\"",
    "}{",
    "},",
    "],",
];

pub const ALL: [Target; 7] = [
    Target {
        name: "decode",
        run: decode::run,
        cases: 300,
        words: RECORD_WORDS,
    },
    Target {
        name: "parse",
        run: parse::run,
        cases: 300,
        words: RECORD_WORDS,
    },
    Target {
        name: "import",
        run: import::run,
        cases: 60,
        words: RECORD_WORDS,
    },
    Target {
        name: "language",
        run: language::run,
        cases: 300,
        words: language::WORDS,
    },
    Target {
        name: "keys",
        run: keys::run,
        cases: 300,
        words: &["\0", "\0\0", "\0\u{ff}", "\u{ff}", "2024-02-29T24:00:00Z"],
    },
    Target {
        name: "split",
        run: split::run,
        cases: 300,
        words: split::WORDS,
    },
    Target {
        name: "catalogue",
        run: catalogue::run,
        cases: 300,
        words: &[
            "\"dead\":[",
            "\"runs\":",
            "\"id\":",
            "\"store\":",
            "null",
            "{}",
            "[]",
            "\"Purging\"",
            "-1",
            "4294967296",
            "1e3",
            "\"other\":[1,2]",
        ],
    },
];
