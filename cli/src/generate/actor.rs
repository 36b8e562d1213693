//! Who acts: identities with their keys, sessions, addresses and clients.
//!
//! An actor is built once for an account, with its `userIdentity` laid out as text with
//! four holes, so that writing it for an event is a few copies. Sessions are slots of time:
//! the access key and the creation date of a session follow from actor and slot, so events
//! of one session agree with each other without anything being remembered.

use super::agent::{Agent, browser_agent, command_line_agent, sdk_agent};
use super::clock;
use super::ids;
use super::names;
use super::random::{derive, salt};

/// What sort of caller somebody is; decides what they call and how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A person, on the console or the command line.
    Human,
    /// Deployments: pipelines and Terraform.
    Ci,
    /// Recorders that read the configuration of everything.
    Config,
    /// A server with a role or, outside AWS, with a user's key.
    Instance,
    Lambda,
    /// A Kubernetes pod with a role.
    Pod,
    /// An AWS service on its own account.
    Service,
    /// Somebody of another account.
    Foreign,
    /// Somebody signing in through an identity provider.
    Federated,
    Root,
    /// An event that a service reports without anybody having called it.
    Event,
}

impl Kind {
    pub const ALL: [Kind; 11] = [
        Kind::Human,
        Kind::Ci,
        Kind::Config,
        Kind::Instance,
        Kind::Lambda,
        Kind::Pod,
        Kind::Service,
        Kind::Foreign,
        Kind::Federated,
        Kind::Root,
        Kind::Event,
    ];

    /// The name that `calls/*.txt` uses.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Human => "human",
            Kind::Ci => "ci",
            Kind::Config => "config",
            Kind::Instance => "instance",
            Kind::Lambda => "lambda",
            Kind::Pod => "pod",
            Kind::Service => "service",
            Kind::Foreign => "foreign",
            Kind::Federated => "federated",
            Kind::Root => "root",
            Kind::Event => "event",
        }
    }

    /// How many of 1,000 runs of events are this kind's, by day and by night (people
    /// sleep).
    pub fn share(self, night: bool) -> u64 {
        match self {
            Kind::Human if night => 20,
            Kind::Human => 140,
            Kind::Ci => 110,
            Kind::Config => 140,
            Kind::Instance => 220,
            Kind::Lambda => 120,
            Kind::Pod => 70,
            Kind::Service => 215,
            Kind::Foreign => 55,
            Kind::Federated => 8,
            Kind::Root => 5,
            Kind::Event => 10,
        }
    }

    /// Mean number of events in one go.
    pub fn run_length(self) -> u64 {
        match self {
            Kind::Ci | Kind::Config => 10,
            Kind::Human => 7,
            Kind::Foreign => 5,
            Kind::Instance | Kind::Lambda | Kind::Pod | Kind::Service => 4,
            Kind::Root => 3,
            Kind::Federated | Kind::Event => 1,
        }
    }
}

/// One caller.
#[derive(Clone, Debug)]
pub struct Actor {
    identity: Vec<IdentityPart>,
    /// ARN as error messages give it.
    pub arn: String,
    seed: u64,
    sessions: Sessions,
    pub address: Address,
    pub agent: Agent,
    /// Calls AWS's endpoints itself, so that `tlsDetails` are known.
    pub direct: bool,
    /// Uses the console, so events carry `sessionCredentialFromConsole`.
    pub console: bool,
    /// The VPC endpoint its calls go through.
    pub vpc_endpoint: Option<String>,
    event: bool,
}

/// How an actor's temporary keys follow each other.
#[derive(Clone, Copy, Debug)]
enum Sessions {
    /// A long-term key, or none.
    None,
    /// One after the other, each of so many seconds.
    Every(i64),
    /// One alone, from this second on.
    Since(i64),
}

/// Where calls come from.
#[derive(Clone, Debug)]
pub enum Address {
    Fixed(String),
    /// Another public address in each session.
    PerSession,
    /// Another private address in each session.
    PrivatePerSession,
}

#[derive(Clone, Debug)]
enum IdentityPart {
    Text(String),
    AccessKey,
    Created,
    SessionName,
}

/// A stretch of time in which an actor keeps its temporary key.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    seed: u64,
    created_s: i64,
}

impl Actor {
    fn new(seed: u64, arn: String, layout: &str) -> Self {
        Actor {
            identity: parts_of(layout),
            arn,
            seed,
            sessions: Sessions::None,
            address: Address::Fixed("AWS Internal".to_owned()),
            agent: Agent::Fixed("AWS Internal".to_owned()),
            direct: true,
            console: false,
            vpc_endpoint: None,
            event: false,
        }
    }

    /// A user of IAM with a long-term key, on an SDK or the command line.
    pub fn user(account: &str, name: &str, seed: u64) -> Self {
        let key = ids::access_key(true, derive(seed, salt("key")));
        let id = Actor::user_id(seed);
        let arn = format!("arn:aws:iam::{account}:user/{name}");
        let layout = format!(
            r#"{{"type":"IAMUser","principalId":"{id}","arn":"{arn}","accountId":"{account}","accessKeyId":"{key}","userName":"{name}"}}"#
        );
        let mut actor = Actor::new(seed, arn, &layout);
        let mut address = Vec::new();
        ids::push_address(&mut address, derive(seed, salt("address")));
        actor.address = Address::Fixed(String::from_utf8_lossy(&address).into_owned());
        actor.agent = sdk_agent(seed);
        actor
    }

    /// The long-term key of [`Actor::user`] with the same seed.
    pub fn user_key(seed: u64) -> String {
        ids::access_key(true, derive(seed, salt("key")))
    }

    /// The principal id of [`Actor::user`] with the same seed.
    pub fn user_id(seed: u64) -> String {
        ids::principal_id("AIDA", seed)
    }

    /// The principal id of a role, which it keeps whoever assumes it.
    pub fn role_id(account: &str, role: &str) -> String {
        ids::principal_id("AROA", derive(salt(account), salt(role)))
    }

    /// A user of IAM on the console.
    pub fn console_user(account: &str, name: &str, seed: u64) -> Self {
        let id = Actor::user_id(seed);
        let arn = format!("arn:aws:iam::{account}:user/{name}");
        let layout = format!(
            r#"{{"type":"IAMUser","principalId":"{id}","arn":"{arn}","accountId":"{account}","accessKeyId":"§key","userName":"{name}","sessionContext":{{"attributes":{{"creationDate":"§created","mfaAuthenticated":"true"}}}}}}"#
        );
        let mut actor = Actor::new(seed, arn, &layout);
        actor.sessions = Sessions::Every(8 * 3_600);
        actor.address = Address::PerSession;
        actor.on_console();
        actor
    }

    /// The account's root user, on the console.
    pub fn root(account: &str, seed: u64) -> Self {
        let arn = format!("arn:aws:iam::{account}:root");
        let layout = format!(
            r#"{{"type":"Root","principalId":"{account}","arn":"{arn}","accountId":"{account}","accessKeyId":"§key","sessionContext":{{"attributes":{{"creationDate":"§created","mfaAuthenticated":"true"}}}}}}"#
        );
        let mut actor = Actor::new(seed, arn, &layout);
        actor.sessions = Sessions::Every(3_600);
        actor.address = Address::PerSession;
        actor.on_console();
        actor
    }

    /// A session of a role. `session` may be `§session` for another name in each session.
    pub fn role(account: &str, role: &Role, session: &str, seed: u64) -> Self {
        let Role { path, name } = role;
        let id = Actor::role_id(account, name);
        let mfa = role.path.contains("sso.amazonaws.com");
        let delivery = if session.starts_with("i-") {
            r#","ec2RoleDelivery":"2.0""#
        } else {
            ""
        };
        let invoked_by = if role.is_linked() {
            r#","invokedBy":"AWS Internal""#
        } else {
            ""
        };
        let arn = format!("arn:aws:sts::{account}:assumed-role/{name}/{session}");
        let layout = format!(
            r#"{{"type":"AssumedRole","principalId":"{id}:{session}","arn":"{arn}","accountId":"{account}","accessKeyId":"§key","sessionContext":{{"sessionIssuer":{{"type":"Role","principalId":"{id}","arn":"arn:aws:iam::{account}:role{path}{name}","accountId":"{account}","userName":"{name}"}},"webIdFederationData":{{}},"attributes":{{"creationDate":"§created","mfaAuthenticated":"{mfa}"}}{delivery}}}{invoked_by}}}"#
        );
        let mut actor = Actor::new(seed, arn.replace("§session", "deploy"), &layout);
        actor.sessions = Sessions::Every(6 * 3_600);
        actor.direct = !role.is_linked();
        actor
    }

    /// A person in a role given by IAM Identity Center; on the console or the command line.
    pub fn sso(account: &str, role: &Role, email: &str, seed: u64) -> Self {
        let mut actor = Actor::role(account, role, email, seed);
        actor.sessions = Sessions::Every(8 * 3_600);
        actor.address = Address::PerSession;
        if derive(seed, salt("console")).is_multiple_of(2) {
            actor.on_console();
        } else {
            actor.agent = command_line_agent(seed);
        }
        actor
    }

    /// Somebody of another account, as the called account sees them.
    pub fn foreign(account: &str, seed: u64) -> Self {
        let id = ids::principal_id("AROA", seed);
        let layout = format!(
            r#"{{"type":"AWSAccount","principalId":"{id}:§session","accountId":"{account}"}}"#
        );
        let mut actor = Actor::new(seed, format!("arn:aws:iam::{account}:root"), &layout);
        actor.sessions = Sessions::Every(3_600);
        actor.address = Address::PerSession;
        actor.agent = sdk_agent(seed);
        actor
    }

    /// A Kubernetes service account or an employee with a token of an identity provider.
    pub fn federated(account: &str, region: &str, seed: u64) -> Self {
        let mut cluster = Vec::new();
        ids::push_upper(&mut cluster, derive(seed, 1) % 4, 32);
        let cluster = String::from_utf8_lossy(&cluster).into_owned();
        let subject = names::name(seed);
        let layout = if derive(seed, 2).is_multiple_of(4) {
            let person = names::person(seed);
            format!(
                r#"{{"type":"SAMLUser","principalId":"tarn-idp:{person}@corp.example","userName":"{person}@corp.example","identityProvider":"tarn-idp"}}"#
            )
        } else {
            let issuer = format!("oidc.eks.{region}.amazonaws.com/id/{cluster}");
            format!(
                r#"{{"type":"WebIdentityUser","principalId":"arn:aws:iam::{account}:oidc-provider/{issuer}:sts.amazonaws.com:system:serviceaccount:apps:{subject}","userName":"system:serviceaccount:apps:{subject}","identityProvider":"arn:aws:iam::{account}:oidc-provider/{issuer}"}}"#
            )
        };
        let mut actor = Actor::new(seed, subject, &layout);
        actor.sessions = Sessions::Every(3_600);
        actor.address = Address::PrivatePerSession;
        actor.agent = sdk_agent(seed);
        actor
    }

    /// An AWS service, by its host name.
    pub fn service(host: &str) -> Self {
        let layout = format!(r#"{{"type":"AWSService","invokedBy":"{host}"}}"#);
        let mut actor = Actor::new(salt(host), host.to_owned(), &layout);
        actor.address = Address::Fixed(host.to_owned());
        actor.agent = Agent::Fixed(host.to_owned());
        actor.direct = false;
        actor
    }

    /// Nobody: what a service reports by itself.
    pub fn event(account: &str, host: &str) -> Self {
        let layout = format!(r#"{{"accountId":"{account}","invokedBy":"{host}"}}"#);
        let mut actor = Actor::service(host);
        actor.identity = parts_of(&layout);
        actor.event = true;
        actor
    }

    /// Sends this actor's calls through a VPC endpoint from a private address.
    pub fn inside(mut self, endpoint_seed: u64) -> Self {
        let mut address = Vec::new();
        ids::push_private_address(&mut address, derive(self.seed, salt("address")));
        self.address = Address::Fixed(String::from_utf8_lossy(&address).into_owned());
        let mut endpoint = b"vpce-".to_vec();
        ids::push_long_hex(&mut endpoint, endpoint_seed, 17);
        self.vpc_endpoint = Some(String::from_utf8_lossy(&endpoint).into_owned());
        self
    }

    /// One session alone, begun at a second.
    pub fn since(mut self, created_s: i64) -> Self {
        self.sessions = Sessions::Since(created_s);
        self
    }

    /// Calls from somewhere, with something.
    pub fn from(mut self, address: Address, agent: Agent) -> Self {
        self.address = address;
        self.agent = agent;
        self
    }

    /// A user of `account` as another account sees them.
    pub fn seen_from_outside(mut self, account: &str) -> Self {
        let id = Actor::user_id(self.seed);
        self.identity = parts_of(&format!(
            r#"{{"type":"AWSAccount","principalId":"{id}","accountId":"{account}"}}"#
        ));
        self
    }

    /// Whether this is what a service reports by itself.
    pub fn is_event(&self) -> bool {
        self.event
    }

    /// Three of four clients speak TLS 1.3.
    pub fn speaks_tls13(&self) -> bool {
        !derive(self.seed, salt("tls")).is_multiple_of(4)
    }

    fn on_console(&mut self) {
        self.console = true;
        self.direct = false;
        self.agent = browser_agent(self.seed);
    }

    /// The session that `time_s` falls into.
    pub fn session(&self, time_s: i64) -> Session {
        let length_s = match self.sessions {
            Sessions::Every(length_s) => length_s,
            Sessions::None => {
                return Session {
                    seed: self.seed,
                    created_s: time_s,
                };
            }
            Sessions::Since(created_s) => {
                return Session {
                    seed: self.seed,
                    created_s,
                };
            }
        };
        // Sessions of different actors do not start together.
        let shift_s = (self.seed % length_s as u64) as i64;
        let slot = (time_s + shift_s).div_euclid(length_s);
        Session {
            seed: derive(self.seed, slot as u64),
            created_s: slot * length_s - shift_s,
        }
    }

    /// The key of the session that `time_s` falls into.
    pub fn session_key(&self, time_s: i64) -> String {
        ids::access_key(false, self.session(time_s).seed)
    }

    /// Appends the value of `userIdentity`.
    pub fn push_identity(&self, session: Session, out: &mut Vec<u8>) {
        for part in &self.identity {
            match part {
                IdentityPart::Text(text) => out.extend_from_slice(text.as_bytes()),
                IdentityPart::AccessKey => ids::push_access_key(out, false, session.seed),
                IdentityPart::Created => clock::push_iso(out, session.created_s),
                IdentityPart::SessionName => push_session_name(out, self.seed, session),
            }
        }
    }

    /// Appends the value of `sourceIPAddress`.
    pub fn push_address(&self, session: Session, out: &mut Vec<u8>) {
        match &self.address {
            Address::Fixed(text) => out.extend_from_slice(text.as_bytes()),
            Address::PerSession if session.seed.is_multiple_of(12) => {
                out.extend_from_slice(b"2001:db8:");
                ids::push_hex(out, session.seed >> 8, 3);
                out.push(b':');
                ids::push_hex(out, session.seed >> 20, 4);
                out.extend_from_slice(b"::");
                ids::push_hex(out, 0x100 | (session.seed >> 36 & 0xFFF), 3);
            }
            // Few places each, so that sessions of one actor share addresses.
            Address::PerSession => ids::push_address(out, derive(self.seed, session.seed % 5)),
            Address::PrivatePerSession => {
                ids::push_private_address(out, derive(self.seed, session.seed % 50));
            }
        }
    }
}

/// A role's name and the path before it.
#[derive(Clone, Debug)]
pub struct Role {
    pub path: String,
    pub name: String,
}

impl Role {
    pub fn new(path: &str, name: impl Into<String>) -> Self {
        Role {
            path: path.to_owned(),
            name: name.into(),
        }
    }

    /// A role that an AWS service holds in the account.
    fn is_linked(&self) -> bool {
        self.path.starts_with("/aws-service-role/")
    }
}

/// Session names as SDKs and pipelines make them.
fn push_session_name(out: &mut Vec<u8>, actor_seed: u64, session: Session) {
    match derive(actor_seed, salt("session")) % 3 {
        0 => {
            out.extend_from_slice(b"botocore-session-");
            ids::push_number(out, session.created_s.unsigned_abs());
        }
        1 => {
            out.extend_from_slice(b"GitHubActions-");
            ids::push_number(out, 9_000_000_000 + session.seed % 1_000_000_000);
        }
        _ => {
            ids::push_number(out, session.created_s.unsigned_abs());
            ids::push_number(out, 100_000_000 + session.seed % 900_000_000);
        }
    }
}

fn parts_of(layout: &str) -> Vec<IdentityPart> {
    let mut parts = Vec::new();
    let mut pieces = layout.split('§');
    parts.push(IdentityPart::Text(
        pieces.next().unwrap_or_default().to_owned(),
    ));
    for piece in pieces {
        let (part, text) = [
            ("key", IdentityPart::AccessKey),
            ("created", IdentityPart::Created),
            ("session", IdentityPart::SessionName),
        ]
        .into_iter()
        .find_map(|(name, part)| Some((part, piece.strip_prefix(name)?)))
        .expect("layouts are written in this file with these three holes");
        parts.push(part);
        parts.push(IdentityPart::Text(text.to_owned()));
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(actor: &Actor, time_s: i64) -> serde_json::Value {
        let mut out = Vec::new();
        actor.push_identity(actor.session(time_s), &mut out);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn a_session_keeps_its_key_until_it_ends() {
        let actor = Actor::role("111122223333", &Role::new("/", "app"), "i-0abc", 9);
        let start_s = actor.session(1_793_491_200).created_s;
        assert_eq!(
            identity(&actor, start_s),
            identity(&actor, start_s + 21_599)
        );
        let next = identity(&actor, start_s + 21_600);
        assert_ne!(
            identity(&actor, start_s)["accessKeyId"],
            next["accessKeyId"]
        );
        assert_eq!(actor.session_key(start_s + 21_600), next["accessKeyId"]);
    }

    #[test]
    fn identities_are_json_and_say_that_they_are_made_up() {
        let role = Role::new("/service/", "app");
        for actor in [
            Actor::user("111122223333", "ci", 1),
            Actor::console_user("111122223333", "ada", 2),
            Actor::role("111122223333", &role, "§session", 3),
            Actor::foreign("444455556666", 4),
        ] {
            let identity = identity(&actor, 1_793_491_200);
            assert!(identity["principalId"].as_str().unwrap()[4..].starts_with("TARN"));
        }
        for seed in 0..9 {
            assert!(identity(&Actor::federated("1", "eu-west-1", seed), 0)["type"].is_string());
        }
        assert_eq!(Actor::user_key(1).len(), 20);
    }
}
