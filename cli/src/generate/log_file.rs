//! A log file: envelope, gzip, and its place in S3's layout.
//!
//! One writer is kept for a thread, with its buffers and its compressor: most files hold a
//! handful of events, so making these anew would cost more than filling them.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

use super::GenerateError;
use super::clock;
use super::ids;

/// Gzip's header without a time or a name, so that the same events give the same bytes.
///
/// **Source:** RFC 1952, 2.3.
const GZIP_HEADER: [u8; 10] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF];

/// Writes log files under one folder, one after the other.
pub struct LogWriter {
    out: PathBuf,
    records: Vec<u8>,
    event_start: usize,
    packed: Vec<u8>,
    compress: Compress,
    /// The folder written to last, known to exist.
    folder: PathBuf,
}

/// Where a file goes: `AWSLogs/<account>/CloudTrail/<region>/YYYY/MM/DD/`, by the time of
/// delivery.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub account: &'a str,
    pub region: &'a str,
    pub delivered_s: i64,
    /// Seed of the 16 characters that make the name unique.
    pub unique: u64,
}

/// Bytes of one file, as JSON and gzipped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    pub json_bytes: u64,
    pub gzip_bytes: u64,
}

impl LogWriter {
    pub fn new(out: &Path) -> Self {
        LogWriter {
            out: out.to_owned(),
            records: Vec::with_capacity(64 << 10),
            event_start: 0,
            packed: Vec::with_capacity(16 << 10),
            compress: Compress::new(Compression::new(6), false),
            folder: PathBuf::new(),
        }
    }

    /// Starts the next event and gives the buffer that it is appended to.
    pub fn event(&mut self) -> &mut Vec<u8> {
        let before: &[u8] = if self.records.is_empty() {
            br#"{"Records":["#
        } else {
            b","
        };
        self.records.extend_from_slice(before);
        self.event_start = self.records.len();
        &mut self.records
    }

    /// The bytes of the event started last.
    pub fn last_event(&self) -> &[u8] {
        self.records.get(self.event_start..).unwrap_or_default()
    }

    /// Ends the file and writes it.
    ///
    /// **Errors:** [`GenerateError::Write`] with the path.
    pub fn finish(&mut self, place: Place) -> Result<Written, GenerateError> {
        self.records.extend_from_slice(b"]}");
        self.pack();
        let folder = self.out.join(folder(place));
        if folder != self.folder {
            fs::create_dir_all(&folder).map_err(|source| GenerateError::Write {
                path: folder.clone(),
                source,
            })?;
            self.folder = folder;
        }
        let path = self.folder.join(file_name(place));
        File::create_new(&path)
            .and_then(|mut file| file.write_all(&self.packed))
            .map_err(|source| GenerateError::Write { path, source })?;
        let written = Written {
            json_bytes: self.records.len() as u64,
            gzip_bytes: self.packed.len() as u64,
        };
        self.records.clear();
        Ok(written)
    }

    fn pack(&mut self) {
        self.packed.clear();
        self.packed.extend_from_slice(&GZIP_HEADER);
        self.compress.reset();
        loop {
            let done = self.compress.total_in() as usize;
            self.packed.reserve(self.records.len() / 4 + 1_024);
            let left = self.records.get(done..).unwrap_or_default();
            let status = self
                .compress
                .compress_vec(left, &mut self.packed, FlushCompress::Finish)
                .expect("compressing fails only after a wrong sequence of flushes");
            if status == Status::StreamEnd {
                break;
            }
        }
        let mut crc = Crc::new();
        crc.update(&self.records);
        self.packed.extend_from_slice(&crc.sum().to_le_bytes());
        self.packed.extend_from_slice(&crc.amount().to_le_bytes());
    }
}

fn folder(place: Place) -> String {
    let mut path = Vec::with_capacity(64);
    for part in ["AWSLogs/", place.account, "/CloudTrail/", place.region, "/"] {
        path.extend_from_slice(part.as_bytes());
    }
    clock::push_date(&mut path, place.delivered_s, "/");
    String::from_utf8_lossy(&path).into_owned()
}

fn file_name(place: Place) -> String {
    let mut name = Vec::with_capacity(80);
    for part in [place.account, "_CloudTrail_", place.region, "_"] {
        name.extend_from_slice(part.as_bytes());
    }
    clock::push_minute(&mut name, place.delivered_s);
    name.push(b'_');
    ids::push_upper(&mut name, place.unique, 16);
    name.extend_from_slice(b".json.gz");
    String::from_utf8_lossy(&name).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_the_layout() {
        let place = Place {
            account: "111122223333",
            region: "eu-west-1",
            delivered_s: 1_793_491_200,
            unique: 1,
        };
        assert_eq!(
            folder(place),
            "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/01"
        );
        let name = file_name(place);
        let unique = name
            .strip_prefix("111122223333_CloudTrail_eu-west-1_20261101T0000Z_")
            .and_then(|rest| rest.strip_suffix(".json.gz"));
        assert!(unique.is_some_and(|unique| unique.len() == 16), "{name}");
    }
}
