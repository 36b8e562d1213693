//! Where a chain ends: with somebody who needs nobody to give them anything, or where the
//! events do not tell.

use super::chain::How;
use super::record::Identity;

/// Who needs nobody to give them anything; `gave_to` is whoever they gave credentials to.
pub(super) fn of_itself(identity: &Identity, gave_to: Option<&Identity>) -> Option<(How, String)> {
    match identity.kind.as_deref()? {
        "AWSService" => {
            let service = identity.invoked_by.as_deref().unwrap_or("an AWS service");
            Some(match gave_to.and_then(Identity::session_name) {
                Some(name) if is_instance(name) => {
                    (How::Workload, format!("{service}, for the instance {name}"))
                }
                Some(name) => (
                    How::Service,
                    format!("{service} by itself, in a session that it named {name}"),
                ),
                None => (How::Service, format!("{service} by itself")),
            })
        }
        "WebIdentityUser" | "SAMLUser" => {
            let provider = identity.provider.as_deref();
            let provider = provider.unwrap_or("an identity provider");
            Some((How::Provider, format!("{provider} vouched for them")))
        }
        "IdentityCenterUser" => {
            let user = identity.on_behalf_of.as_deref().unwrap_or("a user");
            let told = format!("{user} of IAM Identity Center");
            Some((How::Provider, told))
        }
        _ => None,
    }
}

/// What can be said where no event gave the credentials.
pub(super) fn untold(identity: &Identity) -> (How, String) {
    let created = match &identity.created {
        Some(created) => format!("; the session began at {created}"),
        None => String::new(),
    };
    if let Some(workload) = &identity.issued_to {
        return (
            How::Workload,
            format!("the credentials were made for {workload}"),
        );
    }
    if let Some(version) = &identity.ec2_role_delivery {
        let instance = identity.session_name().unwrap_or("an instance");
        return (
            How::Workload,
            format!(
                "{instance} has the role by its instance profile (instance metadata {version})"
            ),
        );
    }
    if let Some(provider) = &identity.provider {
        return (
            How::Provider,
            format!(
                "{provider} vouched for them; the call that gave the session is not among these events{created}"
            ),
        );
    }
    let is_temporary = identity.access_key.as_deref().is_some_and(is_temporary);
    match (identity.role_name(), identity.session_name()) {
        (Some(role), _) if role.starts_with("AWSServiceRoleFor") => (
            How::Service,
            format!("a service acts in the role that is linked to it, {role}"),
        ),
        (Some(role), Some(person)) if role.starts_with("AWSReservedSSO_") => (
            How::Provider,
            format!(
                "IAM Identity Center gave the role to {person}; its call is not among these events{created}"
            ),
        ),
        (Some(_), Some(instance)) if is_instance(instance) => (
            How::Workload,
            format!(
                "{instance} has the role by its instance profile, as the name of the session says; the call that gave it is not among these events{created}"
            ),
        ),
        (Some(_), _) => (
            How::Missing,
            format!("no event tells who assumed the role{created}"),
        ),
        _ if identity.is_on_console => (
            How::Missing,
            format!("a session of the console; the sign-in is not among these events{created}"),
        ),
        _ if is_temporary => (
            How::Missing,
            format!("no event tells who asked for these temporary credentials{created}"),
        ),
        _ if identity.access_key.is_some() => (
            How::LongTermKey,
            "a long-term key; no event tells who made it".to_owned(),
        ),
        _ => (
            How::Missing,
            format!("no event tells where this came from{created}"),
        ),
    }
}

fn is_temporary(key: &str) -> bool {
    key.starts_with("ASIA")
}

fn is_instance(session: &str) -> bool {
    let hex = session.strip_prefix("i-").unwrap_or_default();
    hex.len() >= 8 && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assumed(role: &str, session: &str) -> Identity {
        Identity {
            kind: Some("AssumedRole".to_owned()),
            arn: Some(format!("arn:aws:sts::1:assumed-role/{role}/{session}")),
            access_key: Some("ASIA".to_owned()),
            ..Identity::default()
        }
    }

    #[test]
    fn what_no_event_tells_is_said() {
        let key = |key: &str| Identity {
            access_key: Some(key.to_owned()),
            ..Identity::default()
        };
        for (identity, how) in [
            (assumed("app", "i-0317f6c6b66ae9c40"), How::Workload),
            (assumed("app", "i-am-no-instance"), How::Missing),
            (assumed("AWSServiceRoleForSupport", "x"), How::Service),
            (assumed("AWSReservedSSO_Admin_1", "a@b"), How::Provider),
            (key("AKIA1"), How::LongTermKey),
            (key("ASIA1"), How::Missing),
            (Identity::default(), How::Missing),
        ] {
            let (found, told) = untold(&identity);
            assert_eq!(found, how, "{told}");
        }
    }
}
