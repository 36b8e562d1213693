//! The made-up names of people, buckets, objects and parameters, appended to byte buffers.
//!
//! Like ids, they are pure functions of a seed. They are built from common words, and
//! addresses of people end in `.example`, so that none is anybody's.

use super::clock;
use super::ids::{ascii, push_hex, push_number, push_uuid};
use super::random::{Rng, derive};

const FIRST: [&str; 64] = [
    "orders",
    "billing",
    "checkout",
    "search",
    "catalog",
    "payments",
    "ledger",
    "invoice",
    "customer",
    "session",
    "profile",
    "image",
    "media",
    "report",
    "metrics",
    "audit",
    "export",
    "import",
    "stream",
    "event",
    "fraud",
    "risk",
    "pricing",
    "stock",
    "shipping",
    "delivery",
    "email",
    "notify",
    "webhook",
    "gateway",
    "edge",
    "cache",
    "feature",
    "model",
    "training",
    "inference",
    "batch",
    "nightly",
    "daily",
    "archive",
    "backup",
    "replica",
    "staging",
    "canary",
    "mobile",
    "web",
    "partner",
    "admin",
    "internal",
    "public",
    "legacy",
    "core",
    "shared",
    "platform",
    "network",
    "identity",
    "token",
    "config",
    "policy",
    "data",
    "lake",
    "warehouse",
    "graph",
    "index",
];

const SECOND: [&str; 64] = [
    "api",
    "worker",
    "service",
    "job",
    "queue",
    "topic",
    "table",
    "store",
    "loader",
    "writer",
    "reader",
    "sync",
    "proxy",
    "router",
    "handler",
    "processor",
    "scheduler",
    "consumer",
    "producer",
    "collector",
    "builder",
    "runner",
    "monitor",
    "scanner",
    "indexer",
    "cleaner",
    "resizer",
    "mailer",
    "uploader",
    "crawler",
    "bridge",
    "relay",
    "hub",
    "pool",
    "cluster",
    "fleet",
    "group",
    "stack",
    "pipeline",
    "flow",
    "task",
    "agent",
    "broker",
    "cron",
    "console",
    "portal",
    "dashboard",
    "vault",
    "registry",
    "mirror",
    "snapshot",
    "logs",
    "assets",
    "uploads",
    "results",
    "events",
    "metrics",
    "models",
    "features",
    "backups",
    "artifacts",
    "exports",
    "reports",
    "sessions",
];

const PERSONS: [&str; 40] = [
    "ada", "aiko", "amara", "anders", "bela", "bruno", "carmen", "chidi", "dana", "diego", "elif",
    "emil", "farah", "finn", "greta", "hana", "hugo", "ines", "ivan", "jana", "jonas", "kaya",
    "kofi", "lea", "liam", "mara", "mei", "nadia", "nils", "olga", "omar", "paula", "quinn",
    "rosa", "sami", "tara", "uma", "viktor", "yara", "zoe",
];

const TRAITS: [&str; 64] = [
    "max",
    "min",
    "default",
    "target",
    "source",
    "retention",
    "buffer",
    "batch",
    "retry",
    "timeout",
    "cache",
    "log",
    "access",
    "encryption",
    "network",
    "security",
    "storage",
    "scaling",
    "health",
    "window",
    "rate",
    "quota",
    "token",
    "endpoint",
    "replica",
    "backup",
    "snapshot",
    "schedule",
    "notification",
    "delivery",
    "transform",
    "filter",
    "partition",
    "shard",
    "index",
    "query",
    "result",
    "output",
    "input",
    "failure",
    "success",
    "error",
    "warm",
    "cold",
    "idle",
    "burst",
    "base",
    "upper",
    "lower",
    "primary",
    "secondary",
    "local",
    "global",
    "regional",
    "cross",
    "client",
    "server",
    "root",
    "tenant",
    "cost",
    "usage",
    "trace",
    "metric",
    "alarm",
];

/// None of these ends a key that requests have anyway, so that no key stands twice.
const NOUNS: [&str; 64] = [
    "Size",
    "Count",
    "Period",
    "Mode",
    "Policy",
    "Type",
    "Ratio",
    "Depth",
    "Scope",
    "Path",
    "Key",
    "Value",
    "Limit",
    "Threshold",
    "Percentage",
    "Seconds",
    "Minutes",
    "Days",
    "Enabled",
    "Disabled",
    "Version",
    "Format",
    "Level",
    "Class",
    "Tier",
    "Role",
    "Group",
    "Set",
    "List",
    "Map",
    "Tag",
    "Label",
    "Prefix",
    "Suffix",
    "Pattern",
    "Rule",
    "Action",
    "State",
    "Interval",
    "Reason",
    "Code",
    "Message",
    "Options",
    "Settings",
    "Config",
    "Spec",
    "Template",
    "Profile",
    "Strategy",
    "Behavior",
    "Priority",
    "Weight",
    "Order",
    "Offset",
    "Token",
    "Cursor",
    "Hash",
    "Digest",
    "Signature",
    "Owner",
    "Region",
    "Zone",
    "Domain",
    "Host",
];

/// Appends a readable name, as people give to functions, clusters or tables: `ledger-sync`,
/// `canary-api-7`.
pub fn push_name(out: &mut Vec<u8>, seed: u64) {
    let mut rng = Rng::new(seed);
    push_word(out, &mut rng);
    out.push(b'-');
    push_text(out, rng.pick(&SECOND));
    if rng.permille(400) {
        out.push(b'-');
        push_number(out, rng.between(1, 99));
    }
}

/// [`push_name`] as a string.
pub fn name(seed: u64) -> String {
    let mut out = Vec::with_capacity(24);
    push_name(&mut out, seed);
    ascii(out)
}

/// Appends one word.
pub fn push_word(out: &mut Vec<u8>, rng: &mut Rng) {
    push_text(out, rng.pick(&FIRST));
}

/// A person's short name.
pub fn person(seed: u64) -> String {
    let mut rng = Rng::new(seed);
    let first = rng.pick(&PERSONS).copied().unwrap_or_default();
    let initial = (b'a' + rng.below(26) as u8) as char;
    format!("{first}.{initial}{}", rng.below(90) + 10)
}

/// Appends a bucket's name: readable parts, and for some the tail that templates add.
pub fn push_bucket(out: &mut Vec<u8>, seed: u64, label: &str, region: &str) {
    let mut rng = Rng::new(seed);
    match rng.below(4) {
        0 => {
            push_name(out, rng.next());
            out.push(b'-');
            out.extend_from_slice(label.as_bytes());
            out.push(b'-');
            out.extend_from_slice(region.as_bytes());
        }
        1 => {
            push_name(out, rng.next());
            out.extend_from_slice(b"-bucket-");
            push_hex(out, rng.next(), 12);
        }
        2 => {
            out.extend_from_slice(b"example-");
            out.extend_from_slice(label.as_bytes());
            out.push(b'-');
            push_name(out, rng.next());
        }
        _ => {
            push_name(out, rng.next());
            out.extend_from_slice(b"-stack-");
            push_text(out, rng.pick(&SECOND));
            out.extend_from_slice(b"bucket");
            push_hex(out, rng.next(), 8);
        }
    }
}

/// Appends an object's key: log deliveries, partitioned tables, uploads, build artefacts.
/// Objects of one `place` lie together, as the files of one job do; `object` tells them
/// apart.
pub fn push_object_key(
    out: &mut Vec<u8>,
    place: u64,
    object: u64,
    account: &str,
    region: &str,
    time_s: i64,
) {
    let mut rng = Rng::new(place);
    match rng.below(10) {
        0..=3 => {
            out.extend_from_slice(b"AWSLogs/");
            out.extend_from_slice(account.as_bytes());
            let kind = rng.pick(&["vpcflowlogs", "elasticloadbalancing", "WAFLogs", "Config"]);
            out.push(b'/');
            push_text(out, kind);
            out.push(b'/');
            out.extend_from_slice(region.as_bytes());
            out.push(b'/');
            clock::push_date(out, time_s, "/");
            out.push(b'/');
            out.extend_from_slice(account.as_bytes());
            out.push(b'_');
            push_text(out, kind);
            out.push(b'_');
            out.extend_from_slice(region.as_bytes());
            out.push(b'_');
            clock::push_minute(out, time_s);
            out.push(b'_');
            push_hex(out, object, 8);
            out.extend_from_slice(b".log.gz");
        }
        4..=6 => {
            push_word(out, &mut rng);
            out.push(b'/');
            push_text(out, rng.pick(&SECOND));
            out.extend_from_slice(b"/dt=");
            clock::push_date(out, time_s, "-");
            out.extend_from_slice(b"/part-");
            push_number(out, 10_000 + object % 900);
            out.push(b'-');
            push_uuid(out, rng.next());
            out.extend_from_slice(b"-c000.snappy.parquet");
        }
        7 | 8 => {
            out.extend_from_slice(b"uploads/");
            push_hex(out, object, 16);
            out.push(b'/');
            push_word(out, &mut rng);
            push_text(
                out,
                rng.pick(&[".jpg", ".pdf", ".csv", ".json", " (1).png", ".zip"]),
            );
        }
        _ => {
            push_text(
                out,
                rng.pick(&["releases/", "builds/", "terraform/", "models/"]),
            );
            push_name(out, rng.next());
            out.push(b'/');
            push_number(out, object % 900);
            push_text(
                out,
                rng.pick(&["/artifact.tar.gz", "/terraform.tfstate", "/model.bin"]),
            );
        }
    }
}

/// Appends the `index`-th word of an endless vocabulary of parameter names: `retryLimit`,
/// `coldStorageTierMode` …; distinct for distinct indexes.
pub fn push_parameter(out: &mut Vec<u8>, index: u64) {
    let trait_of = |n: u64| TRAITS.get(n as usize % TRAITS.len()).copied();
    let noun_of = |n: u64| NOUNS.get(n as usize % NOUNS.len()).copied();
    // Neighbouring indexes should not share a first word, hence the odd multiplier; modulo
    // a power of two it is a bijection, so nothing collides.
    let turned = index.wrapping_mul(37) % 4_096;
    push_text(out, trait_of(turned).as_ref());
    push_text(out, noun_of(turned / 64).as_ref());
    let mut rest = index / 4_096;
    while rest > 0 {
        push_text(out, noun_of(rest - 1).as_ref());
        rest = (rest - 1) / 64;
    }
}

/// Appends the value that the `index`-th parameter has: its type depends on the index
/// alone, so a path is nearly always of one type, as in real events.
pub fn push_parameter_value(out: &mut Vec<u8>, index: u64, rng: &mut Rng) {
    match derive(index, 1) % 10 {
        0..=2 => push_number(out, rng.log_between(0, 4_000)),
        3 | 4 => push_text(
            out,
            Some(if rng.permille(600) { &"true" } else { &"false" }),
        ),
        5 => {
            push_text(out, Some(&"[\""));
            push_word(out, rng);
            push_text(out, Some(&"\",\""));
            push_word(out, rng);
            push_text(out, Some(&"\"]"));
        }
        6 => {
            out.extend_from_slice(b"{\"");
            push_parameter(out, derive(index, 2) % 4_096);
            out.extend_from_slice(b"\":");
            push_number(out, rng.below(100));
            out.push(b'}');
        }
        7 => {
            push_number(out, rng.below(100));
            out.push(b'.');
            push_number(out, rng.between(1, 9));
        }
        _ => {
            out.push(b'"');
            push_name(out, rng.below(5_000));
            out.push(b'"');
        }
    }
}

fn push_text(out: &mut Vec<u8>, text: Option<&&str>) {
    out.extend_from_slice(text.copied().unwrap_or_default().as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(push: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        push(&mut out);
        ascii(out)
    }

    #[test]
    fn parameters_never_collide() {
        let names: std::collections::HashSet<String> = (0..100_000)
            .map(|index| text(|out| push_parameter(out, index)))
            .collect();
        assert_eq!(names.len(), 100_000);
    }
}
