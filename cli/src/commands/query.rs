//! `tarn query`: one question, from the command line, a file, stdin or the shell.

use std::fs;
use std::io::{self, Read};

use anyhow::Context as _;

use crate::args::QueryArgs;
use crate::ask::{Asker, Question, untyped};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::shell;

pub fn run(context: &Context, args: &QueryArgs) -> anyhow::Result<Exit> {
    let text = match (&args.text, &args.file) {
        (Some(text), _) => text.clone(),
        (None, Some(file)) => {
            fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?
        }
        (None, None) if context.terminal.stdin_is_terminal && args.follow => {
            return Err(exit::usage("--follow needs a query"));
        }
        (None, None) if context.terminal.stdin_is_terminal => return shell::run(context, args),
        (None, None) => {
            let mut text = String::new();
            io::stdin()
                .read_to_string(&mut text)
                .context("cannot read the query from stdin")?;
            text
        }
    };
    if text.trim().is_empty() {
        return Err(exit::usage("the query is empty"));
    }
    let language = args.lang.into();
    let question = Question {
        text: &text,
        language,
        parameters: &untyped(&args.param),
        given: &args.param,
        saved_as: None,
        run: &args.run,
    };
    let (asker, cancel) = (Asker::open(context)?, context.interrupts.cancel());
    match args.follow {
        true => asker.follow(&question, &cancel),
        false => asker.answer(&question, &cancel),
    }
}
