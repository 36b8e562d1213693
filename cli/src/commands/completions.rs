//! `tarn completions`: what a shell needs to complete Tarn's command line.

use std::io::{self, Write};

use clap::CommandFactory;

use crate::args::{Cli, CompletionsArgs};
use crate::exit::Exit;

pub fn run(args: &CompletionsArgs) -> anyhow::Result<Exit> {
    // Written whole: the generator itself panics on a closed pipe.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tarn", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(Exit::Done)
}
