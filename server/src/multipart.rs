//! A body of many files: multipart/form-data, cut as it streams.
//!
//! **Source**: RFC 7578 and the framing of RFC 2046, 5.1.1.

use std::io::{self, Read, Write};

use memchr::memmem;

/// The head of a part is short.
const HEAD_BYTES_MAX: usize = 16 << 10;
const READ_BYTES: usize = 64 << 10;

/// Why a body could not be cut.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MultipartError {
    #[error("the body ends before its last boundary")]
    CutOff,
    #[error("the head of part {part} is longer than {HEAD_BYTES_MAX} bytes")]
    LongHead { part: usize },
    #[error("part {part} has no file name: Content-Disposition: form-data; filename=\"…\"")]
    NoName { part: usize },
    #[error("{0}")]
    Read(io::Error),
    #[error("{0}")]
    Write(io::Error),
}

/// The head of a part that is a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub file_name: String,
    /// As its sender knows the file, in nanoseconds since 1970: `Tarn-Modified-Ns`.
    pub mtime_ns: Option<i64>,
}

/// The parts of a body, one after another.
pub struct Multipart<R> {
    reader: R,
    /// `\r\n--boundary`
    delimiter: Vec<u8>,
    held: Vec<u8>,
    /// So much of what is held is still the end of a part's head.
    head_left: usize,
    n_parts: usize,
}

/// The boundary that a Content-Type names, if it is of such a body.
pub fn boundary(content_type: &str) -> Option<String> {
    let (essence, parameters) = content_type.split_once(';')?;
    if !essence.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let value = parameter(parameters, "boundary")?;
    (1..=70).contains(&value.len()).then_some(value)
}

impl<R: Read> Multipart<R> {
    pub fn new(reader: R, boundary: &str) -> Self {
        Self {
            reader,
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            // The first boundary begins the body, or a line of it.
            held: b"\r\n".to_vec(),
            head_left: 0,
            n_parts: 0,
        }
    }

    /// The head of the next file; the one before has been copied.
    pub fn next_part(&mut self) -> Result<Option<Part>, MultipartError> {
        if self.n_parts == 0 {
            self.copy_to(&mut io::sink())?;
        }
        self.n_parts += 1;
        // Behind a boundary come either `--`, the end, or blanks and a new line.
        while self.held.len() < 2 {
            self.fill()?;
        }
        if self.held.starts_with(b"--") {
            return Ok(None);
        }
        let head = loop {
            if let Some(end) = memmem::find(&self.held, b"\r\n\r\n") {
                let head = self.held.drain(..end + 4).collect::<Vec<u8>>();
                break String::from_utf8_lossy(&head).into_owned();
            }
            if self.held.len() > HEAD_BYTES_MAX {
                return Err(MultipartError::LongHead { part: self.n_parts });
            }
            self.fill()?;
        };
        let header = |name: &str| {
            head.lines().find_map(|line| {
                let (given, value) = line.split_once(':')?;
                given
                    .trim()
                    .eq_ignore_ascii_case(name)
                    .then(|| value.trim().to_owned())
            })
        };
        let disposition = header("content-disposition").unwrap_or_default();
        let file_name = parameter(&disposition, "filename*")
            .and_then(|value| extended(&value))
            .or_else(|| parameter(&disposition, "filename").map(|name| unescaped(&name)))
            .filter(|name| !name.is_empty())
            .ok_or(MultipartError::NoName { part: self.n_parts })?;
        let mtime_ns = header("tarn-modified-ns").and_then(|ns| ns.parse().ok());
        // The boundary of an empty file may follow its head at once: the line break
        // before it is the one that ends the head.
        self.held.splice(0..0, *b"\r\n");
        self.head_left = 2;
        Ok(Some(Part {
            file_name,
            mtime_ns,
        }))
    }

    /// Writes what is before the next boundary, and passes that by.
    pub fn copy_to(&mut self, to: &mut dyn Write) -> Result<u64, MultipartError> {
        let mut n_bytes = 0;
        loop {
            let found = memmem::find(&self.held, &self.delimiter);
            // What could be the beginning of a boundary waits for the rest of it.
            let end = found.unwrap_or_else(|| {
                let rest = self.delimiter.len().saturating_sub(1);
                self.held.len().saturating_sub(rest)
            });
            let begin = self.head_left.min(end);
            self.head_left -= begin;
            let content = self.held.get(begin..end).unwrap_or_default();
            to.write_all(content).map_err(MultipartError::Write)?;
            n_bytes += content.len() as u64;
            if found.is_some() {
                self.held.drain(..end + self.delimiter.len());
                return Ok(n_bytes);
            }
            self.held.drain(..end);
            self.fill()?;
        }
    }

    /// Reads on.
    fn fill(&mut self) -> Result<(), MultipartError> {
        let before = self.held.len();
        self.held.resize(before + READ_BYTES, 0);
        let read = self.reader.read(&mut self.held[before..]);
        self.held.truncate(before + read.as_ref().map_or(0, |n| *n));
        match read {
            Ok(0) => Err(MultipartError::CutOff),
            Ok(_) => Ok(()),
            Err(error) => Err(MultipartError::Read(error)),
        }
    }
}

/// The value of a parameter among `; name=value; name="value"`.
fn parameter(text: &str, name: &str) -> Option<String> {
    let mut rest = text;
    while !rest.is_empty() {
        let (given, after) = rest.split_once('=')?;
        let given = given.rsplit(';').next().unwrap_or(given).trim();
        let after = after.trim_start();
        let (value, behind) = match after.strip_prefix('"') {
            Some(quoted) => {
                let end = end_of_quoted(quoted)?;
                (&quoted[..end], &quoted[end + 1..])
            }
            None => after.split_at(after.find(';').unwrap_or(after.len())),
        };
        if given.eq_ignore_ascii_case(name) {
            return Some(value.trim_end().to_owned());
        }
        rest = behind;
    }
    None
}

/// Where the closing quote is.
fn end_of_quoted(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })
}

/// A quoted name as it was: quotes are written `\"` by some and `%22` by browsers.
fn unescaped(name: &str) -> String {
    name.replace("\\\"", "\"")
        .replace("\\\\", "\\")
        .replace("%22", "\"")
}

/// `UTF-8''name%20with%20blanks`
fn extended(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_, encoded) = rest.split_once('\'')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let mut bytes = Vec::new();
    let mut rest = encoded.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time, so that everything is cut everywhere.
    struct Drops<'a>(&'a [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let n = self.1.min(self.0.len()).min(into.len());
            let (now, later) = self.0.split_at(n);
            into[..n].copy_from_slice(now);
            self.0 = later;
            Ok(n)
        }
    }

    type Files = Vec<(Part, Vec<u8>)>;

    fn files(body: &[u8], at_once: usize) -> Result<Files, MultipartError> {
        let mut parts = Multipart::new(Drops(body, at_once), "XyZ");
        let mut files = Vec::new();
        while let Some(part) = parts.next_part()? {
            let mut content = Vec::new();
            parts.copy_to(&mut content)?;
            files.push((part, content));
        }
        Ok(files)
    }

    const BODY: &str = concat!(
        "what no reader reads\r\n",
        "--XyZ\r\n",
        "Content-Disposition: form-data; name=\"file\"; filename=\"a/b.json\"\r\n",
        "Content-Type: application/json\r\n",
        "tarn-modified-ns: 1700000000000000001\r\n",
        "\r\n",
        "{\"x\": \"\r\n--Xy is none\"}\r\n",
        "\r\n--XyZ  \r\n",
        "content-disposition: form-data; name=x; filename=empty\r\n",
        "\r\n",
        "\r\n--XyZ\r\n",
        "Content-Disposition: form-data; filename*=UTF-8''na%C3%AFve%20b\r\n",
        "\r\n",
        "--XyZ--\r\n",
        "and behind"
    );

    #[test]
    fn files_come_out_however_they_are_cut() {
        for at_once in [1, 2, 3, 7, 64, 4096] {
            let found = files(BODY.as_bytes(), at_once).expect("whole");
            let names: Vec<&str> = found.iter().map(|(p, _)| p.file_name.as_str()).collect();
            assert_eq!(names, ["a/b.json", "empty", "naïve b"], "{at_once}");
            assert_eq!(found[0].0.mtime_ns, Some(1_700_000_000_000_000_001));
            assert_eq!(found[0].1, b"{\"x\": \"\r\n--Xy is none\"}\r\n");
            assert_eq!((found[1].1.len(), found[2].1.len()), (0, 0), "{at_once}");
        }
    }

    #[test]
    fn what_is_no_such_body() {
        let cut = &BODY.as_bytes()[..BODY.len() - 20];
        assert!(matches!(files(cut, 100), Err(MultipartError::CutOff)));
        assert!(matches!(files(b"", 100), Err(MultipartError::CutOff)));
        let nameless =
            b"--XyZ\r\nContent-Disposition: form-data; name=\"store\"\r\n\r\nx\r\n--XyZ--";
        assert!(matches!(
            files(nameless, 100),
            Err(MultipartError::NoName { part: 1 })
        ));
        let mut long = b"--XyZ\r\nX: ".to_vec();
        long.resize(HEAD_BYTES_MAX * 3, b'x');
        assert!(matches!(
            files(&long, 4096),
            Err(MultipartError::LongHead { part: 1 })
        ));
    }

    #[test]
    fn boundaries_and_names() {
        let of = |text: &str| boundary(text);
        assert_eq!(
            of("multipart/form-data; boundary=abc").as_deref(),
            Some("abc")
        );
        assert_eq!(
            of("Multipart/Form-Data; charset=utf-8; boundary=\"a b\"").as_deref(),
            Some("a b")
        );
        assert_eq!(of("application/json"), None);
        assert_eq!(of("multipart/form-data"), None);
        let name = parameter(r#"form-data; name="f"; filename="a\"b.json""#, "filename");
        assert_eq!(name.map(|n| unescaped(&n)).as_deref(), Some("a\"b.json"));
    }
}
