//! Files as multipart/form-data, read while they are sent.
//!
//! **Source**: RFC 7578.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Cursor, Read};
use std::path::PathBuf;

/// A file to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileToSend {
    /// What the server is told as its path.
    pub name: String,
    pub content: Content,
    /// When it was changed last, in nanoseconds since 1970; with it one that the server
    /// knows is not read again.
    pub mtime_ns: Option<i64>,
}

/// Where the bytes of a file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    File(PathBuf),
    /// Whatever comes until it is closed.
    Stdin,
}

/// The body, which opens one file after the other.
pub struct Form {
    boundary: String,
    files: std::vec::IntoIter<FileToSend>,
    part: Option<Box<dyn Read + Send>>,
    is_over: bool,
}

impl Form {
    pub fn new(files: Vec<FileToSend>) -> Self {
        // Nobody who wrote one of the files could know it.
        let random = || RandomState::new().hash_one(0);
        Self {
            boundary: format!("tarn-{:016x}{:016x}", random(), random()),
            files: files.into_iter(),
            part: None,
            is_over: false,
        }
    }

    pub fn boundary(&self) -> &str {
        &self.boundary
    }

    fn next_part(&mut self) -> io::Result<Option<Box<dyn Read + Send>>> {
        if self.is_over {
            return Ok(None);
        }
        let boundary = &self.boundary;
        let Some(file) = self.files.next() else {
            self.is_over = true;
            return Ok(Some(Box::new(Cursor::new(format!("--{boundary}--\r\n")))));
        };
        let time = match file.mtime_ns {
            Some(ns) => format!("Tarn-Modified-Ns: {ns}\r\n"),
            None => String::new(),
        };
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{}\"\r\n\
             Content-Type: application/octet-stream\r\n{time}\r\n",
            escaped(&file.name)
        );
        let content: Box<dyn Read + Send> = match &file.content {
            Content::Stdin => Box::new(io::stdin()),
            Content::File(path) => Box::new(File::open(path).map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", path.display()))
            })?),
        };
        let part = Cursor::new(head).chain(content).chain(Cursor::new("\r\n"));
        Ok(Some(Box::new(part)))
    }
}

impl Read for Form {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(part) = &mut self.part {
                let n_read = part.read(buffer)?;
                if n_read > 0 || buffer.is_empty() {
                    return Ok(n_read);
                }
            }
            self.part = self.next_part()?;
            if self.part.is_none() {
                return Ok(0);
            }
        }
    }
}

/// A file name in double quotes.
///
/// **Source**: HTML Standard, multipart/form-data encoding algorithm.
fn escaped(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multipart::Multipart;

    #[test]
    fn what_is_sent_is_what_is_cut() {
        let folder = tempfile::tempdir().expect("a folder");
        let contents = ["", "a\r\n--tarn-", "{\"Records\":[]}"];
        let files = contents.iter().enumerate().map(|(i, content)| {
            let at = folder.path().join(i.to_string());
            std::fs::write(&at, content).expect("written");
            FileToSend {
                name: format!("AWSLogs/a \"{i}\" é.json"),
                content: Content::File(at),
                mtime_ns: (i > 0).then_some(i as i64),
            }
        });
        let files: Vec<FileToSend> = files.collect();
        let form = Form::new(files.clone());
        let boundary = form.boundary().to_owned();
        let mut parts = Multipart::new(form, &boundary);
        for (file, content) in files.iter().zip(contents) {
            let part = parts.next_part().expect("well cut").expect("a part");
            assert_eq!(part.file_name, file.name);
            assert_eq!(part.mtime_ns, file.mtime_ns);
            let mut read = Vec::new();
            parts.copy_to(&mut read).expect("well cut");
            assert_eq!(read, content.as_bytes());
        }
        assert_eq!(parts.next_part().expect("well cut"), None);
    }
}
