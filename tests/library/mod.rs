//! The built-in queries: each finds the events that it is to find, and near misses
//! change nothing of its answer.
//!
//! The events lie beside this file, by theme: `found` and `missed`, a record a line,
//! less what all records have, which is filled in here. They are what CloudTrail
//! delivers; where a field is left out, it does not matter to the query.

mod commands;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value, json};
use tarn_query::results::{NdjsonWriter, ResultWriter};
use tarn_query::{Engine, EngineOptions, QueryRequest, Tz, Warning, saved, time};
use tarn_store::import::ImportRequest;
use tarn_store::manage::NewStore;
use tarn_store::owner::Session;
use tarn_store::saved::{SavedLanguage, SavedQuery};
use tarn_store::{Snapshot, TimeRange};
use tokio::runtime::Runtime;

use crate::support::home::{self, Home};

/// The queries are asked then: Friday, 2026-10-16T00:00:00Z.
const NOW_MS: i64 = 1_792_108_800_000;

/// What belongs to one query.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(default)]
    parameters: BTreeMap<String, String>,
    found: String,
    missed: String,
}

/// Which of the events a store holds.
#[derive(Clone, Copy)]
enum Which {
    Found,
    Missed,
    Both,
}

impl Which {
    const ALL: [Self; 3] = [Self::Found, Self::Missed, Self::Both];

    fn store(self, query: &str) -> String {
        match self {
            Self::Found => format!("{query}.found"),
            Self::Missed => format!("{query}.missed"),
            Self::Both => format!("{query}.both"),
        }
    }

    fn of(self, case: &Case) -> Vec<&str> {
        let found = case.found.lines().filter(|line| !line.is_empty());
        let missed = case.missed.lines().filter(|line| !line.is_empty());
        match self {
            Self::Found => found.collect(),
            Self::Missed => missed.collect(),
            Self::Both => found.chain(missed).collect(),
        }
    }
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/library"))
}

/// The cases of a theme, by the query's name.
fn cases(theme: &str) -> BTreeMap<String, Case> {
    let path = folder().join(format!("{theme}.toml"));
    let text = std::fs::read_to_string(&path).expect("each theme has its events");
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A whole record of a line. `who` names one of the usual identities; what the line says
/// of the identity besides goes before it, and null takes a field away.
fn record(line: &str, n: usize) -> Value {
    let said: Map<String, Value> =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    let who = said.get("who").and_then(Value::as_str);
    let mut record = json!({
        "eventVersion": "1.11",
        "userIdentity": who.map_or(json!({}), identity),
        "eventTime": "2026-10-15T12:00:00Z",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2.31.0",
        "requestParameters": null,
        "responseElements": null,
        "requestID": format!("00000000-0000-4000-8000-{n:012}"),
        "eventID": format!("00000000-0000-4000-9000-{n:012}"),
        "readOnly": false,
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management",
    });
    if who == Some("service") {
        record["sourceIPAddress"] = json!("ec2.amazonaws.com");
    }
    for (name, value) in said {
        match (name.as_str(), value) {
            ("who", _) => {}
            ("userIdentity", Value::Object(members)) => {
                for (member, value) in members {
                    put(&mut record["userIdentity"], &member, value);
                }
            }
            (name, value) => put(&mut record, name, value),
        }
    }
    record
}

fn put(object: &mut Value, name: &str, value: Value) {
    let members = object.as_object_mut().expect("records are made of objects");
    match value {
        Value::Null => drop(members.shift_remove(name)),
        value => drop(members.insert(name.to_owned(), value)),
    }
}

fn identity(who: &str) -> Value {
    match who {
        "user" => json!({
            "type": "IAMUser",
            "principalId": "AIDAEXAMPLEEXAMPLE001",
            "arn": "arn:aws:iam::111122223333:user/alice",
            "accountId": "111122223333",
            "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
            "userName": "alice",
        }),
        "role" => json!({
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLEEXAMPLE001:alice",
            "arn": "arn:aws:sts::111122223333:assumed-role/Admin/alice",
            "accountId": "111122223333",
            "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": "AROAEXAMPLEEXAMPLE001",
                    "arn": "arn:aws:iam::111122223333:role/Admin",
                    "accountId": "111122223333",
                    "userName": "Admin",
                },
                "webIdFederationData": {},
                "attributes": {"creationDate": "2026-10-15T08:00:00Z", "mfaAuthenticated": "false"},
            },
        }),
        "root" => json!({
            "type": "Root",
            "principalId": "111122223333",
            "arn": "arn:aws:iam::111122223333:root",
            "accountId": "111122223333",
            "accessKeyId": "",
        }),
        "service" => json!({"type": "AWSService", "invokedBy": "ec2.amazonaws.com"}),
        other => panic!("nobody is called {other:?}"),
    }
}

/// Asks saved queries of the stores of one directory.
struct Asker {
    engine: Engine,
    runtime: Runtime,
    snapshot: Arc<Snapshot>,
    _spill: tempfile::TempDir,
}

impl Asker {
    fn new(snapshot: Arc<Snapshot>) -> Self {
        let spill = tempfile::tempdir().expect("a folder");
        let engine = Engine::new(EngineOptions {
            memory_bytes: 128 << 20,
            threads: 2,
            spill_dir: spill.path().join("tmp"),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        Self {
            engine: engine.expect("starts"),
            runtime: runtime.expect("a runtime"),
            snapshot,
            _spill: spill,
        }
    }

    /// The rows of a query, sorted: orders among equals are nobody's.
    fn rows(&self, query: &SavedQuery, store: &str, given: &[(String, String)]) -> Vec<String> {
        let (since, until) = saved::time_range(query, None, None);
        let bound = |text: Option<String>, open: i64| match text {
            Some(text) => time::parse_time_bound(&text, NOW_MS, Tz::UTC).expect("a time"),
            None => open,
        };
        let parameters = saved::bind(query, given, NOW_MS, Tz::UTC);
        let request = QueryRequest {
            language: query.language.into(),
            store: store.to_owned(),
            time: TimeRange {
                start_ms: bound(since, i64::MIN),
                end_ms: bound(until, i64::MAX),
            },
            parameters: parameters.unwrap_or_else(|e| panic!("{}: {}", query.name, e.message)),
            ..QueryRequest::new(&query.text, NOW_MS)
        };
        let failed = |error: tarn_query::QueryError| -> Vec<String> {
            panic!("{}: {}", query.name, error.render(&query.text))
        };
        let mut lines = Vec::new();
        let asked = self.runtime.block_on(async {
            let snapshot = Arc::clone(&self.snapshot);
            let mut stream = self.engine.query(snapshot, &request).await?;
            // Of events of a few kinds not each has all the fields.
            let of_fields = |w: &&Warning| w.reason.starts_with("no event has a field");
            let other: Vec<_> = stream.warnings.iter().filter(|w| !of_fields(w)).collect();
            assert!(other.is_empty(), "{}: {other:?}", query.name);
            let mut writer = NdjsonWriter::new(&mut lines, &stream.schema);
            while let Some(batch) = stream.next().await {
                writer.write(&batch?).expect("memory");
            }
            writer.finish().expect("memory");
            Ok(())
        });
        if let Err(error) = asked {
            return failed(error);
        }
        let lines = String::from_utf8(lines).expect("JSON");
        let mut rows: Vec<String> = lines.lines().map(str::to_owned).collect();
        rows.sort();
        rows
    }
}

/// Stores what each query is to find and what not: a store for the one, for the other
/// and for both.
fn stored(home: &Home, session: &Session) {
    for (theme, _) in saved::themes() {
        for (name, case) in cases(theme) {
            for which in Which::ALL {
                let store = which.store(&name);
                let new = NewStore {
                    name: store.clone(),
                    ..NewStore::default()
                };
                session.create_store(new).expect("made");
                let request = ImportRequest {
                    store: store.clone(),
                    push: true,
                    paths: vec![log(home, &store, &which.of(&case))],
                    ..ImportRequest::default()
                };
                let summary = home::run(session, &request);
                let n_lines = which.of(&case).len() as u64;
                assert_eq!(summary.records.stored, n_lines, "{store}");
            }
        }
    }
}

fn log(home: &Home, store: &str, lines: &[&str]) -> PathBuf {
    let records = lines.iter().enumerate().map(|(n, line)| record(line, n));
    let log = json!({ "Records": records.collect::<Vec<_>>() });
    let path = home.logs().join(format!("{store}.json"));
    std::fs::create_dir_all(home.logs()).expect("made");
    std::fs::write(&path, log.to_string()).expect("written");
    path
}

#[test]
fn each_query_finds_its_events_and_no_near_misses() {
    let home = Home::new();
    let session = home.session(2);
    stored(&home, &session);
    let asker = Asker::new(home.snapshot());
    let mut told = Vec::new();
    for (theme, queries) in saved::themes() {
        let mut cases = cases(theme);
        for query in queries {
            let name = &query.name;
            let Some(case) = cases.remove(name) else {
                told.push(format!("{name}: there are no events for it"));
                continue;
            };
            let given: Vec<(String, String)> = case.parameters.into_iter().collect();
            let rows = |which: Which| asker.rows(query, &which.store(name), &given);
            let found = rows(Which::Found);
            if found.is_empty() {
                told.push(format!("{name}: finds nothing"));
            }
            for row in rows(Which::Missed) {
                told.push(format!("{name}: finds a near miss: {row}"));
            }
            let both = rows(Which::Both);
            if both != found {
                told.push(format!(
                    "{name}: near misses change {found:#?} to {both:#?}"
                ));
            }
        }
        for name in cases.keys() {
            told.push(format!("{name}: there is no such query in {theme}.toml"));
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn the_library_is_whole() {
    let library = saved::library();
    let names: BTreeSet<&str> = library.iter().map(|query| query.name.as_str()).collect();
    assert_eq!(names.len(), library.len(), "two queries have one name");
    assert!(library.len() >= 44, "{}", library.len());
    for language in [SavedLanguage::Sql, SavedLanguage::Insights] {
        let n_queries = library.iter().filter(|q| q.language == language).count();
        assert!(n_queries >= 15, "{n_queries} in {}", language.as_str());
    }
    let home = Home::new();
    drop(home.session(1));
    let asker = Asker::new(home.snapshot());
    for (theme, queries) in saved::themes() {
        assert!(!queries.is_empty(), "{theme}.toml does not read");
        for query in queries {
            let name = &query.name;
            assert!(!query.title.is_empty(), "{name} has no title");
            assert!(!query.hit_means.is_empty(), "{name}: what does a hit mean?");
            assert!(
                !query.false_positives.is_empty(),
                "{name}: what else gives one?"
            );
            assert_eq!(
                query.tags.first().map(String::as_str),
                Some(*theme),
                "{name}"
            );
            let checked = asker
                .runtime
                .block_on(saved::check(&asker.engine, query, NOW_MS));
            checked.unwrap_or_else(|error| panic!("{name}: {}", error.render(&query.text)));
        }
    }
}

/// `docs/saved-queries.md` lists the library, and shows a file that can be imported.
#[test]
fn the_docs_tell_of_the_library_as_it_is() {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/saved-queries.md");
    let docs = std::fs::read_to_string(docs).expect("the docs");
    let (_, library) = docs.split_once("\n## The library\n").expect("a section");
    let mut expected = String::new();
    for (theme, queries) in saved::themes() {
        expected.push_str(&format!("### {theme}\n\n"));
        expected
            .push_str("| name | finds | language | parameters | ATT&CK |\n|---|---|---|---|---|\n");
        for query in queries {
            let language = match query.language {
                SavedLanguage::Sql => "SQL",
                SavedLanguage::Insights => "Insights QL",
                SavedLanguage::Search => "search",
            };
            let parameters = query.parameters.iter().map(|p| format!("`{}`", p.name));
            let parameters = parameters.collect::<Vec<_>>().join(", ");
            let technique = query.technique.as_deref().unwrap_or("");
            expected.push_str(&format!(
                "| `{}` | {} | {language} | {parameters} | {technique} |\n",
                query.name, query.title
            ));
        }
        expected.push('\n');
    }
    let (_, tables) = library.split_at(library.find("### ").expect("tables"));
    assert_eq!(tables.trim_end(), expected.trim_end());

    let (_, example) = docs.split_once("```toml\n").expect("an example");
    let (example, _) = example.split_once("```").expect("it ends");
    let home = Home::new();
    drop(home.session(1));
    let asker = Asker::new(home.snapshot());
    for query in saved::read(example).expect("it reads") {
        let checked = saved::check(&asker.engine, &query, NOW_MS);
        let checked = asker.runtime.block_on(checked);
        checked.unwrap_or_else(|error| panic!("{}", error.render(&query.text)));
    }
}
