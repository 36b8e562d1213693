//! What goes wrong with a query, told so that its writer can put it right.
//!
//! Every error has a code for programs, a reason for people and, where the text is to
//! blame, the place in it. Front ends report [`SyntaxError`]s; what DataFusion reports is
//! translated here and nowhere else, because its messages name plan columns and types
//! that the writer of the query never typed.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};
use unicode_width::UnicodeWidthChar;

use crate::patterns;
use crate::span::Span;
use crate::suggest;
use crate::syntax::{SyntaxError, Warning};

/// What a caller reacts to; exit codes and HTTP statuses follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The query does not compile, or the request asks for what there is not.
    Usage,
    /// The query compiled and failed while it ran.
    Failed,
    TimedOut,
    Cancelled,
    MemoryExceeded,
}

/// What is wrong, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    Syntax,
    UnknownLanguage,
    UnknownStore,
    UnknownAccount,
    AmbiguousAccount,
    UnknownField,
    AmbiguousField,
    UnknownFunction,
    WrongType,
    NotSelect,
    Parameter,
    TimeRange,
    Unsupported,
    Plan,
    Execution,
    Scan,
    TimedOut,
    Cancelled,
    MemoryExceeded,
    /// The rows of a job found no room.
    Results,
    Internal,
}

impl Code {
    /// Every code with its name.
    const NAMES: [(Self, &'static str); 21] = [
        (Self::Syntax, "syntax"),
        (Self::UnknownLanguage, "unknown_language"),
        (Self::UnknownStore, "unknown_store"),
        (Self::UnknownAccount, "unknown_account"),
        (Self::AmbiguousAccount, "ambiguous_account"),
        (Self::UnknownField, "unknown_field"),
        (Self::AmbiguousField, "ambiguous_field"),
        (Self::UnknownFunction, "unknown_function"),
        (Self::WrongType, "wrong_type"),
        (Self::NotSelect, "not_select"),
        (Self::Parameter, "parameter"),
        (Self::TimeRange, "time_range"),
        (Self::Unsupported, "unsupported"),
        (Self::Plan, "plan"),
        (Self::Execution, "execution"),
        (Self::Scan, "scan"),
        (Self::TimedOut, "timed_out"),
        (Self::Cancelled, "cancelled"),
        (Self::MemoryExceeded, "memory_exceeded"),
        (Self::Results, "results"),
        (Self::Internal, "internal"),
    ];

    pub fn as_str(self) -> &'static str {
        let named = Self::NAMES.iter().find(|(code, _)| *code == self);
        named.map_or("internal", |(_, name)| name)
    }

    pub fn of_name(name: &str) -> Option<Self> {
        let named = Self::NAMES.iter().find(|(_, known)| *known == name);
        named.map(|(code, _)| *code)
    }

    pub fn kind(self) -> ErrorKind {
        match self {
            Self::TimedOut => ErrorKind::TimedOut,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::MemoryExceeded => ErrorKind::MemoryExceeded,
            Self::Execution | Self::Scan | Self::Results | Self::Internal => ErrorKind::Failed,
            _ => ErrorKind::Usage,
        }
    }
}

/// Why a query gave no rows, or no more rows.
///
/// **Shape**: `message` and `hint` are clauses without a final full stop; `span` is a
/// place in the text of the request.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    pub code: Code,
    pub message: String,
    pub span: Option<Span>,
    pub hint: Option<String>,
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl QueryError {
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            span: None,
            hint: None,
            source: None,
        }
    }

    /// The same error with its place in the text.
    pub fn at(self, span: Span) -> Self {
        Self {
            span: Some(span),
            ..self
        }
    }

    /// The same error with a way to put it right.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// The same error with what caused it.
    pub fn caused_by(self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self {
            source: Some(Box::new(source)),
            ..self
        }
    }

    pub fn kind(&self) -> ErrorKind {
        self.code.kind()
    }

    pub fn cancelled() -> Self {
        Self::new(Code::Cancelled, "the query was cancelled")
    }

    /// The error as people read it: reason, line and column, the line with a caret
    /// under the place, the hint.
    pub fn render(&self, text: &str) -> String {
        let mut out = self.message.clone();
        if let Some(span) = self.span {
            let place = Place::of(span, text);
            let gutter = " ".repeat(place.line.to_string().len());
            let _ = write!(
                out,
                "\n{gutter}--> line {line}, column {column}\n{gutter} |\n{line} | {shown}\n{gutter} | {blank}{caret}",
                line = place.line,
                column = place.column,
                shown = place.shown,
                blank = " ".repeat(place.cells_before),
                caret = "^".to_owned() + &"~".repeat(place.cells.saturating_sub(1)),
            );
            if let Some(hint) = &self.hint {
                let _ = write!(out, "\n{gutter} = {hint}");
            }
        } else if let Some(hint) = &self.hint {
            let _ = write!(out, "\n= {hint}");
        }
        out
    }
}

impl From<SyntaxError> for QueryError {
    fn from(error: SyntaxError) -> Self {
        Self {
            code: Code::Syntax,
            message: error.reason,
            span: Some(error.span),
            hint: error.hint,
            source: None,
        }
    }
}

impl Warning {
    /// The warning as people read it, like [`QueryError::render`].
    pub fn render(&self, text: &str) -> String {
        let error = QueryError::new(Code::Syntax, self.reason.clone());
        let error = QueryError {
            span: (self.span != Span::default()).then_some(self.span),
            hint: self.hint.clone(),
            ..error
        };
        error.render(text)
    }
}

/// So much of a line is shown on either side of a place.
const CHARS_BEFORE_MAX: usize = 60;
const CHARS_AFTER_MAX: usize = 100;

/// A span as it is drawn: its first line, without what a terminal would act upon.
struct Place {
    /// Counted from 1, as the column, which counts characters.
    line: usize,
    column: usize,
    shown: String,
    cells_before: usize,
    cells: usize,
}

impl Place {
    fn of(span: Span, text: &str) -> Self {
        let start = floor_to_char(text, span.start);
        let end = floor_to_char(text, span.end.max(start));
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let cells = |part: &str| {
            part.chars()
                .map(drawn)
                .map(|(_, cells)| cells)
                .sum::<usize>()
        };
        // Of a long line what is around the place.
        let from = text[line_start..start]
            .char_indices()
            .rev()
            .nth(CHARS_BEFORE_MAX - 1)
            .map_or(line_start, |(at, _)| line_start + at);
        let to = text[start..line_end]
            .char_indices()
            .nth(CHARS_AFTER_MAX)
            .map_or(line_end, |(at, _)| start + at);
        let (cut_before, cut_after) = (from > line_start, to < line_end);
        let mut shown: String = text[from..to].chars().map(|c| drawn(c).0).collect();
        if cut_before {
            shown.insert(0, '…');
        }
        if cut_after {
            shown.push('…');
        }
        Self {
            line: before.matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            shown,
            cells_before: cells(&text[from..start]) + usize::from(cut_before),
            cells: cells(&text[start..end.clamp(start, to)]).max(1),
        }
    }
}

/// A character as drawn in the echoed line, and the cells that it takes.
fn drawn(c: char) -> (char, usize) {
    match c.width() {
        Some(cells) if !c.is_control() => (c, cells),
        _ => (' ', 1),
    }
}

fn floor_to_char(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// What the translation of DataFusion's errors knows about the query.
pub struct Context<'q> {
    /// The text of the request.
    pub text: &'q str,
    /// Gathers the names of fields that could have been meant, in the spelling that is
    /// suggested.
    pub fields: &'q dyn Fn() -> Vec<String>,
    /// Names of functions, likewise.
    pub functions: &'q [String],
    /// Where queries write what does not fit in memory.
    pub spill_folder: &'q Path,
    /// Before the first row an error is in the query; later it is in its run.
    pub is_running: bool,
}

impl Context<'_> {
    /// Brings an error of DataFusion to the writer of the query.
    pub fn translate(&self, error: DataFusionError) -> QueryError {
        if let Some(failed) = failed_io(&error) {
            return self.spill_error(failed).caused_by(error);
        }
        match error {
            DataFusionError::Context(_, inner) => self.translate(*inner),
            DataFusionError::Diagnostic(_, inner) => self.translate(*inner),
            DataFusionError::Collection(mut errors) if !errors.is_empty() => {
                self.translate(errors.swap_remove(0))
            }
            DataFusionError::Shared(inner) => self.translate_shared(&inner),
            DataFusionError::External(inner) => match inner.downcast::<QueryError>() {
                Ok(own) => self.placed(*own),
                Err(other) => {
                    let mut error = QueryError::new(self.code(), other.to_string());
                    error.source = Some(other);
                    error
                }
            },
            DataFusionError::SchemaError(inner, _) => self.schema_error(*inner),
            DataFusionError::ResourcesExhausted(ref reason) => {
                memory_exceeded(reason).caused_by(error)
            }
            DataFusionError::NotImplemented(reason) => {
                QueryError::new(Code::Unsupported, first_line(&reason))
            }
            DataFusionError::Plan(reason) => self.plan_error(&reason),
            DataFusionError::SQL(inner, _) => self.parser_error(&inner.to_string()),
            DataFusionError::Execution(reason) => QueryError::new(self.code(), first_line(&reason)),
            DataFusionError::ArrowError(inner, _) => self.value_error(&inner.to_string()),
            other => {
                let reason = first_line(&other.to_string());
                match patterns::too_large_in(&reason) {
                    Some(reason) => QueryError::new(self.code(), reason),
                    None => QueryError::new(Code::Internal, reason).caused_by(other),
                }
            }
        }
    }

    /// An error of several partitions or batches can only be looked at.
    fn translate_shared(&self, error: &DataFusionError) -> QueryError {
        if let Some(failed) = failed_io(error) {
            return self.spill_error(failed);
        }
        match error.find_root() {
            DataFusionError::ResourcesExhausted(reason) => memory_exceeded(reason),
            DataFusionError::External(inner) => match inner.downcast_ref::<QueryError>() {
                Some(own) => self.placed(QueryError {
                    source: None,
                    hint: own.hint.clone(),
                    message: own.message.clone(),
                    ..*own
                }),
                None => QueryError::new(self.code(), inner.to_string()),
            },
            DataFusionError::Plan(reason) => self.plan_error(reason),
            DataFusionError::ArrowError(inner, _) => self.value_error(&inner.to_string()),
            DataFusionError::Execution(reason) => QueryError::new(self.code(), first_line(reason)),
            other => QueryError::new(self.code(), first_line(&other.to_string())),
        }
    }

    /// Files that DataFusion itself reads and writes are those that queries spill to.
    fn spill_error(&self, failed: &io::Error) -> QueryError {
        let folder = self.spill_folder.display();
        let message = format!("what does not fit in memory cannot be kept in {folder}: {failed}");
        QueryError::new(Code::Execution, message).hint(match failed.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "make room on that disk, raise --memory, or ask for fewer columns or a shorter time"
            }
            _ => "see that the folder can be written, or raise --memory",
        })
    }

    fn code(&self) -> Code {
        if self.is_running {
            Code::Execution
        } else {
            Code::Plan
        }
    }

    /// An error about a constant, at the constant: while plans are made nobody knows places.
    fn placed(&self, error: QueryError) -> QueryError {
        let value = match (error.code, error.span) {
            (Code::WrongType, None) => quoted_after(&error.message, "\""),
            _ => None,
        };
        match value.and_then(|value| self.text_literal(value)) {
            Some(span) => error.at(span),
            None => error,
        }
    }

    /// Where a text stands in the query as a constant.
    fn text_literal(&self, value: &str) -> Option<Span> {
        let start = self.text.find(&format!("'{value}'"))?;
        Some(Span::new(start, start + value.len() + 2))
    }

    /// An error of a conversion names the value, which may be a constant of the query.
    fn value_error(&self, reason: &str) -> QueryError {
        let told = patterns::too_large_in(reason).unwrap_or_else(|| plain_arrow(reason));
        let error = QueryError::new(self.code(), first_line(&told));
        let value = quoted_after(reason, "string '").or_else(|| quoted_after(reason, "from '"));
        match value.and_then(|value| self.text_literal(value)) {
            Some(span) => error.at(span),
            None => error,
        }
    }

    fn schema_error(&self, error: SchemaError) -> QueryError {
        match error {
            SchemaError::FieldNotFound {
                field,
                valid_fields,
            } => {
                let known: Vec<&str> = valid_fields.iter().map(|c| c.name.as_str()).collect();
                self.unknown_field(&field.name, &known)
            }
            SchemaError::AmbiguousReference { field } => {
                let error = QueryError::new(
                    Code::AmbiguousField,
                    format!(
                        "`{}` could be a field of more than one table",
                        self.typed(&field.name)
                    ),
                );
                self.pointing_at(error, &field.name)
                    .hint("write the table's name or alias before it")
            }
            other => QueryError::new(Code::Plan, other.to_string()),
        }
    }

    /// That there is no such field, with the nearest of those there are.
    pub fn unknown_field(&self, name: &str, in_scope: &[&str]) -> QueryError {
        let typed = self.typed(name);
        let error = QueryError::new(Code::UnknownField, format!("unknown field `{typed}`"));
        let fields = (self.fields)();
        let known = fields.iter().map(String::as_str);
        let hint = suggest::did_you_mean(typed, known.chain(in_scope.iter().copied()));
        let hint = hint.or_else(|| {
            let last = format!(".{}", typed.to_lowercase());
            let nested = fields.iter().find(|f| f.to_lowercase().ends_with(&last));
            nested.map(|field| format!("did you mean `{field}`?"))
        });
        let error = self.pointing_at(error, name);
        match hint {
            Some(hint) => error.hint(hint),
            None => error.hint("`tarn fields` lists the fields that there are"),
        }
    }

    fn plan_error(&self, reason: &str) -> QueryError {
        if let Some(name) = quoted_after(reason, "Invalid function '") {
            return self.unknown_function(name);
        }
        if let Some(name) = quoted_after(reason, "Field ")
            && reason.contains("not found in struct")
        {
            return self.unknown_field(name, &[]);
        }
        let is_type = ["coerce", "type", "Type"]
            .iter()
            .any(|word| reason.contains(word));
        let code = if is_type {
            Code::WrongType
        } else {
            self.code()
        };
        QueryError::new(code, first_line(reason))
    }

    /// That there is no such function, with the nearest of those there are.
    pub fn unknown_function(&self, name: &str) -> QueryError {
        let typed = self.typed(name);
        let error = QueryError::new(Code::UnknownFunction, format!("unknown function `{typed}`"));
        let error = self.pointing_at(error, name);
        match suggest::did_you_mean(typed, self.functions.iter().map(String::as_str)) {
            Some(hint) => error.hint(hint),
            None => error,
        }
    }

    /// sqlparser ends its messages with `at Line: 1, Column: 8`.
    fn parser_error(&self, reason: &str) -> QueryError {
        let reason = reason.strip_prefix("sql parser error: ").unwrap_or(reason);
        let (message, place) = match reason.rfind(" at Line: ") {
            Some(at) => (&reason[..at], &reason[at..]),
            None => (reason, ""),
        };
        let error = QueryError::new(Code::Syntax, message);
        let mut numbers = place
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|digits| digits.parse::<usize>().ok());
        match (numbers.next(), numbers.next()) {
            (Some(line), Some(column)) => error.at(span_of_line(self.text, line, column)),
            _ => error,
        }
    }

    fn pointing_at(&self, error: QueryError, name: &str) -> QueryError {
        match find_word(self.text, name) {
            Some(span) => error.at(span),
            None => error,
        }
    }

    /// The name in the spelling of the query.
    fn typed<'n>(&'n self, name: &'n str) -> &'n str {
        find_word(self.text, name).map_or(name, |span| span.of(self.text))
    }
}

/// `reason` names the operator that asked for more; the disk being full is told so too.
/// The failure of a file's reading or writing, if that is what an error is.
fn failed_io(error: &DataFusionError) -> Option<&io::Error> {
    match error.find_root() {
        DataFusionError::IoError(failed) => Some(failed),
        DataFusionError::ArrowError(inner, _) => match inner.as_ref() {
            ArrowError::IoError(_, failed) => Some(failed),
            _ => None,
        },
        _ => None,
    }
}

fn memory_exceeded(reason: &str) -> QueryError {
    let what = match reason.contains("disk space") {
        true => "the query needs more disk space for what does not fit in memory",
        false => "the query needs more memory than it may use",
    };
    QueryError::new(
        Code::MemoryExceeded,
        format!("{what} ({})", first_line(reason)),
    )
    .hint("raise --memory, ask for fewer columns or a shorter time, or group by fewer values")
}

/// Arrow names the kind of error before the reason.
fn plain_arrow(reason: &str) -> String {
    [
        "Cast error: ",
        "Compute error: ",
        "Parser error: ",
        "Invalid argument error: ",
        "Arithmetic overflow: ",
    ]
    .iter()
    .find_map(|kind| reason.strip_prefix(kind))
    .unwrap_or(reason)
    .to_owned()
}

/// The text between `prefix` and the next quote; a name without quotes ends at a blank.
fn quoted_after<'r>(reason: &'r str, prefix: &str) -> Option<&'r str> {
    let rest = &reason[reason.find(prefix)? + prefix.len()..];
    let end = match prefix.chars().last() {
        Some(quote @ ('\'' | '"')) => rest.find(quote)?,
        _ => rest.find(['\'', ' ', '"'])?,
    };
    Some(&rest[..end])
}

/// DataFusion adds a backtrace or an internal report below its first line.
fn first_line(reason: &str) -> String {
    let line = reason.lines().next().unwrap_or(reason);
    line.trim_end_matches('.').to_owned()
}

fn span_of_line(text: &str, line: usize, column: usize) -> Span {
    let mut line_start = 0;
    for _ in 1..line {
        match text[line_start..].find('\n') {
            Some(at) => line_start += at + 1,
            None => break,
        }
    }
    let rest = &text[line_start..];
    let in_line = rest
        .char_indices()
        .nth(column.saturating_sub(1))
        .map_or(rest.len(), |(at, _)| at);
    let start = line_start + in_line;
    let word = text[start..]
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(text.len() - start);
    Span::new(start, start + word.max(1).min(text.len() - start))
}

/// Where a name stands in a query as a word of its own, outside strings, in any case.
pub fn find_word(text: &str, name: &str) -> Option<Span> {
    if name.is_empty() {
        return None;
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '@';
    let mut in_string = false;
    for (at, c) in text.char_indices() {
        if c == '\'' {
            in_string = !in_string;
        }
        let Some(here) = text.get(at..at + name.len()) else {
            continue;
        };
        let starts = !text[..at].ends_with(is_word);
        let ends = !text[at + name.len()..].starts_with(is_word);
        if !in_string && starts && ends && here.eq_ignore_ascii_case(name) {
            return Some(Span::new(at, at + name.len()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use datafusion::common::Column;

    use super::*;

    fn context(text: &str) -> Context<'_> {
        static FUNCTIONS: LazyLock<Vec<String>> = LazyLock::new(|| vec!["count".into()]);
        Context {
            text,
            fields: &|| vec!["eventName".into(), "userIdentity.arn".into()],
            functions: &FUNCTIONS,
            spill_folder: Path::new("/data/tmp"),
            is_running: false,
        }
    }

    #[test]
    fn the_caret_stands_under_the_place() {
        let text = "SELECT\n\té, evntName\nFROM events";
        let span = find_word(text, "evntname").expect("there");
        let error = QueryError::new(Code::UnknownField, "unknown field `evntName`")
            .at(span)
            .hint("did you mean `eventName`?");
        assert_eq!(
            error.render(text),
            "unknown field `evntName`\n --> line 2, column 5\n  |\n2 |  é, evntName\n  |     ^~~~~~~~\n  = did you mean `eventName`?"
        );
        let beyond = QueryError::new(Code::Syntax, "more was expected").at(Span::new(999, 1000));
        assert!(beyond.render(text).contains("line 3, column 12"));
    }

    #[test]
    fn of_a_long_line_what_is_around_the_place_is_shown() {
        let text = format!("select {} x {}", "é,".repeat(5_000), "b,".repeat(5_000));
        let span = find_word(&text, "x").expect("there");
        let shown = QueryError::new(Code::Syntax, "odd").at(span).render(&text);
        let lines: Vec<&str> = shown.lines().collect();
        let at = |line: &str, what: char| line.chars().position(|c| c == what);
        assert_eq!(
            at(lines[3], 'x').map(|n| n - 1),
            at(lines[4], '^').map(|n| n - 1)
        );
        assert!(
            lines[3].starts_with("1 | …") && lines[3].ends_with('…'),
            "{shown}"
        );
        assert!(
            lines.iter().all(|line| line.chars().count() < 180),
            "{shown}"
        );
        let whole = QueryError::new(Code::Syntax, "odd").at(Span::new(0, text.len()));
        assert!(
            whole
                .render(&text)
                .lines()
                .all(|line| line.chars().count() < 180)
        );
    }

    #[test]
    fn a_full_spill_disk_is_told_with_its_folder() {
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let by_arrow = ArrowError::IoError("writing".into(), full());
        let errors = [
            DataFusionError::IoError(full()),
            DataFusionError::from(by_arrow).context("spilling"),
            DataFusionError::Shared(DataFusionError::IoError(full()).into()),
        ];
        for error in errors {
            let error = context("").translate(error);
            assert_eq!(error.code, Code::Execution);
            assert!(
                error.message.contains("/data/tmp: no storage space"),
                "{error}"
            );
            assert!(error.hint.is_some_and(|hint| hint.contains("make room")));
        }
    }

    #[test]
    fn unknown_names_are_found_and_suggested() {
        let text = "select 'evntname', EvntName from events";
        let missing = SchemaError::FieldNotFound {
            field: Box::new(Column::from_name("evntname")),
            valid_fields: Vec::new(),
        };
        let error = context(text).translate(DataFusionError::SchemaError(
            Box::new(missing),
            Box::new(None),
        ));
        assert_eq!(error.message, "unknown field `EvntName`");
        assert_eq!(error.span, Some(Span::new(19, 27)));
        assert_eq!(error.hint.as_deref(), Some("did you mean `eventName`?"));

        let nested = context("select ARN").unknown_field("arn", &[]);
        assert_eq!(
            nested.hint.as_deref(),
            Some("did you mean `userIdentity.arn`?")
        );

        let reason = "Invalid function 'cuont'.\nDid you mean 'x'?".to_owned();
        let error = context("select CUONT(*)").translate(DataFusionError::Plan(reason));
        assert_eq!(
            (error.code, error.message.as_str()),
            (Code::UnknownFunction, "unknown function `CUONT`")
        );
    }

    #[test]
    fn parser_errors_get_their_place() {
        let text = "select a\nfrom from x";
        let error = context(text).parser_error(
            "sql parser error: Expected: identifier, found: from at Line: 2, Column: 6",
        );
        assert_eq!(error.span, Some(Span::new(14, 18)));
        assert_eq!(error.message, "Expected: identifier, found: from");
    }

    #[test]
    fn own_errors_pass_through_datafusion() {
        let own = DataFusionError::External(Box::new(QueryError::cancelled()));
        let error = context("").translate(own.context("somewhere"));
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    }
}
