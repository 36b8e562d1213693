//! Reads gzip: one member or many, whole or cut off.
//!
//! Written over flate2's raw inflate, because log files come as several members
//! in a row (Firehose, `cat a.gz b.gz`), padded with zeros, or cut off, and a
//! reader has to learn which of these it met after it got every byte that could
//! be had. Damage is reported as [`io::ErrorKind::UnexpectedEof`] (cut off) or
//! [`io::ErrorKind::InvalidData`], after the bytes before it. (RFC 1952.)

use std::io::{self, BufRead, Read};

use flate2::{Crc, Decompress, FlushDecompress, Status};

/// The first two bytes of a gzip member.
pub(super) const MAGIC: [u8; 2] = [0x1f, 0x8b];

const DEFLATE: u8 = 8;
const HAS_HEADER_CRC: u8 = 1 << 1;
const HAS_EXTRA: u8 = 1 << 2;
const HAS_NAME: u8 = 1 << 3;
const HAS_COMMENT: u8 = 1 << 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before the first member.
    First,
    /// Inside a member's compressed bytes.
    Body,
    /// At a member's checksum.
    Trailer,
    /// After a member: another one, zeros, or the end.
    Between,
    Ended,
}

/// The inflated bytes of a gzip stream.
pub(super) struct Gunzip<R> {
    input: R,
    inflate: Decompress,
    crc: Crc,
    state: State,
}

impl<R: BufRead> Gunzip<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            inflate: Decompress::new(false),
            crc: Crc::new(),
            state: State::First,
        }
    }

    fn byte(&mut self) -> io::Result<u8> {
        let byte = self.input.fill_buf()?.first().copied();
        self.input.consume(usize::from(byte.is_some()));
        byte.ok_or_else(cut_off)
    }

    fn u32(&mut self) -> io::Result<u32> {
        let mut bytes = [0; 4];
        for byte in &mut bytes {
            *byte = self.byte()?;
        }
        Ok(u32::from_le_bytes(bytes))
    }

    fn skip_text(&mut self) -> io::Result<()> {
        while self.byte()? != 0 {}
        Ok(())
    }

    fn header(&mut self) -> io::Result<()> {
        let magic = [self.byte()?, self.byte()?];
        if magic != MAGIC {
            return Err(damaged("bytes after the gzip stream are not gzip"));
        }
        if self.byte()? != DEFLATE {
            return Err(damaged("a gzip member is not compressed by deflate"));
        }
        let flags = self.byte()?;
        // Time, extra flags and system tell nothing that import wants.
        for _ in 0..6 {
            self.byte()?;
        }
        if flags & HAS_EXTRA != 0 {
            let len = u16::from_le_bytes([self.byte()?, self.byte()?]);
            for _ in 0..len {
                self.byte()?;
            }
        }
        if flags & HAS_NAME != 0 {
            self.skip_text()?;
        }
        if flags & HAS_COMMENT != 0 {
            self.skip_text()?;
        }
        if flags & HAS_HEADER_CRC != 0 {
            self.byte()?;
            self.byte()?;
        }
        self.inflate.reset(false);
        self.crc.reset();
        Ok(())
    }

    fn trailer(&mut self) -> io::Result<()> {
        let (crc, len) = (self.u32()?, self.u32()?);
        if crc != self.crc.sum() || len != self.crc.amount() {
            return Err(damaged(
                "the gzip checksum does not fit the bytes before it",
            ));
        }
        Ok(())
    }

    /// Steps over zero padding; whether another member follows.
    fn between(&mut self) -> io::Result<bool> {
        let mut padded = false;
        loop {
            let bytes = self.input.fill_buf()?;
            let Some(&first) = bytes.first() else {
                return Ok(false);
            };
            if first != 0 {
                return if padded {
                    Err(damaged("bytes after the gzip stream are not gzip"))
                } else {
                    Ok(true)
                };
            }
            padded = true;
            let zeros = bytes.iter().take_while(|b| **b == 0).count();
            self.input.consume(zeros);
        }
    }

    /// Inflates what is at hand; how many bytes came out.
    fn body(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let input = self.input.fill_buf()?;
        if input.is_empty() {
            return Err(cut_off());
        }
        let (taken, given) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(input, out, FlushDecompress::None);
        let taken = (self.inflate.total_in() - taken) as usize;
        let given = (self.inflate.total_out() - given) as usize;
        self.input.consume(taken);
        self.crc.update(out.get(..given).unwrap_or_default());
        match status {
            Ok(Status::StreamEnd) => self.state = State::Trailer,
            Ok(_) if taken > 0 || given > 0 => {}
            // What comes before the damage; it is met again at the next call.
            Err(_) if given > 0 => {}
            Ok(_) | Err(_) => return Err(damaged("the gzip stream is damaged")),
        }
        Ok(given)
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            match self.state {
                State::First => {
                    self.header()?;
                    self.state = State::Body;
                }
                State::Body => match self.body(out)? {
                    0 => {}
                    n => return Ok(n),
                },
                State::Trailer => {
                    self.trailer()?;
                    self.state = State::Between;
                }
                State::Between => {
                    self.state = if self.between()? {
                        State::First
                    } else {
                        State::Ended
                    };
                }
                State::Ended => return Ok(0),
            }
        }
    }
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the gzip stream ends early")
}

fn damaged(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, GzBuilder};
    use std::io::Write;

    fn member(text: &str) -> Vec<u8> {
        let mut gz = GzBuilder::new()
            .filename("name.json")
            .comment("made by a test")
            .extra(vec![1, 2, 3])
            .write(Vec::new(), Compression::new(6));
        gz.write_all(text.as_bytes()).expect("to memory");
        gz.finish().expect("to memory")
    }

    /// The text before the end or the damage, and the damage.
    fn read(bytes: &[u8]) -> (String, Option<io::ErrorKind>) {
        let mut out = Vec::new();
        let mut gz = Gunzip::new(bytes);
        let mut piece = [0; 7];
        let error = loop {
            match gz.read(&mut piece) {
                Ok(0) => break None,
                Ok(n) => out.extend_from_slice(&piece[..n]),
                Err(e) => break Some(e.kind()),
            }
        };
        (String::from_utf8(out).expect("text"), error)
    }

    #[test]
    fn members_in_a_row_and_padding() {
        let mut bytes = member("first ");
        bytes.extend(member(""));
        bytes.extend(member("second, and rather longer than a piece"));
        bytes.extend([0; 100]);
        assert_eq!(
            read(&bytes),
            ("first second, and rather longer than a piece".into(), None)
        );
    }

    #[test]
    fn damage_comes_after_what_could_be_read() {
        let text = "0123456789".repeat(50);
        let whole = member(&text);
        let cut = &whole[..whole.len() - 4];
        assert_eq!(
            read(cut),
            (text.clone(), Some(io::ErrorKind::UnexpectedEof))
        );
        let mut flipped = whole.clone();
        let crc = whole.len() - 8;
        flipped[crc] ^= 1;
        assert_eq!(
            read(&flipped),
            (text.clone(), Some(io::ErrorKind::InvalidData))
        );
        let mut trailing = whole;
        trailing.extend_from_slice(b"trailing");
        assert_eq!(read(&trailing), (text, Some(io::ErrorKind::InvalidData)));
    }
}
