//! Splits that cannot hold an answer, told by their catalogue entries alone.

use super::event_time::is_event_time;
use super::predicate::{Comparison, Field, FieldTest, Matcher, Predicate};
use super::request::{AccountScope, ScanRequest};
use crate::catalog::SplitEntry;
use crate::path::{FieldPath, Step};

/// Why a split is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pruned {
    Time,
    Account,
    Predicate,
}

/// Whether the split can be set aside without opening it, and why.
pub(crate) fn pruned(entry: &SplitEntry, request: &ScanRequest) -> Option<Pruned> {
    if entry.n_docs == 0 || entry.time().and(&request.time).is_empty() {
        return Some(Pruned::Time);
    }
    if let AccountScope::Only(accounts) = &request.scope
        && !entry.accounts.keys().any(|a| accounts.contains(a))
    {
        return Some(Pruned::Account);
    }
    (!may_match(&request.predicate, entry)).then_some(Pruned::Predicate)
}

/// Whether an event of the split may match, as far as its entry knows.
fn may_match(predicate: &Predicate, entry: &SplitEntry) -> bool {
    match predicate {
        Predicate::False => false,
        Predicate::And(parts) => parts.iter().all(|p| may_match(p, entry)),
        Predicate::Or(parts) => parts.iter().any(|p| may_match(p, entry)),
        Predicate::Field(test) => field_may_match(test, entry),
        Predicate::True | Predicate::Not(_) | Predicate::Text(_) => true,
    }
}

fn field_may_match(test: &FieldTest, entry: &SplitEntry) -> bool {
    match &test.field {
        Field::Account => entry.accounts.keys().any(|account| match account.as_str() {
            "" => test.when_missing,
            account => test.matcher.matches(account),
        }),
        // The entry lists regions that are texts; anything else is counted
        // under the empty one.
        Field::Path { path, .. } if is_region(path) => {
            entry.regions.keys().any(|region| match region.as_str() {
                "" => true,
                region => test.matcher.matches(region),
            })
        }
        Field::Path { path, .. } if is_event_time(path) => true,
        Field::Time => match &test.matcher {
            Matcher::Number { op, value } => {
                let (min, max) = (entry.time_min_ms as f64, entry.time_max_ms as f64);
                match op {
                    Comparison::Equal => min <= *value && *value <= max,
                    Comparison::Less => min < *value,
                    Comparison::LessOrEqual => min <= *value,
                    Comparison::Greater => max > *value,
                    Comparison::GreaterOrEqual => max >= *value,
                }
            }
            _ => true,
        },
        _ => true,
    }
}

fn is_region(path: &FieldPath) -> bool {
    matches!(path.steps(), [Step::Key(key)] if key == "awsRegion")
}
