//! Sessions of every kind, as CloudTrail logs them.

use serde_json::{Value, json};

const ALICE: &str = "AKIAALICE00000000000";
const JUMP: &str = "ASIAJUMP00000000000A";
const PROD: &str = "ASIAPROD00000000000A";

/// Events, a minute after each other unless they say another time.
#[derive(Default)]
pub struct Events(Vec<Value>);

/// An account has digits, a role an account.
fn account_of(role: &str) -> &'static str {
    match role {
        "Jump" => "222233334444",
        "Prod" | "Partner" => "333344445555",
        _ => "111122223333",
    }
}

fn role_id(role: &str) -> String {
    format!("AROA{:0<16}", role.to_uppercase())
}

fn user(name: &str, key: &str) -> Value {
    json!({
        "type": "IAMUser", "userName": name, "accountId": "111122223333", "accessKeyId": key,
        "arn": format!("arn:aws:iam::111122223333:user/{name}"),
        "principalId": format!("AIDA{:0<16}", name.to_uppercase()),
    })
}

fn role(role: &str, name: &str, key: &str, created: &str) -> Value {
    let account = account_of(role);
    json!({
        "type": "AssumedRole", "accountId": account, "accessKeyId": key,
        "arn": format!("arn:aws:sts::{account}:assumed-role/{role}/{name}"),
        "principalId": format!("{}:{name}", role_id(role)),
        "sessionContext": {
            "attributes": {"creationDate": created, "mfaAuthenticated": "false"},
            "sessionIssuer": {"type": "Role", "arn": format!("arn:aws:iam::{account}:role/{role}"),
                              "principalId": role_id(role), "accountId": account},
        },
    })
}

fn event(id: &str, time: &str, who: Value, name: &str) -> Value {
    json!({
        "eventID": id, "eventTime": time, "eventName": name, "userIdentity": who,
        "eventSource": "s3.amazonaws.com", "awsRegion": "us-east-1",
        "sourceIPAddress": "198.51.100.1", "userAgent": "aws-cli/2.31.0",
        "recipientAccountId": "111122223333",
    })
}

fn with(mut event: Value, members: Value) -> Value {
    for (name, value) in members.as_object().expect("an object") {
        event[name] = value.clone();
    }
    event
}

/// What a call that gives a role answers.
fn gives(role: &str, name: &str, key: &str) -> Value {
    let account = account_of(role);
    json!({
        "requestParameters": {"roleArn": format!("arn:aws:iam::{account}:role/{role}"), "roleSessionName": name},
        "responseElements": {
            "credentials": {"accessKeyId": key, "expiration": "May 1, 2026 11:00:00 AM"},
            "assumedRoleUser": {
                "arn": format!("arn:aws:sts::{account}:assumed-role/{role}/{name}"),
                "assumedRoleId": format!("{}:{name}", role_id(role)),
            },
        },
    })
}

/// A call that gives a role to whoever has a key.
pub fn assume(id: &str, by: &str, to: &str, name: &str, key: &str) -> Value {
    let created = "2026-05-01T09:00:00Z";
    let who = role(to, "before", by, created);
    with(
        event(id, "2026-05-01T09:00:00Z", who, "AssumeRole"),
        gives(to, name, key),
    )
}

pub fn call(id: &str, key: &str, of: &str, name: &str, action: &str) -> Value {
    let who = role(of, name, key, "2026-05-01T09:59:00Z");
    event(id, "2026-05-01T10:00:00Z", who, action)
}

impl Events {
    pub fn push(&mut self, event: Value) {
        self.0.push(event);
    }

    pub fn ndjson(&self) -> String {
        let lines = self.0.iter().map(|event| format!("{event}\n"));
        lines.collect()
    }

    /// A call of another account, as the account of the role logs it.
    fn as_seen_by(&mut self, id: &str, event: &Value, account: &str) {
        let caller = event["userIdentity"]["accountId"].clone();
        let who = json!({"type": "AWSAccount", "accountId": caller,
                         "principalId": event["userIdentity"]["principalId"]});
        let seen = json!({"eventID": id, "userIdentity": who, "recipientAccountId": account});
        self.push(with(event.clone(), seen));
    }

    pub fn story() -> Self {
        let mut events = Self::default();
        events.across_accounts();
        events.ends();
        events.console();
        events.untold();
        events
    }

    /// alice, with a second factor, takes Jump of another account, and with that Prod of a
    /// third.
    fn across_accounts(&mut self) {
        let to_jump = with(
            event(
                "assume-jump",
                "2026-05-01T10:00:00Z",
                user("alice", ALICE),
                "AssumeRole",
            ),
            gives("Jump", "alice", JUMP),
        );
        let mut to_jump = with(to_jump, json!({"sharedEventID": "shared-jump"}));
        to_jump["requestParameters"]["serialNumber"] = json!("arn:aws:iam::111122223333:mfa/alice");
        self.as_seen_by("assume-jump-seen", &to_jump, "222233334444");
        self.push(to_jump);

        let mut jumped = role("Jump", "alice", JUMP, "2026-05-01T10:00:00Z");
        jumped["sessionContext"]["attributes"]["mfaAuthenticated"] = json!("true");
        let to_prod = with(
            event("assume-prod", "2026-05-01T10:01:00Z", jumped, "AssumeRole"),
            gives("Prod", "deploy", PROD),
        );
        let shared = json!({"sharedEventID": "shared-prod", "recipientAccountId": "222233334444"});
        let to_prod = with(to_prod, shared);
        self.as_seen_by("assume-prod-seen", &to_prod, "333344445555");
        self.push(to_prod);

        for (n, error, region) in [
            (1, None, "us-east-1"),
            (2, Some("AccessDenied"), "us-east-1"),
            (3, Some("NoSuchBucket"), "eu-west-1"),
            (4, None, "us-east-1"),
        ] {
            let who = role("Prod", "deploy", PROD, "2026-05-01T10:01:00Z");
            let time = format!("2026-05-01T10:0{}:00Z", n + 1);
            let made = event(&format!("prod-{n}"), &time, who, "GetObject");
            let made = with(
                made,
                json!({"recipientAccountId": "333344445555", "awsRegion": region,
                "requestParameters": {"bucketName": "\u{1b}[2J"}}),
            );
            self.push(match error {
                Some(code) => with(made, json!({"errorCode": code, "errorMessage": "no"})),
                None => made,
            });
        }
    }

    /// Whom nobody gave anything.
    fn ends(&mut self) {
        let at = "2026-05-01T12:00:00Z";
        let saml = json!({"type": "SAMLUser", "principalId": "x:eve@corp.example", "userName": "eve@corp.example",
                          "identityProvider": "x"});
        let service = |name: &str| json!({"type": "AWSService", "invokedBy": name});
        for (id, who, name, of, session, key) in [
            (
                "saml",
                saml,
                "AssumeRoleWithSAML",
                "AWSReservedSSO_Admin_1",
                "eve@corp.example",
                "ASIASAML00000000000A",
            ),
            (
                "ec2",
                service("ec2.amazonaws.com"),
                "AssumeRole",
                "web",
                "i-0123456789abcdef0",
                "ASIAEC2000000000000A",
            ),
            (
                "lambda",
                service("lambda.amazonaws.com"),
                "AssumeRole",
                "fn",
                "resize",
                "ASIALAMBDA000000000A",
            ),
        ] {
            self.push(with(event(id, at, who, name), gives(of, session, key)));
            self.push(event(
                &format!("{id}-call"),
                at,
                role(of, session, key, at),
                "GetObject",
            ));
        }
        let unknown = role("app", "worker", "ASIAUNKNOWN00000000A", at);
        self.push(event("unknown", at, unknown, "GetObject"));
        let mut imds = role("web", "i-0fedcba9876543210", "ASIAIMDS00000000000A", at);
        imds["sessionContext"]["ec2RoleDelivery"] = json!("2.0");
        self.push(event("imds", at, imds, "GetObject"));

        let made = event("new-key", at, user("alice", ALICE), "CreateAccessKey");
        let answer = json!({"responseElements": {"accessKey":
            {"accessKeyId": "AKIANEW000000000000A", "userName": "mallory"}}});
        self.push(with(made, answer));
        self.push(event(
            "new-use",
            at,
            user("mallory", "AKIANEW000000000000A"),
            "GetObject",
        ));
        self.push(event(
            "odd",
            at,
            role("Odd", "a+b.c@d", "ASIAODD000000000000A", at),
            "GetObject",
        ));
    }

    /// carol signs in, and switches to a role an hour later.
    fn console(&mut self) {
        let (begun, switched) = ("2026-05-02T08:00:00Z", "2026-05-02T09:00:00Z");
        let mut carol = user("carol", "");
        carol
            .as_object_mut()
            .expect("an object")
            .remove("accessKeyId");
        let sign_in = json!({"eventType": "AwsConsoleSignIn", "responseElements": {"ConsoleLogin": "Success"},
                             "additionalEventData": {"MFAUsed": "Yes"}});
        self.push(with(event("login", begun, carol, "ConsoleLogin"), sign_in));
        let mut on_console = user("carol", "ASIACONSOLE00000000A");
        on_console["sessionContext"] =
            json!({"attributes": {"creationDate": begun, "mfaAuthenticated": "true"}});
        let clicked = event("clicked", "2026-05-02T08:10:00Z", on_console, "ListBuckets");
        self.push(with(
            clicked,
            json!({"sessionCredentialFromConsole": "true"}),
        ));

        let admin = role("Admin", "carol", "ASIASWITCH000000000A", switched);
        let mut switching = admin.clone();
        switching
            .as_object_mut()
            .expect("an object")
            .remove("accessKeyId");
        let switch = json!({"eventType": "AwsConsoleSignIn", "responseElements": {"SwitchRole": "Success"},
                            "additionalEventData": {"SwitchFrom": "arn:aws:iam::111122223333:user/carol"}});
        self.push(with(
            event("switch", switched, switching, "SwitchRole"),
            switch,
        ));
        self.push(event(
            "switched",
            "2026-05-02T09:05:00Z",
            admin,
            "ListBuckets",
        ));
    }

    /// What is missing, doubtful, or leads in a circle.
    fn untold(&mut self) {
        let at = "2026-05-03T12:00:00Z";
        let outside = json!({"type": "AWSAccount", "accountId": "999988887777", "principalId": "AIDAOUTSIDE000000000"});
        let partner = with(
            event("partner", at, outside, "AssumeRole"),
            gives("Partner", "x", "ASIASTRANGER0000000A"),
        );
        self.push(partner);
        self.push(event(
            "partner-call",
            at,
            role("Partner", "x", "ASIASTRANGER0000000A", at),
            "GetObject",
        ));

        let given = with(
            event("blank", at, user("alice", ALICE), "AssumeRole"),
            gives("Partner", "y", "ASIABLANK0000000000A"),
        );
        let given = with(given, json!({"sharedEventID": "shared-blank"}));
        self.as_seen_by("blank-seen", &given, "333344445555");
        self.push(with(given, json!({"responseElements": null})));
        self.push(event(
            "blank-call",
            at,
            role("Partner", "y", "ASIABLANK0000000000A", at),
            "GetObject",
        ));

        for (id, time, key) in [
            ("ops-far", "2026-05-03T13:01:30Z", "ASIAOPS100000000000A"),
            ("ops-near", "2026-05-03T12:59:40Z", "ASIAOPS200000000000A"),
            ("ops-before", "2026-05-03T12:00:00Z", "ASIAOPS300000000000A"),
        ] {
            let given = event(id, time, user("dave", "AKIADAVE000000000000"), "AssumeRole");
            self.push(with(given, gives("Ops", "bob", key)));
        }
        let doubt = role("Ops", "bob", "ASIADOUBT0000000000A", "2026-05-03T13:00:00Z");
        self.push(event("doubt", "2026-05-03T13:05:00Z", doubt, "GetObject"));

        let (a, b) = ("ASIALOOPA0000000000A", "ASIALOOPB0000000000A");
        let by = |name: &str, key: &str| role("Loop", name, key, at);
        self.push(with(
            event("loop-1", at, by("b", b), "AssumeRole"),
            gives("Loop", "a", a),
        ));
        self.push(with(
            event("loop-2", at, by("a", a), "AssumeRole"),
            gives("Loop", "b", b),
        ));
    }
}
