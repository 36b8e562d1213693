//! Answers as JSON: one array of objects, or one object per line.
//!
//! Keys are the output names in their order. A name that occurs twice, which SQL allows,
//! gets its number from the second on (`arn`, `arn_2`), since an object would lose one.

use std::collections::HashSet;
use std::io::{self, Write};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use serde_json::Value;

use super::escape::acts;
use super::{ResultWriter, cell_json};

/// Writes `[`, objects one to a line, `]`.
pub struct JsonWriter<W> {
    out: W,
    rows: Rows,
    has_rows: bool,
}

/// Writes one object to a line.
pub struct NdjsonWriter<W> {
    out: W,
    rows: Rows,
}

impl<W: Write> JsonWriter<W> {
    pub fn new(out: W, schema: &SchemaRef) -> Self {
        Self {
            out,
            rows: Rows::new(schema),
            has_rows: false,
        }
    }
}

impl<W: Write> NdjsonWriter<W> {
    pub fn new(out: W, schema: &SchemaRef) -> Self {
        Self {
            out,
            rows: Rows::new(schema),
        }
    }
}

impl<W: Write + Send> ResultWriter for JsonWriter<W> {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        for row in 0..batch.num_rows() {
            let opening = if self.has_rows { ",\n " } else { "[\n " };
            self.has_rows = true;
            self.out.write_all(opening.as_bytes())?;
            self.out
                .write_all(self.rows.object(batch, row).as_bytes())?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn finish(&mut self) -> io::Result<()> {
        let closing = if self.has_rows { "\n]\n" } else { "[]\n" };
        self.out.write_all(closing.as_bytes())?;
        self.out.flush()
    }
}

impl<W: Write + Send> ResultWriter for NdjsonWriter<W> {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        for row in 0..batch.num_rows() {
            self.out
                .write_all(self.rows.object(batch, row).as_bytes())?;
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Makes the objects; their keys are written once.
struct Rows {
    /// `"name":`, escaped.
    keys: Vec<String>,
    line: String,
}

impl Rows {
    fn new(schema: &SchemaRef) -> Self {
        let mut taken = HashSet::new();
        let keys = schema.fields().iter().map(|field| {
            let mut name = field.name().clone();
            let mut occurrence = 1;
            while !taken.insert(name.clone()) {
                occurrence += 1;
                name = format!("{}_{occurrence}", field.name());
            }
            let mut key = String::new();
            push_json(&mut key, &Value::String(name));
            key.push(':');
            key
        });
        Self {
            keys: keys.collect(),
            line: String::new(),
        }
    }

    fn object(&mut self, batch: &RecordBatch, row: usize) -> &str {
        self.line.clear();
        self.line.push('{');
        for (i, (key, column)) in self.keys.iter().zip(batch.columns()).enumerate() {
            if i > 0 {
                self.line.push(',');
            }
            self.line.push_str(key);
            push_json(&mut self.line, &cell_json(column.as_ref(), row));
        }
        self.line.push('}');
        &self.line
    }
}

/// JSON that can also be shown: what acts on a terminal is escaped, not only what JSON
/// must escape.
fn push_json(out: &mut String, value: &Value) {
    for c in value.to_string().chars() {
        match c {
            // Outside strings serde_json writes no such character.
            c if acts(c) => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, StringViewArray};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn batch() -> RecordBatch {
        let schema = Arc::new(Schema::new(vec![
            Field::new("n", DataType::Int64, true),
            Field::new("s", DataType::Utf8View, true),
            Field::new("n", DataType::Int64, true),
        ]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
        let texts: ArrayRef = Arc::new(StringViewArray::from(vec!["a\u{9b}\n", "b"]));
        RecordBatch::try_new(schema, vec![numbers.clone(), texts, numbers]).expect("columns fit")
    }

    fn written(writer: &mut dyn ResultWriter, batches: &[RecordBatch]) {
        for batch in batches {
            writer.write(batch).expect("memory");
        }
        writer.finish().expect("memory");
    }

    #[test]
    fn rows_are_typed() {
        let batch = batch();
        let mut out = Vec::new();
        written(
            &mut NdjsonWriter::new(&mut out, &batch.schema()),
            std::slice::from_ref(&batch),
        );
        assert_eq!(
            String::from_utf8_lossy(&out),
            "{\"n\":1,\"s\":\"a\\u009b\\n\",\"n_2\":1}\n{\"n\":null,\"s\":\"b\",\"n_2\":null}\n"
        );
        let mut out = Vec::new();
        written(
            &mut JsonWriter::new(&mut out, &batch.schema()),
            &[batch.clone(), batch.clone()],
        );
        let array: Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(array.as_array().map(Vec::len), Some(4));
        let mut out = Vec::new();
        written(&mut JsonWriter::new(&mut out, &batch.schema()), &[]);
        assert_eq!(out, b"[]\n");
    }
}
