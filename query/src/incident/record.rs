//! An event as a call that somebody made.

use chrono::DateTime;
use serde_json::Value;

use super::resource::resource;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Failed,
    /// It failed because it was not allowed.
    Denied,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// In milliseconds since 1970 UTC.
    pub time_ms: i64,
    pub event_id: Option<String>,
    /// The account that logged it.
    pub account: Option<String>,
    pub service: Option<String>,
    pub action: Option<String>,
    pub region: Option<String>,
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub access_key: Option<String>,
    pub outcome: Outcome,
    pub error: Option<String>,
    pub error_message: Option<String>,
    /// What it was about, as far as the event tells.
    pub resource: Option<String>,
}

/// Who made a call, or holds credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// `IAMUser`, `AssumedRole`, `AWSService`, …
    pub kind: Option<String>,
    pub arn: Option<String>,
    pub principal_id: Option<String>,
    pub account: Option<String>,
    pub user_name: Option<String>,
    pub access_key: Option<String>,
    /// The ARN of the role that a session is of.
    pub role: Option<String>,
    pub source_identity: Option<String>,
    /// When the session began, as the event has it.
    pub created: Option<String>,
    /// Whether it began with a second factor.
    pub mfa: Option<String>,
    /// The service that called on somebody's behalf, or by itself.
    pub invoked_by: Option<String>,
    /// Who vouched for a federated user.
    pub provider: Option<String>,
    /// `1.0` or `2.0`: an instance fetched the credentials from its metadata.
    pub ec2_role_delivery: Option<String>,
    /// The instance or function that the credentials were made for.
    pub issued_to: Option<String>,
    /// The user of IAM Identity Center on whose behalf a call was made.
    pub on_behalf_of: Option<String>,
    pub is_on_console: bool,
}

/// A call with its event.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub call: Call,
    pub identity: Identity,
    pub grant: Option<Granted>,
    /// What the call says of a second factor: the device that it names, or what a sign-in
    /// tells, `Yes` or `No`.
    pub second_factor: Option<String>,
    /// Who switched to the role in the console.
    pub switched_from: Option<String>,
    /// What the copies of the call in several accounts have in common.
    pub shared_id: Option<String>,
}

/// Credentials that the answer of a call holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Granted {
    pub access_key: String,
    /// Whose they are: an ARN where the answer has one, else the name of a user.
    pub to: Option<String>,
    pub principal_id: Option<String>,
    /// Whether they do not expire: an access key was created.
    pub is_long_term: bool,
}

impl Record {
    pub fn read(time_ms: i64, account: Option<String>, message: &str) -> Self {
        let event: Value = serde_json::from_str(message).unwrap_or(Value::Null);
        let identity = identity(&event);
        let error = text(&event, &["errorCode"]);
        let error_message = text(&event, &["errorMessage"]);
        let call = Call {
            time_ms,
            event_id: text(&event, &["eventID"]),
            account: account.or_else(|| text(&event, &["recipientAccountId"])),
            service: text(&event, &["eventSource"]),
            action: text(&event, &["eventName"]),
            region: text(&event, &["awsRegion"]),
            address: text(&event, &["sourceIPAddress"]),
            user_agent: text(&event, &["userAgent"]),
            access_key: identity.access_key.clone(),
            outcome: outcome(error.as_deref(), error_message.is_some()),
            error,
            error_message,
            resource: resource(&event),
        };
        let grant = granted(&event);
        Self {
            call,
            identity,
            grant,
            second_factor: text(&event, &["requestParameters", "serialNumber"])
                .or_else(|| text(&event, &["additionalEventData", "MFAUsed"])),
            switched_from: text(&event, &["additionalEventData", "SwitchFrom"]),
            shared_id: text(&event, &["sharedEventID"]),
        }
    }
}

impl Call {
    /// About how much memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let texts = [
            &self.event_id,
            &self.account,
            &self.service,
            &self.action,
            &self.region,
            &self.address,
            &self.user_agent,
            &self.access_key,
            &self.error,
            &self.error_message,
            &self.resource,
        ];
        let texts = texts.into_iter().flatten().map(String::len);
        size_of::<Self>() + texts.sum::<usize>()
    }
}

impl Identity {
    /// The name of a session, which is what follows the role in its ARN.
    pub fn session_name(&self) -> Option<&str> {
        let arn = self.arn.as_deref()?;
        let (_, session) = arn.split_once(":assumed-role/")?;
        session.split_once('/').map(|(_, name)| name)
    }

    /// Who it is in a word: the name of a user or of a session, a service, a kind.
    pub(crate) fn short_name(&self) -> Option<&str> {
        let names = [
            self.session_name(),
            self.user_name.as_deref(),
            self.invoked_by.as_deref(),
            self.on_behalf_of.as_deref(),
            self.principal_id.as_deref(),
            self.kind.as_deref(),
        ];
        names.into_iter().flatten().next()
    }

    /// The name of the role without its path.
    pub fn role_name(&self) -> Option<&str> {
        let arn = self.arn.as_deref()?;
        let (_, session) = arn.split_once(":assumed-role/")?;
        session.split_once('/').map(|(role, _)| role)
    }

    pub(super) fn is(&self, kind: &str) -> bool {
        self.kind.as_deref() == Some(kind)
    }

    /// When the session began, in milliseconds since 1970 UTC.
    pub(super) fn created_ms(&self) -> Option<i64> {
        let created = DateTime::parse_from_rfc3339(self.created.as_deref()?).ok()?;
        Some(created.timestamp_millis())
    }

    /// Who is known by an ARN only.
    pub(super) fn of_arn(arn: &str) -> Self {
        let kind = match arn {
            role if role.contains(":assumed-role/") => Some("AssumedRole"),
            user if user.contains(":federated-user/") => Some("FederatedUser"),
            user if user.contains(":user/") => Some("IAMUser"),
            root if root.ends_with(":root") => Some("Root"),
            _ => None,
        };
        Self {
            kind: kind.map(str::to_owned),
            arn: Some(arn.to_owned()),
            account: arn.split(':').nth(4).map(str::to_owned),
            ..Self::default()
        }
    }

    /// Whose credentials a call gave. What else is known of them, their own calls tell.
    pub(super) fn of_granted(granted: &Granted, by: &Self) -> Self {
        let key = Some(granted.access_key.clone());
        let principal_id = granted.principal_id.clone();
        match &granted.to {
            Some(arn) if arn.starts_with("arn:") => Self {
                principal_id,
                access_key: key,
                ..Self::of_arn(arn)
            },
            Some(name) => Self {
                kind: Some("IAMUser".to_owned()),
                account: by.account.clone(),
                user_name: Some(name.clone()),
                access_key: key,
                ..Self::default()
            },
            // A session token is for whoever asked for it.
            None => Self {
                kind: by.kind.clone(),
                arn: by.arn.clone(),
                principal_id: by.principal_id.clone(),
                account: by.account.clone(),
                user_name: by.user_name.clone(),
                access_key: key,
                ..Self::default()
            },
        }
    }
}

/// Whether a code of an error says that something was not allowed.
pub(super) fn is_denial(error: &str) -> bool {
    const DENIALS: [&str; 5] = [
        "accessdenied",
        "unauthorized",
        "notauthorized",
        "authorizationerror",
        "forbidden",
    ];
    let lower = error.to_ascii_lowercase();
    DENIALS.iter().any(|denial| lower.contains(denial))
}

pub(super) fn outcome(error: Option<&str>, is_told: bool) -> Outcome {
    match error {
        Some(error) if is_denial(error) => Outcome::Denied,
        None if !is_told => Outcome::Done,
        _ => Outcome::Failed,
    }
}

pub(super) fn at<'v>(event: &'v Value, path: &[&str]) -> Option<&'v Value> {
    path.iter().try_fold(event, |value, key| value.get(key))
}

/// The text at a path; what is empty says nothing.
pub(super) fn text(event: &Value, path: &[&str]) -> Option<String> {
    match at(event, path)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        _ => None,
    }
}

fn identity(event: &Value) -> Identity {
    let of = |path: &[&str]| {
        let path: Vec<&str> = ["userIdentity"].iter().chain(path).copied().collect();
        text(event, &path)
    };
    let of_session = |path: &[&str]| {
        let path: Vec<&str> = ["sessionContext"].iter().chain(path).copied().collect();
        of(&path)
    };
    Identity {
        kind: of(&["type"]),
        arn: of(&["arn"]),
        principal_id: of(&["principalId"]),
        account: of(&["accountId"]),
        user_name: of(&["userName"]),
        access_key: of(&["accessKeyId"]),
        role: of_session(&["sessionIssuer", "arn"]),
        source_identity: of_session(&["sourceIdentity"])
            // The call that gives it names it in its request.
            .or_else(|| text(event, &["requestParameters", "sourceIdentity"])),
        created: of_session(&["attributes", "creationDate"]),
        mfa: of_session(&["attributes", "mfaAuthenticated"]),
        invoked_by: of(&["invokedBy"]),
        provider: of_session(&["webIdFederationData", "federatedProvider"])
            .or_else(|| of(&["identityProvider"])),
        ec2_role_delivery: of_session(&["ec2RoleDelivery"]),
        issued_to: of(&["inScopeOf", "credentialsIssuedTo"]),
        on_behalf_of: of(&["onBehalfOf", "userId"]),
        is_on_console: text(event, &["sessionCredentialFromConsole"]).as_deref() == Some("true"),
    }
}

fn granted(event: &Value) -> Option<Granted> {
    let of = |path: &[&str]| {
        let path: Vec<&str> = ["responseElements"].iter().chain(path).copied().collect();
        text(event, &path)
    };
    if let Some(access_key) = of(&["credentials", "accessKeyId"]) {
        return Some(Granted {
            access_key,
            to: of(&["assumedRoleUser", "arn"]).or_else(|| of(&["federatedUser", "arn"])),
            principal_id: of(&["assumedRoleUser", "assumedRoleId"])
                .or_else(|| of(&["federatedUser", "federatedUserId"])),
            is_long_term: false,
        });
    }
    Some(Granted {
        access_key: of(&["accessKey", "accessKeyId"])?,
        to: of(&["accessKey", "userName"]),
        principal_id: None,
        is_long_term: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(message: &str) -> Record {
        Record::read(0, None, message)
    }

    #[test]
    fn calls_end_in_one_of_three_ways() {
        let of = |message: &str| record(message).call.outcome;
        assert_eq!(of("{}"), Outcome::Done);
        for code in [
            "AccessDenied",
            "AccessDeniedException",
            "Client.UnauthorizedOperation",
            "NotAuthorizedException",
            "ForbiddenException",
        ] {
            assert_eq!(
                of(&format!(r#"{{"errorCode":"{code}"}}"#)),
                Outcome::Denied,
                "{code}"
            );
        }
        assert_eq!(of(r#"{"errorCode":"NoSuchBucket"}"#), Outcome::Failed);
        assert_eq!(
            of(r#"{"errorMessage":"Failed authentication"}"#),
            Outcome::Failed
        );
    }

    #[test]
    fn credentials_are_found_in_answers() {
        let of = |message: &str| record(message).grant;
        let role = of(
            r#"{"responseElements":{"credentials":{"accessKeyId":"ASIA1"},"assumedRoleUser":{"arn":"arn:aws:sts::1:assumed-role/R/s","assumedRoleId":"AROA:s"}}}"#,
        )
        .expect("credentials");
        assert_eq!(role.access_key, "ASIA1");
        let identity = Identity::of_granted(&role, &Identity::default());
        assert!(identity.is("AssumedRole"));
        assert_eq!(identity.session_name(), Some("s"));
        assert_eq!(identity.account.as_deref(), Some("1"));
        let key =
            of(r#"{"responseElements":{"accessKey":{"accessKeyId":"AKIA1","userName":"u"}}}"#);
        assert!(key.is_some_and(|key| key.is_long_term));
        assert_eq!(of(r#"{"responseElements":{"credentials":null}}"#), None);
    }
}
