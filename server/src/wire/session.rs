//! A session, as it is told.

use serde::{Deserialize, Serialize};
use tarn_query::incident;
use tarn_query::incident::Outcome;
use tarn_query::time::iso;
use utoipa::ToSchema;

/// Who made some calls, where their credentials came from, what they did, and what it led
/// to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// As it was asked for.
    pub id: String,
    /// What that is: `accessKey`, `arn`, `role`, `roleSession`, `principalId`, `roleId`,
    /// `event`.
    #[schema(example = "accessKey")]
    pub kind: String,
    /// Who it is; of several sessions that were asked for together, the one that called
    /// last.
    pub identity: SessionIdentity,
    /// From it up, to a person or a workload. The first link is of `identity`, the next one
    /// of whoever gave it the credentials.
    pub chain: Vec<SessionLink>,
    /// The calls within the time that is asked for.
    pub call_count: u64,
    /// Those that failed, the denied ones among them.
    pub failed_count: u64,
    pub denied_count: u64,
    pub first: Option<String>,
    pub last: Option<String>,
    /// The ARNs of whoever called: several, where a role or an id is asked for.
    pub callers: SessionValues,
    pub access_keys: SessionValues,
    /// The accounts that logged the calls.
    pub accounts: SessionValues,
    pub addresses: SessionValues,
    pub user_agents: SessionValues,
    pub regions: SessionValues,
    /// Credentials that it obtained, and those that were obtained with them, each behind
    /// the one that it was obtained with.
    pub onward: Vec<SessionGrant>,
    /// Whether more credentials were obtained than are told.
    pub onward_is_cut: bool,
    /// The first calls, in order.
    pub calls: Vec<SessionCall>,
    /// How many calls follow that are not told.
    pub calls_not_shown: u64,
}

/// Who made a call, or holds credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionIdentity {
    /// As CloudTrail says it.
    #[serde(rename = "type")]
    #[schema(example = "AssumedRole")]
    pub kind: Option<String>,
    pub arn: Option<String>,
    pub principal_id: Option<String>,
    pub account_id: Option<String>,
    pub user_name: Option<String>,
    pub access_key_id: Option<String>,
    /// The role that a session is of.
    pub role_arn: Option<String>,
    pub source_identity: Option<String>,
    /// When the session began.
    pub created: Option<String>,
    /// Whether it began with a second factor: `true` or `false`.
    pub mfa: Option<String>,
    pub invoked_by: Option<String>,
    pub identity_provider: Option<String>,
    pub ec2_role_delivery: Option<String>,
    /// The instance or function that the credentials were made for.
    pub issued_to: Option<String>,
    /// The user of IAM Identity Center on whose behalf the calls are.
    pub on_behalf_of: Option<String>,
    pub on_console: bool,
}

/// Somebody with credentials, and where they had them from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionLink {
    pub identity: SessionIdentity,
    /// `given`, `givenByName`, `keyCreated`, `signedIn`, `switched`, or how the chain ends:
    /// `longTermKey`, `provider`, `service`, `workload`, `missing`.
    #[schema(example = "given")]
    pub how: String,
    /// The same in words.
    pub told: String,
    /// The call that gave the credentials, made by the next link.
    pub call: Option<SessionCall>,
    /// What that call says of a second factor: a device, or `Yes` or `No` of a sign-in.
    pub second_factor: Option<String>,
    /// Other calls that may have given them, where only the name of the session and its
    /// beginning lead to the call.
    pub candidates: Vec<SessionCall>,
}

/// Credentials that were obtained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionGrant {
    /// How many steps from the session: 1 is what it obtained itself.
    pub depth: usize,
    pub access_key_id: String,
    /// Whose credentials they are: an ARN, or the name of a user.
    pub to: Option<String>,
    /// The call that gave them.
    pub call: SessionCall,
    /// How many calls were made with them, at any time.
    pub call_count: u64,
    pub first: Option<String>,
    pub last: Option<String>,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionCall {
    pub time: String,
    /// The account that logged it.
    pub account: Option<String>,
    pub service: Option<String>,
    pub action: Option<String>,
    pub region: Option<String>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub access_key_id: Option<String>,
    /// `done`, `failed` or `denied`.
    #[schema(example = "done")]
    pub outcome: String,
    pub error: Option<String>,
    pub error_message: Option<String>,
    /// What it was about, as far as the event tells.
    pub resource: Option<String>,
    pub event_id: Option<String>,
}

/// Values of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionValues {
    /// How many there are.
    pub count: u64,
    /// The most frequent ones.
    pub values: Vec<SessionValue>,
}

/// A value and the calls that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionValue {
    pub value: String,
    pub call_count: u64,
    pub first: Option<String>,
    pub last: Option<String>,
}

impl Session {
    pub fn of(session: incident::Session) -> Self {
        let sums = session.sums;
        let calls: Vec<SessionCall> = session.calls.into_iter().map(SessionCall::of).collect();
        Self {
            id: session.id,
            kind: session.kind.as_str().to_owned(),
            identity: SessionIdentity::of(session.identity),
            chain: session.chain.into_iter().map(SessionLink::of).collect(),
            call_count: sums.n_calls,
            failed_count: sums.n_failed,
            denied_count: sums.n_denied,
            first: sums.first_ms.map(iso),
            last: sums.last_ms.map(iso),
            callers: SessionValues::of(sums.callers),
            access_keys: SessionValues::of(sums.access_keys),
            accounts: SessionValues::of(sums.accounts),
            addresses: SessionValues::of(sums.addresses),
            user_agents: SessionValues::of(sums.user_agents),
            regions: SessionValues::of(sums.regions),
            onward: session.onward.into_iter().map(SessionGrant::of).collect(),
            onward_is_cut: session.is_onward_cut,
            calls_not_shown: sums.n_calls.saturating_sub(calls.len() as u64),
            calls,
        }
    }
}

impl SessionIdentity {
    fn of(identity: incident::Identity) -> Self {
        Self {
            kind: identity.kind,
            arn: identity.arn,
            principal_id: identity.principal_id,
            account_id: identity.account,
            user_name: identity.user_name,
            access_key_id: identity.access_key,
            role_arn: identity.role,
            source_identity: identity.source_identity,
            created: identity.created,
            mfa: identity.mfa,
            invoked_by: identity.invoked_by,
            identity_provider: identity.provider,
            ec2_role_delivery: identity.ec2_role_delivery,
            issued_to: identity.issued_to,
            on_behalf_of: identity.on_behalf_of,
            on_console: identity.is_on_console,
        }
    }
}

impl SessionLink {
    fn of(link: incident::Link) -> Self {
        Self {
            identity: SessionIdentity::of(link.identity),
            how: link.how.as_str().to_owned(),
            told: link.told,
            call: link.call.map(SessionCall::of),
            second_factor: link.second_factor,
            candidates: link.candidates.into_iter().map(SessionCall::of).collect(),
        }
    }
}

impl SessionGrant {
    fn of(grant: incident::Grant) -> Self {
        Self {
            depth: grant.depth,
            access_key_id: grant.access_key,
            to: grant.to,
            call: SessionCall::of(grant.call),
            call_count: grant.calls,
            first: grant.first_ms.map(iso),
            last: grant.last_ms.map(iso),
        }
    }
}

impl SessionCall {
    fn of(call: incident::Call) -> Self {
        let outcome = match call.outcome {
            Outcome::Done => "done",
            Outcome::Failed => "failed",
            Outcome::Denied => "denied",
        };
        Self {
            time: iso(call.time_ms),
            account: call.account,
            service: call.service,
            action: call.action,
            region: call.region,
            address: call.address,
            user_agent: call.user_agent,
            access_key_id: call.access_key,
            outcome: outcome.to_owned(),
            error: call.error,
            error_message: call.error_message,
            resource: call.resource,
            event_id: call.event_id,
        }
    }
}

impl SessionValues {
    fn of(facets: incident::Facets) -> Self {
        let values = facets.values.into_iter().map(|facet| SessionValue {
            value: facet.value,
            call_count: facet.calls,
            first: facet.first_ms.map(iso),
            last: facet.last_ms.map(iso),
        });
        Self {
            count: facets.n_values,
            values: values.collect(),
        }
    }
}
