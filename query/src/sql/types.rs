//! Trino's type names, and what they are in Arrow.
//!
//! `sqlparser` has no `ARRAY(T)`, `MAP(K, V)` or `ROW(a T)`, so the prepass hands the
//! text of such a type on whole and this is its grammar.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, IntervalUnit, TimeUnit};

use crate::functions::json_type;

/// How deep a type may nest.
const DEPTH_MAX: usize = 32;

/// A type as Trino names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SqlType {
    Boolean,
    /// Bits: 8, 16, 32, 64.
    Integer(u8),
    Real,
    Double,
    Decimal(u8, i8),
    Varchar,
    Varbinary,
    Date,
    Time,
    Timestamp {
        zoned: bool,
    },
    IntervalDayToSecond,
    IntervalYearToMonth,
    Json,
    Array(Box<SqlType>),
    Map(Box<SqlType>, Box<SqlType>),
    /// Fields without a name are `None`.
    Row(Vec<(Option<String>, SqlType)>),
}

impl SqlType {
    /// Reads a type's name in any letter case; `ARRAY<T>` passes beside `ARRAY(T)`.
    ///
    /// **Errors**: why it is no type, as a clause.
    pub fn parse(text: &str) -> Result<SqlType, String> {
        let mut reader = Reader {
            rest: text,
            depth: 0,
        };
        let found = reader.sql_type()?;
        reader.blanks();
        if reader.rest.is_empty() {
            Ok(found)
        } else {
            Err(format!("{:?} follows the type in {text:?}", reader.rest))
        }
    }

    /// The type in Arrow; text is `Utf8View`, times are in milliseconds.
    pub fn arrow(&self) -> DataType {
        match self {
            SqlType::Boolean => DataType::Boolean,
            SqlType::Integer(8) => DataType::Int8,
            SqlType::Integer(16) => DataType::Int16,
            SqlType::Integer(32) => DataType::Int32,
            SqlType::Integer(_) => DataType::Int64,
            SqlType::Real => DataType::Float32,
            SqlType::Double => DataType::Float64,
            SqlType::Decimal(precision, scale) => DataType::Decimal128(*precision, *scale),
            SqlType::Varchar | SqlType::Json => DataType::Utf8View,
            SqlType::Varbinary => DataType::Binary,
            SqlType::Date => DataType::Date32,
            SqlType::Time => DataType::Time64(TimeUnit::Microsecond),
            SqlType::Timestamp { zoned } => {
                DataType::Timestamp(TimeUnit::Millisecond, zoned.then(|| Arc::from("+00:00")))
            }
            SqlType::IntervalDayToSecond => DataType::Interval(IntervalUnit::MonthDayNano),
            SqlType::IntervalYearToMonth => DataType::Interval(IntervalUnit::YearMonth),
            SqlType::Array(item) => DataType::List(Arc::new(item.field("item", true))),
            SqlType::Map(key, value) => {
                let entries =
                    Fields::from(vec![key.field("keys", false), value.field("values", true)]);
                DataType::Map(
                    Arc::new(Field::new("entries", DataType::Struct(entries), false)),
                    false,
                )
            }
            SqlType::Row(fields) => DataType::Struct(
                fields
                    .iter()
                    .enumerate()
                    .map(|(i, (name, t))| match name {
                        Some(name) => t.field(name, true),
                        None => t.field(&format!("field{i}"), true),
                    })
                    .collect(),
            ),
        }
    }

    /// A field of this type, marked where it holds JSON.
    pub fn field(&self, name: &str, nullable: bool) -> Field {
        let field = Field::new(name, self.arrow(), nullable);
        match self {
            SqlType::Json => json_type::marked(field),
            _ => field,
        }
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SqlType::Boolean => f.write_str("boolean"),
            SqlType::Integer(8) => f.write_str("tinyint"),
            SqlType::Integer(16) => f.write_str("smallint"),
            SqlType::Integer(32) => f.write_str("integer"),
            SqlType::Integer(_) => f.write_str("bigint"),
            SqlType::Real => f.write_str("real"),
            SqlType::Double => f.write_str("double"),
            SqlType::Decimal(precision, scale) => write!(f, "decimal({precision},{scale})"),
            SqlType::Varchar => f.write_str("varchar"),
            SqlType::Varbinary => f.write_str("varbinary"),
            SqlType::Date => f.write_str("date"),
            SqlType::Time => f.write_str("time"),
            SqlType::Timestamp { zoned: false } => f.write_str("timestamp"),
            SqlType::Timestamp { zoned: true } => f.write_str("timestamp with time zone"),
            SqlType::IntervalDayToSecond => f.write_str("interval day to second"),
            SqlType::IntervalYearToMonth => f.write_str("interval year to month"),
            SqlType::Json => f.write_str("json"),
            SqlType::Array(item) => write!(f, "array({item})"),
            SqlType::Map(key, value) => write!(f, "map({key}, {value})"),
            SqlType::Row(fields) => {
                f.write_str("row(")?;
                for (i, (name, t)) in fields.iter().enumerate() {
                    if i > 0 {
                        f.write_str(", ")?;
                    }
                    match name {
                        Some(name) => write!(f, "\"{name}\" {t}")?,
                        None => write!(f, "{t}")?,
                    }
                }
                f.write_str(")")
            }
        }
    }
}

struct Reader<'t> {
    rest: &'t str,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn peek(&mut self) -> Option<char> {
        self.blanks();
        self.rest.chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        self.blanks();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.take(wanted) {
            return Ok(());
        }
        match self.peek() {
            Some(found) => Err(format!("`{wanted}` is expected before `{found}` in a type")),
            None => Err(format!("`{wanted}` is missing at the end of a type")),
        }
    }

    /// A word, or a quoted name.
    fn word(&mut self) -> Result<&'t str, String> {
        self.blanks();
        if let Some(after) = self.rest.strip_prefix('"') {
            let (name, after) = after
                .split_once('"')
                .ok_or("a quoted name in a type is not closed")?;
            self.rest = after;
            return Ok(name);
        }
        let end = self
            .rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        if word.is_empty() {
            return Err("the name of a type is missing".to_owned());
        }
        self.rest = rest;
        Ok(word)
    }

    fn next_word_is(&mut self, wanted: &str) -> bool {
        let before = self.rest;
        match self.word() {
            Ok(word) if word.eq_ignore_ascii_case(wanted) => true,
            _ => {
                self.rest = before;
                false
            }
        }
    }

    fn number(&mut self) -> Result<u32, String> {
        let word = self.word()?;
        word.parse()
            .map_err(|_| format!("{word:?} is not a number of digits"))
    }

    /// The `(n)` that a type may carry, which changes nothing here.
    fn length(&mut self) -> Result<(), String> {
        if self.take('(') {
            self.number()?;
            self.expect(')')?;
        }
        Ok(())
    }

    fn sql_type(&mut self) -> Result<SqlType, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("a type nests deeper than {DEPTH_MAX} levels"));
        }
        let found = self.sql_type_inner();
        self.depth -= 1;
        found
    }

    fn sql_type_inner(&mut self) -> Result<SqlType, String> {
        let name = self.word()?;
        Ok(match name.to_ascii_lowercase().as_str() {
            "boolean" | "bool" => SqlType::Boolean,
            "tinyint" | "int8" => SqlType::Integer(8),
            "smallint" | "int16" => SqlType::Integer(16),
            "integer" | "int" | "int4" => SqlType::Integer(32),
            "bigint" | "long" => SqlType::Integer(64),
            "real" | "float" | "float4" => SqlType::Real,
            "double" | "float8" => {
                self.next_word_is("precision");
                SqlType::Double
            }
            "decimal" | "numeric" | "dec" => self.decimal()?,
            "varchar" | "char" | "character" | "text" | "string" | "ipaddress" | "uuid" => {
                self.next_word_is("varying");
                self.length()?;
                SqlType::Varchar
            }
            "varbinary" | "binary" | "bytea" => {
                self.length()?;
                SqlType::Varbinary
            }
            "date" => SqlType::Date,
            "time" => {
                self.length()?;
                self.zone()?;
                SqlType::Time
            }
            "timestamp" | "datetime" => {
                self.length()?;
                SqlType::Timestamp {
                    zoned: self.zone()?,
                }
            }
            "interval" => self.interval()?,
            "json" => SqlType::Json,
            "array" | "list" => {
                let close = self.open()?;
                let item = self.sql_type()?;
                self.expect(close)?;
                SqlType::Array(Box::new(item))
            }
            "map" => {
                let close = self.open()?;
                let key = self.sql_type()?;
                self.expect(',')?;
                let value = self.sql_type()?;
                self.expect(close)?;
                SqlType::Map(Box::new(key), Box::new(value))
            }
            "row" | "struct" => self.row()?,
            _ => return Err(format!("{name:?} is not a type")),
        })
    }

    fn open(&mut self) -> Result<char, String> {
        if self.take('<') {
            return Ok('>');
        }
        self.expect('(')?;
        Ok(')')
    }

    fn decimal(&mut self) -> Result<SqlType, String> {
        if !self.take('(') {
            return Ok(SqlType::Decimal(38, 0));
        }
        let precision = self.number()?;
        let scale = if self.take(',') { self.number()? } else { 0 };
        self.expect(')')?;
        match (u8::try_from(precision), i8::try_from(scale)) {
            (Ok(p @ 1..=38), Ok(s)) if scale <= precision => Ok(SqlType::Decimal(p, s)),
            _ => Err(format!("decimal({precision},{scale}) is out of bounds")),
        }
    }

    /// `WITH TIME ZONE` or `WITHOUT TIME ZONE`, or nothing.
    fn zone(&mut self) -> Result<bool, String> {
        let zoned = if self.next_word_is("with") {
            true
        } else if self.next_word_is("without") {
            false
        } else {
            return Ok(false);
        };
        if self.next_word_is("time") && self.next_word_is("zone") {
            Ok(zoned)
        } else {
            Err("TIME ZONE is missing in a type".to_owned())
        }
    }

    fn interval(&mut self) -> Result<SqlType, String> {
        let from = self.word()?.to_ascii_lowercase();
        if self.next_word_is("to") {
            self.word()?;
        }
        match from.as_str() {
            "year" | "month" => Ok(SqlType::IntervalYearToMonth),
            "day" | "hour" | "minute" | "second" => Ok(SqlType::IntervalDayToSecond),
            other => Err(format!("{other:?} is not a unit of an interval")),
        }
    }

    fn row(&mut self) -> Result<SqlType, String> {
        let close = self.open()?;
        let mut fields = Vec::new();
        loop {
            let before = self.rest;
            let name = self.word()?;
            let name = match self.peek() {
                // `row(varchar, bigint)`: the word was a type.
                Some(',' | '(' | '<') => None,
                Some(c) if c == close => None,
                Some(':') => {
                    self.take(':');
                    Some(name)
                }
                _ => Some(name),
            };
            if name.is_none() {
                self.rest = before;
            }
            fields.push((name.map(str::to_lowercase), self.sql_type()?));
            if !self.take(',') {
                break;
            }
        }
        self.expect(close)?;
        Ok(SqlType::Row(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_print_and_read_back() {
        for text in [
            "varchar",
            "bigint",
            "decimal(10,2)",
            "timestamp with time zone",
            "map(varchar, json)",
            "array(row(\"a\" varchar, \"b\" array(bigint)))",
        ] {
            let read = SqlType::parse(text).expect(text);
            assert_eq!(read.to_string(), text);
            assert_eq!(SqlType::parse(&read.to_string()), Ok(read));
        }
    }

    #[test]
    fn spellings() {
        assert_eq!(SqlType::parse("VARCHAR(10)"), Ok(SqlType::Varchar));
        assert_eq!(
            SqlType::parse("Timestamp(3)"),
            Ok(SqlType::Timestamp { zoned: false })
        );
        assert_eq!(SqlType::parse("double precision"), Ok(SqlType::Double));
        assert_eq!(
            SqlType::parse("ARRAY<STRUCT<a: string>>"),
            SqlType::parse("array(row(a varchar))")
        );
        assert_eq!(
            SqlType::parse("row(varchar, bigint)"),
            Ok(SqlType::Row(vec![
                (None, SqlType::Varchar),
                (None, SqlType::Integer(64))
            ]))
        );
    }

    #[test]
    fn what_is_no_type() {
        for text in [
            "",
            "nosuch",
            "array(",
            "map(varchar)",
            "decimal(99)",
            "varchar x",
        ] {
            assert!(SqlType::parse(text).is_err(), "{text}");
        }
        let deep = format!("{}varchar{}", "array(".repeat(100), ")".repeat(100));
        assert!(SqlType::parse(&deep).is_err());
    }

    #[test]
    fn json_inside_a_type_stays_json() {
        let DataType::List(item) = SqlType::parse("array(json)").expect("a type").arrow() else {
            panic!("a list")
        };
        assert!(json_type::is_json(&item));
    }
}
