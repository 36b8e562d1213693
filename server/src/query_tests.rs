//! Queries through the routes: forms, headers, jobs, limits, and clients that hang up.

use std::net::SocketAddr;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use tarn_query::{EngineOptions, QueryRequest, Tz};
use tarn_store::WriteOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower::ServiceExt;

use crate::{Limits, ServerState, Settings, router, serve};

const N_EVENTS: usize = 300;

/// Pairs of pairs of events, which takes longer than any test waits.
const ENDLESS: &str = "SELECT count(*) AS n FROM events a \
    JOIN events b ON a.eventName < b.eventName JOIN events c ON b.eventName < c.eventName \
    JOIN events d ON c.eventName < d.eventName JOIN events e ON d.eventName < e.eventName";

struct World {
    state: ServerState,
    _folder: tempfile::TempDir,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl World {
    /// A server that holds some events.
    async fn new(limits: Limits) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let options = WriteOptions {
            threads: 1,
            memory_bytes: 64 << 20,
            clock: || 1_780_272_000_000,
            on_step: None,
        };
        let settings = Settings {
            engine: EngineOptions {
                memory_bytes: 64 << 20,
                threads: 2,
                spill_dir: folder.path().join("tmp"),
            },
            store: "default".to_owned(),
            zone: Tz::UTC,
            timeout_max: Duration::from_secs(60),
            limits,
            clock: || 1_780_272_000_000,
        };
        let state = ServerState::open(folder.path(), &options, settings).expect("a server");
        let world = Self {
            state,
            _folder: folder,
        };
        let events: Vec<Value> = (0..N_EVENTS)
            .map(|n| {
                json!({
                    "eventTime": format!("2026-05-01T00:{:02}:{:02}Z", n / 60, n % 60),
                    "eventID": format!("id-{n}"),
                    "eventName": format!("Get{n:04}"),
                })
            })
            .collect();
        let pushed = world
            .post("/v1/events", &json!({ "Records": events }), &[])
            .await;
        assert_eq!(pushed.status, StatusCode::OK, "{}", pushed.text());
        world
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = router(self.state.clone()).oneshot(request).await;
        let (head, body) = response.expect("an answer").into_parts();
        Answer {
            status: head.status,
            headers: head.headers,
            body: to_bytes(body, 64 << 20).await.expect("a body"),
        }
    }

    async fn post(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::post(path)
            .header("host", "localhost")
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(
            request
                .body(Body::from(body.to_string()))
                .expect("a request"),
        )
        .await
    }

    async fn get(&self, path: &str, accept: &str) -> Answer {
        let request = Request::get(path)
            .header("host", "localhost")
            .header("accept", accept);
        self.send(request.body(Body::empty()).expect("a request"))
            .await
    }

    async fn delete(&self, path: &str) -> StatusCode {
        let request = Request::delete(path).header("host", "localhost");
        let answer = self.send(request.body(Body::empty()).expect("a request"));
        answer.await.status
    }

    /// The query when it is over.
    async fn over(&self, id: &str) -> Value {
        for _ in 0..1_000 {
            let shown = self.get(&format!("/v1/queries/{id}"), "*/*").await;
            assert_eq!(shown.status, StatusCode::OK, "{}", shown.text());
            let query = shown.json();
            if query["status"] != "QUEUED" && query["status"] != "RUNNING" {
                return query;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{id} does not end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_in_every_form_with_what_is_to_be_known() {
    let world = World::new(Limits::default()).await;
    let body =
        json!({"query": "SELECT eventID AS id, 1 AS n FROM events ORDER BY eventTime LIMIT 2"});
    let forms = [
        (
            "application/x-ndjson",
            "{\"id\":\"id-0\",\"n\":1}\n{\"id\":\"id-1\",\"n\":1}\n",
        ),
        ("text/csv", "id,n\nid-0,1\nid-1,1\n"),
        (
            "application/json",
            "[\n {\"id\":\"id-0\",\"n\":1},\n {\"id\":\"id-1\",\"n\":1}\n]\n",
        ),
    ];
    for (accept, rows) in forms {
        let answer = world.post("/v1/query", &body, &[("accept", accept)]).await;
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (StatusCode::OK, rows)
        );
        assert!(
            answer
                .header("content-type")
                .is_some_and(|t| t.starts_with(accept))
        );
        assert_eq!(answer.header("tarn-language"), Some("sql"));
        assert_eq!(answer.header("tarn-warnings"), None);
    }
    let arrow = "application/vnd.apache.arrow.stream";
    let answer = world.post("/v1/query", &body, &[("accept", arrow)]).await;
    assert_eq!(answer.header("content-type"), Some(arrow));
    assert!(
        answer.body.starts_with(&[0xff; 4]),
        "an IPC stream begins so"
    );
    assert!(
        answer.body.ends_with(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0]),
        "and ends so"
    );
    let refused = world
        .post("/v1/query", &body, &[("accept", "image/png")])
        .await;
    assert_eq!(refused.status, StatusCode::NOT_ACCEPTABLE);

    // What was read is told afterwards.
    let id = answer.header("tarn-query-id").expect("an id").to_owned();
    let query = world.over(&id).await;
    assert_eq!(
        (&query["kind"], &query["status"]),
        (&json!("attended"), &json!("FINISHED"))
    );
    assert_eq!(query["statistics"]["rows"], 2);
    let rows = world.get(&format!("/v1/queries/{id}/results"), "*/*").await;
    assert_eq!(rows.status, StatusCode::CONFLICT);

    let doubtful = json!({"query": "SELECT 1 AS n", "parameters": {"né": "x"}});
    let answer = world.post("/v1/query", &doubtful, &[]).await;
    let warnings = answer.header("tarn-warnings").expect("a warning");
    let warnings: Value = serde_json::from_str(warnings).expect("JSON");
    assert_eq!(warnings[0]["message"], "the query has no parameter `né`");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_wrongly_is_said() {
    let world = World::new(Limits::default()).await;
    let wrong = [
        (
            json!({"query": "SELECT 1", "tz": "Nowhere/At_all"}),
            "Nowhere/At_all",
        ),
        (json!({"query": "SELECT 1", "language": "french"}), "french"),
        (json!({"query": "SELECT 1", "since": "soon"}), "since"),
        (
            json!({"query": "SELECT 1", "timeoutSeconds": 0}),
            "timeoutSeconds",
        ),
        (
            json!({"query": "SELECT 1", "timeoutSeconds": -1}),
            "timeoutSeconds",
        ),
        (
            json!({"query": "SELECT * FROM events", "store": "nowhere"}),
            "nowhere",
        ),
        (json!({"query": "SELECT nonsense("}), "position"),
    ];
    for (body, what) in wrong {
        for path in ["/v1/query", "/v1/explain", "/v1/queries"] {
            let answer = world.post(path, &body, &[]).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {body}");
            assert!(
                answer.text().contains(what),
                "{path} {body}: {}",
                answer.text()
            );
        }
    }
    for alias in ["timeoutSeconds", "timeout_seconds"] {
        let body = json!({"query": ENDLESS, alias: 0.2});
        let answer = world.post("/v1/query", &body, &[]).await;
        assert_eq!(
            answer.status,
            StatusCode::REQUEST_TIMEOUT,
            "{}",
            answer.text()
        );
    }
    let explained = world
        .post(
            "/v1/explain",
            &json!({"query": "fields eventName | limit 1"}),
            &[],
        )
        .await
        .json();
    assert_eq!(
        explained["stages"][0],
        json!({"name": "language", "text": "insights"})
    );
    let zoned = json!({"query": "SELECT count(*) AS n FROM events",
        "since": "2026-05-01T02:04:00", "tz": "Europe/Zurich"});
    let counted = world.post("/v1/query", &zoned, &[]).await;
    assert_eq!(counted.text(), "{\"n\":60}\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_from_start_to_removal() {
    let world = World::new(Limits::default()).await;
    let body = json!({"query": "SELECT eventID AS id FROM events ORDER BY eventTime"});
    let started = world.post("/v1/queries", &body, &[]).await;
    assert_eq!(started.status, StatusCode::ACCEPTED, "{}", started.text());
    let id = started.json()["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/queries/{id}");
    assert_eq!(started.header("location"), Some(path.as_str()));
    let query = world.over(&id).await;
    assert_eq!(query["status"], "FINISHED", "{query}");
    assert_eq!(query["statistics"]["rows"], N_EVENTS);

    let expected: Vec<String> = (0..N_EVENTS).map(|n| format!("id-{n}")).collect();
    let ids = |rows: &Value| -> Vec<String> {
        let rows = rows.as_array().expect("rows").iter();
        rows.map(|row| row["id"].as_str().expect("text").to_owned())
            .collect()
    };
    let (mut all, mut next) = (Vec::new(), String::new());
    loop {
        let page = world
            .get(&format!("{path}/results?limit=77{next}"), "*/*")
            .await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.text());
        let page = page.json();
        assert_eq!(
            (&page["status"], &page["totalRows"]),
            (&json!("FINISHED"), &json!(N_EVENTS))
        );
        all.extend(ids(&page["rows"]));
        match page["nextPageToken"].as_str() {
            Some(token) => next = format!("&pageToken={token}"),
            None => break,
        }
    }
    assert_eq!(all, expected);
    let csv = world.get(&format!("{path}/results"), "text/csv").await;
    assert_eq!(csv.text(), format!("id\n{}\n", expected.join("\n")));
    let some = world
        .get(&format!("{path}/results?limit=2"), "application/x-ndjson")
        .await;
    assert_eq!(some.text(), "{\"id\":\"id-0\"}\n{\"id\":\"id-1\"}\n");
    let token = some.header("tarn-next-page-token").expect("there are more");
    let rest = world
        .get(&format!("{path}/results?pageToken={token}"), "text/csv")
        .await;
    assert_eq!(rest.text(), format!("id\n{}\n", expected[2..].join("\n")));
    for wrong in ["?pageToken=x", "?limit=0", "?limit=10001", "?page=2"] {
        let answer = world.get(&format!("{path}/results{wrong}"), "*/*").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
    }

    let listed = world.get("/v1/queries?status=FINISHED", "*/*").await.json();
    assert_eq!(listed["queries"][0]["id"], id.as_str());
    let none = world.get("/v1/queries?kind=attended", "*/*").await.json();
    assert_eq!(none, json!({"queries": []}));
    for wrong in [
        "?status=DONE",
        "?kind=x",
        "?limit=0",
        "?pageToken=x",
        "?since=x",
        "?x=1",
    ] {
        let answer = world.get(&format!("/v1/queries{wrong}"), "*/*").await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let again = world.post(&format!("{path}/cancel"), &json!({}), &[]).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert_eq!(world.delete(&path).await, StatusCode::NO_CONTENT);
    assert_eq!(world.delete(&path).await, StatusCode::NOT_FOUND);
    assert_eq!(
        world.delete("/v1/queries/..%2F..").await,
        StatusCode::NOT_FOUND
    );
    let metrics = world.get("/metrics", "*/*").await.text();
    let counted = r#"tarn_queries_total{kind="job",state="FINISHED",language="sql"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_cancelled_and_refused() {
    let world = World::new(Limits {
        jobs: 1,
        jobs_waiting: 0,
        queries: 1,
        queries_waiting: 0,
        ..Limits::default()
    })
    .await;
    let body = json!({"query": ENDLESS});
    let started = world.post("/v1/queries", &body, &[]).await;
    let id = started.json()["id"].as_str().expect("an id").to_owned();
    let refused = world.post("/v1/queries", &body, &[]).await;
    assert_eq!(
        refused.status,
        StatusCode::TOO_MANY_REQUESTS,
        "{}",
        refused.text()
    );
    assert!(refused.header("retry-after").is_some());
    let path = format!("/v1/queries/{id}");
    assert_eq!(world.delete(&path).await, StatusCode::CONFLICT);
    let page = world.get(&format!("{path}/results"), "*/*").await.json();
    assert_eq!(page["rows"], json!([]));
    assert!(page["nextPageToken"].is_string(), "it runs: {page}");
    let all = world.get(&format!("{path}/results"), "text/csv").await;
    assert_eq!(all.status, StatusCode::CONFLICT);
    let cancelled = world.post(&format!("{path}/cancel"), &json!({}), &[]).await;
    assert_eq!(
        cancelled.json()["status"],
        "CANCELLED",
        "{}",
        cancelled.text()
    );
    let rows = world.get(&format!("{path}/results"), "*/*").await;
    assert_eq!(rows.status, StatusCode::CONFLICT);

    let asked = QueryRequest::new("SELECT 1", 0);
    let held = world.state.jobs().attend(&asked).expect("a place");
    let refused = world
        .post("/v1/query", &json!({"query": "SELECT 1"}), &[])
        .await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.header("retry-after").is_some());
    drop(held);
    let answered = world
        .post("/v1/query", &json!({"query": "SELECT 1"}), &[])
        .await;
    assert_eq!(answered.status, StatusCode::OK);
}

/// Serves the world on a port of its own.
async fn served(state: ServerState) -> SocketAddr {
    let (told, address) = tokio::sync::oneshot::channel();
    let on_listening = move |address| {
        let _ = told.send(address);
    };
    let any = "127.0.0.1:0".parse().expect("an address");
    tokio::spawn(serve(any, state, on_listening, std::future::pending()));
    address.await.expect("it listens")
}

async fn begin(address: SocketAddr, query: &str) -> TcpStream {
    let body = json!({ "query": query }).to_string();
    let mut socket = TcpStream::connect(address).await.expect("it listens");
    let head = format!(
        "POST /v1/query HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(head.as_bytes()).await.expect("sent");
    socket
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_hangs_up_cancels_the_query() {
    let world = World::new(Limits::default()).await;
    let address = served(world.state.clone()).await;
    // Before its first row, and in the middle of its rows.
    let rows = "SELECT a.eventJson, b.eventJson, c.eventName FROM events a JOIN events b ON true \
                JOIN events c ON true";
    for (query, reads) in [(ENDLESS, false), (rows, true)] {
        let mut socket = begin(address, query).await;
        if reads {
            let mut some = [0; 4096];
            socket.read_exact(&mut some).await.expect("rows");
        }
        let list = "/v1/queries?kind=attended&status=RUNNING";
        let mut running = Value::Null;
        for _ in 0..500 {
            let listed = world.get(list, "*/*").await.json();
            if let Some(query) = listed["queries"].get(0) {
                running = query.clone();
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let id = running["id"].as_str().expect("it runs").to_owned();
        let hung_up = tokio::time::Instant::now();
        drop(socket);
        let ended = world.over(&id).await;
        assert_eq!(ended["status"], "CANCELLED", "{query}");
        assert!(
            hung_up.elapsed() < Duration::from_secs(2),
            "{query}: {:?}",
            hung_up.elapsed()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_among_the_rows_cuts_the_answer_off() {
    let world = World::new(Limits::default()).await;
    let address = served(world.state.clone()).await;
    let query = "SELECT a.eventJson, b.eventJson, c.eventName FROM events a JOIN events b ON true \
                 JOIN events c ON true";
    let body = json!({ "query": query, "timeoutSeconds": 1 }).to_string();
    let mut socket = TcpStream::connect(address).await.expect("it listens");
    let head = format!(
        "POST /v1/query HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    // Reset or ended: what counts is that the last chunk, which has no bytes, is missing.
    let _ = socket.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    assert!(!answer.ends_with(b"0\r\n\r\n"));
}
