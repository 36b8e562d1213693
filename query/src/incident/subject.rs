//! From what somebody has at hand to the events that are meant.

/// What a session was asked for by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubjectKind {
    /// An access key id, long-term or temporary.
    AccessKey,
    /// An ARN of whoever calls: a user, root, a session of a role, a federated user.
    Arn,
    /// An ARN of a role: all sessions of it.
    Role,
    /// `role/session`, in any account.
    RoleSession,
    /// `AROA…:session`, `AIDA…`.
    PrincipalId,
    /// `AROA…` alone: all sessions of the role.
    RoleId,
    /// An eventID or a sharedEventID: the session that the event gave credentials to, else
    /// the one that it is of.
    Event,
}

impl SubjectKind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessKey => "accessKey",
            Self::Arn => "arn",
            Self::Role => "role",
            Self::RoleSession => "roleSession",
            Self::PrincipalId => "principalId",
            Self::RoleId => "roleId",
            Self::Event => "event",
        }
    }
}

/// Whose events are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subject {
    pub kind: SubjectKind,
    pub id: String,
}

/// A shorter word is no key.
const KEY_CHARS_MIN: usize = 16;

impl Subject {
    pub fn new(kind: SubjectKind, id: &str) -> Self {
        Self {
            kind,
            id: id.to_owned(),
        }
    }

    /// What a text is, by its shape. What has no other shape is taken for an eventID, which
    /// may be any text.
    pub fn read(text: &str) -> Self {
        let kind = match text {
            arn if arn.starts_with("arn:") => match arn.contains(":role/") {
                true => SubjectKind::Role,
                false => SubjectKind::Arn,
            },
            id if is_unique_id(id, "AROA") => match id.contains(':') {
                true => SubjectKind::PrincipalId,
                false => SubjectKind::RoleId,
            },
            id if is_unique_id(id, "AIDA") || id.contains(':') => SubjectKind::PrincipalId,
            name if name.contains('/') => SubjectKind::RoleSession,
            key if key.len() >= KEY_CHARS_MIN && is_upper(key) => SubjectKind::AccessKey,
            _ => SubjectKind::Event,
        };
        Self::new(kind, text)
    }

    /// A condition in Insights QL of the events, in which `{{id}}` is [`Self::id`].
    pub fn condition(&self) -> &'static str {
        match self.kind {
            SubjectKind::AccessKey => "userIdentity.accessKeyId = {{id}}",
            SubjectKind::Arn => "userIdentity.arn = {{id}}",
            SubjectKind::Role => "userIdentity.sessionContext.sessionIssuer.arn = {{id}}",
            SubjectKind::RoleSession => r"userIdentity.arn like /:assumed-role\/{{id}}$/",
            SubjectKind::PrincipalId => "userIdentity.principalId = {{id}}",
            SubjectKind::RoleId => "userIdentity.sessionContext.sessionIssuer.principalId = {{id}}",
            SubjectKind::Event => "eventID = {{id}} or sharedEventID = {{id}}",
        }
    }
}

/// Whether it is an id that IAM gave, with or without the name of a session behind it.
fn is_unique_id(text: &str, prefix: &str) -> bool {
    let id = text.split_once(':').map_or(text, |(id, _)| id);
    id.starts_with(prefix) && id.len() >= KEY_CHARS_MIN && is_upper(id)
}

fn is_upper(text: &str) -> bool {
    text.bytes()
        .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_what_its_shape_says() {
        for (text, kind) in [
            ("AKIAIOSFODNN7EXAMPLE", SubjectKind::AccessKey),
            ("ASIAIOSFODNN7EXAMPLE2", SubjectKind::AccessKey),
            ("AROA5FLZVX4OAMSW6BCRH:i-0317", SubjectKind::PrincipalId),
            ("AROA5FLZVX4OAMSW6BCRH", SubjectKind::RoleId),
            ("AIDACKCEVSQ6C2EXAMPLE", SubjectKind::PrincipalId),
            ("111122223333:bob", SubjectKind::PrincipalId),
            ("Admin/alice@corp.example", SubjectKind::RoleSession),
            ("arn:aws:sts::1:assumed-role/Admin/alice", SubjectKind::Arn),
            ("arn:aws:iam::1:user/alice", SubjectKind::Arn),
            ("arn:aws-cn:iam::1:root", SubjectKind::Arn),
            ("arn:aws:iam::1:role/path/Admin", SubjectKind::Role),
            ("9a647d07-44c4-45dc-bbbc-7461726ebae6", SubjectKind::Event),
            ("ROOT", SubjectKind::Event),
        ] {
            assert_eq!(Subject::read(text).kind, kind, "{text}");
        }
    }
}
