//! Invariant 4: the record's own bytes come back, whatever it is made of, in
//! whatever file it came and wherever it lies.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::MultiGzDecoder;
use serde_json::Value as AnyJson;
use serde_json::value::RawValue;
use tarn_store::{
    Access, AccountScope, ColumnSource, Predicate, ScanColumn, ScanRequest, Snapshot, StoreId,
    TextTest, TimeOrder, fields,
};

use crate::support::ask;
use crate::support::corpus::Corpus;
use crate::support::files::{Shape, write_file};
use crate::support::home::{self, Home};
use crate::support::world::{Layout, World};

/// The column that SQL knows as `eventjson`.
fn event_json() -> ScanColumn {
    let schema = fields::lake_schema();
    let name = fields::EVENT_JSON.to_lowercase();
    ScanColumn {
        source: ColumnSource::Lake(schema.index_of(&name).expect("a column of the table")),
        name,
    }
}

/// Every record of the corpus through each shape of file.
#[test]
fn out_of_every_shape_of_file() {
    let corpus = Corpus::new(61, 120);
    for shape in Shape::ALL {
        let home = Home::new();
        let log = home.logs().join("log");
        write_file(&log, shape, &corpus.deliveries);
        let session = home.session(1);
        let summary = home::import(&session, &[log]);
        assert_eq!(
            summary.records.seen,
            corpus.deliveries.len() as u64,
            "{shape:?}"
        );
        assert_eq!(summary.records.rejected, 0, "{shape:?}");
        let snapshot = home.snapshot();
        let stored = ask::records(&snapshot, home::default_store(&snapshot));
        let delivered: HashSet<&[u8]> = corpus.by_bytes().into_keys().collect();
        assert_eq!(stored.len(), corpus.contents.len(), "{shape:?}");
        for record in &stored {
            assert!(delivered.contains(record.as_bytes()), "{shape:?}: {record}");
        }
        session.close().expect("closed");
    }
}

/// By `eventjson`, by the whole record and by `events get`, from splits and
/// tail, in every order.
#[test]
fn by_every_way_and_from_every_place() {
    for layout in Layout::ALL {
        let world = World::build(62, layout);
        let whole = ask::records(&world.snapshot, world.store);
        let delivered: HashSet<&[u8]> = world.corpus.by_bytes().into_keys().collect();
        assert!(whole.iter().all(|r| delivered.contains(r.as_bytes())));
        for order in [
            None,
            Some(TimeOrder::NewestFirst),
            Some(TimeOrder::OldestFirst),
        ] {
            let request = ScanRequest {
                columns: vec![event_json()],
                order,
                ..ask::everything(world.store)
            };
            let rows = ask::agreed_rows(&world.snapshot, &request);
            let mut records: Vec<String> = rows.into_iter().flatten().flatten().collect();
            records.sort();
            assert!(records == whole, "{layout:?}, {order:?}");
        }
        let mut by_id: Vec<String> = ids(&world)
            .iter()
            .flat_map(|id| found_by_id(&world.snapshot, world.store, id))
            .collect();
        by_id.sort();
        by_id.dedup();
        let with_id: Vec<&String> = whole
            .iter()
            .filter(|r| content_of(&world, r).is_some())
            .collect();
        assert!(by_id.iter().eq(with_id), "{layout:?}");
    }
}

/// The eventIDs that a world holds.
fn ids(world: &World) -> BTreeSet<String> {
    let contents = world.corpus.contents.iter();
    contents.filter_map(|c| c.event_id.clone()).collect()
}

/// The eventID of a stored record.
fn content_of<'w>(world: &'w World, record: &str) -> Option<&'w str> {
    let content = world.corpus.by_bytes()[record.as_bytes()];
    world.corpus.contents[content].event_id.as_deref()
}

fn found_by_id(snapshot: &Arc<Snapshot>, store: StoreId, id: &str) -> Vec<String> {
    let found = snapshot.events_by_id(store, id, &AccountScope::All);
    found
        .expect("read")
        .into_iter()
        .map(|r| String::from_utf8(r.record).expect("JSON is UTF-8"))
        .collect()
}

/// Where a record came from and when is kept beside it.
#[test]
fn with_its_origin() {
    let corpus = Corpus::new(63, 30);
    let home = Home::new();
    let log = home.log("origin.json", &corpus.deliveries);
    let session = home.session(1);
    home::import(&session, std::slice::from_ref(&log));
    let snapshot = home.snapshot();
    let request = ScanRequest {
        columns: vec![
            ask::whole_record(),
            ask::text_column("source", tarn_store::Field::Source),
            ask::text_column("arrived", tarn_store::Field::IngestionTime),
            ask::text_column("import", tarn_store::Field::Import),
        ],
        ..ask::everything(home::default_store(&snapshot))
    };
    let path = log.canonicalize().expect("a file of ours");
    let mut first: HashMap<usize, usize> = HashMap::new();
    for (position, delivery) in corpus.deliveries.iter().enumerate() {
        first.entry(delivery.content).or_insert(position);
    }
    let by_bytes = corpus.by_bytes();
    for row in ask::agreed_rows(&snapshot, &request) {
        let record = row[0].as_deref().expect("a record");
        let position = first[&by_bytes[record.as_bytes()]];
        let expected = [
            format!("{}#{position}", path.display()),
            home::NOW_MS.to_string(),
            "1".to_owned(),
        ];
        let origin: Vec<&str> = row[1..].iter().flatten().map(String::as_str).collect();
        assert_eq!(origin, expected);
    }
    session.close().expect("closed");
}

/// A record of the public logs, cut from its file by other means than ours.
struct Public {
    bytes: String,
    event_id: Option<String>,
    /// Words of its texts, in lower case.
    words: BTreeSet<String>,
}

/// The public logs beside the repository; none where they are not there.
fn public_logs() -> Option<(PathBuf, Vec<Public>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/cloudtrail");
    if !folder.exists() {
        eprintln!("skipped: {} is not there", folder.display());
        return None;
    }
    let mut records = Vec::new();
    let mut folders = vec![folder.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "gz") {
                records.extend(records_of(&path));
            }
        }
    }
    Some((folder, records))
}

fn records_of(path: &Path) -> Vec<Public> {
    let file = MultiGzDecoder::new(File::open(path).expect("a file"));
    let mut log: HashMap<String, Vec<Box<RawValue>>> =
        serde_json::from_reader(file).expect("a log file");
    let records = log.remove("Records").expect("a log file has records");
    records
        .into_iter()
        .map(|raw| {
            let bytes = raw.get().to_owned();
            let json: AnyJson = serde_json::from_str(&bytes).expect("JSON");
            let mut words = BTreeSet::new();
            collect_words(&json, &mut words);
            Public {
                event_id: json["eventID"].as_str().map(str::to_owned),
                bytes,
                words,
            }
        })
        .collect()
}

/// Words of letters and digits. Texts with hyphens are left out: a UUID in them
/// is one word, and which hyphens are a UUID's is not for a test to say again.
fn collect_words(json: &AnyJson, words: &mut BTreeSet<String>) {
    match json {
        AnyJson::String(text) if !text.contains('-') => {
            let split = text.split(|c: char| !c.is_alphanumeric());
            words.extend(split.filter(|w| !w.is_empty()).map(str::to_lowercase));
        }
        AnyJson::Array(elements) => elements.iter().for_each(|e| collect_words(e, words)),
        AnyJson::Object(members) => members.values().for_each(|v| collect_words(v, words)),
        _ => {}
    }
}

/// All 6,491 public events of 162 files: taken, explained, found by eventID and
/// by a word, and returned to the byte.
#[test]
fn the_public_logs() {
    let Some((folder, records)) = public_logs() else {
        return;
    };
    assert_eq!(records.len(), 6_491);
    let home = Home::new();
    let session = home.session(2);
    let summary = home::import(&session, &[folder]);
    session.close().expect("closed");
    assert_eq!(summary.files.read, 162);
    assert_eq!(summary.files.failed, 0, "{:?}", summary.failures);
    assert_eq!(summary.records.seen, 6_491);
    assert_eq!(summary.records.rejected, 0, "{:?}", summary.reject_reasons);

    let snapshot = home.snapshot();
    home::check(&snapshot);
    let store = home::default_store(&snapshot);
    assert_eq!(snapshot.event_count(store), summary.records.stored);
    assert_eq!(
        snapshot.conflicts(None).expect("read").len() as u64,
        summary.records.conflicts
    );
    // Of records that are equal one is kept; these were delivered twice to the byte
    // or in another spelling.
    let stored: HashSet<String> = ask::records(&snapshot, store).into_iter().collect();
    assert_eq!(stored.len() as u64, summary.records.stored);
    let is_kept = |record: &&Public| stored.contains(&record.bytes);
    let spelled_otherwise = records.iter().filter(|r| !is_kept(r));
    for record in spelled_otherwise {
        let id = record.event_id.as_deref().expect("told apart by its id");
        let is_same = |kept: &String| same_json(kept, &record.bytes);
        assert!(
            found_by_id(&snapshot, store, id).iter().any(is_same),
            "{}",
            record.bytes
        );
    }
    let kept: Vec<&Public> = records.iter().filter(is_kept).collect();
    assert!(kept.len() > 6_400, "{} records", kept.len());

    for record in &kept {
        if let Some(id) = &record.event_id {
            let found = found_by_id(&snapshot, store, id);
            assert!(
                found.contains(&record.bytes),
                "by id {id}: {}",
                record.bytes
            );
        }
    }
    by_a_word(&snapshot, store, &kept);
}

fn same_json(a: &str, b: &str) -> bool {
    let read = |text: &str| serde_json::from_str::<AnyJson>(text).expect("JSON");
    read(a) == read(b)
}

/// Each record is among the finds of its rarest word.
fn by_a_word(snapshot: &Arc<Snapshot>, store: StoreId, records: &[&Public]) {
    let mut frequency: HashMap<&str, usize> = HashMap::new();
    for word in records.iter().flat_map(|r| &r.words) {
        *frequency.entry(word).or_default() += 1;
    }
    let mut by_word: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for record in records {
        let rarest = record.words.iter().min_by_key(|w| frequency[w.as_str()]);
        let word = rarest.expect("every event has words");
        by_word.entry(word).or_default().push(&record.bytes);
    }
    for (word, expected) in by_word {
        let request = ScanRequest {
            predicate: Predicate::Text(TextTest::Phrase(word.to_owned())),
            access: Access::Indexed,
            ..ask::everything(store)
        };
        let found: HashSet<String> = ask::rows(snapshot, &request)
            .into_iter()
            .flatten()
            .flatten()
            .collect();
        assert!(found.len() >= expected.len(), "by {word:?}");
        for record in expected {
            assert!(found.contains(record), "by {word:?}: {record}");
        }
    }
}
