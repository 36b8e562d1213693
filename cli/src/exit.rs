//! Exit codes, decided here and nowhere else.
//!
//! A command returns an [`Exit`] or an error. Most errors mean "failed"; the
//! few that mean something else carry it as a [`Failure`]. A closed pipe
//! (`tarn query … | head -1`) is the reader's decision and no failure: it ends
//! quietly.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;

use tarn_query::{Code, ErrorKind, QueryError};
use tarn_server::client::ClientError;
use tarn_server::wire::QueryFailure;

use crate::terminal::Terminal;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done,
    Failed,
    /// Wrong usage, or a query that does not compile.
    Usage,
    /// Done, but `-e` was given and there was nothing.
    NoRows,
    Interrupted,
}

impl Exit {
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NoRows => 4,
            Self::Interrupted => 130,
        }
    }

    /// What a query that did not run to its end means.
    fn of_query(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Usage => Self::Usage,
            ErrorKind::Cancelled => Self::Interrupted,
            _ => Self::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An error that knows its exit code. An empty message has been told already.
#[derive(Debug)]
pub struct Failure {
    pub exit: Exit,
    pub message: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

/// The user asked for something that cannot be: exit 2.
pub fn usage(message: impl Into<String>) -> anyhow::Error {
    let message = message.into();
    Failure {
        exit: Exit::Usage,
        message,
    }
    .into()
}

pub fn interrupted() -> anyhow::Error {
    let message = "interrupted".to_owned();
    Failure {
        exit: Exit::Interrupted,
        message,
    }
    .into()
}

/// The error of a query, with its place in the query's text.
pub fn query(error: &QueryError, text: &str) -> anyhow::Error {
    let exit = Exit::of_query(error.kind());
    let message = error.render(text);
    Failure { exit, message }.into()
}

/// An error of a server: that of a query with its place in the query's text, any other as
/// the same command says it of a directory.
pub fn server(error: ClientError, text: &str) -> anyhow::Error {
    let ClientError::Problem(problem) = error else {
        return error.into();
    };
    let kind = problem.kind.strip_prefix("urn:tarn:problem:");
    if let Some(code) = kind.filter(|kind| Code::of_name(kind).is_some()) {
        let failure = QueryFailure {
            code: code.to_owned(),
            message: problem.detail,
            hint: problem.hint,
            position: problem.position,
        };
        return failed_query(failure, text);
    }
    if problem.is("no-such-session") {
        let hint = problem.hint.unwrap_or_default();
        return anyhow::anyhow!("{}; {hint}", problem.detail);
    }
    let message = match problem.hint {
        Some(hint) => format!("{}\n= {hint}", problem.detail),
        None => problem.detail,
    };
    let exit = match problem.status {
        400 | 404 | 409 | 422 => Exit::Usage,
        _ => Exit::Failed,
    };
    Failure { exit, message }.into()
}

/// A query that failed on a server, as it fails in a directory.
pub fn failed_query(failure: QueryFailure, text: &str) -> anyhow::Error {
    let code = Code::of_name(&failure.code).unwrap_or(Code::Internal);
    let error = QueryError {
        span: failure.position.map(|at| at.span(text)),
        hint: failure.hint,
        ..QueryError::new(code, failure.message)
    };
    query(&error, text)
}

/// The exit of a finished command, its error told on stderr.
pub fn decide(result: anyhow::Result<Exit>, terminal: &Terminal) -> Exit {
    let error = match result {
        Ok(exit) => return exit,
        Err(error) => error,
    };
    if is_closed_pipe(&error) {
        return Exit::Done;
    }
    let failure = error.downcast_ref::<Failure>();
    if failure.is_none_or(|f| !f.message.is_empty()) {
        terminal.error(&describe(&error));
    }
    failure.map_or(Exit::Failed, |f| f.exit)
}

/// The error and its causes in one line, a cause that the error already quotes left out.
fn describe(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io_error = cause.downcast_ref::<io::Error>();
        io_error.is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_closed_pipe_is_quiet_however_deep() {
        let closed = io::Error::from(io::ErrorKind::BrokenPipe);
        let error = Err::<Exit, _>(closed).context("writing results");
        assert_eq!(decide(error, &Terminal::silent()), Exit::Done);
    }

    #[test]
    fn only_a_failure_says_more_than_failed() {
        let silent = Terminal::silent();
        assert_eq!(decide(Err(usage("no")), &silent), Exit::Usage);
        assert_eq!(
            decide(Err(interrupted().context("import")), &silent),
            Exit::Interrupted
        );
        assert_eq!(decide(Err(anyhow::anyhow!("disk")), &silent), Exit::Failed);
    }

    #[test]
    fn causes_are_told_once() {
        let error = anyhow::anyhow!("no space left")
            .context("cannot write x: no space left")
            .context("import");
        assert_eq!(describe(&error), "import: cannot write x: no space left");
    }
}
