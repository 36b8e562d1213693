//! A session whole: who it is, where it came from, what it did, and what it led to.

use std::sync::Arc;

use tarn_store::{Snapshot, TimeRange};
use tokio::time::Instant;

use super::ask::{Asking, Counted, Values, one};
use super::chain::{self, Link};
use super::onward::{self, Grant};
use super::record::{Call, Identity, Outcome, Record, outcome};
use super::subject::{Subject, SubjectKind};
use super::tally::Tally;
use crate::engine::{Engine, Priority};
use crate::error::QueryError;
use crate::request::QueryRequest;

/// Calls that are told one by one, unless the request says otherwise.
pub const CALLS_MAX_DEFAULT: usize = 1000;

/// So many are told at most: a session of millions is asked for in parts.
pub const CALLS_MAX: usize = 10_000;

/// Calls are told until they are so long together: agents and messages may be long.
const CALLS_BYTES_MAX: usize = 16 << 20;

/// Values of each kind that are told.
pub(super) const VALUES_MAX: usize = 10;

/// Codes of errors that are told apart when calls are counted.
const ERRORS_MAX: usize = 10_000;

/// What a session can be asked for by, for hints.
pub const WHAT_IS_TAKEN: &str = "an access key id, an ARN, role/session, a principal id and an eventID lead to sessions; \
     a search finds other words";

/// All that is known of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// As it was asked for.
    pub id: String,
    /// What that is.
    pub kind: SubjectKind,
    /// Who it is; of several sessions that were asked for together, the one that called
    /// last.
    pub identity: Identity,
    /// From it up. The first link is of `identity`.
    pub chain: Vec<Link>,
    /// Of the calls within the request's time.
    pub sums: Sums,
    /// Credentials that it obtained, and that were obtained with those.
    pub onward: Vec<Grant>,
    /// Whether more were obtained than are told.
    pub is_onward_cut: bool,
    /// The first calls, in order.
    pub calls: Vec<Call>,
}

/// Calls counted, and what they have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sums {
    pub n_calls: u64,
    /// Those that were denied among them.
    pub n_failed: u64,
    pub n_denied: u64,
    pub first_ms: Option<i64>,
    pub last_ms: Option<i64>,
    /// The ARNs of whoever called: several, where a role or an id is asked for.
    pub callers: Facets,
    pub access_keys: Facets,
    /// The accounts that logged the calls.
    pub accounts: Facets,
    pub addresses: Facets,
    pub user_agents: Facets,
    pub regions: Facets,
}

/// Values of one kind by the number of calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facets {
    /// The most frequent ones.
    pub values: Vec<Facet>,
    /// How many there are.
    pub n_values: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facet {
    pub value: String,
    pub calls: u64,
    pub first_ms: Option<i64>,
    pub last_ms: Option<i64>,
}

/// Why there is no session to tell of.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    #[error("no event is of {id:?}, and none gave it credentials")]
    NotFound { id: String },
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// The request of a session in a store, to be narrowed: its times and accounts are those of
/// the calls, its limit is how many of them are told.
pub fn request(store: &str, id: &str, now_ms: i64) -> QueryRequest {
    QueryRequest {
        store: store.to_owned(),
        limit: Some(CALLS_MAX_DEFAULT),
        // What it is called where queries are listed; it is several.
        ..QueryRequest::new(&format!("tarn session {id}"), now_ms)
    }
}

/// Tells of the session that `id` means: an access key, an ARN, `role/session`, a
/// principal id, or an event of it.
///
/// The chain and what was obtained are looked for at any time, among the accounts of the
/// request.
///
/// **Errors**: nothing is of it. **Cost**: a query for the calls, one or two for each link of
/// the chain, and a dozen more where not all of the calls are told.
pub async fn session(
    engine: &Engine,
    snapshot: &Arc<Snapshot>,
    id: &str,
    request: &QueryRequest,
    priority: Priority,
) -> Result<Session, SessionError> {
    let asking = Asking {
        engine,
        snapshot,
        request,
        priority,
        asked_at: Instant::now(),
    };
    let id = id.trim();
    let asked = Subject::read(id);
    let subject = match asked.kind {
        SubjectKind::Event => subject_of_event(&asking, &asked).await?,
        _ => Some(asked.clone()),
    };
    let Some(subject) = subject else {
        return Err(SessionError::NotFound { id: id.to_owned() });
    };
    let of_subject = OfSubject {
        asking: &asking,
        subject: &subject,
    };
    let told = of_subject.told().await?;
    let identity = match told.tally.last_caller.clone().filter(|_| told.is_whole) {
        Some(identity) => Some(identity),
        None => of_subject.identity().await?,
    };
    let Some(identity) = identity else {
        return Err(SessionError::NotFound { id: id.to_owned() });
    };
    let chain = chain::up(&asking, identity.clone()).await?;
    let mut tally = told.tally;
    let giving = match told.is_whole {
        true => std::mem::take(&mut tally.giving),
        false => onward::giving(&asking, subject.condition(), of_subject.values()).await?,
    };
    let (onward, is_onward_cut) = onward::down(&asking, giving).await?;
    Ok(Session {
        id: id.to_owned(),
        kind: asked.kind,
        identity,
        chain,
        sums: match told.is_whole {
            true => tally.sums(),
            false => of_subject.sums().await?,
        },
        onward,
        is_onward_cut,
        calls: told.calls,
    })
}

/// The session that an event gave credentials to; of any other event the one that it is of,
/// by its key, else by its caller. An event that names neither is alone.
async fn subject_of_event(
    asking: &Asking<'_>,
    asked: &Subject,
) -> Result<Option<Subject>, QueryError> {
    let found = asking
        .records(
            asked.condition(),
            "sort @timestamp asc | limit 1",
            vec![one("id", &asked.id)],
            TimeRange::ALL,
        )
        .await?;
    let Some(Record {
        identity, grant, ..
    }) = found.into_iter().next()
    else {
        // A key that is not spelled as AWS spells keys, as in what was made anonymous.
        return named_oddly(asking, asked).await;
    };
    if let Some(granted) = grant {
        let subject = Subject::new(SubjectKind::AccessKey, &granted.access_key);
        return Ok(Some(subject));
    }
    Ok(Some(match (&identity.access_key, &identity.principal_id) {
        (Some(key), _) => Subject::new(SubjectKind::AccessKey, key),
        (None, Some(principal)) => Subject::new(SubjectKind::PrincipalId, principal),
        (None, None) => asked.clone(),
    }))
}

async fn named_oddly(asking: &Asking<'_>, asked: &Subject) -> Result<Option<Subject>, QueryError> {
    for kind in [SubjectKind::AccessKey, SubjectKind::PrincipalId] {
        let subject = Subject::new(kind, &asked.id);
        let found = asking
            .records(
                subject.condition(),
                "limit 1",
                vec![one("id", &subject.id)],
                TimeRange::ALL,
            )
            .await?;
        if !found.is_empty() {
            return Ok(Some(subject));
        }
    }
    Ok(None)
}

/// Questions about the events of a subject.
struct OfSubject<'a> {
    asking: &'a Asking<'a>,
    subject: &'a Subject,
}

impl OfSubject<'_> {
    fn values(&self) -> Values {
        vec![one("id", &self.subject.id)]
    }

    /// Who it is: the caller of the last call within the time, else at any time, else
    /// whoever the credentials were given to.
    async fn identity(&self) -> Result<Option<Identity>, QueryError> {
        let condition = self.subject.condition();
        for time in [self.asking.request.time, TimeRange::ALL] {
            let last = self
                .asking
                .records(
                    condition,
                    "sort @timestamp desc | limit 1",
                    self.values(),
                    time,
                )
                .await?;
            if let Some(last) = last.into_iter().next() {
                return Ok(Some(last.identity));
            }
        }
        let giving = match self.subject.kind {
            SubjectKind::AccessKey => {
                "responseElements.credentials.accessKeyId = {{id}} or responseElements.accessKey.accessKeyId = {{id}}"
            }
            SubjectKind::Arn => "responseElements.assumedRoleUser.arn = {{id}}",
            SubjectKind::PrincipalId => "responseElements.assumedRoleUser.assumedRoleId = {{id}}",
            SubjectKind::RoleSession => {
                r"responseElements.assumedRoleUser.arn like /:assumed-role\/{{id}}$/"
            }
            SubjectKind::Role | SubjectKind::RoleId | SubjectKind::Event => return Ok(None),
        };
        let giving = self
            .asking
            .records(
                giving,
                "sort @timestamp desc | limit 1",
                self.values(),
                TimeRange::ALL,
            )
            .await?;
        Ok(giving.into_iter().next().and_then(|record| {
            let granted = record.grant?;
            Some(Identity::of_granted(&granted, &record.identity))
        }))
    }

    /// The calls counted by the engine, however many there are.
    async fn sums(&self) -> Result<Sums, QueryError> {
        let outcomes = self.outcomes().await?;
        let counted = || outcomes.iter().map(|(_, counted)| counted);
        let sum = |wanted: fn(Outcome) -> bool| {
            let wanted = outcomes.iter().filter(|(o, _)| wanted(*o));
            wanted.map(|(_, counted)| counted.calls).sum()
        };
        Ok(Sums {
            n_calls: sum(|_| true),
            n_failed: sum(|outcome| outcome != Outcome::Done),
            n_denied: sum(|outcome| outcome == Outcome::Denied),
            first_ms: counted().filter_map(|c| c.first_ms).min(),
            last_ms: counted().filter_map(|c| c.last_ms).max(),
            callers: self.facets("userIdentity.arn").await?,
            accounts: self.facets("@account").await?,
            access_keys: self.facets("userIdentity.accessKeyId").await?,
            addresses: self.facets("sourceIPAddress").await?,
            user_agents: self.facets("userAgent").await?,
            regions: self.facets("awsRegion").await?,
        })
    }

    /// How the calls ended.
    async fn outcomes(&self) -> Result<Vec<(Outcome, Counted)>, QueryError> {
        let mut outcomes = Vec::new();
        for (is_told, told) in [
            (false, "not ispresent(errorMessage)"),
            (true, "ispresent(errorMessage)"),
        ] {
            let condition = format!("({}) and {told}", self.subject.condition());
            let time = self.asking.request.time;
            let counted = self
                .asking
                .counts(&condition, "errorCode", ERRORS_MAX, self.values(), time)
                .await?;
            outcomes.extend(counted.into_iter().map(|counted| {
                let error = counted.value.as_deref().filter(|code| !code.is_empty());
                (outcome(error, is_told), counted)
            }));
        }
        Ok(outcomes)
    }

    async fn facets(&self, field: &str) -> Result<Facets, QueryError> {
        let condition = format!(
            "({}) and ispresent({field}) and {field} != \"\"",
            self.subject.condition()
        );
        let time = self.asking.request.time;
        let counted = self
            .asking
            .counts(&condition, field, VALUES_MAX, self.values(), time)
            .await?;
        let values: Vec<Facet> = counted
            .into_iter()
            .filter_map(|counted| {
                Some(Facet {
                    value: counted.value?,
                    calls: counted.calls,
                    first_ms: counted.first_ms,
                    last_ms: counted.last_ms,
                })
            })
            .collect();
        let n_values = match values.len() < VALUES_MAX {
            true => values.len() as u64,
            false => {
                let values = self.values();
                self.asking
                    .distinct(&condition, field, values, time)
                    .await?
            }
        };
        Ok(Facets { values, n_values })
    }

    /// The first calls, and what they say, where they are all there are.
    async fn told(&self) -> Result<Told, QueryError> {
        let n_max = self.asking.request.limit.unwrap_or(CALLS_MAX_DEFAULT);
        let n_max = n_max.min(CALLS_MAX);
        let mut told = Told::default();
        let (mut n_bytes, mut has_room) = (0, true);
        if n_max == 0 {
            return Ok(told);
        }
        self.asking
            .each_record(
                self.subject.condition(),
                &format!("sort @timestamp asc | limit {n_max}"),
                self.values(),
                self.asking.request.time,
                |record| {
                    n_bytes += record.call.bytes();
                    has_room = n_bytes <= CALLS_BYTES_MAX;
                    if has_room {
                        told.tally.add(&record);
                        told.calls.push(record.call);
                    }
                    has_room
                },
            )
            .await?;
        told.is_whole = has_room && told.calls.len() < n_max;
        Ok(told)
    }
}

/// The first calls.
#[derive(Default)]
struct Told {
    calls: Vec<Call>,
    tally: Tally,
    /// Whether there are no others.
    is_whole: bool,
}
