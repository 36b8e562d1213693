//! `tarn stores`: event data stores listed, shown, made, changed, deleted.

use std::fs;
use std::io;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::{Value, json};
use tarn_server::client::Method;
use tarn_server::wire::{self, Store};
use tarn_store::data_store::{EventDataStore, RESTORE_DAYS};
use tarn_store::import::select::AdvancedEventSelector;
use tarn_store::owner::{Session, SessionError};

use crate::args::{
    ListingArgs, ListingFormat, Retention, StoreCreateArgs, StoreDeleteArgs, StoreRestoreArgs,
    StoreShowArgs, StoreUpdateArgs, StoresCommand,
};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::listing::Listing;
use crate::sizes::counted;

pub fn run(context: &Context, command: &StoresCommand) -> anyhow::Result<Exit> {
    match command {
        StoresCommand::List(args) => list(context, args),
        StoresCommand::Show(args) => show(context, args),
        StoresCommand::Create(args) => create(context, args),
        StoresCommand::Update(args) => update(context, args),
        StoresCommand::Delete(args) => delete(context, args),
        StoresCommand::Restore(args) => restore(context, args),
    }
}

/// Every store.
pub fn all(context: &Context) -> anyhow::Result<Vec<Store>> {
    match context.ask(|client| client.get(&["v1", "stores"], &[])) {
        Some(stores) => stores,
        None => Ok(Store::list(context.snapshot()?.as_ref())),
    }
}

fn list(context: &Context, args: &ListingArgs) -> anyhow::Result<Exit> {
    let mut listing = Listing::new(&[
        "name",
        "events",
        "retentionDays",
        "selectors",
        "status",
        "created",
        "uuid",
    ]);
    for store in all(context)? {
        listing.push(vec![
            json!(store.name),
            json!(store.events),
            json!(store.retention_days),
            json!(store.selectors.len()),
            json!(store.status),
            json!(store.created),
            json!(store.uuid),
        ]);
    }
    listing.write(&mut io::stdout().lock(), args.output, &context.terminal)?;
    Ok(Exit::Done)
}

fn show(context: &Context, args: &StoreShowArgs) -> anyhow::Result<Exit> {
    print(context, &find(context, &args.store)?, &args.listing)
}

/// The store that a name, UUID or ARN means.
fn find(context: &Context, reference: &str) -> anyhow::Result<Store> {
    let asked = reference.to_owned();
    if let Some(store) = context.ask(move |client| client.get(&["v1", "stores", &asked], &[])) {
        return store;
    }
    let snapshot = context.snapshot()?;
    let store = context.find_store(&snapshot, reference)?;
    Ok(Store::of(store, snapshot.event_count(store.id)))
}

fn create(context: &Context, args: &StoreCreateArgs) -> anyhow::Result<Exit> {
    let new = wire::NewStore {
        name: args.name.clone(),
        retention_days: args.retention,
        selectors: args
            .selectors
            .as_deref()
            .map(selectors)
            .transpose()?
            .unwrap_or_default(),
        termination_protection: args.termination_protection,
    };
    let stores = ["v1", "stores"].map(str::to_owned);
    let sent = new.clone();
    changed(
        context,
        Method::POST,
        stores.into(),
        Some(sent),
        |session| session.create_store(new.into()),
    )
}

fn update(context: &Context, args: &StoreUpdateArgs) -> anyhow::Result<Exit> {
    let update = wire::StoreUpdate {
        name: args.name.clone(),
        retention_days: args.retention.map(|retention| match retention {
            Retention::Days(days) => Some(days),
            Retention::Never => None,
        }),
        selectors: args.selectors.as_deref().map(selectors).transpose()?,
        termination_protection: match (args.termination_protection, args.no_termination_protection)
        {
            (true, _) => Some(true),
            (false, true) => Some(false),
            (false, false) => None,
        },
    };
    if update == wire::StoreUpdate::default() {
        return Err(exit::usage(
            "nothing to change is named; see tarn stores update --help",
        ));
    }
    let store = find(context, &args.store)?;
    if let Some(Some(days)) = update.retention_days
        && store.retention_days.is_none_or(|before| days < before)
    {
        let events = counted(store.events, "event");
        let question = format!(
            "Of the {events} in `{}` those older than {} will be deleted for good.",
            store.name,
            counted(u64::from(days), "day")
        );
        context.confirm(&question, args.yes)?;
    }
    let sent = update.clone();
    changed(
        context,
        Method::PATCH,
        path_of(&args.store),
        Some(sent),
        |session| session.update_store(&args.store, update.into()),
    )
}

fn delete(context: &Context, args: &StoreDeleteArgs) -> anyhow::Result<Exit> {
    let store = find(context, &args.store)?;
    let events = counted(store.events, "event");
    context.confirm(
        &format!("`{}` with {events} will be deleted.", store.name),
        args.yes,
    )?;
    let exit = changed(
        context,
        Method::DELETE,
        path_of(&args.store),
        None::<()>,
        |session| session.delete_store(&args.store),
    )?;
    context.terminal.note(&format!(
        "`tarn stores restore {}` brings it back for {RESTORE_DAYS} days",
        store.name
    ));
    Ok(exit)
}

fn restore(context: &Context, args: &StoreRestoreArgs) -> anyhow::Result<Exit> {
    let mut path = path_of(&args.store);
    path.push("restore".to_owned());
    changed(context, Method::POST, path, None::<()>, |session| {
        session.restore_store(&args.store)
    })
}

/// Where a server has a store.
fn path_of(reference: &str) -> Vec<String> {
    ["v1", "stores", reference].map(str::to_owned).into()
}

/// Changes a store, by the server's route or in the directory, and shows it.
fn changed(
    context: &Context,
    method: Method,
    path: Vec<String>,
    body: Option<impl Serialize + Send + 'static>,
    change: impl FnOnce(&Session) -> Result<EventDataStore, SessionError>,
) -> anyhow::Result<Exit> {
    let sent = context.ask(move |client| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        client.send(method, &path, body.as_ref())
    });
    let store = match sent {
        Some(store) => store?,
        None => {
            let session = context.session()?;
            let store = change(&session).map_err(|error| context.session_error(error))?;
            session.close()?;
            Store::of(&store, context.snapshot()?.event_count(store.id))
        }
    };
    print(context, &store, &ListingArgs { output: None })
}

/// One store with all that is known of it, a line each for people.
fn print(context: &Context, store: &Store, args: &ListingArgs) -> anyhow::Result<Exit> {
    let mut listing = Listing::new(&[
        "name",
        "uuid",
        "arn",
        "status",
        "events",
        "retentionDays",
        "terminationProtection",
        "selectors",
        "created",
        "updated",
    ]);
    listing.push(vec![
        json!(store.name),
        json!(store.uuid),
        json!(store.arn),
        json!(store.status),
        json!(store.events),
        json!(store.retention_days),
        json!(store.termination_protection),
        serde_json::to_value(&store.selectors)?,
        json!(store.created),
        json!(store.updated),
    ]);
    let on_terminal = context
        .terminal
        .stdout
        .is_terminal
        .then_some(ListingFormat::Line);
    listing.write(
        &mut io::stdout().lock(),
        args.output.or(on_terminal),
        &context.terminal,
    )?;
    Ok(Exit::Done)
}

/// Advanced event selectors from the command line: JSON, or `@FILE`. The list
/// stands alone or, as the AWS tools print it, under its name.
fn selectors(text: &str) -> anyhow::Result<Vec<AdvancedEventSelector>> {
    let json = match text.strip_prefix('@') {
        Some(path) => fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?,
        None => text.to_owned(),
    };
    let wrong = |error: serde_json::Error| exit::usage(format!("--selectors: {error}"));
    let mut value: Value = serde_json::from_str(&json).map_err(wrong)?;
    if let Some(list) = value.get_mut("AdvancedEventSelectors") {
        value = list.take();
    }
    serde_json::from_value(value).map_err(wrong)
}
