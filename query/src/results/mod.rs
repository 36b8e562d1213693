//! Rows as people and programs read them: one writer for each output format.
//!
//! A writer takes batches as they come and never holds more than it needs for its
//! layout, so that an answer of any size passes through. Writers decide about text alone;
//! where it goes, how wide a terminal is and whether it has colours, the caller says.

use std::io;

pub use datafusion::arrow::array::RecordBatch;
pub use datafusion::arrow::datatypes::SchemaRef;

mod arrow;
mod cell;
mod csv;
mod escape;
mod hits;
mod json;
mod line;
mod raw;
mod table;

pub use self::arrow::{ArrowIpcReader, ArrowIpcWriter};
pub use self::cell::{cell_json, cell_text};
pub use self::csv::CsvWriter;
pub use self::escape::escape_controls;
pub use self::hits::HitsWriter;
pub use self::json::{JsonWriter, NdjsonWriter};
pub use self::line::LineWriter;
pub use self::raw::{RawError, RawWriter};
pub use self::table::{TableOptions, TableWriter};

/// Takes the batches of one answer.
///
/// **Shape**: all batches have the schema that the writer was made with. Nothing is
/// written before the first batch or [`ResultWriter::finish`], so that a query that fails
/// at once leaves no header behind. **Errors**: those of the output, a closed pipe among
/// them.
pub trait ResultWriter: Send {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()>;

    /// Writes what is still held, so that whoever reads has all rows by now.
    fn flush(&mut self) -> io::Result<()>;

    /// Writes what is still held and what closes the format, and flushes.
    fn finish(&mut self) -> io::Result<()> {
        self.flush()
    }
}
