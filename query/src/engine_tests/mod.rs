//! Queries through the engine: what is pushed to the scan, what comes out, how it ends.

pub(crate) mod records;

use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::array::Array as _;
use datafusion::arrow::util::display::array_value_to_string;
use tarn_store::{AccountScope, ScanRequest, TimeOrder};

use self::records::{Records, column_names};
use crate::error::{Code, ErrorKind, QueryError};
use crate::language::Language;
use crate::request::QueryRequest;
use crate::results::{CsvWriter, ResultWriter};
use crate::{Engine, EngineOptions};

const RECORDS: [&str; 4] = [
    r#"{"eventTime":"2024-01-01T00:00:00Z","eventID":"1","eventName":"CreateUser","recipientAccountId":"111111111111","userIdentity":{"arn":"arn:aws:iam::111111111111:user/a","type":"IAMUser"},"readOnly":false,"requestParameters":{"userName":"mallory"}}"#,
    r#"{"eventTime":"2024-01-02T00:00:00Z","eventID":"2","eventName":"GetObject","recipientAccountId":"222222222222","userIdentity":{"arn":"arn:aws:iam::222222222222:user/b","type":"IAMUser"},"readOnly":true,"requestParameters":{"bucketName":"logs"}}"#,
    r#"{"eventTime":"2024-01-03T00:00:00Z","eventID":"3","eventName":"PutObject","recipientAccountId":"111111111111","userIdentity":{"type":"AWSService"},"requestParameters":{"bucketName":"data"},"errorCode":"AccessDenied"}"#,
    r#"{"eventTime":"2024-01-04T00:00:00Z","eventID":"4","eventName":"GetObject","userIdentity":{"arn":"arn:aws:iam::111111111111:user/a"},"requestParameters":null}"#,
];

fn request(text: &str) -> QueryRequest {
    QueryRequest::new(text, 1_704_400_000_000)
}

fn engine() -> (Engine, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = Engine::new(EngineOptions {
        memory_bytes: 64 << 20,
        threads: 2,
        spill_dir: folder.path().join("tmp"),
    });
    (engine.expect("starts"), folder)
}

fn run<T>(task: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(task)
}

/// The answer as CSV, and the last scan that was planned.
fn answer(request: &QueryRequest) -> Result<(String, Option<ScanRequest>), QueryError> {
    let (engine, _folder) = engine();
    let source = Records::new(&RECORDS);
    let rows = run(async {
        let mut stream = engine
            .query_source(Arc::clone(&source) as _, request)
            .await?;
        let mut out = Vec::new();
        let mut writer = CsvWriter::new(&mut out, &stream.schema, ',', false);
        while let Some(batch) = stream.next().await {
            writer.write(&batch?).expect("memory");
        }
        writer.finish().expect("memory");
        Ok::<_, QueryError>(String::from_utf8(out).expect("text"))
    })?;
    let last = source.requests.lock().last().cloned();
    Ok((rows, last))
}

fn csv(text: &str) -> String {
    let (rows, _) = answer(&request(text)).unwrap_or_else(|e| panic!("{text}: {}", e.render(text)));
    rows
}

fn scan(text: &str) -> ScanRequest {
    let answer = answer(&request(text)).unwrap_or_else(|e| panic!("{text}: {}", e.render(text)));
    answer.1.expect("a scan")
}

fn refused(text: &str) -> QueryError {
    answer(&request(text)).expect_err(text)
}

#[test]
fn rows_come_newest_first_and_stop_early() {
    let text = "SELECT eventID, eventName FROM events LIMIT 2";
    assert_eq!(csv(text), "eventID,eventName\n4,GetObject\n3,PutObject\n");
    let scan = scan(text);
    assert_eq!(
        (scan.order, scan.limit),
        (Some(TimeOrder::NewestFirst), Some(2))
    );
    assert_eq!(column_names(&scan).len(), 3, "{:?}", column_names(&scan));
    let oldest = csv("SELECT eventID FROM events ORDER BY eventTime LIMIT 1");
    assert_eq!(oldest, "eventID\n1\n");
}

/// More rows than a batch has, of which something is computed or asked that the scan
/// cannot do.
#[test]
fn computed_rows_come_newest_first() {
    let (engine, _folder) = engine();
    let records: Vec<String> = (0..6_000)
        .map(|n| {
            let (hour, minute, second) = (n / 3600, n / 60 % 60, n % 60);
            format!(
                r#"{{"eventTime":"2024-01-01T{hour:02}:{minute:02}:{second:02}Z","eventName":"Get{n:05}"}}"#
            )
        })
        .collect();
    let records: Vec<&str> = records.iter().map(String::as_str).collect();
    let names = |text: &str| {
        let source = Records::new(&records);
        run(async {
            let asked = request(text);
            let mut stream = engine.query_source(source as _, &asked).await?;
            let mut names = Vec::new();
            while let Some(batch) = stream.next().await {
                let column = Arc::clone(batch?.column(0));
                let shown = |row| array_value_to_string(&column, row).expect("text");
                names.extend((0..column.len()).map(shown));
            }
            Ok::<_, QueryError>(names)
        })
    };
    for (text, n) in [
        ("SELECT lower(eventName) FROM events", 6_000),
        ("SELECT lower(eventName) FROM events LIMIT 2000", 2_000),
        (
            "SELECT lower(eventName) FROM events WHERE length(concat(eventName, awsRegion)) IS NULL LIMIT 2000",
            2_000,
        ),
    ] {
        let newest: Vec<String> = (0..6_000)
            .rev()
            .take(n)
            .map(|n| format!("get{n:05}"))
            .collect();
        assert!(names(text).expect(text) == newest, "{text}");
    }
}

#[test]
fn rows_are_followed_oldest_first_and_nothing_else_is() {
    let followed = |text: &str| {
        answer(&QueryRequest {
            is_followed: true,
            ..request(text)
        })
    };
    for text in [
        "SELECT eventID FROM events WHERE eventName = 'GetObject'",
        "filter eventName = 'GetObject' | display eventID",
    ] {
        let (rows, _) = followed(text).unwrap_or_else(|e| panic!("{}", e.render(text)));
        assert_eq!(rows, "eventID\n2\n4\n");
    }
    for (text, obstacle) in [
        ("SELECT count(*) FROM events", "groups"),
        ("SELECT DISTINCT eventName FROM events", "repeated"),
        ("SELECT eventName FROM events ORDER BY 1", "orders"),
        ("fields eventName | limit 3", "limits"),
        ("EXPLAIN SELECT eventName FROM events", "explains"),
        (
            "SELECT eventName FROM events WHERE eventID IN (SELECT eventID FROM events)",
            "sets",
        ),
        ("SELECT row_number() OVER () FROM events", "others"),
        (
            "SELECT a.eventID FROM events a JOIN events b ON a.eventID = b.eventID",
            "joins",
        ),
    ] {
        let error = followed(text).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::Usage, "{text}");
        assert!(error.message.contains(obstacle), "{text}: {error}");
    }
}

#[test]
fn filters_and_times_are_pushed() {
    let text = "SELECT eventID FROM events WHERE eventTime >= '2024-01-02' AND eventTime < '2024-01-04' \
                AND userIdentity.type = 'IAMUser' AND readOnly";
    assert_eq!(csv(text), "eventID\n2\n");
    let scan = scan(text);
    assert_eq!(
        (scan.time.start_ms, scan.time.end_ms),
        (1_704_153_600_000, 1_704_326_400_000)
    );
    let predicate = scan.predicate.to_string();
    assert!(
        predicate.contains("userIdentity.type = \"IAMUser\""),
        "{predicate}"
    );
    assert!(predicate.contains("readOnly = \"true\""), "{predicate}");
    assert!(!predicate.contains("timestamp"), "{predicate}");
}

#[test]
fn access_reads_only_its_leaf() {
    let text = "SELECT userIdentity.arn AS who, count(*) AS n FROM events \
                WHERE element_at(requestParameters, 'bucketName') LIKE '%a%' \
                OR userIdentity.arn LIKE '%/a' GROUP BY userIdentity.arn ORDER BY who";
    let rows = csv(text);
    assert_eq!(rows, "who,n\narn:aws:iam::111111111111:user/a,2\n,1\n");
    let text = "SELECT e.userIdentity.arn FROM events e JOIN events f ON e.eventID = f.eventID \
                WHERE f.requestParameters.userName = 'mallory'";
    assert_eq!(csv(text), "arn\narn:aws:iam::111111111111:user/a\n");
}

#[test]
fn derived_tables_hand_leaves_on() {
    let text = "WITH x AS (SELECT * FROM events WHERE eventName = 'CreateUser') \
                SELECT userIdentity.arn FROM x WHERE requestParameters.userName = 'mallory'";
    assert_eq!(csv(text), "arn\narn:aws:iam::111111111111:user/a\n");
    let scan = scan(text);
    assert!(
        !column_names(&scan).contains("useridentity"),
        "{:?}",
        column_names(&scan)
    );
    let text = "SELECT eventID FROM events WHERE eventID IN \
                (SELECT eventID FROM events WHERE userIdentity.type = 'AWSService')";
    assert_eq!(csv(text), "eventID\n3\n");
    let text = "(SELECT userIdentity.type AS t FROM events EXCEPT SELECT 'IAMUser') UNION ALL SELECT 'x' ORDER BY t";
    assert_eq!(csv(text), "t\nAWSService\nx\n,\n".replace(",\n", "\n"));
}

#[test]
fn searches_in_sql_and_on_their_own() {
    assert_eq!(
        csv("SELECT eventID FROM events WHERE search('mallory')"),
        "eventID\n1\n"
    );
    let both = csv("SELECT eventID, search('get*') AS hit FROM events WHERE eventID > '2'");
    assert_eq!(both, "eventID,hit\n4,true\n3,false\n");
    let error = refused("SELECT search('x')");
    assert_eq!(error.code, Code::Unsupported);
    let error = refused("SELECT 1 FROM events WHERE search('a /(/')");
    assert_eq!(
        error
            .span
            .map(|span| span
                .of("SELECT 1 FROM events WHERE search('a /(/')")
                .to_owned())
            .as_deref(),
        Some("/(/")
    );
    let rows = csv("mallory");
    assert!(
        rows.starts_with("@timestamp,@message\n2024-01-01 00:00:00.000,"),
        "{rows}"
    );
}

#[test]
fn system_columns_are_there_and_not_in_a_star() {
    let rows =
        csv("SELECT \"@account\" AS a, count(*) AS n FROM events GROUP BY 1 ORDER BY 2 DESC, 1");
    assert_eq!(rows, "a,n\n111111111111,2\n222222222222,1\n,1\n");
    let rows = csv("SELECT e.\"@source\" FROM events e WHERE @account = '222222222222'");
    assert_eq!(rows, "@source\nfile#1\n");
    let header = csv("SELECT * FROM events LIMIT 0");
    assert!(!header.contains('@'), "{header}");
    assert!(
        header.ends_with("eventJson,eventJsonChecksum\n"),
        "{header}"
    );
}

#[test]
fn scopes_limits_and_time_hold() {
    let mut scoped = request("SELECT eventID FROM events");
    scoped.scope = AccountScope::Only(["111111111111".to_owned()].into());
    scoped.time.end_ms = 1_704_326_400_000;
    scoped.limit = Some(1);
    let (rows, scan) = answer(&scoped).expect("runs");
    assert_eq!(rows, "eventID\n3\n");
    assert_eq!(scan.and_then(|scan| scan.limit), Some(1));
}

#[test]
fn only_reading_is_possible() {
    for text in [
        "CREATE TABLE x AS SELECT 1",
        "DROP TABLE events",
        "COPY events TO '/tmp/x'",
        "INSERT INTO events VALUES (1)",
        "SET datafusion.execution.batch_size = 1",
        "SELECT 1; SELECT 2",
        "SELECT * INTO x FROM events",
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
    ] {
        let mut sql = request(text);
        sql.language = Language::Sql;
        let error = answer(&sql).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::Usage, "{text}: {error}");
    }
    for text in [
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM \"x.csv\"",
        "SELECT * FROM information_schema.tables",
    ] {
        let error = refused(text);
        assert!(
            matches!(error.code, Code::UnknownStore | Code::Syntax),
            "{text}: {error:?}"
        );
    }
}

#[test]
fn errors_point_and_suggest() {
    let text = "SELECT evntName FROM events";
    let error = refused(text);
    assert_eq!(
        (error.code, error.span.map(|s| s.of(text))),
        (Code::UnknownField, Some("evntName"))
    );
    assert_eq!(error.hint.as_deref(), Some("did you mean `eventName`?"));
    let error = refused("SELECT cuont(*) FROM events");
    assert_eq!(error.code, Code::UnknownFunction);
    let error = refused("SELECT 1 FROM nowhere");
    assert_eq!(error.code, Code::UnknownStore);
    let text = "SELECT 1 FROM events WHERE eventTime > 'soon'";
    let error = refused(text);
    assert_eq!(error.kind(), ErrorKind::Usage, "{error:?}");
    assert_eq!(error.span.map(|s| s.of(text)), Some("'soon'"), "{error:?}");
    let error = refused("SELECT userIdentity.nosuch FROM events");
    assert_eq!(error.code, Code::UnknownField, "{error:?}");
}

#[test]
fn explaining_shows_every_stage() {
    let (engine, _folder) = engine();
    let source = Records::new(&RECORDS);
    let asked = request("SELECT eventID FROM events WHERE eventName LIKE 'Get%'");
    let stages = run(engine.explain_source(source as _, &asked)).expect("explains");
    let names: Vec<&str> = stages.iter().map(|stage| stage.name).collect();
    for name in [
        "language",
        "syntax",
        "logical plan",
        "optimized plan",
        "pushed predicate",
        "scan",
        "physical plan",
    ] {
        assert!(names.contains(&name), "{name} of {names:?}");
    }
    let rows = csv("EXPLAIN SELECT eventID FROM events");
    assert!(rows.starts_with("stage,plan\nlanguage,sql\n"), "{rows}");
}

fn endless() -> Arc<Records> {
    let mut source = Arc::into_inner(Records::new(&RECORDS)).expect("only one");
    source.endless = true;
    Arc::new(source)
}

#[test]
fn a_query_ends_in_time_and_when_it_is_told() {
    let (engine, _folder) = engine();
    let text = "SELECT count(*) FROM events";
    let ended = |asked: QueryRequest| {
        run(async {
            let mut stream = engine.query_source(endless() as _, &asked).await?;
            let canceller = asked.cancel.clone();
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(100)).await;
                canceller.cancel();
            });
            stream
                .next()
                .await
                .unwrap_or(Err(QueryError::new(Code::Internal, "ended")))
        })
    };
    let error = ended(request(text)).expect_err("endless");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let mut timed = request(text);
    timed.timeout = Some(Duration::from_millis(30));
    assert_eq!(
        ended(timed).expect_err("endless").kind(),
        ErrorKind::TimedOut
    );
}

#[test]
fn too_much_memory_is_an_error_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = Engine::new(EngineOptions {
        memory_bytes: 100_000,
        threads: 2,
        spill_dir: folder.path().join("tmp"),
    });
    let engine = engine.expect("starts");
    let asked = request("SELECT array_agg(eventJson) FROM events");
    let error = run(async {
        let mut stream = engine.query_source(endless() as _, &asked).await?;
        stream
            .next()
            .await
            .unwrap_or(Err(QueryError::new(Code::Internal, "ended")))
    });
    assert_eq!(
        error.expect_err("endless").kind(),
        ErrorKind::MemoryExceeded
    );
}
