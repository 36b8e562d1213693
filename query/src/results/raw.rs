//! Answers as the records themselves, one to a line, as delivered.

use std::io::{self, Write};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use tarn_store::fields::EVENT_JSON;

use super::{ResultWriter, cell_text};

/// The name of the record in Logs Insights QL.
const MESSAGE: &str = "@message";

/// Why an answer has no raw form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RawError {
    #[error("raw output needs the column eventJson or @message, and the query does not select it")]
    NoRecord,
}

/// Writes the column that holds the records and nothing else.
pub struct RawWriter<W> {
    out: W,
    column: usize,
}

impl<W: Write> RawWriter<W> {
    /// **Errors**: the answer has neither `eventJson` nor `@message`.
    pub fn new(out: W, schema: &SchemaRef) -> Result<Self, RawError> {
        let is_record = |name: &str| name.eq_ignore_ascii_case(EVENT_JSON) || name == MESSAGE;
        let column = schema.fields().iter().position(|f| is_record(f.name()));
        Ok(Self {
            out,
            column: column.ok_or(RawError::NoRecord)?,
        })
    }
}

impl<W: Write + Send> ResultWriter for RawWriter<W> {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let Some(column) = batch.columns().get(self.column) else {
            return Ok(());
        };
        for row in 0..batch.num_rows() {
            if let Some(record) = cell_text(column.as_ref(), row) {
                self.out.write_all(record.as_bytes())?;
                self.out.write_all(b"\n")?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, StringViewArray};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    #[test]
    fn only_the_record_is_written() {
        let fields = ["eventName", "eventJson"].map(|n| Field::new(n, DataType::Utf8View, true));
        let schema = Arc::new(Schema::new(fields.to_vec()));
        let names: ArrayRef = Arc::new(StringViewArray::from(vec!["A", "B"]));
        let records: ArrayRef = Arc::new(StringViewArray::from(vec!["{\"a\" :1}", "{}"]));
        let batch = RecordBatch::try_new(schema.clone(), vec![names, records]).expect("fits");
        let mut out = Vec::new();
        let mut writer = RawWriter::new(&mut out, &schema).expect("has records");
        writer
            .write(&batch)
            .and_then(|()| writer.finish())
            .expect("memory");
        assert_eq!(out, b"{\"a\" :1}\n{}\n");

        let without = Arc::new(Schema::new(vec![Field::new("a", DataType::Utf8View, true)]));
        assert_eq!(
            RawWriter::new(Vec::new(), &without).err(),
            Some(RawError::NoRecord)
        );
    }
}
