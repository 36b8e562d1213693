//! Down: the credentials that a session obtained, and what was obtained with those.

use std::collections::{HashMap, HashSet};

use super::ask::{Asking, Counted, Values, list};
use super::record::{Call, Record};
use crate::error::QueryError;
use tarn_store::TimeRange;

/// Credentials that a session obtained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// How many steps from the session; its own are the first.
    pub depth: usize,
    /// The call that gave them.
    pub call: Call,
    pub access_key: String,
    /// Whose they are: the ARN of a session, or the name of a user.
    pub to: Option<String>,
    /// What they were used for: how many calls, the first and the last.
    pub calls: u64,
    pub first_ms: Option<i64>,
    pub last_ms: Option<i64>,
}

/// What is followed at most.
const GRANTS_MAX: usize = 200;
const DEPTH_MAX: usize = 8;

const GIVES: &str = "(ispresent(responseElements.credentials.accessKeyId) or ispresent(responseElements.accessKey.accessKeyId))";

/// The credentials that calls of a session obtained, and those that were obtained with them
/// in turn at any time; each behind those that it was obtained with. True where there are
/// more than are followed.
pub(super) async fn down(
    asking: &Asking<'_>,
    giving: Vec<Record>,
) -> Result<(Vec<Grant>, bool), QueryError> {
    let mut levels: Vec<Vec<Grant>> = Vec::new();
    let mut known: HashSet<String> = HashSet::new();
    let mut is_more = false;
    let mut found = giving;
    while !found.is_empty() {
        let depth = levels.len() + 1;
        is_more |= known.len() + found.len() > GRANTS_MAX;
        let room = GRANTS_MAX.saturating_sub(known.len());
        let grants: Vec<Grant> = found
            .into_iter()
            .filter_map(|record| grant(record, depth))
            .filter(|grant| known.insert(grant.access_key.clone()))
            .take(room)
            .collect();
        let keys: Vec<String> = grants.iter().map(|g| g.access_key.clone()).collect();
        if keys.is_empty() {
            break;
        }
        levels.push(with_calls(asking, grants, &keys).await?);
        if depth == DEPTH_MAX {
            is_more = true;
            break;
        }
        let by_them = "userIdentity.accessKeyId in [{{keys}}]";
        found = given_by(asking, by_them, vec![list("keys", &keys)], TimeRange::ALL).await?;
    }
    Ok((as_tree(levels), is_more))
}

/// The calls of a condition within the request's time that gave credentials.
pub(super) async fn giving(
    asking: &Asking<'_>,
    condition: &str,
    values: Values,
) -> Result<Vec<Record>, QueryError> {
    given_by(asking, condition, values, asking.request.time).await
}

async fn given_by(
    asking: &Asking<'_>,
    condition: &str,
    values: Values,
    time: TimeRange,
) -> Result<Vec<Record>, QueryError> {
    let n_max = GRANTS_MAX + 1;
    asking
        .records(
            &format!("({condition}) and {GIVES}"),
            &format!("sort @timestamp asc, eventID asc | limit {n_max}"),
            values,
            time,
        )
        .await
}

fn grant(record: Record, depth: usize) -> Option<Grant> {
    let granted = record.grant?;
    Some(Grant {
        depth,
        access_key: granted.access_key,
        // A session token is for the user who asked for it.
        to: granted.to.or(record.identity.arn),
        call: record.call,
        calls: 0,
        first_ms: None,
        last_ms: None,
    })
}

async fn with_calls(
    asking: &Asking<'_>,
    grants: Vec<Grant>,
    keys: &[String],
) -> Result<Vec<Grant>, QueryError> {
    let counted = asking
        .counts(
            "userIdentity.accessKeyId in [{{keys}}]",
            "userIdentity.accessKeyId",
            GRANTS_MAX,
            vec![list("keys", keys)],
            TimeRange::ALL,
        )
        .await?;
    let counted: HashMap<Option<String>, Counted> = counted
        .into_iter()
        .map(|counted| (counted.value.clone(), counted))
        .collect();
    let with_calls =
        grants
            .into_iter()
            .map(|grant| match counted.get(&Some(grant.access_key.clone())) {
                None => grant,
                Some(counted) => Grant {
                    calls: counted.calls,
                    first_ms: counted.first_ms,
                    last_ms: counted.last_ms,
                    ..grant
                },
            });
    Ok(with_calls.collect())
}

/// Each grant, then those that were obtained with it.
fn as_tree(levels: Vec<Vec<Grant>>) -> Vec<Grant> {
    let mut levels = levels.into_iter();
    let mut tree = levels.next().unwrap_or_default();
    for level in levels {
        // Behind the one that gave it, and whatever that one gave before.
        for grant in level.into_iter().rev() {
            let giver = tree
                .iter()
                .position(|g| Some(&g.access_key) == grant.call.access_key.as_ref());
            let place = giver.map_or(tree.len(), |at| at + 1);
            tree.insert(place, grant);
        }
    }
    tree
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(by: &str, key: &str, depth: usize) -> Grant {
        let message = format!(
            r#"{{"userIdentity":{{"accessKeyId":"{by}"}},"responseElements":{{"credentials":{{"accessKeyId":"{key}"}}}}}}"#
        );
        grant(Record::read(0, None, &message), depth).expect("credentials")
    }

    #[test]
    fn what_was_obtained_with_a_key_stands_behind_it() {
        let levels = vec![
            vec![of("A", "B", 1), of("A", "C", 1)],
            vec![of("B", "D", 2), of("C", "E", 2), of("B", "F", 2)],
            vec![of("D", "G", 3)],
        ];
        let keys: Vec<String> = as_tree(levels).into_iter().map(|g| g.access_key).collect();
        assert_eq!(keys, ["B", "D", "G", "F", "C", "E"]);
    }
}
