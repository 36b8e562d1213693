//! The events that a search found, as people read them: a line of who did what, and below
//! it the values in which the words stand.

use std::io::{self, Write};
use std::ops::Range;

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::TimestampMillisecondType;
use unicode_width::UnicodeWidthChar;

use super::{ResultWriter, TableOptions, cell_text, escape_controls};
use crate::incident::{Call, Outcome, Record};
use crate::search_plan::{Hit, Marks};
use crate::time::iso;

/// Values of one event that are shown.
const HITS_MAX: usize = 6;

/// Of a value so much is shown around what was sought, where nothing says how much fits.
const CELLS_DEFAULT: usize = 200;

/// Before what was sought so much of a long value is shown.
const BEFORE_CHARS: usize = 40;

const INDENT: &str = "    ";

/// Writes events as `@timestamp` and `@message` with what a search found in them.
pub struct HitsWriter<W> {
    out: W,
    marks: Marks,
    options: TableOptions,
    rows: usize,
}

impl<W: Write> HitsWriter<W> {
    pub fn new(out: W, marks: Marks, options: TableOptions) -> Self {
        Self {
            out,
            marks,
            options,
            rows: 0,
        }
    }

    fn event(&mut self, time_ms: i64, message: &str) -> io::Result<()> {
        let record = Record::read(time_ms, None, message);
        let who = record.identity.short_name().map(str::to_owned);
        self.head(&record.call, who.as_deref())?;
        let hits = self.marks.hits(message);
        for hit in hits.iter().take(HITS_MAX) {
            self.hit(hit)?;
        }
        match hits.len().saturating_sub(HITS_MAX) {
            0 => Ok(()),
            n => writeln!(self.out, "{INDENT}and in {n} more"),
        }
    }

    fn head(&mut self, call: &Call, who: Option<&str>) -> io::Result<()> {
        let time = iso(call.time_ms);
        let time = time.trim_end_matches('Z').trim_end_matches(".000");
        let service = call.service.as_deref().unwrap_or("");
        let service = service.strip_suffix(".amazonaws.com").unwrap_or(service);
        let action = call.action.as_deref().unwrap_or("");
        let what = format!("{service} {action}");
        let outcome = match call.outcome {
            Outcome::Done => None,
            Outcome::Failed => Some("failed"),
            Outcome::Denied => Some("denied"),
        };
        let parts = [
            Some(what.trim()),
            outcome,
            who,
            call.address.as_deref(),
            call.account.as_deref(),
            call.region.as_deref(),
        ];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        let head = format!("{}  {}", time.replacen('T', " ", 1), parts.join("  "));
        let id = call.event_id.as_deref().unwrap_or("");
        let (bold, dim, plain) = match self.options.colour {
            true => ("\x1b[1m", "\x1b[2m", "\x1b[0m"),
            false => ("", "", ""),
        };
        let (head, id) = (escape_controls(&head), escape_controls(id));
        writeln!(self.out, "{bold}{head}{plain}  {dim}{id}{plain}")
    }

    fn hit(&mut self, hit: &Hit) -> io::Result<()> {
        let path = escape_controls(&hit.path);
        let cells = self.options.width.map(|width| {
            let taken = INDENT.len() + path.chars().count() + 2;
            width.saturating_sub(taken).max(BEFORE_CHARS)
        });
        let shown = around(&hit.value, &hit.marks, cells.unwrap_or(CELLS_DEFAULT));
        let (mark, plain) = match self.options.colour {
            true => ("\x1b[1;31m", "\x1b[0m"),
            false => ("", ""),
        };
        write!(self.out, "{INDENT}{path}: ")?;
        let mut at = shown.start;
        if at > 0 {
            write!(self.out, "…")?;
        }
        for range in &hit.marks {
            let (start, end) = (range.start.max(at), range.end.min(shown.end));
            if start >= end {
                continue;
            }
            self.text(&hit.value, at..start)?;
            write!(self.out, "{mark}")?;
            self.text(&hit.value, start..end)?;
            write!(self.out, "{plain}")?;
            at = end;
        }
        self.text(&hit.value, at..shown.end)?;
        let more = if shown.end < hit.value.len() {
            "…"
        } else {
            ""
        };
        writeln!(self.out, "{more}")
    }

    fn text(&mut self, value: &str, range: Range<usize>) -> io::Result<()> {
        let text = value.get(range).unwrap_or_default();
        write!(self.out, "{}", escape_controls(text))
    }
}

/// The part of a value that is shown: whole where it fits, else with the first mark in it.
fn around(value: &str, marks: &[Range<usize>], cells: usize) -> Range<usize> {
    let width = |c: char| c.width().unwrap_or(1);
    if value.chars().map(width).sum::<usize>() <= cells {
        return 0..value.len();
    }
    // Two of the cells are for what says that there is more.
    let cells = cells.saturating_sub(2);
    let first = marks.first().map_or(0, |mark| mark.start);
    let before = value.get(..first).unwrap_or_default();
    let start = match before.char_indices().rev().nth(BEFORE_CHARS.min(cells / 2)) {
        Some((at, c)) => at + c.len_utf8(),
        None => 0,
    };
    let mut used = 0;
    let rest = value.get(start..).unwrap_or_default();
    let end = rest.char_indices().find(|(_, c)| {
        used += width(*c);
        used > cells
    });
    start..end.map_or(value.len(), |(at, _)| start + at)
}

impl<W: Write + Send> ResultWriter for HitsWriter<W> {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let [times, messages] = batch.columns() else {
            return Err(io::Error::other("a search answered other columns"));
        };
        let times = times.as_primitive_opt::<TimestampMillisecondType>();
        for row in 0..batch.num_rows() {
            self.rows += 1;
            if self.options.rows_max.is_some_and(|max| self.rows > max) {
                continue;
            }
            let time_ms = times.filter(|times| times.is_valid(row));
            let time_ms = time_ms.map_or(0, |times| times.value(row));
            let message = cell_text(messages.as_ref(), row);
            self.event(time_ms, message.as_deref().unwrap_or_default())?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search;

    fn written(words: &str, event: &str, options: TableOptions) -> String {
        let marks = Marks::of(&search::parse(words).expect("a search")).expect("marks");
        let mut out = Vec::new();
        let mut writer = HitsWriter::new(&mut out, marks, options);
        writer.event(1_780_272_000_000, event).expect("written");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn an_event_is_a_line_and_its_hits() {
        let event = r#"{"eventSource":"s3.amazonaws.com","eventName":"GetObject","errorCode":"AccessDenied",
            "userIdentity":{"type":"IAMUser","userName":"bob"},"sourceIPAddress":"203.0.113.9",
            "recipientAccountId":"1","awsRegion":"us-east-1","eventID":"e-1"}"#;
        assert_eq!(
            written("bob", event, TableOptions::default()),
            "2026-06-01 00:00:00  s3 GetObject  denied  bob  203.0.113.9  1  us-east-1  e-1\n    \
             userIdentity.userName: bob\n"
        );
    }

    #[test]
    fn marks_have_colours_and_nothing_acts_on_the_terminal() {
        let options = TableOptions {
            colour: true,
            ..TableOptions::default()
        };
        let out = written("bob", r#"{"x":"\u001b[2J bob"}"#, options);
        assert!(
            out.contains("x: \\u{1b}[2J \x1b[1;31mbob\x1b[0m\n"),
            "{out:?}"
        );
    }

    #[test]
    fn a_long_value_is_shown_around_its_mark() {
        let value = format!("{} needle {}", "é".repeat(500), "z".repeat(500));
        let event = format!(r#"{{"x":"{value}"}}"#);
        let options = TableOptions {
            width: Some(100),
            ..TableOptions::default()
        };
        let out = written("needle", &event, options);
        let line = out.lines().nth(1).expect("a hit");
        assert!(
            line.starts_with("    x: …é") && line.ends_with("z…"),
            "{line}"
        );
        assert!(
            line.contains(" needle ") && line.chars().count() <= 100,
            "{line}"
        );
    }
}
