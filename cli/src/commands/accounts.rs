//! `tarn accounts`: what accounts are called, and where in the organization they are.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context as _;
use serde_json::json;
use tarn_server::client::Method;
use tarn_server::wire::{Account, AccountCount, ListedAccount};
use tarn_store::accounts;

use crate::args::{AccountsCommand, AccountsListArgs, AccountsLoadArgs};
use crate::ask::Asker;
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::listing::Listing;
use crate::sizes::counted;

pub fn run(context: &Context, command: &AccountsCommand) -> anyhow::Result<Exit> {
    match command {
        AccountsCommand::List(args) => list(context, args),
        AccountsCommand::Load(args) => load(context, args),
    }
}

fn list(context: &Context, args: &AccountsListArgs) -> anyhow::Result<Exit> {
    let store = args.store.clone();
    let asked = context.ask(move |client| client.get(&["v1", "accounts"], &[("store", &store)]));
    let listed: Vec<ListedAccount> = match asked {
        Some(listed) => listed?,
        None => {
            let cancel = context.interrupts.cancel();
            let listed = Asker::open(context)?.accounts(&args.store, &cancel)?;
            listed.into_iter().map(ListedAccount::of).collect()
        }
    };
    print(context, &listed, args)
}

fn print(
    context: &Context,
    accounts: &[ListedAccount],
    args: &AccountsListArgs,
) -> anyhow::Result<Exit> {
    let mut listing = Listing::new(&["id", "name", "ou", "status", "events", "first", "last"]);
    for account in accounts {
        listing.push(vec![
            json!(account.id),
            json!(account.name),
            json!(account.ou),
            json!(account.status),
            json!(account.events),
            json!(account.first),
            json!(account.last),
        ]);
    }
    listing.write(
        &mut io::stdout().lock(),
        args.listing.output,
        &context.terminal,
    )?;
    Ok(Exit::Done)
}

fn load(context: &Context, args: &AccountsLoadArgs) -> anyhow::Result<Exit> {
    let (name, bytes) = contents(&args.file)?;
    let accounts = accounts::read(&bytes).map_err(|error| {
        // Rows that are wrong stand on lines of their own.
        let lines = error.to_string();
        let lines: Vec<String> = lines
            .lines()
            .map(|line| format!("{name}: {line}"))
            .collect();
        exit::usage(lines.join("\n"))
    })?;
    let n_accounts = accounts.len() as u64;
    let body: Vec<Account> = accounts.iter().cloned().map(Account::from).collect();
    let put = context.ask(move |client| {
        client.send::<AccountCount>(Method::PUT, &["v1", "accounts"], Some(&body))
    });
    match put {
        Some(put) => drop(put?),
        None => {
            let session = context.session()?;
            let put = session.put_accounts(accounts);
            put.map_err(|error| context.session_error(error))?;
            session.close().context("closing the data directory")?;
        }
    }
    let counted = counted(n_accounts, "account");
    context.terminal.note(&format!("{counted} in the list now"));
    Ok(Exit::Done)
}

/// A file, or stdin for `-`, with the name that it has in errors. No more is read than is
/// taken.
fn contents(path: &Path) -> anyhow::Result<(String, Vec<u8>)> {
    let is_stdin = path.as_os_str() == "-";
    let name = match is_stdin {
        true => "stdin".to_owned(),
        false => path.display().to_string(),
    };
    let cannot_read = || format!("cannot read {name}");
    let from: Box<dyn Read> = match is_stdin {
        true => Box::new(io::stdin().lock()),
        false => Box::new(File::open(path).with_context(cannot_read)?),
    };
    let mut bytes = Vec::new();
    let mut from = from.take(accounts::FILE_BYTES_MAX + 1);
    from.read_to_end(&mut bytes).with_context(cannot_read)?;
    Ok((name, bytes))
}
