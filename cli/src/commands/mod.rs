//! One file per command; each has a `run` that returns how it ended.

mod accounts;
mod check;
mod completions;
mod coverage;
mod demo;
mod events;
pub mod fields;
mod generate;
mod import;
mod imports;
mod query;
mod reindex;
mod saved;
mod search;
mod serve;
mod session;
pub mod stores;

use crate::args::Command;
use crate::context::Context;
use crate::exit::{self, Exit};

pub fn run(context: &Context, command: &Command) -> anyhow::Result<Exit> {
    let local;
    let mut context = context;
    if let Some(why) = needs_directory(command) {
        if context.server_is_given {
            return Err(exit::usage(format!("{why}; leave --server out")));
        }
        local = context.with_data(context.data.clone());
        context = &local;
    }
    match command {
        Command::Import(args) => import::run(context, args),
        Command::Query(args) => query::run(context, args),
        Command::Search(args) => search::run(context, args),
        Command::Events(command) => events::run(context, command),
        Command::Fields(args) => fields::run(context, args),
        Command::Coverage(args) => coverage::run(context, args),
        Command::Session(args) => session::run(context, args),
        Command::Stores(command) => stores::run(context, command),
        Command::Saved(command) => saved::run(context, command),
        Command::Accounts(command) => accounts::run(context, command),
        Command::Imports(command) => imports::run(context, command),
        Command::Serve(args) => serve::run(context, args),
        Command::Check(args) => check::run(context, args),
        Command::Reindex(args) => reindex::run(context, args),
        Command::Generate(args) => generate::run(context, args),
        Command::Demo(args) => demo::run(context, args),
        Command::Completions(args) => completions::run(args),
    }
}

/// Why a command cannot be done by a server, where it cannot.
fn needs_directory(command: &Command) -> Option<&'static str> {
    match command {
        Command::Serve(_) => Some("serve is what answers as a server, for a data directory"),
        Command::Check(_) => Some("check reads the files of a data directory"),
        Command::Reindex(_) => Some("reindex rebuilds the files of a data directory"),
        Command::Generate(_) => Some("generate writes files and asks nobody"),
        Command::Demo(_) => Some("demo has a data directory of its own"),
        Command::Completions(_) => Some("completions are the same everywhere"),
        _ => None,
    }
}
