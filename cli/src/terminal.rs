//! What is known of the terminal, and everything that is said on stderr.
//!
//! Results go to stdout; notes, warnings, errors and progress go through here
//! to stderr. Whether colours are used is decided per stream: a piped stdout
//! stays plain while stderr is still a terminal.

use std::io::{self, IsTerminal, Write};

use anstyle::{AnsiColor, Style};

use crate::args::ColorWhen;

pub const BOLD: Style = Style::new().bold();
pub const DIM: Style = Style::new().dimmed();
pub const DENIED: Style = AnsiColor::Red.on_default();
const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();

/// One output stream.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    pub is_terminal: bool,
    pub colours: bool,
}

impl Stream {
    /// The text in a style, where the stream takes colours.
    pub fn paint(&self, style: Style, text: &str) -> String {
        match self.colours {
            true => format!("{style}{text}{style:#}"),
            false => text.to_owned(),
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    pub stdin_is_terminal: bool,
    pub stdout: Stream,
    pub stderr: Stream,
    /// Columns of the terminal; none where stdout is not one.
    pub width: Option<usize>,
    pub quiet: bool,
}

impl Terminal {
    pub fn detect(when: ColorWhen, quiet: bool) -> Self {
        let variable = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let plain =
            variable("NO_COLOR") || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let stream = |is_terminal: bool| Stream {
            is_terminal,
            colours: match when {
                ColorWhen::Always => true,
                ColorWhen::Never => false,
                ColorWhen::Auto => is_terminal && !plain,
            },
        };
        let stdout = stream(io::stdout().is_terminal());
        let width =
            terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
        Self {
            stdin_is_terminal: io::stdin().is_terminal(),
            stdout,
            stderr: stream(io::stderr().is_terminal()),
            width: width.filter(|_| stdout.is_terminal),
            quiet,
        }
    }

    /// No terminal anywhere, and nothing to say.
    #[cfg(test)]
    pub fn silent() -> Self {
        let stream = Stream {
            is_terminal: false,
            colours: false,
        };
        Self {
            stdin_is_terminal: false,
            stdout: stream,
            stderr: stream,
            width: None,
            quiet: true,
        }
    }

    /// Says what the user may want to know. Silent with `--quiet`.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            self.say(&self.stderr.paint(DIM, text));
        }
    }

    pub fn warn(&self, text: &str) {
        self.say(&format!(
            "{} {text}",
            self.stderr.paint(WARNING, "warning:")
        ));
    }

    pub fn error(&self, text: &str) {
        self.say(&format!("{} {text}", self.stderr.paint(ERROR, "error:")));
    }

    /// Asks a question that only `yes` answers; no terminal means no.
    pub fn confirm(&self, question: &str) -> io::Result<bool> {
        if !self.stdin_is_terminal || !self.stderr.is_terminal {
            return Ok(false);
        }
        let mut stderr = io::stderr().lock();
        write!(stderr, "{question} Type `yes` to go on: ")?;
        stderr.flush()?;
        drop(stderr);
        let mut answer = String::new();
        io::stdin().read_line(&mut answer)?;
        Ok(answer.trim().eq_ignore_ascii_case("yes"))
    }

    fn say(&self, text: &str) {
        // A closed stderr leaves nobody to tell.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}
