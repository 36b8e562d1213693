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
mod stores;

use crate::args::Command;
use crate::context::Context;
use crate::exit::Exit;

pub fn run(context: &Context, command: &Command) -> anyhow::Result<Exit> {
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
