//! Answers as comma- or tab-separated values (RFC 4180).
//!
//! A null is nothing between two delimiters and an empty text is `""`, so the two stay
//! apart. Values are as they are; only `csv_safe` changes them, for readers that would
//! run them.

use std::borrow::Cow;
use std::io::{self, Write};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, SchemaRef};

use super::{ResultWriter, cell_text};

/// Writes a header line and a line for each row.
pub struct CsvWriter<W> {
    out: W,
    schema: SchemaRef,
    delimiter: char,
    csv_safe: bool,
    has_header: bool,
}

impl<W: Write> CsvWriter<W> {
    /// `csv_safe` puts a `'` before texts that a spreadsheet would take for a formula.
    pub fn new(out: W, schema: &SchemaRef, delimiter: char, csv_safe: bool) -> Self {
        Self {
            out,
            schema: schema.clone(),
            delimiter,
            csv_safe,
            has_header: false,
        }
    }

    fn write_header(&mut self) -> io::Result<()> {
        if self.has_header {
            return Ok(());
        }
        self.has_header = true;
        let mut line = String::new();
        for (i, field) in self.schema.fields().iter().enumerate() {
            if i > 0 {
                line.push(self.delimiter);
            }
            self.push_value(&mut line, field.name(), self.csv_safe);
        }
        line.push('\n');
        self.out.write_all(line.as_bytes())
    }

    fn push_value(&self, line: &mut String, value: &str, neutralise: bool) {
        let value = match neutralise && is_formula(value) {
            true => Cow::Owned(format!("'{value}")),
            false => Cow::Borrowed(value),
        };
        let is_bare = !value.is_empty()
            && !value.contains([self.delimiter, '"', '\n', '\r'])
            && value.trim().len() == value.len();
        if is_bare {
            line.push_str(&value);
        } else {
            line.push('"');
            line.push_str(&value.replace('"', "\"\""));
            line.push('"');
        }
    }
}

impl<W: Write + Send> ResultWriter for CsvWriter<W> {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        self.write_header()?;
        let mut line = String::new();
        for row in 0..batch.num_rows() {
            line.clear();
            for (i, column) in batch.columns().iter().enumerate() {
                if i > 0 {
                    line.push(self.delimiter);
                }
                let neutralise = self.csv_safe && !is_harmless(column.data_type());
                if let Some(text) = cell_text(column.as_ref(), row) {
                    self.push_value(&mut line, &text, neutralise);
                }
            }
            line.push('\n');
            self.out.write_all(line.as_bytes())?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_header()?;
        self.out.flush()
    }
}

/// Whether values of the type cannot hold what somebody wrote: `-5` is a number.
fn is_harmless(data_type: &DataType) -> bool {
    data_type.is_numeric() || data_type.is_temporal() || *data_type == DataType::Boolean
}

/// **Source**: OWASP, "CSV Injection".
fn is_formula(value: &str) -> bool {
    value.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, StringViewArray};
    use datafusion::arrow::datatypes::{Field, Schema};

    use super::*;

    fn written(delimiter: char, csv_safe: bool) -> String {
        let schema = Arc::new(Schema::new(vec![
            Field::new("a,b", DataType::Utf8View, true),
            Field::new("n", DataType::Int64, true),
        ]));
        let texts = vec![Some("=1+1"), Some("say \"x\"\n, y"), Some(""), None];
        let texts: ArrayRef = Arc::new(StringViewArray::from(texts));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![-1, 2, 3, 4]));
        let batch = RecordBatch::try_new(schema.clone(), vec![texts, numbers]).expect("fits");
        let mut out = Vec::new();
        let mut writer = CsvWriter::new(&mut out, &schema, delimiter, csv_safe);
        writer
            .write(&batch)
            .and_then(|()| writer.finish())
            .expect("memory");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn values_are_quoted_where_they_must() {
        assert_eq!(
            written(',', false),
            "\"a,b\",n\n=1+1,-1\n\"say \"\"x\"\"\n, y\",2\n\"\",3\n,4\n"
        );
        assert!(written('\t', true).starts_with("a,b\tn\n'=1+1\t-1\n"));
    }
}
