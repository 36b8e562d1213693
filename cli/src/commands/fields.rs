//! `tarn fields`: what can be asked of the events that are there.

use std::io;
use std::sync::Arc;

use serde_json::{Value, json};
use tarn_query::Language;
use tarn_query::accounts::ACCOUNT_NAME;
use tarn_query::search::{FieldRef, Segment};
use tarn_store::fields::{self, FIELDS, FieldType};
use tarn_store::path::{FieldPath, Step};
use tarn_store::{ObservedField, Snapshot};

use crate::args::{FieldsArgs, ListingArgs, RunArgs};
use crate::ask::{Asker, Question};
use crate::context::Context;
use crate::exit::Exit;
use crate::listing::Listing;

pub fn run(context: &Context, args: &FieldsArgs) -> anyhow::Result<Exit> {
    match args.values {
        None => list(
            context,
            &args.store,
            &args.account,
            args.pattern.as_deref(),
            &args.listing,
        )?,
        Some(n) => values(context, args, usize::from(n))?,
    }
    Ok(Exit::Done)
}

/// The list in the form that fits where stdout goes, for the shell.
pub fn print(
    context: &Context,
    store: &str,
    accounts: &[String],
    pattern: Option<&str>,
) -> anyhow::Result<()> {
    list(
        context,
        store,
        accounts,
        pattern,
        &ListingArgs { output: None },
    )
}

/// The names of all fields that occur or are documented.
pub fn names(
    context: &Context,
    snapshot: &Arc<Snapshot>,
    store: &str,
    accounts: &[String],
) -> anyhow::Result<Vec<String>> {
    let mut names: Vec<String> = FIELDS.iter().map(|field| field.path.to_owned()).collect();
    names.push(ACCOUNT_NAME.to_owned());
    if let Some(store) = snapshot.find_store(store) {
        let observed = snapshot.observed_fields(store.id, &context.scope(snapshot, accounts)?)?;
        names.extend(observed.iter().map(|field| typed(&field.path)));
    }
    names.sort();
    names.dedup();
    Ok(names)
}

fn list(
    context: &Context,
    store: &str,
    accounts: &[String],
    pattern: Option<&str>,
    args: &ListingArgs,
) -> anyhow::Result<()> {
    let (fields, events) = observed(context, store, accounts, pattern)?;
    let mut listing = Listing::new(&["name", "type", "events", "share"]);
    for Observed { name, field } in fields {
        let share = field.events as f64 / events.max(1) as f64;
        listing.push(vec![
            json!(name),
            json!(type_name(&field)),
            json!(field.events),
            json!((share * 10_000.0).round() / 10_000.0),
        ]);
    }
    Ok(listing.write(&mut io::stdout().lock(), args.output, &context.terminal)?)
}

/// The most frequent values of each field, a row for each value.
fn values(context: &Context, args: &FieldsArgs, n: usize) -> anyhow::Result<()> {
    let (fields, _) = observed(context, &args.store, &args.account, args.pattern.as_deref())?;
    let asker = Asker::open(context)?;
    let run = RunArgs {
        store: args.store.clone(),
        account: args.account.clone(),
        ..RunArgs::default()
    };
    let mut listing = Listing::new(&["name", "value", "events", "share"]);
    for Observed { name, field } in fields.iter().filter(|observed| has_values(&observed.field)) {
        let text = format!(
            "filter ispresent({name}) | stats count(*) as n by {name} as value | sort n desc, value asc | limit {n}"
        );
        let question = Question {
            text: &text,
            language: Language::Insights,
            parameters: &[],
            run: &run,
        };
        for row in asker.rows(&question, &context.interrupts.cancel())? {
            let count = row.get("n").and_then(Value::as_u64).unwrap_or(0);
            let share = count as f64 / field.events.max(1) as f64;
            listing.push(vec![
                json!(name),
                row.get("value").cloned().unwrap_or(Value::Null),
                json!(count),
                json!((share * 10_000.0).round() / 10_000.0),
            ]);
        }
    }
    Ok(listing.write(
        &mut io::stdout().lock(),
        args.listing.output,
        &context.terminal,
    )?)
}

/// The fields that the pattern chooses, by name, and the number of events that
/// could have them.
fn observed(
    context: &Context,
    store: &str,
    accounts: &[String],
    pattern: Option<&str>,
) -> anyhow::Result<(Vec<Observed>, u64)> {
    let snapshot = context.snapshot()?;
    let store = context.find_store(&snapshot, store)?;
    let fields = snapshot.observed_fields(store.id, &context.scope(&snapshot, accounts)?)?;
    // Every event has a time, so its field counts the events in scope.
    let events = fields.iter().map(|field| field.events).max().unwrap_or(0);
    let mut chosen: Vec<Observed> = fields
        .into_iter()
        .map(|field| Observed {
            name: typed(&field.path),
            field,
        })
        .filter(|observed| pattern.is_none_or(|pattern| is_chosen(pattern, &observed.name)))
        .collect();
    chosen.sort_by(|a, b| a.name.cmp(&b.name));
    Ok((chosen, events))
}

/// A field under the name that a query has for it.
struct Observed {
    name: String,
    field: ObservedField,
}

/// The path as it is typed in Logs Insights QL, with backticks where a key has
/// odd characters.
fn typed(path: &str) -> String {
    let path = FieldPath::parse(path);
    let segments = path.steps().iter().map(|step| match step {
        Step::Key(key) => Segment::key(key.as_str()),
        Step::Index(index) => Segment::Index(*index),
    });
    FieldRef {
        segments: segments.collect(),
    }
    .to_string()
}

/// The type in the words of SQL for a documented field, else what its values are.
fn type_name(field: &ObservedField) -> String {
    if let Some(known) = fields::known(&field.path) {
        return match known.field_type {
            FieldType::String => "string",
            FieldType::Boolean => "boolean",
            FieldType::Timestamp => "timestamp",
            FieldType::Struct => "struct",
            FieldType::StructList => "array of structs",
            FieldType::Map => "map",
        }
        .to_owned();
    }
    let kinds = [
        (field.kinds.text, "string"),
        (field.kinds.integer, "integer"),
        (field.kinds.boolean, "boolean"),
        (field.kinds.other, "other"),
    ];
    let named: Vec<&str> = kinds
        .iter()
        .filter(|(is, _)| *is)
        .map(|(_, name)| *name)
        .collect();
    named.join(", ")
}

/// Whether grouping by the field tells something: containers have no values of
/// their own.
fn has_values(field: &ObservedField) -> bool {
    match fields::known(&field.path) {
        Some(known) => !matches!(
            known.field_type,
            FieldType::Struct | FieldType::StructList | FieldType::Map
        ),
        None => field.kinds.text || field.kinds.integer || field.kinds.boolean,
    }
}

/// Whether a name holds the pattern, or matches it where it has `*` or `?`.
pub fn is_chosen(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    match pattern.contains(['*', '?']) {
        true => matches_glob(
            &pattern.chars().collect::<Vec<_>>(),
            &name.chars().collect::<Vec<_>>(),
        ),
        false => name.contains(&pattern),
    }
}

/// Linear in both: only the last `*` is ever tried again.
fn matches_glob(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || text.get(t) == Some(c) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p.min(pattern.len())..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_part_or_a_glob_in_any_case() {
        assert!(is_chosen("bucket", "requestParameters.bucketName"));
        assert!(is_chosen(
            "REQUEST*.bucket*",
            "requestParameters.bucketName"
        ));
        assert!(!is_chosen("bucket*", "requestParameters.bucketName"));
        assert!(is_chosen("event?ame", "eventName"));
        assert!(!is_chosen("event?", "eventName"));
        assert!(is_chosen("*a*b*c", "xaxbxbxc"));
    }

    #[test]
    fn odd_keys_are_shown_as_they_are_typed() {
        assert_eq!(typed("userIdentity.arn"), "userIdentity.arn");
        assert_eq!(
            typed("requestParameters.x-amz-acl"),
            "requestParameters.`x-amz-acl`"
        );
    }
}
