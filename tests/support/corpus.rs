//! Events of our own writing, with everything that real ones have been seen to
//! do and everything that an index may trip over.
//!
//! A [`Corpus`] knows the truth about itself: which deliveries are one event
//! and which events are in conflict. Nothing is asked of the code under test
//! to say what it should have stored.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::random::Random;
use super::value::{Spelling, Value};

/// 2024-03-01T00:00:00Z. Events lie within a few minutes of it, so that many
/// share a second and ranges cut through them.
pub const START_MS: i64 = 1_709_251_200_000;
/// Seconds over which events spread.
pub const SECONDS: usize = 240;

/// Accounts as records name them: AWS's reserved ones, and what public logs hold.
pub const ACCOUNTS: &[&str] = &[
    "111122223333",
    "444455556666",
    "123456789012",
    "...",
    "YOUR_ACCOUNT_ID",
];
pub const NAMES: &[&str] = &[
    "GetObject",
    "PutObject",
    "ListBuckets",
    "AssumeRole",
    "ConsoleLogin",
    "RunInstances",
    "getObject",
];
pub const REGIONS: &[&str] = &["us-east-1", "eu-west-1", "ap-southeast-2"];
/// Texts that values are drawn from; predicates ask for the same ones.
pub const TEXTS: &[&str] = &[
    "",
    " ",
    "12",
    "12.0",
    "-7",
    "true",
    "null",
    "{}",
    "[]",
    "alice",
    "Alice",
    "alice@corp.example",
    "arn:aws:iam::111122223333:user/alice",
    "arn:aws:iam::111122223333:role/Admin",
    "s3.amazonaws.com",
    "10.0.0.0/8",
    "203.0.113.7",
    "AKIAIOSFODNN7EXAMPLE",
    "key AKIAIOSFODNN7EXAMPLE leaked",
    "0f3b2c1d-0000-4a4a-8b8b-0123456789ab",
    "Größe ☃ 東京",
    "İstanbul",
    "straße STRASSE",
    "tab\tline\nquote\"back\\slash",
    "control \u{1} and \u{0} nul",
    "e\u{301} é",
    "😀 emoji",
    "2024-03-01T00:01:00Z",
    "us-east-1",
    "a_b%c*d?e",
];
/// Digits of numbers: integers and floats on the same paths, beyond 2^53, at
/// and over the ends of i64, and spellings that no integer prints.
pub const NUMBERS: &[&str] = &[
    "0",
    "-0",
    "12",
    "-7",
    "12.0",
    "1.10",
    "1e3",
    "1E-2",
    "3.141592653589793238462643",
    "9007199254740993",
    "9007199254740992",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "123456789012345678901234567890",
    "1e400",
];
/// Keys: in both cases, with dots, NUL, control characters, brackets, blanks,
/// other scripts, digits, and the escape character itself.
pub const KEYS: &[&str] = &[
    "a",
    "A",
    "b",
    "b.c",
    "k[1]",
    "k[1].x",
    "nul\u{0}key",
    "one\u{1}key",
    "two words",
    "ключ",
    "0",
    "1",
    "back\\slash",
    "",
    "colon:slash/key",
    "eventName",
];

/// What an event is, whoever delivers it how.
#[derive(Debug, Clone)]
pub struct Content {
    pub time_ms: i64,
    /// The account that the record names; empty where it names none.
    pub account: String,
    pub event_id: Option<String>,
    pub value: Value,
}

/// A record as it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Index into [`Corpus::contents`].
    pub content: usize,
    pub bytes: Vec<u8>,
}

/// Events, and the records that deliver them, some of them repeatedly.
#[derive(Debug, Clone)]
pub struct Corpus {
    pub contents: Vec<Content>,
    pub deliveries: Vec<Delivery>,
}

impl Corpus {
    /// A corpus of `n` events; the same for the same seed.
    ///
    /// One event in eight is in conflict with another one: the same time,
    /// account and eventID, but something else in it. One record in five is
    /// delivered again in another spelling. Deliveries are in no order, so
    /// every file holds late events.
    pub fn new(seed: u64, n: usize) -> Self {
        let mut random = Random::new(seed);
        let mut contents: Vec<Content> = Vec::with_capacity(n);
        for i in 0..n {
            let base = match random.once_in(8) && i > 0 {
                true => Some(contents[random.below(i)].clone()),
                false => None,
            };
            let content = match base.filter(|b| b.event_id.is_some()) {
                Some(base) => in_conflict_with(base, i),
                None => content(&mut random, seed, i),
            };
            contents.push(content);
        }
        let mut deliveries = Vec::new();
        for (i, content) in contents.iter().enumerate() {
            deliveries.push(Delivery {
                content: i,
                bytes: content.value.spelled(Spelling::Plain),
            });
            while random.once_in(5) {
                let spelling = Spelling::Other(Random::new(random.below(1 << 30) as u64));
                deliveries.push(Delivery {
                    content: i,
                    bytes: content.value.spelled(spelling),
                });
            }
        }
        random.shuffle(&mut deliveries);
        Self {
            contents,
            deliveries,
        }
    }

    /// These contents, each delivered once.
    pub fn of(contents: Vec<Content>) -> Self {
        let deliver = |(i, content): (usize, &Content)| Delivery {
            content: i,
            bytes: content.value.spelled(Spelling::Plain),
        };
        Self {
            deliveries: contents.iter().enumerate().map(deliver).collect(),
            contents,
        }
    }

    /// The events each delivered once, in one spelling or another, those first that
    /// conflict with others.
    pub fn each_once(self, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut once = Self::of(self.contents);
        for delivery in &mut once.deliveries {
            if random.once_in(2) {
                let spelling = Spelling::Other(Random::new(random.below(1 << 30) as u64));
                delivery.bytes = once.contents[delivery.content].value.spelled(spelling);
            }
        }
        let mut deliveries = std::mem::take(&mut once.deliveries);
        random.shuffle(&mut deliveries);
        deliveries.sort_by_key(|d| is_without_conflict(&once.contents, d.content));
        Self { deliveries, ..once }
    }

    /// How many conflicts a store counts that holds all of it: of events with
    /// one time, account and eventID all but the first.
    pub fn conflicts(&self) -> usize {
        self.conflicts_among(0..self.contents.len())
    }

    /// The same of some of its contents.
    pub fn conflicts_among(&self, contents: impl IntoIterator<Item = usize>) -> usize {
        let contents: BTreeSet<usize> = contents.into_iter().collect();
        let mut groups: BTreeMap<(i64, &str, &str), usize> = BTreeMap::new();
        for content in contents.iter().map(|i| &self.contents[*i]) {
            if let Some(id) = &content.event_id {
                *groups
                    .entry((content.time_ms, &content.account, id))
                    .or_default() += 1;
            }
        }
        groups.values().map(|n| n - 1).sum()
    }

    /// Whether a content is delivered once and conflicts with none.
    pub fn is_alone(&self, content: usize) -> bool {
        let deliveries = self.deliveries.iter().filter(|d| d.content == content);
        deliveries.count() == 1 && is_without_conflict(&self.contents, content)
    }

    /// Which event each record's bytes deliver.
    pub fn by_bytes(&self) -> HashMap<&[u8], usize> {
        self.deliveries
            .iter()
            .map(|d| (d.bytes.as_slice(), d.content))
            .collect()
    }

    /// The deliveries in another order.
    pub fn shuffled(&self, seed: u64) -> Vec<Delivery> {
        let mut deliveries = self.deliveries.clone();
        Random::new(seed).shuffle(&mut deliveries);
        deliveries
    }
}

fn is_without_conflict(contents: &[Content], content: usize) -> bool {
    let this = &contents[content];
    let is_like = |other: &&Content| {
        other.time_ms == this.time_ms
            && other.account == this.account
            && other.event_id == this.event_id
    };
    contents.iter().filter(is_like).count() == 1
}

fn in_conflict_with(base: Content, i: usize) -> Content {
    let mut value = base.value;
    value.set("errorMessage", Value::text(format!("other content {i}")));
    Content { value, ..base }
}

fn content(random: &mut Random, seed: u64, i: usize) -> Content {
    let time_ms = START_MS + random.below(SECONDS) as i64 * 1000;
    let (time_ms, time) = spelled_time(random, time_ms);
    let account = random.pick(ACCOUNTS).to_string();
    let id = format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        random.below(1 << 32),
        seed & 0xFFFF,
        random.below(1 << 12),
        random.below(1 << 12),
        i
    );
    let mut value = Value::object([
        ("eventVersion", Value::text("1.11")),
        ("userIdentity", user_identity(random, &account)),
        ("eventTime", Value::text(time)),
        ("eventSource", Value::text("s3.amazonaws.com")),
        ("eventName", Value::text(*random.pick(NAMES))),
        ("awsRegion", Value::text(*random.pick(REGIONS))),
        ("sourceIPAddress", Value::text("203.0.113.7")),
        ("userAgent", Value::text(*random.pick(TEXTS))),
        ("requestParameters", Value::Null),
        ("responseElements", Value::Null),
        ("requestID", Value::text(format!("REQ{i:013X}{seed:04}"))),
        ("eventID", Value::text(&id)),
        ("readOnly", Value::Bool(random.once_in(2))),
        ("resources", resources(random)),
        ("eventType", Value::text("AwsApiCall")),
        ("managementEvent", Value::Bool(true)),
        ("recipientAccountId", Value::text(&account)),
        ("eventCategory", Value::text("Management")),
    ]);
    for part in [
        "requestParameters",
        "responseElements",
        "additionalEventData",
    ] {
        if !random.once_in(3) {
            value.set(part, any_value(random, 0));
        }
    }
    let mut content = Content {
        time_ms,
        account,
        event_id: Some(id),
        value,
    };
    if random.once_in(4) {
        make_odd(random, &mut content, i);
    }
    content
}

/// The same time as different producers write it.
fn spelled_time(random: &mut Random, time_ms: i64) -> (i64, String) {
    let second = (time_ms - START_MS) / 1000;
    let (minutes, seconds) = (second / 60, second % 60);
    match random.below(16) {
        0 => (
            time_ms + 250,
            format!("2024-03-01T00:{minutes:02}:{seconds:02}.250Z"),
        ),
        1 => (
            time_ms,
            format!("2024-03-01T02:{minutes:02}:{seconds:02}+02:00"),
        ),
        2 => (time_ms, format!("2024-03-01 00:{minutes:02}:{seconds:02}")),
        _ => (time_ms, format!("2024-03-01T00:{minutes:02}:{seconds:02}Z")),
    }
}

fn user_identity(random: &mut Random, account: &str) -> Value {
    let name = *random.pick(&["alice", "bob", "carol", "Größe"]);
    let mut identity = Value::object([
        (
            "type",
            Value::text(*random.pick(&["IAMUser", "AssumedRole", "Root", "AWSService"])),
        ),
        (
            "arn",
            Value::text(format!("arn:aws:iam::{account}:user/{name}")),
        ),
        ("accountId", Value::text(account)),
        ("userName", Value::text(name)),
    ]);
    if random.once_in(2) {
        identity.set(
            "accessKeyId",
            Value::text(format!("AKIAIOSFODNN{:08}", random.below(5))),
        );
    }
    if random.once_in(3) {
        let attributes = Value::object([
            (
                "mfaAuthenticated",
                Value::text(*random.pick(&["true", "false"])),
            ),
            ("creationDate", Value::text("2024-03-01T00:00:00Z")),
        ]);
        identity.set(
            "sessionContext",
            Value::object([("attributes", attributes)]),
        );
    }
    identity
}

fn resources(random: &mut Random) -> Value {
    let resource = |random: &mut Random| {
        let arn = Value::text(format!("arn:aws:s3:::bucket{}", random.below(4)));
        let mut resource = Value::object([("ARN", arn)]);
        match random.below(12) {
            0 => resource.set("ARN", any_value(random, 3)),
            1 => return any_value(random, 3),
            2 => {}
            3..5 => resource.set("accountId", Value::text("111122223333")),
            _ => resource.set("type", Value::text("AWS::S3::Bucket")),
        }
        resource
    };
    match random.below(5) {
        0 => Value::Null,
        1 => Value::Array(Vec::new()),
        n => Value::Array((0..n - 1).map(|_| resource(random)).collect()),
    }
}

/// A value of any kind; containers in containers down to five levels.
fn any_value(random: &mut Random, depth: usize) -> Value {
    match random.below(if depth < 5 { 16 } else { 10 }) {
        0 => Value::Null,
        1 => Value::Bool(random.once_in(2)),
        2 | 3 => Value::number(random.pick(NUMBERS)),
        4 if random.once_in(6) => Value::Text(long_text(random)),
        4..=9 => Value::text(*random.pick(TEXTS)),
        10 | 11 => {
            let n = random.below(4);
            Value::Array((0..n).map(|_| any_value(random, depth + 1)).collect())
        }
        _ => {
            // Keys repeat now and then: the last one counts.
            let n = random.below(5);
            Value::object((0..n).map(|_| (*random.pick(KEYS), any_value(random, depth + 1))))
        }
    }
}

/// Texts beyond what a column keeps, and beyond what tantivy keeps of a term or
/// of a column's text: in words and as one run, with characters of two bytes
/// across the places where something might cut.
fn long_text(random: &mut Random) -> String {
    match random.below(9) {
        0 => "word ".repeat(820) + "alice",
        1 => "x1".repeat(2100),
        2 => "x".repeat(4095) + "é",
        3 => "x".repeat(4096),
        4 => "é".repeat(2049),
        5 => "long Words ".repeat(6_000) + "tail12",
        6 => "a".repeat(65_534) + "éz",
        7 => "q7".repeat(32_800),
        _ => "AbC".repeat(40),
    }
}

fn make_odd(random: &mut Random, content: &mut Content, i: usize) {
    let value = &mut content.value;
    match random.below(12) {
        0 => {
            value.remove("eventID");
            content.event_id = None;
        }
        1 => {
            // No text, no id: the content identifies the event.
            value.set("eventID", Value::number(i));
            content.event_id = None;
        }
        2 => {
            let id = format!("{} {i}", random.pick(&["id", "ID with Blank", "☃", "..."]));
            value.set("eventID", Value::text(&id));
            content.event_id = Some(id);
        }
        3 => {
            value.remove("recipientAccountId");
            content.account.clear();
        }
        4 => {
            value.set("recipientAccountId", Value::number("111122223333"));
            content.account.clear();
        }
        5 => {
            value.set("awsRegion", Value::number(7));
        }
        6 => {
            let mut deep = Value::text("bottom");
            for level in 0..60 {
                deep = match level % 2 {
                    0 => Value::object([("a", deep)]),
                    _ => Value::Array(vec![deep]),
                };
            }
            value.set("requestParameters", deep);
        }
        7 => {
            let long = Value::object([("k".repeat(700), Value::text("under a long key"))]);
            value.set("responseElements", long);
        }
        8 => {
            // Repeated keys at the top, one of them a known field.
            if let Value::Object(members) = value {
                members.push(("eventName".into(), Value::text("SecondName")));
                members.push(("awsRegion".into(), Value::Null));
            }
        }
        9 => {
            for (key, odd) in [("readOnly", "true"), ("eventSource", "12")] {
                value.set(key, Value::text(odd));
            }
            value.set("eventName", Value::number("12"));
        }
        10 => {
            value.set("userIdentity", Value::text("not an object"));
            value.set(
                "resources",
                Value::object([("ARN", Value::text("no array"))]),
            );
        }
        _ => {
            // The same path as integer, float, text, boolean over the events.
            let kinds = [
                Value::number(i),
                Value::number(format!("{i}.5")),
                Value::text(i.to_string()),
                Value::Bool(true),
                Value::Array(vec![Value::number(i), Value::text("x"), Value::Null]),
            ];
            let mixed = random.pick(&kinds).clone();
            value.set("requestParameters", Value::object([("mixed", mixed)]));
        }
    }
}
