//! `tarn stores`: event data stores listed, shown, made, changed, deleted.

use std::fs;
use std::io;

use anyhow::Context as _;
use serde_json::{Value, json};
use tarn_store::data_store::{EventDataStore, RESTORE_DAYS, StoreStatus};
use tarn_store::import::select::AdvancedEventSelector;
use tarn_store::manage::{NewStore, StoreUpdate};
use tarn_store::owner::{Session, SessionError};

use crate::args::{
    ListingArgs, ListingFormat, Retention, StoreCreateArgs, StoreDeleteArgs, StoreRestoreArgs,
    StoreShowArgs, StoreUpdateArgs, StoresCommand,
};
use crate::context::Context;
use crate::exit::{self, Exit};
use crate::listing::Listing;
use crate::sizes::counted;
use crate::times::iso;

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

fn list(context: &Context, args: &ListingArgs) -> anyhow::Result<Exit> {
    let snapshot = context.snapshot()?;
    let mut listing = Listing::new(&[
        "name",
        "events",
        "retentionDays",
        "selectors",
        "status",
        "created",
        "uuid",
    ]);
    for store in snapshot.stores() {
        listing.push(vec![
            json!(store.name),
            json!(snapshot.event_count(store.id)),
            json!(store.retention_days),
            json!(store.selectors.len()),
            json!(status(store)),
            json!(iso(store.created_ms)),
            json!(store.uuid),
        ]);
    }
    listing.write(&mut io::stdout().lock(), args.output, &context.terminal)?;
    Ok(Exit::Done)
}

fn show(context: &Context, args: &StoreShowArgs) -> anyhow::Result<Exit> {
    let snapshot = context.snapshot()?;
    let store = context.find_store(&snapshot, &args.store)?;
    print(
        context,
        store,
        snapshot.event_count(store.id),
        &args.listing,
    )
}

fn create(context: &Context, args: &StoreCreateArgs) -> anyhow::Result<Exit> {
    let new = NewStore {
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
    changed(context, |session| session.create_store(new))
}

fn update(context: &Context, args: &StoreUpdateArgs) -> anyhow::Result<Exit> {
    let update = StoreUpdate {
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
    if update == StoreUpdate::default() {
        return Err(exit::usage(
            "nothing to change is named; see tarn stores update --help",
        ));
    }
    let snapshot = context.snapshot()?;
    let store = context.find_store(&snapshot, &args.store)?;
    if let Some(Some(days)) = update.retention_days
        && store.retention_days.is_none_or(|before| days < before)
    {
        let events = counted(snapshot.event_count(store.id), "event");
        let question = format!(
            "Of the {events} in `{}` those older than {} will be deleted for good.",
            store.name,
            counted(u64::from(days), "day")
        );
        context.confirm(&question, args.yes)?;
    }
    changed(context, |session| session.update_store(&args.store, update))
}

fn delete(context: &Context, args: &StoreDeleteArgs) -> anyhow::Result<Exit> {
    let snapshot = context.snapshot()?;
    let store = context.find_store(&snapshot, &args.store)?;
    let events = counted(snapshot.event_count(store.id), "event");
    context.confirm(
        &format!("`{}` with {events} will be deleted.", store.name),
        args.yes,
    )?;
    let exit = changed(context, |session| session.delete_store(&args.store))?;
    context.terminal.note(&format!(
        "`tarn stores restore {}` brings it back for {RESTORE_DAYS} days",
        store.name
    ));
    Ok(exit)
}

fn restore(context: &Context, args: &StoreRestoreArgs) -> anyhow::Result<Exit> {
    changed(context, |session| session.restore_store(&args.store))
}

fn changed(
    context: &Context,
    change: impl FnOnce(&Session) -> Result<EventDataStore, SessionError>,
) -> anyhow::Result<Exit> {
    let session = context.session()?;
    let store = change(&session).map_err(|error| context.session_error(error))?;
    session.close()?;
    let events = context.snapshot()?.event_count(store.id);
    print(context, &store, events, &ListingArgs { output: None })
}

/// One store with all that is known of it, a line each for people.
fn print(
    context: &Context,
    store: &EventDataStore,
    events: u64,
    args: &ListingArgs,
) -> anyhow::Result<Exit> {
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
        json!(store.arn()),
        json!(status(store)),
        json!(events),
        json!(store.retention_days),
        json!(store.termination_protection),
        serde_json::to_value(&store.selectors)?,
        json!(iso(store.created_ms)),
        json!(iso(store.updated_ms)),
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

fn status(store: &EventDataStore) -> &'static str {
    match store.status {
        StoreStatus::Enabled => "ENABLED",
        StoreStatus::PendingDeletion { .. } | StoreStatus::Purging => "PENDING_DELETION",
    }
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
