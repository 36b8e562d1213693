//! Answers as an Arrow IPC stream, for programs that read columns.

use std::io::{self, Write};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
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
    use datafusion::arrow::ipc::reader::StreamReader;

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
        let read: Vec<_> = StreamReader::try_new(out.as_slice(), None)
            .expect("a stream")
            .collect();
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].as_ref().expect("a batch"), &batch);
    }
}
