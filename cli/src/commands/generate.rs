//! `tarn generate`: sample logs, and what is hidden in them.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;
use serde_json::json;

use crate::args::GenerateArgs;
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::generate::{self, GenerateError, GenerateOptions, GenerateProgress, GenerateSummary};
use crate::progress::{Position, Progress};
use crate::sizes::{Bytes, count, counted, duration};

pub fn run(context: &Context, args: &GenerateArgs) -> anyhow::Result<Exit> {
    let options = GenerateOptions {
        seed: args.seed,
        accounts: args.accounts,
        events_per_file: args.events_per_file,
        end: args.end,
        days: args.days,
        ..GenerateOptions::new(args.events, args.out.clone())
    };
    let told = generated(context, options)?;
    writeln!(io::stdout().lock(), "{}", told.text)?;
    if let Some(path) = &args.answers {
        write_answers(path, &told.summary)?;
    }
    context
        .terminal
        .note(&format!("next: tarn import {}", shell_word(&args.out)));
    Ok(Exit::Done)
}

/// What is hidden, as JSON.
fn write_answers(path: &Path, summary: &GenerateSummary) -> anyhow::Result<()> {
    let answers = json!({"incident": summary.incident, "events": summary.hidden});
    let text = serde_json::to_string_pretty(&answers)?;
    fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}

/// What was generated, and the sentence about it.
pub struct Generated {
    pub summary: GenerateSummary,
    pub text: String,
}

/// Generates with progress, on the threads of the command line.
pub fn generated(context: &Context, options: GenerateOptions) -> anyhow::Result<Generated> {
    let options = GenerateOptions {
        threads: context.threads,
        ..options
    };
    let progress = Mutex::new(Progress::new(context.terminal));
    let show = |at: GenerateProgress| {
        let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.show(|_| position(&at));
    };
    let result = generate::generate(&options, &show);
    let time = progress
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .finish();
    let summary = result.map_err(|error| match error {
        GenerateError::OutOfRange { .. } | GenerateError::Exists { .. } => {
            exit::usage(error.to_string())
        }
        error => error.into(),
    })?;
    let text = format!(
        "{} and {} of {} in {} ({}) written in {}",
        counted(summary.events, "event"),
        counted(summary.duplicates, "duplicate"),
        counted(summary.accounts.len() as u64, "account"),
        counted(summary.files, "file"),
        Bytes(summary.gzip_bytes),
        duration(time),
    );
    Ok(Generated { summary, text })
}

fn position(at: &GenerateProgress) -> Position {
    Position {
        done: at.events,
        total: Some(at.events_total),
        facts: vec![
            format!("{}/{} events", count(at.events), count(at.events_total)),
            counted(at.files, "file"),
            Bytes(at.gzip_bytes).to_string(),
        ],
    }
}

/// A path as a shell takes it.
pub fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = text
        .chars()
        .all(|c| c.is_alphanumeric() || "/._-+=:@%,~".contains(c));
    match is_plain && !text.is_empty() {
        true => text,
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_blanks_is_quoted_for_the_shell() {
        assert_eq!(shell_word(Path::new("/a/b-c.d")), "/a/b-c.d");
        assert_eq!(shell_word(Path::new("it's here")), "'it'\\''s here'");
    }
}
