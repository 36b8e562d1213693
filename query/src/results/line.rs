//! Answers with one line for each value, for rows that are too wide for a table.

use std::io::{self, Write};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use unicode_width::UnicodeWidthStr;

use super::{ResultWriter, cell_text, escape_controls};

/// Writes a numbered heading for each row and its values below, names aligned. Missing
/// values are left out.
pub struct LineWriter<W> {
    out: W,
    names: Vec<String>,
    name_cells: usize,
    colour: bool,
    rows: u64,
}

impl<W: Write> LineWriter<W> {
    pub fn new(out: W, schema: &SchemaRef, colour: bool) -> Self {
        let names: Vec<String> = schema
            .fields()
            .iter()
            .map(|field| escape_controls(field.name()).into_owned())
            .collect();
        Self {
            out,
            name_cells: names.iter().map(|name| name.width()).max().unwrap_or(0),
            names,
            colour,
            rows: 0,
        }
    }

    pub(super) fn write_row(&mut self, values: &[Option<String>]) -> io::Result<()> {
        self.rows += 1;
        let (bold, plain) = if self.colour {
            ("\x1b[1m", "\x1b[0m")
        } else {
            ("", "")
        };
        writeln!(self.out, "{bold}-[ {} ]{plain}", self.rows)?;
        for (name, value) in self.names.iter().zip(values) {
            if let Some(value) = value {
                let blank = " ".repeat(self.name_cells.saturating_sub(name.width()));
                writeln!(self.out, "{bold}{name}{plain}{blank} | {value}")?;
            }
        }
        Ok(())
    }
}

impl<W: Write + Send> ResultWriter for LineWriter<W> {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        for row in 0..batch.num_rows() {
            let values: Vec<Option<String>> = batch
                .columns()
                .iter()
                .map(|column| shown(cell_text(column.as_ref(), row)))
                .collect();
            self.write_row(&values)?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A cell's text as a terminal may show it.
pub(super) fn shown(text: Option<std::borrow::Cow<'_, str>>) -> Option<String> {
    text.map(|text| escape_controls(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, StringViewArray};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    #[test]
    fn values_stand_below_each_other() {
        let fields = ["a", "long"].map(|n| Field::new(n, DataType::Utf8View, true));
        let schema = Arc::new(Schema::new(fields.to_vec()));
        let a: ArrayRef = Arc::new(StringViewArray::from(vec![Some("1\x1b"), None]));
        let b: ArrayRef = Arc::new(StringViewArray::from(vec!["x", "y"]));
        let batch = RecordBatch::try_new(schema.clone(), vec![a, b]).expect("fits");
        let mut out = Vec::new();
        let mut writer = LineWriter::new(&mut out, &schema, false);
        writer
            .write(&batch)
            .and_then(|()| writer.finish())
            .expect("memory");
        assert_eq!(
            String::from_utf8_lossy(&out),
            "-[ 1 ]\na    | 1\\u{1b}\nlong | x\n-[ 2 ]\nlong | y\n"
        );
    }
}
