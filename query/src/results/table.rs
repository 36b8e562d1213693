//! Answers as a table that fits the terminal.
//!
//! Columns get the width of their longest value as long as all fit; where they do not,
//! the widest give way first and their values end in `…`. An answer of so many columns
//! that none could be read is written one value to a line instead.

use std::io::{self, Write};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::line::{LineWriter, shown};
use super::{ResultWriter, cell_text, escape_controls};

/// Rows that are looked at to choose the widths. Later rows may be wider: they are cut on
/// a terminal and stick out elsewhere.
const LAYOUT_ROWS: usize = 1000;

/// A column that gave way is at least so wide, or there is no table.
const SHRUNK_CELLS_MIN: usize = 10;

/// Between two columns.
const GAP: &str = "  ";

/// What the caller knows of the place where the table will stand.
#[derive(Debug, Clone, Copy, Default)]
pub struct TableOptions {
    /// Cells of a line; None is no terminal, and nothing is cut.
    pub width: Option<usize>,
    pub colour: bool,
    /// Rows that are shown at most; None is all.
    pub rows_max: Option<usize>,
}

/// Writes a header, a rule and a line for each row.
pub struct TableWriter<W> {
    out: Option<W>,
    schema: SchemaRef,
    options: TableOptions,
    align_right: Vec<bool>,
    held: Vec<Vec<Option<String>>>,
    layout: Option<Layout<W>>,
    rows_seen: u64,
}

enum Layout<W> {
    Columns { out: W, widths: Vec<usize> },
    Lines(LineWriter<W>),
}

impl<W: Write> TableWriter<W> {
    pub fn new(out: W, schema: &SchemaRef, options: TableOptions) -> Self {
        Self {
            out: Some(out),
            schema: schema.clone(),
            options,
            align_right: schema
                .fields()
                .iter()
                .map(|f| f.data_type().is_numeric())
                .collect(),
            held: Vec::new(),
            layout: None,
            rows_seen: 0,
        }
    }

    /// Rows that were taken and not shown.
    pub fn rows_hidden(&self) -> u64 {
        let rows_max = self.options.rows_max.map_or(u64::MAX, |max| max as u64);
        self.rows_seen.saturating_sub(rows_max)
    }

    /// Whether no further row will be shown.
    pub fn is_full(&self) -> bool {
        self.options
            .rows_max
            .is_some_and(|max| self.rows_seen >= max as u64)
    }

    fn lay_out(&mut self) -> io::Result<()> {
        let Some(out) = self.out.take() else {
            return Ok(());
        };
        let names: Vec<String> = self
            .schema
            .fields()
            .iter()
            .map(|field| escape_controls(field.name()).into_owned())
            .collect();
        let natural: Vec<usize> = names
            .iter()
            .enumerate()
            .map(|(i, name)| {
                let values = self.held.iter().filter_map(|row| row.get(i)?.as_deref());
                values
                    .map(UnicodeWidthStr::width)
                    .max()
                    .unwrap_or(0)
                    .max(name.width())
                    .max(1)
            })
            .collect();
        let layout = match fitted(&natural, self.options.width) {
            None => Layout::Lines(LineWriter::new(out, &self.schema, self.options.colour)),
            Some(widths) => {
                let mut layout = Layout::Columns { out, widths };
                layout.write_header(&names, self.options, &self.align_right)?;
                layout
            }
        };
        self.layout = Some(layout);
        for row in std::mem::take(&mut self.held) {
            self.write_row(&row)?;
        }
        Ok(())
    }

    fn write_row(&mut self, row: &[Option<String>]) -> io::Result<()> {
        match &mut self.layout {
            None => Ok(()),
            Some(Layout::Lines(lines)) => lines.write_row(row),
            Some(Layout::Columns { out, widths }) => {
                let cut = self.options.width.is_some();
                let values = row.iter().map(|value| value.as_deref().unwrap_or(""));
                let line = table_line(values, widths, &self.align_right, cut);
                writeln!(out, "{line}")
            }
        }
    }
}

impl<W: Write> Layout<W> {
    fn write_header(
        &mut self,
        names: &[String],
        options: TableOptions,
        align_right: &[bool],
    ) -> io::Result<()> {
        let Self::Columns { out, widths } = self else {
            return Ok(());
        };
        let names = names.iter().map(String::as_str);
        let header = table_line(names, widths, align_right, options.width.is_some());
        match options.colour {
            true => writeln!(out, "\x1b[1m{header}\x1b[0m")?,
            false => writeln!(out, "{header}")?,
        }
        let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
        writeln!(out, "{}", rules.join(GAP))
    }
}

impl<W: Write + Send> ResultWriter for TableWriter<W> {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        for row in 0..batch.num_rows() {
            let is_hidden = self.is_full();
            self.rows_seen += 1;
            if is_hidden {
                continue;
            }
            let values: Vec<Option<String>> = batch
                .columns()
                .iter()
                .map(|column| shown(cell_text(column.as_ref(), row)))
                .collect();
            if self.layout.is_some() {
                self.write_row(&values)?;
            } else {
                self.held.push(values);
                if self.held.len() >= LAYOUT_ROWS {
                    self.lay_out()?;
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lay_out()?;
        match &mut self.layout {
            Some(Layout::Columns { out, .. }) => out.flush(),
            Some(Layout::Lines(lines)) => lines.flush(),
            None => Ok(()),
        }
    }
}

/// The widths that fit; None where a column would become too narrow to read.
fn fitted(natural: &[usize], width: Option<usize>) -> Option<Vec<usize>> {
    let Some(width) = width else {
        return Some(natural.to_vec());
    };
    let gaps = GAP.len() * natural.len().saturating_sub(1);
    let room = width.saturating_sub(gaps);
    if natural.iter().sum::<usize>() <= room {
        return Some(natural.to_vec());
    }
    // The widest share what the narrow ones leave over.
    let mut sorted = natural.to_vec();
    sorted.sort_unstable();
    let mut left = room;
    let mut share = 0;
    for (i, cells) in sorted.iter().enumerate() {
        share = left / (sorted.len() - i);
        if *cells > share {
            break;
        }
        left -= cells;
    }
    if share < SHRUNK_CELLS_MIN {
        return None;
    }
    Some(natural.iter().map(|cells| (*cells).min(share)).collect())
}

fn table_line<'v>(
    values: impl Iterator<Item = &'v str>,
    widths: &[usize],
    align_right: &[bool],
    cut: bool,
) -> String {
    let mut line = String::new();
    for (i, (value, width)) in values.zip(widths).enumerate() {
        if i > 0 {
            line.push_str(GAP);
        }
        let cells = value.width();
        if cut && cells > *width {
            push_cut(&mut line, value, *width);
            continue;
        }
        let blank = " ".repeat(width.saturating_sub(cells));
        if align_right.get(i) == Some(&true) {
            line.push_str(&blank);
            line.push_str(value);
        } else {
            line.push_str(value);
            line.push_str(&blank);
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// Exactly `width` cells of the value, the last of them `…`.
fn push_cut(line: &mut String, value: &str, width: usize) {
    let mut room = width.saturating_sub(1);
    for c in value.chars() {
        let cells = c.width().unwrap_or(0);
        if cells > room {
            break;
        }
        room -= cells;
        line.push(c);
    }
    line.push('…');
    line.push_str(&" ".repeat(room));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, StringViewArray};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};

    use super::*;

    fn batch() -> RecordBatch {
        let schema = Arc::new(Schema::new(vec![
            Field::new("name", DataType::Utf8View, true),
            Field::new("n", DataType::Int64, true),
        ]));
        let names = vec![Some("a very long value that is cut"), Some("日本"), None];
        let names: ArrayRef = Arc::new(StringViewArray::from(names));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![5, 1000, 7]));
        RecordBatch::try_new(schema, vec![names, numbers]).expect("fits")
    }

    fn table(options: TableOptions) -> (String, u64) {
        let batch = batch();
        let mut out = Vec::new();
        let mut writer = TableWriter::new(&mut out, &batch.schema(), options);
        writer
            .write(&batch)
            .and_then(|()| writer.finish())
            .expect("memory");
        let hidden = writer.rows_hidden();
        (String::from_utf8(out).expect("text"), hidden)
    }

    #[test]
    fn the_widest_column_gives_way() {
        let (text, hidden) = table(TableOptions {
            width: Some(20),
            colour: false,
            rows_max: Some(2),
        });
        assert_eq!(
            text,
            "name               n\n──────────────  ────\na very long v…     5\n日本            1000\n"
        );
        assert_eq!(hidden, 1);
        assert!(text.lines().all(|line| line.width() <= 20));
    }

    #[test]
    fn nothing_is_cut_where_there_is_no_terminal() {
        let (text, hidden) = table(TableOptions::default());
        assert!(text.contains("a very long value that is cut     5\n"));
        assert_eq!((text.lines().count(), hidden), (5, 0));
    }

    #[test]
    fn too_many_columns_become_lines() {
        let (text, _) = table(TableOptions {
            width: Some(12),
            colour: false,
            rows_max: None,
        });
        assert!(text.starts_with("-[ 1 ]\nname | a very long"), "{text}");
    }
}
