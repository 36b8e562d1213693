//! Lists that are not query results (stores, imports, fields), in every form.
//!
//! Query results stream as Arrow batches through `tarn_query::results`; these
//! lists are small, built whole, and typed as JSON values. The forms and the
//! defaults are the same, so `-o json` means the same everywhere.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anstyle::Style;
use serde_json::{Map, Value};
use tarn_query::results::escape_controls;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::args::ListingFormat;
use crate::sizes;
use crate::terminal::{BOLD, Terminal};

/// Rows under named columns.
pub struct Listing {
    columns: Vec<&'static str>,
    rows: Vec<Vec<Value>>,
    /// Rows that a table paints, by their numbers.
    painted: BTreeMap<usize, Style>,
}

/// Narrower than this no column of a table is made, unless its values are.
const COLUMN_WIDTH_MIN: usize = 8;

impl Listing {
    pub fn new(columns: &[&'static str]) -> Self {
        let columns = columns.to_vec();
        Self {
            columns,
            rows: Vec::new(),
            painted: BTreeMap::new(),
        }
    }

    /// Adds a row: one value for each column.
    pub fn push(&mut self, row: Vec<Value>) {
        debug_assert_eq!(row.len(), self.columns.len());
        self.rows.push(row);
    }

    /// Adds a row that stands out in a table with colours.
    pub fn push_painted(&mut self, row: Vec<Value>, style: Style) {
        self.painted.insert(self.rows.len(), style);
        self.push(row);
    }

    /// Writes all rows in the form asked for; by default a table on a terminal
    /// and ndjson elsewhere.
    pub fn write(
        &self,
        out: &mut dyn Write,
        format: Option<ListingFormat>,
        terminal: &Terminal,
    ) -> io::Result<()> {
        let default = match terminal.stdout.is_terminal {
            true => ListingFormat::Table,
            false => ListingFormat::Ndjson,
        };
        match format.unwrap_or(default) {
            ListingFormat::Table => self.table(out, terminal)?,
            ListingFormat::Line => self.lines(out)?,
            ListingFormat::Json => self.json(out)?,
            ListingFormat::Ndjson => {
                for row in &self.rows {
                    writeln!(out, "{}", Value::Object(self.object(row)))?;
                }
            }
            ListingFormat::Csv => self.separated(out, ',')?,
            ListingFormat::Tsv => self.separated(out, '\t')?,
        }
        out.flush()
    }

    fn object(&self, row: &[Value]) -> Map<String, Value> {
        let named = self.columns.iter().zip(row);
        named
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect()
    }

    fn json(&self, out: &mut dyn Write) -> io::Result<()> {
        let rows = self
            .rows
            .iter()
            .map(|row| Value::Object(self.object(row)))
            .collect();
        serde_json::to_writer_pretty(&mut *out, &Value::Array(rows))?;
        writeln!(out)
    }

    fn lines(&self, out: &mut dyn Write) -> io::Result<()> {
        let name_width = self
            .columns
            .iter()
            .map(|name| name.width())
            .max()
            .unwrap_or(0);
        for (i, row) in self.rows.iter().enumerate() {
            if i > 0 {
                writeln!(out)?;
            }
            for (name, value) in self.columns.iter().zip(row) {
                writeln!(out, "{name:name_width$}  {}", shown(value))?;
            }
        }
        Ok(())
    }

    fn separated(&self, out: &mut dyn Write, separator: char) -> io::Result<()> {
        let line = |cells: Vec<String>| cells.join(&separator.to_string());
        let names = self.columns.iter().map(|name| (*name).to_owned()).collect();
        writeln!(out, "{}", line(names))?;
        for row in &self.rows {
            let cells = row
                .iter()
                .map(|value| delimited(&plain(value), separator))
                .collect();
            writeln!(out, "{}", line(cells))?;
        }
        Ok(())
    }

    fn table(&self, out: &mut dyn Write, terminal: &Terminal) -> io::Result<()> {
        let cells: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| row.iter().map(shown).collect())
            .collect();
        let mut widths: Vec<usize> = self.columns.iter().map(|name| name.width()).collect();
        for row in &cells {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        if let Some(limit) = terminal.width {
            fit(
                &mut widths,
                limit.saturating_sub(2 * self.columns.len().saturating_sub(1)),
            );
        }
        let numeric: Vec<bool> = (0..self.columns.len())
            .map(|i| self.is_numeric(i))
            .collect();
        let names: Vec<String> = self.columns.iter().map(|name| (*name).to_owned()).collect();
        let head = table_line(&names, &widths, &numeric);
        writeln!(out, "{}", terminal.stdout.paint(BOLD, &head))?;
        let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
        writeln!(out, "{}", rules.join("  "))?;
        for (i, row) in cells.iter().enumerate() {
            let line = table_line(row, &widths, &numeric);
            let line = match self.painted.get(&i) {
                Some(style) => terminal.stdout.paint(*style, &line),
                None => line,
            };
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    fn is_numeric(&self, column: usize) -> bool {
        let mut values = self
            .rows
            .iter()
            .filter_map(|row| row.get(column))
            .filter(|value| !value.is_null())
            .peekable();
        values.peek().is_some() && values.all(Value::is_number)
    }
}

fn table_line(cells: &[String], widths: &[usize], numeric: &[bool]) -> String {
    let mut line = String::new();
    for ((cell, &width), &right) in cells.iter().zip(widths).zip(numeric) {
        let cell = cut(cell, width);
        let blanks = " ".repeat(width.saturating_sub(cell.width()));
        let padded = if right {
            blanks + &cell
        } else {
            cell + &blanks
        };
        line.push_str(&padded);
        line.push_str("  ");
    }
    line.truncate(line.trim_end().len());
    line
}

/// Narrows the widest columns, evenly, until their sum is within the limit.
fn fit(widths: &mut [usize], limit: usize) {
    while widths.iter().sum::<usize>() > limit {
        let Some(widest) = widths
            .iter_mut()
            .max()
            .filter(|width| **width > COLUMN_WIDTH_MIN)
        else {
            return;
        };
        *widest -= 1;
    }
}

/// The text in at most so many columns of the terminal, cut with an ellipsis.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

/// A value as people read it.
fn shown(value: &Value) -> String {
    match value {
        Value::Number(number) => match number.as_u64() {
            Some(n) => sizes::count(n),
            None => number.to_string(),
        },
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        other => escape_controls(&plain(other)).into_owned(),
    }
}

/// A value as text that programs read.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A cell of CSV (RFC 4180): quoted where it would break the line.
fn delimited(text: &str, separator: char) -> String {
    match text.contains([separator, '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sample() -> Listing {
        let mut listing = Listing::new(&["name", "events"]);
        listing.push(vec![json!("a, \"b\""), json!(1234)]);
        listing.push(vec![json!("a name that is far too long"), Value::Null]);
        listing
    }

    fn written(format: ListingFormat, width: Option<usize>) -> String {
        let terminal = Terminal {
            width,
            ..Terminal::silent()
        };
        let mut out = Vec::new();
        sample().write(&mut out, Some(format), &terminal).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_table_fits_the_terminal_and_a_piped_one_is_never_cut() {
        assert_eq!(
            written(ListingFormat::Table, Some(20)),
            "name          events\n────────────  ──────\na, \"b\"         1,234\na name that…\n"
        );
        assert!(written(ListingFormat::Table, None).contains("far too long"));
    }

    #[test]
    fn programs_get_types_and_quotes() {
        assert_eq!(
            written(ListingFormat::Ndjson, None),
            "{\"name\":\"a, \\\"b\\\"\",\"events\":1234}\n{\"name\":\"a name that is far too long\",\"events\":null}\n"
        );
        assert_eq!(
            written(ListingFormat::Csv, None),
            "name,events\n\"a, \"\"b\"\"\",1234\na name that is far too long,\n"
        );
    }
}
