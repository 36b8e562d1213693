//! `tarn session`: every way in which credentials come to somebody, and every way in
//! which the events may not tell (`events`); and what a search shows (`search`).

mod events;
mod search;

use serde_json::{Value, json};

use self::events::{Events, assume, call};
use crate::support::shell::Shell;

fn shell() -> Shell {
    let shell = Shell::new();
    let events = Events::story();
    shell.told(&["import", "-"], &events.ndjson()).done();
    shell
}

fn session(shell: &Shell, id: &str) -> Value {
    shell.tarn(&["session", id, "-o", "json"]).json()
}

/// The links of a chain: how, and of whom.
fn chain(session: &Value) -> Vec<(String, String)> {
    let links = session["chain"].as_array().expect("a chain");
    let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
    let links = links.iter().map(|link| {
        let identity = &link["identity"];
        let whose = ["arn", "invokedBy", "principalId", "accountId"];
        let whose = whose.iter().find(|name| !identity[**name].is_null());
        let whose = whose.map_or(String::new(), |name| text(&identity[*name]));
        let (_, short) = whose.rsplit_once(':').unwrap_or(("", &whose));
        (text(&link["how"]), short.to_owned())
    });
    links.collect()
}

/// Asserts a chain, a line of `how whose` for each link.
#[track_caller]
fn assert_chain(shell: &Shell, id: &str, expected: &[&str]) -> Value {
    let session = session(shell, id);
    let links = chain(&session);
    let links: Vec<String> = links
        .iter()
        .map(|(how, whose)| format!("{how} {whose}"))
        .collect();
    assert_eq!(links, expected, "{id}: {session:#}");
    session
}

#[test]
fn roles_lead_through_accounts_to_a_user() {
    let shell = shell();
    let expected = [
        "given assumed-role/Prod/deploy",
        "given assumed-role/Jump/alice",
        "longTermKey user/alice",
    ];
    let session = assert_chain(&shell, "ASIAPROD00000000000A", &expected);
    let first = &session["chain"][0];
    assert_eq!(first["told"], "given by AssumeRole");
    assert_eq!(first["call"]["address"], "198.51.100.1");
    assert_eq!(
        first["call"]["account"], "222233334444",
        "as the caller's account logged it"
    );
    let second = &session["chain"][1];
    assert_eq!(
        second["secondFactor"],
        "arn:aws:iam::111122223333:mfa/alice"
    );
    assert_eq!(second["identity"]["mfa"], "true");

    assert_eq!(session["callCount"], 4);
    assert_eq!(
        (&session["failedCount"], &session["deniedCount"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(session["first"], "2026-05-01T10:02:00.000Z");
    assert_eq!(session["last"], "2026-05-01T10:05:00.000Z");
    assert_eq!(session["accounts"]["values"][0]["value"], "333344445555");
    assert_eq!(session["regions"]["count"], 2);
    let calls = session["calls"].as_array().expect("calls");
    let outcomes: Vec<&Value> = calls.iter().map(|call| &call["outcome"]).collect();
    assert_eq!(outcomes, ["done", "denied", "failed", "done"]);

    // The same session by everything that names it.
    for id in [
        "arn:aws:sts::333344445555:assumed-role/Prod/deploy",
        "Prod/deploy",
        "arn:aws:iam::333344445555:role/Prod",
        "AROAPROD000000000000:deploy",
        "AROAPROD000000000000",
        "shared-prod",
        "assume-prod",
        "prod-2",
    ] {
        let session = assert_chain(&shell, id, &expected);
        assert_eq!(session["callCount"], 4, "{id}");
    }
}

#[test]
fn what_a_session_obtained_is_followed() {
    let shell = shell();
    let session = session(&shell, "AKIAALICE00000000000");
    let onward = session["onward"].as_array().expect("credentials");
    let onward: Vec<(&Value, &Value, &Value)> = onward
        .iter()
        .map(|grant| (&grant["depth"], &grant["accessKeyId"], &grant["callCount"]))
        .collect();
    let expected = [
        (&json!(1), &json!("ASIAJUMP00000000000A"), &json!(1)),
        (&json!(2), &json!("ASIAPROD00000000000A"), &json!(4)),
        (&json!(1), &json!("AKIANEW000000000000A"), &json!(1)),
    ];
    assert_eq!(onward, expected);
}

#[test]
fn chains_end_where_nobody_gave_anything() {
    let shell = shell();
    for (id, expected) in [
        (
            "ASIASAML00000000000A",
            vec![
                "given assumed-role/AWSReservedSSO_Admin_1/eve@corp.example",
                "provider eve@corp.example",
            ],
        ),
        (
            "ASIAEC2000000000000A",
            vec![
                "given assumed-role/web/i-0123456789abcdef0",
                "workload ec2.amazonaws.com",
            ],
        ),
        (
            "ASIALAMBDA000000000A",
            vec![
                "given assumed-role/fn/resize",
                "service lambda.amazonaws.com",
            ],
        ),
        (
            "ASIAUNKNOWN00000000A",
            vec!["missing assumed-role/app/worker"],
        ),
        (
            "ASIAIMDS00000000000A",
            vec!["workload assumed-role/web/i-0fedcba9876543210"],
        ),
        (
            "AKIANEW000000000000A",
            vec!["keyCreated user/mallory", "longTermKey user/alice"],
        ),
        ("ASIACONSOLE00000000A", vec!["signedIn user/carol"]),
        (
            "ASIASWITCH000000000A",
            vec!["switched assumed-role/Admin/carol", "signedIn user/carol"],
        ),
    ] {
        assert_chain(&shell, id, &expected);
    }
    let console = session(&shell, "ASIASWITCH000000000A");
    assert_eq!(console["chain"][1]["secondFactor"], "Yes");
    let instance = session(&shell, "ASIAEC2000000000000A");
    let told = "ec2.amazonaws.com, for the instance i-0123456789abcdef0";
    assert_eq!(instance["chain"][1]["told"], told);
}

#[test]
fn what_the_events_do_not_tell_is_said() {
    let shell = shell();
    // Logged by the account of the role only.
    let stranger = assert_chain(
        &shell,
        "ASIASTRANGER0000000A",
        &[
            "given assumed-role/Partner/x",
            "missing AIDAOUTSIDE000000000",
        ],
    );
    let told = stranger["chain"][1]["told"].as_str().unwrap_or("");
    assert!(
        told.starts_with("somebody of account 999988887777"),
        "{told}"
    );

    // The caller's account logged it without the key.
    assert_chain(
        &shell,
        "ASIABLANK0000000000A",
        &["given assumed-role/Partner/y", "longTermKey user/alice"],
    );

    // No event names the key; two calls gave a session of the name about then.
    let doubtful = assert_chain(
        &shell,
        "ASIADOUBT0000000000A",
        &["givenByName assumed-role/Ops/bob", "longTermKey user/dave"],
    );
    let link = &doubtful["chain"][0];
    assert_eq!(link["call"]["eventId"], "ops-near");
    assert_eq!(link["candidates"].as_array().map(Vec::len), Some(1));
    assert_eq!(link["candidates"][0]["eventId"], "ops-far");
    let told = link["told"].as_str().unwrap_or("");
    assert!(told.starts_with("probably given by AssumeRole"), "{told}");
}

#[test]
fn chains_have_an_end() {
    let shell = shell();
    let expected = [
        "given assumed-role/Loop/a",
        "given assumed-role/Loop/b",
        "missing assumed-role/Loop/a",
    ];
    let around = assert_chain(&shell, "ASIALOOPA0000000000A", &expected);
    assert_eq!(
        around["chain"][2]["told"],
        "the chain leads back to this key"
    );

    let mut events = Events::default();
    for n in 0..30 {
        let (by, to) = (format!("ASIALONG{n:012}"), format!("ASIALONG{:012}", n + 1));
        events.push(assume(
            &format!("long-{n}"),
            &by,
            "Long",
            &n.to_string(),
            &to,
        ));
    }
    let last = format!("ASIALONG{:012}", 30);
    events.push(call("long-end", &last, "Long", "end", "GetObject"));
    shell.told(&["import", "-"], &events.ndjson()).done();
    let long = session(&shell, &last);
    let links = chain(&long);
    assert_eq!(links.len(), 16);
    assert_eq!(links[15].0, "missing");
    let told = "the chain is longer than what is followed";
    assert_eq!(long["chain"][15]["told"], told);
    let onward = session(&shell, "ASIALONG000000000000");
    assert_eq!(onward["onwardIsCut"], true);
}

#[test]
fn millions_of_calls_are_told_in_part() {
    let shell = Shell::new();
    let mut events = Events::default();
    for n in 0..3_000 {
        events.push(call(
            &format!("busy-{n}"),
            "ASIABUSY00000000000A",
            "Busy",
            "b",
            "GetObject",
        ));
    }
    shell.told(&["import", "-"], &events.ndjson()).done();
    let all = shell.tarn(&["session", "ASIABUSY00000000000A"]);
    assert!(
        all.told.contains("1,000 of 3,000 calls shown"),
        "{}",
        all.told
    );
    assert_eq!(all.rows().len(), 1000);
    let few = shell
        .tarn(&[
            "session",
            "ASIABUSY00000000000A",
            "--limit",
            "2",
            "-o",
            "json",
        ])
        .json();
    assert_eq!(few["calls"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        (&few["callCount"], &few["callsNotShown"]),
        (&json!(3000), &json!(2998))
    );
    let none = shell
        .tarn(&[
            "session",
            "ASIABUSY00000000000A",
            "--limit",
            "0",
            "-o",
            "json",
        ])
        .json();
    assert_eq!(none["callsNotShown"], 3000);
    let refused = shell
        .tarn(&["session", "ASIABUSY00000000000A", "--limit", "10001"])
        .refused();
    assert!(refused.contains("10000"), "{refused}");
}

/// Of a session that is told whole the calls are counted as they come, of another by the
/// engine.
#[test]
fn what_is_told_in_part_is_counted_as_what_is_told_whole() {
    let shell = shell();
    for id in [
        "ASIAPROD00000000000A",
        "AKIAALICE00000000000",
        "arn:aws:iam::111122223333:role/Ops",
        "AIDACAROL00000000000",
        "AROALOOP000000000000",
    ] {
        let whole = session(&shell, id);
        let part = ["session", id, "-o", "json", "--limit", "1"];
        let part = shell.tarn(&part).json();
        for (name, value) in whole.as_object().expect("an object") {
            match name.as_str() {
                "calls" => assert_eq!(value[0], part["calls"][0], "{id}"),
                "callsNotShown" => assert_eq!(*value, 0, "{id}"),
                _ => assert_eq!(*value, part[name], "{id}: {name}"),
            }
        }
    }
}

#[test]
fn times_and_accounts_narrow_it() {
    let shell = shell();
    let of = |options: &[&str]| {
        let command = ["session", "ASIAPROD00000000000A", "-o", "json"];
        shell.tarn(&[&command, options].concat()).json()
    };
    let later = of(&["--since", "2026-05-01T10:04:00Z"]);
    assert_eq!(later["callCount"], 2);
    assert_eq!(
        chain(&later).len(),
        3,
        "the chain is looked for at any time"
    );
    let other = of(&["--until", "2026-05-01T00:00:00Z"]);
    assert_eq!(
        (&other["callCount"], &other["first"]),
        (&json!(0), &Value::Null)
    );
    assert_eq!(chain(&other).len(), 3);
    // The account of the role alone: whoever assumed it is somebody of another one.
    let narrow = of(&["--account", "333344445555"]);
    assert_eq!(
        chain(&narrow).last().map(|(how, _)| how.as_str()),
        Some("missing")
    );
}

#[test]
fn what_is_no_session_is_told() {
    let shell = shell();
    for id in [
        "ASIANOBODY0000000000",
        "nothing",
        "Prod/nobody",
        "",
        "'; x",
        "a/[b",
    ] {
        let ended = shell.tarn(&["session", id]);
        assert_eq!(
            (ended.status, ended.out.as_str()),
            (1, ""),
            "{id}: {}",
            ended.told
        );
        assert!(
            ended.told.contains("no event is of"),
            "{id}: {}",
            ended.told
        );
    }
    let ended = shell.tarn(&["session", "x", "--store", "nowhere"]);
    assert_eq!(ended.status, 2, "{}", ended.told);
    // Letters that mean something in a pattern stand for themselves.
    assert_eq!(session(&shell, "Odd/a+b.c@d")["callCount"], 1);
    assert_eq!(shell.tarn(&["session", "Odd/aab.c@d"]).status, 1);
}

#[test]
fn a_report_is_read_by_people_and_lists_by_programs() {
    let shell = shell();
    let report = shell.tarn(&[
        "--color",
        "always",
        "session",
        "ASIAPROD00000000000A",
        "-o",
        "table",
    ]);
    let report = report.done();
    for part in [
        "role session Prod/deploy of account 333344445555",
        "4 calls, 2 failed, 1 of them denied",
        "  3. IAM user alice of account 111122223333, key AKIAALICE00000000000",
        "with the second factor arn:aws:iam::111122223333:mfa/alice",
        "\x1b[31m2026-05-01 10:03:00",
        "failed: NoSuchBucket",
    ] {
        assert!(report.contains(part), "{part}\n{report}");
    }
    assert!(
        !report.contains("\x1b[2J"),
        "what an event says does not act on the terminal"
    );
    let plain = shell
        .tarn(&["session", "ASIAPROD00000000000A", "-o", "table"])
        .done();
    assert!(!plain.contains('\x1b'), "{plain}");
    let csv = shell
        .tarn(&["session", "ASIAPROD00000000000A", "-o", "csv"])
        .done();
    assert_eq!(csv.lines().count(), 5);
    assert!(
        csv.starts_with("time,account,region,service,action,outcome,"),
        "{csv}"
    );
    let rows = shell.tarn(&["session", "ASIAPROD00000000000A"]).rows();
    assert_eq!(rows[1]["eventId"], "prod-2");
}
