//! Rejects what makes no sense, and finds where the file goes on.
//!
//! A bad line costs that line, a record that is too long costs that record, and
//! only a file that ends early costs its tail. Each is one reject with its bytes,
//! its place and its reason.

use super::sink::Step;
use super::split::{End, Lines, Search, value_end};
use super::walk::{Walk, begins_value};

const CUT_OFF: &str = "cut off by a line end";

/// What became of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Judged {
    /// It is in the window, this long.
    Whole(usize),
    /// It cannot be taken, and has been rejected and consumed.
    Rejected,
    /// More of it has been read: look again.
    Again,
}

impl Walk<'_, '_> {
    /// What to do about the value at the window's start, given what its end was
    /// found to be. The limits hold for the value and not for what happens to be
    /// in the window, so the same file gives the same items however it is read.
    pub(super) fn judge(&mut self, end: End, lines: Lines) -> Step<Judged> {
        match end {
            End::At(n) | End::CutOff(n) if self.window.is_too_long(n) => self.too_long(lines)?,
            End::At(n) => return Ok(Judged::Whole(n)),
            End::CutOff(n) if self.cut_lines(n, lines)? => {}
            End::CutOff(n) => self.cut_off(n)?,
            End::More if self.window.is_too_long(self.window.bytes().len()) => {
                self.too_long(lines)?;
            }
            End::More if self.window.more()? => return Ok(Judged::Again),
            End::More if self.cut_lines(self.window.bytes().len(), lines)? => {}
            End::More => self.truncated()?,
        }
        Ok(Judged::Rejected)
    }

    /// Where all of several lines begin a value, but what was taken for one value
    /// goes over them all: rejects each but the last, which is looked at anew.
    ///
    /// A line that is cut off after `{`, `[`, `,` or `:` may go on in the next as
    /// far as brackets tell, and only the end of what follows shows that it did not.
    fn cut_lines(&mut self, len: usize, lines: Lines) -> Step<bool> {
        let region = self.window.bytes().get(..len).unwrap_or_default();
        let mut each = region.split_inclusive(|b| *b == b'\n').map(<[u8]>::len);
        let rest = region.split_inclusive(|b| *b == b'\n').skip(1);
        if lines == Lines::Ignored
            || rest.clone().next().is_none()
            || !rest.clone().all(begins_value)
        {
            return Ok(false);
        }
        each.next_back();
        let cut: Vec<usize> = each.collect();
        for len in cut {
            let offset = self.window.offset();
            let head = self.take_head(len);
            self.sink.reject(&head, offset, CUT_OFF.to_owned())?;
        }
        Ok(true)
    }

    /// Rejects the value that a line end cut off, before the place `len`, and
    /// goes on at the next line that begins a value.
    pub(super) fn cut_off(&mut self, len: usize) -> Step<()> {
        let offset = self.window.offset();
        let mut head = self.take_head(len);
        while let Some(first) = self.window.peek()? {
            if matches!(first, b'{' | b'[' | b'0'..=b'9') {
                break;
            }
            self.line_into(&mut head)?;
        }
        self.sink.reject(&head, offset, CUT_OFF.to_owned())
    }

    pub(super) fn reject_line(&mut self, reason: &str) -> Step<()> {
        let offset = self.window.offset();
        let mut head = Vec::new();
        self.line_into(&mut head)?;
        self.sink.reject(&head, offset, reason.to_owned())
    }

    /// Consumes a line and appends it to `head`, up to what a reject keeps.
    pub(super) fn line_into(&mut self, head: &mut Vec<u8>) -> Step<()> {
        while self.window.peek()?.is_some() {
            let bytes = self.window.bytes();
            let newline = memchr::memchr(b'\n', bytes);
            let len = newline.map_or(bytes.len(), |n| n + 1);
            let room = self.sink.reject_bytes_max.saturating_sub(head.len());
            head.extend_from_slice(bytes.get(..len.min(room)).unwrap_or_default());
            self.window.consume(len);
            if newline.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Consumes `len` bytes and keeps as many as a reject does.
    pub(super) fn take_head(&mut self, len: usize) -> Vec<u8> {
        let bytes = self.window.bytes().get(..len).unwrap_or_default();
        let head = self.sink.capped(bytes).to_vec();
        self.window.consume(len);
        head
    }

    /// Rejects an array's element that is not an object.
    pub(super) fn reject_element(&mut self) -> Step<()> {
        let reason = "not an object";
        loop {
            let len = match value_end(self.window.bytes(), Lines::Ignored) {
                End::At(n) | End::CutOff(n) => n.max(1),
                End::More => self.window.bytes().len() + 1,
            };
            if self.window.is_too_long(len) {
                return self.rest_of_file("not an object, and its end is too far");
            }
            if len <= self.window.bytes().len() {
                let offset = self.window.offset();
                let head = self.take_head(len);
                return self.sink.reject(&head, offset, reason.to_owned());
            }
            if !self.window.more()? {
                return self.truncated();
            }
        }
    }

    /// Rejects all that is left.
    pub(super) fn rest_of_file(&mut self, reason: &str) -> Step<()> {
        let offset = self.window.offset();
        let head = self.sink.capped(self.window.bytes()).to_vec();
        self.read_to_end()?;
        self.end_told = self.window.fault().is_none();
        self.sink.reject(&head, offset, reason.to_owned())
    }

    /// Rejects the value at the window's start, which is longer than a record
    /// may be, and steps over the rest of it without keeping it.
    pub(super) fn too_long(&mut self, lines: Lines) -> Step<()> {
        let offset = self.window.offset();
        let max = self.window.record_bytes_max();
        let head = self.sink.capped(self.window.bytes()).to_vec();
        let mut search = Search::new(lines);
        let mut end = "";
        loop {
            let bytes = self.window.bytes();
            match search.feed(bytes) {
                End::At(n) | End::CutOff(n) => {
                    self.window.consume(n);
                    break;
                }
                End::More => self.window.consume_all(),
            }
            if !self.window.more()? {
                end = ", and has no end";
                break;
            }
        }
        self.sink
            .reject(&head, offset, format!("longer than {max} bytes{end}"))
    }

    /// Rejects all that is left of a file that ends too early.
    pub(super) fn truncated(&mut self) -> Step<()> {
        if std::mem::replace(&mut self.end_told, true) {
            return Ok(());
        }
        let offset = self.window.offset();
        let at = self.window.expanded();
        let why = self
            .window
            .fault()
            .unwrap_or("the file ends inside a record or array");
        let reason = format!("truncated at byte {at}: {why}");
        let head = self.sink.capped(self.window.bytes()).to_vec();
        self.window.consume_all();
        self.sink.reject(&head, offset, reason)
    }

    /// Reads to the end for the hash's sake, and keeps nothing.
    pub(super) fn read_to_end(&mut self) -> Step<()> {
        self.window.consume_all();
        while self.window.more()? {
            self.window.consume_all();
        }
        Ok(())
    }
}
