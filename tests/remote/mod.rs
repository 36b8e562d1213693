//! Every command both ways, over a directory and over a server of it: the same output,
//! byte for byte, the same exit status; and what only a server can do wrong.

use std::fmt::Write as _;
use std::io::{self, Read as _};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;

use regex::Regex;

use crate::support::served::Served;
use crate::support::shell::{Ended, Shell};

const EVENTS: &str = r#"
{"eventTime":"2026-05-01T00:00:00Z","eventID":"11111111-0000-0000-0000-000000000001","eventName":"CreateUser","eventSource":"iam.amazonaws.com","awsRegion":"us-east-1","sourceIPAddress":"198.51.100.7","userAgent":"aws-cli","userIdentity":{"type":"IAMUser","accountId":"111122223333","accessKeyId":"AKIAIOSFODNN7EXAMPLE","userName":"alice","arn":"arn:aws:iam::111122223333:user/alice"},"requestParameters":{"userName":"bob \"b\" é"},"recipientAccountId":"111122223333"}
{"eventTime":"2026-05-02T00:00:00Z","eventID":"11111111-0000-0000-0000-000000000002","eventName":"DeleteUser","eventSource":"iam.amazonaws.com","awsRegion":"us-east-1","errorCode":"AccessDenied","userIdentity":{"type":"IAMUser","accountId":"111122223333","accessKeyId":"AKIAIOSFODNN7EXAMPLE","userName":"alice","arn":"arn:aws:iam::111122223333:user/alice"},"recipientAccountId":"111122223333"}
{"eventTime":"2026-05-04T00:00:00Z","eventID":"11111111-0000-0000-0000-000000000003","eventName":"RunInstances","eventSource":"ec2.amazonaws.com","awsRegion":"eu-west-1","requestParameters":{"instancesSet":{"items":[{"minCount":1,"maxCount":2}]}},"recipientAccountId":"444455556666"}
{"eventTime":"2026-05-05T00:00:00Z","eventID":"11111111-0000-0000-0000-000000000004","eventName":"NoAccount"}
no JSON
"#;

/// The same id with another content.
const CONFLICT: &str = r#"{"eventTime":"2026-05-04T00:00:00Z","eventID":"11111111-0000-0000-0000-000000000003","eventName":"StopInstances","recipientAccountId":"444455556666"}"#;

const ACCOUNTS: &str =
    "id,name,ou\n111122223333,Shop Prod,Root/Prod\n444455556666,shop-dev,Root/Dev\n";

/// A directory with events, rejects, a conflict, accounts and a query that was saved.
fn with_events() -> Shell {
    let shell = Shell::new();
    shell.told(&["import", "-"], EVENTS);
    shell.told(&["import", "-"], CONFLICT).done();
    shell.told(&["accounts", "load", "-"], ACCOUNTS).done();
    let create = [
        "saved",
        "create",
        "by-name",
        "--param",
        "name",
        "--since",
        "2026-01-01",
    ];
    shell
        .tarn(
            &[
                &create[..],
                &["filter eventName = {{name}} | display eventID"],
            ]
            .concat(),
        )
        .done();
    shell
}

/// What is another one each time: how long it took.
fn masked(ended: Ended) -> Ended {
    let seconds = Regex::new(r#""seconds":[0-9.e-]+|in [0-9.]+ (ms|s|min), [0-9,]+ events/s"#);
    let seconds = seconds.expect("a pattern");
    Ended {
        out: seconds.replace_all(&ended.out, "TIME").into_owned(),
        ..ended
    }
}

/// Notes a command that says one thing here and another there.
fn compare(differ: &mut String, arguments: &[&str], remote: &Ended, local: &Ended) {
    if remote != local {
        let _ = writeln!(
            differ,
            "{arguments:?}\n  by a server {remote:?}\n  without one {local:?}"
        );
    }
}

/// What is read, well and wrongly, in every form.
const READS: &[&[&str]] = &[
    &[
        "query",
        "SELECT eventName, count(*) AS n FROM events GROUP BY 1 ORDER BY 1",
    ],
    &["query", "SELECT * FROM events ORDER BY eventID LIMIT 1"],
    &[
        "query",
        "fields eventName, requestParameters.userName | sort @timestamp asc",
        "-o",
        "table",
    ],
    &[
        "query",
        "fields eventName, awsRegion | sort @timestamp asc",
        "-o",
        "line",
    ],
    &[
        "query",
        "fields eventName, eventTime | sort @timestamp asc",
        "-o",
        "json",
    ],
    &[
        "query",
        "fields eventName | sort @timestamp asc",
        "-o",
        "csv",
    ],
    &[
        "query",
        "fields eventName | sort @timestamp asc",
        "-o",
        "tsv",
    ],
    &[
        "query",
        "fields @message | sort @timestamp asc",
        "-o",
        "raw",
    ],
    &[
        "query",
        "SELECT count(*) AS n FROM events",
        "--lang",
        "sql",
        "--tz",
        "Europe/Zurich",
    ],
    &[
        "query",
        "SELECT eventID FROM events ORDER BY 1",
        "--since",
        "2026-05-02",
        "--until",
        "2026-05-05",
    ],
    &[
        "query",
        "SELECT eventID FROM events ORDER BY 1",
        "--account",
        "Shop Prod",
    ],
    &[
        "query",
        "SELECT eventID FROM events ORDER BY 1",
        "--account",
        "ou:Dev",
        "--limit",
        "1",
    ],
    &[
        "query",
        "filter eventName = {{n}} | display eventID",
        "-p",
        "n=CreateUser",
    ],
    &["query", "filter eventName = {{n}}"],
    &["query", "filter eventName = 'Nothing'", "-e"],
    &["query", "SELECT evntName FROM events"],
    &["query", "SELECT *\nFROM events\nWHERE é = 'é' AND"],
    &["query", "fields eventName |\n| stats"],
    &["query", "SELECT 1 FROM nosuchstore"],
    &["query", "filter noSuchField = 1 | display eventID"],
    &["query", "SELECT 1/0 FROM events"],
    &["query", ""],
    &["query", "SELECT 1", "--since", "yesterdayish"],
    &[
        "query",
        "SELECT 1",
        "--since",
        "2026-05-02",
        "--until",
        "2026-05-01",
    ],
    &["query", "SELECT 1", "--tz", "Mars/North"],
    &["query", "SELECT 1", "--account", "nobody"],
    &["query", "SELECT 1 AS one FROM events", "--timeout", "never"],
    &[
        "query",
        "SELECT eventName FROM events WHERE awsRegion = 'us-east-1'",
        "--explain",
    ],
    &["search", "alice"],
    &["search", "alice", "-c"],
    &["search", "AKIAIOSFODNN7EXAMPLE", "-o", "line"],
    &["search", "nothinglikeit", "-e"],
    &["search", "(alice"],
    &["events", "get", "11111111-0000-0000-0000-000000000001"],
    &[
        "events",
        "get",
        "11111111-0000-0000-0000-000000000003",
        "--pretty",
    ],
    &[
        "events",
        "get",
        "11111111-0000-0000-0000-000000000001",
        "--account",
        "shop-dev",
    ],
    &[
        "events",
        "get",
        "none",
        "11111111-0000-0000-0000-000000000002",
    ],
    &["events", "get", "none", "--store", "nosuch"],
    &["fields"],
    &["fields", "bucket"],
    &["fields", "event*", "-o", "csv"],
    &["fields", "eventName", "--values", "3"],
    &["fields", "--store", "nosuch"],
    &["coverage"],
    &["coverage", "--days", "-o", "table"],
    &[
        "coverage",
        "--since",
        "2026-05-02",
        "--account",
        "Shop Prod",
    ],
    &["coverage", "--store", "nosuch"],
    &["stores", "list"],
    &["stores", "show", "default", "-o", "json"],
    &["stores", "show", "nosuch"],
    &["saved", "list", "--tag", "identity"],
    &["saved", "show", "by-name"],
    &["saved", "show", "by-nam"],
    &["saved", "run", "by-name", "-p", "name=DeleteUser"],
    &["saved", "run", "by-name"],
    &["saved", "run", "root-activity"],
    &["saved", "run", "nosuch"],
    &["saved", "export"],
    &["accounts", "list"],
    &["accounts", "list", "--store", "nosuch"],
    &["imports", "list"],
    &["imports", "show"],
    &["imports", "show", "1", "--files"],
    &["imports", "show", "99"],
    &["imports", "rejects"],
    &["imports", "rejects", "1", "--raw"],
    &["imports", "rejects", "99"],
    &["imports", "conflicts", "-o", "json"],
    &["session", "AKIAIOSFODNN7EXAMPLE"],
    &["session", "AKIAIOSFODNN7EXAMPLE", "-o", "json"],
    &["session", "nosuchsession"],
    &["session", "AKIAIOSFODNN7EXAMPLE", "--store", "nosuch"],
];

#[test]
fn what_is_read_is_the_same() {
    let shell = with_events();
    let served = Served::start(&shell.tarn, &shell.home.data());
    let mut differ = String::new();
    for arguments in READS {
        let local = masked(shell.tarn(arguments));
        let remote = masked(shell.over(&served.url, arguments, ""));
        compare(&mut differ, arguments, &remote, &local);
    }
    assert_eq!(differ, "");
    let arrow = [
        "query",
        "SELECT eventName FROM events ORDER BY 1",
        "-o",
        "arrow",
    ];
    let bytes = |place: [&str; 2]| {
        let tarn = Command::new(&shell.tarn).args(place).args(arrow).output();
        tarn.expect("it runs").stdout
    };
    let data = shell.home.data();
    let local = bytes(["--data", data.to_str().expect("UTF-8")]);
    assert!(!local.is_empty());
    assert_eq!(bytes(["--server", &served.url]), local);
}

/// What changes something, each time in a directory of its own that had all before it.
#[test]
fn what_is_changed_is_the_same() {
    let (local, remote) = (Shell::new(), Shell::new());
    let served = Served::start(&remote.tarn, &remote.home.data());
    // The server makes the store that an import would make.
    local.tarn(&["stores", "create", "default"]).done();
    let logs = local.home.logs();
    std::fs::create_dir_all(&logs).expect("a folder");
    std::fs::write(logs.join("a.json"), EVENTS).expect("written");
    std::fs::write(logs.join("b \"é\".json"), CONFLICT).expect("written");
    let logs = logs.to_str().expect("UTF-8");
    let accounts = "id,name\n111122223333,Shop\n";
    let saved = "[[query]]\nname = 'mine'\nlanguage = 'sql'\ntext = 'SELECT 1 AS one'\n";
    let changes: &[(&[&str], &str)] = &[
        (&["import", logs], ""),
        (&["import", logs], ""),
        (&["import", logs, "--force", "-o", "json"], ""),
        (&["import", "-", "--dry-run"], EVENTS),
        (&["import", "-", "--strict"], EVENTS),
        (&["import", "/no/such/path"], ""),
        (&["import", logs, "--store", "nosuch"], ""),
        (&["stores", "create", "second", "--retention", "90"], ""),
        (&["stores", "create", "second"], ""),
        (&["stores", "create", "a b"], ""),
        (
            &["stores", "update", "second", "--retention", "30", "--yes"],
            "",
        ),
        (&["stores", "update", "second"], ""),
        (&["stores", "update", "nosuch", "--retention", "30"], ""),
        (&["stores", "delete", "second"], ""),
        (&["stores", "delete", "second", "--yes"], ""),
        (&["stores", "restore", "second"], ""),
        (&["stores", "restore", "second"], ""),
        (&["accounts", "load", "-"], accounts),
        (&["accounts", "load", "-"], "id,name\nx,y\n"),
        (&["saved", "import", "-"], saved),
        (&["saved", "import", "-"], saved),
        (&["saved", "create", "mine", "SELECT 2"], ""),
        (
            &["saved", "create", "mine", "SELECT 2 AS two", "--replace"],
            "",
        ),
        (&["saved", "create", "broken", "SELECT FROM WHERE"], ""),
        (&["saved", "delete", "mine"], ""),
        (&["saved", "delete", "mine", "--yes"], ""),
        (&["saved", "delete", "mine", "--yes"], ""),
        (&["saved", "delete", "root-activity", "--yes"], ""),
        (&["query", "SELECT count(*) AS n FROM events"], ""),
        (&["imports", "rejects"], ""),
    ];
    let differs = Regex::new(
        r#"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|20\d\d-\d\d-\d\dT[0-9:.]+Z|[^" ]*(stdin[-0-9]*)"#,
    );
    let differs = differs.expect("a pattern");
    let mask = |ended: Ended| {
        let ended = masked(ended);
        Ended {
            out: differs.replace_all(&ended.out, "X").into_owned(),
            told: differs.replace_all(&ended.told, "X").into_owned(),
            ..ended
        }
    };
    let mut differ = String::new();
    for (arguments, stdin) in changes {
        let by_directory = mask(local.told(arguments, stdin));
        let by_server = mask(remote.over(&served.url, arguments, stdin));
        compare(&mut differ, arguments, &by_server, &by_directory);
    }
    assert_eq!(differ, "");
}

#[test]
fn places_are_not_mixed_up() {
    let shell = Shell::new();
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = nobody.local_addr().expect("it has one");
    drop(nobody);
    let gone = shell.over(&format!("http://{address}"), &["stores", "list"], "");
    assert_eq!(gone.status, 1);
    assert!(gone.told.contains("no server answers"), "{}", gone.told);
    let tls = shell.over("https://127.0.0.1:1", &["stores", "list"], "");
    assert!(tls.refused().contains("ssh -L"));
    let odd = shell.over("localhost:7070", &["stores", "list"], "");
    assert!(odd.refused().contains("http://127.0.0.1:7070"));
    let both = shell.tarn(&["--server", "http://127.0.0.1:1", "stores", "list"]);
    assert!(both.refused().contains("--data"));
    for command in [
        &["check"][..],
        &["reindex"],
        &["serve"],
        &["completions", "bash"],
    ] {
        let refused = shell.over("http://127.0.0.1:1", command, "").refused();
        assert!(refused.contains("--server"), "{command:?}: {refused}");
    }
    let of_environment = Command::new(&shell.tarn)
        .args(["completions", "bash"])
        .env("TARN_SERVER", "http://127.0.0.1:1")
        .output();
    assert!(of_environment.expect("it runs").status.success());
    let asked = Command::new(&shell.tarn)
        .args(["stores", "list"])
        .env("TARN_SERVER", format!("http://{address}"))
        .output();
    let told = asked.expect("it runs").stderr;
    assert!(String::from_utf8_lossy(&told).contains("no server answers"));
}

/// Something listens, and says what no Tarn says.
#[test]
fn what_is_no_tarn_is_not_believed() {
    let shell = Shell::new();
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        "220 mail.example.com ESMTP\r\n",
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it has one");
        let answering = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let _ = stream.read(&mut [0; 4096]);
            let _ = io::Write::write_all(&mut stream, answer.as_bytes());
        });
        let told = shell.over(&format!("http://{address}"), &["stores", "list"], "");
        answering.join().expect("no panic");
        assert_eq!((told.status, told.out.as_str()), (1, ""), "{answer}");
        assert!(told.told.contains("is no Tarn"), "{}", told.told);
    }
}

/// A server that is killed in the middle of an answer leaves an error, and not fewer rows.
#[test]
fn a_cut_answer_is_an_error() {
    let shell = Shell::new();
    shell.told(&["import", "-"], EVENTS);
    let mut served = Served::start(&shell.tarn, &shell.home.data());
    // More than what is buffered on the way.
    let query = "SELECT a.eventName, repeat('x', 2000) AS x FROM events a, events b, events c, \
                 events d, events e, events f, events g, events h";
    let mut child = Command::new(&shell.tarn)
        .args(["--server", &served.url, "query", query, "-o", "csv"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut out = child.stdout.take().expect("a pipe");
    let mut some = [0; 4096];
    out.read_exact(&mut some).expect("the first rows come");
    served.kill();
    io::copy(&mut out, &mut io::sink()).expect("it ends");
    let ended = child.wait_with_output().expect("it ends");
    let told = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{told}");
    assert!(told.contains("before its end"), "{told}");
}
