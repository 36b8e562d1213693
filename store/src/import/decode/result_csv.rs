//! Query results saved as CSV: the way out of CloudTrail Lake.
//!
//! CloudTrail Lake writes a comment with the time and the SQL text before the
//! header, Athena does not. Each row's `eventJson` is an event as delivered; the
//! other columns are taken from it and not read. Quoting is RFC 4180's.

use std::borrow::Cow;

use super::sink::Step;
use super::walk::Walk;

/// The column, compared without case: Athena writes it in small letters.
const EVENT_JSON: &[u8] = b"eventjson";

/// The header is looked for this far; CloudTrail Lake's queries, which stand
/// before it, have at most 10,000 characters.
pub(super) const HEADER_BYTES: usize = 32 << 10;

/// Columns named in an error.
const COLUMNS_SHOWN: usize = 12;

/// Where the rows of query results are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Where the first row begins, counted from the start of the text.
    rows_at: usize,
    /// The place of `eventJson` among the columns.
    column: usize,
}

/// What a text is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Guess {
    Results(Layout),
    /// A CSV of something else.
    OtherCsv {
        columns: String,
    },
    NoCsv,
}

/// Judges a text by its first lines.
pub(super) fn guess(text: &[u8]) -> Guess {
    if !text.starts_with(b"#") {
        let len = row_len(text).unwrap_or(text.len());
        let header = text.get(..len).unwrap_or_default();
        return match event_json(header) {
            Some(column) => Guess::Results(Layout {
                rows_at: len,
                column,
            }),
            None => other_csv(header),
        };
    }
    // The SQL text in the comment may go over several lines, and one of them may
    // look like a header; the event in the row below tells.
    let mut at = 0;
    while let Some(newline) = memchr::memchr(b'\n', text.get(at..).unwrap_or_default()) {
        at += newline + 1;
        let rest = text.get(at..).unwrap_or_default();
        let len = row_len(rest).unwrap_or(rest.len());
        let (header, rows) = rest.split_at_checked(len).unwrap_or((rest, &[]));
        let Some(column) = event_json(header) else {
            continue;
        };
        let is_event = field(rows, column).is_some_and(|f| f.starts_with(b"{"));
        if is_event || rows.is_empty() {
            return Guess::Results(Layout {
                rows_at: at + len,
                column,
            });
        }
    }
    let second_line = text.split(|b| *b == b'\n').nth(1).unwrap_or_default();
    other_csv(second_line)
}

/// Hands on the events of query results.
pub(super) fn walk(walk: &mut Walk<'_, '_>, layout: Layout) -> Step<()> {
    walk.window.consume(layout.rows_at);
    loop {
        let bytes = walk.window.bytes();
        let len = row_len(bytes);
        if walk.window.is_too_long(len.unwrap_or(bytes.len())) {
            walk.reject_line("a row that is too long, or a quote that does not close")?;
            continue;
        }
        let len = match len {
            Some(len) => len,
            None if walk.window.more()? => continue,
            None => {
                let rest = walk.window.bytes();
                if walk.window.fault().is_some() || open_quote(rest) {
                    return walk.truncated();
                }
                if rest.is_empty() {
                    return Ok(());
                }
                rest.len()
            }
        };
        take_row(walk, layout.column, len)?;
        walk.window.consume(len);
    }
}

fn take_row(walk: &mut Walk<'_, '_>, column: usize, len: usize) -> Step<()> {
    let row = walk.window.bytes().get(..len).unwrap_or_default();
    if row.trim_ascii().is_empty() {
        return Ok(());
    }
    let event = field(row, column).unwrap_or_default();
    let event = event.trim_ascii();
    if event.starts_with(b"{") {
        return walk.sink.record(event, walk.window.offset(), None);
    }
    let reason = "its eventJson is not an event".to_owned();
    walk.sink.reject(row, walk.window.offset(), reason)
}

/// The length of the first row with its line end, which counts outside quotes.
fn row_len(bytes: &[u8]) -> Option<usize> {
    let mut quoted = false;
    memchr::memchr2_iter(b'"', b'\n', bytes)
        .find(|at| {
            let is_quote = bytes.get(*at) == Some(&b'"');
            quoted ^= is_quote;
            !is_quote && !quoted
        })
        .map(|at| at + 1)
}

/// Whether a quote is left open.
fn open_quote(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'"', bytes).count() % 2 == 1
}

/// The fields of a row, quotes and all.
fn fields(row: &[u8]) -> impl Iterator<Item = &[u8]> {
    let len = row_len(row).unwrap_or(row.len());
    let mut rest = row
        .get(..len)
        .map(|r| r.strip_suffix(b"\n").unwrap_or(r))
        .map(|r| r.strip_suffix(b"\r").unwrap_or(r));
    std::iter::from_fn(move || {
        let text = rest?;
        let mut quoted = false;
        let comma = memchr::memchr2_iter(b'"', b',', text).find(|at| {
            let is_quote = text.get(*at) == Some(&b'"');
            quoted ^= is_quote;
            !is_quote && !quoted
        });
        match comma.and_then(|at| text.split_at_checked(at)) {
            Some((field, tail)) => {
                rest = tail.get(1..);
                Some(field)
            }
            None => {
                rest = None;
                Some(text)
            }
        }
    })
}

/// One field of a row, without quotes.
fn field(row: &[u8], column: usize) -> Option<Cow<'_, [u8]>> {
    fields(row).nth(column).map(unquoted)
}

fn unquoted(field: &[u8]) -> Cow<'_, [u8]> {
    let Some(inside) = field
        .strip_prefix(b"\"")
        .and_then(|f| f.strip_suffix(b"\""))
    else {
        return Cow::Borrowed(field);
    };
    if memchr::memchr(b'"', inside).is_none() {
        return Cow::Borrowed(inside);
    }
    let mut out = Vec::with_capacity(inside.len());
    let mut from = 0;
    while let Some(rest) = inside.get(from..) {
        match memchr::memchr(b'"', rest) {
            Some(at) => {
                out.extend_from_slice(rest.get(..=at).unwrap_or_default());
                // The second of a doubled quote goes.
                from += at + 2;
            }
            None => {
                out.extend_from_slice(rest);
                break;
            }
        }
    }
    Cow::Owned(out)
}

fn event_json(header: &[u8]) -> Option<usize> {
    fields(header).position(|f| unquoted(f).trim_ascii().eq_ignore_ascii_case(EVENT_JSON))
}

fn other_csv(header: &[u8]) -> Guess {
    let Ok(text) = std::str::from_utf8(header.trim_ascii()) else {
        return Guess::NoCsv;
    };
    let is_header = text.contains(',')
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || " \t_-.,\"$:/()[]#".contains(c));
    if !is_header {
        return Guess::NoCsv;
    }
    let names: Vec<String> = fields(text.as_bytes())
        .map(|f| String::from_utf8_lossy(&unquoted(f)).into_owned())
        .collect();
    let mut columns = names
        .iter()
        .take(COLUMNS_SHOWN)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    if names.len() > COLUMNS_SHOWN {
        columns.push_str(", …");
    }
    Guess::OtherCsv { columns }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_found() {
        let results = |rows_at, column| Guess::Results(Layout { rows_at, column });
        assert_eq!(guess(b"eventID,eventJson\n"), results(18, 1));
        assert_eq!(guess(b"\"eventid\",\"eventjson\"\r\n1,2"), results(23, 1));
        let lake = b"# Execution Time: 2022 Query Statement: SELECT\neventJson\nFROM x\nawsRegion,eventJson\nr,\"{\"\"a\"\":1}\"\n";
        assert_eq!(guess(lake), results(84, 1));
        assert_eq!(
            guess(b"file,source\n1,2\n"),
            Guess::OtherCsv {
                columns: "file, source".into()
            }
        );
        assert_eq!(guess(b"Hello, world! It is {late}\n"), Guess::NoCsv);
    }

    #[test]
    fn fields_lose_their_quotes_only() {
        let row = b"a,\"b,\"\"c\"\"\n\",,\"\"\n next";
        let found: Vec<_> = fields(row).map(unquoted).collect();
        assert_eq!(found, [&b"a"[..], b"b,\"c\"\n", b"", b""]);
    }
}
