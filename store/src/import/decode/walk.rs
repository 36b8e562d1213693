//! Walks a file from its first byte to its last, whatever it holds.
//!
//! A file is a sequence of values, each an event, an envelope or an array of
//! these. Only the arrays that can be long (`Records`, `Events`, `events`, a
//! bare array) are walked element by element; every other value is taken whole,
//! once its end is found. Where bytes make no sense, the walk finds the next
//! place that surely begins a record, and what lies before is one reject.

use std::cell::Cell;
use std::ops::ControlFlow;

use super::envelope::{self, Object, marks_an_event};
use super::log_records::Array;
use super::members::{Next, is_blank, next_member};
use super::repair::Judged;
use super::result_csv::{self, Guess, Layout};
use super::sink::Sink;
pub(super) use super::sink::{Halt, Step};
use super::split::{End, Lines, Search, value_end};
use super::window::Window;
use super::{DecodeError, Decoded, FileKind, Item, SourceHints, foreign};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether a byte may stand between the values of a file: blanks, the commas of
/// an array without its brackets, and RFC 7464's record separator.
fn parts_values(byte: u8) -> bool {
    is_blank(byte) || byte == b',' || byte == 0x1e
}

/// What the elements of an array are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Elements {
    /// Records as they are.
    Records,
    /// Objects that hold an event, or are one.
    Wrapped,
    /// Anything that a file may hold.
    Values,
}

/// The member of an object whose array is walked element by element.
fn long_array(key: &[u8]) -> Option<(Elements, FileKind)> {
    match key {
        b"Records" => Some((Elements::Records, FileKind::TrailLog)),
        b"Events" => Some((Elements::Wrapped, FileKind::LookupEvents)),
        b"events" => Some((Elements::Wrapped, FileKind::CloudWatchLogs)),
        _ => None,
    }
}

pub(super) struct Walk<'w, 'r> {
    pub(super) window: Window<'r>,
    pub(super) sink: Sink<'w>,
    kind: FileKind,
    digest: Option<Vec<u8>>,
    /// No record surely begins before this place of the file, as far as known.
    pub(super) no_record_before: u64,
    /// The file's early end has been reported.
    pub(super) end_told: bool,
}

impl<'w, 'r> Walk<'w, 'r> {
    pub(super) fn new(
        window: Window<'r>,
        hints: SourceHints<'w>,
        reject_bytes_max: usize,
        take: &'w mut dyn FnMut(Item<'_>) -> ControlFlow<()>,
    ) -> Self {
        Self {
            window,
            sink: Sink::new(take, hints.account, reject_bytes_max),
            kind: FileKind::Empty,
            digest: None,
            no_record_before: 0,
            end_told: false,
        }
    }

    pub(super) fn finish(self, stored: &Cell<u64>, stopped: bool) -> Decoded {
        let kind = match self.kind {
            // Something was there, if only what could not be taken.
            FileKind::Empty if self.sink.rejects > 0 => FileKind::Events,
            kind => kind,
        };
        Decoded {
            kind,
            records: self.sink.records,
            rejects: self.sink.rejects,
            control_messages: self.sink.control_messages,
            bytes: self.window.expanded(),
            stored_bytes: stored.get(),
            content_sha256: self.window.content_sha256(),
            digest: self.digest,
            stopped,
        }
    }

    pub(super) fn run(&mut self) -> Step<()> {
        match self.first()? {
            First::Nothing => {}
            First::Csv(layout) => {
                self.kind = FileKind::ResultCsv;
                result_csv::walk(self, layout)?;
            }
            First::Values => self.values()?,
        }
        if self.window.fault().is_some() && !self.end_told {
            self.truncated()?;
        }
        Ok(())
    }

    /// Tells from the first bytes how to read the file.
    fn first(&mut self) -> Step<First> {
        self.read_ahead(foreign::HEAD_BYTES)?;
        self.skip_mark();
        let mut head = self.window.bytes().to_vec();
        head.truncate(foreign::HEAD_BYTES);
        let unrecognised = || DecodeError::Unrecognised {
            seen: foreign::describe(&head),
        };
        let Some(first) = self.window.skip(parts_values)? else {
            return match head.iter().all(|b| is_blank(*b)) {
                true => Ok(First::Nothing),
                false => Err(unrecognised().into()),
            };
        };
        let mut after = self.window.bytes().iter().skip(1);
        let second = after.find(|b| !is_blank(**b)).copied();
        match (first, second) {
            (b'{', None | Some(b'"' | b'}')) => return Ok(First::Values),
            (b'[', None | Some(b'{' | b']')) => return Ok(First::Values),
            (b'{' | b'[', _) => return Err(unrecognised().into()),
            (b'0'..=b'9', _) if time_len(self.window.bytes()).is_some() => {
                return Ok(First::Values);
            }
            _ => {}
        }
        self.read_ahead(result_csv::HEADER_BYTES)?;
        match result_csv::guess(self.window.bytes()) {
            Guess::Results(layout) => Ok(First::Csv(layout)),
            Guess::OtherCsv { columns } => Err(DecodeError::NoEventJson { columns }.into()),
            Guess::NoCsv => Err(unrecognised().into()),
        }
    }

    /// Has at least `len` bytes in the window, unless the file is shorter.
    pub(super) fn read_ahead(&mut self, len: usize) -> Step<()> {
        while self.window.bytes().len() < len && self.window.more()? {}
        Ok(())
    }

    fn skip_mark(&mut self) {
        if self.window.bytes().starts_with(BYTE_ORDER_MARK) {
            self.window.consume(BYTE_ORDER_MARK.len());
        }
    }

    /// A mark may be read in pieces.
    fn mark_or_reject(&mut self) -> Step<()> {
        self.read_ahead(BYTE_ORDER_MARK.len())?;
        match self.window.bytes().starts_with(BYTE_ORDER_MARK) {
            true => {
                self.skip_mark();
                Ok(())
            }
            false => self.reject_line("not a JSON object"),
        }
    }

    /// The values of the file, one after another.
    fn values(&mut self) -> Step<()> {
        while let Some(first) = self.window.skip(parts_values)? {
            match first {
                b'{' => self.object(Lines::Watched, true)?,
                b'[' => {
                    self.saw(FileKind::EventArray);
                    self.window.consume(1);
                    self.elements(Elements::Values)?;
                }
                b'0'..=b'9' => self.log_line()?,
                // Perhaps a mark again, where files were joined.
                0xef => self.mark_or_reject()?,
                _ => self.reject_line("not a JSON object")?,
            }
            if self.kind == FileKind::ConfigDelivery {
                self.read_to_end()?;
            }
        }
        Ok(())
    }

    /// A file is of the kind of the first thing in it.
    fn saw(&mut self, kind: FileKind) {
        if self.kind == FileKind::Empty {
            self.kind = kind;
        }
    }

    /// A line of an exported log group: a time, a blank, the message.
    fn log_line(&mut self) -> Step<()> {
        self.read_ahead(TIME_BYTES)?;
        match time_len(self.window.bytes()) {
            Some(len) => {
                self.saw(FileKind::CloudWatchLogs);
                self.window.consume(len);
                self.object(Lines::Watched, false)
            }
            None => self.reject_line("not a JSON object"),
        }
    }

    /// The object at the window's start. Long arrays in it are walked only when
    /// it is not inside one already, so nesting is bounded.
    fn object(&mut self, lines: Lines, may_hold_array: bool) -> Step<()> {
        let mut at = 1;
        loop {
            if self.window.is_too_long(at) {
                return self.too_long(lines);
            }
            let bytes = self.window.bytes();
            let end = match next_member(bytes, at, lines) {
                Next::Key { key, value_at } => {
                    let key = bytes.get(key).unwrap_or_default();
                    let value = bytes.get(value_at..).unwrap_or_default();
                    if marks_an_event(key) {
                        return self.whole_record(lines);
                    }
                    if key == b"configurationItems" && self.kind == FileKind::Empty {
                        self.kind = FileKind::ConfigDelivery;
                        return Ok(());
                    }
                    match long_array(key) {
                        Some((elements, kind)) if may_hold_array && value.starts_with(b"[") => {
                            self.saw(kind);
                            self.window.consume(value_at + 1);
                            self.elements(elements)?;
                            return self.rest_of_object(lines);
                        }
                        _ => {}
                    }
                    match value_end(value, lines) {
                        // No value at all: the parser tells where.
                        End::At(0) => return self.whole_record(lines),
                        End::At(len) => {
                            at = value_at + len;
                            continue;
                        }
                        End::More => End::More,
                        End::CutOff(n) => End::CutOff(value_at + n),
                    }
                }
                Next::End(len) => End::At(len),
                Next::More => End::More,
                Next::CutOff(n) => End::CutOff(n),
                // Its end can still be found; the parser tells what is wrong.
                Next::Bad => return self.whole_record(lines),
            };
            match self.judge(end, lines)? {
                Judged::Whole(len) => return self.whole_object(len),
                Judged::Rejected => return Ok(()),
                Judged::Again => {}
            }
        }
    }

    /// An object in hand that showed no mark of an event.
    fn whole_object(&mut self, len: usize) -> Step<()> {
        let bytes = self.window.bytes().get(..len).unwrap_or_default();
        let offset = self.window.offset();
        let kind = envelope::open(Object::new(bytes, offset), &mut self.sink)?;
        if kind.is_event_log() {
            self.saw(kind);
        } else if self.kind == FileKind::Empty {
            self.kind = kind;
            if kind == FileKind::Digest {
                self.digest = Some(bytes.to_vec());
            }
        } else {
            let reason = "a digest or signature among events".to_owned();
            self.sink.reject(bytes, offset, reason)?;
        }
        self.window.consume(len);
        Ok(())
    }

    /// A record to its end, which only brackets tell.
    fn whole_record(&mut self, lines: Lines) -> Step<()> {
        self.saw(FileKind::Events);
        let mut search = Search::new(lines);
        let mut at = 0;
        loop {
            let bytes = self.window.bytes();
            let end = search.feed(bytes.get(at..).unwrap_or_default()).after(at);
            at = bytes.len();
            match self.judge(end, lines)? {
                Judged::Whole(len) => {
                    let record = self.window.bytes().get(..len).unwrap_or_default();
                    self.sink.record(record, self.window.offset(), None)?;
                    self.window.consume(len);
                    return Ok(());
                }
                Judged::Rejected => return Ok(()),
                Judged::Again => {}
            }
        }
    }

    /// The elements of an array, from after its `[` to after its `]`.
    fn elements(&mut self, elements: Elements) -> Step<()> {
        loop {
            match self.window.skip(|b| is_blank(b) || b == b',')? {
                None => return self.truncated(),
                Some(b']') => {
                    self.window.consume(1);
                    return Ok(());
                }
                Some(b'{') => match elements {
                    Elements::Records => {
                        if self.record_of_array()? == Array::Closed {
                            return Ok(());
                        }
                    }
                    Elements::Wrapped => self.object(Lines::Ignored, false)?,
                    Elements::Values => self.object(Lines::Ignored, true)?,
                },
                Some(_) => self.reject_element()?,
            }
        }
    }

    /// The members after a long array, which hold no records, to the `}`.
    fn rest_of_object(&mut self, lines: Lines) -> Step<()> {
        loop {
            let bytes = self.window.bytes();
            match next_member(bytes, 0, lines) {
                Next::End(n) => {
                    self.window.consume(n);
                    return Ok(());
                }
                Next::Key { key, value_at } => {
                    let key = bytes.get(key).unwrap_or_default();
                    let value = bytes.get(value_at..).unwrap_or_default();
                    if let (Some((elements, _)), Some(b'[')) = (long_array(key), value.first()) {
                        self.window.consume(value_at + 1);
                        self.elements(elements)?;
                        continue;
                    }
                    let end = match value_end(value, lines) {
                        End::At(0) => return self.reject_line("broken after the records"),
                        end => end.after(value_at),
                    };
                    match self.judge(end, lines)? {
                        Judged::Whole(n) => self.window.consume(n),
                        Judged::Rejected => return Ok(()),
                        Judged::Again => {}
                    }
                    continue;
                }
                Next::CutOff(n) => return self.cut_off(n),
                Next::Bad => return self.reject_line("broken after the records"),
                Next::More => {}
            }
            if !self.window.more()? {
                return self.truncated();
            }
        }
    }
}

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum First {
    Nothing,
    Csv(Layout),
    Values,
}

/// Whether a line looks like the first of a value: `{"`, or a time and `{`.
pub(super) fn begins_value(line: &[u8]) -> bool {
    line.starts_with(b"{\"") || time_len(line).is_some()
}

/// Bytes of a log line in which its time ends and its message begins.
const TIME_BYTES: usize = 64;

/// The length of a time and the blanks after it, when an object follows:
/// `2024-01-31T00:00:00.000Z {`.
fn time_len(line: &[u8]) -> Option<usize> {
    let head = line.get(..TIME_BYTES.min(line.len()))?;
    let blank = head.iter().position(|b| matches!(b, b' ' | b'\t'))?;
    let time = head.get(..blank)?;
    let shape = b"0000-00-00T00:00:00";
    let fits = |(b, s): (&u8, &u8)| match s {
        b'0' => b.is_ascii_digit(),
        s => b == s,
    };
    if time.len() < shape.len() || !time.iter().zip(shape).all(fits) {
        return None;
    }
    let rest = head.get(blank..)?;
    let message = rest.iter().position(|b| !matches!(b, b' ' | b'\t'))?;
    (rest.get(message) == Some(&b'{')).then_some(blank + message)
}
