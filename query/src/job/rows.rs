//! The rows of a job on disk: frames that are read from any of them on.
//!
//! ```text
//! rows    "tarnrow1", then frames
//! frame   length u32 | rows u32 | checksum u64 | an Arrow IPC stream of one batch
//! ```
//!
//! Numbers are little-endian; the checksum is XXH3 of length, rows and stream. The first
//! frame has no rows and says the schema. Each stream has its own schema and dictionaries,
//! so that a page is read by a seek to its first frame, and no more than one frame is in
//! memory. Nothing of a frame is given out before its checksum was compared.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::StreamWriter;
use uuid::Uuid;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::record::JobRecord;
use crate::compact::lean;

const MAGIC: &[u8; 8] = b"tarnrow1";
const HEADER_BYTES: usize = 16;

/// A batch that is larger becomes several frames; a row is never cut.
const FRAME_BYTES: usize = 1 << 20;

/// Why rows could not be kept, or not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RowsError {
    #[error("{operation} {}: {source}", path.display())]
    Io {
        operation: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("{} is damaged: {reason}", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error("the page token is not one of this query")]
    BadToken,
    #[error("the results of all queries would take more than the {bytes_max} bytes they may")]
    Full { bytes_max: u64 },
    #[error("the rows cannot be kept: {0}")]
    Arrow(#[from] ArrowError),
}

/// Writes rows as they come.
pub(super) struct RowsWriter {
    file: File,
    path: PathBuf,
    written: u64,
}

impl RowsWriter {
    /// Makes the file, which must not be there.
    pub fn create(path: &Path, schema: &SchemaRef) -> Result<Self, RowsError> {
        let file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(path)
            .map_err(|source| failed("making", path, source))?;
        let mut writer = Self {
            file,
            path: path.to_owned(),
            written: 0,
        };
        writer.append(MAGIC)?;
        writer.append(&frame(&RecordBatch::new_empty(schema.clone()))?)?;
        Ok(writer)
    }

    /// Bytes of the file so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Appends the rows. `reserve` is told the bytes of each frame before it is written,
    /// and may refuse them.
    pub fn write(
        &mut self,
        batch: &RecordBatch,
        reserve: &dyn Fn(u64) -> Result<(), RowsError>,
    ) -> Result<(), RowsError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let whole = lean(batch)?;
        let pieces = whole.get_array_memory_size().div_ceil(FRAME_BYTES).max(1);
        if pieces == 1 {
            return self.append_reserved(&frame(&whole)?, reserve);
        }
        let rows = whole.num_rows().div_ceil(pieces);
        for start in (0..whole.num_rows()).step_by(rows) {
            let piece = whole.slice(start, rows.min(whole.num_rows() - start));
            self.append_reserved(&frame(&lean(&piece)?)?, reserve)?;
        }
        Ok(())
    }

    fn append_reserved(
        &mut self,
        frame: &[u8],
        reserve: &dyn Fn(u64) -> Result<(), RowsError>,
    ) -> Result<(), RowsError> {
        reserve(frame.len() as u64)?;
        self.append(frame)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), RowsError> {
        self.file
            .write_all(bytes)
            .map_err(|source| failed("writing", &self.path, source))?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Makes the rows durable; their folder's entry is synced by whoever made it.
    pub fn finish(self) -> Result<u64, RowsError> {
        self.file
            .sync_all()
            .map_err(|source| failed("syncing", &self.path, source))?;
        Ok(self.written)
    }
}

fn frame(batch: &RecordBatch) -> Result<Vec<u8>, RowsError> {
    let mut frame = vec![0; HEADER_BYTES];
    let mut stream = StreamWriter::try_new(&mut frame, &batch.schema())?;
    stream.write(batch)?;
    stream.finish()?;
    drop(stream);
    let too_large = || ArrowError::IpcError("a row has more than 4 GiB".to_owned());
    let length = u32::try_from(frame.len() - HEADER_BYTES).map_err(|_| too_large())?;
    let rows = u32::try_from(batch.num_rows()).map_err(|_| too_large())?;
    let (header, stream) = frame.split_at_mut(HEADER_BYTES);
    let sum = checksum(length, rows, stream);
    header[..4].copy_from_slice(&length.to_le_bytes());
    header[4..8].copy_from_slice(&rows.to_le_bytes());
    header[8..].copy_from_slice(&sum.to_le_bytes());
    Ok(frame)
}

fn checksum(length: u32, rows: u32, stream: &[u8]) -> u64 {
    let mut sum = Xxh3::new();
    sum.update(&length.to_le_bytes());
    sum.update(&rows.to_le_bytes());
    sum.update(stream);
    sum.digest()
}

fn failed(operation: &'static str, path: &Path, source: io::Error) -> RowsError {
    RowsError::Io {
        operation,
        path: path.to_owned(),
        source,
    }
}

/// Where a page begins: a frame, and a row of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowsPlace {
    pub offset: u64,
    pub row: u32,
}

impl RowsPlace {
    pub const START: Self = Self {
        offset: MAGIC.len() as u64,
        row: 0,
    };

    /// The place as a text that means nothing to whoever carries it. It fits the one query
    /// only; a text that somebody made up is refused, here or by the frame's checksum.
    pub fn token(self, id: Uuid) -> String {
        let Self { offset, row } = self;
        format!("{offset:x}-{row:x}-{:016x}", self.seal(id))
    }

    pub fn of_token(token: &str, id: Uuid) -> Result<Self, RowsError> {
        let numbers: Option<Vec<u64>> = token
            .split('-')
            .map(|part| u64::from_str_radix(part, 16).ok())
            .collect();
        let place = match numbers.as_deref() {
            Some(&[offset, row, seal]) => u32::try_from(row)
                .ok()
                .map(|row| Self { offset, row })
                .filter(|place| place.seal(id) == seal),
            _ => None,
        };
        place.ok_or(RowsError::BadToken)
    }

    fn seal(self, id: Uuid) -> u64 {
        let mut bytes = id.as_bytes().to_vec();
        bytes.extend_from_slice(&self.offset.to_le_bytes());
        bytes.extend_from_slice(&self.row.to_le_bytes());
        xxh3_64(&bytes)
    }
}

/// Some rows of a job, in their order.
#[derive(Debug)]
pub struct Page {
    /// The query as it was when the page was read.
    pub record: JobRecord,
    /// None before the query is compiled.
    pub schema: Option<SchemaRef>,
    pub batches: Vec<RecordBatch>,
    /// What asks for the next page; none where nothing more will come. While the query
    /// runs there is always one.
    pub next: Option<String>,
}

/// Reads rows that are written so far.
pub(super) struct RowsReader {
    file: File,
    path: PathBuf,
    /// Bytes of the file that may be read.
    end: u64,
}

impl RowsReader {
    pub fn open(path: &Path, end: u64) -> Result<Self, RowsError> {
        let mut file = File::open(path).map_err(|source| failed("opening", path, source))?;
        let mut magic = [0; MAGIC.len()];
        file.read_exact(&mut magic)
            .map_err(|source| failed("reading", path, source))?;
        if magic != *MAGIC {
            return Err(RowsError::Damaged {
                path: path.to_owned(),
                reason: "it begins otherwise than rows do".to_owned(),
            });
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            end,
        })
    }

    pub fn schema(&mut self) -> Result<SchemaRef, RowsError> {
        let (batch, _) = self.frame(RowsPlace::START.offset)?;
        Ok(batch.schema())
    }

    /// Rows from a place on, and the place behind them: `rows_max` at most, and no more
    /// once they take `bytes_max`, but one where there is one.
    pub fn page(
        &mut self,
        from: RowsPlace,
        rows_max: usize,
        bytes_max: usize,
    ) -> Result<(Vec<RecordBatch>, RowsPlace), RowsError> {
        let mut batches = Vec::new();
        let mut at = from;
        let (mut rows, mut bytes) = (0, 0);
        while at.offset < self.end && rows < rows_max && bytes < bytes_max {
            let (batch, next) = self.frame(at.offset)?;
            let first = at.row as usize;
            let left = batch.num_rows().saturating_sub(first);
            let taken = left.min(rows_max - rows);
            if taken > 0 {
                let piece = batch.slice(first, taken);
                rows += taken;
                // A slice says the size of the whole.
                let all = batch.get_array_memory_size();
                bytes += all / batch.num_rows() * taken;
                batches.push(piece);
            }
            at = match taken < left {
                true => RowsPlace {
                    offset: at.offset,
                    row: at.row + taken as u32,
                },
                false => RowsPlace {
                    offset: next,
                    row: 0,
                },
            };
        }
        Ok((batches, at))
    }

    /// Whether all that may be read lies before a place.
    pub fn is_end(&self, place: RowsPlace) -> bool {
        place.offset >= self.end
    }

    /// The batch of a frame, and where the next one begins.
    fn frame(&mut self, offset: u64) -> Result<(RecordBatch, u64), RowsError> {
        let path = self.path.clone();
        let reading = |source| failed("reading", &path, source);
        let damaged = |reason: String| RowsError::Damaged {
            path: path.clone(),
            reason: format!("{reason}, at byte {offset}"),
        };
        let mut header = [0; HEADER_BYTES];
        self.file.seek(SeekFrom::Start(offset)).map_err(reading)?;
        self.file.read_exact(&mut header).map_err(reading)?;
        let [a, b, c, d, e, f, g, h, sum @ ..] = header;
        let (length, rows) = (
            u32::from_le_bytes([a, b, c, d]),
            u32::from_le_bytes([e, f, g, h]),
        );
        let next = offset + HEADER_BYTES as u64 + u64::from(length);
        if next > self.end {
            return Err(damaged("a frame is longer than the file".to_owned()));
        }
        let mut stream = vec![0; length as usize];
        self.file.read_exact(&mut stream).map_err(reading)?;
        if checksum(length, rows, &stream) != u64::from_le_bytes(sum) {
            return Err(damaged("a checksum differs".to_owned()));
        }
        let batch = StreamReader::try_new(stream.as_slice(), None)?
            .next()
            .ok_or_else(|| damaged("a frame holds no batch".to_owned()))??;
        Ok((batch, next))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, StringViewArray};
    use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema};

    use super::*;

    fn batch(rows: std::ops::Range<i64>) -> RecordBatch {
        let schema = Schema::new(vec![
            Field::new("n", DataType::Int64, true),
            Field::new("s", DataType::Utf8View, true),
        ]);
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.clone()));
        let texts = rows.map(|n| Some(format!("a text that is not kept in its view: {n}")));
        let texts: ArrayRef = Arc::new(StringViewArray::from_iter(texts));
        RecordBatch::try_new(schema.into(), vec![numbers, texts]).expect("columns fit")
    }

    fn written(batches: &[RecordBatch]) -> (tempfile::TempDir, PathBuf, u64) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rows");
        let mut writer = RowsWriter::create(&path, &batch(0..0).schema()).expect("made");
        for batch in batches {
            writer.write(batch, &|_| Ok(())).expect("written");
        }
        let end = writer.finish().expect("synced");
        (folder, path, end)
    }

    fn numbers(batches: &[RecordBatch]) -> Vec<i64> {
        let of = |batch: &RecordBatch| {
            batch
                .column(0)
                .as_primitive::<Int64Type>()
                .values()
                .to_vec()
        };
        batches.iter().flat_map(of).collect()
    }

    #[test]
    fn pages_of_any_size_give_all_rows_once() {
        let (_folder, path, end) = written(&[batch(0..10), batch(10..11), batch(11..40)]);
        for rows_max in [1, 3, 10, 11, 100] {
            let mut reader = RowsReader::open(&path, end).expect("there");
            let (mut at, mut all) = (RowsPlace::START, Vec::new());
            while !reader.is_end(at) {
                let (batches, next) = reader.page(at, rows_max, usize::MAX).expect("read");
                assert!(numbers(&batches).len() <= rows_max);
                all.extend(numbers(&batches));
                at = next;
            }
            assert_eq!(all, (0..40).collect::<Vec<_>>(), "{rows_max}");
        }
        let mut reader = RowsReader::open(&path, end).expect("there");
        let (batches, _) = reader.page(RowsPlace::START, 100, 1).expect("read");
        assert_eq!(numbers(&batches).len(), 10, "the first frame with rows");
    }

    #[test]
    fn a_slice_is_written_without_what_it_does_not_show() {
        let whole = batch(0..8_000);
        let slices: Vec<_> = (0..8).map(|i| whole.slice(i * 1_000, 1_000)).collect();
        let (_folder, path, end) = written(&slices);
        let texts: usize = whole.column(1).as_string_view().total_buffer_bytes_used();
        assert!(end < 2 * (texts + 8_000 * 24) as u64, "{end} for {texts}");
        let mut reader = RowsReader::open(&path, end).expect("there");
        let (batches, _) = reader
            .page(RowsPlace::START, 9_000, usize::MAX)
            .expect("read");
        assert_eq!(numbers(&batches).len(), 8_000);
    }

    #[test]
    fn tokens_fit_one_query_only() {
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let place = RowsPlace { offset: 99, row: 7 };
        let token = place.token(a);
        assert_eq!(RowsPlace::of_token(&token, a).ok(), Some(place));
        let longer = format!("{token}-1");
        for (token, id) in [(token.as_str(), b), ("", a), ("1-2-3", a), (&longer, a)] {
            let refused = RowsPlace::of_token(token, id);
            assert!(matches!(refused, Err(RowsError::BadToken)), "{token}");
        }
    }

    #[test]
    fn flipped_bits_are_found() {
        let (_folder, path, end) = written(&[batch(0..10)]);
        let bytes = std::fs::read(&path).expect("read");
        for at in (0..bytes.len()).step_by(7) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1;
            std::fs::write(&path, flipped).expect("written");
            let page = RowsReader::open(&path, end)
                .and_then(|mut reader| reader.page(RowsPlace::START, 100, usize::MAX));
            assert!(page.is_err(), "byte {at}");
        }
    }
}
