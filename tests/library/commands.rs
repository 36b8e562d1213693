//! `tarn saved`, as people and scripts use it: by the binary.

use std::path::Path;

use serde_json::Value;

use crate::support::shell::{Ended, Shell};

fn saved(shell: &Shell, arguments: &[&str]) -> Ended {
    saved_with(shell, arguments, "")
}

fn saved_with(shell: &Shell, arguments: &[&str], stdin: &str) -> Ended {
    shell.told(&[&["saved"], arguments].concat(), stdin)
}

fn file(shell: &Shell, name: &str, text: &str) -> String {
    let path = shell.home.path().join(name);
    std::fs::write(&path, text).expect("written");
    shown(&path)
}

fn shown(path: &Path) -> String {
    path.to_str().expect("text").to_owned()
}

const EVENTS: &str = r#"
{"eventTime":"2026-05-01T00:00:00Z","eventID":"1","eventName":"CreateUser","recipientAccountId":"111122223333","requestParameters":{"userName":"123"}}
{"eventTime":"2026-05-02T00:00:00Z","eventID":"2","eventName":"DeleteUser","recipientAccountId":"444455556666","requestParameters":{"userName":"eve"}}
"#;

#[test]
fn queries_are_saved_shown_asked_and_deleted() {
    let shell = Shell::new();
    // Built-in queries are there before anything else is.
    let built_in = saved(&shell, &["list", "--tag", "keys", "*rotat*"]).rows();
    assert!(built_in.is_empty(), "tags are no names: {built_in:?}");
    let built_in = saved(&shell, &["list", "--tag", "rotation"]).rows();
    assert!(
        built_in.iter().all(|row| row["builtIn"] == true),
        "{built_in:?}"
    );
    assert_eq!(built_in.len(), 2);
    assert!(!shell.home.data().exists(), "a list makes no directory");
    shell.told(&["import", "-"], EVENTS).done();

    let text = "filter requestParameters.userName = {{user}} and @timestamp >= {{from}}\n| display eventID";
    let create = [
        "create",
        "by-user",
        "--param",
        "user",
        "--param",
        "from:time=2026-01-01",
    ];
    let options = [
        "--title",
        "What a user did",
        "--tag",
        "own",
        "--since",
        "2026-01-01",
    ];
    let made = saved_with(&shell, &[create, options].concat(), text).rows();
    assert_eq!(made[0]["text"], text);
    assert_eq!(made[0]["builtIn"], false);
    let told = saved_with(&shell, &create, text).refused();
    assert!(told.contains("already; --replace overwrites it"), "{told}");

    let ids = |arguments: &[&str]| {
        let rows = saved(&shell, &[&["run", "by-user"], arguments].concat()).rows();
        let ids = rows.into_iter().map(|row| row["eventID"].to_string());
        ids.collect::<Vec<_>>()
    };
    assert_eq!(ids(&["-p", "user=123"]), ["\"1\""], "a text is a text");
    assert!(ids(&["-p", "user=123", "-p", "from=2026-05-02"]).is_empty());
    assert!(ids(&["-p", "user=123", "--since", "2026-05-02"]).is_empty());
    assert!(ids(&["-p", "user=123", "--account", "444455556666"]).is_empty());
    assert!(ids(&["-p", "user=\" or true or a = \""]).is_empty());
    let empty = saved(&shell, &["run", "by-user", "-p", "user=x", "-e"]);
    assert_eq!(empty.status, 4, "{}", empty.told);
    let plan = saved(&shell, &["run", "by-user", "-p", "user=123", "--explain"]).done();
    assert!(plan.contains("pushed predicate"), "{plan}");

    for (arguments, part) in [
        (
            &["run", "by-user"][..],
            "needs a value for its parameter `user`",
        ),
        (&["run", "by-user", "-p", "usr=1"], "did you mean `user`?"),
        (
            &["run", "by-user", "-p", "user=1", "-p", "from=x"],
            "of type time, and \"x\" is none",
        ),
        (&["run", "by-usr"], "did you mean `by-user`?"),
        (&["show", "nothing-like-it"], "`tarn saved list` shows all"),
        (&["create", "a b", "root"], "is no name for a saved query"),
        (&["create", "x", "SELECT nonsense("], "line 1, column"),
        (
            &["create", "x", "filter a = {{b}}"],
            "declare it with a type",
        ),
        (
            &["create", "x", "filter a = {{b}}", "--param", "b:date"],
            "there is no type \"date\"",
        ),
        (
            &["create", "x", "root", "--technique", "T1"],
            "no ATT&CK technique",
        ),
        (&["create", "x", "  "], "the query is empty"),
        (
            &["delete", "root-activity", "--yes"],
            "is built in and stays",
        ),
        (
            &["delete", "nobody", "--yes"],
            "there is no saved query `nobody`",
        ),
        (&["delete", "by-user"], "--yes goes on without asking"),
    ] {
        let told = saved(&shell, arguments).refused();
        assert!(told.contains(part), "{arguments:?}: {told}");
    }

    saved(&shell, &["create", "root-activity", "root"]).done();
    let hiding = saved(&shell, &["show", "root-activity"]).rows();
    assert_eq!(hiding[0]["language"], "search");
    saved(&shell, &["delete", "root-activity", "--yes"]).done();
    let again = saved(&shell, &["show", "root-activity"]).rows();
    assert_eq!(again[0]["builtIn"], true);
    saved(&shell, &["delete", "by-user", "--yes"]).done();
    assert!(saved(&shell, &["list", "--tag", "own"]).rows().is_empty());
}

#[test]
fn queries_go_through_files() {
    let shell = Shell::new();
    let told = saved(&shell, &["export"]).refused();
    assert!(told.contains("--built-in"), "{told}");

    let library = saved(&shell, &["export", "--built-in"]).done();
    let outcomes = |ended: Ended| {
        let mut outcomes: Vec<Value> = ended
            .rows()
            .into_iter()
            .map(|r| r["outcome"].clone())
            .collect();
        outcomes.dedup();
        outcomes
    };
    assert_eq!(
        outcomes(saved_with(&shell, &["import", "-"], &library)),
        ["created"]
    );
    assert_eq!(
        outcomes(saved_with(&shell, &["import", "-"], &library)),
        ["unchanged"]
    );
    assert_eq!(saved(&shell, &["export"]).done(), {
        let mut queries = tarn_query::saved::library().to_vec();
        queries.sort_by(|a, b| a.name.cmp(&b.name));
        tarn_query::saved::write(&queries)
    });

    // A folder with a file for each, of which one is changed.
    let folder = shown(&shell.home.path().join("queries"));
    saved(&shell, &["export", "--dir", &folder]).done();
    let path = Path::new(&folder).join("users-created.toml");
    let text = std::fs::read_to_string(&path).expect("a file");
    std::fs::write(&path, text.replace("since = \"30d\"", "since = \"90d\"")).expect("written");
    let told = saved(&shell, &["import", &folder]).refused();
    assert!(
        told.contains("other queries of these names already: users-created;"),
        "{told}"
    );
    let replaced = saved(&shell, &["import", "--replace", &folder]).rows();
    let replaced: Vec<_> = replaced
        .iter()
        .filter(|r| r["outcome"] == "replaced")
        .collect();
    assert_eq!(replaced.len(), 1);
    assert_eq!(replaced[0]["name"], "users-created");
    let shown_query = saved(&shell, &["show", "users-created"]).rows();
    assert_eq!(shown_query[0]["since"], "90d");

    // One that is wrong, and nothing of its file is saved.
    let query = |name: &str, text: &str| {
        format!("[[query]]\nname = \"{name}\"\nlanguage = \"insights\"\ntext = '{text}'\n")
    };
    let wrong = file(
        &shell,
        "wrong.toml",
        &(query("right", "limit 1") + &query("wrong", "limt 1")),
    );
    let told = saved(&shell, &["import", &wrong]).refused();
    assert!(told.contains("wrong.toml, `wrong`: "), "{told}");
    assert!(told.contains("line 1, column 1"), "{told}");
    assert!(
        saved(&shell, &["list", "right"])
            .rows()
            .iter()
            .all(|r| r["name"] != "right")
    );
    let twice = file(
        &shell,
        "twice.toml",
        &(query("two", "limit 1") + &query("two", "limit 2")),
    );
    let told = saved(&shell, &["import", &twice]).refused();
    assert!(
        told.contains("two of the queries to be saved are named \"two\""),
        "{told}"
    );
    let broken = file(&shell, "broken.toml", "[[query]]\nname = 5\n");
    let told = saved(&shell, &["import", &broken]).refused();
    assert!(
        told.contains("broken.toml: ") && told.contains("line 2"),
        "{told}"
    );
    let nothing = saved(&shell, &["import", "/nowhere.toml"]);
    assert_eq!(nothing.status, 1, "{}", nothing.told);
}
