//! `tarn accounts`, and names wherever accounts are chosen: by the binary.

use serde_json::{Value, json};

use crate::support::shell::Shell;

const EVENTS: &str = r#"
{"eventTime":"2026-05-01T00:00:00Z","eventID":"1","eventName":"CreateUser","recipientAccountId":"111122223333"}
{"eventTime":"2026-05-02T00:00:00Z","eventID":"2","eventName":"DeleteUser","recipientAccountId":"111122223333"}
{"eventTime":"2026-05-03T00:00:00Z","eventID":"3","eventName":"DeleteUser","recipientAccountId":"444455556666"}
{"eventTime":"2026-05-04T00:00:00Z","eventID":"4","eventName":"DeleteUser","recipientAccountId":"777788889999"}
{"eventTime":"2026-05-05T00:00:00Z","eventID":"5","eventName":"DeleteUser"}
"#;

const ACCOUNTS: &str = "\
status,id,name,ou
ACTIVE,111122223333,Shop Prod,Root/Prod
ACTIVE,444455556666,shop-dev,Root/Dev
SUSPENDED,999999999999,old,Root/Dev/Old
";

fn with_events() -> Shell {
    let shell = Shell::new();
    shell.told(&["import", "-"], EVENTS).done();
    shell
}

fn with_accounts() -> Shell {
    let shell = with_events();
    shell.told(&["accounts", "load", "-"], ACCOUNTS).done();
    shell
}

/// The ids of the events that a query of these options gives.
fn ids_of(shell: &Shell, options: &[&str]) -> String {
    let query = [
        "query",
        "fields eventID | sort eventID asc | display eventID",
    ];
    let rows = shell.tarn(&[&query, options].concat()).rows();
    let ids = rows.iter().filter_map(|row| row["eventID"].as_str());
    ids.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_list_is_loaded_and_shown_beside_the_events() {
    let shell = with_events();
    let before = shell.tarn(&["accounts", "list"]).rows();
    let ids: Vec<&Value> = before.iter().map(|row| &row["id"]).collect();
    assert_eq!(
        ids,
        [
            &json!("111122223333"),
            &json!("444455556666"),
            &json!("777788889999"),
            &Value::Null
        ]
    );
    assert_eq!(before[0]["name"], Value::Null);

    assert_eq!(shell.told(&["accounts", "load", "-"], ACCOUNTS).done(), "");
    let listed = shell.tarn(&["accounts", "ls"]).rows();
    let first = json!({
        "id": "111122223333", "name": "Shop Prod", "ou": "Root/Prod", "status": "ACTIVE",
        "events": 2, "first": "2026-05-01T00:00:00.000Z", "last": "2026-05-02T00:00:00.000Z",
    });
    assert_eq!(listed[0], first);
    let names: Vec<&Value> = listed.iter().map(|row| &row["name"]).collect();
    assert_eq!(
        names,
        [
            &json!("Shop Prod"),
            &json!("shop-dev"),
            &Value::Null,
            &json!("old"),
            &Value::Null
        ]
    );
    assert_eq!(
        (&listed[3]["events"], &listed[3]["first"]),
        (&json!(0), &Value::Null)
    );
    let csv = shell.tarn(&["accounts", "list", "-o", "csv"]).done();
    assert!(
        csv.starts_with("id,name,ou,status,events,first,last\n"),
        "{csv}"
    );

    // What AWS prints takes its place, from a file.
    let path = shell.home.path().join("accounts.json");
    let json = r#"{"Accounts": [{"Id": "444455556666", "Name": "dev", "Status": "ACTIVE", "Arn": "arn:x"}]}"#;
    std::fs::write(&path, json).expect("written");
    let path = path.to_str().expect("text");
    shell.tarn(&["accounts", "load", path]).done();
    let listed = shell.tarn(&["accounts", "list"]).rows();
    let known = listed.iter().filter(|row| !row["name"].is_null());
    assert_eq!(
        known.map(|row| &row["name"]).collect::<Vec<_>>(),
        [&json!("dev")]
    );

    let nowhere = shell
        .tarn(&["accounts", "list", "--store", "nowhere"])
        .refused();
    assert!(nowhere.contains("nowhere"), "{nowhere}");
}

#[test]
fn a_list_may_come_before_the_first_event() {
    let shell = Shell::new();
    shell.told(&["accounts", "load", "-"], ACCOUNTS).done();
    let listed = shell.tarn(&["accounts", "list"]).rows();
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().all(|row| row["events"] == 0), "{listed:?}");
}

#[test]
fn what_is_no_list_is_refused_and_changes_nothing() {
    let shell = with_accounts();
    for (text, why) in [
        ("", "stdin: there is nothing in it"),
        ("id,name\n1,a\n2,\n", "stdin: line 2: \"1\" is no id"),
        ("id,name\n1,a\n2,\n", "stdin: line 3: \"2\" is no id"),
        (
            "[{\"id\":\"111122223333\"}]",
            "line 1, column 2: the account 111122223333 has no name",
        ),
        ("{\"Accounts\": [}", "line 1, column 15"),
        ("hello\n", "line 1: a CSV with a header is asked for"),
    ] {
        let told = shell.told(&["accounts", "load", "-"], text).refused();
        assert!(told.contains(why), "{text:?}: {told}");
    }
    let missing = shell.tarn(&["accounts", "load", "no-such-file"]);
    assert_eq!(missing.status, 1);
    assert!(
        missing.told.contains("cannot read no-such-file"),
        "{}",
        missing.told
    );
    assert_eq!(ids_of(&shell, &["--account", "shop prod"]), "1 2");
}

#[test]
fn accounts_are_chosen_by_id_name_and_unit() {
    let shell = with_accounts();
    for (accounts, ids) in [
        (&["111122223333"][..], "1 2"),
        (&["Shop Prod"], "1 2"),
        (&["SHOP PROD", "444455556666"], "1 2 3"),
        (&["Root/Dev"], "3"),
        (&["ou:Prod"], "1 2"),
        (&["prod"], "1 2"),
        (&["root"], "1 2 3"),
        (&["777788889999"], "4"),
        (&["123456789012"], ""),
        (&["ou:old"], ""),
        (&[""], "5"),
    ] {
        let options = accounts.iter().flat_map(|account| ["--account", account]);
        let options: Vec<&str> = options.collect();
        assert_eq!(ids_of(&shell, &options), ids, "{accounts:?}");
    }
    let prod = ["--account", "ou:Prod"];
    let count = shell.tarn(&[&["search", "-c", "DeleteUser"][..], &prod].concat());
    assert_eq!(count.done(), "1\n");
    let event = shell
        .tarn(&[&["events", "get", "2"][..], &prod].concat())
        .done();
    assert!(event.contains("DeleteUser"), "{event}");
    let other = shell.tarn(&[&["events", "get", "3"][..], &prod].concat());
    assert_eq!(other.status, 1);
    let fields = shell
        .tarn(&[&["fields", "eventID"][..], &prod].concat())
        .rows();
    assert_eq!(fields[0]["events"], 2);
    let coverage = shell.tarn(&[&["coverage"][..], &prod].concat()).rows();
    assert_eq!(coverage.len(), 1);
    assert_eq!(coverage[0]["account"], "111122223333");
    let saved = ["saved", "run", "root-activity", "--since", "2026-01-01"];
    let account = ["--account", "Shop Prod"];
    shell.tarn(&[&saved[..], &account].concat()).done();
    let account = ["--account", "Shop Pord"];
    let refused = shell.tarn(&[&saved[..], &account].concat());
    assert!(refused.refused().contains("Shop Prod"));
}

#[test]
fn unknown_accounts_are_refused_with_the_nearest() {
    let shell = with_accounts();
    let commands: [&[&str]; 6] = [
        &["query", "fields eventID"],
        &["search", "DeleteUser"],
        &["search", "-l", "DeleteUser"],
        &["events", "get", "1"],
        &["fields"],
        &["coverage"],
    ];
    for command in commands {
        let told = shell
            .tarn(&[command, &["--account", "shop-dve"]].concat())
            .refused();
        assert!(
            told.contains("no account or organizational unit `shop-dve`"),
            "{told}"
        );
        assert!(told.contains("did you mean `shop-dev`?"), "{told}");
    }
    let bare = with_events();
    let told = bare
        .tarn(&["query", "fields eventID", "--account", "shop-dev"])
        .refused();
    assert!(told.contains("tarn accounts load FILE"), "{told}");
    // An id needs no list.
    assert_eq!(ids_of(&bare, &["--account", "444455556666"]), "3");
}

#[test]
fn names_are_asked_for_in_both_languages() {
    let shell = with_accounts();
    let sql = "SELECT accountName, count(*) AS n FROM events GROUP BY accountName ORDER BY n DESC, accountName";
    let rows = shell.tarn(&["query", sql]).rows();
    let expected = [
        json!({"accountName": "Shop Prod", "n": 2}),
        json!({"accountName": null, "n": 2}),
        json!({"accountName": "shop-dev", "n": 1}),
    ];
    assert_eq!(rows, expected);
    let insights = "filter accountName = 'shop-dev' | display accountName, eventID";
    let rows = shell.tarn(&["query", insights]).rows();
    assert_eq!(rows, [json!({"accountName": "shop-dev", "eventID": "3"})]);
    let count = shell
        .tarn(&["search", "-c", "accountName:shop*", "DeleteUser"])
        .done();
    assert_eq!(count, "2\n");
    let explained = shell.tarn(&["query", "--explain", insights]).done();
    assert!(
        explained.contains("@account in {\"444455556666\"}"),
        "{explained}"
    );
}
