//! Answers as an Arrow IPC stream, for programs that read columns.

use std::io::{self, Read, Write};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::StreamWriter;

use super::ResultWriter;
use crate::compact::lean;

/// Writes a stream; its schema comes with the first batch or the end.
pub struct ArrowIpcWriter<W: Write> {
    state: State<W>,
    schema: SchemaRef,
}

enum State<W: Write> {
    Waiting(W),
    Open(Box<StreamWriter<W>>),
    Done,
}

impl<W: Write> ArrowIpcWriter<W> {
    pub fn new(out: W, schema: &SchemaRef) -> Self {
        Self {
            state: State::Waiting(out),
            schema: schema.clone(),
        }
    }

    fn writer(&mut self) -> io::Result<&mut StreamWriter<W>> {
        if let State::Waiting(_) = self.state
            && let State::Waiting(out) = std::mem::replace(&mut self.state, State::Done)
        {
            let writer = StreamWriter::try_new(out, &self.schema).map_err(io_error)?;
            self.state = State::Open(Box::new(writer));
        }
        match &mut self.state {
            State::Open(writer) => Ok(writer),
            _ => Err(io::Error::other("the stream is closed")),
        }
    }
}

impl<W: Write + Send> ResultWriter for ArrowIpcWriter<W> {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let batch = lean(batch).map_err(io_error)?;
        self.writer()?.write(&batch).map_err(io_error)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer()?.get_mut().flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        let writer = self.writer()?;
        writer.finish().map_err(io_error)?;
        writer.get_mut().flush()?;
        self.state = State::Done;
        Ok(())
    }
}

/// Reads a stream. One that ends without its mark was cut off, and is an error.
pub struct ArrowIpcReader<R: Read> {
    reader: StreamReader<Ending<R>>,
    schema: SchemaRef,
    is_over: bool,
}

impl<R: Read> ArrowIpcReader<R> {
    /// Waits for the schema.
    pub fn new(from: R) -> io::Result<Self> {
        let ending = Ending {
            from,
            last: [0; END.len()],
        };
        let reader = StreamReader::try_new(ending, None).map_err(io_error)?;
        Ok(Self {
            schema: reader.schema(),
            reader,
            is_over: false,
        })
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

impl<R: Read> Iterator for ArrowIpcReader<R> {
    type Item = io::Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.reader.next();
        self.is_over = !matches!(next, Some(Ok(_)));
        match next {
            Some(batch) => Some(batch.map_err(io_error)),
            None if self.reader.get_ref().last == END => None,
            None => Some(Err(io::ErrorKind::UnexpectedEof.into())),
        }
    }
}

/// What a stream ends with.
///
/// **Source**: Arrow columnar format, IPC streaming format.
const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Keeps the last bytes that were read.
struct Ending<R> {
    from: R,
    last: [u8; END.len()],
}

impl<R: Read> Read for Ending<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n_read = self.from.read(buffer)?;
        let read = &buffer[..n_read];
        let n_kept = END.len().saturating_sub(n_read);
        self.last.copy_within(END.len() - n_kept.., 0);
        let new = &read[n_read - (END.len() - n_kept)..];
        self.last[n_kept..].copy_from_slice(new);
        Ok(n_read)
    }
}

/// A closed pipe must stay one, for the caller tells it from a failure.
fn io_error(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    #[test]
    fn a_stream_reads_back() {
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2]));
        let batch = RecordBatch::try_new(schema.clone(), vec![numbers]).expect("fits");
        let mut out = Vec::new();
        let mut writer = ArrowIpcWriter::new(&mut out, &schema);
        writer
            .write(&batch)
            .and_then(|()| writer.finish())
            .expect("memory");
        drop(writer);
        let read = |bytes: &[u8]| -> io::Result<Vec<RecordBatch>> {
            ArrowIpcReader::new(bytes)?.collect()
        };
        assert_eq!(read(&out).expect("a stream"), [batch]);
        for cut in 0..out.len() {
            assert!(read(&out[..cut]).is_err(), "cut after {cut} bytes");
        }
    }
}
