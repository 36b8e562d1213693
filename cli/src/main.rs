//! The `tarn` command: parses, runs, and turns the outcome into an exit code.

mod access_log;
mod args;
mod ask;
mod commands;
mod context;
mod examples;
mod exit;
mod generate;
mod interrupt;
mod listing;
mod places;
mod pretty;
mod progress;
mod shell;
mod sizes;
mod summary;
mod terminal;
mod times;

use std::process::ExitCode;

use clap::parser::ValueSource;
use clap::{CommandFactory as _, FromArgMatches as _};
use tarn_server::ACCESS_LOG_TARGET;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::access_log::AccessLog;
use crate::args::{Cli, Command};
use crate::context::Context;
use crate::terminal::Terminal;

// Imports and queries allocate from many threads at once, and RocksDB beside
// them; the system's allocator keeps much more of what was freed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let data_is_given = matches.value_source("data") == Some(ValueSource::CommandLine);
    let terminal = Terminal::detect(cli.global.color, cli.global.quiet);
    let is_logged = matches!(&cli.command, Command::Serve(serve) if serve.access_log);
    log_to_stderr(cli.global.verbose, is_logged);
    let context = Context::new(&cli.global, data_is_given, terminal);
    let result = context.and_then(|context| commands::run(&context, &cli.command));
    exit::decide(result, &terminal).into()
}

/// `-v` shows what the libraries note, `-vv` what they trace; `TARN_LOG` takes
/// a filter (`tarn_store=debug`) instead. Requests are logged beside it.
fn log_to_stderr(verbose: u8, requests: bool) {
    let level = match verbose {
        0 => "warn",
        1 => "info",
        _ => "debug",
    };
    let ours = || {
        EnvFilter::new(format!(
            "warn,tarn_store={level},tarn_query={level},tarn_server={level},tarn={level}"
        ))
    };
    let filter = EnvFilter::try_from_env("TARN_LOG").unwrap_or_else(|_| ours());
    let said = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .with_filter(filter)
        // They have a form of their own, and are told where they are asked for.
        .with_filter(filter_fn(|event| event.target() != ACCESS_LOG_TARGET));
    let requests = requests.then(|| AccessLog.with_filter(AccessLog::filter()));
    tracing_subscriber::registry()
        .with(said)
        .with(requests)
        .init();
}
