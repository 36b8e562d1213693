//! `tarn search`: what a terminal shows, what a pipe gets, and what `-c`, `-l` and
//! `--list-files` count.

use super::shell;

#[test]
fn hits_are_shown_where_they_stand() {
    let shell = shell();
    let shown = shell
        .tarn(&[
            "search",
            "-o",
            "table",
            "ASIAPROD00000000000A",
            "accessdeni*",
        ])
        .done();
    assert_eq!(
        shown.lines().next(),
        Some(
            "2026-05-01 10:03:00  s3 GetObject  denied  deploy  198.51.100.1  333344445555  us-east-1  prod-2"
        )
    );
    assert!(
        shown.contains("\n    userIdentity.accessKeyId: ASIAPROD00000000000A\n"),
        "{shown}"
    );
    assert!(!shown.contains('\x1b'), "{shown}");

    let coloured = [
        "--color",
        "always",
        "search",
        "-o",
        "table",
        "asiaprod00000000000a",
    ];
    let coloured = shell.tarn(&coloured).done();
    let mark = "userIdentity.accessKeyId: \x1b[1;31mASIAPROD00000000000A\x1b[0m";
    assert!(coloured.contains(mark), "{coloured}");
    let given = "responseElements.credentials.accessKeyId: \x1b[1;31m";
    assert!(coloured.contains(given), "{coloured}");

    let piped = ["--color", "always", "search", "ASIAPROD00000000000A"];
    let piped = shell.tarn(&piped).rows();
    assert_eq!(piped.len(), 6);
    assert!(
        piped
            .iter()
            .all(|row| row["@message"].is_object() || row["@message"].is_string())
    );
    let query = shell
        .tarn(&["query", "-o", "table", "ASIAPROD00000000000A"])
        .done();
    assert!(
        query.contains("userIdentity.accessKeyId: ASIAPROD"),
        "{query}"
    );
}

#[test]
fn counts_accounts_and_files() {
    let shell = shell();
    assert_eq!(
        shell.tarn(&["search", "-c", "ASIAPROD00000000000A"]).done(),
        "6\n"
    );
    let accounts = shell.tarn(&["search", "-l", "ASIAPROD00000000000A"]).rows();
    assert_eq!(accounts.len(), 2);
    assert_eq!(
        (&accounts[0]["account"], &accounts[0]["events"]),
        (&"333344445555".into(), &5.into())
    );

    let logs = shell.home.path().join("logs");
    std::fs::create_dir_all(&logs).expect("made");
    let event = |n: u32| {
        format!(r#"{{"eventTime":"2026-05-01T00:00:0{n}Z","eventID":"f{n}","x":"needle"}}"#)
    };
    let (first, second) = (logs.join("a.json"), logs.join("b.json"));
    std::fs::write(&first, format!("{}\n{}\n", event(1), event(2))).expect("written");
    std::fs::write(&second, event(3)).expect("written");
    shell.tarn(&["import", logs.to_str().expect("text")]).done();
    let files = shell.tarn(&["search", "--list-files", "needle"]).rows();
    let files: Vec<(&str, u64)> = files
        .iter()
        .map(|row| {
            (
                row["file"].as_str().unwrap_or(""),
                row["events"].as_u64().unwrap_or(0),
            )
        })
        .collect();
    let name = |path: &std::path::Path| path.display().to_string();
    assert_eq!(
        files,
        [(name(&first).as_str(), 2), (name(&second).as_str(), 1)]
    );
    let both = shell.tarn(&["search", "-c", "--list-files", "needle"]);
    assert_eq!(both.status, 2);
}
