//! The `tarn` command: parses, runs, and turns the outcome into an exit code.

mod args;
mod ask;
mod commands;
mod context;
mod examples;
mod exit;
mod generate;
mod interrupt;
mod listing;
mod log_path;
mod places;
mod pretty;
mod progress;
mod shell;
mod sizes;
mod summary;
mod terminal;
mod times;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

use crate::args::Cli;
use crate::context::Context;
use crate::terminal::Terminal;

// Imports and queries allocate from many threads at once, and RocksDB beside
// them; the system's allocator keeps much more of what was freed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let terminal = Terminal::detect(cli.global.color, cli.global.quiet);
    log_to_stderr(cli.global.verbose);
    let context = Context::new(&cli.global, terminal);
    let result = context.and_then(|context| commands::run(&context, &cli.command));
    exit::decide(result, &terminal).into()
}

/// `-v` shows what the libraries note, `-vv` what they trace; `TARN_LOG` takes
/// a filter (`tarn_store=debug`) instead.
fn log_to_stderr(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let ours = || {
        EnvFilter::new(format!(
            "warn,tarn_store={level},tarn_query={level},tarn={level}"
        ))
    };
    let filter = EnvFilter::try_from_env("TARN_LOG").unwrap_or_else(|_| ours());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .init();
}
