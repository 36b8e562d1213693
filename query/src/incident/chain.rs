//! Up: who gave these credentials, and who gave theirs, to a person or a workload.
//!
//! A key leads to the call whose answer holds it. Where no answer does (the console and
//! Identity Center make keys that no event names), the name and the beginning of the
//! session lead to the call that gave them; a link that is told so says it, and names the
//! other calls that it may have been.

use tarn_store::TimeRange;

use super::ask::{Asking, one};
use super::ends;
use super::record::{Call, Identity, Record};
use crate::error::QueryError;

/// How somebody came to the credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// A call gave them, and the key that it gave says so.
    Given,
    /// A call gave a session of this name that began at that time.
    GivenByName,
    /// An access key was made.
    KeyCreated,
    /// A sign-in to the console.
    SignedIn,
    /// The role was switched to in the console.
    Switched,
    /// The end: an access key that does not expire, of a user or of root.
    LongTermKey,
    /// The end: an identity provider vouched for whoever it is.
    Provider,
    /// The end: an AWS service acts by itself.
    Service,
    /// The end: an instance, a function or the like has the role.
    Workload,
    /// The end, because the events do not tell.
    Missing,
}

impl How {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::GivenByName => "givenByName",
            Self::KeyCreated => "keyCreated",
            Self::SignedIn => "signedIn",
            Self::Switched => "switched",
            Self::LongTermKey => "longTermKey",
            Self::Provider => "provider",
            Self::Service => "service",
            Self::Workload => "workload",
            Self::Missing => "missing",
        }
    }
}

/// Somebody with credentials, and where they had them from. The next link is of whoever
/// made the call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub identity: Identity,
    pub how: How,
    /// The same in words, without a final full stop.
    pub told: String,
    /// The call that gave the credentials.
    pub call: Option<Call>,
    /// What that call says of a second factor: a device, or `Yes` or `No` of a sign-in.
    pub second_factor: Option<String>,
    /// Other calls that may have given them.
    pub candidates: Vec<Call>,
}

/// Longer chains are not made by people.
const LINKS_MAX: usize = 16;

/// A key is given once; a call that several accounts log has a copy in each.
const COPIES_MAX: usize = 8;

/// So many calls are compared where only the name and the time lead to one.
const NAMESAKES_MAX: usize = 50;

/// So many of those that it may have been are named.
const CANDIDATES_MAX: usize = 5;

/// A session may say that it began so long before or after the call that gave it.
const BEGAN_WITHIN_MS: i64 = 120_000;

/// No session of the console is longer.
const CONSOLE_MS: i64 = 12 * 3_600_000;

const GAVE_KEY: &str = "responseElements.credentials.accessKeyId = {{key}} or responseElements.accessKey.accessKeyId = {{key}}";

/// Whoever made a call, to be followed further.
struct Giver {
    identity: Identity,
    /// When they had the credentials, in milliseconds since 1970 UTC.
    at_ms: Option<i64>,
}

/// The links from somebody up, that of `identity` first.
pub(super) async fn up(asking: &Asking<'_>, identity: Identity) -> Result<Vec<Link>, QueryError> {
    let mut links: Vec<Link> = Vec::new();
    let mut next = Some(Giver {
        identity,
        at_ms: None,
    });
    while let Some(giver) = next.take() {
        let key = &giver.identity.access_key;
        let is_known = key.is_some() && links.iter().any(|link| link.identity.access_key == *key);
        let cut = match () {
            () if is_known => Some("the chain leads back to this key"),
            () if links.len() + 1 == LINKS_MAX => Some("the chain is longer than what is followed"),
            () => None,
        };
        if let Some(told) = cut {
            links.push(end(giver.identity, How::Missing, told));
            break;
        }
        let gave_to = links.last().map(|link| &link.identity);
        let (link, giver) = link(asking, giver, gave_to).await?;
        links.push(link);
        next = giver;
    }
    Ok(links)
}

/// Where somebody's credentials are from, and who gave them.
async fn link(
    asking: &Asking<'_>,
    whose: Giver,
    gave_to: Option<&Identity>,
) -> Result<(Link, Option<Giver>), QueryError> {
    let Giver { identity, at_ms } = whose;
    if let Some((how, told)) = ends::of_itself(&identity, gave_to) {
        return Ok((end(identity, how, &told), None));
    }
    if identity.is("AWSAccount") && identity.arn.is_none() {
        return Ok((stranger(asking, identity).await?, None));
    }
    if let Some(giving) = giving_key(asking, &identity).await? {
        let is_long_term = giving.grant.as_ref().is_some_and(|g| g.is_long_term);
        let how = match is_long_term {
            true => How::KeyCreated,
            false => How::Given,
        };
        return Ok(given(identity, giving, how, Vec::new()));
    }
    if let Some((giving, candidates)) = giving_session(asking, &identity).await? {
        return Ok(given(identity, giving, How::GivenByName, candidates));
    }
    if let Some(sign_in) = sign_in(asking, &identity, at_ms).await? {
        return Ok(signed_in(identity, sign_in));
    }
    let (how, told) = ends::untold(&identity);
    Ok((end(identity, how, &told), None))
}

fn end(identity: Identity, how: How, told: &str) -> Link {
    Link {
        identity,
        how,
        told: told.to_owned(),
        call: None,
        second_factor: None,
        candidates: Vec::new(),
    }
}

fn given(
    identity: Identity,
    giving: Record,
    how: How,
    candidates: Vec<Call>,
) -> (Link, Option<Giver>) {
    let action = giving.call.action.as_deref().unwrap_or("a call");
    let told = match (how, candidates.len()) {
        (How::KeyCreated, _) => "the key was made by this call".to_owned(),
        (How::GivenByName, 0) => format!(
            "given by {action}, by the name and the beginning of the session: no event names this key"
        ),
        (How::GivenByName, n) => format!(
            "probably given by {action}: no event names this key; of {} calls that gave a session of this name within two minutes of its beginning this is the nearest",
            n + 1
        ),
        _ => format!("given by {action}"),
    };
    let giver = Giver {
        at_ms: Some(giving.call.time_ms),
        identity: giving.identity,
    };
    let link = Link {
        identity,
        how,
        told,
        call: Some(giving.call),
        second_factor: giving.second_factor,
        candidates,
    };
    (link, Some(giver))
}

fn signed_in(identity: Identity, sign_in: Record) -> (Link, Option<Giver>) {
    let giver = sign_in.switched_from.map(|arn| Giver {
        identity: Identity::of_arn(&arn),
        at_ms: Some(sign_in.call.time_ms),
    });
    let (how, told) = match &giver {
        Some(_) => (How::Switched, "switched to the role in the console"),
        None => (How::SignedIn, "signed in to the console"),
    };
    let link = Link {
        identity,
        how,
        told: told.to_owned(),
        call: Some(sign_in.call),
        second_factor: sign_in.second_factor,
        candidates: Vec::new(),
    };
    (link, giver)
}

/// The call whose answer holds the key; of its copies the one that tells most of the caller.
async fn giving_key(
    asking: &Asking<'_>,
    identity: &Identity,
) -> Result<Option<Record>, QueryError> {
    let Some(key) = &identity.access_key else {
        return Ok(None);
    };
    let copies = asking
        .records(
            GAVE_KEY,
            &format!("sort @timestamp asc, eventID asc | limit {COPIES_MAX}"),
            vec![one("key", key)],
            TimeRange::ALL,
        )
        .await?;
    match best(copies) {
        Some(giving) => Ok(Some(as_its_caller_logged(asking, giving).await?)),
        None => Ok(None),
    }
}

/// A call that an account logged as made by another one, as that one logged it, where its
/// copy is among the events: that has the same `sharedEventID`, and may leave the key out.
async fn as_its_caller_logged(asking: &Asking<'_>, giving: Record) -> Result<Record, QueryError> {
    let Some(shared) = giving.shared_id.as_deref() else {
        return Ok(giving);
    };
    if !giving.identity.is("AWSAccount") {
        return Ok(giving);
    }
    let copies = asking
        .records(
            "sharedEventID = {{shared}}",
            &format!("sort @timestamp asc, eventID asc | limit {COPIES_MAX}"),
            vec![one("shared", shared)],
            around(giving.call.time_ms),
        )
        .await?;
    Ok(best(copies).unwrap_or(giving))
}

fn best(copies: Vec<Record>) -> Option<Record> {
    copies.into_iter().min_by_key(|copy| {
        let identity = &copy.identity;
        (
            identity.is("AWSAccount"),
            identity.arn.is_none(),
            identity.access_key.is_none(),
        )
    })
}

/// The time around the beginning of a session.
fn around(ms: i64) -> TimeRange {
    TimeRange {
        start_ms: ms.saturating_sub(BEGAN_WITHIN_MS),
        end_ms: ms.saturating_add(BEGAN_WITHIN_MS),
    }
}

/// The call that gave a session of this name, nearest to the time at which the session
/// began, and the others that did about then.
async fn giving_session(
    asking: &Asking<'_>,
    identity: &Identity,
) -> Result<Option<(Record, Vec<Call>)>, QueryError> {
    let (Some(principal), Some(created_ms)) = (&identity.principal_id, identity.created_ms())
    else {
        return Ok(None);
    };
    if !identity.is("AssumedRole") {
        return Ok(None);
    }
    let found = asking
        .records(
            "responseElements.assumedRoleUser.assumedRoleId = {{principal}}",
            &format!("sort @timestamp asc, eventID asc | limit {NAMESAKES_MAX}"),
            vec![one("principal", principal)],
            around(created_ms),
        )
        .await?;
    // A session did not give itself.
    let others = found.into_iter().filter(|record| {
        identity.access_key.is_none() || record.call.access_key != identity.access_key
    });
    let mut calls = by_call(others.collect());
    calls.sort_by_key(|record| record.call.time_ms.abs_diff(created_ms));
    let mut calls = calls.into_iter();
    let Some(nearest) = calls.next() else {
        return Ok(None);
    };
    let candidates = calls.map(|record| record.call).take(CANDIDATES_MAX);
    Ok(Some((nearest, candidates.collect())))
}

/// Of the copies of each call the best one.
fn by_call(mut records: Vec<Record>) -> Vec<Record> {
    let mut calls = Vec::new();
    while let Some(record) = records.pop() {
        let is_copy = |other: &Record| {
            other.shared_id == record.shared_id && other.call.time_ms == record.call.time_ms
        };
        let (mut copies, others): (Vec<_>, Vec<_>) = match record.shared_id {
            Some(_) => records.into_iter().partition(is_copy),
            None => (Vec::new(), records),
        };
        copies.push(record);
        calls.extend(best(copies));
        records = others;
    }
    calls
}

/// The sign-in, or the switch of roles, that began a session of the console: nearest to its
/// beginning, or the last one before a time at which it was there.
async fn sign_in(
    asking: &Asking<'_>,
    identity: &Identity,
    at_ms: Option<i64>,
) -> Result<Option<Record>, QueryError> {
    let Some(arn) = &identity.arn else {
        return Ok(None);
    };
    let (time, near_ms) = match (identity.created_ms(), at_ms) {
        (Some(created_ms), _) => (around(created_ms), created_ms),
        // A key needs no sign-in.
        (None, Some(at_ms)) if identity.access_key.is_none() => {
            let time = TimeRange {
                start_ms: at_ms.saturating_sub(CONSOLE_MS),
                end_ms: at_ms.saturating_add(1),
            };
            (time, at_ms)
        }
        _ => return Ok(None),
    };
    let found = asking
        .records(
            "userIdentity.arn = {{arn}} and (responseElements.ConsoleLogin = \"Success\" or responseElements.SwitchRole = \"Success\")",
            &format!("sort @timestamp desc | limit {NAMESAKES_MAX}"),
            vec![one("arn", arn)],
            time,
        )
        .await?;
    let away = |record: &Record| record.call.time_ms.abs_diff(near_ms);
    Ok(found.into_iter().min_by_key(away))
}

/// A caller as another account saw them: only what their own account logged says who it
/// was.
async fn stranger(asking: &Asking<'_>, identity: Identity) -> Result<Link, QueryError> {
    let account = identity.account.as_deref().unwrap_or("another account");
    let told = format!(
        "somebody of account {account}: the call as that account logged it is not among these events"
    );
    let Some(principal) = &identity.principal_id else {
        return Ok(end(identity, How::Missing, &told));
    };
    let own = asking
        .records(
            "userIdentity.principalId = {{principal}} and ispresent(userIdentity.arn)",
            "sort @timestamp desc | limit 1",
            vec![one("principal", principal)],
            TimeRange::ALL,
        )
        .await?;
    let Some(own) = own.into_iter().next() else {
        return Ok(end(identity, How::Missing, &told));
    };
    // Which of their keys it was, nothing says.
    let identity = Identity {
        access_key: None,
        created: None,
        ..own.identity
    };
    let told = format!("{told}; who it was, its other events tell");
    Ok(end(identity, How::Missing, &told))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(event: &str) -> Record {
        Record::read(0, None, event)
    }

    #[test]
    fn copies_of_a_call_are_one_and_that_of_the_caller_is_taken() {
        let calls = by_call(vec![
            record(r#"{"eventID":"1","sharedEventID":"s","userIdentity":{"type":"AWSAccount"}}"#),
            record(
                r#"{"eventID":"2","sharedEventID":"s","userIdentity":{"type":"IAMUser","arn":"a"}}"#,
            ),
            record(r#"{"eventID":"3"}"#),
            record(r#"{"eventID":"4"}"#),
        ]);
        let mut ids: Vec<Option<String>> = calls.into_iter().map(|r| r.call.event_id).collect();
        ids.sort();
        let expected = ["2", "3", "4"].map(|id| Some(id.to_owned()));
        assert_eq!(ids, expected);
    }
}
